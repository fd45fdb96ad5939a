/** The records that could not be integrated, grouped by cause, and those that somebody dismissed. */

import { ask, h, notice, say } from './core.js';

/** What differs from record to record within one cause. */
const PARTICULAR = /"[^"]*"|'[^']*'|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b(?=[0-9A-F]*\d)[0-9A-F]{12,}\b|\b\d+\b/gi;


/** What the card of failed records holds. */
export class View {
  constructor(panel) {
    const { texts } = panel;

    this.title = h('strong');
    this.records = new Records(panel, false);
    this.root = h('div', {}, notice('bad', 'alert', this.title, texts.t('problems.text')),
      h('div', { class: 'actions' },
        h('button', { type: 'button', click: () => this.#retry() }, texts.t('retry')), this.records.button),
      this.records.list);
    this.panel = panel;
  }

  /** There are `n` of them now. */
  count(n) {
    say(this.title, this.panel.texts.t('problems', { n }));
    this.records.show();
  }

  async #retry() {
    if (await this.panel.post('retry')) {
      this.panel.tell(this.panel.texts.t('retrying'));
    }
  }
}

/** A list of them, and the button that shows it. */
export class Records {
  constructor(panel, dismissed) {
    this.panel = panel;
    this.dismissed = dismissed;
    this.list = h('div', { hidden: true });
    this.button = h('button', { type: 'button', 'aria-expanded': 'false', click: () => this.#toggle() },
      panel.texts.t(dismissed ? 'dismissed.show' : 'problems.show'));
  }

  #toggle() {
    this.list.hidden = !this.list.hidden;
    this.button.setAttribute('aria-expanded', !this.list.hidden);
    this.show();
  }

  /** Asks for them, where somebody looks. */
  async show() {
    const { api, texts } = this.panel;
    if (this.list.hidden) {
      return;
    }
    const answer = await ask(api, this.dismissed ? 'errors?dismissed=1' : 'errors', 'errors');
    const causes = {};

    if (!answer.ok) {
      this.list.replaceChildren(this.panel.answerNotice(answer));
      return;
    }
    const { total } = answer.data;
    const errors = answer.data.errors.filter(({ dismissed = false }) => dismissed === this.dismissed);
    for (const error of errors) {
      (causes[cause(error)] ??= []).push(error);
    }
    if (this.list.matches(':focus-within')) {
      this.button.focus();
    }
    this.list.replaceChildren(
      this.dismissed && !errors.length ? texts.t('dismissed.none') : '',
      !this.dismissed && total > errors.length
        ? h('p', { class: 'more' }, texts.t('problems.part', { n: errors.length, total })) : '',
      ...Object.values(causes).sort((a, b) => b.length - a.length)
        .map((group, i) => this.#group(group, i === 0)),
      !this.dismissed && (total > errors.length || Object.keys(causes).length > 1) ? this.#dismiss('dismiss.all', total, [{ all: true }]) : '');
  }

  #group(errors, open) {
    const { texts } = this.panel;
    const n = errors.length;

    return h('details', { open },
      h('summary', {}, h('b', {}, texts.number(n)), ' ', h('bdi', {}, cause(errors[0]))),
      h('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': cause(errors[0]) },
        h('table', {}, h('tbody', {}, ...errors.map((one) => this.#row(one, errors[0]))))),
      this.dismissed || n === 1 ? null : this.#dismiss('dismiss.cause', n, each(errors), cause(errors[0])));
  }

  #row(one, { error: first }) {
    const { live, texts } = this.panel;
    const { tableName, recordId, action, error, since, tries } = one;
    const same = error === cause({ error: first });
    /* of what failed in a release before, nobody knows since when */
    const when = since && texts.since(Date.parse(since), live.now());

    return h('tr', {},
      h('td', {}, h('bdi', {}, tableName), h('small', {}, h('code', {}, recordId), ` ${action}`)),
      h('td', {}, same ? null : h('bdi', {}, error),
        h('div', { class: 'line' },
          h('small', {}, [when, texts.t('tries', { n: tries })].filter(Boolean).join(' · ')),
          this.dismissed ? null : this.#dismiss('dismiss', 1, [{ tableName, recordId }],
            `${tableName} ${recordId}`))));
  }

  /** The button that POSTs `bodies`. */
  #dismiss(label, n, bodies, about) {
    const { parts, texts } = this.panel;
    return parts.confirmed(texts, texts.t(label), texts.t('dismiss.ask', { n }), () => this.#send(bodies), about);
  }

  async #send(bodies) {
    const { panel } = this;
    let n = 0;

    for (const body of bodies) {
      const answer = await panel.post('errors/dismiss', 'dismissed', body);
      if (!answer) {
        break;
      }
      n += answer.dismissed;
    }
    panel.tell(panel.texts.t('dismissed', { n }));
    this.show();
  }
}

function cause({ error }) {
  return (error ?? '').replace(PARTICULAR, '…');
}

/** What dismisses all records of these causes, those that are not shown as well. */
function each(errors) {
  const bodies = errors.map(({ tableName, error }) => ({ tableName, error }));
  return [...new Map(bodies.map((body) => [JSON.stringify(body), body])).values()];
}

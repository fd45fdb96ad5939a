/** The records that could not be integrated, grouped by cause. */

import { answerNotice, ask, h, notice, say } from './core.js';

/** What differs from record to record within one cause. */
const PARTICULAR = /"[^"]*"|'[^']*'|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b(?=[0-9A-F]*\d)[0-9A-F]{12,}\b|\b\d+\b/gi;


/** What the card of failed records holds. */
export class View {
  constructor(panel) {
    const { texts } = panel;

    this.panel = panel;
    this.list = h('div', { hidden: true });
    this.title = h('strong');
    this.more = h('button', { type: 'button', 'aria-expanded': 'false', click: () => this.#toggle() },
      texts.t('problems.show'));
    this.root = h('div', {}, notice('bad', 'alert', this.title, texts.t('problems.text')),
      h('div', { class: 'actions' },
        h('button', { type: 'button', click: () => this.#retry() }, texts.t('retry')), this.more),
      this.list);
  }

  /** There are `n` of them now. */
  count(n) {
    say(this.title, this.panel.texts.t('problems', { n }));
    this.#show();
  }

  async #retry() {
    if (await this.panel.post('retry')) {
      say(this.panel.heard, this.panel.texts.t('retrying'));
    }
  }

  #toggle() {
    this.list.hidden = !this.list.hidden;
    this.more.setAttribute('aria-expanded', !this.list.hidden);
    this.#show();
  }

  async #show() {
    const { api, texts } = this.panel;
    if (this.list.hidden) {
      return;
    }
    const answer = await ask(api, 'errors');
    const { errors = [], total } = answer.data;
    const causes = {};

    if (!answer.ok) {
      this.list.replaceChildren(answerNotice(texts, answer));
      return;
    }
    for (const error of errors) {
      (causes[cause(error)] ??= []).push(error);
    }
    if (this.list.matches(':focus-within')) {
      this.more.focus();
    }
    this.list.replaceChildren(
      total > errors.length ? h('p', { class: 'more' }, texts.t('problems.part', { n: errors.length, total })) : '',
      ...Object.values(causes).sort((a, b) => b.length - a.length)
        .map((group, i) => this.#group(group, i === 0)));
  }

  #group(errors, open) {
    const { live, texts } = this.panel;
    const rows = errors.map(({ tableName, recordId, action, error, since, tries }) => h('tr', {},
      h('td', {}, h('bdi', {}, tableName), h('small', {}, h('code', {}, recordId), ` ${action}`)),
      h('td', {}, error === cause(errors[0]) ? null : h('bdi', {}, error),
        h('small', {}, `${texts.fromNow(Date.parse(since) - live.now())} · ${texts.t('tries', { n: tries })}`))));

    return h('details', { open },
      h('summary', {}, h('b', {}, texts.number(errors.length)), ' ', h('bdi', {}, cause(errors[0]))),
      h('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': cause(errors[0]) },
        h('table', {}, h('tbody', {}, ...rows))));
  }
}

function cause({ error }) {
  return (error ?? '').replace(PARTICULAR, '…');
}

/**
 * The settings form; with `first` the form that initialises a site.  The
 * password leaves the page only in the body of these requests.
 */

import { SECOND, ask, h, notice, say } from './core.js';

/** Offered in the form; another value that is in use is added. */
const INTERVALS = [0, 60, 120, 300, 600, 900, 1800, 3600, 10800, 21600, 43200, 86400];

/** The field that an error of the central server is about. */
const FIELD_OF = {
  INVALID_URL: 'url', SITE_NAME_NOT_FOUND: 'username', INCORRECT_PASSWORD: 'password',
};


/** The settings tab, or the form of a site that has no settings yet. */
export class View {
  #fields = {};
  #saved = {};
  #busy = false;
  #missing = 0;    /* when to ask again for what could not be had */
  #state = '';

  constructor(panel, first = false) {
    const { texts } = panel;
    const t = (key) => texts.t(key);

    this.panel = panel;
    this.first = first;
    this.answer = h('div', { role: 'status' });
    this.form = h('form', { class: 'card', novalidate: true, submit: (event) => this.#submit(event) },
      h('h2', {}, t(first ? 'start.title' : 'tab.settings')),
      first ? h('p', {}, t('start.text')) : null,
      this.#field('url', { type: 'url', dir: 'ltr', inputmode: 'url', placeholder: 'https://' }),
      this.#field('username', { type: 'text', dir: 'auto', autocomplete: 'off', autocapitalize: 'off' }),
      this.#field('password', { type: 'password', dir: 'ltr', autocomplete: 'new-password' }),
      this.#field('intervalSeconds'),
      this.answer,
      h('div', { class: 'actions' },
        this.save = h('button', { class: 'main' }, t(first ? 'start' : 'save')),
        this.test = h('button', { type: 'button', click: () => this.#test() }, t('test'))));
    this.#lock(true);    /* until it is known what is set */
    this.root = h('div', {}, this.form, first ? null : this.#rest());
    this.form.addEventListener('input', () => this.#hint());
  }

  /** All of the form but the answer, whose details somebody may want to read. */
  #lock(on) {
    for (const part of this.form.children) {
      part.inert = on && part !== this.answer;
    }
  }

  /** A labelled input, or the choice of intervals, with room for its error. */
  #field(name, attributes) {
    const { texts } = this.panel;
    const id = this.first ? `first-${name}` : name;
    const common = { id, name, 'aria-describedby': `${id}-hint ${id}-error` };
    const input = attributes ? h('input', { ...common, spellcheck: 'false', ...attributes }) : h('select', common);
    const hint = h('small', { id: `${id}-hint` });
    const error = h('small', { id: `${id}-error`, class: 'error' });

    this.#fields[name] = { input, hint, error };
    return h('div', { class: 'field' }, h('label', { for: id }, texts.t(`field.${name}`)), input, hint, error);
  }

  #rest() {
    const { panel } = this;
    const { texts } = panel;

    this.pause = h('button', { type: 'button', click: async () => {
      await panel.post(panel.live.doc?.state === 'paused' ? 'resume' : 'pause');
    } });
    this.hardware = h('code', { dir: 'ltr' });
    this.site = h('bdi');
    this.protocol = h('bdi');
    this.update();
    return h('section', { class: 'card' },
      h('h2', {}, texts.t('schedule')), h('p', {}, texts.t('paused.text')),
      h('div', { class: 'actions' }, this.pause),
      h('h2', {}, texts.t('support')),
      h('dl', { class: 'facts' },
        h('div', {}, h('dt', {}, texts.t('site')), h('dd', {}, this.site)),
        h('div', {}, h('dt', {}, texts.t('hardware')), h('dd', {}, this.hardware,
          panel.parts.copyButton(texts, () => this.hardware.textContent))),
        h('div', {}, h('dt', {}, texts.t('protocol')), h('dd', {}, this.protocol))));
  }

  /** Follows the status document; asks again for what the helper could not answer, or the network lost. */
  update() {
    const { live, texts } = this.panel;
    const { state, protocol } = live.doc ?? {};

    if (this.pause) {
      say(this.pause, texts.t(state === 'paused' ? 'resume' : 'pause'));
      say(this.protocol, protocol === 'v6' ? 'v5 + v6' : protocol ?? '–');
    }
    if (this.#missing && (state !== this.#state || live.reachable && Date.now() > this.#missing)) {
      this.show();
    }
    this.#state = state;
  }

  /** Asks for the settings; what somebody has typed stays. */
  async show() {
    const { api } = this.panel;
    const missing = this.#missing;

    this.#missing = missing && Infinity;
    const answer = await ask(api, 'settings', 'passwordSet');
    const typed = this.#changed();

    if (!answer.ok || missing) {
      this.answer.replaceChildren(answer.ok ? '' : this.panel.answerNotice(answer));
    }
    this.#missing = answer.ok ? 0 : answer.status ? Infinity : Date.now() + 5 * SECOND;
    if (!answer.ok) {
      return;
    }
    this.#lock(false);
    this.#saved = answer.data;
    if (!typed) {
      this.#reset();
    }
    this.#hint();
  }

  #reset() {
    const { url, username, intervalSeconds = 300, hardwareId, siteId, siteName } = this.#saved;
    const { texts } = this.panel;
    const all = [...new Set([...INTERVALS, intervalSeconds])].sort((a, b) => a - b);

    this.#fields.url.input.value = url ?? '';
    this.#fields.username.input.value = username ?? '';
    this.#fields.password.input.value = '';
    this.#fields.intervalSeconds.input.replaceChildren(...all.map((s) => h('option',
      { value: s, selected: s === intervalSeconds }, s ? texts.duration(s) : texts.t('manual'))));
    if (!this.first) {
      say(this.hardware, hardwareId ?? '');
      say(this.site, siteId ? `${siteName ?? ''} (${siteId})` : '–');
    }
  }

  #values() {
    const { url, username, password, intervalSeconds } = this.#fields;
    return {
      url: url.input.value.trim().replace(/\/+$/, ''),
      username: username.input.value.trim(),
      password: password.input.value || undefined,
      intervalSeconds: Number(intervalSeconds.input.value),
    };
  }

  #changed() {
    const { url, username, password, intervalSeconds } = this.#values();
    return this.#saved.url !== undefined && (url !== (this.#saved.url ?? '') || password
      || username !== (this.#saved.username ?? '') || intervalSeconds !== (this.#saved.intervalSeconds ?? 300));
  }

  /** The kept password goes to no other server than the one it is for. */
  #needsPassword({ url }) {
    return !this.#saved.passwordSet || origin(url) !== origin(this.#saved.url);
  }

  #hint() {
    const { texts } = this.panel;
    const { input: { value }, hint } = this.#fields.password;
    const moved = this.#saved.passwordSet && this.#needsPassword(this.#values());

    /* it may have one, but mostly that was copied with it */
    say(hint, value !== value.trim() ? texts.t('password.blank')
      : !this.#saved.passwordSet ? '' : texts.t(moved ? 'password.moved' : 'password.kept'));
  }

  #mark(name, text) {
    const { input, error } = this.#fields[name];
    say(error, text);
    input[text ? 'setAttribute' : 'removeAttribute']('aria-invalid', 'true');
    return Boolean(text);
  }

  /** What can be said without asking the server; focuses the first mistake. */
  #valid(values) {
    const { texts } = this.panel;
    const wrong = {
      url: !values.url ? 'wrong.empty' : !origin(values.url) ? 'wrong.url' : '',
      username: !values.username ? 'wrong.empty' : values.username.includes(':') ? 'wrong.colon' : '',
      password: !values.password && this.#needsPassword(values) ? 'wrong.empty' : '',
      intervalSeconds: '',
    };
    const marked = Object.keys(wrong).filter((name) => this.#mark(name, wrong[name] && texts.t(wrong[name])));

    if (marked.length) {
      this.#fields[marked[0]].input.focus();
    }
    return marked.length === 0;
  }

  /** Sends the form, which is answered with `member`; undefined where that makes no sense yet. */
  async #send(path, member, method, button) {
    const values = this.#values();
    const { texts, api } = this.panel;

    if (this.#busy) {
      return undefined;
    }
    this.answer.replaceChildren();    /* it was about other values */
    if (!this.#valid(values)) {
      return undefined;
    }
    this.#busy = true;
    button.classList.add('busy');
    this.answer.replaceChildren(h('p', { class: 'more' }, texts.t('asking')));
    const answer = await ask(api, path, member, method, values);
    button.classList.remove('busy');
    this.#busy = false;
    this.answer.replaceChildren();
    if (!answer.ok) {
      this.#fail(answer, button);
    }
    return answer;
  }

  #fail(answer, button) {
    const { texts } = this.panel;
    const { error, fields = {} } = answer.data;
    const about = FIELD_OF[error?.variant];

    for (const name of Object.keys(fields).filter((one) => this.#fields[one])) {
      this.#mark(name, texts.t('wrong'));
    }
    if (about) {
      this.#mark(about, texts.explain(error)[0]);
    }
    /* the reasons are English, for whoever is asked */
    const reasons = Object.entries(fields).map((field) => field.join(': ')).join('\n');
    this.answer.replaceChildren(reasons
      ? notice('bad', 'alert', texts.t('wrong'), '', this.panel.details(reasons)) : this.panel.answerNotice(answer));
    /* only a run is tried again by itself */
    if (answer.status === 422 && button === this.save) {
      this.answer.append(h('p', {}, texts.t('unsaved')));
    }
    this.form.querySelector('[aria-invalid]')?.focus();
  }

  async #submit(event) {
    event.preventDefault();
    const { texts } = this.panel;
    const answer = this.first ? await this.#send('initialise', 'triggered', 'POST', this.save)
      : await this.#send('settings', 'passwordSet', 'PUT', this.save);

    if (answer?.ok && !this.first) {
      this.#saved = answer.data;
      this.#reset();
      this.#hint();
      this.answer.replaceChildren(notice('good', 'check', texts.t('saved')));
    } else if (answer?.ok) {
      this.panel.started();
    }
  }

  async #test() {
    const { texts } = this.panel;
    const answer = await this.#send('test', 'siteId', 'POST', this.test);

    if (answer?.ok) {
      const { siteName: name, siteId: id } = answer.data;

      this.answer.replaceChildren(notice('good', 'check', id === null ? texts.t('test.v7')
        : texts.t('test.ok', { name, id: String(id) })));
    }
  }
}

/** Scheme, host and port of a web address, "" where it is none. */
function origin(url) {
  try {
    const { protocol, origin: own } = new URL(url);
    return /^https?:$/.test(protocol) ? own : '';
  } catch {
    return '';
  }
}

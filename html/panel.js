/**
 * <msync-panel>: the site's state at a glance, the button, the steps of a run,
 * errors in words.  History, settings, what is rare and the list of failed
 * records are loaded when there are any or somebody looks at them.
 */

import { MsyncElement, SECOND, ask, cameBack, goToLogin, h, icon, load, notice, pause, say, style, svg } from './core.js';

/** All steps in their order; a run has those that its status names. */
const STEPS = ['prepareInitial', 'pushV6', 'push', 'waitForIntegration', 'pullCentral', 'pullRemote', 'pullV6', 'pull',
  'integration'];
const ONLY_FIRST = ['prepareInitial'];
const NEVER_FIRST = ['pushV6', 'push', 'waitForIntegration'];
const TABS = { status: '', history: './history.js', settings: './settings.js' };

const PENDING = 15 * SECOND;


/** The steps of a run as a list of icons. */
class Steps {
  #items = [];
  #names = [];

  constructor(texts) {
    this.texts = texts;
    this.list = h('ol', { class: 'steps', role: 'list' });
  }

  /** Shows `status`; `first` has Prepare in place of the pushes. */
  update(status, first) {
    const names = STEPS.filter((name) => name in status && !(first ? NEVER_FIRST : ONLY_FIRST).includes(name));

    if (String(this.#names) !== String(names)) {
      this.#names = names;
      this.#items = names.map((name) => this.#make(name));
      this.list.replaceChildren(...this.#items.map(({ item }) => item));
    }
    const [last] = names.filter((name) => status[name]).slice(-1);
    for (const step of this.#items) {
      this.#show(step, status, last);
    }
  }

  #make(name) {
    const ring = svg('circle', { class: 'ring', cx: 24, cy: 24, r: 22, pathLength: 100 });
    const disc = h('span', { class: 'disc' }, svg('svg', { viewBox: '0 0 48 48', 'aria-hidden': 'true' },
      svg('circle', { class: 'track', cx: 24, cy: 24, r: 22 }), ring), icon(name));
    const mark = h('span', { class: 'mark' });
    const amount = h('span', { class: 'amount' });
    const state = h('span', { class: 'state' });
    const item = h('li', {}, disc, h('span', { class: 'name' }, this.texts.t(`step.${name}`)), state, amount);

    disc.append(mark);
    return { name, item, ring, mark, amount, state };
  }

  #show({ name, item, ring, mark, amount, state }, status, last) {
    const { texts } = this;
    const step = status?.[name];
    const is = Steps.state(status, step, name === last);
    const part = step?.total ? Math.min(1, step.done / step.total) : 0;    /* of v7's pull a distance, no count */

    if (item.className !== is) {
      item.className = is;
      mark.replaceChildren(...{ done: [icon('check')], failed: [icon('cross')],
        cancelled: [icon('stop')] }[is] ?? []);
      item[is === 'active' ? 'setAttribute' : 'removeAttribute']('aria-current', 'step');
    }
    say(state, is === 'waiting' && !status.isSyncing ? '–' : texts.t(`state.${is}`));
    say(amount, step?.total == null ? '' : name !== 'pull' || step.finished
      ? `${texts.number(step.done)} / ${texts.number(step.total)}` : part ? texts.percent(part) : '');
    ring.setAttribute('stroke-dasharray', is === 'active' && !step.total ? '25 75'
      : `${is === 'done' ? 100 : 100 * part} 100`);
    ring.classList.toggle('turning', is === 'active' && !step.total);
  }

  /** What became of a step; one that failed need not keep those of the other server from going on. */
  static state(status, step, last) {
    return !step ? 'waiting' : step.finished ? 'done' : status.isSyncing ? last ? 'active' : 'failed'
      : status.error?.variant === 'CANCELLED' ? 'cancelled' : status.error ? 'failed' : 'waiting';
  }

  /** The step that runs now. */
  active(status) {
    return status.isSyncing ? this.#names.filter((name) => status[name] && !status[name].finished).pop() : null;
  }
}


/** The whole panel of one <msync-panel>. */
class Panel {
  #slots = {};
  #views = {};
  #loading = {};
  #timer = 0;
  #pending = 0;
  #run;
  #cancelling = false;
  #progress = null;
  #before = null;
  #styled = null;
  #parts = null;
  #welcomed = false;

  constructor({ texts, live, api }, page) {
    Object.assign(this, { texts, live, api, page });
    this.asked = 0;    /* when nginx took what has not begun */
    this.root = h('div', {},
      this.#header(page), this.#notices(), this.#status(page),
      ...Object.keys(TABS).slice(1).map((name) => this.#tabPanel(name)),
      this.heard = h('p', { class: 'sr', role: 'status' }));
    this.select('status');
  }

  /* what it is made of */

  #header(page) {
    const { texts } = this;

    this.tabs = Object.keys(TABS).map((name) => h('button', { type: 'button', role: 'tab', id: `tab-${name}`,
      'aria-controls': name, click: () => this.select(name) }, texts.t(`tab.${name}`)));
    this.tabList = h('div', { class: 'tabs', role: 'tablist', keydown: (event) => this.#arrows(event) },
      ...this.tabs);
    this.site = h('bdi', { class: 'site' });
    return h('header', {}, icon('sync'), h('h1', { class: 'title' }, texts.t('title')), this.site,
      this.tabList, page ? null : h('button', { type: 'button', class: 'close', 'aria-label': texts.t('close'),
        click: () => this.root.closest('dialog').close() }, icon('cross')));
  }

  #notices() {
    const names = ['offline', 'action', 'error'];
    this.#slots = Object.fromEntries(names.map((name) => [name, { key: '', box: h('div') }]));
    this.rare = h('div');
    return h('div', {}, ...names.map((name) => this.#slots[name].box), this.rare);
  }

  #status(page) {
    const { texts } = this;
    const fact = (key) => {
      const value = h('strong');
      const more = h('small');
      return [value, more, h('div', {}, h('dt', {}, texts.t(key)), h('dd', {}, value, more))];
    };
    const [last, lastMore, lastBox] = fact('last');
    const [next, nextMore, nextBox] = fact('next');

    Object.assign(this, { last, lastMore, lastBox, next, nextMore });
    this.count = h('strong');
    this.tick = h('span', { class: 'disc tick' }, icon('check'));
    this.countText = h('span');
    this.button = h('button', { type: 'button', class: 'main', autofocus: !page, click: () => this.#trigger() },
      icon('sync'), icon('spin'), this.buttonText = h('span'));
    this.cancel = h('button', { type: 'button', hidden: true, click: () => this.#cancel() });
    this.steps = new Steps(texts);
    this.runTitle = h('h2');
    this.runMore = h('p', { class: 'more' });
    this.note = h('p', { class: 'note' });
    this.overview = h('div', {},
      h('section', { class: 'card hero' },
        this.countBox = h('p', { class: 'count' }, this.count, this.tick, this.countText),
        h('dl', { class: 'facts' }, lastBox, nextBox),
        h('div', { class: 'actions' }, this.button, this.cancel)),
      this.run = h('section', { class: 'card' },
        h('div', { class: 'heading' }, this.runTitle, this.runMore), this.steps.list, this.note),
      this.problems = h('section', { class: 'card' }),
      this.unsent = h('div'));
    this.welcome = h('div', { hidden: true });
    return this.#tabPanel('status', this.overview, this.welcome);
  }

  #tabPanel(name, ...children) {
    return h('div', { role: 'tabpanel', id: name, 'aria-labelledby': `tab-${name}` }, ...children);
  }

  #arrows({ key }) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (step) {
      const from = this.tabs.findIndex((tab) => tab.tabIndex === 0);
      const to = from + (this.texts.rtl ? -step : step) + this.tabs.length;
      this.tabs[to % this.tabs.length].click();
      this.tabs[to % this.tabs.length].focus();
    }
  }

  /** Shows a tab and refreshes what it shows. */
  async select(name) {
    if (!Object.hasOwn(TABS, name)) {
      return;
    }
    this.selected = name;
    for (const one of this.tabs) {
      const on = one.id === `tab-${name}`;
      one.setAttribute('aria-selected', on);
      one.tabIndex = on ? 0 : -1;
    }
    for (const box of this.root.querySelectorAll('[role=tabpanel]')) {
      box.hidden = box.id !== name;
    }
    if (TABS[name]) {
      (await this.#view(name, TABS[name], this.root.querySelector(`#${name}`))).show();
    }
  }

  /** The view of a module, made once in `box`; tries until it is there. */
  #view(name, file, box, ...more) {
    const lost = () => {
      this.#lost(name, file);
    };

    this.#styled ??= style(this.root, 'views.css');
    this.#parts ??= load('./parts.js').then((parts) => Object.assign(this, { parts }));
    return this.#loading[name] ??= Promise.all([load(file, lost), this.texts.more(), this.#styled, this.#parts])
      .then(([{ View }]) => {
        if (this.#slots.action.key === `0 ${file}`) {
          this.slot('action', '');
        }
        this.#views[name] = new View(this, ...more);
        box.append(this.#views[name].root);
        return this.#views[name];
      });
  }

  /** A part of the page is not to be had, for want of a login or a server. */
  async #lost(name, file) {
    const answer = await ask(this.api, 'status', 'state');

    if (!this.#views[name]) {
      this.refused(file, answer.login ? answer : { status: 0, data: {} });
    }
  }

  /** The form of a site that has no settings. */
  async #greet() {
    this.#welcomed = true;
    this.select('status');
    (await this.#view('welcome', TABS.settings, this.welcome, true)).show();
  }

  /* requests */

  /** Puts what `make` returns into a notice; nothing where `key` is empty. */
  slot(name, key, make) {
    const slot = this.#slots[name];
    if (slot.key !== key) {
      slot.key = key;
      this.takeFocus(slot.box);
      slot.box.replaceChildren(...key ? [make()] : []);
    }
  }

  /**
   * The `i` with the full text of an error.  A press opens and closes it; what
   * else it can do (hover, keys, copying) is loaded when somebody comes near.
   */
  details(text) {
    const { texts } = this;
    const pop = h('div', { class: 'pop', hidden: true }, h('pre', { tabindex: 0, dir: 'auto' }, text));
    const button = h('button', { type: 'button', class: 'why-button', 'aria-expanded': 'false',
      'aria-label': texts.t('details') }, icon('info'));
    const box = h('span', { class: 'details' }, button, pop);
    const stop = new AbortController();
    const on = (type, listener, once) => box.addEventListener(type, listener, { once, signal: stop.signal });
    let known = null;
    const near = () => {
      known ??= Promise.all([load('./parts.js'), texts.more()]).then(([{ enliven }]) => {
        stop.abort();
        enliven({ box, button, pop, texts, text });
      });
    };

    on('pointerenter', near, true);
    on('focusin', near, true);
    on('click', (event) => {
      if (event.composedPath().includes(button)) {
        near();
        pop.hidden = !pop.hidden;
        button.setAttribute('aria-expanded', !pop.hidden);
      }
    });
    return box;
  }

  /** An error with its details and its advice. */
  #errorNotice(error, ofRun) {
    const calm = error.variant === 'CANCELLED';
    const box = notice(calm ? 'calm' : 'bad', calm ? 'stop' : 'alert', ...this.texts.explain(error, ofRun));

    if (error.fullError) {
      box.append(this.details(error.fullError));
    }
    return box;
  }

  /** The same for an answer that is not ok. */
  answerNotice({ status, login, data: { error } }) {
    return login ? this.#loginNotice()
      : status === 0 ? notice('grey', 'cloudOff', this.texts.t('offline'))
      : this.#errorNotice(error?.variant ? error
        : { variant: status === 504 ? 'TIMEOUT' : 'UNKNOWN',
          fullError: ['HTTP', status, typeof error === 'string' && error].filter(Boolean).join(' ') }, false);
  }

  /** Asks for a login by the page's own address, to which it leads back. */
  #loginNotice() {
    const { texts } = this;
    const link = h('a', { href: location.href, target: '_top', click: (event) => {
      goToLogin(this.selected);
      if (top === window) {
        event.preventDefault();    /* an address with a # would only scroll */
        location.reload();
      }
    } }, texts.t('login'));

    return notice('calm', 'lock', texts.t('login.ended'), texts.t('login.text'), link);
  }

  /** Takes the focus from what is about to go. */
  takeFocus(box) {
    if (box.matches(':focus-within')) {
      (this.button.offsetParent ? this.button : this.tabs.find(({ tabIndex }) => tabIndex === 0))
        .focus({ preventScroll: true });
    }
  }

  /** POSTs; a failure becomes a notice.  What was answered, null where it was not accepted. */
  async post(path, member = 'accepted', body = undefined) {
    this.slot('action', '');
    const answer = await ask(this.api, path, member, 'POST', body);
    if (!answer.ok) {
      await this.refused(path, answer);
    }
    return answer.ok ? answer.data : null;
  }

  /** Says so, where it is not said that the server is out of reach. */
  async refused(path, answer) {
    if (answer.status) {
      await Promise.race([this.texts.errors(), pause(3 * SECOND)]);
    }
    this.slot('action', `${answer.login ? 0 : answer.status} ${path}`, () => this.answerNotice(answer));
    this.update();
  }

  /** A run was asked for. */
  started(asked = Date.now()) {
    this.asked = asked;
    this.#pending = Date.now();
    this.#run = JSON.stringify(this.live.doc?.syncStatus);
    this.update();
  }

  async #trigger() {
    if (this.button.getAttribute('aria-disabled') === 'true') {
      return;
    }
    this.started(0);
    this.asked = await this.post('trigger', 'triggered') && Date.now();
    if (!this.asked) {
      this.#pending = 0;
      this.update();
    }
  }

  async #cancel() {
    if (this.#cancelling) {
      return;
    }
    this.#cancelling = true;
    this.update();
    this.#cancelling = Boolean(await this.post('cancel'));
    this.update();
  }

  /* what changes */

  /** Follows the status document, at each change and each second. */
  update() {
    const { doc, reachable } = this.live;
    /* of a server out of reach that is not known */
    const status = doc?.syncStatus && { ...doc.syncStatus, isSyncing: doc.syncStatus.isSyncing && reachable !== false };
    const first = (doc?.state === 'pre_initialisation' || doc?.state === 'stopped' && !status && !this.welcome.hidden)
      && Date.now() - this.#pending > PENDING;

    if (!this.#timer) {
      this.#timer = setInterval(() => document.hidden || this.update(), SECOND);
    }
    say(this.site, doc?.site ?? '');
    this.#updateNotices(doc, status);
    const begins = this.overview.hidden && !first;
    this.overview.hidden = first;
    this.welcome.hidden = !first;
    this.tabList.hidden = first;
    if (begins) {
      this.button.focus({ preventScroll: true });
      this.root.scrollIntoView();
    }
    if (first && reachable && !this.#welcomed) {
      this.#greet();
    }
    this.#views.settings?.update();
    this.#views.welcome?.update();
    this.#updateFacts(doc, status);
    this.#updateButton(doc, status);
    this.#updateRun(doc, status);
    this.#updateProblems(doc?.integrationErrors ?? 0);
    this.#announce(status);
    this.root.setAttribute('aria-busy', !doc);
    this.#before = { syncing: status?.isSyncing, reachable, errors: doc?.integrationErrors ?? 0 };
  }

  #updateNotices(doc, status) {
    const { live, texts } = this;
    const error = doc?.state === 'stopped' ? doc.error ?? { variant: 'HELPER_STOPPED' }
      : status?.isSyncing ? null : status?.error;
    const asOf = live.seen ? texts.time(live.seen, live.clock()) : '';

    this.slot('offline', live.signedOut ? 'login' : live.reachable === false ? `offline ${asOf}` : '',
      () => (live.signedOut ? this.#loginNotice()
        : notice('grey', 'cloudOff', texts.t('offline'), asOf && texts.t('asOf', { time: asOf }))));
    if (live.reachable === false && this.#slots.action.key.startsWith('0 ')) {
      this.slot('action', '');
    }
    const shown = error && texts.explains(() => this.update());
    this.slot('error', shown ? JSON.stringify(error) : '', () => this.#errorNotice(error, true));
    this.sign = error && error.variant !== 'CANCELLED' || doc?.integrationErrors ? '⚠ ' : '';
  }

  /** What is seldom to be said, once its words are loaded. */
  async #updateRare(doc, slow) {
    if (this.#views.rare) {
      this.#views.rare.update(doc);
    } else if (doc && (doc.state === 'paused' || doc.databaseLockedSince || doc.databaseLogBytes
      || doc.recordsNeverSent || slow || this.asked)) {
      await this.#view('rare', './rare.js', this.rare);
      this.update();
    }
  }

  #updateFacts(doc, status) {
    const { live, texts } = this;
    const waiting = doc?.numberOfRecordsInPushQueue ?? 0;
    const last = status?.lastSuccessfulSync;
    const next = doc?.nextSync && doc.state !== 'paused' ? Date.parse(doc.nextSync) : 0;
    /* what only a person can mend is not tried as often as usual */
    const slow = status?.error && next - live.clock() > 1.5 * SECOND * doc.intervalSeconds;
    const late = live.lateness();

    this.countBox.hidden = doc && !waiting && doc.initialisationStatus !== 'INITIALISED';
    this.tick.hidden = !doc || waiting;
    this.count.hidden = !this.tick.hidden;
    say(this.count, waiting ? texts.number(waiting) : '…');
    say(this.countText, texts.t(waiting ? 'waiting' : !doc ? 'loading'
      : doc.integrationErrors ? 'waiting.rest' : 'waiting.none', { n: waiting }));
    if (this.page) {
      document.title = `${this.sign || (waiting ? `(${texts.number(waiting)}) ` : '')}${texts.t('title')}`;
    }

    this.lastBox.className = late;
    say(this.last, last ? texts.fromNow(Math.min(0, -live.age())) : status ? texts.t('never') : '–');
    say(this.lastMore, last ? [late && texts.t('late'), texts.date(last.finished),
      texts.took(last.durationInSeconds)].filter(Boolean).join('\n') : '');

    say(this.next, next ? texts.fromNow(Math.max(0, next - live.clock()))
      : doc?.intervalSeconds === 0 ? texts.t('manual') : status?.isSyncing ? texts.t('run.now') : '–');
    this.#updateRare(doc, slow);
    say(this.nextMore, next ? [texts.time(next, live.clock()), slow && this.#views.rare?.slow].filter(Boolean).join('\n')
      : '');
  }

  #updateButton(doc, status) {
    const { texts } = this;
    const syncing = Boolean(status?.isSyncing);

    /* a run may be over before it was seen */
    if (syncing || JSON.stringify(doc?.syncStatus) !== this.#run) {
      this.#pending = this.asked = 0;
    } else if (Date.now() - this.#pending > PENDING) {
      this.#pending = 0;
    }
    const cancellable = syncing || Boolean(doc?.databaseLockedSince);
    this.#cancelling = this.#cancelling && cancellable;
    const busy = syncing || this.#pending > 0;

    this.button.classList.toggle('busy', busy);
    this.button.setAttribute('aria-disabled', busy || !doc);
    say(this.buttonText, texts.t(busy ? 'syncing' : 'now'));
    if (!cancellable) {
      this.takeFocus(this.cancel);
    }
    this.cancel.hidden = !cancellable;
    this.cancel.setAttribute('aria-disabled', this.#cancelling);
    say(this.cancel, texts.t(this.#cancelling ? 'cancelling' : 'cancel'));
  }

  #updateRun(doc, status) {
    const { texts } = this;
    const { summary } = status ?? {};
    const first = doc?.initialisationStatus !== 'INITIALISED' || ((status?.prepareInitial || status?.pull)
      && !status.isSyncing && !status.error && !status.push && !status.pushV6);
    /* one central server alone needs no words about which gets what */
    const total = first || !status?.pushV6 ? 0 : Math.max(status.pushV6.total ?? 0, status.push?.total ?? 0);

    this.run.hidden = !summary || doc.initialisationStatus === 'PRE_INITIALISATION';
    if (this.run.hidden) {
      return;
    }
    this.steps.update(status, first);
    say(this.runTitle, texts.t(first ? 'run.first' : status.isSyncing ? 'run.now' : 'run.last'));
    say(this.runMore, status.isSyncing
      ? this.#follow(status)
      : summary.finished ? `${texts.date(summary.finished)} · ${texts.took(summary.durationInSeconds)}` : '');
    say(this.note, first && status.isSyncing ? this.#progress.first ?? ''
      : total ? texts.t('pushNote', { n: total }) : '');
  }

  /** What is said of a run, once that is loaded. */
  #follow(status) {
    this.#progress ??= Promise.all([load('./progress.js'), this.texts.more()]).then(([{ Progress }]) => {
      this.#progress = new Progress(this);
      this.update();
    });
    return this.#progress.follow?.(this.steps.active(status), status) ?? '';
  }

  async #updateProblems(n) {
    this.problems.hidden = !n || !this.#views.problems;
    if (n !== (this.#before?.errors ?? 0)) {
      const view = await this.#view('problems', './problems.js', this.problems);
      this.problems.hidden = !n;
      view.count(n);
    }
  }

  /** Says a sentence to screen readers. */
  tell(text) {
    say(this.heard, text);
  }

  /** Tells screen readers of starts, ends and losses. */
  #announce(status) {
    const { texts, live } = this;
    const before = this.#before ?? {};
    const syncing = status?.isSyncing;

    if (before.reachable !== live.reachable) {
      if (live.reachable === false) {
        this.tell(texts.t(live.signedOut ? 'login.ended' : 'offline'));
      } else if (before.reachable === false) {
        this.tell(texts.t('back'));
        this.select(this.selected);
        this.#views.welcome?.show();
      }
    } else if (before.syncing !== undefined && before.syncing !== syncing && syncing !== undefined) {
      if (!syncing && status.error) {
        texts.errors().then(() => this.tell(texts.explain(status.error).join(' ')));
      } else {
        this.tell(texts.t(syncing ? 'syncing' : 'done'));
      }
      if (!syncing) {
        this.#views[this.selected]?.show();
      }
    }
  }

  /** Nobody looks any more. */
  suspend() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }
}

/**
 * The panel: with the attribute `page` a part of its page, else a dialog that
 * show() opens.
 */
class MsyncPanel extends MsyncElement {
  build() {
    const page = this.hasAttribute('page');

    this.view?.suspend();
    this.view = new Panel(this, page);
    this.view.select(this.tab ?? (page ? cameBack() : null));
    if (!page) {
      this.dialog = h('dialog', { 'aria-label': this.texts.t('title'), close: () => this.suspend() }, this.view.root);
      this.dialog.style.zoom = this.zoom;
      return this.dialog;
    }
    this.replaceChildren();
    document.documentElement.lang = this.texts.lang;
    setTimeout(() => this.#register(), PENDING);
    return this.view.root;
  }

  /** Lets the page open offline, where the browser allows it. */
  #register() {
    const worker = new URL(`sw.js?lang=${this.texts.lang}`, import.meta.url);
    navigator.serviceWorker?.register(worker).catch(() => {});
  }

  update() {
    this.view.update();
  }

  /** Follows the server: a dialog only while it is open. */
  resume() {
    if (!this.dialog || this.opened) {
      super.resume();
      this.dialog?.showModal();
      this.dialog?.scrollTo(0, 0);
    }
  }

  /** Opens the dialog, as soon as its texts are there, with that tab. */
  show(tab) {
    this.tab = tab;
    if (!this.opened) {
      this.opened = true;
      if (this.view) {
        this.view.select(tab);
        this.resume();
      }
    }
  }

  suspend() {
    this.opened = false;
    this.view?.suspend();
    super.suspend();
  }
}

customElements.define('msync-panel', MsyncPanel);

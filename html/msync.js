/**
 * The entry for any admin UI: defines <msync-nav> at once and <msync-panel>
 * when the page is at rest, opens the panel on Alt+Shift+S.
 */

import { MsyncElement, cameBack, h, icon, load, say } from './core.js';

const MINUTE = 60000;

/** How often the panel is asked for before the next click. */
const TRIES = 5;

/** No way to the central server is no fault of this site. */
const CONNECTION = ['CONNECTION_ERROR', 'TIMEOUT'];


/**
 * The navigation entry.  Its badge shows the records waiting where they are
 * more than the attribute `threshold`; orange and red when the last success
 * is long ago, grey without a connection.  With the attribute `dock` it sits
 * in a corner of a page that has no place for it, above all that the page has
 * but a modal dialog, and where nothing of it is in the way.
 */
class MsyncNav extends MsyncElement {
  #timer = 0;
  #undock = () => {};

  build() {
    this.label = h('span', { class: 'sr' });
    this.badge = h('span', { class: 'badge', hidden: true, 'aria-hidden': 'true' });
    this.button = h('button', { type: 'button', class: 'nav', 'aria-haspopup': 'dialog',
      'aria-keyshortcuts': 'Alt+Shift+S', click: () => openPanel() },
    icon('sync'), h('span', {}, this.texts.t('title')), this.badge, this.label);
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.update(), MINUTE);
    return this.hasAttribute('dock') ? this.#dock() : this.button;
  }

  /** What docks; its looks and its place are loaded with dock.js. */
  #dock() {
    const box = h('div', { class: 'dock', popover: 'manual' }, this.button);

    this.button.style.zoom = this.zoom;
    load('./dock.js').then(({ dock }) => {
      this.#undock();
      this.#undock = dock(this, box);
    });
    return box;
  }

  update() {
    const { live, texts, badge } = this;
    const { syncStatus: status, numberOfRecordsInPushQueue: n = 0, integrationErrors } = live.doc ?? {};
    const error = status?.error;
    const away = live.reachable === false;
    const counted = n > Number(this.getAttribute('threshold'));
    const offline = away || CONNECTION.includes(error?.variant);
    const alert = integrationErrors > 0 || live.doc?.state === 'stopped'
      || Boolean(error) && !offline && error.variant !== 'CANCELLED';
    const late = live.lateness();
    const colour = away ? 'grey' : late === 'red' || alert ? 'red' : late || (offline ? 'grey' : '');

    badge.hidden = !counted && !alert && !colour;
    badge.className = `badge ${colour}`;
    badge.replaceChildren(live.signedOut ? icon('lock') : alert ? icon('alert') : offline ? icon('cloudOff') : '',
      counted ? texts.number(n) : alert || offline ? '' : '!');
    this.button.classList.toggle('busy', !away && status?.isSyncing === true);
    say(this.label, [
      away && texts.t(live.signedOut ? 'login.ended' : 'offline'),
      counted && `${texts.number(n)} ${texts.t('waiting', { n })}`,
      late && `${texts.t('last')}: ${texts.since(live.now() - live.age(), live.now())}`,
      integrationErrors > 0 && texts.t('problems', { n: integrationErrors }),
      error && texts.explains(() => this.update()) && texts.explain(error)[0],
    ].filter(Boolean).join(' · '));
    this.button.title = this.label.textContent;
  }

  /** Shows that the panel is on its way. */
  opening(on) {
    this.button?.classList.toggle('opening', on);
  }

  suspend() {
    clearInterval(this.#timer);
    this.#undock();
    super.suspend();
  }
}

/**
 * Opens the panel of this page; makes one where there is none.  Gives up after
 * a while where it cannot be had: nobody wants it over what is done by then.
 */
async function openPanel(tab) {
  const nav = document.querySelector('msync-nav');

  nav?.opening(true);
  const there = await load('./panel.js', (n) => n === TRIES);
  nav?.opening(false);
  if (!there) {
    return;
  }
  let panel = document.querySelector('msync-panel');
  if (!panel) {
    panel = h('msync-panel', { api: nav?.api, lang: nav?.getAttribute('lang') });
    document.body.append(panel);
  }
  panel.show(tab);
}

customElements.define('msync-nav', MsyncNav);
const back = cameBack();
if (back) {
  openPanel(back);
}
(globalThis.requestIdleCallback ?? setTimeout)(() => import('./panel.js').catch(() => {}));    /* only ahead of time */
addEventListener('keydown', (event) => {
  if (event.altKey && event.shiftKey && event.code === 'KeyS') {
    event.preventDefault();
    openPanel();
  }
});

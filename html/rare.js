/**
 * What is seldom to be said: a pause, a run that does not begin, a database
 * that is locked or its log large, records that are here only.
 */

import { SECOND, h, notice, say } from './core.js';


const MEGABYTE = 1e6;
/** A run that was asked for so long ago and has not begun: that is said. */
const UNANSWERED = 5 * SECOND;

/** Notices above the panel, and one below it that is in no hurry. */
export class View {
  #unsent = 0;

  constructor(panel) {
    const { texts } = panel;

    this.panel = panel;
    this.slow = texts.t('slow');
    this.lockedText = h('p');
    this.locked = notice('calm', 'lock', texts.t('locked'));
    this.locked.lastChild.append(this.lockedText);
    this.logText = h('p');
    this.log = notice('calm', 'alert', texts.t('log'));
    this.log.lastChild.append(this.logText);
    this.unanswered = notice('calm', 'alert', texts.t('unanswered'), texts.t('unanswered.text'));
    this.paused = notice('calm', 'pause', texts.t('paused'), texts.t('paused.text'),
      h('button', { type: 'button', click: () => panel.post('resume') }, texts.t('resume')));
    this.never = h('div');
    this.queued = h('div');
    panel.unsent.append(this.never, this.queued);
    this.root = h('div');
  }

  /** Follows the status document. */
  update(doc) {
    const { live, texts } = this.panel;
    const since = live.reachable === false ? null : doc.databaseLockedSince;

    if (since && !this.locked.isConnected) {
      this.panel.tell(texts.t('locked'));
    }
    this.#show(this.locked, since);
    const unanswered = this.#isUnanswered(doc);

    if (unanswered && !this.unanswered.isConnected) {
      this.panel.tell(texts.t('unanswered'));
    }
    this.#show(this.unanswered, unanswered);
    this.#show(this.log, doc.databaseLogBytes);
    say(this.logText, texts.t('log.text', { n: Math.round((doc.databaseLogBytes ?? 0) / MEGABYTE) }));
    this.#show(this.paused, doc.state === 'paused');
    if (since) {
      say(this.lockedText, texts.t('locked.text',
        { time: texts.duration((live.clock() - Date.parse(since)) / SECOND) }));
    }
    this.#updateUnsent(doc);
  }

  /** Has what was asked for not begun, and does nothing else say why? */
  #isUnanswered({ state, databaseLockedSince }) {
    const { asked, live } = this.panel;

    return asked && Date.now() - asked > UNANSWERED && live.reachable !== false && state !== 'stopped'
      && !databaseLockedSince;
  }

  #show(box, on) {
    if (!on) {
      this.panel.takeFocus(box);
      box.remove();
    } else if (!box.isConnected) {
      this.root.append(box);
    }
  }

  #updateUnsent({ recordsNeverSent = 0, syncStatus }) {
    const { texts } = this.panel;
    const n = recordsNeverSent;

    if (n !== this.#unsent) {
      this.#unsent = n;
      this.panel.takeFocus(this.never);
      this.never.replaceChildren(...n ? [this.#offer(texts, n)] : []);
    }
    if (syncStatus?.isSyncing) {
      this.queued.replaceChildren();
    }
  }

  #offer(texts, n) {
    const box = notice('calm', 'pushV6', texts.t('never.sent', { n }), texts.t('never.sent.text'));

    box.lastChild.append(this.panel.parts.confirmed(texts, texts.t('never.sent.send'), texts.t('never.sent.ask', { n }),
      () => this.#send()));
    return box;
  }

  async #send() {
    const { panel } = this;
    const answer = await panel.post('send', 'queued', { all: true });

    if (answer) {
      const text = panel.texts.t('queued', { n: answer.queued });
      this.queued.replaceChildren(notice('good', 'check', text, answer.goesOn && panel.texts.t('goes.on')));
      panel.tell(text);
    }
  }
}

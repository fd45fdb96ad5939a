/** What is said of a run while it is on: its time, and its steps for ears. */

import { SECOND, say } from './core.js';

const WORTH = 5 * SECOND;
const WINDOW = 60 * SECOND;
const SPARINGLY = 10 * SECOND;


/** Follows the runs that one panel shows. */
export class Progress {
  #estimate = new Estimate();
  #run = '';
  #told = '';
  #since = 0;

  constructor(panel) {
    this.panel = panel;
    this.first = panel.texts.t('first.text');
  }

  /** "12 seconds so far · Pull Remote: about 3 minutes left", by the server's clock. */
  follow(name, status) {
    const { live, texts } = this.panel;
    const now = live.clock();
    const { started } = status.summary;
    const left = this.#estimate.left(name, status[name], now);
    const so = texts.t('elapsed', { time: texts.duration((now - Date.parse(started)) / SECOND) });

    this.#tell(started, name);
    return left ? `${so} · ${texts.t('left', { step: texts.t(`step.${name}`), time: texts.duration(left) })}` : so;
  }

  /** The step that has come, not more often than somebody wants to hear; the start is told elsewhere. */
  #tell(run, name) {
    if (run !== this.#run) {
      this.#run = run;
      this.#told = '';
      this.#since = Date.now();
    }
    if (name && name !== this.#told && Date.now() - this.#since >= SPARINGLY) {
      this.#told = name;
      this.#since = Date.now();
      say(this.panel.heard, this.panel.texts.t(`step.${name}`));
    }
  }
}


/** What is left of a step, from its progress in the last minute. */
class Estimate {
  #key = '';
  #samples = [];

  /** Seconds, rounded; 0 while nothing can be said, or when it is hardly worth it. */
  left(name, step, now) {
    return step?.total ? this.#of(name + step.started, step, now) : 0;
  }

  #of(key, { started, total, done }, now) {
    const samples = this.#samples;

    if (this.#key !== key) {
      this.#key = key;
      samples.length = 0;
      samples.push({ time: Date.parse(started), done: 0 });
    }
    if (samples.at(-1).done !== done) {
      samples.push({ time: now, done });
    }
    while (samples.length > 2 && samples[1].time < now - WINDOW) {
      samples.shift();
    }
    const elapsed = now - samples[0].time;
    const gained = done - samples[0].done;
    const left = gained > 0 ? (total - done) * elapsed / gained : 0;
    return elapsed > WORTH && left > WORTH ? round(left / SECOND) : 0;
  }
}

/** Coarser the more it is, so that an estimate does not flicker. */
function round(seconds) {
  const step = seconds < 60 ? 5 : seconds < 600 ? 30 : 60;
  return Math.ceil(seconds / step) * step;
}

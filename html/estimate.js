/** How long a step will take, as far as its progress tells. */

import { SECOND } from './core.js';

const WORTH = 5 * SECOND;
const WINDOW = 60 * SECOND;


/** What is left of a step, from its progress in the last minute. */
export class Estimate {
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

/**
 * All files in one process, which compiles Playwright once and starts one
 * browser; some files at a time, for most of them wait.  What a file sets up
 * belongs to its suite, as node tells by who imports it.
 */

import { readdirSync } from 'node:fs';
import { describe } from 'node:test';
import './lib/browser.js';    /* here, or the browser would end with the first suite */
import { ROOT } from './lib/site.js';

/** What lasts longest begins first. */
const FIRST = ['login.test.js', 'sync.test.js', 'live.test.js', 'dock.test.js'];

const files = readdirSync(`${ROOT}t/browser`).filter((name) => name.endsWith('.test.js'));

describe('the page', { concurrency: 4 }, () => {
  for (const file of new Set([...FIRST, ...files])) {
    describe(file, { concurrency: 1 }, () => import(`./${file}`));
  }
});

/**
 * Debian's Chromium, watched: what it complains of fails the test.  Without its
 * own windows, tabs and buttons, of which nothing is seen and which take more
 * of a processor than the pages; with them where `CHROMIUM` says so.
 */

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { after } from 'node:test';
import { chromium } from 'playwright-core';
import { PATIENCE, ROOT } from './site.js';

/**
 * As text, for the page; imported, node would compile the longer version of it, to no end.  In ASCII, for with one
 * character of another kind all of it takes twice the room, and as much longer to be sent and read.
 */
const AXE = readFileSync(`${ROOT}t/node_modules/axe-core/axe.min.js`, 'utf8')
  .replace(/[^\0-\x7f]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);

const PICTURES = `${ROOT}build/screenshots`;

/** What a test brings about: requests that fail, no service worker where Playwright keeps it away. */
const EXPECTED = /^Failed to load resource: |^Service Worker registration blocked by Playwright/;

if (process.env.MSYNC_PICTURES) {
  mkdirSync(PICTURES, { recursive: true });
}

/**
 * As few processes and threads as it can do with; the first feature is Playwright's, whose list this one replaces.
 * A window is painted in a piece, not in a dozen.  Scripts are compiled once and simply: no page lasts as long as
 * it takes to compile them well.
 */
const ARGUMENTS = ['--renderer-process-limit=1', '--in-process-gpu',
  '--js-flags=--single-threaded --no-maglev --no-turbofan --always-sparkplug',
  '--default-tile-width=1024', '--default-tile-height=1024',
  '--enable-features=CDPScreenshotNewSurface,NetworkServiceInProcess2'];

/** Contexts at most that wait for the next page with their options. */
const KEPT = 8;

let browser = null;
let kept = [];
/** To each page that is open its context. */
const pages = new WeakMap();

after(() => browser?.then((one) => one.close(), () => {}));    /* what could not be started has failed already */

/** A context of `options`: one of before, whose renderer has compiled the page's scripts and axe-core, or a new one. */
async function contextOf(options) {
  const key = JSON.stringify(options);
  const found = kept.find((one) => one.key === key);

  if (found) {
    kept = kept.filter((one) => one !== found);
    return found;
  }
  browser ??= chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium-headless-shell',
    args: ARGUMENTS });    /* to start one for each test takes longer than most of them */
  return { key, context: await (await browser).newContext({ locale: 'es', viewport: { width: 1000, height: 760 },
    reducedMotion: 'reduce', serviceWorkers: 'block', timezoneId: 'UTC', ...options }) };
}

/**
 * A page in a context that no other has at the time; what a test may do to it
 * is forgotten before the next: cookies, setOffline, what the page stores, and
 * with a clock all of it.  `options` are Playwright's; `complaints` collects
 * what the console and the Content-Security-Policy have to say.
 */
export async function open(url, options = {}) {
  const mine = await contextOf(options);
  const { context } = mine;
  const page = await context.newPage();

  mine.spoiled = options.serviceWorkers === 'allow';
  mine.origins = new Set();
  pages.set(page, mine);
  const { clock } = page;
  Object.defineProperty(page, 'clock', { get: () => {
    mine.spoiled = true;    /* it cannot be taken away from a context */
    return clock;
  } });

  page.complaints = [];
  page.setDefaultTimeout(PATIENCE);
  page.on('framenavigated', (frame) => mine.origins.add(new URL(frame.url()).origin));
  page.on('pageerror', (error) => page.complaints.push(error.stack || String(error)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !EXPECTED.test(message.text())) {
      page.complaints.push(message.text());
    }
  });
  await page.addInitScript(() => addEventListener('securitypolicyviolation', (event) => console.error(
    `${event.violatedDirective} refused ${event.blockedURI}`)));
  if (url) {
    await page.goto(url);
  }
  return page;
}

/** Ends the page, which may not have complained. */
export async function close(page) {
  const mine = pages.get(page);
  const { context } = mine;
  const others = context.pages().filter((one) => ![page, mine.blank].includes(one));

  if (mine.spoiled || others.length || !context.browser().isConnected()) {
    await context.close();
  } else {
    await forget(page, mine);
    kept.push(mine);
    if (kept.length > KEPT) {
      await kept.shift().context.close();
    }
  }
  assert.deepEqual(page.complaints, []);
}

/** Leaves the context as new, but for its renderer, which ends with its last page. */
async function forget(page, mine) {
  const { context, origins } = mine;

  if (!mine.blank) {
    mine.blank = await context.newPage();
    mine.inside = await context.newCDPSession(mine.blank);
  }
  await page.close();
  await Promise.all([context.setOffline(false), context.clearCookies(), mine.inside.send('Network.clearBrowserCache'),
    ...[...origins].filter((origin) => origin !== 'null').map((origin) => (
      mine.inside.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' })))]);
}

/** A picture for people to look at, where they want it; hiding the caret would need an inline style. */
export async function picture(page, name, options = {}) {
  if (process.env.MSYNC_PICTURES) {
    await page.screenshot({ path: `${PICTURES}/${name}.png`, caret: 'initial', fullPage: true, ...options });
  }
}

/**
 * axe-core finds nothing in `part`.  What it would preload, style sheets and
 * media, is for one rule that it does not apply by itself and for videos.  It
 * gets there as a script that the renderer knows from the page before;
 * Playwright would have it evaluated as a text, which is compiled each time.
 */
export async function accessible(page, part = 'html') {
  if (!await page.evaluate(() => Boolean(globalThis.axe))) {
    const inside = await page.context().newCDPSession(page);

    await inside.send('Runtime.evaluate', { expression: AXE });
    await inside.detach();
  }
  const found = await page.evaluate(async (within) => (await globalThis.axe.run(within, {
    preload: false, resultTypes: ['violations'],
  })).violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target.flat().join(' ')} `
    + `${node.failureSummary}`).join('; ')}`), part);
  assert.deepEqual(found, []);
}

/** Nothing sticks out at the side. */
export async function fits(page) {
  assert.deepEqual(await page.evaluate(() => {
    const root = document.documentElement;
    return root.scrollWidth <= root.clientWidth;
  }), true, 'no horizontal scrolling');
}

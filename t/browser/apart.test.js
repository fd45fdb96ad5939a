/** What one test left in the browser, the next does not find, although they share a context. */

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { close, open } from './lib/browser.js';

const OPTIONS = { locale: 'eo' };    /* no other test's */

let server;
let url;
let asked = 0;

before(async () => {
  server = createServer((request, answer) => {
    asked += request.url === '/';
    answer.writeHead(200, { 'Content-Type': 'text/html', 'Cache-Control': 'max-age=3600' })
      .end('<!DOCTYPE html><title>x</title><link rel="icon" href="data:,">');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${server.address().port}/`;
});

after(() => server?.close());

/** What a page finds, of what the others leave. */
const found = (page) => page.evaluate(async () => [document.cookie, ...Object.keys(localStorage),
  ...Object.keys(sessionStorage), ...await caches.keys(), ...(await globalThis.indexedDB.databases()).map(({ name }) => name),
  Date.now() < 86400000 ? 'clock' : '', globalThis.innerWidth === 1000 ? '' : 'width', globalThis.own ?? ''].filter(Boolean));

test('cookies, storage, files, the network that was off, the clock', async () => {
  const contexts = new Set();

  for (const [visit, clock] of [[1, false], [2, false], [3, true], [4, false]]) {
    const page = await open(null, OPTIONS);
    await page.goto(url);
    assert.equal(asked, visit, 'asked for anew');
    assert.deepEqual(await found(page), []);
    assert.deepEqual(await page.context().cookies(), []);
    contexts.add(page.context());

    await page.evaluate(async () => {
      document.cookie = 'a=cookie';
      localStorage.setItem('local', 1);
      sessionStorage.setItem('session', 1);
      await caches.open('cache');
      await new Promise((resolve) => Object.assign(globalThis.indexedDB.open('database'),
        { onsuccess: resolve }));
    });
    await page.addInitScript(() => {
      globalThis.own = 'script';
    });
    await page.setViewportSize({ width: 500, height: 500 });
    if (clock) {
      await page.clock.setFixedTime(0);
    }
    await page.goto('about:blank');
    await page.goto(url);
    assert.deepEqual(await found(page), ['a=cookie', 'local', 'session', 'cache', 'database', ...clock ? ['clock'] : [],
      'width', 'script']);
    await page.context().addCookies([{ name: 'b', value: 'c', url: 'http://elsewhere.example.org/' }]);
    await page.context().setOffline(true);
    await close(page);
  }
  assert.equal(contexts.size, 2, 'one for all but who follows a clock');
});

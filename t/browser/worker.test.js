/** The service worker: what it keeps, and that it stands in nobody's way. */

import assert from 'node:assert/strict';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { close, open } from './lib/browser.js';
import { run } from './lib/documents.js';
import { Site, until } from './lib/site.js';

const LOGIN = `location = /login { return 200 "please log in"; }
        location = /sync/ { return 302 /login; }
        location = /sync `;

let site;

const fine = () => site.report({ queue: 1, syncStatus: run() });

before(async () => {
  site = await Site.start({ fake: true });
  await fine();
});

after(() => site?.stop());

/** A page whose files the worker has kept, and that it serves. */
async function kept() {
  const page = await open(null, { serviceWorkers: 'allow' });

  await page.clock.install();
  await page.goto(`${site.url}/sync/`);
  await page.locator('.steps').waitFor();
  await page.clock.runFor(16000);
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await page.goto('about:blank');
  await page.goto(`${site.url}/sync/`);
  await page.waitForFunction(() => navigator.serviceWorker.controller);
  await page.locator('.steps').waitFor();
  return page;
}

/** Puts a line at the end of one of the page's files; `days` is its age. */
async function change(name, line, days = 0) {
  const file = `${site.dir}/html/${name}`;
  const time = Date.now() / 1000 - days * 86400;

  await writeFile(file, `${await readFile(file, 'utf8')}${line}\n`);
  await utimes(file, time, time);
}

const cached = (page, name) => page.evaluate(async (file) => (
  (await (await (await caches.open('msync')).match(file)).text())), name);

for (const serviceWorkers of ['block', 'allow']) {
  test(`a file that was replaced is there at the next visit, worker: ${serviceWorkers}`, async () => {
    await change('core.js', '// an old file', 60);
    const page = serviceWorkers === 'allow' ? await kept() : await open(`${site.url}/sync/`);

    await page.locator('.steps').waitFor();
    await change('core.js', `globalThis.upgraded = '${serviceWorkers}';`);
    await page.goto('about:blank');
    await page.goto(`${site.url}/sync/`);
    await page.locator('.steps').waitFor();
    assert.equal(await page.evaluate(() => globalThis.upgraded), serviceWorkers);
    await page.reload();
    await page.locator('.steps').waitFor();
    await close(page);
  });
}

test('after a visit all that opens offline is of the new version', async () => {
  const page = await kept();

  await change('history.js', '// new');
  await change('views.css', '/* new */');
  await page.reload();
  await until('the files are new', async () => (await cached(page, 'history.js')).endsWith('// new\n')
    && (await cached(page, 'views.css')).endsWith('/* new */\n'));

  await page.goto('about:blank');
  await site.stopNginx();
  for (const path of ['', '?lang=es', 'index.html']) {
    await page.goto(`${site.url}/sync/${path}`);
    await page.locator('.steps').waitFor();
  }
  await site.startNginx();
  await fine();
  await close(page);
});

test('a redirect to a login leads there', async () => {
  const page = await kept();

  await site.configure((text) => text.replace('location = /sync ', LOGIN));
  await site.reload();
  await page.goto('about:blank');
  await page.goto(`${site.url}/sync/`);
  await page.getByText('please log in').waitFor();
  assert.equal(page.url(), `${site.url}/login`);
  await close(page);
  await site.configure((text) => text);
  await site.reload();
});

/** A form in place of whatever is asked for below /sync/, but for the endpoints; with `how` it is led to. */
async function askLogin(how) {
  await site.configure((text) => text.replace(/location \^~ \/sync\/ .*/, `location ^~ /sync/ { ${how} }
        location /login { default_type text/html; return 200 "please log in"; }`));
  await site.reload();
}

for (const [name, how] of [['given', 'types { } default_type text/html; return 200 "please log in";'],
  ['led to', 'return 302 /login;']]) {
  test(`a form for a login that is ${name} in place of the page's files is not kept as one of them`, async () => {
    const page = await kept();

    await askLogin(how);
    await page.getByRole('tab', { name: 'Historial' }).click();
    await page.locator('#history .card').getByText(/./).first().waitFor();
    const logged = async () => (await readFile(`${site.dir}/logs/access.log`, 'utf8')).split('es-errors.json').length;
    const earlier = await logged();
    await page.goto('about:blank');
    await page.goto(`${site.url}/sync/`);
    await page.getByText('please log in').waitFor();
    if (name === 'given') {
      await until('the worker has looked for new files', async () => await logged() > earlier);
    }

    await page.goto('about:blank');
    await site.stopNginx();
    await page.goto(`${site.url}/sync/`);
    await page.locator('.steps').waitFor();
    await close(page);
    await site.configure((text) => text);
    await site.startNginx();
    await fine();
  });
}

test('a full disk keeps nobody from the page', async () => {
  const page = await kept();
  const [worker] = page.context().serviceWorkers();

  await worker.evaluate(() => {
    globalThis.tried = 0;
    caches.open = () => {
      globalThis.tried++;
      return Promise.reject(new Error('QuotaExceededError'));
    };
  });
  await page.reload();
  await page.locator('.steps').waitFor();
  await until('the worker has tried', () => worker.evaluate(() => globalThis.tried > 0));
  await close(page);
});

/** How the page follows the server: events, waiting, polling, nothing at all. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { close, open, picture } from './lib/browser.js';
import { errors, run, running } from './lib/documents.js';
import { Site, until } from './lib/site.js';

const EVENTS = '**/sync/api/events';
const STATUS = '**/sync/api/status*';
const NOW = { name: '¡Sincronizar ahora!' };

let site;

before(async () => {
  site = await Site.start({ fake: true });
  await site.document('settings', { url: 'https://central.example.org', username: 'Clinic 7', intervalSeconds: 300,
    passwordSet: true, hardwareId: 'x', siteId: 7, siteName: 'Clinic 7' });
});

after(() => site?.stop());

beforeEach(() => site.report({ queue: 1, syncStatus: run() }));

/** Opens the page and lists the API's paths that it asks for. */
async function watch(prepare = () => {}, options = {}) {
  const page = await open(null, options);
  page.asked = [];
  page.on('request', (request) => {
    const [, path] = request.url().split('/sync/api/');
    if (path) {
      page.asked.push(path);
    }
  });
  await prepare(page);
  await page.goto(`${site.url}/sync/`);
  await page.getByText('registro espera ser enviado', { exact: true }).waitFor();
  return page;
}

/** A new number waiting reaches the page. */
async function follows(page, queue) {
  await site.report({ queue, syncStatus: run() });
  await until(`the page shows ${queue}`,
    async () => await page.locator('.count strong').textContent() === String(queue));
}

test('events: one request, nothing is polled', async () => {
  const page = await watch();

  await follows(page, 7);
  await follows(page, 8);
  assert.deepEqual(page.asked, ['events']);
  await close(page);
});

test('where events are refused it waits for changes', async () => {
  const page = await watch((one) => one.route(EVENTS, (route) => route.fulfill({ status: 404, body: '{}' })));

  await follows(page, 7);
  const { generation } = await site.status();
  await until('it waits for the next', () => page.asked.includes(`status?since=${generation}&wait=25`));
  assert.equal(await page.getByText('No hay conexión').count(), 0);
  await close(page);
});

test('where a proxy holds events back it waits for changes', async () => {
  const page = await watch((one) => one.route(EVENTS, (route) => route.fulfill({
    headers: { 'Content-Type': 'text/event-stream' }, body: ': nothing comes\n\n' })));

  await follows(page, 7);
  assert.ok(page.asked.some((path) => /^status\?since=\d+&wait=25$/.test(path)));
  await close(page);
});

test('where nothing waits it polls, not in haste', async () => {
  const page = await watch(async (one) => {
    await one.route(EVENTS, (route) => route.fulfill({ status: 404, body: '{}' }));
    await one.route(STATUS, (route) => route.continue({ url: `${site.api}status` }));
  });

  await follows(page, 7);
  const { length } = page.asked;
  await page.waitForTimeout(2500);
  assert.ok(page.asked.length - length <= 2, `${page.asked.length - length} requests in 2.5 s`);
  await close(page);
});

for (const [what, refuse] of [['answers with 504', (route) => route.fulfill({ status: 504, body: '' })],
  ['never answers', () => {}]]) {
  test(`where a proxy ${what} to whatever takes long it polls`, async () => {
    const page = await watch(async (one) => {
      await one.clock.install();
      await one.route(EVENTS, refuse);
      await one.route(/wait=25$/, refuse);
    });

    for (let n = 0; n < 12; n++) {
      await page.clock.runFor(5000);
      await page.waitForTimeout(50);
    }
    await site.report({ queue: 7, syncStatus: run() });
    await page.clock.runFor(8000);
    await page.waitForTimeout(200);
    assert.equal(await page.locator('.count strong').textContent(), '7');
    assert.equal(await page.getByText('No hay conexión').count(), 0);
    await close(page);
  });
}

test('a network that is gone is noticed at once, and so is its return', async () => {
  const page = await watch();

  await page.context().setOffline(true);
  await page.locator('.notice').getByText('No hay conexión').waitFor({ timeout: 5000 });
  await page.context().setOffline(false);
  await page.locator('.notice').getByText('No hay conexión').waitFor({ state: 'detached', timeout: 5000 });
  await follows(page, 7);
  assert.equal(page.asked.at(-1), 'events');
  await close(page);
});

test('a request that is never answered ends', async () => {
  const page = await watch((one) => one.route('**/sync/api/trigger', () => {}));
  await page.evaluate(() => {
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    AbortSignal.timeout = (milliseconds) => timeout(milliseconds === 75000 ? 500 : milliseconds);
  });

  await page.getByRole('button', NOW).click();
  await page.locator('.notice').getByText('No hay conexión').waitFor();
  await page.getByRole('button', NOW).waitFor();
  await close(page);
});

test('a tab that is opened in the background lets go, too', async () => {
  const page = await watch(async (one) => {
    await one.clock.install();
    await one.addInitScript(() => Object.defineProperty(document, 'hidden', { value: true, configurable: true }));
  });
  const gone = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/events'));

  await page.clock.runFor(31000);
  await gone;
  await close(page);
});

test('a hidden tab lets go of the server after a while and is current when it is seen again', async () => {
  const page = await watch((one) => one.clock.install());
  const hide = (hidden) => page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  const gone = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/events'));

  await hide(true);
  await page.clock.runFor(31000);
  await gone;
  await site.report({ queue: 9, syncStatus: run() });
  assert.equal(await page.locator('.count strong').textContent(), '1');
  await hide(false);
  await until('the page shows 9', async () => await page.locator('.count strong').textContent() === '9');
  await close(page);
});

test('how much is left of a long step is estimated', async () => {
  const page = await watch();

  await site.report({ state: 'syncing', syncStatus: running(6000, 1000) });
  await page.getByText(/Obtener Remotamente: tiempo restante ≈ 5 minutos/).waitFor();
  assert.match(await page.locator('.heading .more').textContent(), /^lleva 1 minuto/);
  await picture(page, 'estimate');
  await close(page);
});

test('a clock of this computer that is ahead changes nothing about that', async () => {
  const page = await watch((one) => one.clock.install({ time: Date.now() + 3600000 }));

  await site.report({ state: 'syncing', syncStatus: running(6000, 1000) });
  await page.getByText(/^lleva 1 minuto .* tiempo restante ≈ 5 minutos/).waitFor();
  await close(page);
});

test('of a server out of reach it is not known whether a run goes on', async () => {
  const page = await watch();

  await site.report({ state: 'syncing', syncStatus: running(6000, 1000) });
  await page.getByText(/lleva 1 minuto/).waitFor();
  await page.context().setOffline(true);
  await page.locator('.notice').getByText('No hay conexión').waitFor();
  await page.getByRole('button', NOW).waitFor();
  assert.equal(await page.locator('.heading .more').textContent(), '');
  assert.equal(await page.locator('[aria-current=step]').count(), 0);
  assert.equal(await page.locator('p[role=status]').textContent(), 'No hay conexión con el servidor de este sitio. '
    + 'Se sigue intentando…');
  await picture(page, 'offline-run');

  await page.context().setOffline(false);
  await page.getByText(/lleva 1 minuto/).waitFor();
  await page.getByRole('button', { name: 'Sincronizando…' }).waitFor();
  await close(page);
});

test('a part of the page that could not be had is tried again until it is there', async () => {
  await site.document('errors', errors());
  await site.document('history', { runs: [] });
  const lost = ['history', 'problems'];
  const page = await watch((one) => one.route(/\/(history|problems)\.js/, (route) => {
    const [name] = lost.filter((part) => route.request().url().includes(part));
    lost.splice(lost.indexOf(name), name ? 1 : 0);
    return name ? route.abort() : route.continue();
  }));

  await page.getByRole('tab', { name: 'Historial' }).click();
  await page.locator('.notice').getByText('No hay conexión').waitFor();
  await page.getByText('Todavía no ha habido ninguna sincronización.').waitFor();
  await page.locator('.notice').waitFor({ state: 'detached' });

  await page.getByRole('tab', { name: 'Estado' }).click();
  await site.report({ errors: 12, syncStatus: run() });
  await page.locator('.notice').getByText('No hay conexión').waitFor();
  assert.equal(await page.locator('.card:visible').count(), 2, 'no card is empty');
  await page.getByText('12 registros no se pudieron sincronizar').waitFor();
  assert.equal(await page.locator('.notice').count(), 1);
  await close(page);
});

test('the title of the tab tells of what waits and of what is wrong', async () => {
  const page = await watch();

  assert.equal(await page.title(), '(1) Sincronización');
  await site.report({ queue: 0, syncStatus: run() });
  await page.waitForFunction(() => document.title === 'Sincronización');
  await site.report({ state: 'stopped', syncStatus: run() });
  await page.waitForFunction(() => document.title === '⚠ Sincronización');
  await close(page);
});

test('settings that the network lost are asked for again', async () => {
  let lost = 1;
  const page = await watch((one) => one.route('**/sync/api/settings',
    (route) => (lost-- > 0 ? route.abort() : route.continue())));
  const form = page.locator('#settings form');

  await page.getByRole('tab', { name: 'Configuración' }).click();
  await form.getByText('No hay conexión').waitFor();
  await form.locator('.notice').waitFor({ state: 'detached' });
  assert.equal(await form.locator('[inert]').count(), 0);
  await close(page);
});

test('settings that a stopped helper cannot tell are there when it is back', async () => {
  const page = await watch((one) => one.route('**/sync/api/settings', (route) => route.fulfill({ status: 503,
    contentType: 'application/json', body: '{"error":{"variant":"HELPER_STOPPED","fullError":"no helper"}}' })));
  const form = page.locator('#settings form');

  await site.report({ state: 'stopped', syncStatus: run() });
  await page.getByRole('tab', { name: 'Configuración' }).click();
  await form.getByText('El servicio de sincronización de este sitio no está en marcha.').waitFor();
  assert.ok(await form.locator('.field[inert]').count() > 0);
  await form.getByRole('button', { name: 'Detalles' }).hover();
  await form.getByText('no helper').waitFor();

  await page.unroute('**/sync/api/settings');
  await site.report({ syncStatus: run() });
  await form.locator('.notice').waitFor({ state: 'detached' });
  assert.equal(await form.locator('[inert]').count(), 0);
  assert.equal(await form.getByLabel('Nombre del sitio').inputValue(), 'Clinic 7');
  await close(page);
});

test('before the scripts are there the page says what it needs', async () => {
  const page = await open(null, { javaScriptEnabled: false });

  await page.goto(`${site.url}/sync/`);
  await page.getByText('Esta página necesita JavaScript y un navegador reciente.').waitFor();
  await close(page);
});

test('a helper that has stopped is said to be, while nginx still answers', async () => {
  const page = await watch();

  await site.report({ state: 'stopped', syncStatus: run() });
  await page.getByText('El servicio de sincronización de este sitio no está en marcha.').first().waitFor();
  await picture(page, 'helper-stopped');
  await close(page);
});

test('a trigger that is refused is said to be, and the button is back', async () => {
  const page = await watch((one) => one.route('**/sync/api/trigger', (route) => route.fulfill({ status: 503,
    contentType: 'application/json', body: '{"error":{"variant":"HELPER_STOPPED","fullError":"no helper"}}' })));

  await page.getByRole('button', { name: '¡Sincronizar ahora!' }).click();
  await page.locator('.notice').getByText('El servicio de sincronización de este sitio no está en marcha.').waitFor();
  await page.getByRole('button', { name: '¡Sincronizar ahora!' }).waitFor();
  await close(page);
});

test('the page opens offline, with what was known and since when', async () => {
  const page = await watch(() => {}, { serviceWorkers: 'allow' });

  await page.clock.install();
  await page.reload();
  await page.clock.runFor(16000);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await until('the files are kept',
    () => page.evaluate(async () => (await (await caches.open('msync')).keys()).length > 8));
  await follows(page, 12);
  await page.goto('about:blank');
  await site.stopNginx();

  await page.goto(`${site.url}/sync/`);
  await page.getByText('registros esperan ser enviados').waitFor();
  assert.equal(await page.locator('.count strong').textContent(), '12');
  await page.clock.runFor(3000);
  await page.locator('.notice').getByText('No hay conexión con el servidor de este sitio.').waitFor();
  await page.locator('.notice').getByText(/Última información: /).waitFor();
  await page.getByRole('tab', { name: 'Historial' }).click();
  await page.locator('#history').getByText('No hay conexión').waitFor();
  await picture(page, 'offline-opened');
  await site.startNginx();
  await close(page);
});

/** The entry in somebody else's admin UI, put there by sub_filter under a strict policy. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, close, fits, open, picture } from './lib/browser.js';
import { failed, run, running } from './lib/documents.js';
import { Site, until } from './lib/site.js';

const DAY = 86400000;

let site;

before(async () => {
  site = await Site.start({ fake: true });
});

after(() => site?.stop());

const entry = (page) => page.locator('msync-nav').getByRole('button', { name: /^Sincronización/ });
const badge = (page) => page.locator('msync-nav .badge');
const dialog = (page) => page.getByRole('dialog', { name: 'Sincronización' });

/** Opens the clinic's application. */
async function admin(path = '', options = {}) {
  const page = await open(`${site.url}/${path}`, options);
  await entry(page).waitFor();
  return page;
}

/** "" where there is no badge, else its colour and what it shows. */
async function shown(page) {
  const box = badge(page);
  const words = await box.isVisible() ? [(await box.getAttribute('class')).replace('badge', '').trim(),
    ...await box.locator('.icon').evaluateAll((icons) => icons.map(({ classList }) => classList.item(1))),
    await box.textContent()] : [];
  return words.filter(Boolean).join(' ');
}

test('an application that knows nothing of it has it at the lower end of its menu, on each page', async () => {
  await site.report({ queue: 4, syncStatus: run() });
  for (const path of ['', 'orders.html', 'patients.html']) {
    const page = await admin(path);
    const [menu, item, link] = await Promise.all([page.locator('nav').boundingBox(), entry(page).boundingBox(),
      page.getByRole('link').last().boundingBox()]);

    assert.ok(item.y > link.y + link.height, 'below the last link');
    assert.ok(menu.y + menu.height - item.y - item.height < 40, 'at the lower end');
    assert.equal(await shown(page), '4');
    await page.locator('nav a').first().hover();
    await picture(page, `admin${path && '-'}${path.replace('.html', '')}`);
    await accessible(page);
    await close(page);
  }
});

test('the badge: number, orange after a day, red after three', async () => {
  const page = await admin();
  const start = Date.now();

  for (const [queue, looks] of [[0, [[0, ''], [0.9, ''], [1.1, 'orange !'], [2.9, 'orange !'], [3.1, 'red !']]],
    [12, [[0, '12'], [1.1, 'orange 12'], [3.1, 'red 12']]]]) {
    await site.report({ queue, syncStatus: run() });
    for (const [days, expected] of looks) {
      await page.clock.setFixedTime(start + days * DAY);
      await page.reload();
      await entry(page).waitFor();
      assert.equal(await shown(page), expected, `${queue} waiting, ${days} days`);
      if (queue) {
        await picture(page, `badge-${expected.replace(' ', '-')}`, { fullPage: false });
        await accessible(page, 'nav');
      }
    }
  }
  await close(page);
});

test('the badge: an alert for what is no fault of the connection, grey for what is', async () => {
  const page = await admin();
  const cases = [
    ['alert', { error: 'INCORRECT_PASSWORD', queue: 5 }, 'red alert 5', 'La contraseña del sitio no es correcta.'],
    ['problems', { errors: 2 }, 'red alert', '2 registros no se pudieron sincronizar'],
    ['stopped', { state: 'stopped' }, 'red alert', ''],
    ['no-connection', { error: 'CONNECTION_ERROR', queue: 5 }, 'grey cloudOff 5',
      'No se pudo llegar al servidor central.'],
    ['timeout', { error: 'TIMEOUT' }, 'grey cloudOff', 'El servidor central no respondió a tiempo.'],
    ['cancelled', { error: 'CANCELLED' }, '', 'La sincronización se canceló.'],
  ];

  for (const [name, report, expected, words] of cases) {
    await site.report({ state: report.error ? 'error' : 'idle', ...report,
      syncStatus: report.error ? failed(report.error, '') : run() });
    await until(name, async () => await shown(page) === expected);
    await until(`the words for ears: ${name}`, async () => (await entry(page).textContent()).includes(words));
    await picture(page, `badge-${name}`, { fullPage: false });
  }
  await close(page);
});

test('the badge: what needs somebody stays red when the last success is long ago', async () => {
  const page = await admin();

  await site.report({ state: 'error', error: 'INCORRECT_PASSWORD', syncStatus: failed('INCORRECT_PASSWORD', '') });
  for (const days of [0, 1.1, 3.1]) {
    await page.clock.setFixedTime(Date.now() + days * DAY);
    await page.reload();
    await entry(page).waitFor();
    assert.equal(await shown(page), 'red alert', `${days} days`);
  }
  await close(page);
});

test('the badge is grey when the server of the site is gone', async () => {
  await site.report({ queue: 4, syncStatus: run() });
  const page = await admin();

  await site.stopNginx();
  await page.locator('msync-nav .badge.grey').waitFor();
  assert.equal(await shown(page), 'grey cloudOff 4');
  await picture(page, 'badge-offline', { fullPage: false });
  await accessible(page, 'nav');
  await site.startNginx();
  await page.locator('msync-nav .badge.grey').waitFor({ state: 'detached' });
  await close(page);
});

test('a threshold keeps small numbers away', async () => {
  await site.report({ queue: 4, syncStatus: run() });
  const page = await admin();

  await page.evaluate(() => document.querySelector('msync-nav').setAttribute('threshold', 4));
  await site.report({ queue: 3, syncStatus: run() });
  await badge(page).waitFor({ state: 'hidden' });
  await site.report({ queue: 5, syncStatus: run() });
  await badge(page).waitFor();
  assert.equal(await shown(page), '5');
  await close(page);
});

test('the panel opens as a dialog, closes with Esc and gives the focus back', async () => {
  await site.report({ state: 'error', queue: 4, error: 'CENTRAL_ERROR', syncStatus: failed('CENTRAL_ERROR', 'why') });
  const page = await admin();
  const focused = (tag) => page.evaluate((name) => document.activeElement?.localName === name, tag);

  assert.equal(await entry(page).getAttribute('aria-haspopup'), 'dialog');
  await entry(page).click();
  await dialog(page).waitFor();
  await dialog(page).locator('.notice').getByText('El servidor central informó de un fallo propio.').waitFor();
  await picture(page, 'dialog', { fullPage: false });
  await accessible(page);

  await dialog(page).getByRole('button', { name: 'Detalles' }).focus();
  await page.getByText('why', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByText('why', { exact: true }).waitFor({ state: 'hidden' });
  assert.ok(await dialog(page).isVisible(), 'the first Esc closes the details only');
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'hidden' });
  assert.ok(await focused('msync-nav'));

  await entry(page).click();
  await dialog(page).getByRole('button', { name: 'Cerrar' }).click();
  await dialog(page).waitFor({ state: 'hidden' });
  await close(page);
});

test('a panel that the network lost is asked for again, without a word before somebody wants it', async () => {
  const page = await open();
  let asked = 0;
  await page.route(/\/panel\.js/, (route) => (++asked < 3 ? route.abort() : route.continue()));
  await page.goto(`${site.url}/`);
  await entry(page).waitFor();
  await until('it was fetched ahead', () => asked > 0);

  await entry(page).click();
  await until('it was asked for again', () => asked > 1);
  assert.ok(await page.locator('msync-nav button.opening').isVisible(), 'the icon turns while it is not there');
  await dialog(page).waitFor();
  assert.equal(await page.locator('msync-nav .opening').count(), 0);
  await close(page);
});

test('Alt+Shift+S opens it from anywhere', async () => {
  await site.report({ queue: 4, syncStatus: run() });
  const page = await admin('orders.html');

  await page.keyboard.press('Alt+Shift+S');
  await dialog(page).waitFor();
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'hidden' });
  await page.keyboard.press('Alt+Shift+S');
  await dialog(page).getByRole('button', { name: '¡Sincronizar ahora!' }).waitFor();
  await page.keyboard.press('Enter');
  await dialog(page).getByRole('button', { name: 'Sincronizando…' }).waitFor();
  await close(page);
});

test('a run is seen in the menu and in the dialog, dark too', async () => {
  await site.report({ state: 'syncing', queue: 4, syncStatus: running(600, 200) });
  const page = await admin('', { reducedMotion: 'no-preference', colorScheme: 'dark' });

  assert.equal(await page.locator('msync-nav .sync').evaluate((node) => {
    const { animationName, animationTimingFunction } = getComputedStyle(node);
    return `${animationName} ${animationTimingFunction}`;
  }), 'turn steps(12)');
  await entry(page).click();
  await dialog(page).getByRole('listitem').filter({ hasText: 'Obtener Remotamente' })
    .and(page.locator('[aria-current=step]')).waitFor();
  await picture(page, 'dialog-dark', { fullPage: false });
  await accessible(page);
  await close(page);
});

test('in the corner of an application whose menu no filter finds', async () => {
  await site.report({ queue: 4, syncStatus: run() });
  const page = await admin('dock/');
  const box = page.locator('msync-nav .dock');

  await until('it is beside the menu, in the other corner', async () => {
    const { x, y, width, height } = await box.boundingBox();
    return Math.round(1000 - x - width) === 8 && Math.round(760 - y - height) === 8;
  });
  await picture(page, 'dock', { fullPage: false });
  await accessible(page);
  await close(page);
});

test('on a phone the dialog fills the screen', async () => {
  await site.report({ state: 'error', queue: 4, error: 'CENTRAL_ERROR', syncStatus: failed('CENTRAL_ERROR', 'why') });
  const page = await admin('', { viewport: { width: 320, height: 640 }, deviceScaleFactor: 2, isMobile: true,
    hasTouch: true });

  await picture(page, 'phone-admin', { fullPage: false });
  await entry(page).tap();
  await dialog(page).waitFor();
  await fits(page);
  assert.ok((await dialog(page).boundingBox()).width <= 320);
  await picture(page, 'phone-dialog', { fullPage: false });
  await accessible(page);
  await close(page);
});

test('the words follow the language of the application, not of the browser', async () => {
  const page = await admin('', { locale: 'en' });
  await entry(page).click();
  await dialog(page).getByRole('tab', { name: 'Configuración' }).waitFor();
  await close(page);
});

/** Synchronising an initialised site: the real helper and the emulator. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { accessible, close, open, picture } from './lib/browser.js';
import { Central, Site, until } from './lib/site.js';

const NOW = { name: '¡Sincronizar ahora!' };
const SYNCING = { name: 'Sincronizando…' };

/** Two records for each central server. */
const FOUR = [['item_line', 'ID', "batch = 'EDIT-'"], ['Location', 'ID', "Description = 'Cuarto frío '"],
  ['asset', 'id', "notes = 'Revisado '"], ['asset_log', 'id', "comment = 'Bien '"]];

let central;
let site;
let edits = 0;

before(async () => {
  central = await Central.start();
  site = await Site.start({ central });
  await site.sync();
});

after(async () => {
  await site?.stop();
  await central?.stop();
});

beforeEach(async () => {
  await central.clearFaults();
  await site.wait('nothing runs', (doc) => doc.syncStatus?.isSyncing === false);
});

async function edit(...tables) {
  edits++;
  await site.sql(...FOUR.filter(([table]) => tables.includes(table)).map(([table, key, set]) => `UPDATE "${table}" SET `
    + `${set} || ${edits} WHERE "${key}" = (SELECT min("${key}") FROM "${table}")`));
}

const step = (page, name) => page.getByRole('listitem').filter({ has: page.getByText(name, { exact: true }) });
const active = (page, name) => step(page, name).and(page.locator('[aria-current=step]'));

const notice = (page, text) => page.locator('.notice').getByText(text);

/** A slow pull of the remote records, long enough to look at it. */
const slowly = (milliseconds) => central.fault({ api: 'v5', path: 'queued_records', method: 'GET', kind: 'delay',
  value: milliseconds, times: 1 });

test('four changes: both totals are 4 and four records are sent', async () => {
  const page = await open(`${site.url}/sync/`);
  const earlier = await central.state();

  await page.getByText('Todo está enviado').waitFor();
  await edit('item_line', 'Location', 'asset', 'asset_log');
  await until('all four are counted', async () => await page.locator('.count strong').textContent() === '4');
  await picture(page, 'waiting');

  await slowly(6000);
  await page.getByRole('button', NOW).click();
  const busy = page.getByRole('button', SYNCING);
  await busy.waitFor();
  assert.equal(await busy.getAttribute('aria-disabled'), 'true');
  assert.ok(await busy.locator('.spin').isVisible(), 'the button is a spinner');
  await page.getByRole('button', { name: 'Cancelar' }).waitFor();

  await active(page, 'Obtener Remotamente').waitFor();
  assert.equal(await step(page, 'Obtener Remotamente').locator('.state').textContent(), 'activo');
  assert.equal(await page.locator('[aria-current=step]').count(), 1);
  for (const name of ['Push V6', 'Push']) {
    assert.equal(await step(page, name).locator('.amount').textContent(), '4 / 4', name);
  }
  await page.getByText('4 cambios por procesar; cada uno va al servidor que le corresponde').waitFor();
  await picture(page, 'syncing');
  await accessible(page);

  await page.getByRole('button', NOW).waitFor();
  await page.getByText('Todo está enviado').waitFor();
  await picture(page, 'done');

  const now = await central.state();
  const sent = (api) => now.received[api].slice(earlier.receivedCount[api]).map(({ tableName }) => tableName);
  assert.deepEqual(sent('v5').sort(), ['Location', 'item_line']);
  assert.deepEqual(sent('v6').sort(), ['asset', 'asset_log']);
  assert.deepEqual(now.violations, []);
  await close(page);
});

for (const [what, milliseconds, between] of [['the start and the end of a short run', 2500, []],
  ['the step at which a long run is', 11500, ['Obtener Remotamente']]]) {
  test(`what a screen reader hears: ${what}, nothing else`, async () => {
    const page = await open(`${site.url}/sync/`);
    const heard = () => page.evaluate(() => globalThis.heard);

    await page.getByRole('button', NOW).waitFor();
    await page.evaluate(() => {
      const region = document.querySelector('msync-panel').shadowRoot.querySelector('p[role=status]');
      globalThis.heard = [];
      new MutationObserver(() => globalThis.heard.push(region.textContent)).observe(region, { childList: true });
    });
    await slowly(milliseconds);
    await page.getByRole('button', NOW).click();
    await page.getByRole('button', SYNCING).waitFor();
    await page.getByRole('button', NOW).waitFor();
    await until('the end is heard', async () => (await heard()).length > 1 + between.length);
    assert.deepEqual(await heard(), ['Sincronizando…', ...between, 'La sincronización ha terminado']);
    await close(page);
  });
}

test('cancel stops the run, and nothing is lost', async () => {
  const page = await open(`${site.url}/sync/`);

  await edit('item_line');
  await slowly(40000);
  await page.getByRole('button', NOW).click();
  await active(page, 'Obtener Remotamente').waitFor();
  await page.getByText('Sincronización en curso').first().waitFor();
  await page.getByRole('button', { name: 'Cancelar' }).focus();
  await page.keyboard.press('Enter');
  await notice(page, 'La sincronización se canceló.').waitFor();
  await page.locator('.main:focus', { hasText: '¡Sincronizar ahora!' }).waitFor();
  assert.equal(await step(page, 'Obtener Remotamente').locator('.state').textContent(), 'cancelado');
  await picture(page, 'cancelled');
  await accessible(page);
  assert.equal((await site.sync()).syncStatus.error, null);
  await notice(page, 'La sincronización se canceló.').waitFor({ state: 'detached' });
  await close(page);
});

test('pause says so and resume ends it', async () => {
  const page = await open(`${site.url}/sync/`);

  await page.getByRole('tab', { name: 'Configuración' }).click();
  await page.getByRole('button', { name: 'Pausar' }).click();
  await notice(page, 'La sincronización está en pausa').waitFor();
  await site.wait('it is paused', ({ state }) => state === 'paused');
  await page.getByRole('tab', { name: 'Estado' }).click();
  await picture(page, 'paused');
  await accessible(page);

  await page.locator('.notice').getByRole('button', { name: 'Reanudar' }).focus();
  await page.keyboard.press('Enter');
  await notice(page, 'La sincronización está en pausa').waitFor({ state: 'detached' });
  await page.locator('.main:focus').waitFor();
  await site.wait('it is not paused', ({ state }) => state !== 'paused');
  await close(page);
});

test('a database that another program keeps locked: said, cancelled, and well again', async () => {
  const page = await open(`${site.url}/sync/`);
  const locked = notice(page, 'Otro programa mantiene bloqueada la base de datos de este sitio');

  await page.getByRole('button', NOW).waitFor();
  const release = await site.lock();
  await page.getByRole('button', NOW).click();
  await locked.waitFor();
  await page.getByRole('button', { name: 'Cancelar' }).click();
  await page.getByRole('button', NOW).waitFor();
  await release();
  await locked.waitFor({ state: 'detached' });
  await page.getByRole('button', NOW).click();
  await page.locator('.steps .done').nth(5).waitFor();
  assert.equal(await page.locator('.notice').count(), 0);
  await close(page);
});

test('two tabs show the same run, whoever started it', async () => {
  const [one, two] = await Promise.all([open(`${site.url}/sync/`), open(`${site.url}/sync/?lang=en`)]);

  await two.getByRole('button', { name: 'Sync now!' }).waitFor();
  await slowly(6000);
  await one.getByRole('button', NOW).click();
  await two.getByRole('button', { name: 'Synchronising…' }).waitFor();
  await active(two, 'Pull Remote').waitFor();
  await active(one, 'Obtener Remotamente').waitFor();
  await Promise.all([one.getByRole('button', NOW).waitFor(), two.getByRole('button', { name: 'Sync now!' }).waitFor()]);
  await Promise.all([close(one), close(two)]);
});

test('a reload of nginx while somebody watches costs nothing', async () => {
  const page = await open(`${site.url}/sync/`);

  await page.getByRole('button', NOW).waitFor();
  await site.reload();
  await edit('item_line', 'asset');
  await until('the page counts', async () => await page.locator('.count strong').textContent() === '2');
  assert.equal(await page.getByText('No hay conexión').count(), 0);

  await slowly(6000);
  await page.getByRole('button', NOW).click();
  await active(page, 'Obtener Remotamente').waitFor();
  await site.reload();
  await page.getByText('Todo está enviado').waitFor();
  await site.wait('all is sent', (doc) => doc.numberOfRecordsInPushQueue === 0);
  await close(page);
});

test('a server that is gone is said to be, and its return seen', async () => {
  const page = await open(`${site.url}/sync/`);

  await page.getByRole('button', NOW).waitFor();
  await site.stopNginx();
  await notice(page, 'No hay conexión con el servidor de este sitio.').waitFor();
  await picture(page, 'offline');
  await accessible(page);
  await page.getByRole('tab', { name: 'Historial' }).click();
  await page.getByRole('tab', { name: 'Estado' }).click();
  await page.getByRole('button', NOW).click();
  await page.getByRole('button', NOW).waitFor();
  assert.equal(await page.locator('.notice').count(), 1, 'said once');
  await page.getByRole('tab', { name: 'Historial' }).click();

  await site.startNginx();
  await notice(page, 'No hay conexión con el servidor de este sitio.').waitFor({ state: 'detached' });
  await page.locator('p[role=status]').filter({ hasText: 'Se ha recuperado la conexión con el servidor' }).waitFor();
  await page.locator('#history table').waitFor();
  assert.equal(await page.locator('.notice').count(), 0);
  await page.getByRole('tab', { name: 'Estado' }).click();
  await edit('item_line');
  await page.getByText('registro espera ser enviado', { exact: true }).waitFor();
  await close(page);
});

test('errors of the central servers, as they happen', async () => {
  const page = await open(`${site.url}/sync/`);
  const hardwareId = (await central.state()).hardwareId;
  const cases = [
    ['La contraseña del sitio no es correcta.', { password: 'changed' }, { password: 'secret' }],
    ['El servidor central espera este sitio en otro equipo.', { hardware_id: 'other' }, { hardware_id: hardwareId }],
    ['Las versiones de este sitio y del servidor central no son compatibles.', { version: 99 }, { version: 14 }],
    ['Falta la dirección del servidor central de Open mSupply.', { v6_url: '' },
      { v6_url: `http://127.0.0.1:${central.v6}` }],
  ];

  for (const [text, broken, sound] of cases) {
    await central.config(broken);
    await page.getByRole('button', NOW).click();
    await notice(page, text).waitFor();
    await central.config(sound);
  }

  await central.fault({ api: 'v5', path: 'site', kind: 'error_code', value: 'site_has_no_store', times: 20 });
  await page.getByRole('button', NOW).click();
  await notice(page, 'Este sitio no tiene ningún almacén en el servidor central.').waitFor();
  await central.clearFaults();

  await central.stop();
  await page.getByRole('button', NOW).click();
  await notice(page, 'No se pudo llegar al servidor central.').waitFor();
  await notice(page, 'Su trabajo está a salvo').waitFor();
  await picture(page, 'unreachable');

  await central.restart();
  await central.config({ initialisation_status: 'completed' });    /* it has not lost what it knew of the site */
  await page.getByRole('button', NOW).click();
  await site.wait('a run has gone well', ({ syncStatus }) => !syncStatus.isSyncing && syncStatus.error === null);
  await page.locator('.notice.bad').waitFor({ state: 'detached' });
  await close(page);
});

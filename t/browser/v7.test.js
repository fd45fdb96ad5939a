/** A site that speaks v7: the steps in place of the others, and what its token needs of people. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, close, fits, open, picture } from './lib/browser.js';
import { Central, PASSWORD, Site } from './lib/site.js';

const NOW = { name: '¡Sincronizar ahora!' };

let central;
let site;

before(async () => {
  central = await Central.start({ records: 400, protocol: 'v7' });
  site = await Site.start();
});

after(async () => {
  await site?.stop();
  await central?.stop();
});

const steps = (page) => page.getByRole('list').getByRole('listitem');
const active = (page, name) => steps(page).filter({ hasText: name }).and(page.locator('[aria-current=step]'));

test('a new site is set up with the address of Open mSupply central', async () => {
  const page = await open(`${site.url}/sync/`);
  const field = (name) => page.getByLabel(name, { exact: true });

  await central.config({ page_delay_ms: 1500 });
  await field('Dirección del servidor central').fill(central.url);
  await field('Nombre del sitio').fill('Clinic 7');
  await field('Contraseña del sitio').fill(PASSWORD);
  await page.getByRole('button', { name: 'Conectar y empezar' }).click();

  await page.getByRole('heading', { name: 'Primera sincronización' }).waitFor();
  await active(page, 'Obtener').waitFor();
  assert.deepEqual(await steps(page).locator('.name').allTextContents(), ['Obtener', 'Integrar']);
  assert.match(await steps(page).filter({ hasText: 'Obtener' }).locator('.amount').textContent(), /^(\d+\s%)?$/,
    'what central says is left is no number of records');
  await picture(page, 'v7-first');

  await page.getByText('Todo está enviado').waitFor();
  await page.locator('.steps .done').nth(1).waitFor();
  assert.equal((await site.status()).initialisationStatus, 'INITIALISED');
  await central.config({ page_delay_ms: 0 });
  await close(page);
});

test('a change goes out, central is waited for, then comes what is new', async () => {
  const page = await open(`${site.url}/sync/`);

  await page.getByText('Todo está enviado').waitFor();
  await site.sql('UPDATE "item_line" SET batch = \'EDIT\' WHERE "ID" = (SELECT min("ID") FROM "item_line")');
  await page.locator('.count strong').getByText('1', { exact: true }).waitFor();
  await central.config({ integration_ms: 4000 });
  await page.getByRole('button', NOW).click();

  await active(page, 'Proceso en el Central').waitFor();
  assert.deepEqual(await steps(page).locator('.name').allTextContents(),
    ['Push', 'Proceso en el Central', 'Obtener', 'Integrar']);
  assert.equal(await steps(page).filter({ hasText: 'Push' }).locator('.amount').textContent(), '1 / 1');
  await picture(page, 'v7-waiting');
  await accessible(page);

  await page.getByText('Todo está enviado').waitFor();
  await page.getByRole('button', NOW).waitFor();
  await picture(page, 'v7-done');
  assert.equal(await steps(page).filter({ hasText: 'Obtener' }).locator('.amount').textContent(), '0 / 0');
  await fits(page);
  await central.config({ integration_ms: 0 });

  await page.getByRole('tab', { name: 'Configuración' }).click();
  await page.getByText('Protocolo', { exact: true }).waitFor();
  assert.equal(await page.locator('dt:text-is("Protocolo") + dd').textContent(), 'v7');

  const { violations, receivedCount } = await central.state();
  assert.deepEqual(violations, []);
  assert.equal(receivedCount.v7, 1);
  await close(page);
});

test('a token that somebody else has is explained', async () => {
  const page = await open(`${site.url}/sync/`);

  await central.config({ v7_token: 'somebody-else' });
  await page.getByRole('button', NOW).click();
  await page.locator('.notice').getByText(/entregó la clave de acceso/).first().waitFor();
  assert.equal((await site.status()).syncStatus.error.variant, 'TOKEN_ALREADY_ALLOCATED');
  await picture(page, 'v7-token');
  await accessible(page);

  await central.config({ v7_token: null });
  await page.getByRole('button', NOW).click();
  await page.getByText('Todo está enviado').waitFor();
  await close(page);
});

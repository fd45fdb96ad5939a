/** A site without settings: the form, then the first synchronisation. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, close, fits, open, picture } from './lib/browser.js';
import { Central, PASSWORD, Site } from './lib/site.js';

let central;
let site;

before(async () => {
  central = await Central.start({ records: 400 });
  site = await Site.start();
});

after(async () => {
  await site?.stop();
  await central?.stop();
});

test('in an application the cross is at the end of the header, also where there are no tabs', async () => {
  const page = await open(`${site.url}/`);
  const panel = page.getByRole('dialog');

  await page.keyboard.press('Alt+Shift+S');
  await panel.getByRole('heading', { name: 'Conectar este sitio' }).waitFor();
  const [cross, header] = await Promise.all([panel.getByRole('button', { name: 'Cerrar' }), panel.locator('header')]
    .map((part) => part.boundingBox()));
  assert.equal(cross.x + cross.width, header.x + header.width);
  await picture(page, 'first-dialog');
  await close(page);
});

test('a site without settings is initialised from the form, Prepare in place of the pushes', async () => {
  const page = await open(`${site.url}/sync/`);
  const field = (name) => page.getByLabel(name, { exact: true });
  const start = page.getByRole('button', { name: 'Conectar y empezar' });

  await page.getByRole('heading', { name: 'Conectar este sitio' }).waitFor();
  assert.equal(await page.getByRole('button', { name: '¡Sincronizar ahora!' }).isVisible(), false);
  assert.equal(await page.getByRole('tab').first().isVisible(), false, 'there is nothing else to see yet');
  await picture(page, 'first-form');
  await accessible(page);

  await start.click();
  assert.equal(await page.getByText('Rellene este campo.').count(), 3);
  assert.equal(await field('Dirección del servidor central').getAttribute('aria-invalid'), 'true');
  await accessible(page);

  await field('Dirección del servidor central').fill(central.url);
  await field('Nombre del sitio').fill('Clinic 7');
  await field('Contraseña del sitio').fill('wrong');
  await start.click();
  const password = page.locator('.field', { has: field('Contraseña del sitio') });
  await password.getByText('La contraseña del sitio no es correcta.').waitFor();
  const advice = await page.locator('.notice p').textContent();
  assert.ok(advice.startsWith('Escríbala de nuevo.'), `${advice}: a tab that is not there is not named`);
  await picture(page, 'first-form-wrong');

  await central.config({ initialise_ms: 2500, page_delay_ms: 250 });
  await field('Contraseña del sitio').fill(PASSWORD);
  await start.click();

  const steps = page.getByRole('list').getByRole('listitem');
  await page.getByRole('heading', { name: 'Primera sincronización' }).waitFor();
  assert.ok(await page.locator('.main:focus').isVisible(), 'the focus goes on from the form to the button');
  await steps.filter({ hasText: 'Preparar' }).and(page.locator('[aria-current=step]')).waitFor();
  assert.deepEqual(await steps.locator('.name').allTextContents(),
    ['Preparar', 'Obtener del Central', 'Obtener Remotamente', 'Obtener V6', 'Integrar']);
  await picture(page, 'first-prepare');

  await steps.filter({ hasText: 'Obtener Remotamente' }).and(page.locator('[aria-current=step]')).waitFor();
  await picture(page, 'first-running');

  await page.getByText('Todo está enviado').waitFor();
  await page.locator('.steps .done').nth(4).waitFor();
  assert.deepEqual(await steps.locator('.state').allTextContents(), Array(5).fill('hecho'));
  assert.equal((await site.status()).initialisationStatus, 'INITIALISED');
  await page.getByRole('tab', { name: 'Configuración' }).waitFor();
  await picture(page, 'first-done');
  await fits(page);
  await close(page);
});

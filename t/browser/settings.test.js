/** Settings, good and bad, with the real helper and the emulator. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { accessible, close, fits, open, picture } from './lib/browser.js';
import { Central, PASSWORD, Site } from './lib/site.js';

let central;
let site;
let page;

const field = (name) => page.getByLabel(name, { exact: true });
const error = (name) => page.locator('.field', { has: field(name) }).locator('.error');
const press = (name) => page.getByRole('button', { name, exact: true }).click();
const settings = async () => (await fetch(`${site.api}settings`)).json();
const interval = () => field('Sincronizar cada');

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
  page = await open(`${site.url}/sync/`);
  await page.getByRole('tab', { name: 'Configuración' }).click();
  await field('Nombre del sitio').and(page.locator('input')).waitFor();
  await page.waitForFunction(() => document.querySelector('msync-panel').shadowRoot.querySelector('#url').value);
});

test('what is set is shown, the password never', async () => {
  assert.equal(await field('Dirección del servidor central').inputValue(), central.url);
  assert.equal(await field('Nombre del sitio').inputValue(), 'Clinic 7');
  assert.equal(await field('Contraseña del sitio').inputValue(), '');
  await page.getByText('Guardada. Déjela vacía para conservarla.').waitFor();
  assert.equal(await page.locator('code').textContent(), (await settings()).hardwareId);
  assert.equal(await page.locator('dt:text-is("Protocolo") + dd').textContent(), 'v5 + v6');
  await picture(page, 'settings');
  await accessible(page);
  await fits(page);
  await close(page);
});

test('the interval alone is saved without the password', async () => {
  await interval().selectOption({ label: '10 minutos' });
  await press('Guardar');
  await page.getByText('Comprobado y guardado').waitFor();
  assert.equal((await settings()).intervalSeconds, 600);
  await picture(page, 'settings-saved');

  await page.reload();
  await page.getByRole('tab', { name: 'Configuración' }).click();
  await page.waitForFunction(() => document.querySelector('msync-panel').shadowRoot
    .querySelector('#intervalSeconds')?.value === '600');
  await interval().selectOption({ label: 'Solo manual' });
  await press('Guardar');
  await page.getByText('Comprobado y guardado').waitFor();
  await page.getByRole('tab', { name: 'Estado' }).click();
  await page.locator('.facts').getByText('Solo manual').waitFor();
  await close(page);
});

test('a run that ends takes back nothing of what was chosen', async () => {
  await interval().selectOption({ label: '1 hora' });
  await site.sync();
  await page.getByRole('tab', { name: 'Estado' }).click();
  const asked = page.waitForResponse(`${site.api}settings`);
  await page.getByRole('tab', { name: 'Configuración' }).click();
  await asked;
  assert.equal(await interval().inputValue(), '3600');
  await close(page);
});

test('reasons of the server are behind the i, not beside the fields', async () => {
  await field('Dirección del servidor central').fill(central.url.replace('//', '//somebody@'));
  await field('Contraseña del sitio').fill(PASSWORD);
  await press('Guardar');
  await error('Dirección del servidor central').getByText('Revise este dato.', { exact: true }).waitFor();
  await page.locator('#settings .why-button').hover();
  await page.locator('#settings pre').getByText('must not contain a user name').waitFor();
  await accessible(page);
  await close(page);
});

test('the connection is tested without saving', async () => {
  await press('Probar conexión');
  await page.getByText('La conexión funciona. Sitio: Clinic 7 (n.º 7)').waitFor();

  await field('Contraseña del sitio').fill('wrong ');
  await page.getByText('Empieza o termina con un espacio.').waitFor();
  await field('Contraseña del sitio').fill('wrong');
  await page.getByText('Empieza o termina con un espacio.').waitFor({ state: 'detached' });
  await press('Probar conexión');
  await error('Contraseña del sitio').getByText('La contraseña del sitio no es correcta.').waitFor();
  assert.equal(await field('Contraseña del sitio').getAttribute('aria-invalid'), 'true');
  assert.match(await field('Contraseña del sitio').getAttribute('aria-describedby'), /password-error/);
  await picture(page, 'settings-wrong');
  await accessible(page);
  assert.equal((await site.sync()).syncStatus.error, null, 'the old password is kept');
  await close(page);
});

test('a wrong site name is said beside its field, and nothing is saved', async () => {
  await field('Nombre del sitio').fill('Clinic 8');
  await field('Contraseña del sitio').fill(PASSWORD);
  await press('Guardar');
  await page.getByText('No se guardó nada').waitFor();
  await error('Nombre del sitio').getByText('El servidor central no conoce este nombre de sitio.').waitFor();
  assert.equal((await settings()).username, 'Clinic 7');
  await close(page);
});

test('of a test nothing is said that is of runs', async () => {
  const refusal = { variant: 'SITE_IS_NOT_V7', fullError: 'not yet' };

  await page.route('**/api/test', (route) => route.fulfill({ status: 422, json: { error: refusal } }));
  await press('Probar conexión');
  await page.getByText('si este sitio debe actualizarse.').waitFor();
  assert.equal(await page.getByText('Se intenta de nuevo').count(), 0);
  await page.unroute('**/api/test');
  await close(page);
});

test('what is no address is said before anybody is asked', async () => {
  const { requestCount } = await central.state();

  await field('Dirección del servidor central').fill('central');
  await press('Guardar');
  await error('Dirección del servidor central').getByText('Una dirección web empieza con https://').waitFor();
  await field('Dirección del servidor central').fill('');
  await press('Guardar');
  await error('Dirección del servidor central').getByText('Rellene este campo.').waitFor();
  await field('Nombre del sitio').fill('Clinic:7');
  await press('Guardar');
  await error('Nombre del sitio').getByText('El nombre no puede llevar dos puntos (:).').waitFor();
  assert.equal((await central.state()).requestCount, requestCount);
  await close(page);
});

test('another address needs the password again', async () => {
  await field('Dirección del servidor central').fill(`http://127.0.0.1:${central.v6}`);
  await page.getByText('La dirección ha cambiado: escriba la contraseña de nuevo.').waitFor();
  await press('Guardar');
  await error('Contraseña del sitio').getByText('Rellene este campo.').waitFor();
  assert.equal((await settings()).url, central.url);

  await field('Dirección del servidor central').fill(`${central.url}/`);
  await page.getByText('Guardada. Déjela vacía para conservarla.').waitFor();
  await press('Guardar');
  await page.getByText('Comprobado y guardado').waitFor();
  await close(page);
});

test('an address at which nobody answers', async () => {
  await field('Dirección del servidor central').fill('http://127.0.0.1:9');
  await field('Contraseña del sitio').fill(PASSWORD);
  await press('Probar conexión');
  await page.locator('.notice').getByText('No se pudo llegar al servidor central.').waitFor();
  assert.equal(await field('Contraseña del sitio').inputValue(), PASSWORD, 'what was typed stays');

  await field('Dirección del servidor central').fill('ftp://central');
  await press('Probar conexión');
  await error('Dirección del servidor central').getByText('Una dirección web empieza con https://').waitFor();
  assert.equal(await page.locator('.notice').count(), 0, 'what was said of another address does not');
  await close(page);
});

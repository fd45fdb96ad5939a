/** A pharmacy that lives on the site's database, behind its own login: what it does is at central, what central does is here. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, close, open, picture } from './lib/browser.js';
import { Central, Site } from './lib/site.js';

let central;
let site;
let page;

before(async () => {
  central = await Central.start();
  site = await Site.start({ central, clinic: true });
});

after(async () => {
  if (page) {
    await close(page);
  }
  await site?.stop();
  await central?.stop();
});

const press = (name) => page.getByRole('button', { name, exact: true }).click();
const menu = (name) => page.getByRole('navigation').getByRole('link', { name }).click();
const said = (text) => page.getByRole('status').getByText(text).waitFor();
const refused = (text) => page.getByRole('alert').getByText(text).waitFor();
const one = async (statement) => (await site.sql(statement))[0];

/** Through the entry in the application's menu, as a person does it. */
async function synchronise() {
  await page.locator('msync-nav').getByRole('button').click();
  await site.sync(() => page.getByRole('dialog').getByRole('button', { name: '¡Sincronizar ahora!' }).click());
  await page.getByRole('dialog').getByRole('button', { name: 'Cerrar' }).click();
}

/** A batch that can be issued. */
const batch = () => one(`SELECT l.*, i.item_name FROM item_line l JOIN item i ON i.ID = l.item_ID
  WHERE available >= 10 AND NOT hold AND expiry_date > date('now', '+1 day') ORDER BY l.ID LIMIT 1`);

test('without its login nothing of msync is given away', async () => {
  page = await open(null);
  assert.equal((await page.goto(`${site.clinic}/sync/api/status`)).status(), 401);
  await page.goto(`${site.clinic}/count`);
  assert.equal(new URL(page.url()).pathname, '/login');
  await page.goto(`${site.clinic}/sync/`);
  await page.getByLabel('Nombre').fill('ana');
  await page.getByLabel('Contraseña').fill('wrong');
  await press('Entrar');
  await refused('El nombre o la contraseña no es así.');
  await page.getByLabel('Nombre').fill('ana');
  await page.getByLabel('Contraseña').fill('secret');
  await press('Entrar');
  await page.getByRole('button', { name: 'Conectar y empezar' }).waitFor();
  assert.equal(new URL(page.url()).pathname, '/sync/');
});

test('before the first sync it says so, after it there is stock', async () => {
  await page.goto(`${site.clinic}/`);
  await page.getByText('la primera sincronización').waitFor();
  await site.sync();
  await page.reload();
  await page.getByRole('cell', { name: (await batch()).item_name }).first().waitFor();
  await accessible(page);
  await picture(page, 'clinic');
});

test('what is issued to a patient waits on the page, and is at central after a sync', async () => {
  const { ID, available } = await batch();
  const patient = await one("SELECT ID FROM name WHERE type = 'patient' ORDER BY ID LIMIT 1");

  await menu('Entregar');
  await accessible(page);
  await page.getByLabel('A quién').selectOption(patient.ID);
  await page.getByLabel('Lote').selectOption(ID);
  await page.getByLabel('Envases').fill('3');
  await press('Entregar');
  await said('Entregado: n.º');
  await site.wait('three records wait', (doc) => doc.numberOfRecordsInPushQueue === 3);
  await page.locator('msync-nav .badge').getByText('3').waitFor();

  const invoice = await one("SELECT * FROM transact WHERE type = 'ci' ORDER BY rowid DESC LIMIT 1");
  assert.equal(invoice.mode, 'dispensary');
  await synchronise();
  assert.equal((await central.record('transact', invoice.ID)).name_ID, patient.ID);
  assert.equal((await central.record('item_line', ID)).available, available - 3);
  const line = await one(`SELECT ID FROM trans_line WHERE transaction_ID = '${invoice.ID}'`);
  assert.equal((await central.record('trans_line', line.ID)).quantity, 3);
});

test('what cannot be issued is refused in words, and changes nothing', async () => {
  const { ID, available } = await batch();

  await menu('Entregar');
  await page.getByLabel('Lote').selectOption(ID);
  await page.getByLabel('Envases').fill(String(available + 1));
  await press('Entregar');
  await refused(`Solo quedan ${available} de este lote.`);
  assert.equal((await batch()).available, available);
  assert.equal((await site.status()).numberOfRecordsInPushQueue, 0);
});

test('what central sends can be received', async () => {
  const example = await one(`SELECT t.* FROM transact t JOIN trans_line l ON l.transaction_ID = t.ID
    ORDER BY t.ID LIMIT 1`);
  const exampleLine = await one(`SELECT ID FROM trans_line WHERE transaction_ID = '${example.ID}' LIMIT 1`);
  const delivery = { ...await central.record('transact', example.ID), ID: 'DE11'.padEnd(32, '0'), invoice_num: 7001,
    type: 'si', status: 'nw', confirm_date: '0000-00-00', finalised_date: '0000-00-00', om_status: null,
    om_created_datetime: null };
  const line = { ...await central.record('trans_line', exampleLine.ID), ID: 'DE12'.padEnd(32, '0'),
    transaction_ID: delivery.ID, item_line_ID: '', batch: 'RECIBIDO-1', quantity: 12, type: 'stock_in',
    expiry_date: '2030-01-31T00:00:00' };

  await central.change([{ tableName: 'transact', recordId: delivery.ID, action: 'insert', recordData: delivery },
    { tableName: 'trans_line', recordId: line.ID, action: 'insert', recordData: line }]);
  await synchronise();
  await menu('Recibir');
  await accessible(page);
  await page.getByRole('heading', { name: 'N.º 7001 de' }).waitFor();
  await press('Recibir n.º 7001');
  await said('Recibida: n.º 7001.');
  await menu('Existencias');
  await page.getByRole('cell', { name: 'RECIBIDO-1' }).waitFor();
  await synchronise();
  assert.equal((await central.record('transact', delivery.ID)).status, 'fn');
  const received = await one("SELECT ID FROM item_line WHERE batch = 'RECIBIDO-1'");
  assert.equal((await central.record('item_line', received.ID)).quantity, 12);
});

test('what was counted is a stocktake, and its difference is booked', async () => {
  const { ID, quantity } = await batch();
  const name = await central.record('name', (await one("SELECT ID FROM name WHERE type = 'facility' LIMIT 1")).ID);

  await central.change({ tableName: 'name', recordId: 'AD'.padEnd(32, '0'), action: 'insert',
    recordData: { ...name, ID: 'AD'.padEnd(32, '0'), code: 'invad', name: 'Inventory adjustments' } });
  await synchronise();
  await menu('Contar');
  await accessible(page);
  await page.locator(`input[name="${ID}"]`).fill(String(quantity - 2));
  await press('Terminar el conteo');
  await said('Conteo n.º');
  await synchronise();

  const take = await one('SELECT * FROM Stock_take ORDER BY rowid DESC LIMIT 1');
  assert.equal((await central.record('Stock_take', take.ID)).invad_reductions_ID, take.invad_reductions_ID);
  assert.equal((await central.record('transact', take.invad_reductions_ID)).type, 'sc');
  assert.equal((await central.record('item_line', ID)).quantity, quantity - 2);
  const line = await one(`SELECT ID FROM Stock_take_lines WHERE stock_take_ID = '${take.ID}'`);
  assert.equal((await central.record('Stock_take_lines', line.ID)).stock_take_qty, quantity - 2);
});

test('central found nothing wrong with what the application wrote', async () => {
  assert.deepEqual((await central.state()).violations, []);
  assert.equal((await site.status()).integrationErrors, 0);
});

test('who was signed out is asked to sign in again, and finds the dialog open', async () => {
  await page.locator('msync-nav').getByRole('button').click();
  await page.context().clearCookies();
  await page.getByRole('dialog').getByRole('button', { name: '¡Sincronizar ahora!' }).click();
  await page.locator('.notice').getByText('Inicie sesión de nuevo').waitFor();
  await page.getByRole('link', { name: 'Iniciar sesión' }).click();
  await page.getByLabel('Nombre').fill('ana');
  await page.getByLabel('Contraseña').fill('secret');
  await press('Entrar');
  await page.getByRole('dialog').getByRole('button', { name: '¡Sincronizar ahora!' }).waitFor();
  await page.keyboard.press('Escape');
  await press('Salir');
  await page.getByLabel('Nombre').waitFor();
});

/** What is seldom to be said: a locked database, a slower schedule, records from before msync, another protocol. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, close, fits, open, picture } from './lib/browser.js';
import { failed, run, running } from './lib/documents.js';
import { Site, until } from './lib/site.js';

let site;

before(async () => {
  site = await Site.start({ fake: true });
});

after(() => site?.stop());

const ago = (seconds) => Math.floor(Date.now() / 1000) - seconds;
const notice = (page, text) => page.locator('.notice').filter({ hasText: text });

/** The requests of one kind that the helper got, their bodies read. */
async function requests(kind) {
  return (await site.received()).filter(({ request }) => request === kind).map(({ body }) => JSON.parse(body));
}

test('a database that another program keeps locked is said to be, for how long, and the run can be cancelled', async () => {
  await site.report({ state: 'syncing', queue: 3, locked_since: ago(75), syncStatus: running(null, null) });
  const page = await open(`${site.url}/sync/`);
  const locked = notice(page, 'Otro programa mantiene bloqueada la base de datos de este sitio');

  await locked.getByText(/Desde hace 1 minuto/).waitFor();
  await page.locator('p[role=status]').filter({ hasText: 'Otro programa' }).waitFor();
  await fits(page);
  await picture(page, 'locked');
  await accessible(page);

  await page.getByRole('button', { name: 'Cancelar' }).click();
  await until('the helper is told', async () => (await site.received()).some(({ command }) => command === 'cancel'));
  await site.report({ state: 'error', queue: 3, error: 'CANCELLED', syncStatus: failed('CANCELLED', '') });
  await locked.waitFor({ state: 'detached' });

  await site.report({ queue: 3, locked_since: ago(4), syncStatus: run() });
  await locked.waitFor();
  assert.ok(await page.getByRole('button', { name: 'Cancelar' }).isVisible(), 'before a run has begun, too');
  await close(page);
});

test('a press that nobody answers is said not to be lost, and what happens then, until the run begins', async () => {
  const last = run();
  await site.report({ syncStatus: last });
  const page = await open(`${site.url}/sync/`);
  const unanswered = notice(page, 'La sincronización aún no ha comenzado');
  const button = page.getByRole('button', { name: '¡Sincronizar ahora!' });

  await button.click();
  await unanswered.getByText(/Su petición fue recibida y no se pierde.* se reinicia y entonces hace lo pedido/).waitFor();
  await page.locator('p[role=status]').filter({ hasText: 'aún no ha comenzado' }).waitFor();
  await fits(page);
  await picture(page, 'unanswered');
  await accessible(page);

  await site.report({ locked_since: ago(4), syncStatus: last });
  await notice(page, 'Otro programa mantiene bloqueada').waitFor();
  await unanswered.waitFor({ state: 'detached' });

  await site.report({ syncStatus: last });
  await unanswered.waitFor();
  await site.report({ state: 'syncing', syncStatus: running(null, null) });
  await unanswered.waitFor({ state: 'detached' });
  await site.report({ syncStatus: run() });
  await button.waitFor();
  assert.equal(await unanswered.count(), 0, 'not of a run that is over');
  await close(page);
});

test('a log that a reader which never ends lets grow is said, with its size', async () => {
  await site.report({ log_bytes: 536870912, syncStatus: run() });
  const page = await open(`${site.url}/sync/`);
  const log = notice(page, 'Un programa no deja de leer la base de datos de este sitio');

  await log.getByText(/ha crecido hasta 537 MB y puede llenar el disco/).waitFor();
  await fits(page);
  await picture(page, 'log');
  await accessible(page);
  await site.report({ syncStatus: run() });
  await log.waitFor({ state: 'detached' });
  await close(page);
});

test('hours until the next try are said to be because of the error, and the button to be quicker', async () => {
  const later = (seconds) => new Date(ago(-seconds) * 1000).toISOString().replace('.000Z', 'Z');
  await site.report({ state: 'error', error: 'INCORRECT_PASSWORD', next_sync: later(290),
    syncStatus: failed('INCORRECT_PASSWORD', '') });
  const page = await open(`${site.url}/sync/`);
  const next = page.locator('.facts > div').nth(1);

  await next.getByText('dentro de 5 minutos').waitFor();
  await site.report({ state: 'error', error: 'INCORRECT_PASSWORD', next_sync: later(3 * 3600 + 5),
    syncStatus: failed('INCORRECT_PASSWORD', '') });
  await next.getByText(/dentro de 3 horas/).waitFor();
  await next.getByText(/Se intenta con menos frecuencia hasta que se corrija/).waitFor();
  await picture(page, 'slow');
  await accessible(page);

  await site.report({ next_sync: later(3 * 3600 + 5), interval: 21600, syncStatus: run() });
  await next.getByText(/Se intenta con menos frecuencia/).waitFor({ state: 'detached' });
  await close(page);
});

test('records that were never at the centre are sent after somebody was asked back', async () => {
  await site.report({ never_sent: 1234, syncStatus: run() });
  await site.answer(202, { queued: 1234 });
  const page = await open(`${site.url}/sync/`);
  const offer = notice(page, '1234 registros de aquí quizá falten en el servidor central');
  const send = offer.getByRole('button', { name: 'Enviarlos' });

  await send.click();
  await offer.getByText('¿Enviar 1234 registros al servidor central?').waitFor();
  await offer.locator('.main:focus').waitFor();
  await fits(page);
  await picture(page, 'never-sent');
  await accessible(page);
  await page.keyboard.press('Escape');
  await offer.getByText('¿Enviar').waitFor({ state: 'hidden' });
  assert.deepEqual(await requests('send'), []);

  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  const queued = notice(page, '1234 registros se enviarán en la próxima sincronización.');
  await queued.waitFor();
  assert.equal(await queued.getByText('El resto').count(), 0);
  assert.deepEqual(await requests('send'), [{ all: true }]);
  await site.report({ never_sent: 1235, syncStatus: run() });
  await site.answer(202, { queued: 1000, goesOn: true });
  await notice(page, '1235 registros').getByRole('button', { name: 'Enviarlos' }).click();
  await page.keyboard.press('Enter');
  await notice(page, '1000 registros se enviarán').getByText('El resto sigue por sí solo.').waitFor();
  await site.report({ queue: 1234, syncStatus: run() });
  await offer.waitFor({ state: 'detached' });
  await picture(page, 'queued');
  await accessible(page);
  await site.report({ state: 'syncing', queue: 1234, syncStatus: running(100, 10) });
  await notice(page, 'se enviarán').waitFor({ state: 'detached' });
  await close(page);
});

test('the steps are those that the status names, of another protocol as well', async () => {
  const { summary, lastSuccessfulSync, push, integration, isSyncing, error } = run();
  const v7 = { isSyncing, error, warningThreshold: 1, errorThreshold: 3, summary, lastSuccessfulSync, push,
    waitForIntegration: push, pull: push, integration };

  await site.report({ protocol: 'v7', syncStatus: v7 });
  const page = await open(`${site.url}/sync/`);
  const names = page.getByRole('listitem').locator('.name');
  await names.first().waitFor();
  assert.deepEqual(await names.allTextContents(), ['Push', 'Proceso en el Central', 'Obtener', 'Integrar']);
  assert.equal(await page.locator('.note').textContent(), '', 'one server needs no words about which gets what');
  await picture(page, 'protocol-v7');

  await site.report({ state: 'initialising', protocol: 'v7', initialisation: 'INITIALISING',
    syncStatus: { ...v7, isSyncing: true, push: null, waitForIntegration: null, integration: null } });
  await until('the steps are those of a first run', async () => (
    String(await names.allTextContents()) === 'Obtener,Integrar'));
  await close(page);
});

/** Errors in words, their details, and the records that could not be integrated. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { accessible, close, fits, open, picture } from './lib/browser.js';
import { errors, failed, run, running } from './lib/documents.js';
import { ROOT, Site, until } from './lib/site.js';

const texts = Object.assign({}, ...['', '-errors'].map((part) => JSON.parse(
  readFileSync(`${ROOT}html/lang/es${part}.json`, 'utf8'))));
const LONG = `GET http://central.example.org/sync/v5/queued_records: ${'connection reset by peer; '.repeat(40)}`;

let site;

before(async () => {
  site = await Site.start({ fake: true });
});

after(() => site?.stop());

const fails = (variant, fullError = 'what the helper wrote down') => site.report({ state: 'error', queue: 3,
  error: variant, syncStatus: failed(variant, fullError) });

test('every variant has its own sentence and advice', async () => {
  const page = await open(`${site.url}/sync/`);
  const variants = Object.keys(texts).filter((key) => /^error\.(?!FORBIDDEN)/.test(key)).map((key) => key.slice(6));
  const seen = new Set();

  for (const variant of variants) {
    await fails(variant);
    const [sentence, advice] = texts[`error.${variant}`];
    const notice = page.locator('.notice', { has: page.getByText(sentence, { exact: true }) });
    await notice.getByText(advice.replaceAll(/[[\]]/g, ''), { exact: true }).waitFor();
    assert.equal(await page.locator('.notice').count(), 1, variant);
    seen.add(sentence);
  }
  assert.equal(seen.size, variants.length);
  await close(page);
});

test('what screen readers hear of a failure is what stands there', async () => {
  const page = await open(`${site.url}/sync/`);
  const [sentence, advice] = texts['error.TOKEN_ALREADY_ALLOCATED'];

  await site.report({ state: 'syncing', syncStatus: running(31, 12) });
  await page.locator('.main').getByText('Sincronizando…').waitFor();
  await fails('TOKEN_ALREADY_ALLOCATED');
  const heard = page.locator('p[role=status]').filter({ hasText: sentence });
  await heard.waitFor();
  assert.equal(await heard.textContent(), `${sentence} ${advice.replaceAll(/[[\]]/g, '')}`);
  await close(page);
});

test('a variant that this page does not know is an unexpected error, with its text', async () => {
  const page = await open(`${site.url}/sync/`);

  await fails('OF_TOMORROW', 'something new');
  await page.locator('.notice').getByText(texts['error.UNKNOWN'][0]).waitFor();
  await page.getByRole('button', { name: 'Detalles' }).hover();
  await page.getByText('something new').waitFor();
  await close(page);
});

test('an error in the words of somebody else is told by its status', async () => {
  const page = await open(`${site.url}/sync/`);
  const details = page.locator('.notice pre');

  await site.report({ syncStatus: run() });
  await details.waitFor({ state: 'hidden' });
  for (const [error, words] of [[{ code: 'x' }, 'HTTP 400'], ['in words', 'HTTP 400 in words']]) {
    await page.route('**/api/trigger', (route) => route.fulfill({ status: 400, json: { error } }));
    await page.getByRole('button', { name: '¡Sincronizar ahora!' }).click();
    await until(words, async () => await details.count() === 1 && await details.textContent() === words);
    await page.unroute('**/api/trigger');
  }
  await close(page);
});

test('the step at which a run failed shows it', async () => {
  const page = await open(`${site.url}/sync/`);

  await fails('CONNECTION_ERROR', LONG);
  const step = page.getByRole('listitem').filter({ hasText: 'Obtener Remotamente' });
  await step.getByText('falló').waitFor();
  assert.equal(await step.locator('.amount').textContent(), '12 / 31');
  assert.deepEqual(await page.getByRole('listitem').locator('.state').allTextContents(),
    ['hecho', 'hecho', 'hecho', 'falló', '–', '–'], 'what never ran is not waited for');
  await picture(page, 'error');
  await accessible(page);
  await close(page);
});

test('a step that failed shows it while those of the other server go on', async () => {
  const page = await open(`${site.url}/sync/`);
  const status = running(31, 12);

  await site.report({ state: 'syncing', syncStatus: { ...status, pushV6: { ...status.pushV6, finished: null, done: 1 } } });
  await page.locator('[aria-current=step]').filter({ hasText: 'Obtener Remotamente' }).waitFor();
  assert.deepEqual(await page.getByRole('listitem').locator('.state').allTextContents(),
    ['falló', 'hecho', 'hecho', 'activo', 'en espera', 'en espera']);
  assert.equal(await page.locator('[aria-current=step]').count(), 1);
  await picture(page, 'one-failed');
  await close(page);
});

test('details by hover, by keyboard and by tap; long ones scroll and can be selected', async () => {
  const page = await open(`${site.url}/sync/`, { hasTouch: true });
  const button = page.getByRole('button', { name: 'Detalles' });
  const text = page.locator('.pop pre');
  const gone = () => text.waitFor({ state: 'hidden' });

  await fails('CONNECTION_ERROR', LONG);
  await button.hover();
  await text.waitFor();
  assert.equal(await text.textContent(), LONG);
  assert.ok(await text.evaluate((box) => box.scrollHeight > box.clientHeight), 'a long text scrolls');
  await picture(page, 'error-details');
  await accessible(page);
  await text.hover();
  await page.waitForTimeout(500);
  assert.ok(await text.isVisible(), 'stays while the pointer is in it');
  await page.mouse.move(10, 700);
  await gone();

  await button.focus();
  await text.waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await text.evaluate((box) => box === box.getRootNode().activeElement), true, 'the text can be scrolled');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await gone();

  await button.focus();
  await text.waitFor();
  await page.keyboard.press('Escape');
  await gone();
  assert.equal(await button.evaluate((box) => box === box.getRootNode().activeElement), true, 'and the focus is kept');
  await button.evaluate((box) => box.blur());

  await button.tap();
  await text.waitFor();
  assert.equal(await button.getAttribute('aria-expanded'), 'true');
  await text.selectText();
  assert.ok((await page.evaluate(() => String(getSelection()))).length > 500, 'the text can be selected');
  await button.tap();
  await gone();

  await button.tap();
  await text.waitFor();
  await page.locator('.pop').tap({ position: { x: 3, y: 3 } });
  assert.ok(await text.isVisible(), 'a tap on them leaves them open');
  await page.touchscreen.tap(10, 700);
  await gone();
  await close(page);
});

for (const [how, permissions] of [['with', ['clipboard-read', 'clipboard-write']], ['without', []]]) {
  test(`the copy button copies the details ${how} the clipboard's leave`, async () => {
    const page = await open(null, { permissions });
    if (!permissions.length) {
      await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
    }
    await page.goto(`${site.url}/sync/`);
    await fails('CENTRAL_ERROR', 'the text to copy');
    await page.evaluate(() => document.addEventListener('copy', () => {
      globalThis.copied = document.querySelector('msync-panel').shadowRoot.activeElement?.value;
    }));
    await page.getByRole('button', { name: 'Detalles' }).click();
    await page.getByRole('button', { name: 'Copiar' }).click();
    await page.getByRole('button', { name: 'Copiado' }).waitFor();
    assert.equal(permissions.length ? await page.evaluate(() => navigator.clipboard.readText())
      : await page.evaluate(() => globalThis.copied), 'the text to copy');
    await close(page);
  });
}

test('records that could not be integrated: count, causes, try again', async () => {
  const page = await open(`${site.url}/sync/`);

  await site.document('errors', errors());
  await site.report({ state: 'idle', errors: 240, syncStatus: failed('CANCELLED', '') });
  await page.getByText('240 registros no se pudieron sincronizar').waitFor();
  await page.getByText('No queda nada más por enviar').waitFor();
  await page.getByRole('button', { name: 'Ver por causa' }).click();
  const groups = page.locator('details > summary');
  await groups.first().waitFor();
  assert.deepEqual(await groups.allTextContents(),
    ['9 item_line_ID: row … is not there yet', '3 name: text is too long']);
  await page.getByText('Se muestran los primeros 12 de 240.').waitFor();
  await groups.nth(1).click();
  await picture(page, 'problems');
  await accessible(page);

  await page.getByRole('button', { name: 'Intentar de nuevo' }).click();
  await until('the helper is asked', async () => (await site.received()).some(({ command }) => command === 'retry'));
  await site.report({ state: 'idle', errors: 1, syncStatus: failed('CANCELLED', '') });
  await page.getByText('1 registro no se pudo sincronizar').waitFor();
  await site.report({ state: 'idle', errors: 0, syncStatus: failed('CANCELLED', '') });
  await page.getByText('no se pudo sincronizar').waitFor({ state: 'hidden' });
  await close(page);
});

/* A fetch of a patient is not done by the next run. */
test('what is said of a run that somebody cancelled is true of a patient, too', async () => {
  const page = await open(`${site.url}/sync/`);

  await site.report({ state: 'idle', syncStatus: failed('CANCELLED', 'The patient was not fetched: ask again then.') });
  const notice = page.locator('.notice').filter({ hasText: 'La sincronización se canceló.' });
  await notice.getByText('No se pierde nada; iníciela de nuevo cuando quiera.').waitFor();
  assert.doesNotMatch(await notice.textContent(), /próxima vez/u);
  await close(page);
});

for (const lang of ['fr', 'ar']) {
  test(`words without an end and a million records fit in 320 pixels, ${lang}`, async () => {
    const page = await open(null, { viewport: { width: 320, height: 640 } });
    const [one] = errors().errors;
    const word = 'unbreakable'.repeat(20);

    await site.document('errors', { total: 2, errors: [1, 2].map((i) => ({ ...one, tableName: `${word}${i}`,
      recordId: `${word}${i}`, error: `${word} ${lang} ${i}` })) });    /* a document that is new */
    await site.report({ queue: 1234567, errors: 2, syncStatus: run() });
    await page.goto(`${site.url}/sync/?lang=${lang}`);
    const show = page.locator('[aria-expanded]');
    await show.click();
    await page.locator('td bdi').first().waitFor();
    await fits(page);
    for (const part of ['.count > :last-child', 'summary bdi', 'td bdi', 'td code']) {
      const { x, width } = await page.locator(part).first().boundingBox();
      assert.ok(x >= 0 && x + width <= 320, `${part}: ${x}, ${width}`);
    }
    await picture(page, `narrow-${lang}`);
    await close(page);
  });
}

test('what failed a day ago and more has its date, what failed since how long ago, or nothing', async () => {
  const page = await open(`${site.url}/sync/`);
  const now = Date.now();
  const hours = (n) => new Date(now - n * 3600000);
  const since = [2, 23.9, 24.1, 72];
  const one = errors().errors[0];

  await site.document('errors', { total: 5, errors: [...since.map((n) => hours(n).toISOString()), null]
    .map((moment, i) => ({ ...one, recordId: String(i), since: moment })) });
  await site.report({ errors: 5, syncStatus: run() });
  await page.getByRole('button', { name: 'Ver por causa' }).click();
  await page.locator('details > summary').click();
  const date = (n) => new Intl.DateTimeFormat('es', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })
    .format(hours(n));
  const said = await page.locator('td .line > small').allTextContents();
  for (const [i, words] of ['hace 2 horas', 'hace 23 horas', date(24.1), date(72)].entries()) {
    assert.ok(said[i].startsWith(words), `${said[i]}: ${words}`);
  }
  assert.match(said[4], /^\d+ intentos?$/, 'nobody knows since when this one does');
  await close(page);
});

test('a success by a clock that has been put back a little since is of now, not of later', async () => {
  const page = await open(`${site.url}/sync/`);

  await site.report({ syncStatus: run({}, -1800) });
  await page.locator('dd strong').getByText('ahora', { exact: true }).waitFor();
  await close(page);
});

test('a failed record, a cause, all of them can be dismissed, and are shown on demand', async () => {
  const { total, errors: all } = errors();
  const dismissed = { total: 1, errors: [{ ...all[9], dismissed: true }] };
  const bodies = async () => (await site.received()).filter(({ request }) => request === 'dismiss')
    .map(({ body }) => JSON.parse(body));
  const page = await open(`${site.url}/sync/`);

  await site.answer(200, { dismissed: 1 });
  await site.document('errors', { total, errors: all.map((one) => ({ ...one, dismissed: false })) });
  await site.report({ state: 'idle', errors: 240, syncStatus: failed('CANCELLED', '') });
  await page.getByRole('button', { name: 'Ver por causa' }).click();
  const group = page.locator('details').filter({ hasText: 'name: text is too long' });
  await group.locator('summary').click();

  const names = await page.getByRole('button', { name: /^Ignorar/ }).evaluateAll((buttons) => buttons.filter(
    (button) => button.checkVisibility()).map((button) => button.getAttribute('aria-label') ?? button.textContent));
  assert.equal(new Set(names).size, names.length, 'each says to ears what it is for');
  assert.ok(names.includes(`Ignorar: name ${all[9].recordId}`));

  await group.locator('tr').first().getByRole('button', { name: 'Ignorar' }).click();
  await group.getByText('¿Ignorar 1 registro? Se guarda, pero deja de contarse.').first().waitFor();
  await picture(page, 'dismiss');
  await fits(page);
  await accessible(page);
  await page.keyboard.press('Enter');
  await page.locator('p[role=status]').filter({ hasText: '1 registro ignorado' }).waitFor();
  const [first] = all.slice(9);
  assert.deepEqual(await bodies(), [{ tableName: 'name', recordId: first.recordId }]);

  await group.locator('summary').click();
  await group.getByRole('button', { name: 'Ignorar estos' }).click();
  await page.keyboard.press('Enter');
  await until('the cause is dismissed', async () => (await bodies()).length === 2);
  assert.deepEqual((await bodies())[1], { tableName: 'name', error: 'name: text is too long' });

  await page.getByRole('button', { name: 'Ignorar todos' }).click();
  await page.getByText('¿Ignorar 240 registros?').waitFor();
  await page.getByRole('button', { name: 'Ahora no' }).filter({ visible: true }).click();
  await page.getByRole('button', { name: 'Ignorar todos' }).click();
  await page.keyboard.press('Enter');
  await until('all are dismissed', async () => (await bodies()).length === 3);
  assert.deepEqual((await bodies())[2], { all: true });

  await site.document('dismissed', dismissed);
  await page.getByRole('tab', { name: 'Historial' }).click();
  await page.getByRole('button', { name: 'Registros ignorados o sin uso' }).click();
  const shown = page.locator('#history details');
  await shown.getByText(first.recordId).waitFor();
  assert.equal(await shown.getByRole('button').count(), 0, 'what is dismissed cannot be so again');
  await picture(page, 'dismissed');
  await accessible(page);
  await site.document('dismissed', { total: 0, errors: [] });
  await page.getByRole('button', { name: 'Registros ignorados o sin uso' }).click();
  await page.getByRole('button', { name: 'Registros ignorados o sin uso' }).click();
  await page.getByText('No hay ninguno.').waitFor();
  await close(page);
});

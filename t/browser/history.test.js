/** The last runs: charts and a table, however many there are. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, close, fits, open, picture } from './lib/browser.js';
import { history } from './lib/documents.js';
import { Site } from './lib/site.js';

let site;

before(async () => {
  site = await Site.start({ fake: true });
});

after(() => site?.stop());

test('the history as charts and a table, failures with their reason', async () => {
  const page = await open(`${site.url}/sync/`);

  await site.document('history', { runs: [] });
  await page.getByRole('tab', { name: 'Historial' }).click();
  await page.getByText('Todavía no ha habido ninguna sincronización.').waitFor();
  await site.document('history', history());
  await page.getByRole('tab', { name: 'Estado' }).click();
  await page.getByRole('tab', { name: 'Historial' }).click();

  const charts = page.getByRole('img');
  await charts.first().waitFor();
  assert.equal(await charts.count(), 2);
  assert.match(await charts.first().getAttribute('aria-label'),
    /^Registros enviados y recibidos: 50 sincronizaciones, 3 /)
  assert.equal(await charts.first().locator('g').count(), 50);
  assert.equal(await charts.first().locator('g.failed path').count(), 3);
  assert.equal(await page.locator('tbody tr:not(.why)').count(), 50);
  assert.equal(await page.locator('tbody .why').count(), 3);
  await page.locator('figcaption').getByText('máx. 83').waitFor();
  assert.equal(await page.locator('.ends').first().locator('small').count(), 2, 'from when to when');
  await page.locator('.why').first().getByText('El servidor central no respondió a tiempo.').waitFor();
  await page.locator('.why').first().getByRole('button', { name: 'Detalles' }).hover();
  await page.getByText('0 octets in 300 s').first().waitFor();
  await page.mouse.move(1, 1);
  await page.evaluate(() => scrollTo(0, 0));
  await picture(page, 'history', { fullPage: false });
  await accessible(page);
  await fits(page);
  await close(page);
});

test('the history: the first run leaves something of the others, and a cancelled one is no failure', async () => {
  const page = await open(`${site.url}/sync/`);
  const [one, two] = history().runs;
  const cancelled = { ...two, error: { variant: 'CANCELLED', fullError: 'by somebody' } };
  const large = { ...one, pullRemote: { ...one.pullRemote, total: 90000, done: 90000 } };

  await site.document('history', { runs: [cancelled, one, large] });
  await page.getByRole('tab', { name: 'Historial' }).click();
  const bars = page.getByRole('img').first().locator('g');
  await bars.first().waitFor();
  const heights = await bars.evaluateAll((all) => all.map((bar) => (
    Number(bar.querySelector('rect:not(.hit)').getAttribute('height')))));
  assert.ok(heights[0] === 64 && heights[1] > heights[0] / 100, String(heights));
  assert.match(await page.getByRole('img').first().getAttribute('aria-label'), /, 0 con error,/);
  assert.equal(await page.locator('.chart g path').count(), 0);
  const row = page.locator('tbody tr').first();
  await row.getByText('cancelado').waitFor();
  assert.equal(await row.getAttribute('class'), 'cancelled has-why');
  await picture(page, 'history-cancelled');
  await accessible(page);
  await close(page);
});

/** The history tab with these runs. */
async function shows(runs, options) {
  const page = await open(`${site.url}/sync/`, options);

  await site.document('history', { runs });
  await page.getByRole('tab', { name: 'Historial' }).click();
  await page.locator('#history tbody tr').nth(runs.length - 1).waitFor();
  return page;
}

test('the history: one run is a row of the table; there is nothing to compare it with', async () => {
  const [one] = history().runs;
  const page = await shows([{ ...one, summary: { ...one.summary, durationInSeconds: 0 } }]);

  assert.equal(await page.getByRole('img').count(), 0);
  await page.getByText('duró < 1 s').waitFor();
  await picture(page, 'history-1');
  await accessible(page);
  await close(page);
});

for (const n of [2, 5, 12]) {
  test(`the history: ${n} runs are ${n} narrow bars from the beginning of a chart with room for more`, async () => {
    const page = await shows(history().runs.slice(0, n).map((one) => ({ ...one,
      summary: { ...one.summary, durationInSeconds: 0 } })));
    const charts = page.getByRole('img');

    await charts.first().waitFor();
    assert.equal(await charts.count(), 1, 'no chart of nothing');
    const { width } = await charts.first().boundingBox();
    const bars = await charts.first().locator('g rect:not(.hit)').all();
    const boxes = await Promise.all(bars.map((bar) => bar.boundingBox()));
    assert.equal(boxes.length, n);
    assert.ok(boxes.every((box) => box.width <= 40 && box.width > 4), JSON.stringify(boxes));
    assert.ok(boxes.at(-1).x - boxes[0].x <= (n - 1) * width / 12 + 1);
    await fits(page);
    await picture(page, `history-${n}`);
    await close(page);
  });
}

test('the history: equal failures in a row are one line, from when to when and how many', async () => {
  const [one, two] = history().runs;
  const hour = (n) => new Date(Date.UTC(2026, 10, 27, n)).toISOString().replace('.000', '');
  const night = { ...two, error: { variant: 'CONNECTION_ERROR', fullError: 'connection refused' }, repeated: 60,
    firstStarted: hour(20), summary: { started: hour(30), finished: hour(30), durationInSeconds: 3 } };
  const page = await shows([one, night, history().runs[8]]);
  const row = page.locator('tr.failed');

  assert.equal(await row.count(), 1);
  await row.getByText(/^27 nov 2026, 20:00.+28 nov 2026, 6:00/).waitFor();
  await row.getByText('60 veces · duró 3 s').waitFor();
  await page.locator('.why').getByText('No se pudo llegar al servidor central.').waitFor();
  assert.match(await page.getByRole('img').first().getAttribute('aria-label'), /: 62 sincronizaciones, 60 con error/);
  await picture(page, 'history-repeated');
  await accessible(page);
  await close(page);
});

test('the history on a phone, from right to left', async () => {
  const page = await open(null, { viewport: { width: 320, height: 640 } });

  await site.document('history', { runs: history().runs.slice(0, 3) });
  await page.goto(`${site.url}/sync/?lang=ar`);
  await page.getByRole('tab').nth(1).click();
  await page.getByRole('img').first().waitFor();
  await fits(page);
  const [chart, bar] = await Promise.all([page.getByRole('img').first(), page.locator('.chart rect:not(.hit)').first()]
    .map((box) => box.boundingBox()));
  assert.ok(bar.x > chart.x + chart.width * 0.8, 'the oldest is at the right');
  await picture(page, 'history-rtl');
  await close(page);
});

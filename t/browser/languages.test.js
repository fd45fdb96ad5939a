/** Every language, on the screen. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { accessible, close, fits, open, picture } from './lib/browser.js';
import { errors, failed, history, run, settings } from './lib/documents.js';
import { ROOT, Site, until } from './lib/site.js';

const RTL = ['ar', 'prs', 'ps'];
/** 12,345 in the way of the language; the spaces are narrow or not, but never to be broken. */
const NUMBER = {
  ar: /^(12,345|١٢٬٣٤٥)$/, en: /^12,345$/, es: /^12\.345$/, fr: /^12[\u00a0\u202f]345$/, lo: /^12[.,]345$/,
  prs: /^۱۲٬۳۴۵$/, ps: /^۱۲٬۳۴۵$/, pt: /^12[\u00a0\u202f.]345$/, ru: /^12[\u00a0\u202f]345$/,
  tet: /^12[\u00a0\u202f.]345$/,
};

let site;

before(async () => {
  site = await Site.start({ fake: true });
  await site.document('history', history());
  await site.document('errors', errors());
  await site.document('settings', settings());
});

after(() => site?.stop());

for (const [lang, number] of Object.entries(NUMBER)) {
  const table = Object.assign({}, ...['', '-more', '-errors'].map((part) => JSON.parse(
    readFileSync(`${ROOT}html/lang/${lang}${part}.json`, 'utf8'))));

  test(`${lang}: texts, numbers, direction, nothing for axe-core to find`, async () => {
    await site.report({ state: 'error', queue: 12345, errors: 12, error: 'TLS_ERROR',
      syncStatus: failed('TLS_ERROR', 'certificate is not yet valid') });

    const page = await open(`${site.url}/sync/?lang=${lang}`);
    await page.getByRole('heading', { name: table.title, exact: true }).waitFor();
    await page.locator('.notice').getByText(table['error.TLS_ERROR'][1]).waitFor();

    const root = page.locator('msync-panel > div');
    assert.equal(await page.locator('html').getAttribute('lang'), lang);
    assert.equal(await root.getAttribute('lang'), lang);
    assert.equal(await root.getAttribute('dir'), RTL.includes(lang) ? 'rtl' : 'ltr');
    assert.match(await page.locator('.count strong').textContent(), number);

    await page.getByRole('button', { name: table['problems.show'] }).click();
    await page.locator('details').first().waitFor();
    await picture(page, `language-${lang}`);
    await accessible(page);
    await complete(page);
    for (const name of ['history', 'settings']) {
      await page.getByRole('tab', { name: table[`tab.${name}`], exact: true }).click();
      await page.locator(name === 'history' ? '#history table' : '#settings code').first().waitFor();
      await complete(page);
      await fits(page);
    }
    await close(page);
  });

  /** No key and no placeholder is left, not even for ears. */
  async function complete(page) {
    const text = await page.evaluate(() => {
      const root = document.querySelector('msync-panel').shadowRoot;
      const all = [...root.querySelectorAll('*')];
      return [...all.map((node) => node.getAttribute('aria-label') ?? ''),
        ...all.map((node) => (node.children.length ? '' : node.textContent))];
    });
    assert.deepEqual(text.filter((one) => Object.hasOwn(table, one) && one !== table[one] && one.includes('.')
      || /\{\w+\}|undefined|NaN|Invalid/.test(one)), []);
  }
}

test('the page opens with six requests and less than 60,000 octets', async () => {
  await site.report({ queue: 3, syncStatus: run() });

  const page = await open(null);
  const answers = [];
  page.on('response', (answer) => answers.push(answer));
  await page.goto(`${site.url}/sync/?lang=lo`);
  await page.locator('.steps').waitFor();
  await page.waitForTimeout(500);
  assert.deepEqual(answers.map((answer) => answer.url().replace(`${site.url}/sync/`, '')).sort(),
    ['?lang=lo', 'api/events', 'core.js', 'lang/lo.json', 'msync.css', 'panel.js']);

  const files = answers.filter((answer) => !answer.url().endsWith('/events'));
  const sizes = await Promise.all(files.map(async (answer) => (await answer.body()).length));
  const size = sizes.reduce((sum, one) => sum + one) + JSON.stringify(await site.status()).length;
  assert.ok(size < 60000, `${size} octets`);
  await close(page);
});

test('plural forms of Russian and Arabic', async () => {
  const [russian, arabic] = await Promise.all([open(`${site.url}/sync/?lang=ru`), open(`${site.url}/sync/?lang=ar`)]);
  const says = (page, text) => until(text, async () => (await page.locator('.count span').last().textContent()) === text);

  for (const [n, ru, ar] of [
    [1, 'запись ожидает отправки', 'سجل بانتظار الإرسال'],
    [3, 'записи ожидают отправки', 'سجلات بانتظار الإرسال'],
    [11, 'записей ожидают отправки', 'سجلاً بانتظار الإرسال'],
    [21, 'запись ожидает отправки', 'سجلاً بانتظار الإرسال'],
  ]) {
    await site.report({ queue: n, syncStatus: run() });
    await Promise.all([says(russian, ru), says(arabic, ar)]);
  }
  await Promise.all([close(russian), close(arabic)]);
});

test('times in languages that the browser does not know', async () => {
  await site.report({ queue: 0, syncStatus: run({}, 7200) });
  for (const [lang, text] of [['tet', 'oras 2 liubá'], ['lo', '2 ຊົ່ວໂມງກ່ອນ']]) {
    const page = await open(`${site.url}/sync/?lang=${lang}`);
    await page.locator('.facts').getByText(text, { exact: true }).waitFor();
    await close(page);
  }
});

for (const [locale, lang] of [['pt-BR', 'pt'], ['fa-IR', 'prs'], ['es-MX', 'es'], ['de-DE', 'en']]) {
  test(`a browser in ${locale} gets ${lang}`, async () => {
    const page = await open(`${site.url}/sync/`, { locale });
    await page.locator('.title').waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), lang);
    await close(page);
  });
}

/** What it looks like: phones, zoom, darkness, less motion, paper. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, close, fits, open, picture } from './lib/browser.js';
import { errors, failed, history, run, running, settings } from './lib/documents.js';
import { Site } from './lib/site.js';

let site;

before(async () => {
  site = await Site.start({ fake: true });
  await site.document('history', history());
  await site.document('errors', errors());
  await site.document('settings', settings());
});

after(() => site?.stop());

const fine = () => site.report({ queue: 4, syncStatus: run() });
const broken = () => site.report({ state: 'error', queue: 1234, errors: 12, error: 'INVALID_RESPONSE',
  syncStatus: failed('INVALID_RESPONSE', 'GET http://central.example.org/sync/v5/site: 200, but no JSON: <html>') });

/** Each part of the page in turn. */
async function tour(page, look) {
  await page.locator('.steps').waitFor();
  await page.locator('.card .notice').getByRole('strong').or(page.locator('.card.hero')).first().waitFor();
  const more = page.locator('button[aria-expanded=false]:not(.why-button)');
  if (await more.isVisible()) {
    await more.click();
    await page.locator('details').first().waitFor();
  }
  await look('status');
  await page.getByRole('tab').nth(1).click();
  await page.locator('#history table').waitFor();
  await look('history');
  await page.getByRole('tab').nth(2).click();
  await page.locator('#settings form').waitFor();
  await look('settings');
}

for (const lang of ['es', 'ru', 'ar']) {
  test(`a phone of 320 pixels, ${lang}: all of it fits`, async () => {
    const page = await open(null, { viewport: { width: 320, height: 640 }, deviceScaleFactor: 2, isMobile: true,
      hasTouch: true });

    await broken();
    await page.goto(`${site.url}/sync/?lang=${lang}`);
    await tour(page, async (name) => {
      await fits(page);
      await picture(page, `phone-${lang}-${name}`);
    });
    await page.getByRole('tab').first().click();
    for (const target of await page.locator('button:visible').all()) {
      const { width, height } = await target.boundingBox();
      assert.ok(width >= 24 && height >= 24, 'large enough for a finger');
    }
    await accessible(page);
    await close(page);
  });
}

test('a run on a phone: one step below the other', async () => {
  const page = await open(null, { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true });

  await site.report({ state: 'syncing', queue: 4, syncStatus: running(6000, 1800) });
  await page.goto(`${site.url}/sync/`);
  await page.getByText(/tiempo restante/).waitFor();
  const boxes = await Promise.all((await page.locator('.steps li').all()).map((step) => step.boundingBox()));
  assert.ok(boxes.every((box, i) => i === 0 || box.y > boxes[i - 1].y && box.x === boxes[i - 1].x));
  await fits(page);
  await picture(page, 'phone-syncing');
  await close(page);
});

test('text of twice the size, and the page at 200 %', async () => {
  const page = await open(null, { viewport: { width: 640, height: 480 }, deviceScaleFactor: 2 });

  await broken();
  await page.goto(`${site.url}/sync/`);
  await tour(page, () => fits(page));
  await page.evaluate(() => {
    document.documentElement.style.fontSize = '200%';
  });
  await page.getByRole('tab').first().click();
  await tour(page, async (name) => {
    await fits(page);
    await picture(page, `zoom-${name}`);
  });

  await fine();
  await page.getByRole('tab').first().click();
  for (const width of [700, 800, 1000]) {
    await page.setViewportSize({ width, height: 480 });
    await fits(page);
    await picture(page, `zoom-${width}`);
  }
  await close(page);
});

for (const lang of ['es', 'ru', 'ar']) {
  test(`text of twice the size on a phone of 320 pixels, ${lang}: nothing sticks out or is cut`, async () => {
    const page = await open(null, { viewport: { width: 320, height: 640 } });
    const look = async () => {
      await fits(page);
      assert.deepEqual(await page.evaluate(() => [...document.querySelector('msync-panel').shadowRoot
        .querySelectorAll('.notice > div, .steps li, button, .card')].filter((node) => node.scrollWidth > node.clientWidth)
        .map((node) => node.textContent)), []);
    };

    await broken();
    await page.goto(`${site.url}/sync/?lang=${lang}`);
    await page.evaluate(() => {
      document.documentElement.style.fontSize = '200%';
    });
    await tour(page, look);
    await site.report({ state: 'syncing', queue: 4, never_sent: 300, syncStatus: running(6000000, 1800000) });
    await page.getByRole('tab').first().click();
    await page.locator('.main.busy').waitFor();
    await page.locator('.notice.calm').waitFor();
    await look();
    await picture(page, `zoom-phone-${lang}`);
    await close(page);
  });
}

for (const [name, state] of [['fine', fine], ['broken', broken]]) {
  test(`dark, when all is ${name}: contrast everywhere`, async () => {
    const page = await open(null, { colorScheme: 'dark' });

    await state();
    await page.goto(`${site.url}/sync/`);
    await tour(page, async (part) => {
      await accessible(page);
      await picture(page, `dark-${name}-${part}`, { fullPage: part !== 'history' });
    });
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.ok(ground.match(/\d+/g).every((value) => value < 60), ground);
    await close(page);
  });
}

/* in steps: a picture for each frame of the screen is much work where no graphics card does it */
for (const [reducedMotion, animation] of [['no-preference', 'turn steps(12)'], ['reduce', 'none ease']]) {
  test(`motion "${reducedMotion}": the spinner's animation is ${animation}`, async () => {
    const page = await open(null, { reducedMotion });

    await site.report({ state: 'syncing', syncStatus: running(null, null) });
    await page.goto(`${site.url}/sync/`);
    for (const turning of ['.main .spin', '.active .ring']) {
      await page.locator(turning).waitFor();
      assert.equal(await page.locator(turning).evaluate((node) => {
        const { animationName, animationTimingFunction } = getComputedStyle(node);
        return `${animationName} ${animationTimingFunction}`;
      }), animation);
    }
    await close(page);
  });
}

/** Every mark of a step is of another colour than what it is on. */
async function marked(page) {
  const marks = await page.locator('.mark .icon').evaluateAll((icons) => icons.map((icon) => [
    getComputedStyle(icon).stroke, getComputedStyle(icon.parentNode).backgroundColor]));

  assert.ok(marks.length > 3);
  assert.deepEqual(marks.filter(([stroke, ground]) => stroke === ground), []);
}

test('the marks of steps are seen', async () => {
  const page = await open(null);

  await broken();
  await page.goto(`${site.url}/sync/`);
  await page.locator('.steps .failed').waitFor();
  await marked(page);
  await close(page);
});

test('colours that the system chooses: the open tab is told from the others, each mark is seen', async () => {
  const page = await open(null, { forcedColors: 'active' });

  await broken();
  await page.goto(`${site.url}/sync/`);
  await page.locator('.steps .failed').waitFor();
  const lines = await page.getByRole('tab').evaluateAll((tabs) => tabs.map((tab) => getComputedStyle(tab).borderBottomWidth));
  assert.equal(lines.filter((width) => width === lines[0]).length, 1, `${lines}`);
  await marked(page);
  await picture(page, 'forced-colours');
  await close(page);
});

test('a tablet: no name of a step is broken', async () => {
  const page = await open(null, { viewport: { width: 768, height: 1024 } });

  await site.report({ state: 'syncing', queue: 4, syncStatus: running(6000, 1800) });
  await page.goto(`${site.url}/sync/`);
  const name = page.locator('.active .name').filter({ hasText: 'Obtener Remotamente' });
  await name.waitFor();
  assert.equal(await name.evaluate((node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return new Set([...range.getClientRects()].map(({ top }) => top)).size;
  }), 2);
  await close(page);
});

test('on paper: no buttons, the details of the error in full', async () => {
  const page = await open(null);

  await broken();
  await page.goto(`${site.url}/sync/`);
  await page.locator('.notice .pop').waitFor({ state: 'attached' });
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.getByRole('button').and(page.locator(':visible')).count(), 0);
  await page.getByText('200, but no JSON').waitFor();
  await picture(page, 'print');
  await close(page);
});

test('a late success is said in words and in colour', async () => {
  for (const [days, colour, text] of [[1.95, 'orange', 'hace 1 día'], [4, 'red', 'hace 4 días']]) {
    const page = await open(null);

    await fine();
    await page.clock.setFixedTime(Date.now() + days * 86400000);
    await page.goto(`${site.url}/sync/`);
    await page.locator(`.facts .${colour}`).getByText(text).waitFor();
    await page.locator(`.facts .${colour}`).getByText('hace demasiado tiempo').waitFor();
    await page.locator(`.facts .${colour}`).getByText(/\d{1,2} \w{3} \d{4}, \d{1,2}:\d\d/).waitFor();
    await picture(page, `late-${colour}`);
    await accessible(page);
    await close(page);
  }
});

test('the keyboard alone: from the address bar to a saved interval', async () => {
  const page = await open(null);
  const focused = () => page.evaluate(() => document.querySelector('msync-panel').shadowRoot.activeElement?.id);

  await fine();
  await site.answer(200, { url: 'https://central.example.org', username: 'Clinic 7', intervalSeconds: 600,
    passwordSet: true, hardwareId: 'x', siteId: 7, siteName: 'Clinic 7' });
  await page.goto(`${site.url}/sync/`);
  await page.locator('.steps').waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'tab-status');
  await page.keyboard.press('ArrowLeft');
  assert.equal(await focused(), 'tab-settings');
  await page.locator('#settings code').waitFor();
  await page.waitForFunction(() => document.querySelector('msync-panel').shadowRoot.querySelector('#url').value);
  for (const id of ['url', 'username', 'password', 'intervalSeconds']) {
    await page.keyboard.press('Tab');
    assert.equal(await focused(), id);
  }
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByText('Comprobado y guardado').waitFor();
  const [saved] = (await site.received()).filter(({ request }) => request === 'settings').slice(-1);
  assert.equal(JSON.parse(saved.body).intervalSeconds, 600);
  assert.equal('password' in JSON.parse(saved.body), false);
  await close(page);
});

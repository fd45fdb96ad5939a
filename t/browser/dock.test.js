/** The docked entry among what applications have in their corners. */

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { accessible, close, open, picture } from './lib/browser.js';
import { run } from './lib/documents.js';
import { Site, until } from './lib/site.js';

const TEXT = '<p>Lote AX-2207, 2.400 unidades, vence en marzo.</p>'.repeat(60);

/** Applications: their styles and what is in their bodies. */
const PAGES = {
  plain: ['', `<main><h1>Existencias</h1>${TEXT}</main>`],

  'a sidebar as Django has it': [`.main { display: flex; height: 100vh } nav { position: sticky; top: 0; z-index: 15;
    flex: 0 0 15rem; max-height: 100vh; overflow: auto; background: #eef } nav a { display: block; padding: 8px }
    main { flex: 1; overflow: auto }`,
  `<div class="main"><nav>${'<a href="#">Artículos</a>'.repeat(40)}</nav><main><h1>Existencias</h1>${TEXT}</main></div>`],

  'a sidebar above everything': [`nav { position: fixed; inset: 0 auto 0 0; width: 15rem; z-index: 2147483647;
    background: #eef } main { margin-left: 16rem }`,
  `<main><h1>Existencias</h1>${TEXT}</main><nav><a href="#">Artículos</a></nav>`],

  'a sticky footer': [`footer { position: sticky; bottom: 0; z-index: 2147483647; padding: 12px; background: #dde }
    body { margin: 0 }`,
  `<main><h1>Existencias</h1>${TEXT}</main><footer><button>Guardar</button> <button>Cerrar</button></footer>`],

  'a sidebar and a fixed footer': [`nav { position: fixed; inset: 0 auto 0 0; width: 13rem; z-index: 1030; background: #eef }
    footer { position: fixed; inset: auto 0 0 0; padding: 12px; z-index: 1031; background: #dde }
    main { margin-left: 14rem }`,
  `<nav><a href="#">Artículos</a></nav><main><h1>Existencias</h1>${TEXT}</main><footer><button>Guardar</button></footer>`],

  'a shell that fills the window': [`#app { position: fixed; inset: 0; z-index: 1000; display: flex; transform: translate(0) }
    nav { display: flex; flex-direction: column; justify-content: end; width: 14rem; background: #eef }
    main { flex: 1; overflow: auto }`,
  `<div id="app"><nav><a href="#">Artículos</a><a href="#">Salir</a></nav><main><h1>Existencias</h1>${TEXT}</main></div>`],

  'styles for whatever there is': [`html { font-size: 62.5% } * { font: italic 9px serif; text-transform: uppercase;
    letter-spacing: 3px; line-height: 1; color: #999 !important } body > * { position: relative; z-index: 0;
    opacity: .3; transform: scale(.5); visibility: hidden } [popover], div, button { display: none !important }
    main, main * { visibility: visible }`, `<main><h1>Existencias</h1>${TEXT}</main>`],
};
const NAMES = Object.keys(PAGES);
const WILD = NAMES.at(-1);

let site;

before(async () => {
  site = await Site.start({ fake: true });
  await mkdir(`${site.dir}/admin/dock`, { recursive: true });
  for (const [i, name] of NAMES.entries()) {
    await make(`${i}.html`, ...PAGES[name]);
    await make(`rtl-${i}.html`, ...PAGES[name], 'ar');
  }
  await make('modal.html', 'dialog { width: 100%; max-width: none; margin: auto 0 0 }', `<main><h1>Existencias</h1>${TEXT}</main>
    <dialog aria-label="Borrar"><form method="dialog"><button>No
    borrar</button></form></dialog><button id="delete">Borrar</button>`, 'es', `const [box] =
    document.getElementsByTagName('dialog'); document.getElementById('delete').onclick = () => box.showModal();`);
  await site.report({ queue: 4, syncStatus: run() });
});

after(() => site?.stop());

/** A page of the application; its policy allows no styles within. */
async function make(name, style, body, lang = 'es', script = '') {
  const folder = `${site.dir}/admin`;

  await writeFile(`${folder}/${name}.css`, style);
  await writeFile(`${folder}/${name}.js`, script);
  await writeFile(`${folder}/${name}`, `<!DOCTYPE html><html lang="${lang}" dir="${lang === 'ar' ? 'rtl' : 'ltr'}"><head>
<meta charset="utf-8"><title>Farmacia</title><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><link rel="stylesheet" href="${name}.css"><script src="${name}.js" defer></script></head>
<body>${body}</body></html>`);
}

const dialog = (page) => page.locator('msync-panel').getByRole('dialog');

/** Opens it; returns the entry once it has found its place. */
async function docked(name, options) {
  const page = await open(`${site.url}/dock/${name}`, options);
  const entry = page.locator('msync-nav .dock button');

  await entry.waitFor();
  await page.locator('msync-nav .dock').and(page.locator('[style*=bottom]')).waitFor();
  return [page, entry];
}

/** What is covered: it stands still or can be pressed, and is no part of ours. */
const covered = (page) => page.evaluate(() => {
  const box = document.querySelector('msync-nav').shadowRoot.querySelector('.dock').getBoundingClientRect();
  return [...document.querySelectorAll('nav, footer, nav a, footer button')].filter((node) => {
    const { left, right, top: upper, bottom } = node.getBoundingClientRect();
    const stands = ['fixed', 'sticky'].includes(getComputedStyle(node).position) || node.matches('a, button');
    return stands && left < box.right && right > box.left && upper < box.bottom && bottom > box.top;
  }).map((node) => node.localName);
});

for (const [i, name] of NAMES.entries()) {
  for (const [kind, file, options] of [['', `${i}.html`, {}], [', from right to left', `rtl-${i}.html`, {}],
    [', on a phone', `${i}.html`, { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true }]]) {
    test(`beside ${name}${kind} it is seen, pressed, and covers nothing`, async () => {
      const [page, entry] = await docked(file, options);

      await until('it covers nothing', async () => (await covered(page)).length === 0);
      const box = await entry.boundingBox();
      assert.ok(box.height >= 24 && box.width >= 60, JSON.stringify(box));
      assert.ok(parseFloat(await entry.evaluate((node) => getComputedStyle(node).fontSize)) >= 10);
      await picture(page, `dock-${i}${kind.replaceAll(/\W+/g, '-')}`, { fullPage: false });
      if (name !== WILD) {    /* axe takes the opacity of what is around for that of the top layer */
        await accessible(page, 'msync-nav');
      }
      await entry.click({ timeout: 5000 });
      await dialog(page).waitFor();
      await close(page);
    });
  }
}

/** What is narrower than the entry, asks something, or is in an element of the application's own. */
const CORNERS = {
  'a round button': ['.add { position: fixed; left: 23px; bottom: 23px; width: 56px; height: 56px }',
    `<main>${TEXT}</main><button class="add">+</button>`, '.add'],
  'a dialog that scrolls with its page': [`.box { position: absolute; left: 0; top: calc(100vh - 5rem); z-index: 101;
    background: #eee; padding: 1rem }`, `<main>${TEXT}</main><div class="box" role="dialog" aria-label="Borrar"><button
    class="no">No borrar</button></div>`, '.no'],
  'a footer in a custom element': ['clinic-app { display: block }', '<clinic-app></clinic-app>', 'footer button',
    `customElements.define('clinic-app', class extends HTMLElement {
      connectedCallback() {
        const root = this.attachShadow({ mode: 'open' });
        const style = new CSSStyleSheet();
        style.replaceSync('footer { position: fixed; inset: auto 0 0 0; padding: 12px; background: #dde }');
        root.adoptedStyleSheets = [style];
        root.innerHTML = '<main>${TEXT}</main><footer><button>Guardar</button></footer>';
      }
    })`],
};

test('it covers nothing narrow, nothing that asks, and nothing in a custom element', async (t) => {
  for (const [name, [style, body, what, script]] of Object.entries(CORNERS)) {
    await t.test(name, async () => {
      await make('corner.html', style, body, 'es', script);
      const [page, entry] = await docked('corner.html');
      const own = await page.locator(what).boundingBox();

      await until('it is beside it', async () => {
        const { x, y, width, height } = await entry.boundingBox();
        return x >= own.x + own.width || x + width <= own.x || y + height <= own.y || y >= own.y + own.height;
      });
      await page.locator(what).click({ timeout: 5000 });
      await close(page);
    });
  }
});

test('behind the panel it stays where it was', async () => {
  const [page, entry] = await docked('1.html');

  await until('it covers nothing', async () => (await covered(page)).length === 0);
  const docks = await entry.boundingBox();
  await entry.click();
  await dialog(page).waitFor();
  await page.evaluate(() => dispatchEvent(new Event('resize')));
  assert.deepEqual(await entry.boundingBox(), docks);
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'hidden' });
  await page.setViewportSize({ width: 900, height: 600 });
  await until('it follows the window again', async () => (await entry.boundingBox()).y < docks.y);
  await close(page);
});

test('from right to left its corner is the right one', async () => {
  const [page, entry] = await docked('rtl-0.html');
  const { x, width } = await entry.boundingBox();
  assert.ok(x + width > 980 && x + width <= 1000, String(x + width));
  await close(page);
});

test('a modal dialog of the application goes first; the keys open the panel over it', async () => {
  const [page, entry] = await docked('modal.html');

  await page.locator('#delete').click();
  await page.getByRole('button', { name: 'No borrar' }).waitFor();
  await assert.rejects(entry.click({ timeout: 1000 }), 'nothing else can be pressed then');
  await page.keyboard.press('Alt+Shift+S');
  await dialog(page).waitFor();
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'hidden' });
  await picture(page, 'dock-modal', { fullPage: false });
  await page.getByRole('button', { name: 'No borrar' }).click();
  await entry.click();
  await dialog(page).waitFor();
  await close(page);
});

test('a modal dialog that is open before it comes is not covered', async () => {
  const page = await open();

  await page.addInitScript(() => addEventListener('DOMContentLoaded', () => document.getElementById('delete').click()));
  await page.goto(`${site.url}/dock/modal.html`);
  const entry = page.locator('msync-nav .dock button');
  await entry.waitFor();
  await page.locator('msync-nav .dock').and(page.locator('[style*=bottom]')).waitFor();
  await page.getByRole('button', { name: 'No borrar' }).click({ timeout: 5000 });
  await entry.click();
  await dialog(page).waitFor();
  await close(page);
});

test('where the browser has no top layer for it, it lies above all that it can', async () => {
  const page = await open();

  await page.addInitScript(() => {
    delete HTMLElement.prototype.showPopover;
  });
  await page.goto(`${site.url}/dock/1.html`);
  const entry = page.locator('msync-nav .dock button');
  await until('it covers nothing', async () => await entry.isVisible() && (await covered(page)).length === 0);
  await entry.click({ timeout: 5000 });
  await dialog(page).waitFor();
  await close(page);
});

test('in an element that fills the screen it is there, too, but not over a picture', async () => {
  await make('full.html', '#app { background: #eee } footer { position: fixed; inset: auto 0 0 0; background: #dde }',
    `<button id="photo">Foto</button><canvas id="picture" height="9"></canvas>
    <main id="app"><button id="whole">Todo</button>${TEXT}<footer><button>Guardar</button></footer></main>`, 'es', `for (const [by, what] of [['whole', 'app'],
    ['photo', 'picture']]) { document.getElementById(by).onclick = () => document.getElementById(what).requestFullscreen(); }`);
  const [page, entry] = await docked('full.html');
  const within = page.locator('#app msync-nav .dock button');
  const fills = (id) => until(`${id} fills the screen`,
    () => page.evaluate((what) => (document.fullscreenElement?.id ?? '') === what, id));
  const opens = async (button) => {
    await button.click({ timeout: 5000 });
    await dialog(page).waitFor();
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'hidden' });
  };

  for (let n = 0; n < 2; n++) {
    await page.locator('#whole').click();
    await fills('app');
    await opens(within);
    await until('it covers nothing', async () => {
      const [a, b] = [await within.boundingBox(), await page.locator('footer button').boundingBox()];
      return a.y + a.height <= b.y || a.x >= b.x + b.width || a.x + a.width <= b.x;
    });
    await picture(page, 'dock-fullscreen', { fullPage: false });
    await page.evaluate(() => document.exitFullscreen());
    await fills('');
    await until('the copy is gone', async () => await page.locator('msync-nav').count() === 1);
    await opens(entry);
  }

  await page.locator('#photo').click();
  await fills('picture');
  await until('a second passes', () => page.evaluate(() => new Promise((done) => { setTimeout(() => done(true), 1200); })));
  assert.equal(await page.locator('msync-nav').count(), 1, 'a picture has nothing on it');
  await close(page);
});

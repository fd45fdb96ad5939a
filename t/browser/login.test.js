/** An application before the page whose login has ended: a real nginx in front of it, in each way it may say so. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { accessible, close, fits, open, picture } from './lib/browser.js';
import { errors, history, run } from './lib/documents.js';
import { Site, freePort, until } from './lib/site.js';

const NOW = { name: '¡Sincronizar ahora!' };
const FORM = '<!DOCTYPE html><title>Entrada</title><form><input name=user></form>';

/** What it answers to who has no session. */
const WAYS = {
  'a 302 to its login page': 'return 302 /login?next=$request_uri;',
  'a 302 to another host': 'return 302 http://login.example.org/;',
  'a 401': 'return 401;',
  'a 403': 'return 403;',
  'a 200 with the login page': `default_type text/html; return 200 "${FORM}";`,
  'a 200 with its own JSON': 'default_type application/json; return 200 "{\\"redirect\\": \\"/login\\"}";',
  'a 401 with its own JSON': 'default_type application/json; return 401 "{\\"error\\": \\"login\\"}";',
  'a 419 of Laravel': 'return 419;',
  'a 307 to its login page': 'return 307 /login;',
  'a 204': 'return 204;',
  'a 511 of a network': `default_type text/html; return 511 "${FORM}";`,
  'a 200 with "null"': 'default_type application/json; return 200 null;',
  'a 200 with a list': 'default_type application/json; return 200 "[1]";',
};
const [LOGIN] = Object.keys(WAYS);

let site;
let door;

before(async () => {
  site = await Site.start({ fake: true });
  await site.stopNginx();
  door = new URL(site.url);
  door.port = await freePort();
  await site.configure((text) => text.replace(/\}\s*$/, () => `${frontServer()}}\n`));
  await site.startNginx();
  await site.document('history', history());
  await site.document('errors', errors());
  await site.document('settings', { url: 'https://central.example.org', username: 'Clinic 7', intervalSeconds: 300,
    passwordSet: true, hardwareId: 'H', siteId: 7, siteName: 'Clinic 7' });
});

after(() => site?.stop());

beforeEach(() => site.report({ queue: 3, syncStatus: run() }));

/** An application before the site: the cookie "session" opens it, the cookie "way" chooses how it refuses. */
function frontServer() {
  const refusals = Object.values(WAYS).map((refuse, i) => `location /refuse${i}/ {
      internal; ${refuse} }`);

  return `server {
    listen ${door.host};
    location /login { default_type text/html; add_header Set-Cookie "session=in; Path=/";
      return 200 "${FORM}<a href='$arg_next'>Entrar</a>"; }
    ${refusals.join('\n')}
    location /careless/ {
      internal;
      rewrite ^/careless(.*) $1 break;
      proxy_pass ${site.url};
      proxy_set_header Host $host;
      proxy_set_header Sec-Fetch-Site "";
    }
    location / {
      if ($cookie_session = careless) { rewrite ^ /careless$uri last; }
      if ($cookie_session != in) { rewrite ^ /refuse$cookie_way$uri last; }
      proxy_pass ${site.url};
      proxy_set_header Host $http_host;
    }
  }`;
}

const cookie = (name, value) => ({ name, value: String(value), url: door.origin });
const signIn = (page) => page.context().addCookies([cookie('session', 'in')]);
const signOut = (page) => page.context().addCookies([cookie('session', 'out')]);

/** A page of somebody who is signed in, and will be refused this way. */
async function signedIn(way, path = 'sync/', options = {}) {
  const page = await open(null, options);
  await page.context().addCookies([cookie('way', Object.keys(WAYS).indexOf(way))]);
  await signIn(page);
  await page.goto(`${door.origin}/${path}`);
  return page;
}

const ended = (page) => page.locator('.notice').getByText('Inicie sesión de nuevo');

/** As where the connection of the stream of events ends. */
async function cut(page) {
  await page.context().setOffline(true);
  await page.locator('.notice').getByText('No hay conexión').waitFor();
  await page.context().setOffline(false);
}

for (const way of Object.keys(WAYS)) {
  test(`a login that has ended, told by ${way}, is asked for, and nothing is taken for accepted`, async () => {
    const page = await signedIn(way);
    await page.getByRole('button', NOW).waitFor();
    await signOut(page);
    const { length } = await site.received();

    await page.getByRole('button', NOW).click();
    await ended(page).waitFor();
    await page.getByRole('button', NOW).waitFor();
    assert.equal((await site.received()).length, length, 'nobody was triggered');
    assert.equal(await page.locator('.notice').count(), 1);

    await cut(page);
    await ended(page).waitFor();
    await page.locator('.notice').getByText('No hay conexión').waitFor({ state: 'detached' });
    assert.equal(await page.locator('.notice').count(), 1, 'said once');
    assert.equal(await page.locator('.count strong').textContent(), '3', 'what was known stays');
    await accessible(page);
    await close(page);
  });
}

test('the link leads to the login, and from there back to the tab that was open', async () => {
  const page = await signedIn(LOGIN);

  await page.getByRole('tab', { name: 'Historial' }).click();
  await page.locator('#history table').waitFor();
  await signOut(page);
  await cut(page);
  await ended(page).waitFor();
  await picture(page, 'login', { fullPage: false });
  await page.getByRole('link', { name: 'Iniciar sesión' }).click();
  await page.getByRole('link', { name: 'Entrar' }).waitFor();
  assert.equal(new URL(page.url()).search, '?next=/sync/');
  await page.getByRole('link', { name: 'Entrar' }).click();
  await page.locator('#history table').waitFor();
  await page.getByRole('tab', { name: 'Historial', selected: true }).waitFor();
  assert.equal(await page.locator('.notice').count(), 0);
  await close(page);
});

test('who signs in in another tab finds this one current again', async () => {
  const page = await signedIn(LOGIN);

  await page.getByRole('button', NOW).waitFor();
  await signOut(page);
  await cut(page);
  await ended(page).waitFor();
  await signIn(page);
  await site.report({ queue: 8, syncStatus: run() });
  await page.evaluate(() => dispatchEvent(new Event('focus')));
  await ended(page).waitFor({ state: 'detached' });
  await until('the page shows 8', async () => await page.locator('.count strong').textContent() === '8');
  await close(page);
});

test('lists say so, and parts of the page that are refused', async () => {
  await site.report({ queue: 3, errors: 12, syncStatus: run() });
  const page = await signedIn('a 401');

  await page.getByText('12 registros no se pudieron sincronizar').waitFor();
  await signOut(page);
  await page.getByRole('button', { name: 'Ver por causa' }).click();
  await page.locator('.card').getByText('Inicie sesión de nuevo').waitFor();
  assert.equal(await page.getByText('No hay conexión').count(), 0);
  for (const tab of ['Historial', 'Configuración']) {
    await page.getByRole('tab', { name: tab }).click();
    await ended(page).first().waitFor();
  }
  await close(page);
});

for (const way of ['a 302 to its login page', 'a 401 with its own JSON', 'a 204']) {
  test(`a form that was filled in when the login ended, told by ${way}, is not saved, and stays`, async () => {
    const page = await signedIn(way);
    const url = page.getByLabel('Dirección del servidor central', { exact: true });

    await page.getByRole('tab', { name: 'Configuración' }).click();
    await page.getByText('Déjela vacía').waitFor();    /* what is set is known, so it can be filled in */
    await url.fill('https://other.example.org');
    await page.getByLabel('Contraseña del sitio', { exact: true }).fill('secret');
    await page.getByLabel('Nombre del sitio', { exact: true }).and(page.locator('input')).fill('Clinic 8');
    await signOut(page);
    const { length } = await site.received();

    for (const name of ['Guardar', 'Probar conexión', 'Pausar']) {
      await page.getByRole('button', { name, exact: true }).click();
      await ended(page).first().waitFor();
    }
    assert.equal((await site.received()).length, length, 'the site was asked nothing');
    assert.equal(await page.getByText('Comprobado y guardado').count(), 0);
    assert.equal(await url.inputValue(), 'https://other.example.org', 'what was typed stays');
    await accessible(page);
    await close(page);
  });
}

test('in an application: the entry says so, and who comes back finds the dialog open', async () => {
  const page = await signedIn(LOGIN, 'orders.html');
  const entry = page.locator('msync-nav').getByRole('button', { name: /^Sincronización/ });
  const dialog = page.getByRole('dialog', { name: 'Sincronización' });

  await entry.waitFor();
  await page.evaluate(() => import('/sync/panel.js'));
  await signOut(page);
  await page.context().setOffline(true);
  await page.locator('msync-nav .badge.grey .cloudOff').waitFor();
  await page.context().setOffline(false);
  await page.locator('msync-nav .badge.grey .lock').waitFor();
  assert.match(await entry.textContent(), /Inicie sesión de nuevo/);
  await accessible(page, 'nav');

  await entry.click();
  await dialog.locator('.notice').getByText('Inicie sesión de nuevo').waitFor();
  await fits(page);
  await signIn(page);
  await dialog.getByRole('link', { name: 'Iniciar sesión' }).click();
  await dialog.getByRole('button', NOW).waitFor();
  assert.equal(new URL(page.url()).pathname, '/orders.html');
  await page.reload();
  await entry.waitFor();
  await page.evaluate(() => import('/sync/panel.js'));
  assert.equal(await dialog.count(), 0, 'once');
  await close(page);
});

test('a proxy that loses the port: its cure is told to who set it up', async () => {
  const page = await open();

  await page.context().addCookies([cookie('session', 'careless')]);
  await page.goto(`${door.origin}/sync/`);
  await page.getByRole('button', NOW).click();
  const refused = page.locator('.notice').filter({ hasText: 'La petición se rechazó como si viniera de otra página.' });
  await refused.getByText('Abra esta página por su dirección habitual.').waitFor();
  await refused.getByRole('button', { name: 'Detalles' }).click();
  assert.match(await refused.locator('pre').textContent(), /proxy_set_header Host \$http_host/);
  await picture(page, 'forbidden');
  await accessible(page);
  await close(page);
});

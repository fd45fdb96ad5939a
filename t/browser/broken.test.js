/** A site that has its data, but whose database or helper is broken: the real ones. */

import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { accessible, close, open, picture } from './lib/browser.js';
import { Central, Site } from './lib/site.js';

let central;
let site;

before(async () => {
  central = await Central.start();
  site = await Site.start({ central });
  await site.sync();
});

after(async () => {
  await site?.stop();
  await central?.stop();
});

for (const [name, part, mode, sound, text, why] of [
  ['database', 'site/clinic.sqlite', 0, 0o660, 'No se pudo leer o escribir la base de datos', /database|sqlite/],
  ['helper', 'msync', 0o644, 0o755, 'El servicio de sincronización de este sitio no está en marcha.', /msync/]]) {
  test(`a ${name} that is broken is said to be, with the cause, and nobody is asked to connect the site`, async () => {
    await site.stopNginx();
    await chmod(`${site.dir}/${part}`, mode);
    await site.startNginx();
    const page = await open(`${site.url}/sync/`);

    await page.locator('.notice').getByText(text).waitFor();
    await page.getByRole('button', { name: 'Detalles' }).hover();
    assert.match(await page.locator('.pop pre').textContent(), why);
    await page.mouse.move(1, 1);
    await picture(page, `broken-${name}`);
    assert.equal(await page.getByText('Conectar este sitio').count(), 0);
    assert.ok(await page.getByRole('tab', { name: 'Historial' }).isVisible());
    await accessible(page);
    await close(page);

    await site.stopNginx();
    await chmod(`${site.dir}/${part}`, sound);
    await site.startNginx();
    await site.wait('all is well', ({ state }) => state === 'idle');
  });
}

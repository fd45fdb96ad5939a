/** The entry in an administration that no one here wrote, Debian's Adminer, which has a policy of its own; on the site's database. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { accessible, close, open, picture } from './lib/browser.js';
import { Central, Site, until } from './lib/site.js';

let central;
let site;
let php;
let page;

/** Its pages have no `</nav>` and no `</body>`, and let in only scripts with their nonce; docs/configuration.md. */
const ENTRY = (dir) => `location /adminer/ {
    add_header X-Msync entry;    # in place of the server's policy
    fastcgi_pass unix:${dir}/run/php.sock;
    include /etc/nginx/fastcgi_params;
    fastcgi_param SCRIPT_FILENAME ${dir}/adminer/index.php;
    sub_filter '<body' '<msync-nav dock></msync-nav><script type="module" nonce="$nonce" src="/sync/msync.js"></script><body';
  }`;

/** Adminer lets nobody into a database without a password, as SQLite's are, unless told. */
const INDEX = `<?php
function adminer_object() {
    class Clinic extends Adminer {
        function login($login, $password) { return true; }
    }
    return new Clinic;
}
include '/usr/share/adminer/adminer.php';
`;

const POOL = (dir) => `[global]
error_log = ${dir}/logs/php.log
[site]
listen = ${dir}/run/php.sock
listen.mode = 0666
pm = ondemand
pm.max_children = 2
${process.getuid() === 0 ? 'user = www-data\ngroup = www-data' : ''}
php_admin_value[session.save_path] = ${dir}/run
php_admin_value[upload_tmp_dir] = ${dir}/run
`;

before(async () => {
  central = await Central.start();
  site = await Site.start({ central });
  await site.sync();

  const { dir } = site;
  const [fpm] = (await readdir('/usr/sbin')).filter((name) => name.startsWith('php-fpm'));
  await mkdir(`${dir}/adminer`);
  await writeFile(`${dir}/adminer/index.php`, INDEX);
  await writeFile(`${dir}/php.conf`, POOL(dir));
  php = spawn('setpriv', ['--pdeathsig', 'TERM', `/usr/sbin/${fpm}`, '-F', '-y', `${dir}/php.conf`,
    ...process.getuid() === 0 ? ['-R'] : []], { stdio: 'ignore' });
  await site.configure((text) => text.replace(/server \{/, (all) => `map $upstream_http_content_security_policy
    $nonce { "~'nonce-([^']+)'" $1; }\n${all}`).replace('location = /metrics', (all) => `${ENTRY(dir)}\n${all}`));
  await site.reload();
  await until('php answers', async () => (await fetch(`${site.url}/adminer/`)).ok);
});

after(async () => {
  if (page) {
    await close(page);
  }
  php?.kill('SIGTERM');
  await site?.stop();
  await central?.stop();
});

const entry = () => page.locator('msync-nav .dock button');

test('the entry is seen in it, for its own policy lets it in', async () => {
  page = await open(`${site.url}/adminer/?sqlite=&username=&db=${site.database}`);
  await page.locator('input[type=submit]').first().click();
  await page.getByRole('link', { name: 'item_line', exact: true }).first().waitFor();
  await entry().waitFor();
  await picture(page, 'adminer');
});

test('a row that was edited there waits, and is at central after a sync from the dialog', async () => {
  const [{ ID }] = await site.sql('SELECT ID FROM item_line ORDER BY ID LIMIT 1');

  await page.goto(`${site.url}/adminer/?sqlite=&username=&db=${site.database}&edit=item_line&where[ID]=${ID}`);
  await page.locator('[name="fields[note]"]').fill('Contado dos veces');
  await page.locator('form#form input[type=submit]').first().click();
  await site.wait('the record waits', (doc) => doc.numberOfRecordsInPushQueue === 1);
  await entry().click();
  await site.sync(() => page.getByRole('dialog').getByRole('button', { name: '¡Sincronizar ahora!' }).click());
  assert.equal((await central.record('item_line', ID)).note, 'Contado dos veces');
  await accessible(page, 'msync-panel');
});

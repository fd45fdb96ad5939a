/**
 * A site of a test's own: the emulator of the central servers, nginx with the
 * module, the helper (the real one, or t/lib/fake-helper), a database.  All of
 * it lies in a folder below /tmp, ends with the test and listens on free ports
 * of 127.0.0.1.
 */

import { execFile, spawn } from 'node:child_process';
import { chmod, chown, copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The user of the workers where the tests are root's. */
const WORKER = process.getuid() === 0 ? { name: 'www-data', uid: 33, gid: 33 } : null;

const NAME = 'Clinic 7';
export const PASSWORD = 'secret';
/** Milliseconds until a test gives up. */
export const PATIENCE = Number(process.env.PATIENCE || 45000);

const run = promisify(execFile);
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until `test` gives something true, and returns that. */
export async function until(what, test, patience = PATIENCE) {
  for (const end = Date.now() + patience; Date.now() < end; await sleep(40)) {
    const found = await test();
    if (found) {
      return found;
    }
  }
  throw new Error(`waited in vain until ${what}`);
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A process that gets SIGTERM when this one dies, however that happens. */
function start(command, args, options) {
  return spawn('setpriv', ['--pdeathsig', 'TERM', command, ...args], options);
}

function ended(child) {
  return child.exitCode !== null || child.signalCode !== null ? null
    : new Promise((resolve) => child.once('exit', resolve));
}


/** Both central servers; t/central/central.pl explains what they can do. */
export class Central {
  #child;

  /** `protocol` "v7": an Open mSupply central of 3.0, which a site of v7 is set up with. */
  static async start({ records = 150, protocol = 'v6' } = {}) {
    const central = new Central();
    central.protocol = protocol;
    [central.v5, central.v6] = [await freePort(), await freePort()];
    central.records = records;
    await central.restart();
    return central;
  }

  /** At the same ports again, with all that was pushed forgotten. */
  async restart() {
    this.#child = start('perl', [`${ROOT}t/central/central.pl`, '--print-ports', '--lifeline', '--v5', this.v5,
      '--v6', this.v6, '--protocol', this.protocol, '--site', NAME, '--password', PASSWORD, '--records', this.records],
    { stdio: ['pipe', 'pipe', 'inherit'] });
    for await (const line of createInterface(this.#child.stdout)) {
      return JSON.parse(line);
    }
    throw new Error('the emulator does not start');
  }

  /** What a site is set up with. */
  get url() {
    return `http://127.0.0.1:${this.protocol === 'v7' ? this.v6 : this.v5}`;
  }

  get #tests() {
    return `http://127.0.0.1:${this.v5}/_test`;
  }

  async stop() {
    this.#child.stdin.end();
    await ended(this.#child);
  }

  async state() {
    return (await fetch(`${this.#tests}/state`)).json();
  }

  config(body) {
    return this.#control('config', body);
  }

  fault(body) {
    return this.#control('fault', body);
  }

  clearFaults() {
    return this.#control('clear_faults', {});
  }

  change(body) {
    return this.#control('change', body);
  }

  /** A record as central has it now; null where there is none. */
  async record(table, id) {
    const answer = await fetch(`${this.url}/_test/record?table=${table}&id=${id}`);
    return answer.ok ? answer.json() : null;
  }

  async #control(what, body) {
    const answer = await fetch(`${this.#tests}/${what}`, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) {
      throw new Error(`the emulator says ${answer.status}: ${await answer.text()}`);
    }
  }
}


/** nginx, a helper and a database. */
export class Site {
  #nginx;
  #fake = null;
  #reported;
  #fakeLines;
  #settings;
  #helper;
  #clinic = null;

  /**
   * Settings: `central` for a site that has its settings in nginx.conf,
   * `fake` for the helper that does what a test says, `clinic` for the
   * pharmacy's application, which is at clinic.localhost then.
   */
  static async start({ central = null, fake = false, clinic = false } = {}) {
    const site = new Site();

    site.dir = await mkdtemp(join(tmpdir(), 'msync-page-'));
    site.port = await freePort();
    site.url = `http://127.0.0.1:${site.port}`;
    site.api = `${site.url}/sync/api/`;
    site.database = `${site.dir}/site/clinic.sqlite`;
    site.#helper = fake ? 'fake-helper' : 'msync';
    site.#settings = central ? `url ${central.url}; username "${NAME}"; password_file ${site.dir}/password;
      interval 1h;` : '';
    await site.#stage();
    await site.startNginx();
    if (clinic) {
      await site.#startClinic();
    }
    if (fake) {
      await site.report({});
    } else {
      await until('the helper reports', async () => (await site.status()).state !== 'stopped');
    }
    return site;
  }

  /** What the workers read is copied to where their user can reach it. */
  async #stage() {
    const { dir } = this;

    await chmod(dir, 0o755);
    await Promise.all(['logs', 'temp', 'site', 'run'].map((name) => mkdir(`${dir}/${name}`)));
    await cp(`${ROOT}html`, `${dir}/html`, { recursive: true });
    await cp(`${ROOT}t/demo/admin`, `${dir}/admin`, { recursive: true });
    await copyFile(process.env.TEST_NGINX_LOAD_MODULES || `${ROOT}build/ngx_http_msync_module.so`, `${dir}/module.so`);
    await copyFile(`${ROOT}build/msync`, `${dir}/msync`);
    await copyFile(`${ROOT}t/lib/fake-helper`, `${dir}/fake-helper`);
    await Promise.all(['msync', 'fake-helper'].map((name) => chmod(`${dir}/${name}`, 0o755)));
    await writeFile(`${dir}/password`, `${PASSWORD}\n`, { mode: 0o640 });
    if (WORKER) {
      await chown(`${dir}/site`, WORKER.uid, WORKER.gid);
      await chown(`${dir}/run`, WORKER.uid, WORKER.gid);
      await chown(`${dir}/password`, 0, WORKER.gid);
    }
    await this.configure((text) => text);
  }

  /**
   * Writes nginx.conf, changed by `edit`.  A worker that is to end waits for
   * connections that the browser made ahead and asks nothing with: not a minute.
   */
  async configure(edit) {
    const values = { DIR: this.dir, PORT: this.port, HELPER: this.#helper, SETTINGS: this.#settings,
      USER: WORKER ? `user ${WORKER.name};` : '' };
    const text = await readFile(`${ROOT}t/demo/nginx.conf`, 'utf8');
    await writeFile(`${this.dir}/nginx.conf`, edit(text.replace(/@([A-Z]+)@/g, (all, name) => values[name])
      .replace('http {', '$&\n    client_header_timeout 5s;')));
  }

  async startNginx() {
    const { dir } = this;

    await rm(`${dir}/admin.sock`, { force: true });
    this.#nginx = start(process.env.TEST_NGINX_BINARY || 'nginx', ['-p', dir, '-c', `${dir}/nginx.conf`,
      '-e', `${dir}/logs/error.log`], { stdio: 'inherit' });
    await until('nginx answers', async () => {
      if (this.#nginx.exitCode !== null) {
        throw new Error(`nginx ended: ${await this.log()}`);
      }
      return (await fetch(`${this.api}status`).catch(() => null))?.ok;
    });
    if (this.#helper === 'fake-helper') {
      await this.#connectFake();
    }
  }

  async stopNginx() {
    this.#fake?.destroy();
    this.#nginx.kill('SIGTERM');
    await ended(this.#nginx);
  }

  /** Reloads and waits for workers that are not those of before. */
  async reload() {
    const before = await this.#workers();

    this.#nginx.kill('SIGHUP');
    await until('the workers are new', async () => {
      const now = await this.#workers();
      return now.length > 0 && !now.some((pid) => before.includes(pid));
    });
  }

  async #workers() {
    const { pid } = this.#nginx;
    return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').filter(Boolean);
  }

  /** The application runs as the workers do, and shares the database. */
  async #startClinic() {
    const { dir } = this;
    const socket = `${dir}/run/clinic.sock`;

    await cp(`${ROOT}t/demo/app`, `${dir}/app`, { recursive: true });
    this.clinic = `http://clinic.localhost:${this.port}`;
    this.#clinic = start('perl', [`${dir}/app/clinic.pl`, 'daemon', '-m', 'production', '-l',
      `http+unix://${encodeURIComponent(socket)}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
      ...WORKER && { uid: WORKER.uid, gid: WORKER.gid },
      env: { ...process.env, CLINIC_DATABASE: this.database, CLINIC_LOGIN: 'ana:secret', CLINIC_SECRET: 'of a test' },
    });
    for await (const line of createInterface(this.#clinic.stderr)) {
      if (line.includes('Listening')) {
        return;
      }
      throw new Error(`the application does not start: ${line}`);
    }
  }

  async stop() {
    if (this.#clinic) {
      this.#clinic.kill('SIGTERM');
      await ended(this.#clinic);
    }
    await this.stopNginx();
    await rm(this.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  log() {
    return readFile(`${this.dir}/logs/error.log`, 'utf8');
  }

  async status() {
    return (await fetch(`${this.api}status`)).json();
  }

  /** Waits until the status document passes. */
  wait(what, test) {
    return until(what, async () => {
      const doc = await this.status();
      return test(doc) ? doc : null;
    });
  }

  /** Starts a run, as `press` does it, and waits for its end. */
  async sync(press = () => fetch(`${this.api}trigger`, { method: 'POST' })) {
    const runs = async () => (await (await fetch(`${this.api}history`)).json()).runs[0]?.id;
    const before = await runs();

    await press();
    await until('a run has ended', async () => await runs() !== before && !(await this.status()).syncStatus.isSyncing);
    return this.status();
  }

  /** Statements as the clinic's application would run them. */
  async sql(...statements) {
    const { stdout } = await run('sqlite3', ['-bail', '-json', '-cmd', '.timeout 10000',
      '-cmd', 'PRAGMA foreign_keys = ON', this.database, statements.join(';')], { maxBuffer: 2 ** 26 });
    return stdout ? JSON.parse(stdout) : [];
  }

  /** Keeps the database locked, as an application may, until what is returned is called. */
  async lock() {
    const child = start('sqlite3', ['-bail', '-cmd', '.timeout 10000', this.database], { stdio: ['pipe', 'pipe', 'inherit'] });

    child.stdin.write('BEGIN IMMEDIATE; SELECT 1;\n');
    await new Promise((resolve) => child.stdout.once('data', resolve));
    return async () => {
      child.stdin.end('ROLLBACK;\n');
      await ended(child);
    };
  }

  /* the fake helper */

  async #connectFake() {
    this.#fake = await until('the fake helper listens', () => new Promise((resolve) => {
      const socket = createConnection(`${this.database}.fake`);
      socket.once('connect', () => resolve(socket));
      socket.once('error', () => resolve(null));
    }));
    this.#reported = undefined;
    this.#fakeLines = createInterface(this.#fake)[Symbol.asyncIterator]();
  }

  async #order(order) {
    this.#fake.write(`${JSON.stringify(order)}\n`);
    return JSON.parse((await this.#fakeLines.next()).value);
  }

  /** The helper reports this; see fake-helper for the names. */
  async report({ state = 'idle', ...more }) {
    const { generation } = await this.status();
    const order = { do: 'status', state, ...more };

    // what is the same within a second makes no new generation
    if (JSON.stringify(order) === this.#reported) {
      return;
    }
    this.#reported = JSON.stringify(order);
    await this.#order(order);
    await this.wait('the report is served', (doc) => doc.generation > generation);
  }

  /** The helper has this document: history, errors, dismissed, settings. */
  async document(name, body) {
    const path = name === 'dismissed' ? 'errors?dismissed=1' : name;
    const read = async () => (await fetch(`${this.api}${path}`)).text();
    const before = await read();

    await this.#order({ do: 'document', name, body });
    await until('the document is served', async () => await read() !== before);
  }

  /** Commands and requests that the helper got. */
  async received() {
    return (await this.#order({ do: 'received' })).received;
  }

  answer(status, body) {
    return this.#order({ do: 'answer', status, body });
  }
}

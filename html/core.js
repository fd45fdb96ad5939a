/**
 * What every part of the page needs: elements and icons, texts, numbers and
 * dates in the user's language, requests, and the live status of a site.
 */

/** Our languages, and the locales that Intl shall try for each.  Where it does
 * not know the first, times are said with the `units` of the texts. */
const LOCALES = {
  ar: ['ar'], en: ['en'], es: ['es'], fr: ['fr'], lo: ['lo', 'en-GB'],
  prs: ['fa-AF', 'fa'], ps: ['ps', 'fa-AF'], pt: ['pt'], ru: ['ru'],
  tet: ['tet', 'pt-TL', 'pt'],
};
const ALIASES = { fa: 'prs' };
const RTL = ['ar', 'prs', 'ps'];

export const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const CLOUD = 'M7 17a4.5 4.5 0 0 1-.5-9A6 6 0 0 1 18 9a4 4 0 0 1 .5 8';
const SERVER = 'M4 3h16v6H4zm3.5 3v.01';
const ICONS = {
  sync: 'M4 11a8 8 0 0 1 14-4.3L20 9m0-5v5h-5m5 4a8 8 0 0 1-14 4.3L4 15m0 5v-5h5',
  spin: 'M12 3a9 9 0 1 1-9 9',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  cross: 'M6.5 6.5l11 11m0-11l-11 11',
  info: 'M12 10.5v8m0-12.5v.01',
  alert: 'M12 4L2.8 20h18.4zm0 6v4.5m0 2.5v.01',
  cloudOff: 'M4 4l16 16M9 5.6A6 6 0 0 1 18 10a4 4 0 0 1 2.6 6.6M17 18H7a4.5 4.5 0 0 1-.5-9',
  pause: 'M9 6v12m6-12v12',
  stop: 'M12 3a9 9 0 1 0 .01 0M5.6 5.6l12.8 12.8',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  lock: 'M6 11h12v9H6zm3 0V8a3 3 0 0 1 6 0v3',
  prepareInitial: 'M9 3h6v4H9zM7 5H5v16h14V5h-2M9 12h6m-6 4h4',
  pushV6: `${CLOUD}M12 21v-9m-3 3l3-3 3 3`,
  push: `${SERVER}M12 21v-8m-3.5 3.5L12 13l3.5 3.5`,
  pullCentral: `${SERVER}M12 13v8m-3.5-3.5L12 21l3.5-3.5`,
  pullRemote: 'M12 3v11m-4-4l4 4 4-4M4 16v4h16v-4',
  pullV6: `${CLOUD}M12 12v9m-3-3l3 3 3-3`,
  pull: `${CLOUD}M12 12v9m-3-3l3 3 3-3`,
  waitForIntegration: `${SERVER}M12 13v4.5h3.5M6 17.5a6 6 0 1 0 .5-2.5`,
  integration: 'M4 6c0-4 16-4 16 0s-16 4-16 0v12c0 4 16 4 16 0V6M4 12c0 4 16 4 16 0',
};


/**
 * Makes an element.  Attributes that are functions become event listeners,
 * false and null are left out; strings among the children become text.
 */
export function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === 'function') {
      node.addEventListener(name, value);
    } else if (value !== false && value != null) {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/** Changes a text only where it differs, so that selections survive. */
export function say(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

/** One of ICONS, for the eye only. */
export function icon(name) {
  return svg('svg', { class: `icon ${name}`, viewBox: '0 0 24 24', 'aria-hidden': 'true' },
    svg('path', { d: ICONS[name] }));
}

/** Puts a stylesheet of ours into `root`; waits for it, unless it cannot be had. */
export function style(root, file) {
  return new Promise((resolve) => {
    root.append(h('link', { rel: 'stylesheet', href: new URL(file, import.meta.url), load: resolve, error: resolve }));
  });
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * A module that no other one imports, once it is there, or null as soon as `failed(times)` is true.
 * Browsers may remember of an address that it failed.
 */
export async function load(file, failed) {
  for (let n = 0; ; n++) {
    try {
      return await import(n ? `${file}?${n}` : file);
    } catch {
      if (failed?.(n + 1)) {
        return null;
      }
    }
    await pause(3 * SECOND);
  }
}


/** Everything that depends on the user's language. */
export class Texts {
  static #tables = {};

  /** The language of `?lang=`, of the page around `element`, or of the browser. */
  static async for(element) {
    const wanted = [new URLSearchParams(location.search).get('lang'),
      element.closest('[lang]')?.lang, ...navigator.languages, 'en'];

    for (const tag of wanted) {
      const base = tag?.toLowerCase().split(/[-_]/)[0];
      const code = ALIASES[base] ?? base;
      if (Object.hasOwn(LOCALES, code)) {
        return new Texts(code, tag, await (Texts.#tables[code] ??= Texts.#load(code, 'title')));
      }
    }
  }

  /** Without texts there is nothing to show: tries until they are there. */
  static async #load(code, member) {
    for (;;) {
      const { ok, data } = await ask(new URL('lang/', import.meta.url), `${code}.json`, member);
      if (ok) {
        return data;
      }
      await pause(3 * SECOND);
    }
  }

  /** Adds the texts of what is loaded later, among them those of errors. */
  more() {
    return Promise.all([this.#add('more', 'elapsed'), this.errors()]);
  }

  /** Adds what is said of errors. */
  errors() {
    return this.#add('errors', 'error.TIMEOUT');
  }

  async #add(part, member) {
    const code = `${this.lang}-${part}`;
    Object.assign(this.table, await (Texts.#tables[code] ??= Texts.#load(code, member)));
  }

  /** Can errors be explained?  If not, `then` is called as soon as they can. */
  explains(then) {
    const known = this.table['error.TIMEOUT'] !== undefined;
    if (!known) {
      this.errors().then(then);
    }
    return known;
  }

  constructor(code, tag, table) {
    this.lang = code;
    this.rtl = RTL.includes(code);
    this.table = table;
    try {
      this.locales = [...Intl.getCanonicalLocales(tag.startsWith(code) ? tag : []), ...LOCALES[code]];
    } catch {
      this.locales = LOCALES[code];    /* the tag was "es_CO" or the like */
    }
    this.units = Intl.NumberFormat.supportedLocalesOf(LOCALES[code][0]).length ? null : table.units;
    this.numbers = new Intl.NumberFormat(this.locales);
    this.plural = new Intl.PluralRules(this.locales);
    this.dates = new Intl.DateTimeFormat(this.locales,
      { dateStyle: this.units ? 'short' : 'medium', timeStyle: 'short' });
    this.hours = new Intl.DateTimeFormat(this.locales, { timeStyle: 'short' });
  }

  /** A text; `n` chooses its plural form, `{name}` is replaced by `args.name`. */
  t(key, args = {}) {
    let text = this.table[key] ?? key;
    if (typeof text === 'object') {
      text = text[this.plural.select(args.n)] ?? text.other;
    }
    return this.#put(text, args);
  }

  #put(text, args) {
    return text.replace(/\{(\w+)\}/g, (all, name) => (
      typeof args[name] === 'number' ? this.number(args[name]) : args[name] ?? all));
  }

  /** A sentence, and what to do; in brackets is what is of runs alone. */
  explain({ variant }, ofRun = true) {
    return (this.table[`error.${variant}`] ?? this.table['error.UNKNOWN'])
      .map((text) => text.replace(/\[(.*)\]/, ofRun ? '$1' : '').trim());
  }

  number(n) {
    return this.numbers.format(n);
  }

  /** Of a part of 1, "43 %", never more than it is. */
  percent(part) {
    return new Intl.NumberFormat(this.locales, { style: 'percent' })
      .format(Math.floor(part * 100) / 100);
  }

  /** "3 seconds", "1 hour 20 minutes": two units at most. */
  duration(seconds, unitDisplay = 'long') {
    const s = Math.max(0, Math.round(seconds));
    const m = Math.round(s / 60);
    const parts = s < 60 ? [[s, 'second']]
      : s < 600 ? [[Math.floor(s / 60), 'minute'], [s % 60, 'second']]
      : m < 60 ? [[m, 'minute']]
      : [[Math.floor(m / 60), 'hour'], [m % 60, 'minute']];

    return parts.filter(([n], i) => i === 0 || n > 0).map(([n, unit]) => this.#unit(n, unit, unitDisplay))
      .join(' ');
  }

  /** The same; nothing takes no time. */
  briefly(seconds, unitDisplay) {
    return `${seconds < 1 ? '< ' : ''}${this.duration(Math.max(1, seconds), unitDisplay)}`;
  }

  /** How long a run took. */
  took(seconds, unitDisplay) {
    return this.t('took', { time: this.briefly(seconds, unitDisplay) });
  }

  #unit(n, unit, unitDisplay) {
    return this.units ? this.#put(this.units[unit], { n })
      : new Intl.NumberFormat(this.locales, { style: 'unit', unit, unitDisplay }).format(n);
  }

  /** "5 minutes ago", "in 2 hours", "now"; never "yesterday" for 47 hours. */
  fromNow(exactly) {
    const milliseconds = exactly > MINUTE ? Math.round(exactly / MINUTE) * MINUTE : exactly;
    const size = Math.abs(milliseconds);
    const [unit, length] = size >= DAY ? ['day', DAY] : size >= HOUR ? ['hour', HOUR]
      : size >= MINUTE ? ['minute', MINUTE] : ['second', size < 5 * SECOND ? Infinity : SECOND];
    const n = Math.trunc(milliseconds / length);

    return !this.units
      ? new Intl.RelativeTimeFormat(this.locales, { numeric: n ? 'always' : 'auto' }).format(n, unit)
      : this.#put(this.units[n < 0 ? 'ago' : n > 0 ? 'in' : 'now'], { time: this.#unit(Math.abs(n), unit) });
  }

  date(time) {
    return this.dates.format(new Date(time));
  }

  /** "5 minutes ago", the date where that is a day and more. */
  since(time, now) {
    return now - time < DAY ? this.fromNow(time - now) : this.date(time);
  }

  /** Time of day, with the date where it is another day. */
  time(time, now) {
    return new Date(time).toDateString() === new Date(now).toDateString() ? this.hours.format(time) : this.date(time);
  }
}


/** How applications, and what stands before them, say that somebody has to sign in. */
const LOGIN = [401, 403, 419, 440, 511];

/** The JSON of an answer, {} where it has none; rejects where the network took it away. */
async function json(answer) {
  const data = await answer.json().catch((error) => {
    if (!(error instanceof SyntaxError)) {
      throw error;
    }
  });
  return data ?? {};
}

/** Did something else than msync answer, as where a login has ended? */
function foreign(answer, { error }) {
  return typeof error?.variant !== 'string'
    && (answer.type === 'opaqueredirect' || answer.ok || LOGIN.includes(answer.status));
}

/**
 * A request: never rejects.  It went well only where the answer is msync's, and has `member`; `login` is true
 * where somebody has to sign in first.  Status 0 where no answer came, not even the server's 504 after 60 s.
 */
export async function ask(base, path, member, method = 'GET', body = undefined) {
  try {
    const answer = await fetch(new URL(path, base), {
      method,
      headers: body && { 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
      cache: 'no-cache',
      redirect: 'manual',
      signal: AbortSignal.timeout?.(75 * SECOND),
    });
    const data = await json(answer);
    const ok = answer.ok && data[member] !== undefined;
    return { ok, status: answer.status, data, login: !ok && foreign(answer, data) };
  } catch {
    return { ok: false, status: 0, data: {}, login: false };
  }
}


/** Somebody has to sign in first. */
class SignedOut extends Error {}

/** The server answered, but not in the way that was tried. */
class Unsuitable extends Error {}

/** The ways to follow it, the best first. */
const EVENTS = 0;
const WAIT = 1;
const ASK = 2;

/**
 * The status document of one API, kept current while somebody looks: by
 * Server-Sent Events, else by long polling, else by asking now and then.  A
 * "change" event follows every new document and every loss or return of the
 * server.
 *
 * Events are read with fetch, because EventSource hides the comments by which
 * a dead connection is told from a quiet one.
 */
export class Live extends EventTarget {
  static #all = {};

  static FIRST = 6 * SECOND;     /* until the first event */
  static SILENCE = 40 * SECOND;  /* a comment comes each 15 s */
  static LONG = 25;              /* seconds of a long poll */
  static POLL = 5 * SECOND;
  static AGAIN = 5 * MINUTE;     /* until a closed way is tried again */
  static HIDDEN = 30 * SECOND;   /* a tab out of sight lets go */
  static LOGIN = 30 * SECOND;    /* some servers ask for a password each time */

  doc = null;
  reachable = null;
  signedOut = false;             /* out of reach until somebody signs in */
  seen = 0;

  #users = 0;
  #skew = 0;
  #closed = [0, 0, 0];           /* until when, for each way */
  #heard = 0;
  #stop = null;
  #guard = null;
  #wake = () => {};
  #hide = 0;

  static for(api) {
    return Live.#all[api] ??= new Live(api);
  }

  constructor(api) {
    super();
    this.api = api;
    this.store = `msync ${api}`;
    try {
      Object.assign(this, JSON.parse(localStorage.getItem(this.store)));
    } catch {
      /* no storage: starts with nothing */
    }
    addEventListener('online', () => this.#wake());
    addEventListener('focus', () => this.signedOut && this.#wake());
    addEventListener('offline', () => {
      this.#wake();
      this.#guard?.end(new TypeError());    /* as where the network fails */
    });
    addEventListener('pagehide', () => this.#save());
    document.addEventListener('visibilitychange', () => this.#visibility());
  }

  /** Follows the server until the function that is returned is called. */
  follow(listener) {
    this.addEventListener('change', listener);
    if (++this.#users === 1) {
      this.#run();
      this.#visibility();
    }
    return () => {
      this.removeEventListener('change', listener);
      if (--this.#users === 0) {
        this.#end();
      }
    };
  }

  /** The server's time. */
  clock() {
    return Date.now() + this.#skew;
  }

  /**
   * Now, by the later of the two clocks: a device whose battery died falls
   * back to a date in the past.
   */
  now() {
    return Math.max(Date.now(), this.clock());
  }

  /** Milliseconds since the last success, NaN where there was none. */
  age() {
    return this.now() - Date.parse(this.doc?.syncStatus?.lastSuccessfulSync?.finished);
  }

  /** "red" or "orange" when the last success is too long ago, else "". */
  lateness() {
    const { warningThreshold = 1, errorThreshold = 3 } = this.doc?.syncStatus ?? {};
    const days = this.age() / DAY;
    return days >= errorThreshold ? 'red' : days >= warningThreshold ? 'orange' : '';
  }

  #end() {
    this.#stop?.abort();
    this.#stop = null;
  }

  #visibility() {
    clearTimeout(this.#hide);
    if (document.hidden) {
      this.#save();
      this.#hide = setTimeout(() => this.#end(), Live.HIDDEN);
    } else if (this.#users > 0 && !this.#stop) {
      this.#run();
    }
  }

  /** What a page that opens offline will show. */
  #save() {
    try {
      localStorage.setItem(this.store, JSON.stringify({ doc: this.doc, seen: this.seen }));
    } catch {
      /* no storage: nothing is kept */
    }
  }

  #way() {
    return this.#closed.findIndex((until) => Date.now() >= until);
  }

  async #run() {
    const stop = new AbortController();
    let failures = 0;

    this.#stop = stop;
    while (!stop.signal.aborted) {
      const heard = this.#heard;
      const way = failures ? ASK : this.#way();
      try {
        await (way === EVENTS ? this.#stream(stop.signal) : this.#poll(way, stop.signal));
        failures = 0;
        if (this.#way() === ASK) {
          await this.#rest(Live.POLL);
        }
      } catch (error) {
        const quiet = this.#heard === heard;
        const unsuitable = way < ASK && error instanceof Unsuitable;
        const signedOut = error instanceof SignedOut;

        if (stop.signal.aborted) {
          return;
        }
        /* or nothing came, or a proxy's 504, though the server is there */
        if (signedOut) {
          this.#closed.fill(0);
        } else if (unsuitable || way < ASK && quiet && this.reachable && !(error instanceof TypeError)) {
          this.#closed[way] = Date.now() + Live.AGAIN;
        }
        if (unsuitable) {
          continue;
        }
        failures = quiet ? failures + 1 : 1;
        if (signedOut || failures > 1) {
          this.#lose(signedOut);
        }
        await this.#rest(signedOut ? Live.LOGIN
          : Math.min(15, 2 ** failures / 8) * SECOND * (0.75 + Math.random() / 2));
      }
    }
  }

  #rest(milliseconds) {
    return Promise.race([pause(milliseconds), new Promise((resolve) => {
      this.#wake = resolve;
    })]);
  }

  /** The server is out of reach, or somebody has to sign in. */
  #lose(signedOut) {
    if (this.reachable !== false || this.signedOut !== signedOut) {
      this.reachable = false;
      this.signedOut = signedOut;
      this.dispatchEvent(new Event('change'));
    }
  }

  #accept(doc) {
    if (typeof doc?.state !== 'string') {
      throw new Unsuitable();
    }
    this.doc = doc;
    this.seen = this.clock();
    this.#heard++;
    this.reachable = true;
    this.signedOut = false;
    this.dispatchEvent(new Event('change'));
  }

  /** Something else than events is no reason yet to ask for a login: waiting will tell. */
  async #get(path, { signal }) {
    const answer = await fetch(new URL(path, this.api), { signal, cache: 'no-cache', redirect: 'manual' });

    if (!answer.ok) {
      throw path !== 'events' && foreign(answer, await json(answer)) ? new SignedOut()
        : answer.status >= 500 ? new Error(answer.status) : new Unsuitable();
    }
    const skew = Date.parse(answer.headers.get('Date')) - Date.now();
    this.#skew = Math.abs(skew) > 2 * SECOND ? skew : 0;
    return answer;
  }

  /** Ends with an error, at the latest when the server ends the stream. */
  async #stream(stop) {
    const guard = this.#guard = new Guard(stop, Live.FIRST);
    let answer;
    let text = '';
    let quiet = true;

    try {
      answer = await this.#get('events', guard);
      if (!answer.headers.get('Content-Type')?.startsWith('text/event-stream')) {
        throw new Unsuitable();
      }
      guard.feed(Live.FIRST);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const events = (text + part.value).split('\n\n');
        text = events.pop();
        for (const event of events) {
          const data = /^data: ?(.*)$/m.exec(event);
          if (data) {
            this.#accept(JSON.parse(data[1]));
            quiet = false;
          }
        }
        if (!quiet) {
          guard.feed(Live.SILENCE);
        }
      }
      throw new Error('the end');
    } catch (error) {
      /* headers, but no event: something on the way keeps it back */
      throw answer && quiet && !stop.aborted ? new Unsuitable() : error;
    } finally {
      guard.end();
    }
  }

  async #poll(way, stop) {
    const wait = way === WAIT ? Live.LONG : 0;
    const guard = this.#guard = new Guard(stop, (wait + 10) * SECOND);
    const since = this.reachable ? this.doc.generation : 0;
    const started = Date.now();

    try {
      const doc = await json(await this.#get(`status?since=${since}&wait=${wait}`, guard));
      if (typeof doc.state !== 'string') {
        throw new SignedOut();
      }
      this.#accept(doc);
    } finally {
      guard.end();
    }
    if (wait && this.doc.generation === since && Date.now() - started < SECOND) {
      this.#closed[WAIT] = started + Live.AGAIN;    /* this server does not wait */
    }
  }
}


/** An abort signal with a watchdog. */
class Guard {
  #abort = new AbortController();
  #timer = 0;

  constructor(stop, milliseconds) {
    this.signal = this.#abort.signal;
    stop.addEventListener('abort', () => this.end(), { signal: this.signal });
    this.feed(milliseconds);
  }

  /** Sets the watchdog back. */
  feed(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.end(), milliseconds);
  }

  end(why) {
    clearTimeout(this.#timer);
    this.#abort.abort(why);
  }
}


/** What the elements share: shadow root, styles, texts, status. */
export class MsyncElement extends HTMLElement {
  static observedAttributes = ['lang'];

  #unfollow = () => {};

  /** Where the API is: the attribute `api` or `data-api`, else beside this file. */
  get api() {
    const own = this.getAttribute('api') ?? this.dataset.api;
    return own ? new URL(own.replace(/\/?$/, '/'), document.baseURI) : new URL('api/', import.meta.url);
  }

  /** Where a page has made the root's letters small, as older frameworks do, ours are not. */
  get zoom() {
    const size = parseFloat(getComputedStyle(document.documentElement).fontSize);
    return size < 12 ? 16 / size : 1;
  }

  async connectedCallback() {
    const root = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    const slot = h('slot');    /* until the texts are there */
    root.replaceChildren();
    const styled = Promise.all(['msync.css', ...this.hasAttribute('page') ? [] : ['embed.css']]
      .map((file) => style(root, file)));
    root.append(slot);

    this.live = Live.for(this.api);
    const unfollow = this.live.follow(() => {});    /* the status need not wait for the texts */
    [this.texts] = await Promise.all([Texts.for(this), styled]);
    if (slot.isConnected) {
      slot.replaceWith(fill(this.build(), { lang: this.texts.lang, dir: this.texts.rtl ? 'rtl' : 'ltr' }, []));
      this.resume();
    }
    unfollow();
  }

  resume() {
    this.#unfollow();
    this.#unfollow = this.live.follow(() => this.update());
    this.update();
  }

  suspend() {
    this.#unfollow();
    this.#unfollow = () => {};
  }

  disconnectedCallback() {
    this.suspend();
  }

  attributeChangedCallback() {
    if (this.texts && this.isConnected) {
      this.connectedCallback();
    }
  }
}


/** A box with an icon and a sentence. */
export function notice(kind, sign, title, text, ...more) {
  return h('div', { class: `notice ${kind}` }, icon(sign),
    h('div', {}, h('strong', {}, title), text ? h('p', {}, text) : null), ...more);
}

/** Where somebody was who goes to sign in, kept for a while. */
const BACK = 'msync back';

/** Somebody goes to sign in from `tab`. */
export function goToLogin(tab) {
  try {
    sessionStorage.setItem(BACK, `${Date.now()} ${tab}`);
  } catch {
    /* no storage: comes back to the beginning */
  }
}

/** Who comes back from there within ten minutes: "history" or the like, once. */
export function cameBack() {
  try {
    const [time, tab] = (sessionStorage.getItem(BACK) ?? '').split(' ');
    sessionStorage.removeItem(BACK);
    return Date.now() - time < 10 * MINUTE ? tab : null;
  } catch {
    return null;
  }
}

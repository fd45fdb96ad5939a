/** The texts and the size of the page; needs no browser. */

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { ROOT } from './lib/site.js';

const HTML = `${ROOT}html/`;
const read = (name) => readFileSync(`${HTML}${name}`, 'utf8');
const code = readdirSync(HTML).filter((name) => name.endsWith('.js')).map(read).join('\n')
  .replace(/\/\*[^]*?\*\//g, '');
const texts = (name) => JSON.parse(read(`lang/${name}.json`));
const languages = readdirSync(`${HTML}lang`).filter((name) => !name.includes('-'))
  .map((name) => name.replace('.json', ''));
const LATER = ['more', 'errors'];
const later = (name) => Object.assign({}, ...LATER.map((part) => texts(`${name}-${part}`)));
const tables = Object.fromEntries(languages.map((name) => [name, { ...texts(name), ...later(name) }]));
const keys = Object.keys(tables.es);

/** Only where Intl knows too little of a language. */
const OWN = ['units'];

/** What comes first when somebody opens the page; the sixth request is the API's. */
const OPENS_WITH = ['index.html', 'msync.css', 'core.js', 'panel.js'];

const placeholders = (text) => [...new Set(JSON.stringify(text).match(/\{\w+\}/g))].sort();
const forms = (text) => (typeof text === 'object' && !Array.isArray(text) ? Object.values(text) : [text]);

/** The arguments of each call of t(), and the strings in what they choose from. */
function* asked(source = code) {
  for (const { index } of source.matchAll(/\bt\(/g)) {
    let depth = 0;
    let end = index;
    do {
      end++;
      depth += { '(': 1, ')': -1 }[source[end]] ?? 0;
    } while (depth > 0 || source[end] !== ')');
    const [first] = source.slice(index + 2, end).split(/,\s*\{/);
    for (const [, text] of first.replace(/[!=]== '\w+'/g, '').matchAll(/'([\w.]+)'/g)) {
      yield text;
    }
  }
}

/** Words by which the code chooses among keys like "step.push". */
const words = new Set(code.match(/\w+/g));
const families = new Set([...code.matchAll(/`([\w.]+\.)\$\{/g)].map(([, prefix]) => prefix));

function used(key) {
  const [family] = [...families].filter((prefix) => key.startsWith(prefix));
  return code.includes(`'${key}'`) || Boolean(family) && words.has(key.slice(family.length))
    || key.startsWith('error.');
}

test('ten languages have the same texts', () => {
  assert.deepEqual(languages, ['ar', 'en', 'es', 'fr', 'lo', 'prs', 'ps', 'pt', 'ru', 'tet']);
  for (const [name, table] of Object.entries(tables)) {
    assert.deepEqual(Object.keys(table).filter((key) => !OWN.includes(key)).sort(), [...keys].sort(), name);
    for (const part of LATER) {
      assert.deepEqual(Object.keys(texts(`${name}-${part}`)), Object.keys(texts(`es-${part}`)), name);
    }
  }
});

test('what the page opens with needs no text that is loaded later', () => {
  const first = [...OPENS_WITH, 'msync.js'].map(read).join('\n');
  assert.deepEqual([...asked(first)].filter((key) => Object.hasOwn(later('es'), key)), []);
});

test('from right to left a web address keeps its order', () => {
  for (const name of ['ar', 'prs', 'ps']) {
    const all = JSON.stringify(tables[name]);
    assert.equal(all.match(/https:\/\/\u200e/g).length, all.match(/https:/g).length, name);
  }
});

test('no French sign stands alone on the next line', () => {
  assert.doesNotMatch(JSON.stringify(tables.fr), /[ \w][!;»?]| :(?!\/)|«[^\u202f]/);
});

test('every text that the code asks for exists', () => {
  const wanted = new Set(asked());
  assert.ok(wanted.size > 50);
  assert.deepEqual([...wanted].filter((key) => !keys.includes(key)), []);
});

test('every text is used', () => {
  assert.deepEqual(keys.filter((key) => !used(key)), []);
});

test('every error has a sentence and what to do, and no other has', () => {
  const source = readFileSync(`${ROOT}sync/base/err.c`, 'utf8');
  const names = [...source.matchAll(/"(\w+)",\s+MSYNC_SCOPE/g)].map(([, name]) => name);
  assert.ok(names.length > 20);
  names.push('FORBIDDEN');    /* nginx's answer to a page elsewhere */
  assert.deepEqual(keys.filter((key) => key.startsWith('error.')).map((key) => key.slice(6)).sort(),
    [...names].sort());
  for (const table of Object.values(tables)) {
    for (const name of names) {
      assert.equal(table[`error.${name}`].filter((part) => part.trim()).length, 2, name);
    }
  }
});

test('what of an advice is of runs is known in every language', () => {
  const marked = (table) => keys.filter((key) => key.startsWith('error.') && /\[[^[\]]+\]/.test(table[key][1]));

  assert.ok(marked(tables.es).includes('error.TOKEN_ALREADY_ALLOCATED'));
  for (const [name, table] of Object.entries(tables)) {
    assert.deepEqual(marked(table), marked(tables.es), name);
  }
});

test('the tab of the settings is named where an advice is of runs: else it is open, or not there yet', () => {
  for (const [name, table] of Object.entries(tables)) {
    const tab = table['tab.settings'].toLowerCase();
    const advice = (key) => table[key][1].replace(/\[.*\]/, '').toLowerCase();

    assert.deepEqual(keys.filter((key) => key.startsWith('error.') && advice(key).includes(tab)), [], name);
  }
});

test('the placeholders are the same in every language', () => {
  for (const [name, table] of Object.entries(tables)) {
    for (const key of keys) {
      assert.deepEqual(placeholders(table[key]), placeholders(tables.es[key]), `${name} ${key}`);
    }
  }
});

test('plural forms are those of the language', () => {
  const locale = { prs: 'fa-AF', tet: 'pt-TL' };
  /* without these a number would be said wrongly; "other" says the rest */
  const needed = { ar: ['few'], en: ['one'], es: ['one'], fr: ['one'], ps: ['one'], pt: ['one'], ru: ['one', 'few'] };

  for (const [name, table] of Object.entries(tables)) {
    const { pluralCategories } = new Intl.PluralRules(locale[name] ?? name).resolvedOptions();
    for (const key of keys.filter((one) => forms(tables.es[one]).length > 1)) {
      const has = typeof table[key] === 'string' ? ['other'] : Object.keys(table[key]);
      assert.deepEqual([...needed[name] ?? [], 'other'].filter((form) => !has.includes(form)), [], `${name} ${key}`);
      assert.deepEqual(has.filter((form) => !pluralCategories.includes(form)), [], `${name} ${key}`);
    }
  }
});

test('no text is empty or has spaces too many', () => {
  for (const [name, table] of Object.entries(tables)) {
    for (const key of keys) {
      for (const text of [table[key]].flat().flatMap(forms)) {
        assert.match(text, /^\S(?:.*\S)?$/, `${name} ${key}`);
        assert.doesNotMatch(text, / {2}/, `${name} ${key}`);
      }
    }
  }
});

test('the Spanish words are those of the manual', () => {
  const { es } = tables;
  assert.deepEqual([es.title, es.now, es['step.pullRemote'], es['step.pushV6'], es['step.push']],
    ['Sincronización', '¡Sincronizar ahora!', 'Obtener Remotamente', 'Push V6', 'Push']);
});

test('the page is below 60,000 octets in every language', () => {
  for (const name of languages) {
    const size = [...OPENS_WITH, `lang/${name}.json`].reduce((sum, file) => sum + Buffer.byteLength(read(file)), 0);
    assert.ok(size < 60000, `${name}: ${size}`);
  }
});

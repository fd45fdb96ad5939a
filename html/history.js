/** The last runs as a small chart and a table. */

import { ask, h, icon, load, svg } from './core.js';

const HEIGHT = 64;
const GAP = 0.25;
const WIDEST = 28;

/** There is room for so many at least, so that few look like few. */
const ROOM = 12;

const done = (run, names) => names.reduce((n, name) => n + (run[name]?.done ?? 0), 0);

/** Both pushes walk the same changes: what one sends, the other skips. */
const sent = (run) => Math.max(run.pushV6?.done ?? 0, run.push?.done ?? 0);
const received = (run) => done(run, ['pullCentral', 'pullRemote', 'pullV6', 'pull']);
const seconds = (run) => run.summary?.durationInSeconds ?? 0;

/** Equal failures in a row are one entry. */
const times = (run) => run.repeated ?? 1;

/** From one moment to another, whichever is first: a clock may have been set back between them. */
const range = (format, ...moments) =>
  format.formatRange(...moments.map((moment) => new Date(moment)).sort((a, b) => a - b));

/** What became of a run: a name of the styles, an icon, a word. */
const became = ({ isSyncing, error }) => (isSyncing ? ['', 'sync', 'state.active']
  : !error ? ['ok', 'check', 'state.done']
  : error.variant === 'CANCELLED' ? ['cancelled', 'stop', 'state.cancelled'] : ['failed', 'alert', 'state.failed']);


/** The history tab. */
export class View {
  constructor(panel) {
    const button = h('button', { type: 'button', 'aria-expanded': 'false', click: () => this.#dismissed(button) },
      panel.texts.t('dismissed.show'));

    this.panel = panel;
    this.runs = h('section', { class: 'card' });
    this.root = h('div', {}, this.runs, h('div', { class: 'actions' }, button));
  }

  /** Puts the list of dismissed records, and its button, in place of the button that loads them. */
  async #dismissed(button) {
    const { Records } = await load('./problems.js');

    if (button.isConnected) {
      const records = new Records(this.panel, true);
      button.replaceWith(records.button);
      this.root.append(records.list);
      records.button.focus();
      records.button.click();
    }
  }

  /** Asks for the runs and shows them. */
  async show() {
    const { api, texts } = this.panel;
    const answer = await ask(api, 'history', 'runs');
    const { runs } = answer.data;

    this.runs.replaceChildren(...!answer.ok ? [this.panel.answerNotice(answer)]
      : runs.length === 0 ? [texts.t('history.none')]
      : [...this.#charts([...runs].reverse()), this.#table(runs)]);
  }

  /** One run, or none that did anything, has nothing to be compared with. */
  #charts(runs) {
    const { texts } = this.panel;
    const charts = [
      ['records', (run) => sent(run) + received(run), (n) => texts.number(n)],
      ['duration', seconds, (n) => texts.briefly(n, 'short')],
    ];
    return charts.filter(([, value]) => runs.length > 1 && runs.some(value)).map((chart) => this.#chart(runs, ...chart));
  }

  /**
   * Bars from the oldest run to the newest, a cross over those that failed.
   * By the square root, so that the first run leaves something of the others.
   */
  #chart(runs, name, value, format) {
    const { texts } = this.panel;
    const most = Math.max(...runs.map(value));
    const all = this.runs.clientWidth * 0.94;
    const room = all / Math.max(runs.length, ROOM);
    const width = Math.min(room * (1 - GAP), WIDEST);
    const floor = HEIGHT + 14;
    const bars = runs.map((run, i) => {
      const height = Math.max(HEIGHT * Math.sqrt(value(run) / most), 1.5);
      const from = texts.rtl ? all - (i + 1) * room : i * room;
      const x = from + room / 2;
      const [is] = became(run);

      return svg('g', { class: is },
        svg('title', {}, `${this.#when(run)}: ${format(value(run))}`),
        svg('rect', { x: from, y: 0, width: room, height: floor, class: 'hit' }),
        svg('rect', { x: x - width / 2, y: floor - height, width, height, rx: Math.min(3, width / 4) }),
        is === 'failed' ? svg('path', { d: `M${x - 3} ${floor - 10 - height}l6 6m0-6l-6 6` }) : null);
    });
    const sum = (some) => some.reduce((n, run) => n + times(run), 0);
    const [n, failed] = [sum(runs), sum(runs.filter((run) => became(run)[0] === 'failed'))];
    const label = texts.t(`chart.${name}`);

    return h('figure', {},
      h('figcaption', {}, h('span', {}, label), h('span', {}, texts.t('chart.most', { most: format(most) }))),
      svg('svg', { viewBox: `0 -4 ${all} ${floor + 6}`, preserveAspectRatio: 'none', role: 'img', class: 'chart',
        'aria-label': `${label}: ${texts.t('chart.text', { n, failed, most: format(most) })}` },
      ...bars, svg('path', { class: 'floor', d: `M0 ${floor + 1}h${all}` })),
      runs.length < ROOM ? null : h('div', { class: 'ends', 'aria-hidden': 'true' },
        ...[runs[0], runs.at(-1)].map((run) => h('small', {}, texts.date(run.summary.started)))));
  }

  /** When a run was; from when to when where it is one of several. */
  #when({ firstStarted, summary: { started } }) {
    const { texts } = this.panel;
    return firstStarted ? range(texts.dates, firstStarted, started) : texts.date(started);
  }

  #table(runs) {
    const { texts } = this.panel;
    const col = (name) => texts.t(`col.${name}`);

    return h('table', {},
      h('thead', {}, h('tr', {},
        h('th', { scope: 'col' }, h('span', { class: 'sr' }, col('result'))),
        h('th', { scope: 'col' }, col('when')),
        h('th', { scope: 'col' }, `${col('sent')} / ${col('received')}`))),
      h('tbody', {}, ...runs.flatMap((run) => this.#rows(run))));
  }

  /** One row; a second one with the reason where the run failed. */
  #rows(run) {
    const { texts } = this.panel;
    const { error } = run;
    const [is, sign, word] = became(run);
    const row = h('tr', { class: error ? `${is} has-why` : is },
      h('td', {}, icon(sign), h('span', { class: 'sr' }, texts.t(word))),
      h('td', {}, this.#when(run), h('small', {}, [times(run) > 1 && texts.t('repeated', { n: times(run) }),
        texts.took(seconds(run), 'short')].filter(Boolean).join(' · '))),
      h('td', {}, `${texts.number(sent(run))} / ${texts.number(received(run))}`));

    return error ? [row, h('tr', { class: 'why' }, h('td', { colspan: 3 },
      error.fullError ? this.panel.details(error.fullError) : null, texts.explain(error)[0]))] : [row];
  }
}

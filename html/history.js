/** The last runs as a small chart and a table. */

import { answerNotice, ask, details, h, icon, say, svg } from './core.js';

const HEIGHT = 64;
const GAP = 0.25;
const WIDEST = 48;
const FEW = 4;

const sum = (run, names) => names.reduce((n, name) => n + (run[name]?.done ?? 0), 0);

/** Both pushes walk the same changes: what one sends, the other skips. */
const sent = (run) => Math.max(run.pushV6?.done ?? 0, run.push?.done ?? 0);
const received = (run) => sum(run, ['pullCentral', 'pullRemote', 'pullV6']);
const seconds = (run) => run.summary?.durationInSeconds ?? 0;

/** What became of a run: a name of the styles, an icon, a word. */
const became = ({ isSyncing, error }) => (isSyncing ? ['', 'sync', 'state.active']
  : !error ? ['ok', 'check', 'state.done']
  : error.variant === 'CANCELLED' ? ['cancelled', 'stop', 'state.cancelled'] : ['failed', 'alert', 'state.failed']);


/** The history tab. */
export class View {
  constructor(panel) {
    this.panel = panel;
    this.root = h('section', { class: 'card' });
  }

  /** Asks for the runs and shows them. */
  async show() {
    const { api, texts } = this.panel;
    const answer = await ask(api, 'history');
    const { runs = [] } = answer.data;

    if (!answer.ok) {
      this.root.replaceChildren(answerNotice(texts, answer));
    } else if (runs.length === 0) {
      say(this.root, texts.t('history.none'));
    } else {
      this.root.replaceChildren(...this.#charts([...runs].reverse()), this.#table(runs));
    }
  }

  #charts(runs) {
    const { texts } = this.panel;
    return [
      this.#chart(runs, 'records', (run) => sent(run) + received(run), (n) => texts.number(n)),
      this.#chart(runs, 'duration', seconds, (n) => texts.duration(n, 'short')),
    ];
  }

  /**
   * Bars from the oldest run to the newest, a cross over those that failed.
   * By the square root, so that the first run leaves something of the others.
   */
  #chart(runs, name, value, format) {
    const { live, texts } = this.panel;
    const most = Math.max(...runs.map(value));
    const all = this.root.clientWidth * 0.94;
    const room = all / runs.length;
    const width = Math.min(room * (1 - GAP), WIDEST);
    const bars = runs.map((run, i) => {
      const height = Math.max(most ? HEIGHT * Math.sqrt(value(run) / most) : 0, 1.5);
      const from = texts.rtl ? all - (i + 1) * room : i * room;
      const x = from + room / 2;
      const [is] = became(run);

      return svg('g', { class: is },
        svg('title', {}, `${texts.date(run.summary.started)}: ${format(value(run))}`),
        svg('rect', { x: from, y: 0, width: room, height: HEIGHT + 14, class: 'hit' }),
        svg('rect', { x: x - width / 2, y: HEIGHT + 14 - height, width, height, rx: Math.min(3, width / 4) }),
        is === 'failed' ? svg('path', { d: `M${x - 3} ${HEIGHT + 4 - height}l6 6m0-6l-6 6` }) : null);
    });
    const failed = runs.filter((run) => became(run)[0] === 'failed').length;
    const label = texts.t(`chart.${name}`);
    const few = runs.length <= FEW;
    const told = few ? runs : [runs[0], runs.at(-1)];

    return h('figure', {},
      h('figcaption', {}, h('span', {}, label), h('span', {}, texts.t('chart.most', { most: format(most) }))),
      svg('svg', { viewBox: `0 -4 ${all} ${HEIGHT + 20}`, role: 'img', class: 'chart',
        'aria-label': `${label}: ${texts.t('chart.text', { n: runs.length, failed, most: format(most) })}` },
      ...bars),
      h('div', { class: few ? 'few' : 'ends', 'aria-hidden': 'true' }, ...told.map((run) => (
        h('small', {}, texts.time(Date.parse(run.summary.started), live.clock()))))));
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
    const { error, summary } = run;
    const [is, sign, word] = became(run);
    const row = h('tr', { class: error ? `${is} has-why` : is },
      h('td', {}, icon(sign), h('span', { class: 'sr' }, texts.t(word))),
      h('td', {}, texts.date(summary.started), h('small', {}, texts.took(seconds(run), 'short'))),
      h('td', {}, `${texts.number(sent(run))} / ${texts.number(received(run))}`));

    return error ? [row, h('tr', { class: 'why' }, h('td', { colspan: 3 },
      error.fullError ? details(texts, error.fullError) : null, texts.explain(error)[0]))] : [row];
  }
}

/** The last runs as a small chart and a table. */

import { ask, details, h, icon, say, svg } from './core.js';
import { answerNotice } from './panel.js';

const HEIGHT = 64;
const GAP = 0.25;
const FEW = 12;

const sum = (run, names) => names.reduce((n, name) => n + (run[name]?.done ?? 0), 0);

/** Both pushes walk the same changes: what one sends, the other skips. */
const sent = (run) => Math.max(run.pushV6?.done ?? 0, run.push?.done ?? 0);
const received = (run) => sum(run, ['pullCentral', 'pullRemote', 'pullV6']);
const seconds = (run) => run.summary?.durationInSeconds ?? 0;


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

  /** Bars from the oldest run to the newest, a cross over those that failed. */
  #chart(runs, name, value, format) {
    const { texts } = this.panel;
    const most = Math.max(...runs.map(value));
    const all = this.root.clientWidth * 0.94;
    const width = all / Math.max(runs.length, FEW);
    const bars = runs.map((run, i) => {
      const height = most ? HEIGHT * value(run) / most : 0;
      const from = texts.rtl ? all - (i + 1) * width : i * width;
      const x = from + width / 2;
      const y = HEIGHT - height + 9;

      return svg('g', { class: run.error ? 'failed' : '' },
        svg('title', {}, `${texts.date(run.summary.started)}: ${format(value(run))}`),
        svg('rect', { x: from, y: 0, width, height: HEIGHT + 14, class: 'hit' }),
        svg('rect', { x: from + width * GAP / 2, y: HEIGHT + 14 - Math.max(height, 1.5),
          width: width * (1 - GAP), height: Math.max(height, 1.5), rx: 1.5 }),
        run.error ? svg('path', { d: `M${x - 3} ${y - 5}l6 6m0-6l-6 6` }) : null);
    });
    const failed = runs.filter((run) => run.error).length;
    const label = texts.t(`chart.${name}`);

    return h('figure', {},
      h('figcaption', {}, h('span', {}, label), h('span', {}, `≤ ${format(most)}`)),
      svg('svg', { viewBox: `0 -4 ${all} ${HEIGHT + 20}`, role: 'img', class: 'chart',
        'aria-label': `${label}: ${texts.t('chart.text', { n: runs.length, failed, most: format(most) })}` },
      ...bars));
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
    const [sign, word] = run.isSyncing ? ['sync', 'state.active']
      : error ? ['alert', 'state.failed'] : ['check', 'state.done'];
    const row = h('tr', { class: error ? 'failed has-why' : 'ok' },
      h('td', {}, icon(sign), h('span', { class: 'sr' }, texts.t(word))),
      h('td', {}, texts.date(summary.started), h('small', {}, texts.took(seconds(run), 'short'))),
      h('td', {}, `${texts.number(sent(run))} / ${texts.number(received(run))}`));

    return error ? [row, h('tr', { class: 'why' }, h('td', { colspan: 3 },
      error.fullError ? details(texts, error.fullError) : null, texts.explain(error)[0]))] : [row];
  }
}

/** Documents as the helper makes them, for what cannot be had from a real run at will. */

const time = (seconds) => new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+Z/, 'Z');
const span = (from, to) => ({ started: time(from), finished: to === null ? null : time(to) });
const step = (from, to, total, done = total) => ({ ...span(from, to), total, done });

/** A run of a minute ago that went well; `more` is laid over it. */
export function run(more = {}, ago = 60) {
  const from = -ago - 8;

  return {
    isSyncing: false, error: null, warningThreshold: 1, errorThreshold: 3,
    summary: { ...span(from, -ago), durationInSeconds: 8 },
    lastSuccessfulSync: { ...span(from, -ago), durationInSeconds: 8 },
    prepareInitial: null,
    pushV6: step(from, from + 1, 4),
    push: step(from + 1, from + 3, 4),
    pullCentral: step(from + 3, from + 4, 12),
    pullRemote: step(from + 4, from + 5, 31),
    pullV6: step(from + 5, from + 6, 3),
    integration: step(from + 6, -ago, 46),
    ...more,
  };
}

/** One that failed while it pulled from the remote queue. */
export function failed(variant, fullError, more = {}) {
  return run({
    error: { variant, fullError },
    summary: { ...span(-64, -60), durationInSeconds: 4 },
    lastSuccessfulSync: { ...span(-3000, -2990), durationInSeconds: 10 },
    pullRemote: step(-63, null, 31, 12), pullV6: null, integration: null,
    ...more,
  });
}

/** One that pulls from the remote queue just now. */
export function running(total, done) {
  return run({
    isSyncing: true,
    summary: { ...span(-65, null), durationInSeconds: 65 },
    lastSuccessfulSync: { ...span(-3000, -2990), durationInSeconds: 10 },
    pullRemote: step(-60, null, total, done), pullV6: null, integration: null,
  });
}

/** Fifty runs, newest first, some of which failed. */
export function history() {
  return { runs: Array.from({ length: 50 }, (none, i) => {
    const ago = 300 + i * 300;
    const records = 5 + (i * 37) % 60;
    const error = i % 17 === 5 ? { variant: 'TIMEOUT', fullError: 'GET queued_records: 0 octets in 300 s' } : null;
    return { id: String(50 - i), ...run({ error, summary: { ...span(-ago - i % 9 - 3, -ago),
      durationInSeconds: i % 9 + 3 }, pullRemote: step(-ago - 2, -ago - 1, records) }, ago) };
  }) };
}

/** Records that could not be integrated, for two reasons. */
export function errors() {
  const one = (i, tableName, error) => ({ tableName, recordId: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
    action: 'UPSERT', error, since: time(-7200 - i), tries: i % 3 + 1 });
  return { total: 240, errors: [
    ...Array.from({ length: 9 }, (none, i) => one(i, 'trans_line',
      `item_line_ID: row "0000${i}" is not there yet`)),
    ...Array.from({ length: 3 }, (none, i) => one(i + 20, 'name', 'name: text is too long')),
  ] };
}

/** The settings of a site that is set up. */
export function settings() {
  return { url: 'https://central.example.org', username: 'Clinic 7', intervalSeconds: 300, passwordSet: true,
    hardwareId: '5a7c7d2e-3f41-4b0a-9c5e-1d2f3a4b5c6d', siteId: 7, siteName: 'Clinic 7' };
}

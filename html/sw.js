/**
 * Keeps the page's own files, so that it opens without a network.  The
 * network comes first; the API is never touched.
 */

const CACHE = 'msync';
const SHELL = /^(|index\.html|sw\.js|[a-z]+\.(js|css)|lang\/[a-z]+(-[a-z]+)?\.json)$/;
const LANG = new URLSearchParams(location.search).get('lang');
const FIRST = ['./', ...['core', 'panel', 'parts', 'progress', 'rare', 'settings', 'history', 'problems']
  .map((name) => `${name}.js`), 'msync.css', 'views.css',
...['', '-more', '-errors'].map((part) => `lang/${LANG}${part}.json`)];

/** Is this what the page's own files look like?  A form for a login is none of them. */
async function ours(file, answer) {
  const type = answer.headers.get('Content-Type') ?? '';

  return answer.ok && !answer.redirected && (file.endsWith('.js') ? type.includes('javascript')
    : file.endsWith('.css') ? type.includes('css')
    : file.endsWith('.json') ? type.includes('json') : (await answer.clone().text()).includes('<msync-panel'));
}

/** All of them or none: what opens offline is of one version. */
async function fill(mode) {
  const cache = await caches.open(CACHE);
  const answers = await Promise.all(FIRST.map((file) => fetch(file, { cache: mode })));
  const fit = await Promise.all(FIRST.map((file, i) => ours(file, answers[i])));

  if (!fit.every(Boolean)) {
    throw new TypeError('these are not the files of the page');
  }
  await Promise.all(FIRST.map((file, i) => cache.put(file, answers[i]))).catch(async (error) => {
    await caches.delete(CACHE);
    throw error;
  });
}

/** What was kept of `request`, however the page's own address was written. */
async function cached(request) {
  const cache = await caches.open(CACHE);
  return cache.match(request.mode === 'navigate' ? './' : request, { ignoreSearch: true });
}

/**
 * From the network; what was kept where there is none, or a proxy says so.
 * To a page the way to a login is an answer, too; to a part of it it is none.
 */
async function serve(request) {
  const answer = await fetch(request, { cache: 'no-cache' }).catch(() => Response.error());
  const fit = request.mode === 'navigate' ? answer.type !== 'error' && answer.status < 500
    : await ours(new URL(request.url).pathname, answer);

  return fit ? answer : await cached(request).catch(() => null) ?? answer;
}

self.addEventListener('install', (event) => {
  event.waitUntil(fill('reload').then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { scope } = self.registration;
  const [path] = request.url.slice(scope.length).split('?');

  if (request.method === 'GET' && request.url.startsWith(scope) && SHELL.test(path)) {
    const answer = serve(request);
    event.respondWith(answer);
    if (request.mode === 'navigate') {
      /* a full disk keeps nothing, and nobody from the page */
      event.waitUntil(answer.then(({ ok }) => ok && fill('no-cache')).catch(() => {}));
    }
  }
});

/**
 * Keeps the page's own files, so that it opens without a network.  The
 * network comes first; the API is never touched.
 */

const CACHE = 'msync';
const SHELL = /^(|index\.html|sw\.js|[a-z]+\.(js|css)|lang\/[a-z]+(-more)?\.json)$/;
const LANG = new URLSearchParams(location.search).get('lang');
const FIRST = ['./', 'msync.css', 'core.js', 'panel.js', 'progress.js', 'settings.js', 'history.js', 'problems.js',
  'views.css', `lang/${LANG}.json`, `lang/${LANG}-more.json`];

/** All of them or none: what opens offline is of one version. */
async function keep(mode) {
  const cache = await caches.open(CACHE);
  await cache.addAll(FIRST.map((file) => new Request(file, { cache: mode })));
}

/** What was kept of `request`, however the page's own address was written. */
async function kept(request) {
  const cache = await caches.open(CACHE);
  return cache.match(request.mode === 'navigate' ? './' : request, { ignoreSearch: true });
}

/**
 * From the network; what was kept where there is none, or a proxy says so.
 * The way to a login is an answer, too.
 */
async function serve(request) {
  const answer = await fetch(request, { cache: 'no-cache' }).catch(() => Response.error());

  return answer.type !== 'error' && answer.status < 500 ? answer
    : await kept(request).catch(() => null) ?? answer;
}

self.addEventListener('install', (event) => {
  event.waitUntil(keep('reload').then(() => self.skipWaiting()));
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
      event.waitUntil(answer.then(({ ok }) => ok && keep('no-cache')).catch(() => {}));
    }
  }
});

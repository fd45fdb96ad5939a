/**
 * Keeps the page's own files, so that it opens without a network.  The
 * network comes first; the API is never touched.
 */

const CACHE = 'msync';
const SHELL = /^(|index\.html|sw\.js|[a-z]+\.(js|css)|lang\/[a-z]+(-more)?\.json)$/;
const LANG = new URLSearchParams(location.search).get('lang');
const FIRST = ['./', 'msync.css', 'core.js', 'panel.js', 'progress.js', 'settings.js',
  'history.js', 'problems.js', 'views.css', `lang/${LANG}.json`, `lang/${LANG}-more.json`];

/** From the network; what was kept where there is none, or a proxy says so. */
async function serve(request) {
  const answer = await fetch(request).catch(() => Response.error());

  if (answer.ok) {
    const cache = await caches.open(CACHE);
    await cache.put(request, answer.clone());
    return answer;
  }
  const kept = answer.status === 0 || answer.status >= 500 ? await caches.match(request, { ignoreSearch: true }) : null;
  return kept ?? answer;
}

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FIRST)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { scope } = self.registration;
  const [path] = request.url.slice(scope.length).split('?');

  if (request.method === 'GET' && request.url.startsWith(scope) && SHELL.test(path)) {
    event.respondWith(serve(request));
  }
});

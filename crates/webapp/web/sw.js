// Keeps the whole app for use without a network. Its files have one version together: a new one is
// fetched whole, then takes the place of the old.

importScripts("files.js");

const { version, paths } = self.symbolonFiles;
const PREFIX = "symbolon-app-";
const NAME = PREFIX + version;

self.addEventListener("install", (event) => {
  const requests = paths.map((path) => new Request(path || "./", { cache: "no-cache" }));
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(requests)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => names.filter((name) => name.startsWith(PREFIX) && name !== NAME))
      .then((old) => Promise.all(old.map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

// What is not the app's, messages to the server among it, goes its way.
self.addEventListener("fetch", (event) => {
  const isOurs = event.request.method === "GET" && event.request.url.startsWith(self.registration.scope);
  if (isOurs) event.respondWith(answer(event.request));
});

async function answer(request) {
  const cache = await caches.open(NAME);
  return (await cache.match(request, { ignoreSearch: request.mode === "navigate" })) ?? fetch(request);
}

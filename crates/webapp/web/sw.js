// Keeps the whole app for use without a network. Its files have one version together: a new one is fetched
// whole, waits, and takes the place of the old when the person wants it.

importScripts("files.js", "wake.js");

const { version, files } = self.symbolonFiles;
const PREFIX = "symbolon-app-";
const NAME = PREFIX + version;

// All or none: a file of another version, from a server that is replaced meanwhile, fails its digest, and the
// browser tries again later.
self.addEventListener("install", (event) => {
  const requests = Object.entries(files).map(([path, integrity]) => new Request(path || "./", { cache: "no-cache", integrity }));
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(requests)));
});

// The first one waits for nobody. Another takes over from a page that loads anew at once, never from one that
// goes on with files of the version before.
self.addEventListener("message", (event) => {
  if (event.data === "take over") event.waitUntil(self.skipWaiting());
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

// Shows that a login waits while the app is closed: part of the service worker. What comes names nobody, and
// neither does what is shown; the app gets the login from its relay once it is open.

{
  const DATABASE = "symbolon";
  const RECORDS = "records";
  /** A page answers at once; one of an older version does not. */
  const ANSWER_MS = 1_000;
  const WORDS = { language: "en", title: "A login waits for you", body: "Open the app to answer it." };

  self.addEventListener("push", (event) => event.waitUntil(show(read(event.data))));

  self.addEventListener("notificationclick", (event) => {
    event.notification.close();
    event.waitUntil(open());
  });

  // Browsers end a subscription that shows nothing: so also what cannot be read is shown.
  async function show({ session, expires }) {
    const { language, title, body } = await words().catch(() => WORDS);
    const windows = await self.clients.matchAll({ type: "window" });
    const looked = windows.filter((client) => client.visibilityState === "visible");
    const isSeen = (await Promise.all(looked.map(hears))).includes(true);
    await self.registration.showNotification(title, {
      body,
      lang: language,
      icon: "icon-192.png",
      // One notification for one login, also if its message comes twice.
      tag: session,
      // The app shows the login itself, or nobody waits any more.
      silent: isSeen || Date.now() >= 1_000 * expires,
    });
  }

  /** Whether a window shows a login that comes: one that is locked, or whose relay is away, does not. */
  function hears(client) {
    const { port1, port2 } = new MessageChannel();
    return new Promise((resolve) => {
      port1.onmessage = ({ data }) => resolve(data === true);
      setTimeout(resolve, ANSWER_MS, false);
      client.postMessage("are logins heard of?", [port2]);
    });
  }

  function read(data) {
    try {
      const { d } = data.json();
      const isOurs = d.__type === "SoftToken.PushWakeUp" && typeof d.session === "string";
      return isOurs ? { session: d.session, expires: Number(d.expires) } : {};
    } catch {
      return {};
    }
  }

  async function open() {
    const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const own = windows.find((client) => client.url.startsWith(self.registration.scope));
    return own ? own.focus() : self.clients.openWindow(self.registration.scope);
  }

  /** The app leaves them in the language that the person chose. */
  function words() {
    return new Promise((resolve, reject) => {
      const opening = indexedDB.open(DATABASE, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(RECORDS);
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const database = opening.result;
        const asked = database.transaction(RECORDS).objectStore(RECORDS).get("notice");
        asked.onerror = () => reject(asked.error);
        asked.onsuccess = () => resolve(asked.result ?? WORDS);
        asked.transaction.oncomplete = () => database.close();
      };
    });
  }
}

// Notifications of logins while the app is closed: the browser's subscription, and the relay that is told of it.

import { Failure } from "../core/failure.js";
import { unbase64url } from "../core/bytes.js";
import { applicationServerKey, subscribe } from "../core/web_push.js";

/** @import { App } from "./app.js" */
/** @import { Bytes } from "../core/bytes.js" */
/** @import { Subscription } from "../core/web_push.js" */
/** @import { Store } from "../vault/vault.js" */

/** What the service worker shows, in the person's language (`wake.js`). */
const NOTICE = "notice";

export class Waking {
  /** @type {{ url: string, key: Bytes } | null} */
  #relay = null;
  #app;
  #store;

  /** @param {App} app @param {Store} store */
  constructor(app, store) {
    this.#app = app;
    this.#store = store;
    // The service worker asks whether a login is shown here, or its notification has to be heard.
    navigator.serviceWorker.addEventListener("message", ({ ports }) => ports[0]?.postMessage(app.pushes?.isHeard === true));
  }

  /** Whether this browser can be woken and the relay does it. */
  get isOffered() {
    return this.#relay !== null && "PushManager" in window && "Notification" in window;
  }

  get isOn() {
    return this.#app.preferences.notices && Notification.permission === "granted";
  }

  /** A relay was found: it is told where this browser is woken, for that may have changed. @param {string} url */
  async follow(url) {
    try {
      const key = await applicationServerKey(url);
      this.#relay = key && { url, key };
      if (this.isOffered && this.isOn) await this.#subscribe();
    } catch (failure) {
      console.warn("the relay does not wake this app", failure);
    }
  }

  /** Has to follow a touch: browsers ask the person then alone. */
  async turnOn() {
    if ((await Notification.requestPermission()) !== "granted") throw new Failure("notices-denied");
    await this.#subscribe();
    this.#app.prefer({ notices: true });
  }

  async turnOff() {
    this.#app.prefer({ notices: false });
    await this.#unsubscribe();
    if (this.#relay) await subscribe(await this.#app.session.safe.device(), this.#relay.url, null);
  }

  /** Tokens and keys are about to go, or are gone: without a subscription the push service ends it with the relay. */
  async forget() {
    if (!this.#app.preferences.notices) return;
    await this.turnOff().catch((failure) => console.warn("the relay was not told", failure));
  }

  /** The words of notifications, in the language of now. */
  async learnWords() {
    const { title, body } = this.#app.words.notice;
    await this.#store.put({ [NOTICE]: { language: document.documentElement.lang, title, body } });
  }

  /** The app itself shows the login, or shows it no longer. @param {string} sessionId */
  async close(sessionId) {
    const registration = await navigator.serviceWorker.getRegistration();
    const shown = (await registration?.getNotifications({ tag: sessionId })) ?? [];
    for (const notification of shown) notification.close();
  }

  async #subscribe() {
    if (!this.#relay) throw new Failure("network");
    const { url, key } = this.#relay;
    await this.learnWords();
    const subscription = await subscribed(key);
    await subscribe(await this.#app.session.safe.device(), url, read(subscription));
  }

  async #unsubscribe() {
    const registration = await navigator.serviceWorker.getRegistration();
    await (await registration?.pushManager.getSubscription())?.unsubscribe();
  }
}

/** This browser's subscription for a relay; one for another key is of no use to it. @param {Bytes} key */
async function subscribed(key) {
  // Without a registration nothing would ever be ready.
  if (!(await navigator.serviceWorker.getRegistration())) throw new Failure("notices-none");
  const { pushManager } = await navigator.serviceWorker.ready;
  const known = await pushManager.getSubscription();
  const knownKey = known?.options.applicationServerKey;
  if (known && knownKey && isSame(new Uint8Array(knownKey), key)) return known;
  await known?.unsubscribe();
  try {
    return await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  } catch (cause) {
    throw new Failure("notices-none", {}, cause);
  }
}

/** @param {PushSubscription} subscription @returns {Subscription} */
function read(subscription) {
  const { endpoint = "", keys = {} } = subscription.toJSON();
  return { endpoint, p256dh: unbase64url(keys["p256dh"] ?? "", 65), auth: unbase64url(keys["auth"] ?? "", 16) };
}

/** @param {Uint8Array} one @param {Uint8Array} other */
const isSame = (one, other) => one.length === other.length && one.every((octet, place) => octet === other[place]);

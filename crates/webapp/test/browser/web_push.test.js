// Logins that find the app closed, in Chromium: the relay posts to a push service of the test's own, which a
// headless Chromium cannot have; what its browser reads is handed to Chromium as its own service would (DevTools).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Phone, scene } from "./phone.js";
import { PushService, sender } from "./push_service.js";
import { push } from "./vpn.js";

const SECONDS = 60;

/** @type {Phone} */
let phone;
const service = new PushService();

before(async () => {
  phone = await Phone.start();
  await phone.context.grantPermissions(["notifications"], { origin: scene.origin });
  await phone.context.addInitScript(subscribesElsewhere, service.subscription);
  const listening = listens();
  await phone.open("#type");
  const { page } = phone;
  await page.getByLabel(/code$/).fill(scene.codes[0] ?? "");
  await page.getByLabel("Name").fill("Alice");
  await page.locator("form button[type=submit]").click();
  await phone.choosePin();
  await page.locator(".card", { hasText: "Alice" }).waitFor();
  await listening;
});

after(async () => {
  await Phone.discardAll();
  service.server.close();
});

/** In the page: a push service that a headless browser has not. @param {{ endpoint: string, p256dh: string, auth: string }} given */
function subscribesElsewhere({ endpoint, p256dh, auth }) {
  const KEPT = "subscribed";
  const octets = (/** @type {string} */ text) => Uint8Array.from(atob(text), (it) => it.charCodeAt(0));
  const subscription = (/** @type {string} */ key) => ({
    options: { applicationServerKey: octets(key).buffer, userVisibleOnly: true },
    toJSON: () => ({ endpoint, keys: { p256dh, auth } }),
    unsubscribe: async () => localStorage.removeItem(KEPT),
  });
  const prototype = /** @type {any} */ (PushManager.prototype);
  prototype.getSubscription = async () => {
    const key = localStorage.getItem(KEPT);
    return key && subscription(key);
  };
  prototype.subscribe = async (/** @type {any} */ { userVisibleOnly, applicationServerKey }) => {
    if (!userVisibleOnly) throw new TypeError("only what is shown");
    const key = btoa(String.fromCharCode(...applicationServerKey));
    localStorage.setItem(KEPT, key);
    return subscription(key);
  };
}

/** Until the phone listens at the relay. */
const listens = () =>
  phone.page.waitForResponse((response) => response.headers()["content-type"] === "text/event-stream", { timeout: 30_000 });

/** The person puts the phone away: no window of the app is left. */
const close = () => phone.page.goto("about:blank");

/**
 * What the push service's browser makes of a message. Chromium drops some that DevTools hands it, and says
 * nothing: they are handed again, as a push service does with what no browser acknowledged.
 *
 * @param {string} data
 * @param {() => Promise<boolean>} isShown
 */
async function deliver(data, isShown) {
  const session = await phone.context.newCDPSession(phone.page);
  /** @type {Promise<string>} */
  const registration = new Promise((resolve) => {
    session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
      const own = registrations.find(({ scopeURL, isDeleted }) => scopeURL.startsWith(scene.origin) && !isDeleted);
      if (own) resolve(own.registrationId);
    });
  });
  await session.send("ServiceWorker.enable");
  const registrationId = await registration;
  for (let tries = 0; tries < 10; tries += 1) {
    await session.send("ServiceWorker.deliverPushMessage", { origin: scene.origin, registrationId, data });
    if (await within(2_000, isShown)) return session.detach();
  }
  assert.fail(`a message was delivered, and there are ${JSON.stringify(await notifications())}`);
}

/** Whether it comes true. @param {number} ms @param {() => Promise<boolean>} isSo */
async function within(ms, isSo) {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    if (await isSo()) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

/** The service worker, which Chromium may have ended and begun again. */
function worker() {
  const [running] = phone.context.serviceWorkers().slice(-1);
  assert.ok(running, "no service worker runs");
  return running;
}

/** What is on the phone's screen while the app is closed. */
const notifications = () =>
  worker().evaluate(async () => {
    const { registration } = /** @type {any} */ (globalThis);
    const shown = await registration.getNotifications();
    return shown.map((/** @type {any} */ { title, body, tag, lang, silent }) => ({ title, body, tag, lang, silent }));
  });

/** When the notification was raised, the last time. */
const raised = () =>
  worker().evaluate(async () => {
    const { registration } = /** @type {any} */ (globalThis);
    const [notification] = await registration.getNotifications();
    return notification?.timestamp;
  });

/** One notification is on the screen. */
const one = async () => (await notifications()).length === 1;

/** Until none is. */
async function gone() {
  const none = await within(5_000, async () => (await notifications()).length === 0);
  assert.ok(none, `there are still ${JSON.stringify(await notifications())}`);
}

test("a person switches notifications on, and reads through whom they go", async () => {
  const { page } = phone;
  await phone.open("#settings");
  await page.getByText("push service of this browser’s maker").waitFor();
  await page.getByRole("button", { name: "Notify me of logins" }).scrollIntoViewIfNeeded();
  await phone.look("33-notifications");
  await phone.press("Notify me of logins");
  await page.getByText("Logins are notified while the app is closed").waitFor();
  await page.getByRole("button", { name: "No more notifications" }).waitFor();
});

test("a login that finds the app closed is notified, opened and answered", async () => {
  await close();
  const { number, outcome } = await push("alice");
  const posted = await service.next();
  const { contact } = sender(posted, service.origin);
  assert.equal(contact, "mailto:admin@example.org");
  assert.equal(posted.path, "/push/1");
  assert.equal(posted.headers["urgency"], "high");
  assert.ok(Number(posted.headers["ttl"]) <= SECONDS && Number(posted.headers["ttl"]) > SECONDS - 10);
  const { session, expires, ...rest } = JSON.parse(posted.text).d;
  assert.deepEqual(rest, { __type: "SoftToken.PushWakeUp", __version: "4" });
  assert.equal(posted.headers["topic"], session);
  assert.ok(expires > Date.now() / 1000);

  await deliver(posted.text, one);
  const [notification] = await notifications();
  // A message that comes twice is one login.
  const before = await raised();
  await deliver(posted.text, async () => (await raised()) !== before);
  assert.equal((await notifications()).length, 1);
  assert.deepEqual(notification, {
    title: "A login waits for you",
    body: "Open the app to answer it.",
    tag: session,
    lang: "en",
    silent: false,
  });
  // A browser opens windows for a finger alone: what the worker asks for is looked at.
  const opened = await worker().evaluate(async () => {
    const scope = /** @type {any} */ (globalThis);
    const asked = new Promise((resolve) => (scope.clients.openWindow = async (/** @type {string} */ url) => resolve(url)));
    const [notification] = await scope.registration.getNotifications();
    scope.dispatchEvent(new scope.NotificationEvent("notificationclick", { notification }));
    return asked;
  });
  assert.equal(opened, `${scene.origin}/app/`);
  await gone();

  await phone.page.goto(String(opened));
  await phone.unlock();
  const dialog = phone.page.getByRole("dialog");
  const answer = outcome();
  await dialog.getByLabel("Number").fill(number);
  await phone.press("Approve");
  assert.equal(await answer, "Accept");
});

test("while the app is looked at it shows the login itself, and takes the notification away", async () => {
  const { page } = phone;
  await page.locator(".card").first().waitFor();
  const { outcome } = await push("alice");
  const posted = await service.next();
  await page.getByRole("dialog").waitFor();
  await deliver(posted.text, one);
  const [notification] = await notifications();
  assert.equal(notification.silent, true);
  const answer = outcome();
  await phone.press("Deny");
  assert.equal(await answer, "Reject");
  await gone();
});

test("a notification speaks the language of the app, and what cannot be read is no silence", async () => {
  const { page } = phone;
  await phone.open("#settings");
  await page.getByLabel("Language").selectOption("Deutsch");
  await page.getByRole("button", { name: "Keine Mitteilungen mehr" }).waitFor();
  await phone.look("34-notifications-german");
  await close();
  await deliver("no message", one);
  const [notification] = await notifications();
  assert.equal(notification.title, "Eine Anmeldung wartet auf Sie");
  assert.equal(notification.lang, "de");
});

test("switched off, nothing goes through the push service any more", async () => {
  await phone.page.goto(`${scene.origin}/app/`);
  const listening = listens();
  await phone.page.getByLabel("PIN", { exact: true }).fill("2741");
  await phone.press("Entsperren");
  await listening;
  await phone.open("#settings");
  await phone.press("Keine Mitteilungen mehr");
  await phone.page.getByText("Anmeldungen zeigt nur die offene App").waitFor();
  await close();
  const { shown: login } = await push("alice");
  assert.ok(login.state);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  assert.equal(service.waiting, 0);
});

test("with the tokens goes the subscription", async () => {
  const { page } = phone;
  await page.goto(`${scene.origin}/app/`);
  const listening = listens();
  await page.getByLabel("PIN", { exact: true }).fill("2741");
  await phone.press("Entsperren");
  await listening;
  // The login of before still waits.
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await phone.open("#settings");
  await phone.press("Anmeldungen mitteilen");
  await page.getByRole("button", { name: "Keine Mitteilungen mehr" }).waitFor();
  const isSubscribed = () => page.evaluate(() => localStorage.getItem("subscribed") !== null);
  assert.equal(await isSubscribed(), true);
  await phone.press("Alle Tokens löschen");
  await page.getByRole("dialog").getByRole("button", { name: "Alle Tokens löschen" }).click();
  await page.getByText("Alle Tokens wurden gelöscht").waitFor();
  assert.equal(await isSubscribed(), false);
});

test("an app that is looked at and hears of no login leaves a notification its noise", async () => {
  assert.equal(await phone.page.evaluate(() => document.visibilityState), "visible");
  const session = "A".repeat(22);
  const expires = Math.floor(Date.now() / 1000) + SECONDS;
  const message = JSON.stringify({ d: { __type: "SoftToken.PushWakeUp", __version: "4", session, expires } });
  const own = async () => (await notifications()).find((/** @type {any} */ { tag }) => tag === session);
  await deliver(message, async () => Boolean(await own()));
  assert.equal((await own()).silent, false);
});

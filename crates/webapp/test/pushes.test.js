import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import * as hpke from "../web/core/hpke.js";
import { base64url, random, unbase64url, utf8 } from "../web/core/bytes.js";
import { envelope } from "../web/core/messages.js";
import { requestTranscript } from "../web/core/push.js";
import { pushKey } from "../web/core/token_key.js";
import { transcript } from "../web/core/transcript.js";
import { Pushes } from "../web/ui/pushes.js";
import { listScreen } from "../web/ui/screens/list.js";
import { showLoginRequest } from "../web/ui/screens/login_request.js";
import { leftOpen } from "./left_open.js";
import { press, shows } from "./screen.js";

/** @import { LoginRequest } from "../web/core/push.js" */
/** @import { Session } from "../web/ui/session.js" */

const RELAY = "https://push.example.org";
const DONE = /** @type {any} */ ({ result: 2, error: null });
const now = Date.now;
const { fetch } = globalThis;

/** @type {Session} */
let open;
afterEach(() => {
  open.lock();
  Object.assign(globalThis, { fetch });
  Date.now = now;
});

/** A relay that streams what it is told, and takes answers when it is told to. */
class SmallRelay {
  /** @type {ReadableStreamDefaultController<Uint8Array> | null} */
  #stream = null;
  isAway = false;
  answers = 0;
  /** @type {() => void} */
  take = () => {};

  constructor() {
    const taken = new Promise((resolve) => (this.take = () => resolve(undefined)));
    globalThis.fetch = async (_, request) => {
      const { __type: type } = JSON.parse(String(request?.body)).d;
      if (this.isAway) throw new TypeError("no network");
      if (type === "SoftToken.PushListenRequest") return this.#streams();
      if (type === "SoftToken.PushNonceRequest") {
        return new Response(envelope("PushNonceResponse", { nonce: base64url(random(32)), ...DONE }));
      }
      this.answers += 1;
      await taken;
      return new Response(envelope("PushAcceptedResponse", DONE));
    };
  }

  #streams() {
    const body = new ReadableStream({ start: (stream) => void (this.#stream = stream) });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  }

  /** @param {string} message */
  says(message) {
    this.#stream?.enqueue(utf8(`data: ${message}\n\n`));
  }

  breaksOff() {
    this.isAway = true;
    this.#stream?.error(new TypeError("no network"));
  }
}

/** An open app that listens, with its list in view. */
async function listening() {
  const { app, place, session, id } = await leftOpen();
  open = session;
  const relay = new SmallRelay();
  session.server.ask = async () => ({ body: envelope("MobileRelayResponse", { relay: RELAY, ...DONE }), dateS: null });
  const waking = /** @type {any} */ ({ follow() {}, close: async () => {} });
  const pushes = new Pushes(session, (waiting, answer, ended) => showLoginRequest(app, waiting, answer, ended), waking);
  app.pushes = pushes;
  pushes.follow();
  await until(() => pushes.isHeard);
  const screen = listScreen(app);
  app.show(screen);
  const tick = () => screen.tick?.(Date.now() / 1000);
  /** @type {string[]} */
  const toasts = [];
  app.toast = (text) => void toasts.push(text);
  return { app, place, session, id, relay, toasts, pushes, tick, body: /** @type {any} */ (document.body) };
}

/** @param {() => boolean} holds */
async function until(holds) {
  for (let turn = 0; turn < 2_000; turn += 1) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail("it did not come to that");
}

/** What the relay carries of a login that the gateway of a token asks about. @param {Session} session @param {string} user @param {number} seconds */
async function login(session, user, seconds) {
  const device = await session.safe.device();
  const { serial, seed } = session.contents.tokens[0] ?? assert.fail("no token");
  const algorithm = { name: "ECDH", namedCurve: "P-256" };
  const { publicKey } = await crypto.subtle.generateKey(algorithm, true, ["deriveBits"]);
  const timeS = Math.floor(Date.now() / 1000);
  /** @type {LoginRequest} */
  const request = {
    gateway: "SYMBLN0000000001",
    sessionId: base64url(random(16)),
    token: String(serial),
    user,
    service: "vpn",
    source: "127.0.0.1",
    timeS,
    expiresS: timeS + seconds,
    approval: "tap",
    answerUrl: null,
    answerPin: null,
    mailbox: random(32),
    answerKey: new Uint8Array(await crypto.subtle.exportKey("raw", publicKey)),
  };
  const mac = await crypto.subtle.sign("HMAC", await pushKey(seed, request.token), requestTranscript(request));
  const { gateway, sessionId, token, service, source, expiresS, approval } = request;
  const text = envelope("PushLogin", {
    ...{ gateway, session: sessionId, token, user, service, source, time: timeS, expires: expiresS, approval },
    ...{ answer_url: null, answer_pin: null, mailbox: base64url(request.mailbox) },
    ...{ answer_key: base64url(request.answerKey), mac: base64url(new Uint8Array(mac)) },
  });
  const parts = [utf8(device.registrationId), unbase64url(sessionId), utf8(String(expiresS))];
  const info = transcript("symbolon-push-request-seal-v1", ...parts);
  const sealed = base64url(await hpke.seal(device.sealing, info, new Uint8Array(0), utf8(text)));
  const to = { registration_id: device.registrationId, session: sessionId };
  return {
    asked: envelope("PushLoginRequest", { ...to, expires: expiresS, sealed }),
    withdrawn: envelope("PushWithdrawRequest", to),
  };
}

/** @param {any} body */
const dialogs = (body) => body.children.filter((/** @type {any} */ { tag }) => tag === "dialog");

test("a login that expires while its answer is on its way ends once, and the next is shown once", async () => {
  const { session, relay, body, toasts } = await listening();
  for (const [user, seconds] of /** @type {const} */ ([["alice", 60], ["bob", 600]])) {
    relay.says((await login(session, user, seconds)).asked);
  }
  await shows(body, "alice");
  press(body, "Deny");
  await until(() => relay.answers === 1);
  Date.now = () => now() + 61_000;
  await shows(body, "bob");
  relay.take();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(dialogs(body).length, 1);
  assert.deepEqual(toasts, ["The time for this login is over"]);
  press(body, "Deny");
  await until(() => dialogs(body).length === 0);
  assert.equal(relay.answers, 2);
});

test("what was said is told also where the login is taken back before", async () => {
  const { session, relay, body, toasts } = await listening();
  const { asked, withdrawn } = await login(session, "alice", 60);
  relay.says(asked);
  await shows(body, "alice");
  press(body, "It was not me");
  await until(() => relay.answers === 1);
  relay.says(withdrawn);
  await until(() => dialogs(body).length === 0);
  relay.take();
  await until(() => toasts.length === 2);
  assert.equal(toasts[1], "Denied and reported: your administrator is warned");
});

test("a login that was put aside waits in the list until it is over", async () => {
  const { place, session, relay, body, tick } = await listening();
  const [alice, bob] = [await login(session, "alice", 60), await login(session, "bob", 600)];
  relay.says(alice.asked);
  await shows(body, "alice");
  press(body, "Not now");
  assert.equal(dialogs(body).length, 0);
  tick();
  assert.ok(place.textContent.includes("A login waits for you."));
  press(place, "Show the login");
  await shows(body, "alice");
  tick();
  assert.ok(!place.textContent.includes("A login waits for you."));
  press(body, "Not now");
  relay.says(bob.asked);
  await shows(body, "bob");
  press(body, "Not now");
  tick();
  assert.ok(place.textContent.includes("2 logins wait for you."));
  Date.now = () => now() + 61_000;
  tick();
  assert.ok(place.textContent.includes("A login waits for you."));
  relay.says(bob.withdrawn);
  await until(() => (tick(), !place.textContent.includes("A login waits for you.")));
});

test("the list says why logins are not heard of, until they are again", async () => {
  const { place, relay, pushes, tick } = await listening();
  tick();
  const deaf = "Logins are not heard of here: The server was not reached.";
  assert.ok(!place.textContent.includes(deaf));
  relay.breaksOff();
  await until(() => !pushes.isHeard);
  await until(() => (tick(), place.textContent.includes(deaf)));
  relay.isAway = false;
  await until(() => (tick(), !place.textContent.includes(deaf)));
  assert.equal(pushes.isHeard, true);
});

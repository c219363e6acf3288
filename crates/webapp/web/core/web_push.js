// Where this browser is woken: `docs/protocol.md`, "Waking an app that is closed".

import { base64url, unbase64url, utf8 } from "./bytes.js";
import { checked, envelope, optional, read } from "./messages.js";
import { bodyOf, post } from "./registry.js";
import { askNonce, PUSH_PATH } from "./relay.js";
import { transcript } from "./transcript.js";

/** @import { Bytes } from "./bytes.js" */
/** @import { Device } from "./device.js" */

/** What a browser gives for its push service (RFC 8030, RFC 8291). @typedef {{ endpoint: string, p256dh: Bytes, auth: Bytes }} Subscription */

const ANSWER_MS = 10_000;
const NONE = new Uint8Array(0);
/** @type {typeof fetch} */
const FETCH = (...request) => fetch(...request);

/**
 * The key under which the relay sends (RFC 8292); null where it wakes nobody.
 *
 * @param {string} relay
 * @param {typeof fetch} [fetcher]
 * @returns {Promise<Bytes | null>}
 */
export async function applicationServerKey(relay, fetcher = FETCH) {
  const asked = await post(relay + PUSH_PATH, envelope("PushWebKeyRequest", {}), AbortSignal.timeout(ANSWER_MS), fetcher);
  const fields = read("PushWebKeyResponse", ["application_server_key"], await bodyOf(asked));
  const key = optional(fields, "application_server_key", /^[A-Za-z0-9_-]{87}$/);
  return key === null ? null : checked("application_server_key", () => unbase64url(key, 65));
}

/**
 * Tells the relay where this device is woken from now on; null: not any more.
 *
 * @param {Device} device
 * @param {string} relay
 * @param {Subscription | null} subscription
 * @param {typeof fetch} [fetcher]
 */
export async function subscribe(device, relay, subscription, fetcher = FETCH) {
  const url = relay + PUSH_PATH;
  const end = AbortSignal.timeout(ANSWER_MS);
  const nonce = await askNonce(url, end, fetcher);
  const server = new URL(relay).host;
  const signature = await device.signPush(subscribeTranscript(device, server, nonce, subscription));
  const request = envelope("PushSubscribeRequest", {
    server,
    nonce: base64url(nonce),
    signing_key: base64url(device.signing),
    sealing_key: base64url(device.sealing),
    endpoint: subscription && subscription.endpoint,
    p256dh: subscription && base64url(subscription.p256dh),
    auth: subscription && base64url(subscription.auth),
    signature: base64url(signature),
  });
  read("PushAcceptedResponse", [], await bodyOf(await post(url, request, end, fetcher)));
}

/** @param {Pick<Device, "signing" | "sealing">} device @param {string} server @param {Bytes} nonce @param {Subscription | null} subscription */
export function subscribeTranscript({ signing, sealing }, server, nonce, subscription) {
  const { endpoint, p256dh, auth } = subscription ?? { endpoint: "", p256dh: NONE, auth: NONE };
  return transcript("symbolon-push-subscribe-v1", utf8(server), nonce, signing, sealing, utf8(endpoint), p256dh, auth);
}

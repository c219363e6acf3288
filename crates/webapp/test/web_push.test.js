import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { hex, unbase64url } from "../web/core/bytes.js";
import { Device, generateKeys } from "../web/core/device.js";
import { Failure } from "../web/core/failure.js";
import { envelope } from "../web/core/messages.js";
import { applicationServerKey, subscribe, subscribeTranscript } from "../web/core/web_push.js";

/** @type {{ transcript: string, message: string }[]} */
const vectors = JSON.parse(
  readFileSync(new URL("../../softtoken/tests/vectors/subscribe.json", import.meta.url), "utf8"),
);
const RELAY = "https://push.example.org";
const KEY = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
const DONE = { result: 2, error: null };
const NONCE = envelope("PushNonceResponse", /** @type {any} */ ({ nonce: "A".repeat(43), ...DONE }));

/** A relay that gives these answers in turn, and what it was asked. @param {string[]} answers */
function relay(...answers) {
  /** @type {any[]} */
  const asked = [];
  /** @type {typeof fetch} */
  const fetcher = async (_, options) => {
    asked.push(JSON.parse(String(options?.body)).d);
    return new Response(answers.shift());
  };
  return { asked, fetcher };
}

test("what is signed is what the vectors say", () => {
  assert.equal(vectors.length, 2);
  for (const { transcript, message } of vectors) {
    const { server, nonce, signing_key, sealing_key, endpoint, p256dh, auth } = JSON.parse(message).d;
    const keys = { signing: unbase64url(signing_key), sealing: unbase64url(sealing_key) };
    const subscription = endpoint && { endpoint, p256dh: unbase64url(p256dh), auth: unbase64url(auth) };
    assert.equal(hex(subscribeTranscript(keys, server, unbase64url(nonce), subscription)), transcript);
  }
});

test("a relay says under which key it wakes, or that it does not", async () => {
  for (const [key, expected] of [[KEY, KEY], [null, null]]) {
    const { asked, fetcher } = relay(envelope("PushWebKeyResponse", /** @type {any} */ ({ application_server_key: key, ...DONE })));
    const given = await applicationServerKey(RELAY, fetcher);
    assert.deepEqual(given, expected === null ? null : unbase64url(/** @type {string} */ (expected)));
    assert.deepEqual(asked, [{ __type: "SoftToken.PushWebKeyRequest", __version: "4" }]);
  }
});

test("a subscription is told whole, and taken back; a refusal has its number", async () => {
  const device = await Device.of(await generateKeys());
  const subscription = { endpoint: "https://push.example.net/1", p256dh: unbase64url(KEY), auth: new Uint8Array(16) };
  const accepted = envelope("PushAcceptedResponse", /** @type {any} */ (DONE));
  for (const told of [subscription, null]) {
    const { asked, fetcher } = relay(NONCE, accepted);
    await subscribe(device, RELAY, told, fetcher);
    const { __type, server, endpoint, p256dh, auth } = asked[1];
    assert.equal(__type, "SoftToken.PushSubscribeRequest");
    assert.equal(server, "push.example.org");
    assert.deepEqual([endpoint, p256dh, auth], told ? [told.endpoint, KEY, "A".repeat(22)] : [null, null, null]);
  }
  const error = { error_code: 119, error_message: "push service not allowed" };
  const { fetcher } = relay(NONCE, envelope("PushAcceptedResponse", /** @type {any} */ ({ result: 0, error })));
  await assert.rejects(subscribe(device, RELAY, subscription, fetcher), (/** @type {Failure} */ failure) => failure.facts["code"] === 119);
});

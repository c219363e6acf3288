import assert from "node:assert/strict";
import { createECDH } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as hpke from "../web/core/hpke.js";
import { base64url, hex, join, u16, unbase64url, unhex, utf8 } from "../web/core/bytes.js";
import { Device, generateKeys } from "../web/core/device.js";
import { envelope } from "../web/core/messages.js";
import { answerTranscript, listenTranscript, openRequest, requestTranscript, sealAnswer } from "../web/core/push.js";
import { Relay } from "../web/core/relay.js";
import { pushKey, transferKey } from "../web/core/token_key.js";
import { transcript } from "../web/core/transcript.js";
import { pair } from "./vectors.js";

/** @import { Bytes } from "../web/core/bytes.js" */
/** @import { Decision } from "../web/core/push.js" */

/**
 * @typedef {Record<string, string> & { input: Record<string, string> & { time: number, expires: number,
 *   number: string | null } }} Vector
 */

/** @type {Vector[]} */
const vectors = JSON.parse(
  readFileSync(new URL("../../softtoken/tests/vectors/push.json", import.meta.url), "utf8"),
);

/** @param {Vector} vector @param {string} name */
const octets = (vector, name) => unhex(vector[name] ?? vector.input[name] ?? "absent");

const ECDH = { name: "ECDH", namedCurve: "P-256" };
const ECDSA = { name: "ECDSA", namedCurve: "P-256" };

/** RFC 9180 section 7.1.3, first candidate. @param {Bytes} ikm */
function derived(ikm) {
  const suite = join(utf8("KEM"), u16(16));
  const salted = join(utf8("HPKE-v1"), suite, utf8("dkp_prk"), ikm);

  const prk = hmac(new Uint8Array(32), salted);
  return prk.then((key) => hmac(key, join(u16(32), utf8("HPKE-v1"), suite, utf8("candidate"), [0], [1])));
}

/** @param {Bytes} key @param {Bytes} message */
async function hmac(key, message) {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, message));
}

/** @param {Vector} vector */
async function deviceOf(vector) {
  const [signing, sealing] = await Promise.all([
    pair(octets(vector, "signing_private"), ECDSA, ["sign"], ["verify"]),
    pair(await derived(octets(vector, "sealing_random")), ECDH, ["deriveBits"], []),
  ]);
  return Device.of({ signing, sealing });
}

/** @param {Vector} vector */
async function gatewayOf(vector) {
  const scalar = await derived(octets(vector, "answer_random"));
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(scalar);
  const { privateKey } = await pair(scalar, ECDH, ["deriveBits"], []);
  return { key: privateKey, point: new Uint8Array(ecdh.getPublicKey()) };
}

/** @param {Vector} vector */
const carriedOf = (vector) => ({
  sessionId: base64url(octets(vector, "session")),
  expiresS: vector.input.expires,
  sealed: octets(vector, "sealed_request"),
});

/** @param {Vector} vector */
const keyOf = (vector) => (/** @type {string} */ serial) =>
  serial === vector.input["token"] ? pushKey(octets(vector, "seed"), serial) : null;

for (const vector of vectors) {
  const { input } = vector;
  const user = input["user"];

  test(`a request is the gateway's, and is read as it was written (${user})`, async () => {
    const device = await deviceOf(vector);
    assert.equal(device.registrationId, vector["registration_id"]);
    const request = await openRequest(device, carriedOf(vector), keyOf(vector));
    for (const [name, value] of Object.entries({
      user: request.user,
      service: request.service,
      source: request.source,
      time: request.timeS,
      expires: request.expiresS,
      approval: request.approval,
      answer_url: request.answerUrl,
      answer_pin: request.answerPin,
    })) assert.equal(value, input[name], name);
    assert.equal(hex(request.mailbox), vector["mailbox"]);
    assert.equal(hex(requestTranscript(request)), vector["request_transcript"]);
    const decision = /** @type {Decision} */ ({ word: input["decision"], number: input.number });
    assert.equal(hex(answerTranscript(request, decision)), vector["answer_transcript"]);
  });

  test(`a request that anything was done to is not opened (${user})`, async () => {
    const device = await deviceOf(vector);
    const carried = carriedOf(vector);
    const refused = { kind: "seal" };
    const changed = carried.sealed.slice();
    changed.set([(changed[700] ?? 0) ^ 1], 700);
    const other = await Device.of(await generateKeys());
    await assert.rejects(openRequest(device, { ...carried, sealed: changed }, keyOf(vector)), refused);
    await assert.rejects(openRequest(device, { ...carried, expiresS: carried.expiresS + 60 }, keyOf(vector)), refused);
    await assert.rejects(openRequest(device, { ...carried, sessionId: "A".repeat(22) }, keyOf(vector)), refused);
    await assert.rejects(openRequest(other, carried, keyOf(vector)), refused);
    await assert.rejects(openRequest(device, carried, () => null), refused);
    const withoutSeed = (/** @type {string} */ serial) => pushKey(new Uint8Array(20), serial);
    await assert.rejects(openRequest(device, carried, withoutSeed), refused);
    const forTransfers = (/** @type {string} */ serial) => transferKey(octets(vector, "seed"), serial);
    await assert.rejects(openRequest(device, carried, forTransfers), refused);
  });

  test(`an answer is one that the gateway proves (${user})`, async () => {
    const [device, gateway] = [await deviceOf(vector), await gatewayOf(vector)];
    const request = await openRequest(device, carriedOf(vector), keyOf(vector));
    assert.deepEqual(request.answerKey, gateway.point);
    const info = transcript("symbolon-push-answer-seal-v1", octets(vector, "session"));
    const none = new Uint8Array(0);
    const read = async (/** @type {Bytes} */ sealed) => {
      const text = await hpke.open(gateway, info, none, sealed);
      assert.equal(text.length % 2048, 0);
      return JSON.parse(new TextDecoder().decode(text)).d;
    };
    const decision = /** @type {Decision} */ ({ word: input["decision"], number: input.number });
    const key = await pushKey(octets(vector, "seed"), input["token"] ?? "");
    const { signature, ...said } = await read(await sealAnswer(device, key, request, decision));
    const { signature: expected, ...wanted } = await read(octets(vector, "sealed_answer"));
    assert.deepEqual(said, wanted);
    const transfers = await transferKey(octets(vector, "seed"), input["token"] ?? "");
    const forged = await read(octets(vector, "sealed_answer_under_transfer_key"));
    for (const [under, isUnder] of /** @type {const} */ ([[transfers, true], [key, false]])) {
      const mac = unbase64url(forged.mac);
      assert.equal(await crypto.subtle.verify("HMAC", under, mac, octets(vector, "answer_transcript")), isUnder);
    }
    for (const one of [signature, expected]) {
      assert.ok(await verified(device, unbase64url(one), octets(vector, "signed_transcript")));
    }
  });

  test(`the relay hears who listens (${user})`, async () => {
    const device = await deviceOf(vector);
    const signed = listenTranscript(device, input["relay"] ?? "", octets(vector, "nonce"));
    assert.equal(hex(signed), vector["listen_transcript"]);
    assert.ok(await verified(device, octets(vector, "listen_signature"), signed));
  });
}

test("events are read however the stream is cut, and those of others are passed over", async () => {
  const device = await Device.of(await generateKeys());
  const mine = { registration_id: device.registrationId, session: "A".repeat(22) };
  const login = envelope("PushLoginRequest", { ...mine, expires: 1_800_000_000, sealed: "AAAA" });
  const other = login.replace(device.registrationId, "0".repeat(64));
  const withdrawn = envelope("PushWithdrawRequest", mine);
  const text = `:\n\ndata: ${login}\n\n: \ndata: ${other}\n\ndata: {"d":1}\n\ndata: ${withdrawn}\n\n`;
  for (const size of [1, 7, 100_000]) {
    const events = [];
    for await (const { kind } of relayOf(text, size).listen(device, new AbortController().signal)) events.push(kind);
    assert.deepEqual(events, ["listening", "login", "withdrawn"], String(size));
  }
  const endless = relayOf("x".repeat(20_000), 1_000).listen(device, new AbortController().signal);
  assert.deepEqual((await endless.next()).value, { kind: "listening" });
  await assert.rejects(endless.next(), { kind: "server-message" });
});

test("a stream that the relay refuses says why", async () => {
  const device = await Device.of(await generateKeys());
  const refused = { result: 3, error: { error_code: 116, error_message: "too many pushes wait" } };
  const body = JSON.stringify({ d: { __type: "SoftToken.PushAcceptedResponse", __version: "4", ...refused } });
  const relay = new Relay("https://push.example.org", async (_, request) => {
    const isNonce = String(request?.body).includes("PushNonceRequest");
    return new Response(isNonce ? NONCE : body, { headers: { "Content-Type": "application/json" } });
  });
  const stream = relay.listen(device, new AbortController().signal);
  await assert.rejects(stream.next(), { kind: "refused", facts: { code: 116, message: "too many pushes wait" } });
});

test("an answer that the gateway's own address does not take goes through the relay", async () => {
  /** @type {string[]} */
  const asked = [];
  const taken = JSON.stringify({ d: { __type: "SoftToken.PushAcceptedResponse", __version: "4", result: 2, error: null } });
  const relay = new Relay("https://push.example.org", async (url) => {
    asked.push(new URL(String(url)).host);
    if (String(url).includes("vpn")) throw new TypeError("no network");
    return new Response(taken);
  });
  const answer = { sessionId: "A".repeat(22), mailbox: new Uint8Array(32), sealed: new Uint8Array(200) };
  await relay.answer({ ...answer, answerUrl: "https://vpn.example.org:4433" });
  await relay.answer({ ...answer, answerUrl: null });
  assert.deepEqual(asked, ["vpn.example.org:4433", "push.example.org", "push.example.org"]);
});

const NONCE = JSON.stringify({
  d: { __type: "SoftToken.PushNonceResponse", __version: "4", nonce: base64url(new Uint8Array(32)), result: 2, error: null },
});

/** A relay whose stream is a text that comes in pieces. @param {string} text @param {number} size */
function relayOf(text, size) {
  return new Relay("https://push.example.org", async (_, request) => {
    if (String(request?.body).includes("PushNonceRequest")) return new Response(NONCE);
    const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    const body = new ReadableStream({
      start(stream) {
        for (const piece of pieces) stream.enqueue(new TextEncoder().encode(piece));
        stream.close();
      },
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  });
}

/** @param {Device} device @param {Bytes} signature @param {Bytes} message */
const verified = (device, signature, message) =>
  crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, device.keys.signing.publicKey, signature, message);

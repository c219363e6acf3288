// Logins that a device approves: `docs/protocol.md`, "Push". A request is shown only if it was sealed to this
// device, by a gateway that has the token's seed; an answer carries a MAC of the seed and the device's
// signature.

import * as hpke from "./hpke.js";
import { base64url, join, unbase64url, utf8 } from "./bytes.js";
import { Failure } from "./failure.js";
import { checked, envelope, matching, message, number, optional, text, wrong } from "./messages.js";
import { transcript } from "./transcript.js";

/** @import { Bytes } from "./bytes.js" */
/** @import { Device } from "./device.js" */

/**
 * A login that waits for the person's word. `sessionId` names it; `timeS` and `expiresS` are seconds after the
 * epoch; `answerUrl` is the gateway's own address, or null.
 *
 * @typedef {{ gateway: string, sessionId: string, token: string, user: string, service: string,
 *   source: string, timeS: number, expiresS: number, approval: "number" | "tap", answerUrl: string | null,
 *   answerPin: string | null, mailbox: Bytes, answerKey: Bytes }} LoginRequest
 */

/** @typedef {{ word: "approve", number: string | null } | { word: "deny" | "not-me", number: null }} Decision */

/** What a relay sees of a request. @typedef {{ sessionId: string, expiresS: number, sealed: Bytes }} Carried */

const PADDED_TO = 2048;
const NONE = new Uint8Array(0);
const MAC_BYTES = 32;
/** No control characters, no marks of the direction of writing. */
const SHOWN = /^[^\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]{1,64}$/u;
const LATEST_S = 2 ** 40;
const LOGIN = [
  "gateway",
  "session",
  "token",
  "user",
  "service",
  "source",
  "time",
  "expires",
  "approval",
  "answer_url",
  "answer_pin",
  "mailbox",
  "answer_key",
  "mac",
];

/**
 * Opens a request. Whether its time is over is the caller's to say.
 *
 * @param {Device} device
 * @param {Carried} carried
 * @param {(serial: string) => Promise<CryptoKey> | null} keyOf the key, for logins, of a token that is here
 * @returns {Promise<LoginRequest>}
 */
export async function openRequest(device, { sessionId, expiresS, sealed }, keyOf) {
  const session = unbase64url(sessionId, 16);
  const info = transcript(
    "symbolon-push-request-seal-v1",
    ...[utf8(device.registrationId), session, utf8(String(expiresS))],
  );
  const opened = new TextDecoder().decode(await device.openPush(info, sealed));
  const { request, mac } = readLogin(opened);
  if (request.sessionId !== sessionId || request.expiresS !== expiresS) throw new Failure("seal");
  const key = await keyOf(request.token);
  if (!key) throw new Failure("seal");
  if (!(await crypto.subtle.verify("HMAC", key, mac, requestTranscript(request)))) throw new Failure("seal");
  return request;
}

/**
 * What the person said, sealed to the gateway.
 *
 * @param {Device} device
 * @param {CryptoKey} key the token's, for logins
 * @param {LoginRequest} request
 * @param {Decision} decision
 * @returns {Promise<Bytes>}
 */
export async function sealAnswer(device, key, request, decision) {
  const said = answerTranscript(request, decision);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, said));
  const signature = await device.signPush(transcript("symbolon-push-signed-v1", said, mac));
  const answer = envelope("PushLoginAnswer", {
    session: request.sessionId,
    token: request.token,
    decision: decision.word,
    number: decision.number,
    signing_key: base64url(device.signing),
    sealing_key: base64url(device.sealing),
    mac: base64url(mac),
    signature: base64url(signature),
  });
  const info = transcript("symbolon-push-answer-seal-v1", unbase64url(request.sessionId));
  return hpke.seal(request.answerKey, info, NONE, padded(utf8(answer)));
}

/** What a device signs to hear its requests. @param {Device} device @param {string} server @param {Bytes} nonce */
export const listenTranscript = ({ signing, sealing }, server, nonce) =>
  transcript("symbolon-push-listen-v1", utf8(server), nonce, signing, sealing);

/** @param {LoginRequest} request @returns {Bytes} what the gateway's MAC is over */
export function requestTranscript(request) {
  const { gateway, sessionId, token, user, service, source, timeS, expiresS, approval } = request;
  const texts = [token, user, service, source, String(timeS), String(expiresS), approval];
  const address = [request.answerUrl ?? "", request.answerPin ?? ""];
  return transcript(
    "symbolon-push-request-v1",
    utf8(gateway),
    unbase64url(sessionId),
    ...[...texts, ...address].map(utf8),
    request.mailbox,
    request.answerKey,
  );
}

/** @param {LoginRequest} request @param {Decision} decision @returns {Bytes} what the answer's MAC is over */
export function answerTranscript({ gateway, sessionId, token, user, approval, expiresS }, { word, number }) {
  const texts = [token, user, approval, word, number ?? "", String(expiresS)];
  return transcript("symbolon-push-answer-v1", utf8(gateway), unbase64url(sessionId), ...texts.map(utf8));
}

/** @param {string} body */
function readLogin(body) {
  const fields = message("PushLogin", LOGIN, body);
  const approval = text(fields, "approval");
  if (approval !== "number" && approval !== "tap") throw wrong("approval");
  /** @type {LoginRequest} */
  const request = {
    gateway: matching(fields, "gateway", /^[A-Z0-9]{16}$/),
    sessionId: matching(fields, "session", /^[A-Za-z0-9_-]{22}$/),
    token: matching(fields, "token", /^[A-Z0-9]{16}$/),
    user: shown(fields, "user"),
    service: shown(fields, "service"),
    source: shown(fields, "source"),
    timeS: number(fields, "time", 0, LATEST_S),
    expiresS: number(fields, "expires", 0, LATEST_S),
    approval,
    answerUrl: optional(fields, "answer_url", /^https:\/\/[^/?#@\\\s]{1,255}$/),
    answerPin: optional(fields, "answer_pin", /^[A-Za-z0-9_-]{43}$/),
    mailbox: octets(fields, "mailbox", 32),
    answerKey: octets(fields, "answer_key", 65),
  };
  return { request, mac: octets(fields, "mac", MAC_BYTES) };
}

/** A text for the person: nothing in it steers what stands beside it. @param {Record<string, unknown>} fields @param {string} name */
const shown = (fields, name) => matching(fields, name, SHOWN);

/** @param {Record<string, unknown>} fields @param {string} name @param {number} length */
const octets = (fields, name, length) => checked(name, () => unbase64url(text(fields, name), length));

/** With blanks up to the next multiple, so that its length says nothing. @param {Bytes} bytes */
const padded = (bytes) =>
  join(bytes, new Uint8Array((PADDED_TO - (bytes.length % PADDED_TO)) % PADDED_TO).fill(0x20));

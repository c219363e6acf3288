// Giving a token away to another device: `docs/protocol.md`, "Transfer". The gateway that issued the token is
// asked, through the token server.

import { base64url, unbase64url, utf8 } from "./bytes.js";
import { Failure } from "./failure.js";
import { checked, envelope, number, read, text, wrong } from "./messages.js";
import { transcript } from "./transcript.js";

/** @import { Bytes } from "./bytes.js" */
/** @import { Wisher } from "./delegation.js" */
/** @import { Ask } from "./registry.js" */

/** Where the gateway that issued a token is asked. */
export const TRANSFER_PATH = "/SoftToken/Transfer";

/** @typedef {"begin-mailed" | "begin-shown" | "look" | "cancel"} Action */

/**
 * How a transfer stands, for the device that has the token.
 *
 * @typedef {{ state: "none" | "asked" | "open", expiresS: number | null, link: string | null,
 *   sentTo: string | null }} Standing
 */

const STANDING = ["state", "expires", "link", "sent_to"];
/** Another device has the token. */
const MOVED = 118;

/**
 * Asks for something, with the proof that a device wants it and that its token's key for transfers is known.
 *
 * @param {Wisher} wisher
 * @param {{ name: string, ask: Ask }} server the token server, as devices sign it
 * @param {{ serial: string, key: CryptoKey }} token
 * @param {Action} action
 * @returns {Promise<Standing | "moved">}
 */
export async function wish(wisher, server, { serial, key }, action) {
  const asked = await server.ask(envelope("TransferNonceRequest", { token: serial }));
  const nonce = readNonce(asked.body);
  const { registrationId, delegation } = wisher;
  const wished = wishTranscript({ server: server.name, token: serial, action, nonce, registrationId });
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, wished));
  const signature = await wisher.signWish(signedTranscript(wished, mac));
  const request = envelope("TransferActionRequest", {
    server: server.name,
    token: serial,
    action,
    nonce: base64url(nonce),
    signing_key: base64url(wisher.signing),
    sealing_key: base64url(wisher.sealing),
    delegate_key: delegation && base64url(delegation.key),
    delegation: delegation && base64url(delegation.signature),
    mac: base64url(mac),
    signature: base64url(signature),
  });
  try {
    return readStanding((await server.ask(request)).body);
  } catch (failure) {
    if (failure instanceof Failure && failure.kind === "not-moved" && failure.facts["code"] === MOVED) return "moved";
    throw failure;
  }
}

/**
 * What the MAC of a wish is over.
 *
 * @param {{ server: string, token: string, action: string, nonce: Bytes, registrationId: string }} wish
 */
export const wishTranscript = ({ server, token, action, nonce, registrationId }) =>
  transcript("symbolon-transfer-v2", utf8(server), utf8(token), utf8(action), nonce, utf8(registrationId));

/** What the device signs. @param {Bytes} wished what {@link wishTranscript} made @param {Bytes} mac */
export const signedTranscript = (wished, mac) => transcript("symbolon-transfer-signed-v1", wished, mac);

/** @param {string} body @returns {Bytes} */
function readNonce(body) {
  const fields = readAnswer("TransferNonceResponse", ["nonce"], body);
  return checked("nonce", () => unbase64url(text(fields, "nonce"), 32));
}

/** @param {string} body @returns {Standing} */
function readStanding(body) {
  const fields = readAnswer("TransferActionResponse", STANDING, body);
  const state = text(fields, "state");
  if (state !== "none" && state !== "asked" && state !== "open") throw wrong("state");
  const optional = (/** @type {string} */ name) => (fields[name] === null ? null : text(fields, name));
  return {
    state,
    expiresS: fields["expires"] === null ? null : number(fields, "expires", 0, Number.MAX_SAFE_INTEGER),
    link: optional("link"),
    sentTo: optional("sent_to"),
  };
}

/**
 * The fields of a served request; a refusal says what is missing.
 *
 * @param {string} type
 * @param {string[]} names
 * @param {string} body
 */
function readAnswer(type, names, body) {
  try {
    return read(type, [...names, "cause"], body);
  } catch (failure) {
    if (!(failure instanceof Failure) || failure.kind !== "refused") throw failure;
    const { cause } = JSON.parse(body).d;
    throw new Failure("not-moved", { ...failure.facts, cause: typeof cause === "string" ? cause : "" });
  }
}

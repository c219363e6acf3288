// From an activation code to a token: nonce, proof, sealed seed, receipt. The token is stored before its
// receipt is sent: whenever the app ends in between, the same device can ask again.

import { Failure } from "./failure.js";
import {
  nonceRequest,
  provisionRequest,
  readNonce,
  readProvision,
  readReceipt,
  receiptRequest,
} from "./messages.js";
import { sha256 } from "./bytes.js";

/** @import { Bytes } from "./bytes.js" */
/** @import { Device } from "./device.js" */
/** @import { PinPolicy } from "./messages.js" */
/** @import { Shape } from "./otp.js" */
/** @import { Ask } from "./registry.js" */

/** @typedef {{ code: Bytes, linkSecret: Bytes | null }} Order */

/**
 * A token that has arrived and is not yet stored.
 *
 * @typedef {{ serial: string, issuer: string, seed: Bytes, shape: Shape, pinPolicy: PinPolicy,
 *   owed: OwedReceipt }} Arrived
 */

/** @typedef {{ token: string, answerHash: Bytes, server: string }} OwedReceipt */

/**
 * What became of a receipt. A refused one came too late, or the token had another code by then: a token that was to
 * move here did not.
 *
 * @typedef {"confirmed" | "owed" | "refused"} ReceiptState
 */

/** Version and platform as registries show them. */
export const APP_VERSION = "0.1.0_WEB";

/**
 * A step of a 60-second token. A clock that is further off shows codes that a gateway, which looks one
 * step either way, refuses.
 */
export const MAX_CLOCK_OFFSET_S = 60;

/**
 * Proves this device and opens what the registry seals to it. Nothing is used up when it fails: the
 * registry keeps the answer for this device until its receipt, or the code's end.
 *
 * @param {Device} device
 * @param {{ name: string, ask: Ask }} server
 * @param {Order} order
 * @param {() => number} nowS
 * @returns {Promise<Arrived>}
 */
export async function claim(device, server, { code, linkSecret }, nowS) {
  const nonce = await freshNonce(server.ask, nowS);
  const version = APP_VERSION;
  const signed = { server: server.name, nonce, code, linkSecret, version };
  const signature = await device.signActivation(signed);
  const answer = await server.ask(provisionRequest(device, { ...signed, signature }));
  const { serial, registrationId, sealedSeed, ...token } = readProvision(answer.body);
  if (registrationId !== device.registrationId) throw new Failure("seal");
  const seed = await device.openSeed(server.name, serial, token.shape, sealedSeed);
  const owed = { token: serial, answerHash: await sha256(sealedSeed), server: server.name };
  return { serial, seed, owed, ...token };
}

/** What a registry says to a receipt that it takes no more. */
const PROOF_WRONG = 105;

/**
 * Tells the registry that the token is stored. Confirmed or refused, the registry has decided: only
 * silence is worth another try.
 *
 * @param {Device} device
 * @param {Ask} ask
 * @param {OwedReceipt} owed
 * @returns {Promise<ReceiptState>}
 */
export async function settle(device, ask, owed) {
  const signature = await device.signReceipt(owed);
  try {
    readReceipt((await ask(receiptRequest(device, { ...owed, signature }))).body);
    return "confirmed";
  } catch (failure) {
    const isRefused = failure instanceof Failure && failure.kind === "refused" && failure.facts["code"] === PROOF_WRONG;
    return isRefused ? "refused" : "owed";
  }
}

/**
 * How many seconds this clock is ahead of the registry's; negative when it is behind, null when the
 * registry did not say.
 *
 * @param {Ask} ask
 * @param {() => number} nowS
 */
export async function clockOffsetS(ask, nowS) {
  return offset(await ask(nonceRequest(APP_VERSION)), nowS());
}

/** A clock that is wrong is found here, before a code is spent on it. @param {Ask} ask @param {() => number} nowS */
async function freshNonce(ask, nowS) {
  const answer = await ask(nonceRequest(APP_VERSION));
  const offsetS = offset(answer, nowS());
  if (offsetS !== null && Math.abs(offsetS) > MAX_CLOCK_OFFSET_S) throw new Failure("clock", { offsetS });
  return readNonce(answer.body);
}

/** @param {{ dateS: number | null }} answer @param {number} nowS */
const offset = ({ dateS }, nowS) => (dateS === null ? null : Math.round(nowS - dateS));

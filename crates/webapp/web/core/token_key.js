// Keys that a token's gateway and its holder share beside its codes, one for each purpose.

import { utf8 } from "./bytes.js";
import { transcript } from "./transcript.js";

/** @import { Bytes } from "./bytes.js" */

/**
 * For logins that are approved.
 *
 * @param {Bytes} seed
 * @param {string} serial
 */
export const pushKey = (seed, serial) => tokenKey("symbolon-push-key-v1", seed, serial);

/**
 * For wishes of transfers. It approves no login.
 *
 * @param {Bytes} seed
 * @param {string} serial
 */
export const transferKey = (seed, serial) => tokenKey("symbolon-transfer-key-v1", seed, serial);

/** @param {string} label @param {Bytes} seed @param {string} serial @returns {Promise<CryptoKey>} */
async function tokenKey(label, seed, serial) {
  const purpose = transcript(label, utf8(serial));
  const derived = await crypto.subtle.sign("HMAC", await hmacKey(seed), purpose);
  return hmacKey(new Uint8Array(derived));
}

/** @param {Bytes} raw */
const hmacKey = (raw) =>
  crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);

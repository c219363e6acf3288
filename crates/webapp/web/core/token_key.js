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

/** The same as octets, for a sealed backup. @param {Bytes} seed @param {string} serial */
export const transferKeyBytes = (seed, serial) => derived("symbolon-transfer-key-v1", seed, serial);

/** @param {string} label @param {Bytes} seed @param {string} serial @returns {Promise<CryptoKey>} */
const tokenKey = async (label, seed, serial) => hmacKey(await derived(label, seed, serial));

/** @param {string} label @param {Bytes} seed @param {string} serial @returns {Promise<Bytes>} */
async function derived(label, seed, serial) {
  const purpose = transcript(label, utf8(serial));
  return new Uint8Array(await crypto.subtle.sign("HMAC", await hmacKey(seed), purpose));
}

/** A key from its octets. @param {Bytes} raw @returns {Promise<CryptoKey>} */
export const hmacKey = (raw) =>
  crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);

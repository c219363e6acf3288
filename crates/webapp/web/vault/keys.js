// The vault's keys: HKDF-SHA-256 over Argon2id(PIN), or over what a passkey gave, salted with a secret that
// this browser does not give out. What they open is the key of the contents.

import { join, utf8 } from "../core/bytes.js";

/** @import { Bytes } from "../core/bytes.js" */

/** @typedef {{ memoryKib: number, passes: number }} Effort of Argon2id, in one lane */
/** @typedef {{ n: number, r: number, p: number }} ScryptEffort as RFC 7914 names them */
/** @typedef {(secret: Bytes, salt: Bytes, effort: Effort | ScryptEffort) => Promise<Bytes>} Stretch to 32 octets */
/** @typedef {{ nonce: Bytes, ciphertext: Bytes }} Sealed */

/**
 * A second on a phone. The PIN's length and the count of tries are what protects it; this slows down who
 * copied a whole browser profile. More than OWASP's least (19 MiB, 2 passes).
 *
 * @type {Effort}
 */
export const RECOMMENDED = { memoryKib: 32 << 10, passes: 3 };

/** What a key is derived for, so that no two uses share one. */
const LABELS = { pin: "symbolon-vault-v1", passkey: "symbolon-vault-passkey-v1" };
const NONCE_BYTES = 12;

/** 32 random octets as a key that cannot be extracted. @returns {Promise<CryptoKey>} */
export const newDeviceSecret = () =>
  crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256", length: 256 }, false, ["sign"]);

/** @returns {Promise<CryptoKey>} a key for contents, which only {@link wrap} takes out */
export const newContentsKey = () =>
  crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]);

/**
 * HKDF (RFC 5869) with the device's secret as salt; one block of output.
 *
 * @param {CryptoKey} deviceSecret
 * @param {Bytes} secret the stretched PIN, or what the passkey gave
 * @param {keyof typeof LABELS} purpose
 * @returns {Promise<CryptoKey>}
 */
export async function vaultKey(deviceSecret, secret, purpose) {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const extracted = await crypto.subtle.sign("HMAC", deviceSecret, secret);
  const pseudorandom = await crypto.subtle.importKey("raw", extracted, hmac, false, ["sign"]);
  const expanded = await crypto.subtle.sign("HMAC", pseudorandom, join(utf8(LABELS[purpose]), [1]));
  return crypto.subtle.importKey("raw", expanded, "AES-GCM", false, ["wrapKey", "unwrapKey"]);
}

/**
 * @param {CryptoKey} key
 * @param {CryptoKey} contentsKey
 * @param {Bytes} aad
 * @returns {Promise<Sealed>}
 */
export async function wrap(key, contentsKey, aad) {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const algorithm = { name: "AES-GCM", iv: nonce, additionalData: aad };
  const wrapped = await crypto.subtle.wrapKey("raw", contentsKey, key, algorithm);
  return { nonce, ciphertext: new Uint8Array(wrapped) };
}

/**
 * @param {CryptoKey} key
 * @param {Sealed} wrapped
 * @param {Bytes} aad
 * @returns {Promise<CryptoKey | null>} null if the key is not the one that wrapped it
 */
export async function unwrap(key, { nonce, ciphertext }, aad) {
  const algorithm = { name: "AES-GCM", iv: nonce, additionalData: aad };
  const usages = /** @type {const} */ (["encrypt", "decrypt"]);
  try {
    return await crypto.subtle.unwrapKey("raw", ciphertext, key, algorithm, "AES-GCM", true, usages);
  } catch {
    return null;
  }
}

/**
 * Fresh random nonces: a vault is saved far less often than the 2^32 times for which they are safe (NIST SP
 * 800-38D section 8.3).
 *
 * @param {CryptoKey} contentsKey
 * @param {string} text
 * @returns {Promise<Sealed>}
 */
export async function seal(contentsKey, text) {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const algorithm = { name: "AES-GCM", iv: nonce };
  const ciphertext = await crypto.subtle.encrypt(algorithm, contentsKey, utf8(text));
  return { nonce, ciphertext: new Uint8Array(ciphertext) };
}

/** @param {CryptoKey} contentsKey @param {Sealed} sealed */
export async function unseal(contentsKey, { nonce, ciphertext }) {
  const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce }, contentsKey, ciphertext);
  return new TextDecoder().decode(plain);
}

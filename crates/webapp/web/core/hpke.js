// HPKE (RFC 9180) in base mode: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
// Private keys are WebCrypto keys that need not be extractable.

import { Failure } from "./failure.js";
import { join, u16, utf8 } from "./bytes.js";

/** @import { Bytes } from "./bytes.js" */

const KEM = join(utf8("KEM"), u16(0x0010));
const HPKE = join(utf8("HPKE"), u16(0x0010), u16(0x0001), u16(0x0002));
const NONE = new Uint8Array(0);
const MODE_BASE = Uint8Array.of(0);
const ENCAPSULATED = 65;
const TAG = 16;
const P256 = { name: "ECDH", namedCurve: "P-256" };

/**
 * Opens a sealed text: the encapsulated key and the ciphertext with its tag.
 *
 * @param {{ key: CryptoKey, point: Bytes }} recipient private key and its public point
 * @param {Bytes} info
 * @param {Bytes} aad
 * @param {Bytes} sealed
 * @returns {Promise<Bytes>}
 */
export async function open(recipient, info, aad, sealed) {
  if (sealed.length < ENCAPSULATED + TAG) throw new Failure("seal");
  const encapsulated = sealed.slice(0, ENCAPSULATED);
  try {
    const dh = await agree(recipient.key, encapsulated);
    const { key, iv } = await context(dh, encapsulated, recipient.point, info);
    const options = { name: "AES-GCM", iv, additionalData: aad };
    return new Uint8Array(await crypto.subtle.decrypt(options, key, sealed.slice(ENCAPSULATED)));
  } catch (cause) {
    throw new Failure("seal", {}, cause);
  }
}

/**
 * Seals a text to whoever has the private key of a point.
 *
 * @param {Bytes} point
 * @param {Bytes} info
 * @param {Bytes} aad
 * @param {Bytes} text
 * @returns {Promise<Bytes>} what {@link open} opens
 */
export async function seal(point, info, aad, text) {
  const own = await crypto.subtle.generateKey(P256, false, ["deriveBits"]);
  const encapsulated = new Uint8Array(await crypto.subtle.exportKey("raw", own.publicKey));
  const dh = await agree(own.privateKey, point);
  const { key, iv } = await context(dh, encapsulated, point, info);
  const options = { name: "AES-GCM", iv, additionalData: aad };
  return join(encapsulated, new Uint8Array(await crypto.subtle.encrypt(options, key, text)));
}

/** @param {CryptoKey} key @param {Bytes} point @returns {Promise<Bytes>} */
async function agree(key, point) {
  const other = await crypto.subtle.importKey("raw", point, P256, false, []);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "ECDH", public: other }, key, 256));
}

/**
 * RFC 9180 sections 4.1 (`Encap`, `Decap`) and 5.1 (`KeySchedule`), behind the agreement.
 *
 * @param {Bytes} dh
 * @param {Bytes} encapsulated
 * @param {Bytes} recipient public point
 * @param {Bytes} info
 */
async function context(dh, encapsulated, recipient, info) {
  const eae = await extract(KEM, NONE, "eae_prk", dh);
  const shared = await expand(KEM, eae, "shared_secret", join(encapsulated, recipient), 32);
  const schedule = join(
    MODE_BASE,
    await extract(HPKE, NONE, "psk_id_hash", NONE),
    await extract(HPKE, NONE, "info_hash", info),
  );
  const secret = await extract(HPKE, shared, "secret", NONE);
  const key = await expand(HPKE, secret, "key", schedule, 32);
  return {
    key: await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]),
    iv: await expand(HPKE, secret, "base_nonce", schedule, 12),
  };
}

/** @param {Bytes} suite @param {Bytes} salt @param {string} label @param {Bytes} ikm */
const extract = (suite, salt, label, ikm) =>
  hmac(salt, join(utf8("HPKE-v1"), suite, utf8(label), ikm));

/**
 * One block is enough: nothing here is longer than 32 octets.
 *
 * @param {Bytes} suite
 * @param {Bytes} key
 * @param {string} label
 * @param {Bytes} info
 * @param {number} length
 */
async function expand(suite, key, label, info, length) {
  const block = join(u16(length), utf8("HPKE-v1"), suite, utf8(label), info, [1]);
  return (await hmac(key, block)).slice(0, length);
}

/** @param {Bytes} key @param {Bytes} message @returns {Promise<Bytes>} */
async function hmac(key, message) {
  // An empty salt is a salt of zeros (RFC 5869 section 2.2); WebCrypto refuses empty keys.
  const raw = key.length > 0 ? key : new Uint8Array(32);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", raw, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, message));
}

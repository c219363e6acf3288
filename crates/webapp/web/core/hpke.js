// HPKE (RFC 9180) in base mode, receiving side: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
// The private key is a WebCrypto key that need not be extractable.

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
    const { key, iv } = await context(recipient, encapsulated, info);
    const options = { name: "AES-GCM", iv, additionalData: aad };
    return new Uint8Array(await crypto.subtle.decrypt(options, key, sealed.slice(ENCAPSULATED)));
  } catch (cause) {
    throw new Failure("seal", {}, cause);
  }
}

/**
 * RFC 9180 sections 4.1 (`Decap`) and 5.1 (`KeyScheduleR`).
 *
 * @param {{ key: CryptoKey, point: Bytes }} recipient
 * @param {Bytes} encapsulated
 * @param {Bytes} info
 */
async function context(recipient, encapsulated, info) {
  const other = await crypto.subtle.importKey("raw", encapsulated, P256, false, []);
  const agreed = { name: "ECDH", public: other };
  const dh = new Uint8Array(await crypto.subtle.deriveBits(agreed, recipient.key, 256));
  const eae = await extract(KEM, NONE, "eae_prk", dh);
  const shared = await expand(KEM, eae, "shared_secret", join(encapsulated, recipient.point), 32);
  const schedule = join(
    MODE_BASE,
    await extract(HPKE, NONE, "psk_id_hash", NONE),
    await extract(HPKE, NONE, "info_hash", info),
  );
  const secret = await extract(HPKE, shared, "secret", NONE);
  const key = await expand(HPKE, secret, "key", schedule, 32);
  return {
    key: await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]),
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

// A key that a device lets wish for transfers in its name: `docs/protocol.md`, "Transfer". A backup carries one,
// since a device's own keys do not leave WebCrypto.

import { join, unbase64url, utf8 } from "./bytes.js";
import { transcript } from "./transcript.js";

/** @import { Bytes } from "./bytes.js" */
/** @import { Device } from "./device.js" */

/**
 * The device's word for a key.
 *
 * @typedef {{ key: Bytes, signature: Bytes }} Delegation `key`: uncompressed point, 65 octets
 */

/**
 * Who wishes: a device, or a key with its word.
 *
 * @typedef {{ registrationId: string, signing: Bytes, sealing: Bytes, delegation: Delegation | null,
 *   signWish: (signed: Bytes) => Promise<Bytes> }} Wisher the points are the device's
 */

const ECDSA = { name: "ECDSA", namedCurve: "P-256" };

/** What a device signs. @param {string} registrationId @param {Bytes} key */
export const delegationTranscript = (registrationId, key) =>
  transcript("symbolon-transfer-delegation-v1", utf8(registrationId), key);

/**
 * A new key, for a sealed file.
 *
 * @param {Device} device
 * @returns {Promise<{ pkcs8: Bytes, signature: Bytes }>}
 */
export async function delegate(device) {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  const key = new Uint8Array(await crypto.subtle.exportKey("raw", publicKey));
  return {
    pkcs8: new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey)),
    signature: await device.signWish(delegationTranscript(device.registrationId, key)),
  };
}

/**
 * Wishes in the name of a device by a key from a file.
 *
 * @param {{ registrationId: string, signing: Bytes, sealing: Bytes }} device
 * @param {{ pkcs8: Bytes, signature: Bytes }} saved
 * @returns {Promise<Wisher>}
 */
export async function wisherOf(device, { pkcs8, signature }) {
  const imported = (/** @type {boolean} */ isExtractable) =>
    crypto.subtle.importKey("pkcs8", pkcs8, ECDSA, isExtractable, ["sign"]);
  // WebCrypto tells the point of a private key by an export alone; what stays cannot be exported.
  const { x = "", y = "" } = await crypto.subtle.exportKey("jwk", await imported(true));
  const point = join([4], unbase64url(x, 32), unbase64url(y, 32));
  const key = await imported(false);
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  return {
    ...device,
    delegation: { key: point, signature },
    signWish: async (signed) => new Uint8Array(await crypto.subtle.sign(algorithm, key, signed)),
  };
}

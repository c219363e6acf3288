// A device: two P-256 pairs whose private halves never leave WebCrypto, and what it proves with them.

import * as hpke from "./hpke.js";
import * as transcript from "./transcript.js";
import { hex, join, sha256, utf8 } from "./bytes.js";

/** @import { Bytes } from "./bytes.js" */
/** @import { Shape } from "./otp.js" */

/**
 * What a browser's database keeps; structured clones carry keys that cannot be extracted.
 *
 * @typedef {{ signing: CryptoKeyPair, sealing: CryptoKeyPair }} DeviceKeys
 */

const ECDSA = { name: "ECDSA", namedCurve: "P-256" };
const ECDH = { name: "ECDH", namedCurve: "P-256" };

/** New keys that cannot be extracted. @returns {Promise<DeviceKeys>} */
export async function generateKeys() {
  const [signing, sealing] = await Promise.all([
    crypto.subtle.generateKey(ECDSA, false, ["sign", "verify"]),
    crypto.subtle.generateKey(ECDH, false, ["deriveBits"]),
  ]);
  return { signing, sealing };
}

/** A device's id, by its public points. @param {Bytes} signing @param {Bytes} sealing */
export const registrationIdOf = async (signing, sealing) =>
  hex(await sha256(join(utf8("symbolon-device-v1"), signing, sealing)));

/** The keys with their public points and the registration id that follows from these. */
export class Device {
  /**
   * @param {DeviceKeys} keys
   * @param {Bytes} signing uncompressed point, 65 octets
   * @param {Bytes} sealing uncompressed point, 65 octets
   * @param {string} registrationId 64 hexadecimal digits
   */
  constructor(keys, signing, sealing, registrationId) {
    this.keys = keys;
    this.signing = signing;
    this.sealing = sealing;
    this.registrationId = registrationId;
    /** It wishes for itself. */
    this.delegation = null;
  }

  /** @param {DeviceKeys} keys */
  static async of(keys) {
    const [signing, sealing] = await Promise.all(
      [keys.signing, keys.sealing].map(({ publicKey }) => point(publicKey)),
    );
    if (!signing || !sealing) throw new TypeError("a pair without a public key");
    return new Device(keys, signing, sealing, await registrationIdOf(signing, sealing));
  }

  /**
   * Signs that this device takes over the token behind a code.
   *
   * @param {{ server: string, nonce: Bytes, code: Bytes, linkSecret: Bytes | null, version: string }} order
   */
  async signActivation({ server, nonce, code, linkSecret, version }) {
    const codeHash = await transcript.codeHash(code, linkSecret);
    const { signing, sealing } = this;
    return this.#sign(transcript.activation({ server, nonce, codeHash, signing, sealing, version }));
  }

  /**
   * Signs that a token has arrived and is stored.
   *
   * @param {{ server: string, token: string, answerHash: Bytes }} stored
   */
  signReceipt({ server, token, answerHash }) {
    const { registrationId } = this;
    return this.#sign(transcript.receipt({ server, registrationId, token, answerHash }));
  }

  /**
   * Opens a seed that was sealed to this device for this server and token.
   *
   * @param {string} server
   * @param {string} token serial
   * @param {Shape} shape
   * @param {Bytes} sealed
   */
  openSeed(server, token, shape, sealed) {
    const recipient = { key: this.keys.sealing.privateKey, point: this.sealing };
    const info = transcript.seedInfo(server, this.registrationId);
    return hpke.open(recipient, info, transcript.tokenAad(token, shape), sealed);
  }

  /**
   * Opens a login request that was sealed to this device.
   *
   * @param {Bytes} info
   * @param {Bytes} sealed
   */
  openPush(info, sealed) {
    const recipient = { key: this.keys.sealing.privateKey, point: this.sealing };
    return hpke.open(recipient, info, new Uint8Array(0), sealed);
  }

  /** Signs what `core/transfer.js` has put together. @param {Bytes} signed a transcript of transfers */
  signWish(signed) {
    return this.#sign(signed);
  }

  /** Signs what `core/push.js` has put together. @param {Bytes} signed a transcript of pushes */
  signPush(signed) {
    return this.#sign(signed);
  }

  /** @param {Bytes} message @returns {Promise<Bytes>} */
  async #sign(message) {
    const algorithm = { name: "ECDSA", hash: "SHA-256" };
    const key = this.keys.signing.privateKey;
    return new Uint8Array(await crypto.subtle.sign(algorithm, key, message));
  }
}

/** @param {CryptoKey} key @returns {Promise<Bytes>} */
const point = async (key) => new Uint8Array(await crypto.subtle.exportKey("raw", key));

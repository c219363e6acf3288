// HOTP (RFC 4226) and TOTP (RFC 6238) by WebCrypto's HMAC.

import { Failure } from "./failure.js";

/** @import { Bytes } from "./bytes.js" */

/**
 * How a token's codes are computed. An event-based token has period 0.
 *
 * @typedef {{ type: "totp" | "hotp", period: number, digits: number, algorithm: Algorithm }} Shape
 */

/** @typedef {"SHA1" | "SHA256" | "SHA512"} Algorithm */

/** @type {Readonly<Record<Algorithm, string>>} */
const DIGESTS = { SHA1: "SHA-1", SHA256: "SHA-256", SHA512: "SHA-512" };

/** RFC 4226 has 31 bits in a code: more than ten digits would be leading zeros alone. */
export const MAX_DIGITS = 10;
export const MIN_DIGITS = 6;
/** A day; longer periods are typing errors. */
export const MAX_PERIOD_S = 86_400;

/** @param {string} text @returns {text is Algorithm} */
export const isAlgorithm = (text) => Object.hasOwn(DIGESTS, text);

/** The step of a time-based token. @param {Shape} shape @param {number} nowS seconds after the epoch */
export const stepAt = ({ period }, nowS) => Math.floor(nowS / period);

/** Seconds for which the code of this moment stays. @param {Shape} shape @param {number} nowS */
export const remainingS = ({ period }, nowS) => period - (nowS % period);

/**
 * The code of a step or counter.
 *
 * @param {Bytes} seed
 * @param {Shape} shape
 * @param {number} step
 * @returns {Promise<string>} `shape.digits` digits
 */
export async function code(seed, { digits, algorithm }, step) {
  if (!Number.isSafeInteger(step) || step < 0) throw new Failure("counter-spent");
  const counter = new DataView(new ArrayBuffer(8));
  counter.setBigUint64(0, BigInt(step));
  const hmac = { name: "HMAC", hash: DIGESTS[algorithm] };
  const key = await crypto.subtle.importKey("raw", seed, hmac, false, ["sign"]);
  const mac = new DataView(await crypto.subtle.sign("HMAC", key, counter.buffer));
  const offset = mac.getUint8(mac.byteLength - 1) & 15;
  const truncated = mac.getUint32(offset) & 0x7fff_ffff;
  return String(truncated % 10 ** digits).padStart(digits, "0");
}

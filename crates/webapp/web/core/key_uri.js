// `otpauth://` links, as issuers of third-party tokens print them.

import { Failure } from "./failure.js";
import { isAlgorithm, MAX_DIGITS, MAX_PERIOD_S, MIN_DIGITS } from "./otp.js";
import { unbase32 } from "./bytes.js";

/** @import { Bytes } from "./bytes.js" */
/** @import { Shape } from "./otp.js" */

/**
 * A token of another issuer.
 *
 * @typedef {{ issuer: string, account: string, seed: Bytes, shape: Shape, counter: number }} ForeignToken
 */

const MAX_CHARS = 2048;
/** What the 15 digits of a link hold; all up to it are exact. */
const MAX_COUNTER = 999_999_999_999_999;
const DEFAULTS = { period: 30, digits: 6, algorithm: "SHA1", counter: 0 };

/** @param {string} text */
export const isKeyUri = (text) => /^otpauth:\/\//i.test(text);

/** @param {string} text @returns {ForeignToken} */
export function parseKeyUri(text) {
  const [, kind = "", label = "", query = ""] = text.match(/^otpauth:\/\/([a-z]+)\/([^?]*)\?(.*)$/is) ?? [];
  if (!kind || text.length > MAX_CHARS) throw new Failure("key-uri");
  const type = kind.toLowerCase();
  if (type !== "totp" && type !== "hotp") throw new Failure("key-uri-kind");
  const fields = new URLSearchParams(query);
  return {
    ...names(label, fields.get("issuer")),
    seed: keySeed(fields.get("secret") ?? ""),
    shape: keyShape(type, {
      period: number(fields, "period"),
      digits: number(fields, "digits"),
      algorithm: fields.get("algorithm") ?? DEFAULTS.algorithm,
    }),
    counter: keyCounter(type, type === "hotp" ? number(fields, "counter") : 0),
  };
}

/**
 * A key as people copy it: blanks, hyphens, small letters and padding are forgiven.
 *
 * @param {string} text
 * @returns {Bytes}
 */
export function keySeed(text) {
  const key = text.replace(/[\s-]/g, "").replace(/=+$/, "").toUpperCase();
  try {
    // Some issuers cut a key anywhere: bits beyond the last octet count as nothing.
    const whole = key.slice(0, key.length - ([1, 3, 6].includes(key.length % 8) ? 1 : 0));
    const seed = unbase32Leniently(whole);
    if (seed.length > 0) return seed;
  } catch (cause) {
    throw new Failure("key-uri-secret", {}, cause);
  }
  throw new Failure("key-uri-secret");
}

/**
 * @param {"totp" | "hotp"} type
 * @param {{ period: number, digits: number, algorithm: string }} wished
 * @returns {Shape}
 */
export function keyShape(type, { period, digits, algorithm }) {
  const digest = algorithm.toUpperCase().replace("-", "").replace(/^HMAC/, "");
  if (!isAlgorithm(digest)) throw new Failure("key-uri-number", { part: "algorithm" });
  within("digits", digits, MIN_DIGITS, MAX_DIGITS);
  if (type === "totp") within("period", period, 1, MAX_PERIOD_S);
  return { type, period: type === "totp" ? period : 0, digits, algorithm: digest };
}

/** The next counter of a token. @param {"totp" | "hotp"} type @param {number} counter of an event-based one */
export function keyCounter(type, counter) {
  if (type === "totp") return 0;
  within("counter", counter, 0, MAX_COUNTER);
  return counter;
}

/**
 * The issuer stands before a colon, in a field of its own, or both. A colon that is not escaped is the one
 * that divides; some issuers escape that one too.
 *
 * @param {string} label
 * @param {string | null} field
 */
function names(label, field) {
  const escaped = label.includes(":") ? label : label.replace(/%3a/i, ":");
  const colon = escaped.indexOf(":");
  const before = colon < 0 ? "" : decoded(escaped.slice(0, colon)).trim();
  const account = decoded(escaped.slice(colon + 1)).trim();
  return { issuer: field?.trim() || before || account || "Token", account };
}

/** A part of a link without its escapes. @param {string} part */
export function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new Failure("key-uri", {}, cause);
  }
}

/** @param {URLSearchParams} fields @param {"period" | "digits" | "counter"} part */
function number(fields, part) {
  const text = fields.get(part);
  if (text === null) return DEFAULTS[part];
  if (!/^\d{1,15}$/.test(text)) throw new Failure("key-uri-number", { part });
  return Number(text);
}

/** @param {string} part @param {number} value @param {number} least @param {number} most */
function within(part, value, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) throw new Failure("key-uri-number", { part });
}

/** @param {string} key */
function unbase32Leniently(key) {
  const spare = (key.length * 5) % 8;
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const last = alphabet.indexOf(key.at(-1) ?? "");
  if (spare === 0 || last < 0) return unbase32(key);
  return unbase32(key.slice(0, -1) + alphabet[last & ~((1 << spare) - 1)]);
}

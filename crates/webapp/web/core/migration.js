// Google Authenticator's export codes: `otpauth-migration://offline?data=…`, a Protocol Buffers message
// (https://protobuf.dev/programming-guides/encoding) in base64.

import { Failure } from "./failure.js";
import { keyShape } from "./key_uri.js";
import { unbase64 } from "./bytes.js";

/** @import { Bytes } from "./bytes.js" */
/** @import { ForeignToken } from "./key_uri.js" */

/** A QR code holds less than 3 KiB; ten tokens to a code is what the exporter takes. */
const MAX_CHARS = 4096;
const ALGORITHMS = ["SHA1", "SHA1", "SHA256", "SHA512"];
const DIGITS = [6, 6, 8];
const TYPES = /** @type {const} */ (["totp", "hotp", "totp"]);
/** The exporter knows no other period. */
const PERIOD_S = 30;
/** Ten octets of seven bits: as many as a negative number takes, such as half of all `batch_id`. */
const VARINT_BITS = 70;

/** @param {string} text */
export const isMigration = (text) => /^otpauth-migration:\/\//i.test(text);

/** @param {string} text @returns {ForeignToken[]} */
export function parseMigration(text) {
  const [, data] = text.match(/^otpauth-migration:\/\/offline\/?\?(?:.*&)?data=([^&]+)/i) ?? [];
  if (!data || text.length > MAX_CHARS) throw new Failure("key-uri");
  const payload = unbase64(decodeURIComponent(data).replaceAll("-", "+").replaceAll("_", "/"));
  const tokens = read(payload).filter(({ number }) => number === 1).map(({ value }) => token(octets(value)));
  if (tokens.length === 0) throw new Failure("file-empty");
  return tokens;
}

/** `OtpParameters`. @param {Bytes} message @returns {ForeignToken} */
function token(message) {
  const fields = new Map(read(message).map(({ number, value }) => [number, value]));
  const text = (/** @type {number} */ field) => new TextDecoder().decode(octets(fields.get(field) ?? new Uint8Array(0)));
  const choice = (/** @type {number} */ field) => integer(fields.get(field) ?? 0);
  const algorithm = ALGORITHMS[choice(4)];
  const digits = DIGITS[choice(5)];
  const type = TYPES[choice(6)];
  if (!algorithm) throw new Failure("key-uri-number", { part: "algorithm" });
  if (!digits) throw new Failure("key-uri-number", { part: "digits" });
  if (!type) throw new Failure("key-uri-kind");
  const seed = octets(fields.get(1) ?? new Uint8Array(0));
  if (seed.length === 0) throw new Failure("key-uri-secret");
  const name = text(2);
  const account = name.slice(name.indexOf(":") + 1).trim();
  const shape = keyShape(type, { period: PERIOD_S, digits, algorithm });
  return { issuer: text(3) || account || "Token", account, seed, shape, counter: choice(7) };
}

/** @typedef {{ number: number, value: number | Bytes }} Field */

/**
 * Varints and length-delimited fields: the message has no others. A varint has 64 bits: what is above 2^53 is rounded,
 * and `integer` refuses it.
 *
 * @param {Bytes} message
 * @returns {Field[]}
 */
function read(message) {
  /** @type {Field[]} */
  const fields = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < VARINT_BITS; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) break;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new Failure("key-uri");
  };
  while (at < message.length) {
    const tag = varint();
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) {
      fields.push({ number, value: varint() });
    } else if (wire === 2) {
      const length = varint();
      if (at + length > message.length) throw new Failure("key-uri");
      fields.push({ number, value: message.slice(at, at + length) });
      at += length;
    } else {
      throw new Failure("key-uri");
    }
  }
  return fields;
}

/** @param {number | Bytes} value @returns {Bytes} */
function octets(value) {
  if (typeof value === "number") throw new Failure("key-uri");
  return value;
}

/** @param {number | Bytes} value */
function integer(value) {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw new Failure("key-uri");
  return value;
}

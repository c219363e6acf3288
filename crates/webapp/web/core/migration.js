// Google Authenticator's export codes: `otpauth-migration://offline?data=…`, a Protocol Buffers message
// (https://protobuf.dev/programming-guides/encoding) in base64.

import { Failure } from "./failure.js";
import { decoded, keyShape } from "./key_uri.js";
import { unbase64 } from "./bytes.js";

/** @import { Bytes } from "./bytes.js" */
/** @import { ForeignToken } from "./key_uri.js" */

/**
 * The place of a code in an export of several: `id` is what all of them have in common, `index` is from 0 on.
 *
 * @typedef {{ id: string, index: number, size: number }} Batch
 */

/** A QR code holds less than 3 KiB; ten tokens to a code is what the exporter takes. */
const MAX_CHARS = 4096;
const ALGORITHMS = ["SHA1", "SHA1", "SHA256", "SHA512"];
const DIGITS = [6, 6, 8];
const TYPES = /** @type {const} */ (["totp", "hotp", "totp"]);
/** The exporter knows no other period. */
const PERIOD_S = 30;
/** Ten octets of seven bits: as many as a negative number takes, such as half of all `batch_id`. */
const VARINT_BITS = 70n;
/** The most codes of an export: beyond it nobody is told which are missing. */
const MAX_BATCH = 64;

/** @param {string} text */
export const isMigration = (text) => /^otpauth-migration:\/\//i.test(text);

/** @param {string} text @returns {{ tokens: ForeignToken[], batch: Batch | null }} `batch` is null for an only code */
export function parseMigration(text) {
  const [, data] = text.match(/^otpauth-migration:\/\/offline\/?\?(?:.*&)?data=([^&]+)/i) ?? [];
  if (!data || text.length > MAX_CHARS) throw new Failure("key-uri");
  const fields = read(unbase64(decoded(data).replaceAll("-", "+").replaceAll("_", "/")));
  const tokens = fields.filter(({ number }) => number === 1).map(({ value }) => token(octets(value)));
  if (tokens.length === 0) throw new Failure("file-empty");
  return { tokens, batch: batchOf(new Map(fields.map(({ number, value }) => [number, value]))) };
}

/** `batch_size`, `batch_index` and `batch_id`. @param {ReadonlyMap<number, Value>} fields @returns {Batch | null} */
function batchOf(fields) {
  const given = (/** @type {number} */ field) => {
    const value = fields.get(field);
    return typeof value === "bigint" ? value : 0n;
  };
  const [size, index] = [Number(given(3)), Number(given(4))];
  return size > 1 && size <= MAX_BATCH && index < size ? { id: String(given(5)), index, size } : null;
}

/** `OtpParameters`. @param {Bytes} message @returns {ForeignToken} */
function token(message) {
  const fields = new Map(read(message).map(({ number, value }) => [number, value]));
  const text = (/** @type {number} */ field) => new TextDecoder().decode(octets(fields.get(field) ?? new Uint8Array(0)));
  const choice = (/** @type {number} */ field) => integer(fields.get(field) ?? 0n);
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

/** @typedef {bigint | Bytes} Value */
/** @typedef {{ number: number, value: Value }} Field */

/** Varints and length-delimited fields: the message has no others. @param {Bytes} message @returns {Field[]} */
function read(message) {
  /** @type {Field[]} */
  const fields = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; shift < VARINT_BITS; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new Failure("key-uri");
  };
  while (at < message.length) {
    const tag = Number(varint());
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) {
      fields.push({ number, value: varint() });
    } else if (wire === 2) {
      const length = Number(varint());
      if (at + length > message.length) throw new Failure("key-uri");
      fields.push({ number, value: message.slice(at, at + length) });
      at += length;
    } else {
      throw new Failure("key-uri");
    }
  }
  return fields;
}

/** @param {Value} value @returns {Bytes} */
function octets(value) {
  if (typeof value === "bigint") throw new Failure("key-uri");
  return value;
}

/** @param {Value} value */
function integer(value) {
  const number = Number(value);
  if (typeof value !== "bigint" || !Number.isSafeInteger(number)) throw new Failure("key-uri");
  return number;
}

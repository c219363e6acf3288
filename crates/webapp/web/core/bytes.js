// Octets and the texts in which they travel.

import { Failure } from "./failure.js";

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

const encoder = new TextEncoder();
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** @param {string} text @returns {Bytes} */
export const utf8 = (text) => encoder.encode(text);

/** @param {...(Bytes | number[])} parts @returns {Bytes} */
export function join(...parts) {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Two octets, big-endian. @param {number} number @returns {Bytes} */
export const u16 = (number) => Uint8Array.of(number >> 8, number & 255);

/** @param {number} length @returns {Bytes} */
export const random = (length) => crypto.getRandomValues(new Uint8Array(length));

/** @param {Bytes} bytes @returns {Promise<Bytes>} */
export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

/** Lower case. @param {Bytes} bytes */
export const hex = (bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {string} text @returns {Bytes} */
export function unhex(text) {
  if (!/^([0-9a-fA-F]{2})*$/.test(text)) throw new Failure("encoding");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** @param {Bytes} bytes */
export const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** @param {string} text @returns {Bytes} */
export function unbase64(text) {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new Failure("encoding");
  }
}

/** Without padding. @param {Bytes} bytes */
export const base64url = (bytes) =>
  base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/**
 * Without padding, and only as an encoder writes it: left-over bits are refused.
 *
 * @param {string} text
 * @param {number} [length] octets that it must have
 * @returns {Bytes}
 */
export function unbase64url(text, length) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Failure("encoding");
  const bytes = unbase64(text.replaceAll("-", "+").replaceAll("_", "/"));
  if (base64url(bytes) !== text) throw new Failure("encoding");
  if (length !== undefined && bytes.length !== length) throw new Failure("encoding");
  return bytes;
}

/** RFC 4648, without padding. @param {Bytes} bytes */
export function base32(bytes) {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + BASE32[(held << (5 - bits)) & 31] : text;
}

/** RFC 4648, capitals, without padding. @param {string} text @returns {Bytes} */
export function unbase32(text) {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text) {
    const value = BASE32.indexOf(character);
    if (value < 0) throw new Failure("encoding");
    held = (held << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = held >> bits;
      held &= (1 << bits) - 1;
    }
  }
  if (held !== 0 || bits >= 5) throw new Failure("encoding");
  return bytes;
}

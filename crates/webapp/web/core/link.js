// The text of an activation QR code: `docs/protocol.md`, "The QR code".

import { Failure } from "./failure.js";
import { parseActivationCode } from "./code.js";
import { unbase32, unbase64url } from "./bytes.js";

/** @import { Bytes } from "./bytes.js" */

/** @typedef {{ code: Bytes, secret: Bytes, server: string }} ActivationLink */

const PREFIX = "symbolon://activate?";
const MAX_CHARS = 512;
const PARTS = ["v", "c", "k", "s", "p"];

/** @param {string} text */
export const isActivationLink = (text) => text.startsWith(PREFIX);

/**
 * @param {string} text
 * @returns {ActivationLink} `server` as devices sign it: host in lower case, the port unless it is 443
 */
export function parseActivationLink(text) {
  if (!isActivationLink(text)) throw new Failure("link-unknown");
  if (text.length > MAX_CHARS) throw new Failure("link-too-long", { most: MAX_CHARS });
  const parts = split(text.slice(PREFIX.length));
  if (take(parts, "v") !== "1") throw new Failure("link-part", { part: "v" });
  within("p", () => unbase64url(take(parts, "p"), 32));
  return {
    code: within("c", () => parseActivationCode(take(parts, "c"))),
    secret: within("k", () => secret(take(parts, "k"))),
    server: within("s", () => serverName(take(parts, "s"))),
  };
}

/** @param {string} query */
function split(query) {
  /** @type {Map<string, string>} */
  const parts = new Map();
  for (const part of query.split("&")) {
    const [, key = "", escaped = ""] = part.match(/^([a-z])=([\x21-\x7e]+)$/) ?? [];
    if (!PARTS.includes(key)) throw new Failure("link-unknown");
    if (parts.has(key)) throw new Failure("link-part", { part: key });
    parts.set(key, within(key, () => decodeURIComponent(escaped)));
  }
  return parts;
}

/** @param {Map<string, string>} parts @param {string} key */
function take(parts, key) {
  const value = parts.get(key);
  if (value === undefined) throw new Failure("link-part", { part: key });
  return value;
}

/** @param {string} text */
function secret(text) {
  const bytes = unbase32(text);
  if (bytes.length !== 16) throw new Failure("encoding");
  return bytes;
}

/** `https://host[:port]`, nothing behind it. @param {string} text */
function serverName(text) {
  const url = new URL(text);
  const bare = url.protocol === "https:" && `${url.origin}/` === url.href;
  if (!bare || !/^https:\/\/[^/?#@\\]+\/?$/.test(text)) throw new Failure("encoding");
  return url.host;
}

/**
 * Names the part in which something is wrong.
 *
 * @template T
 * @param {string} part
 * @param {() => T} read
 * @returns {T}
 */
function within(part, read) {
  try {
    return read();
  } catch (cause) {
    throw new Failure("link-part", { part }, cause);
  }
}

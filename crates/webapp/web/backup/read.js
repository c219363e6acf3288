// What the readers of backups have in common.

import { Failure } from "../core/failure.js";
import { keyCounter, keySeed, keyShape } from "../core/key_uri.js";

/** @import { Bytes } from "../core/bytes.js" */
/** @import { ForeignToken } from "../core/key_uri.js" */
/** @import { Contained } from "./files.js" */
/** @import { Moves } from "./moves.js" */

/**
 * @param {{ issuer: unknown, account: unknown, secret: unknown, type: unknown, period?: unknown,
 *   digits?: unknown, algorithm?: unknown, counter?: unknown }} entry with values that nobody has looked at
 * @returns {ForeignToken}
 */
export function foreignToken({ issuer, account, secret, type, period, digits, algorithm, counter }) {
  const kind = String(type).toLowerCase();
  if (kind !== "totp" && kind !== "hotp") throw new Failure("key-uri-kind");
  const [issuerName, accountName] = [issuer, account].map((name) => (typeof name === "string" ? name.trim() : ""));
  return {
    issuer: issuerName || accountName || "Token",
    account: accountName ?? "",
    seed: keySeed(String(secret ?? "")),
    shape: keyShape(kind, {
      period: Number(period ?? 30),
      digits: Number(digits ?? 6),
      algorithm: String(algorithm ?? "SHA1"),
    }),
    counter: keyCounter(kind, Number(counter ?? 0)),
  };
}

/**
 * Those that can be used, and how many cannot: a backup is not refused because of one entry of another kind.
 *
 * @template T
 * @param {readonly T[]} entries
 * @param {(entry: T) => ForeignToken} read
 */
export function usable(entries, read) {
  const tokens = entries.flatMap((entry) => {
    try {
      return [whole(() => read(entry))];
    } catch {
      return [];
    }
  });
  return { tokens, unread: entries.length - tokens.length };
}

/**
 * What a file holds, which has to be something.
 *
 * @param {{ tokens: ForeignToken[], unread: number }} foreign
 * @param {Moves[]} moves
 * @returns {Contained}
 */
export function contained({ tokens, unread }, moves = []) {
  if (tokens.length > 0 || moves.length > 0) return { tokens, unread, moves };
  throw unread === 0 ? new Failure("file-empty") : new Failure("file-unread");
}

/**
 * AES-256-GCM with the tag behind the ciphertext.
 *
 * @param {Bytes} key
 * @param {Bytes} nonce
 * @param {Bytes} ciphertext
 */
export async function decrypt(key, nonce, ciphertext) {
  try {
    const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce }, imported, ciphertext));
  } catch (cause) {
    throw new Failure("file-password", {}, cause);
  }
}

/** Whether a file's number is a whole one from 1 on. @param {unknown} value @param {number} most */
export const isWithin = (value, most) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most;

/**
 * Reads, and says that the file is damaged where it does not have the form that it should.
 *
 * @template T
 * @param {() => T} read
 * @returns {T}
 */
export function whole(read) {
  try {
    return read();
  } catch (cause) {
    throw damaged(cause);
  }
}

/** What is said of a file that does not have the form that it should. @param {unknown} cause */
export const damaged = (cause) =>
  cause instanceof Failure && cause.kind !== "encoding" ? cause : new Failure("file-damaged", {}, cause);

// What the vault holds, and the rules for it: values in, values out.

import { base64url, hex, random, unbase64url } from "../core/bytes.js";
import { Failure } from "../core/failure.js";

/** @import { Bytes } from "../core/bytes.js" */
/** @import { OwedReceipt, ReceiptState } from "../core/activation.js" */
/** @import { Batch } from "../core/migration.js" */
/** @import { PinPolicy } from "../core/messages.js" */
/** @import { Shape } from "../core/otp.js" */

/**
 * @typedef {{
 *   id: string,
 *   name: string,
 *   issuer: string,
 *   account: string,
 *   serial: string | null,
 *   server: string | null,
 *   pinPolicy: PinPolicy | null,
 *   seed: Bytes,
 *   shape: Shape,
 *   counter: number,
 *   addedS: number,
 * }} Token `serial`, `server` and `pinPolicy` are null for a third party's token; `counter` is the next one
 *   of an event-based token
 */

/**
 * @typedef {{ pinDigits: number, tokens: readonly Token[], owed: readonly OwedReceipt[],
 *   refused: readonly string[], exported: Exported | null }} Contents `refused`: serials of tokens whose receipt was;
 *   `exported`: the export whose code was read last, also once all were
 */

/** @typedef {{ id: string, size: number, read: readonly number[] }} Exported `read`: codes of it, from 0 on */

/**
 * How far an export of several codes has come with one: whoever deletes the old app has lost the tokens of the others.
 *
 * @typedef {{ number: number, size: number, missing: readonly number[] }} ExportProgress `number` and `missing` from 1 on
 */

/** As long as the described app allows. */
export const MAX_NAME = 32;
/** A list that a person still searches; an import of more is a mistake. */
export const MAX_TOKENS = 500;

const VERSION = 1;

/** @param {number} pinDigits @returns {Contents} */
export const emptyContents = (pinDigits) => ({ pinDigits, tokens: [], owed: [], refused: [], exported: null });

/** A new token's id: it names the token to the page, nothing else. */
export const newId = () => base64url(random(9));

/**
 * @param {string} typed
 * @returns {string} without blanks at its ends
 */
export function parseName(typed) {
  const name = typed.trim();
  const length = [...name].length;
  if (length === 0) throw new Failure("name-empty");
  if (length > MAX_NAME) throw new Failure("name-long", { got: length, most: MAX_NAME });
  if (/\p{C}/u.test(name)) throw new Failure("name-character");
  return name;
}

/**
 * A free name that begins as wished.
 *
 * @param {Contents} contents
 * @param {string} wish
 */
export function freeName(contents, wish) {
  const clean = wish.replace(/\p{C}/gu, "").trim() || "Token";
  const shortened = (/** @type {number} */ most) => [...clean].slice(0, most).join("").trim();
  let name = shortened(MAX_NAME);
  for (let number = 2; isTaken(contents, name); number += 1) {
    const suffix = ` ${number}`;
    name = shortened(MAX_NAME - suffix.length) + suffix;
  }
  return name;
}

/**
 * @param {Contents} contents
 * @param {Token} token
 * @returns {Contents}
 */
export function add(contents, token) {
  if (contents.tokens.length >= MAX_TOKENS) throw new Failure("too-many", { most: MAX_TOKENS });
  const same = contents.tokens.find((known) => isSameToken(known, token));
  if (same) throw new Failure("duplicate", { serial: same.serial ?? same.issuer, name: same.name, id: same.id });
  if (isTaken(contents, token.name)) throw new Failure("name-taken", { name: token.name });
  return { ...contents, tokens: [...contents.tokens, token] };
}

/**
 * What a token that comes again finds: an entry whose receipt was refused is of no use beside it.
 *
 * @param {Contents} contents
 * @param {string} serial
 * @returns {Contents}
 */
export function withoutRefused(contents, serial) {
  const known = contents.tokens.find((token) => token.serial === serial);
  return known && receiptOf(contents, serial) === "refused" ? remove(contents, known.id) : contents;
}

/** @param {Contents} contents @param {string} id @param {string} typed @returns {Contents} */
export function rename(contents, id, typed) {
  const name = parseName(typed);
  const others = { ...contents, tokens: contents.tokens.filter((token) => token.id !== id) };
  if (isTaken(others, name)) throw new Failure("name-taken", { name });
  return change(contents, id, { name });
}

/**
 * Takes a token out. A receipt that is still owed is owed no more: the device that had the token would be out for
 * one that has deleted it.
 *
 * @param {Contents} contents
 * @param {string} id
 * @returns {Contents}
 */
export function remove(contents, id) {
  const [removed] = contents.tokens.filter((token) => token.id === id);
  const tokens = contents.tokens.filter((token) => token.id !== id);
  return { ...withoutReceipts(contents, removed?.serial), tokens };
}

/**
 * Puts a token elsewhere in the list; places beyond an end mean the end.
 *
 * @param {Contents} contents
 * @param {string} id
 * @param {number} place
 * @returns {Contents}
 */
export function move(contents, id, place) {
  const token = contents.tokens.find((known) => known.id === id);
  if (!token) return contents;
  const others = contents.tokens.filter((known) => known !== token);
  others.splice(Math.max(0, place), 0, token);
  return { ...contents, tokens: others };
}

/** The counter of an event-based token after its code was shown. @param {Contents} contents @param {string} id @returns {Contents} */
export function advance(contents, id) {
  const token = contents.tokens.find((known) => known.id === id);
  return token ? change(contents, id, { counter: token.counter + 1 }) : contents;
}

/**
 * One for a seed that the token had here before is owed no more.
 *
 * @param {Contents} contents
 * @param {OwedReceipt} receipt
 * @returns {Contents}
 */
export function owe(contents, receipt) {
  const others = withoutReceipts(contents, receipt.token);
  return { ...others, owed: [...others.owed, receipt] };
}

/**
 * Writes down what became of a receipt, unless it is owed no more since its token was deleted or came again.
 *
 * @param {Contents} contents
 * @param {OwedReceipt} receipt
 * @param {ReceiptState} state
 * @returns {Contents}
 */
export function settled(contents, receipt, state) {
  if (state === "owed" || !isOwed(contents, receipt)) return contents;
  const others = withoutReceipts(contents, receipt.token);
  return state === "refused" ? { ...others, refused: [...others.refused, receipt.token] } : others;
}

/** What became of the receipt of a token that is here. @param {Contents} contents @param {string | null} serial @returns {ReceiptState} */
export function receiptOf({ owed, refused }, serial) {
  if (owed.some(({ token }) => token === serial)) return "owed";
  return serial !== null && refused.includes(serial) ? "refused" : "confirmed";
}

/** Whether nobody has settled it, nor deleted its token. @param {Contents} contents @param {OwedReceipt} receipt */
export const isOwed = ({ owed }, receipt) => owed.some((known) => isSameReceipt(known, receipt));

/**
 * Writes down that a code of an export was read, whose tokens are here.
 *
 * @param {Contents} contents
 * @param {Batch} batch
 * @returns {{ contents: Contents, progress: ExportProgress }}
 */
export function codeRead(contents, { id, index, size }) {
  const { exported } = contents;
  const before = exported?.id === id && exported.size === size ? exported.read : [];
  const read = [...new Set([...before, index])];
  const missing = Array.from({ length: size }, (_, code) => code).filter((code) => !read.includes(code));
  return {
    contents: { ...contents, exported: { id, size, read } },
    progress: { number: index + 1, size, missing: missing.map((code) => code + 1) },
  };
}

/** Tokens in whose name, issuer, account or serial all words are. @param {Contents} contents @param {string} words */
export function search({ tokens }, words) {
  const wanted = fold(words).split(/\s+/).filter(Boolean);
  return tokens.filter(({ name, issuer, account, serial }) => {
    const text = fold([name, issuer, account, serial ?? ""].join(" "));
    return wanted.every((word) => text.includes(word));
  });
}

/** The shortest PIN that all issuers here take. @param {Contents} contents */
export const neededDigits = ({ tokens }) =>
  Math.max(4, ...tokens.map(({ pinPolicy }) =>
    pinPolicy && pinPolicy.requirement !== "not_require" ? pinPolicy.digits : 4));

/** Whether all issuers here let the device's own lock stand in for the PIN. @param {Contents} contents */
export const allowsPasskey = ({ tokens }) => tokens.every(({ pinPolicy }) => pinPolicy?.requirement !== "enforce");

/** @param {Contents} contents @returns {string} JSON, to be sealed */
export function toText({ pinDigits, tokens, owed, refused, exported }) {
  return JSON.stringify({
    version: VERSION,
    pinDigits,
    tokens: tokens.map((token) => ({ ...token, seed: base64url(token.seed) })),
    owed: owed.map((receipt) => ({ ...receipt, answerHash: base64url(receipt.answerHash) })),
    refused,
    exported,
  });
}

/** @param {string} text what {@link toText} wrote @returns {Contents} */
export function ofText(text) {
  const { version, pinDigits, tokens, owed, refused = [], exported = null } = JSON.parse(text);
  if (version !== VERSION) throw new Failure("storage");
  return {
    pinDigits,
    tokens: tokens.map((/** @type {Token & { seed: string }} */ token) => ({
      ...token,
      seed: unbase64url(token.seed),
    })),
    owed: owed.map((/** @type {OwedReceipt & { answerHash: string }} */ receipt) => ({
      ...receipt,
      answerHash: unbase64url(receipt.answerHash),
    })),
    refused,
    exported,
  };
}

/** @param {Contents} contents @param {string} id @param {Partial<Token>} changes @returns {Contents} */
const change = (contents, id, changes) => ({
  ...contents,
  tokens: contents.tokens.map((token) => (token.id === id ? { ...token, ...changes } : token)),
});

/** @param {Contents} contents @param {string} name */
const isTaken = ({ tokens }, name) => tokens.some((token) => fold(token.name) === fold(name));

/** @param {Contents} contents @param {string | null | undefined} serial @returns {Contents} */
const withoutReceipts = (contents, serial) => ({
  ...contents,
  owed: contents.owed.filter(({ token }) => token !== serial),
  refused: contents.refused.filter((token) => token !== serial),
});

/** @param {OwedReceipt} one @param {OwedReceipt} other */
const isSameReceipt = (one, other) => one.server === other.server && hex(one.answerHash) === hex(other.answerHash);

/** Case, and marks such as umlauts' dots, do not matter to who searches. @param {string} text */
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** @param {Token} one @param {Token} other */
function isSameToken(one, other) {
  if (one.serial !== null || other.serial !== null) return one.serial === other.serial;
  return one.issuer === other.issuer && base64url(one.seed) === base64url(other.seed);
}

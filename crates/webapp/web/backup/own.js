// This app's own backup, sealed under a passphrase: tokens of other issuers as `otpauth://` lines, and the right to
// move those of the token server.

import { base32, base64, join, random, unbase64, utf8 } from "../core/bytes.js";
import { Failure } from "../core/failure.js";
import { parseKeyUri } from "../core/key_uri.js";
import { isMoves, readMoves } from "./moves.js";
import { contained, decrypt, isWithin, usable, whole } from "./read.js";

/** @import { Bytes } from "../core/bytes.js" */
/** @import { ForeignToken } from "../core/key_uri.js" */
/** @import { Effort, Stretch } from "../vault/keys.js" */
/** @import { Backup, Contained } from "./files.js" */

const FORMAT = "symbolon-backup-v1";
/** A file can be tried without any count: RFC 9106's second choice, in one lane. */
const EFFORT = { memoryKib: 64 << 10, passes: 3 };
const MAX_EFFORT = { memoryKib: 1 << 20, passes: 16 };
const NONCE_BYTES = 12;
export const MIN_PASSPHRASE = 12;

/** @param {any} file */
export const isOwn = (file) => file?.format === FORMAT;

/** @param {any} file @param {Stretch} stretch @returns {Backup} */
export const openOwn = (file, stretch) => ({
  isEncrypted: true,
  open: (passphrase) => opened(file, passphrase, stretch),
});

/**
 * @param {{ tokens: readonly ForeignToken[], moves: string | null }} contents `moves`: a line of the right to move
 * @param {string} passphrase
 * @param {Stretch} stretch
 * @param {Effort} [effort]
 * @returns {Promise<string>} the file's text
 */
export async function sealedBackup({ tokens, moves }, passphrase, stretch, effort = EFFORT) {
  if ([...passphrase].length < MIN_PASSPHRASE) throw new Failure("passphrase-short", { least: MIN_PASSPHRASE });
  const [salt, nonce] = [random(16), random(NONCE_BYTES)];
  const derived = await stretch(octets(passphrase), salt, effort);
  const key = await crypto.subtle.importKey("raw", derived, "AES-GCM", false, ["encrypt"]);
  const lines = [...tokens.map(keyUri), ...(moves === null ? [] : [moves])];
  const plain = utf8(lines.join("\n"));
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, plain));
  return JSON.stringify({ format: FORMAT, argon2id: { ...effort, salt: base64(salt) }, sealed: base64(join(nonce, sealed)) });
}

/** @param {ForeignToken} token */
export function keyUri({ issuer, account, seed, shape: { type, period, digits, algorithm }, counter }) {
  const label = [issuer, account].map(encodeURIComponent).join(":");
  const moving = type === "totp" ? `period=${period}` : `counter=${counter}`;
  return `otpauth://${type}/${label}?secret=${base32(seed)}&issuer=${encodeURIComponent(issuer)}&algorithm=${algorithm}&digits=${digits}&${moving}`;
}

/** @param {any} file @param {string} passphrase @param {Stretch} stretch @returns {Promise<Contained>} */
async function opened({ argon2id, sealed }, passphrase, stretch) {
  const { memoryKib, passes, salt } = argon2id ?? {};
  const isBounded = isWithin(memoryKib, MAX_EFFORT.memoryKib) && isWithin(passes, MAX_EFFORT.passes);
  if (!isBounded) throw new Failure("file-damaged");
  const bytes = whole(() => unbase64(sealed));
  const key = await stretch(octets(passphrase), whole(() => unbase64(salt)), { memoryKib, passes });
  const plain = await decrypt(key, bytes.slice(0, NONCE_BYTES), bytes.slice(NONCE_BYTES));
  const lines = new TextDecoder().decode(plain).split("\n");
  // The terminal program saves those of each of its token servers.
  const moves = lines.filter(isMoves).map(readMoves);
  const links = lines.filter((line) => line !== "" && !isMoves(line));
  return contained(usable(links, parseKeyUri), await Promise.all(moves));
}

/** One spelling of what looks the same, whichever keyboard typed it. @param {string} passphrase @returns {Bytes} */
const octets = (passphrase) => utf8(passphrase.normalize("NFKC"));

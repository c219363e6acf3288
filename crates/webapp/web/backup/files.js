// Backups: this app's own, and those of Aegis and 2FAS, plain and encrypted.

import { Failure } from "../core/failure.js";
import { isAegis, openAegis } from "./aegis.js";
import { isOwn, openOwn } from "./own.js";
import { isTwoFas, openTwoFas } from "./two_fas.js";

/** @import { ForeignToken } from "../core/key_uri.js" */
/** @import { Stretch } from "../vault/keys.js" */
/** @import { Moves } from "./moves.js" */

/**
 * What a file holds: tokens of other issuers, and the right to move those of token servers.
 *
 * @typedef {{ tokens: ForeignToken[], unread: number, moves: Moves[] }} Contained `unread`: how many more
 *   tokens of other issuers, which cannot be used here; `moves`: one for each token server
 */

/** @typedef {(password: string) => Promise<Contained>} Opening */

/**
 * What a file is, before its password is known.
 *
 * @typedef {{ isEncrypted: boolean, open: Opening }} Backup `open` ignores the password of a plain one
 */

/** Several thousand tokens with their icons. */
export const MAX_FILE_BYTES = 16 << 20;

/** @param {string} text @param {Stretch} stretch @returns {Backup} */
export function backupOf(text, stretch) {
  const file = parsed(text);
  const kinds = [
    { is: isOwn, open: openOwn },
    { is: isAegis, open: openAegis },
    { is: isTwoFas, open: openTwoFas },
  ];
  const kind = kinds.find(({ is }) => is(file));
  if (!kind) throw new Failure("file-unknown");
  return kind.open(file, stretch);
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure("file-unknown", {}, cause);
  }
}

// What costs memory and time on purpose: Argon2id, and the scrypt of other apps' files.

import { argon2id } from "../vendor/noble-hashes/argon2.js";
import { scrypt } from "../vendor/noble-hashes/scrypt.js";

/** @import { Bytes } from "../core/bytes.js" */
/** @import { Effort, ScryptEffort } from "./keys.js" */

const BYTES = 32;

/** @param {Bytes} secret @param {Bytes} salt @param {Effort | ScryptEffort} effort @returns {Bytes} */
export function stretched(secret, salt, effort) {
  if ("n" in effort) return new Uint8Array(scrypt(secret, salt, { N: effort.n, r: effort.r, p: effort.p, dkLen: BYTES }));
  const { memoryKib: m, passes: t } = effort;
  return new Uint8Array(argon2id(secret, salt, { m, t, p: 1, dkLen: BYTES }));
}

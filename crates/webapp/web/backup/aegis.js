// Vaults of Aegis Authenticator: https://github.com/beemdevelopment/Aegis/blob/master/docs/vault.md

import { join, unbase64, unhex, utf8 } from "../core/bytes.js";
import { Failure } from "../core/failure.js";
import { contained, decrypt, foreignToken, isWithin, usable, whole } from "./read.js";

/** @import { Stretch } from "../vault/keys.js" */
/** @import { Backup } from "./files.js" */

const PASSWORD_SLOT = 1;
/**
 * The app writes n = 2^15, r = 8 and p = 1. scrypt takes 128 r (n + p) octets (RFC 7914): with few passes over small
 * blocks this much is 256 MiB.
 */
const MAX_N_R = 1 << 21;
const MAX_R = 32;
/** Each is another pass over all of it. */
const MAX_P = 4;
/** n r p of all slots of a file: 32 of the app's own, a few seconds. */
const MAX_WORK = 1 << 23;

/** @param {any} file */
export const isAegis = (file) => typeof file?.header === "object" && "db" in file;

/** @param {any} file @param {Stretch} stretch @returns {Backup} */
export function openAegis(file, stretch) {
  if (typeof file.db === "object") return { isEncrypted: false, open: async () => tokensOf(file.db) };
  return { isEncrypted: true, open: async (password) => tokensOf(await decrypted(file, password, stretch)) };
}

/** @param {any} file @param {string} password @param {Stretch} stretch */
async function decrypted({ header, db }, password, stretch) {
  const slots = whole(() => (header.slots ?? []).filter((/** @type {any} */ { type }) => type === PASSWORD_SLOT));
  // A wrong password tries them all.
  const work = slots.reduce((/** @type {number} */ sum, /** @type {any} */ slot) => sum + workOf(slot), 0);
  if (work > MAX_WORK) throw new Failure("file-damaged");
  for (const slot of slots) {
    const key = await masterKey(slot, password, stretch);
    if (!key) continue;
    const [nonce, sealed] = whole(() =>
      /** @type {const} */ ([unhex(header.params.nonce), join(unbase64(db), unhex(header.params.tag))]));
    const plain = await decrypt(key, nonce, sealed);
    return whole(() => JSON.parse(new TextDecoder().decode(plain)));
  }
  throw new Failure("file-password");
}

/** n r p, each of which is bounded. @param {any} slot @returns {number} */
function workOf({ n, r, p }) {
  const isBounded = isWithin(n, MAX_N_R) && isWithin(r, MAX_R) && isWithin(n * r, MAX_N_R) && isWithin(p, MAX_P);
  if (!isBounded || n < 2 || !Number.isInteger(Math.log2(n))) throw new Failure("file-damaged");
  return n * r * p;
}

/** @param {any} slot @param {string} password @param {Stretch} stretch */
async function masterKey({ n, r, p, salt, key, key_params }, password, stretch) {
  const [salted, nonce, sealed] = whole(() =>
    /** @type {const} */ ([unhex(salt), unhex(key_params.nonce), join(unhex(key), unhex(key_params.tag))]));
  const derived = await stretch(utf8(password), salted, { n, r, p });
  return decrypt(derived, nonce, sealed).catch(() => null);
}

/** @param {any} db */
const tokensOf = (db) =>
  contained(usable(whole(() => [...db.entries]), ({ type, name, issuer, info }) =>
    foreignToken({
      type,
      issuer,
      account: name,
      secret: info?.secret,
      algorithm: info?.algo,
      digits: info?.digits,
      period: info?.period,
      counter: info?.counter,
    }),
  ));

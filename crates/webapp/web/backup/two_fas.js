// Backups of 2FAS: JSON whose services stand in the open, or encrypted under PBKDF2-HMAC-SHA-256.

import { unbase64, utf8 } from "../core/bytes.js";
import { Failure } from "../core/failure.js";
import { contained, decrypt, foreignToken, usable, whole } from "./read.js";

/** @import { Bytes } from "../core/bytes.js" */
/** @import { Backup } from "./files.js" */

/** As the app writes them. */
const ITERATIONS = 10_000;

/** @param {any} file */
export const isTwoFas = (file) => Array.isArray(file?.services) && "schemaVersion" in file;

/** @param {any} file @returns {Backup} */
export function openTwoFas(file) {
  const sealed = file.servicesEncrypted;
  if (typeof sealed !== "string" || sealed === "") {
    return { isEncrypted: false, open: async () => tokensOf(file.services) };
  }
  return { isEncrypted: true, open: async (password) => tokensOf(await decrypted(sealed, password)) };
}

/** Ciphertext, salt and nonce in base64, with colons between them. @param {string} sealed @param {string} password */
async function decrypted(sealed, password) {
  const [ciphertext, salt, nonce] = whole(() => sealed.split(":").map(unbase64));
  if (!ciphertext || !salt || !nonce) throw new Failure("file-damaged");
  const plain = await decrypt(await derived(password, salt), nonce, ciphertext);
  return whole(() => JSON.parse(new TextDecoder().decode(plain)));
}

/** @param {string} password @param {Bytes} salt @returns {Promise<Bytes>} */
async function derived(password, salt) {
  const key = await crypto.subtle.importKey("raw", utf8(password), "PBKDF2", false, ["deriveBits"]);
  const algorithm = { name: "PBKDF2", hash: "SHA-256", salt, iterations: ITERATIONS };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 256));
}

/** @param {any} services */
const tokensOf = (services) =>
  contained(usable(whole(() => [...services]), ({ name, secret, otp }) =>
    foreignToken({
      type: otp?.tokenType ?? "TOTP",
      issuer: otp?.issuer || name,
      account: otp?.account ?? otp?.label,
      secret,
      algorithm: otp?.algorithm,
      digits: otp?.digits,
      period: otp?.period,
      counter: otp?.counter,
    }),
  ));

// The one way in which fields are put together before they are hashed, signed or bound to a ciphertext:
// `docs/protocol.md`, "Transcripts".

import { join, sha256, u16, utf8 } from "./bytes.js";

/** @import { Bytes } from "./bytes.js" */

/**
 * A label and fields, each behind its length in two octets.
 *
 * @param {string} label
 * @param {...Bytes} fields
 */
export const transcript = (label, ...fields) =>
  join(...[utf8(label), ...fields].flatMap((field) => [u16(field.length), field]));

/**
 * @param {Bytes} code the code's 8 octets
 * @param {Bytes | null} linkSecret 16 octets, or null for a typed code
 */
export const codeHash = (code, linkSecret) =>
  sha256(transcript("symbolon-code-v1", code, linkSecret ?? new Uint8Array(0)));

/**
 * What a device signs to take over a token.
 *
 * @param {{ server: string, nonce: Bytes, codeHash: Bytes, signing: Bytes, sealing: Bytes, version: string }} claim
 */
export const activation = ({ server, nonce, codeHash, signing, sealing, version }) =>
  transcript("symbolon-activation-v1", utf8(server), nonce, codeHash, signing, sealing, utf8(version));

/**
 * What a device signs when it has stored a token.
 *
 * @param {{ server: string, registrationId: string, token: string, answerHash: Bytes }} stored
 */
export const receipt = ({ server, registrationId, token, answerHash }) =>
  transcript("symbolon-receipt-v1", utf8(server), utf8(registrationId), utf8(token), answerHash);

/** @import { Shape } from "./otp.js" */

/** HPKE's `info` for a device. @param {string} server @param {string} registrationId */
export const seedInfo = (server, registrationId) =>
  transcript("symbolon-seed-v1", utf8(server), utf8(registrationId));

/** HPKE's `aad`. @param {string} token serial @param {Shape} shape */
export const tokenAad = (token, { type, period, digits, algorithm }) =>
  transcript(
    "symbolon-token-v1",
    ...[token, type, String(period), String(digits), algorithm].map(utf8),
  );

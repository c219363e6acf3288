// The right to move a token server's tokens, as a line of a backup: `docs/app.md`, "A backup". It makes no code and
// answers no push.

import { base64, base64url, unbase64, unbase64url } from "../core/bytes.js";
import { delegate, wisherOf } from "../core/delegation.js";
import { registrationIdOf } from "../core/device.js";
import { hmacKey, transferKeyBytes } from "../core/token_key.js";
import { damaged } from "./read.js";

/** @import { Bytes } from "../core/bytes.js" */
/** @import { Wisher } from "../core/delegation.js" */
/** @import { Device } from "../core/device.js" */

/** No link begins like it. */
const PREFIX = "symbolon-moves-v1:";

/**
 * @typedef {{ serial: string, name: string, key: CryptoKey }} Movable
 * @typedef {{ server: string, wisher: Wisher, tokens: Movable[] }} Moves `server`: as devices sign it
 */

/** @param {string} line */
export const isMoves = (line) => line.startsWith(PREFIX);

/**
 * @param {Device} device
 * @param {string} origin the token server's
 * @param {readonly { serial: string, name: string, seed: Bytes }[]} tokens
 * @returns {Promise<string>} a line
 */
export async function movesLine(device, origin, tokens) {
  const { pkcs8, signature } = await delegate(device);
  const saved = tokens.map(async ({ serial, name, seed }) => {
    const key = await transferKeyBytes(seed, serial);
    return { serial, name, transfer_key: base64(key) };
  });
  const moves = {
    // The browser judged its certificate, and knows no other reason to trust it.
    server: { url: origin, pin: null, authorities: [] },
    device: { signing_key: base64url(device.signing), sealing_key: base64url(device.sealing) },
    signing_key: base64(pkcs8),
    delegation: base64url(signature),
    tokens: await Promise.all(saved),
  };
  return PREFIX + JSON.stringify(moves);
}

/** @param {string} line what {@link movesLine}, or the terminal program, wrote @returns {Promise<Moves>} */
export async function readMoves(line) {
  try {
    return await read(line);
  } catch (cause) {
    throw damaged(cause);
  }
}

/** @param {string} line @returns {Promise<Moves>} */
async function read(line) {
  const { server, device, signing_key, delegation, tokens } = JSON.parse(line.slice(PREFIX.length));
  const [signing, sealing] = [unbase64url(device.signing_key, 65), unbase64url(device.sealing_key, 65)];
  const registrationId = await registrationIdOf(signing, sealing);
  const saved = { pkcs8: unbase64(signing_key), signature: unbase64url(delegation, 64) };
  const movable = async (/** @type {Record<string, string>} */ { serial, name, transfer_key }) => {
    const key = await hmacKey(unbase64(String(transfer_key)));
    return { serial: String(serial), name: String(name), key };
  };
  return {
    server: new URL(server.url).host,
    wisher: await wisherOf({ registrationId, signing, sealing }, saved),
    tokens: await Promise.all(tokens.map(movable)),
  };
}

// The phone's own lock: a passkey whose PRF extension (WebAuthn Level 3, section 10.1.4) gives 32 octets
// that only a verified person gets out of it.

import { random, utf8 } from "../core/bytes.js";
import { Failure } from "../core/failure.js";

/** @import { Bytes } from "../core/bytes.js" */

/** @typedef {{ id: Bytes, salt: Bytes }} Passkey which one, and what its function is applied to */

const SALT_BYTES = 32;
const ES256 = -7;
const RS256 = -257;

/** Whether this device has a lock of its own that pages may ask. */
export const isOffered = async () =>
  (await globalThis.PublicKeyCredential?.isUserVerifyingPlatformAuthenticatorAvailable?.().catch(() => false)) ?? false;

/** Makes a passkey on this device. @returns {Promise<Passkey>} */
export async function makePasskey() {
  const credential = await asked(() =>
    navigator.credentials.create({
      publicKey: {
        challenge: random(32),
        rp: { name: "Symbolon" },
        user: { id: random(16), name: "Symbolon", displayName: "Symbolon" },
        pubKeyCredParams: [ES256, RS256].map((alg) => ({ type: "public-key", alg })),
        authenticatorSelection: { authenticatorAttachment: "platform", userVerification: "required" },
        extensions: { prf: {} },
      },
    }),
  );
  if (!credential.getClientExtensionResults().prf?.enabled) throw new Failure("passkey-unsupported");
  return { id: new Uint8Array(credential.rawId), salt: random(SALT_BYTES) };
}

/** Has the person verified by the device. @param {Passkey} passkey @returns {Promise<Bytes>} 32 octets, always the same */
export async function passkeySecret({ id, salt }) {
  const credential = await asked(() =>
    navigator.credentials.get({
      publicKey: {
        // Nobody verifies the signature: what opens the vault is the output of the function.
        challenge: utf8("symbolon-vault-v1"),
        allowCredentials: [{ type: "public-key", id }],
        userVerification: "required",
        extensions: { prf: { eval: { first: salt } } },
      },
    }),
  );
  const first = credential.getClientExtensionResults().prf?.results?.first;
  if (!(first instanceof ArrayBuffer)) throw new Failure("passkey-unsupported");
  return new Uint8Array(first);
}

/** @param {() => Promise<Credential | null>} ask @returns {Promise<PublicKeyCredential>} */
async function asked(ask) {
  try {
    return /** @type {PublicKeyCredential} */ (await ask());
  } catch (cause) {
    throw new Failure("passkey-refused", {}, cause);
  }
}

// The vectors that the registry's own code is tested against.

import { createECDH, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { base64url, unhex } from "../web/core/bytes.js";
import { Device } from "../web/core/device.js";

/** @import { Bytes } from "../web/core/bytes.js" */

const PATH = "../../softtoken/tests/vectors/device.json";

/**
 * @typedef {Record<string, string> & { input: Record<string, string> & { period: number, digits: number,
 *   type: "totp", algorithm: "SHA1" | "SHA256" | "SHA512" } }} Vector
 */

/** @type {Vector[]} */
export const vectors = JSON.parse(readFileSync(new URL(PATH, import.meta.url), "utf8"));

/** @param {Vector} vector @param {string} name @returns {Bytes} */
export const octets = (vector, name) => unhex(vector[name] ?? vector.input[name] ?? "absent");

/** The vector's device with keys that cannot be extracted. @param {Vector} vector */
export async function deviceOf(vector) {
  const [signing, sealing] = await Promise.all([
    pair(octets(vector, "signing_private"), { name: "ECDSA", namedCurve: "P-256" }, ["sign"], ["verify"]),
    pair(octets(vector, "sealing_private"), { name: "ECDH", namedCurve: "P-256" }, ["deriveBits"], []),
  ]);
  return Device.of({ signing, sealing });
}

/**
 * @param {Bytes} scalar
 * @param {EcKeyImportParams} algorithm
 * @param {KeyUsage[]} privateUsages
 * @param {KeyUsage[]} publicUsages
 */
export async function pair(scalar, algorithm, privateUsages, publicUsages) {
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(scalar);
  const point = new Uint8Array(ecdh.getPublicKey());
  const x = base64url(point.slice(1, 33));
  const y = base64url(point.slice(33));
  const jwk = { kty: "EC", crv: "P-256", d: base64url(scalar), x, y };
  return {
    privateKey: await webcrypto.subtle.importKey("jwk", jwk, algorithm, false, privateUsages),
    publicKey: await webcrypto.subtle.importKey("raw", point, algorithm, true, publicUsages),
  };
}

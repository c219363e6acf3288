import assert from "node:assert/strict";
import { test } from "node:test";
import * as transcript from "../web/core/transcript.js";
import { hex, sha256, unhex } from "../web/core/bytes.js";
import { Device, generateKeys } from "../web/core/device.js";
import { deviceOf, octets, vectors } from "./vectors.js";

/** @import { Vector } from "./vectors.js" */

/** @param {Vector} vector @param {string} name */
const field = (vector, name) => vector.input[name] ?? vector[name] ?? "absent";

/** @param {Vector} vector */
const shapeOf = ({ input: { type, period, digits, algorithm } }) => ({ type, period, digits, algorithm });

for (const vector of vectors) {
  const server = field(vector, "server");

  test(`a device is named by its keys (${server})`, async () => {
    const device = await deviceOf(vector);
    assert.equal(device.registrationId, vector["registration_id"]);
    assert.equal(hex(device.signing), vector["signing_public"]);
    assert.equal(hex(device.sealing), vector["sealing_public"]);
  });

  test(`transcripts are the registry's (${server})`, async () => {
    const secret = octets(vector, "link_secret");
    const codeHash = await transcript.codeHash(octets(vector, "code"), secret.length > 0 ? secret : null);
    assert.equal(hex(codeHash), vector["code_hash"]);
    const claim = {
      server,
      nonce: octets(vector, "nonce"),
      codeHash,
      signing: octets(vector, "signing_public"),
      sealing: octets(vector, "sealing_public"),
      version: field(vector, "version"),
    };
    assert.equal(hex(transcript.activation(claim)), vector["activation_transcript"]);
    const stored = {
      server,
      registrationId: field(vector, "registration_id"),
      token: field(vector, "token"),
      answerHash: await sha256(octets(vector, "sealed_seed")),
    };
    assert.equal(hex(stored.answerHash), vector["answer_hash"]);
    assert.equal(hex(transcript.receipt(stored)), vector["receipt_transcript"]);
  });

  test(`a sealed seed opens on its device alone (${server})`, async () => {
    const device = await deviceOf(vector);
    const [token, shape, sealed] = [field(vector, "token"), shapeOf(vector), octets(vector, "sealed_seed")];
    assert.equal(hex(await device.openSeed(server, token, shape, sealed)), vector.input["seed"]);
    const other = await Device.of(await generateKeys());
    const closed = { kind: "seal" };
    await assert.rejects(other.openSeed(server, token, shape, sealed), closed);
    await assert.rejects(device.openSeed("elsewhere.example.org", token, shape, sealed), closed);
    await assert.rejects(device.openSeed(server, "FTKMOB0000000000", shape, sealed), closed);
    await assert.rejects(device.openSeed(server, token, { ...shape, digits: 7 }, sealed), closed);
    await assert.rejects(device.openSeed(server, token, shape, sealed.slice(0, 80)), closed);
  });

  test(`signatures verify under the device's key (${server})`, async () => {
    const device = await deviceOf(vector);
    const secret = octets(vector, "link_secret");
    const order = {
      server,
      nonce: octets(vector, "nonce"),
      code: octets(vector, "code"),
      linkSecret: secret.length > 0 ? secret : null,
      version: field(vector, "version"),
    };
    const claimed = await device.signActivation(order);
    assert.ok(await verifies(device, claimed, octets(vector, "activation_transcript")));
    assert.ok(await verifies(device, octets(vector, "activation_signature"), octets(vector, "activation_transcript")));
    const answerHash = octets(vector, "answer_hash");
    const received = await device.signReceipt({ server, token: field(vector, "token"), answerHash });
    assert.ok(await verifies(device, received, octets(vector, "receipt_transcript")));
    assert.ok(!(await verifies(device, received, octets(vector, "activation_transcript"))));
  });
}

test("private keys cannot be extracted", async () => {
  const { signing, sealing } = await generateKeys();
  for (const { privateKey } of [signing, sealing]) {
    await assert.rejects(crypto.subtle.exportKey("pkcs8", privateKey), { name: /^InvalidAccess/ });
  }
});

test("octets read only what an encoder writes", async () => {
  const { base32, base64url, unbase32, unbase64url } = await import("../web/core/bytes.js");
  for (const length of [0, 1, 2, 3, 4, 5, 10, 16, 20, 33]) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 37 + 250) & 255);
    assert.deepEqual(unbase32(base32(bytes)), bytes);
    assert.deepEqual(unbase64url(base64url(bytes)), bytes);
    assert.deepEqual(unhex(hex(bytes)), bytes);
  }
  for (const wrong of ["AB", "A", "a", "AAAAAAA1", "AAA"]) {
    assert.throws(() => unbase32(wrong), { kind: "encoding" }, wrong);
  }
  for (const wrong of ["AB", "A", "AA==", "A+", "A A"]) {
    assert.throws(() => unbase64url(wrong), { kind: "encoding" }, wrong);
  }
});

/** @param {Device} device @param {Uint8Array<ArrayBuffer>} signature @param {Uint8Array<ArrayBuffer>} message */
const verifies = (device, signature, message) =>
  crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, device.keys.signing.publicKey, signature, message);

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { base64url, hex, unbase64url, unhex } from "../web/core/bytes.js";
import { delegationTranscript } from "../web/core/delegation.js";
import { Device, generateKeys } from "../web/core/device.js";
import { pushKey, transferKey } from "../web/core/token_key.js";
import { signedTranscript, wish, wishTranscript } from "../web/core/transfer.js";
import { emptyContents, owe, settled } from "../web/vault/contents.js";

/** @type {{ input: Record<string, string>, registration_id: string, delegation_transcript: string | null,
 *   wish_transcript: string, mac: string, signed_transcript: string, message: string, message_under_push_key: string }[]} */
const vectors = JSON.parse(
  readFileSync(new URL("../../softtoken/tests/vectors/transfer.json", import.meta.url), "utf8"),
);

const NONCE = base64url(new Uint8Array(32).fill(7));
const SERVER = "tokens.example.org";
const SERIAL = "FTKMOB83F91CD33B";
const TOKEN = { serial: SERIAL, key: await transferKey(new Uint8Array(20).fill(5), SERIAL) };

/** @param {string} type @param {object} fields */
const answer = (type, fields) =>
  JSON.stringify({ d: { __type: `SoftToken.${type}`, __version: "4", ...fields } });
const nonceAnswer = answer("TransferNonceResponse", { nonce: NONCE, cause: null, result: 2, error: null });

for (const { input, ...vector } of vectors) {
  const of = (/** @type {string} */ name) => input[name] ?? "absent";
  test(`a wish is what the gateway checks (${of("action")})`, async () => {
    const wished = wishTranscript({
      server: of("server"),
      token: of("token"),
      action: of("action"),
      nonce: unhex(of("nonce")),
      registrationId: vector.registration_id,
    });
    assert.equal(hex(wished), vector.wish_transcript);
    const [transfers, pushes] = await Promise.all([
      transferKey(unhex(of("seed")), of("token")),
      pushKey(unhex(of("seed")), of("token")),
    ]);
    const mac = new Uint8Array(await crypto.subtle.sign("HMAC", transfers, wished));
    assert.equal(hex(mac), vector.mac);
    assert.equal(hex(signedTranscript(wished, mac)), vector.signed_transcript);
    const { delegate_key } = JSON.parse(vector.message).d;
    const delegated = delegate_key && delegationTranscript(vector.registration_id, unbase64url(delegate_key));
    assert.equal(delegated && hex(delegated), vector.delegation_transcript);
    const isUnder = async (/** @type {CryptoKey} */ key, /** @type {string} */ message) =>
      crypto.subtle.verify("HMAC", key, unbase64url(JSON.parse(message).d.mac), wished);
    assert.equal(await isUnder(transfers, vector.message), true);
    assert.equal(await isUnder(pushes, vector.message), false);
    assert.equal(await isUnder(pushes, vector.message_under_push_key), true);
    assert.equal(await isUnder(transfers, vector.message_under_push_key), false);
  });
}

test("a wish is signed by its device", async () => {
  const device = await Device.of(await generateKeys());
  /** @type {string[]} */
  const asked = [];
  const ask = async (/** @type {string} */ message) => {
    asked.push(message);
    const standing = { state: "open", expires: 1_800_000_000, link: null, sent_to: "a***@example.org" };
    const body = asked.length === 1 ? nonceAnswer : answer("TransferActionResponse", { ...standing, cause: null, result: 2, error: null });
    return { body, dateS: null };
  };
  const standing = await wish(device, { name: SERVER, ask }, TOKEN, "begin-mailed");
  assert.deepEqual(standing, { state: "open", expiresS: 1_800_000_000, link: null, sentTo: "a***@example.org" });
  const sent = JSON.parse(asked[1] ?? "").d;
  assert.equal(sent.server, SERVER);
  assert.equal(sent.nonce, NONCE);
  assert.equal(sent.signing_key, base64url(device.signing));
  assert.deepEqual([sent.delegate_key, sent.delegation], [null, null]);
});

test("symptom 27: a refusal says what is missing, and a token that is elsewhere is told apart", async () => {
  const device = await Device.of(await generateKeys());
  const refusing = (/** @type {number} */ code, /** @type {string | null} */ cause) => {
    let asked = 0;
    return async () => {
      asked += 1;
      const error = { error_code: code, error_message: "no valid token found" };
      const nothing = { state: null, expires: null, link: null, sent_to: null };
      const body = asked === 1 ? nonceAnswer : answer("TransferActionResponse", { ...nothing, cause, result: 0, error });
      return { body, dateS: null };
    };
  };
  const expected = { kind: "not-moved", facts: { code: 17, message: "no valid token found", cause: "it is off" } };
  await assert.rejects(wish(device, { name: SERVER, ask: refusing(17, "it is off") }, TOKEN, "look"), expected);
  assert.equal(await wish(device, { name: SERVER, ask: refusing(118, null) }, TOKEN, "look"), "moved");
});

const owed = (/** @type {number} */ byte, token = TOKEN.serial) => ({
  token,
  answerHash: new Uint8Array(32).fill(byte),
  server: "tokens.example.org",
});

test("a token that came again owes its last receipt alone", () => {
  const before = owe(emptyContents(4), owed(1));
  const again = owe(before, owed(2));
  assert.deepEqual(again.owed, [owed(2)]);
  assert.deepEqual(settled(again, owed(1), "refused"), again);
  assert.deepEqual(owe(before, owed(2, "FTKMOB0000000002")).owed.length, 2);
});

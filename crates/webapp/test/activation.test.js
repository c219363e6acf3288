import assert from "node:assert/strict";
import { test } from "node:test";
import { claim, settle } from "../web/core/activation.js";
import { registryAt } from "../web/core/registry.js";
import { hex } from "../web/core/bytes.js";
import { deviceOf, octets, vectors } from "./vectors.js";

const NOW_S = 1_700_000_000;
const vector = vectors[1] ?? assert.fail("no second vector");
const { input } = vector;
const nowS = () => NOW_S;
const order = { code: octets(vector, "code"), linkSecret: octets(vector, "link_secret") };

const base64url = (/** @type {string} */ name) => Buffer.from(octets(vector, name)).toString("base64url");

const served = { result: 2, error: null };

const nonceAnswer = { nonce: base64url("nonce"), ...served };

const token = {
  token: input["token"],
  registration_id: vector["registration_id"],
  sealed_seed: base64url("sealed_seed"),
  type: input.type,
  period: input.period,
  digits: input.digits,
  algorithm: input.algorithm,
  issuer: "Universität Beispiel",
  require_pin: "require",
  pin_length: 6,
  ...served,
};

/** @param {number} code @param {string} message */
const refusal = (code, message) => ({
  ...Object.fromEntries(Object.keys(token).map((name) => [name, null])),
  result: 0,
  error: { error_code: code, error_message: message },
});

/** @typedef {{ fields: object, dateS?: number }} Scripted */

/** A registry that answers from a script, by the type of the request. @param {Record<string, Scripted>} script */
function scripted(script) {
  /** @type {Record<string, unknown>[]} */
  const heard = [];
  return {
    heard,
    name: input["server"] ?? "",
    /** @param {string} message */
    ask: async (message) => {
      const { d } = JSON.parse(message);
      heard.push(d);
      const type = d.__type.replace("SoftToken.", "").replace("Request", "Response");
      const { fields, dateS = NOW_S } = script[type] ?? assert.fail(`asked for ${type}`);
      return { body: JSON.stringify({ d: { __type: `SoftToken.${type}`, __version: "4", ...fields } }), dateS };
    },
  };
}

test("an activation brings the seed that was sealed to this device", async () => {
  const device = await deviceOf(vector);
  const server = scripted({
    MobileNonceResponse: { fields: nonceAnswer },
    MobileProvisionResponse: { fields: token },
    MobileReceiptResponse: { fields: served },
  });
  const arrived = await claim(device, server, order, nowS);
  assert.equal(hex(arrived.seed), input["seed"]);
  assert.equal(arrived.serial, input["token"]);
  assert.equal(arrived.issuer, "Universität Beispiel");
  assert.deepEqual(arrived.pinPolicy, { requirement: "require", digits: 6 });
  assert.equal(hex(arrived.owed.answerHash), vector["answer_hash"]);
  assert.equal(await settle(device, server.ask, arrived.owed), "confirmed");
  assert.deepEqual(
    server.heard.map((message) => [message["__type"], message["token_activation_code"], message["link_secret"]]),
    [
      ["SoftToken.MobileNonceRequest", undefined, undefined],
      ["SoftToken.MobileProvisionRequest", "4ad498cc89189c8c", "4HROHZHF43T6R2PK5PWO33XP6A"],
      ["SoftToken.MobileReceiptRequest", undefined, undefined],
    ],
  );
  assert.equal(server.heard[1]?.["nonce"], base64url("nonce"));
});

test("a refusal keeps the registry's number and words", async () => {
  const device = await deviceOf(vector);
  const known = /** @type {const} */ ([
    [101, "FTM Server: Token code doesn't exist"],
    [102, "FortiCare : provision code not exist"],
    [103, "Failed. Forticare: FTM token Activation Code is invalid"],
  ]);
  for (const [code, message] of known) {
    const server = scripted({
      MobileNonceResponse: { fields: nonceAnswer },
      MobileProvisionResponse: { fields: refusal(code, message) },
    });
    const refused = { kind: "refused", facts: { code, message } };
    await assert.rejects(claim(device, server, order, nowS), refused);
  }
});

test("a wrong clock is found before the code is shown to anybody", async () => {
  const device = await deviceOf(vector);
  const server = scripted({ MobileNonceResponse: { fields: nonceAnswer, dateS: NOW_S + 900 } });
  await assert.rejects(claim(device, server, order, nowS), { kind: "clock", facts: { offsetS: -900 } });
  assert.equal(server.heard.length, 1);
});

test("answers are read strictly", async () => {
  const device = await deviceOf(vector);
  /** @type {[object, string][]} */
  const wrong = [
    [{ ...token, more: 1 }, "fields"],
    [{ ...token, digits: 5 }, "digits"],
    [{ ...token, digits: "6" }, "digits"],
    [{ ...token, period: 0 }, "period"],
    [{ ...token, type: "motp" }, "type"],
    [{ ...token, algorithm: "MD5" }, "algorithm"],
    [{ ...token, sealed_seed: "AAAA" }, "sealed_seed"],
    [{ ...token, token: "FTKMOB" }, "token"],
    [{ ...token, pin_length: 5 }, "pin_length"],
    [{ ...token, require_pin: "no" }, "require_pin"],
    [{ ...token, issuer: "" }, "issuer"],
    [{ ...token, result: 0 }, "result"],
    [{ ...token, registration_id: "00" }, "registration_id"],
  ];
  for (const [fields, field] of wrong) {
    const server = scripted({
      MobileNonceResponse: { fields: nonceAnswer },
      MobileProvisionResponse: { fields },
    });
    await assert.rejects(claim(device, server, order, nowS), { kind: "server-message", facts: { field } });
  }
});

test("what was sealed for another device is refused", async () => {
  const device = await deviceOf(vectors[0] ?? vector);
  const server = scripted({
    MobileNonceResponse: { fields: nonceAnswer },
    MobileProvisionResponse: { fields: token },
  });
  await assert.rejects(claim(device, server, order, nowS), { kind: "seal" });
});

test("a receipt stays owed while nobody answers it, or says that it is for later", async () => {
  const device = await deviceOf(vector);
  const owed = { token: input["token"] ?? "", answerHash: octets(vector, "answer_hash"), server: "x" };
  const silent = registryAt("https://tokens.example.org", () => Promise.reject(new TypeError("fetch failed")));
  assert.equal(await settle(device, silent, owed), "owed");
  const busy = registryAt("https://tokens.example.org", async () => new Response("", { status: 503 }));
  assert.equal(await settle(device, busy, owed), "owed");
  for (const [code, state] of /** @type {const} */ ([[122, "owed"], [105, "refused"]])) {
    const { ask } = scripted({
      MobileReceiptResponse: { fields: { result: 0, error: { error_code: code, error_message: "no" } } },
    });
    assert.equal(await settle(device, ask, owed), state);
  }
});

test("the registry's clock is read from the Date header", async () => {
  const headers = { Date: "Tue, 14 Nov 2023 22:13:20 GMT" };
  const ask = registryAt("https://tokens.example.org", async () => new Response("{}", { headers }));
  assert.deepEqual(await ask("{}"), { body: "{}", dateS: NOW_S });
  const closed = registryAt("https://tokens.example.org", async () => new Response("", { status: 503 }));
  await assert.rejects(closed("{}"), { kind: "server-status", facts: { status: 503 } });
});

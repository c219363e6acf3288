import assert from "node:assert/strict";
import { test } from "node:test";
import { code, remainingS, stepAt } from "../web/core/otp.js";
import { utf8 } from "../web/core/bytes.js";

/** @import { Algorithm } from "../web/core/otp.js" */

test("codes by counter are those of RFC 4226, appendix D", async () => {
  const seed = utf8("12345678901234567890");
  const expected = "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489".split(" ");
  const shape = { type: /** @type {const} */ ("hotp"), period: 0, digits: 6, algorithm: /** @type {const} */ ("SHA1") };
  for (const [counter, digits] of expected.entries()) {
    assert.equal(await code(seed, shape, counter), digits);
  }
  await assert.rejects(code(seed, shape, Number.MAX_SAFE_INTEGER + 1), { kind: "counter-spent" });
});

test("codes by time are those of RFC 6238, appendix B", async () => {
  /** @type {[Algorithm, string][]} */
  const seeds = [
    ["SHA1", "12345678901234567890"],
    ["SHA256", "12345678901234567890123456789012"],
    ["SHA512", "1234567890123456789012345678901234567890123456789012345678901234"],
  ];
  /** @type {[number, string[]][]} */
  const rows = [
    [59, ["94287082", "46119246", "90693936"]],
    [1_111_111_109, ["07081804", "68084774", "25091201"]],
    [1_111_111_111, ["14050471", "67062674", "99943326"]],
    [1_234_567_890, ["89005924", "91819424", "93441116"]],
    [2_000_000_000, ["69279037", "90698825", "38618901"]],
    [20_000_000_000, ["65353130", "77737706", "47863826"]],
  ];
  for (const [nowS, expected] of rows) {
    for (const [index, [algorithm, seed]] of seeds.entries()) {
      const shape = { type: /** @type {const} */ ("totp"), period: 30, digits: 8, algorithm };
      assert.equal(await code(utf8(seed), shape, stepAt(shape, nowS)), expected[index]);
    }
  }
});

test("a code stays to the end of its period", () => {
  const shape = { type: /** @type {const} */ ("totp"), period: 60, digits: 6, algorithm: /** @type {const} */ ("SHA1") };
  assert.deepEqual([0, 1, 59, 60].map((nowS) => remainingS(shape, nowS)), [60, 59, 1, 60]);
  assert.deepEqual([59, 60, 119].map((nowS) => stepAt(shape, nowS)), [0, 1, 1]);
});

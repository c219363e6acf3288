import assert from "node:assert/strict";
import { test } from "node:test";
import { grouped, parseActivationCode } from "../web/core/code.js";
import { parseActivationLink } from "../web/core/link.js";
import { hex } from "../web/core/bytes.js";

const LINK =
  "symbolon://activate?v=1&c=EEIMCUO6X6DF4BL3&k=4HROHZHF43T6R2PK5PWO33XP6A" +
  "&s=https://tokens.example.org:8443&p=ERERERERERERERERERERERERERERERERERERERERERE";

test("activation codes read as they are typed", () => {
  const known = [
    ["EEIOHIDHBXN5QLXV", "e3a0670ddbd82ef5"],
    ["eeim cuo6-x6df 4bl3", "c151debf865e057b"],
    ["EEIOR3FCE7CLWEUU", "e8eca227c4bb1294"],
    ["EEAEVVEYZSERRHEM", "4ad498cc89189c8c"],
  ];
  for (const [typed = "", opaque] of known) assert.equal(hex(parseActivationCode(typed)), opaque);
  assert.equal(grouped("eeimcuo6x6df4bl3"), "EEIM CUO6 X6DF 4BL3");
});

test("what is no activation code says why", () => {
  /** @type {[string, object][]} */
  const wrong = [
    ["EEIMCUO6X6DF4BL", { kind: "code-length", facts: { got: 15, want: 16 } }],
    ["EEIMCUO6X6DF4BL33", { kind: "code-length", facts: { got: 17, want: 16 } }],
    ["EEIMCUO6X6DF4BL1", { kind: "code-character", facts: { found: "1" } }],
    ["AAAMCUO6X6DF4BL3", { kind: "code-header" }],
    ["", { kind: "code-length", facts: { got: 0, want: 16 } }],
  ];
  for (const [typed, failure] of wrong) assert.throws(() => parseActivationCode(typed), failure, typed);
});

test("an activation link has code, secret and server", () => {
  const link = parseActivationLink(LINK);
  assert.equal(hex(link.code), "c151debf865e057b");
  assert.equal(hex(link.secret), "e1e2e3e4e5e6e7e8e9eaebecedeeeff0");
  assert.equal(link.server, "tokens.example.org:8443");
});

test("a link names its server as devices sign it", () => {
  const at = (/** @type {string} */ address) =>
    parseActivationLink(LINK.replace("https://tokens.example.org:8443", address)).server;
  assert.equal(at("https://Tokens.Example.ORG"), "tokens.example.org");
  assert.equal(at("https://tokens.example.org:443"), "tokens.example.org");
  assert.equal(at("https%3A%2F%2Ftokens.example.org"), "tokens.example.org");
  assert.equal(at("https://%5B2001:db8::1%5D:8443"), "[2001:db8::1]:8443");
});

test("a link that is not whole is refused, and says where", () => {
  /** @type {[string, object][]} */
  const wrong = [
    ["https://example.org", { kind: "link-unknown" }],
    [LINK.replace("&k=", "&x="), { kind: "link-unknown" }],
    [`${LINK}&v=1`, { kind: "link-part", facts: { part: "v" } }],
    [LINK.replace("v=1", "v=2"), { kind: "link-part", facts: { part: "v" } }],
    [LINK.replace("4BL3", "4BL"), { kind: "link-part", facts: { part: "c" } }],
    [LINK.replace("XP6A", "XP6"), { kind: "link-part", facts: { part: "k" } }],
    [LINK.replace("https://", "http://"), { kind: "link-part", facts: { part: "s" } }],
    [LINK.replace(":8443", ":8443/path"), { kind: "link-part", facts: { part: "s" } }],
    [LINK.replace("//tokens", "//user@tokens"), { kind: "link-part", facts: { part: "s" } }],
    [LINK.slice(0, -1), { kind: "link-part", facts: { part: "p" } }],
    [LINK.slice(0, LINK.indexOf("&p=")), { kind: "link-part", facts: { part: "p" } }],
    [LINK + "A".repeat(400), { kind: "link-too-long" }],
  ];
  for (const [text, failure] of wrong) assert.throws(() => parseActivationLink(text), failure, text);
});

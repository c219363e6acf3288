import assert from "node:assert/strict";
import { hkdfSync } from "node:crypto";
import { test } from "node:test";
import { argon2id } from "../web/vendor/noble-hashes/argon2.js";
import { add, advance, allowsPasskey, emptyContents, freeName, move, newId, rename, search } from "../web/vault/contents.js";
import { vaultKey } from "../web/vault/keys.js";
import { MAX_TRIES, Safe, parsePin } from "../web/vault/vault.js";
import { hex, unhex, utf8 } from "../web/core/bytes.js";
import { CHEAP, memory, stretch } from "./memory.js";

/** @import { Contents, Token } from "../web/vault/contents.js" */

/** @param {Partial<Token>} [changes] @returns {Token} */
const token = (changes) => ({
  id: newId(),
  name: "Work",
  issuer: "Example Ltd",
  account: "",
  serial: "FTKMOB83F91CD33B",
  server: "tokens.example.org",
  pinPolicy: { requirement: "require", digits: 4 },
  seed: utf8("12345678901234567890"),
  shape: { type: "totp", period: 60, digits: 6, algorithm: "SHA1" },
  counter: 0,
  addedS: 1_700_000_000,
  ...changes,
});

const insisting = () => token({ pinPolicy: { requirement: "enforce", digits: 6 } });

/** @param {Contents} contents */
const names = ({ tokens }) => tokens.map(({ name }) => name);

test("Argon2id is that of RFC 9106 in one lane", () => {
  // Made by the reference implementation: `printf 12345678 | argon2 somesaltsomesalt -id -k 64 -t 3 -p 1 -l 32 -r`.
  const tag = argon2id("12345678", "somesaltsomesalt", { m: 64, t: 3, p: 1, dkLen: 32 });
  assert.equal(hex(new Uint8Array(tag)), "63f1bbb756ff2c9cf89c5e160453f51c87318607a3dc2f321fc6d5dd52a79b5e");
});

test("the vault's key is HKDF over the stretched PIN", async () => {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const secret = await crypto.subtle.importKey("raw", unhex("07".repeat(32)), hmac, false, ["sign"]);
  const stretched = unhex("0b".repeat(32));
  const key = await vaultKey(secret, stretched, "pin");
  const expected = hkdfSync("sha256", stretched, unhex("07".repeat(32)), "symbolon-vault-v1", 32);
  const same = await crypto.subtle.importKey("raw", expected, "AES-GCM", false, ["decrypt"]);
  const inner = await crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt"]);
  const options = { name: "AES-GCM", iv: new Uint8Array(12) };
  const wrapped = await crypto.subtle.wrapKey("raw", inner, key, options);
  const opened = await crypto.subtle.decrypt(options, same, wrapped);
  assert.deepEqual(opened, await crypto.subtle.exportKey("raw", inner));
});

test("a vault opens with its PIN and holds what was put in", async () => {
  const store = memory();
  const vault = await new Safe(store, stretch, CHEAP).create("1234");
  await vault.change((contents) => add(contents, token()));
  const again = await new Safe(store, stretch).open("1234");
  assert.deepEqual(again.contents, vault.contents);
  assert.ok(!JSON.stringify([...store.records]).includes("Example Ltd"));
});

test("a vault is not replaced without its PIN", async () => {
  const store = memory();
  const vault = await new Safe(store, stretch, CHEAP).create("1234");
  await vault.change((contents) => add(contents, token()));
  const safe = new Safe(store, stretch, CHEAP);
  await assert.rejects(safe.open("0000"), { kind: "pin-wrong" });
  await assert.rejects(safe.create("9999"), { kind: "locked" });
  assert.equal(await safe.triesLeft(), MAX_TRIES - 1);
  assert.deepEqual((await safe.open("1234")).contents, vault.contents);
});

test("a vault opens with the new PIN alone after a change", async () => {
  const store = memory();
  const vault = await new Safe(store, stretch, CHEAP).create("1234");
  await vault.changePin("654321");
  const safe = new Safe(store, stretch);
  await assert.rejects(safe.open("1234"), { kind: "pin-wrong", facts: { left: 9 } });
  assert.equal((await safe.open("654321")).contents.pinDigits, 6);
});

test("changes that are asked for at once are all kept", async () => {
  const store = memory();
  const safe = new Safe(store, stretch, CHEAP);
  const vault = await safe.create("1234");
  await vault.change((contents) => add(contents, token({ id: "a", counter: 0 })));
  const asked = [
    vault.change((contents) => advance(contents, "a")),
    vault.changePin("654321"),
    vault.change(() => assert.fail("this one fails")),
    vault.change((contents) => rename(contents, "a", "VPN")),
    vault.change((contents) => advance(contents, "a")),
  ];
  const ends = await Promise.allSettled(asked);
  assert.deepEqual(ends.map(({ status }) => status), ["fulfilled", "fulfilled", "rejected", "fulfilled", "fulfilled"]);
  const { contents } = await safe.open("654321");
  assert.deepEqual(contents, vault.contents);
  assert.deepEqual(contents.tokens.map(({ name, counter }) => [name, counter]), [["VPN", 2]]);
  assert.equal(contents.pinDigits, 6);
});

test("a vault that is opened anew has what was being stored", async () => {
  const store = memory();
  const slow = {
    ...store,
    put: async (/** @type {Record<string, unknown>} */ records) => {
      if ("contents" in records) await new Promise((resolve) => setTimeout(resolve, 100));
      await store.put(records);
    },
  };
  const safe = new Safe(slow, stretch, CHEAP);
  const vault = await safe.create("1234");
  const stored = vault.change((contents) => add(contents, token()));
  assert.deepEqual(names((await safe.open("1234")).contents), ["Work"]);
  await stored;
});

test("what one opened vault stores the other does not undo", async () => {
  const safe = new Safe(memory(), stretch, CHEAP);
  const before = await safe.create("1234");
  const opened = await safe.open("1234");
  await before.change((contents) => add(contents, token()));
  await opened.change((contents) => add(contents, token({ id: "b", serial: "FTKMOB0000000001", name: "VPN" })));
  await before.changePin("654321");
  assert.deepEqual(names((await safe.open("654321")).contents), ["Work", "VPN"]);
  await before.change((contents) => add(contents, ({ ...insisting(), id: "c", serial: "FTKMOB0000000002", name: "Bank" })));
  const passkey = { id: utf8("credential"), salt: utf8("salt") };
  await assert.rejects(opened.addPasskey(passkey, unhex("0c".repeat(32))), { kind: "passkey-forbidden" });
});

test("nothing that was being stored outlives the vault", async () => {
  const store = memory();
  const safe = new Safe(store, stretch, CHEAP);
  const vault = await safe.create("1234");
  const stored = vault.change((contents) => add(contents, token()));
  await safe.wipe();
  await stored;
  assert.deepEqual([...store.records], []);
});

test("symptom 22: ten wrong PINs in a row destroy everything", async () => {
  const store = memory();
  const safe = new Safe(store, stretch, CHEAP);
  await safe.device();
  await safe.create("1234");
  for (let left = MAX_TRIES - 1; left > 0; left -= 1) {
    await assert.rejects(safe.open("0000"), { kind: "pin-wrong", facts: { left } });
  }
  await assert.rejects(safe.open("0000"), { kind: "wiped" });
  assert.deepEqual([...store.records], []);
  assert.equal(await safe.hasVault(), false);
});

test("wrong PINs that are tried at once are all counted", async () => {
  const safe = new Safe(memory(), stretch, CHEAP);
  await safe.create("1234");
  const tried = await Promise.allSettled(Array.from({ length: 4 }, () => safe.open("0000")));
  assert.deepEqual(tried.map(({ status }) => status), ["rejected", "rejected", "rejected", "rejected"]);
  assert.equal(await safe.triesLeft(), MAX_TRIES - 4);
});

test("the right PIN begins the count anew", async () => {
  const safe = new Safe(memory(), stretch, CHEAP);
  await safe.create("1234");
  for (let round = 0; round < 3; round += 1) {
    for (let wrong = 0; wrong < MAX_TRIES - 1; wrong += 1) {
      await assert.rejects(safe.open("0000"), { kind: "pin-wrong" });
    }
    await safe.open("1234");
  }
});

test("a page that ends while it looks at a PIN has used up its try", async () => {
  const store = memory();
  await new Safe(store, stretch, CHEAP).create("1234");
  const killed = new Safe(store, () => Promise.reject(new Error("the page was closed")));
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    await assert.rejects(killed.open("0000"), /the page was closed/);
  }
  await assert.rejects(new Safe(store, stretch).open("1234"), { kind: "wiped" });
  assert.deepEqual([...store.records], []);
});

test("a vault without its device's secret stays closed", async () => {
  const [one, other] = [memory(), memory()];
  await new Safe(one, stretch, CHEAP).create("1234");
  await new Safe(other, stretch, CHEAP).create("1234");
  other.records.set("lock", one.records.get("lock"));
  other.records.set("contents", one.records.get("contents"));
  await assert.rejects(new Safe(other, stretch).open("1234"), { kind: "pin-wrong" });
});

test("a passkey opens the vault beside the PIN, with what it gave and nothing else", async () => {
  const safe = new Safe(memory(), stretch, CHEAP);
  const vault = await safe.create("1234");
  const passkey = { id: utf8("credential"), salt: utf8("salt") };
  await vault.addPasskey(passkey, unhex("0c".repeat(32)));
  await assert.rejects(safe.open("0000"), { kind: "pin-wrong" });
  await assert.rejects(safe.openByPasskey(unhex("0d".repeat(32))), { kind: "passkey-refused" });
  const opened = await safe.openByPasskey(unhex("0c".repeat(32)));
  assert.equal(await safe.triesLeft(), MAX_TRIES);
  await opened.changePin("4321");
  await safe.openByPasskey(unhex("0c".repeat(32)));
  await safe.open("4321");
  await safe.removePasskey();
  assert.equal(await safe.passkey(), undefined);
  await assert.rejects(safe.openByPasskey(unhex("0c".repeat(32))), { kind: "storage" });
});

test("an issuer that insists on the PIN allows no passkey", () => {
  assert.ok(allowsPasskey(add(emptyContents(4), token())));
  assert.ok(!allowsPasskey(add(emptyContents(4), insisting())));
});

test("a passkey ends in the same write that brings an issuer's token who insists on the PIN", async () => {
  const store = memory();
  const vault = await new Safe(store, stretch, CHEAP).create("1234");
  const passkey = { id: utf8("credential"), salt: utf8("salt") };
  await vault.addPasskey(passkey, unhex("0c".repeat(32)));
  const writes = /** @type {string[][]} */ ([]);
  const put = store.put;
  store.put = (records) => (writes.push(Object.keys(records)), put(records));
  await vault.change((contents) => add(contents, insisting()));
  assert.deepEqual(writes, [["contents", "passkey"]]);
  assert.ok(!store.records.has("passkey"));
  await assert.rejects(vault.addPasskey(passkey, unhex("0c".repeat(32))), { kind: "passkey-forbidden" });
  assert.ok(!store.records.has("passkey"));
});

test("a device stays the same, and ends with the vault", async () => {
  const safe = new Safe(memory(), stretch, CHEAP);
  const { registrationId } = await safe.device();
  assert.equal((await safe.device()).registrationId, registrationId);
  await safe.wipe();
  assert.notEqual((await safe.device()).registrationId, registrationId);
});

test("PINs have 4 to 8 digits", () => {
  for (const pin of ["1234", "12345678"]) assert.equal(parsePin(pin), pin);
  for (const pin of ["", "123", "123456789", "12a4", " 1234", "١٢٣٤"]) {
    assert.throws(() => parsePin(pin), { kind: "pin-digits" }, pin);
  }
});

test("symptom 20: a token is in the app once", () => {
  const contents = add(emptyContents(4), token());
  const twice = { kind: "duplicate", facts: { serial: "FTKMOB83F91CD33B", name: "Work", id: contents.tokens[0]?.id ?? "" } };
  assert.throws(() => add(contents, token({ name: "Again" })), twice);
  assert.throws(() => add(contents, token({ serial: "FTKMOB0000000001" })), { kind: "name-taken" });
  const foreign = add(contents, token({ serial: null, name: "Mail" }));
  assert.throws(() => add(foreign, token({ serial: null, name: "Mail 2" })), { kind: "duplicate" });
});

test("symptom 21: a name has at most 32 characters", () => {
  const contents = add(emptyContents(4), token({ id: "a" }));
  assert.deepEqual(names(rename(contents, "a", `  ${"ü".repeat(32)} `)), ["ü".repeat(32)]);
  const long = { kind: "name-long", facts: { got: 33, most: 32 } };
  assert.throws(() => rename(contents, "a", "x".repeat(33)), long);
  assert.throws(() => rename(contents, "a", "  "), { kind: "name-empty" });
  assert.throws(() => rename(contents, "a", "a\u0007b"), { kind: "name-character" });
});

test("names are free, in order and found", () => {
  let contents = emptyContents(4);
  for (const [index, wish] of ["Work", "work", "Büro", "x".repeat(40), "x".repeat(40)].entries()) {
    const serial = `FTKMOB000000000${index}`;
    contents = add(contents, token({ id: String(index), serial, name: freeName(contents, wish) }));
  }
  assert.deepEqual(names(contents), ["Work", "work 2", "Büro", "x".repeat(32), `${"x".repeat(30)} 2`]);
  assert.deepEqual(search(contents, "buro example").map(({ id }) => id), ["2"]);
  assert.deepEqual(search(contents, "FTKMOB0000000001").map(({ id }) => id), ["1"]);
  assert.deepEqual(names(move(contents, "2", 0)).slice(0, 2), ["Büro", "Work"]);
  assert.equal(move(contents, "0", 99).tokens.at(-1)?.id, "0");
  assert.equal(advance(contents, "1").tokens[1]?.counter, 1);
});

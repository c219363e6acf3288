import assert from "node:assert/strict";
import { createCipheriv, pbkdf2Sync, randomBytes, scryptSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { backupOf } from "../web/backup/files.js";
import { movesLine } from "../web/backup/moves.js";
import { keyUri, sealedBackup } from "../web/backup/own.js";
import { base32, base64, hex } from "../web/core/bytes.js";
import { delegationTranscript } from "../web/core/delegation.js";
import { Device, generateKeys } from "../web/core/device.js";
import { keySeed, parseKeyUri } from "../web/core/key_uri.js";
import { parseMigration } from "../web/core/migration.js";
import { transferKey } from "../web/core/token_key.js";
import { stretch } from "./memory.js";

/** @import { Movable, Moves } from "../web/backup/moves.js" */
/** @import { Bytes } from "../web/core/bytes.js" */
/** @import { Delegation } from "../web/core/delegation.js" */

const KEY = "JBSWY3DPEHPK3PXP";
const PASSWORD = "correct horse";

test("otpauth links bring their own period, digits and digest", () => {
  const full = "otpauth://totp/ACME%20Co:ada@example.org?secret=jbsw%20y3dp-ehpk3pxp&issuer=ACME%20Co&algorithm=SHA256&digits=8&period=60";
  assert.deepEqual(parseKeyUri(full), {
    issuer: "ACME Co",
    account: "ada@example.org",
    seed: keySeed(KEY),
    shape: { type: "totp", period: 60, digits: 8, algorithm: "SHA256" },
    counter: 0,
  });
  const short = parseKeyUri(`otpauth://totp/ada?secret=${KEY}`);
  assert.deepEqual([short.issuer, short.account, short.shape.period, short.shape.digits], ["ada", "ada", 30, 6]);
  const counted = parseKeyUri(`otpauth://hotp/Acme:ada?secret=${KEY}&counter=5`);
  assert.deepEqual([counted.shape.type, counted.shape.period, counted.counter], ["hotp", 0, 5]);
});

test("keys are read as they are copied", () => {
  assert.equal(hex(keySeed(KEY)), "48656c6c6f21deadbeef");
  for (const same of ["jbswy3dpehpk3pxp", "JBSW Y3DP EHPK 3PXP", "JBSWY3DPEHPK3PXP===="]) {
    assert.deepEqual(keySeed(same), keySeed(KEY));
  }
  assert.equal(hex(keySeed("MZXW6")), "666f6f");
  assert.equal(hex(keySeed("MZXW7")), "666f6f");
  for (const wrong of ["", "1", "JBSWY3DPEHPK3PX0"]) {
    assert.throws(() => keySeed(wrong), { kind: "key-uri-secret" }, wrong);
  }
});

test("otpauth links that cannot be used say why", () => {
  /** @type {[string, object][]} */
  const wrong = [
    ["otpauth://totp/a", { kind: "key-uri" }],
    [`otpauth://steam/a?secret=${KEY}`, { kind: "key-uri-kind" }],
    ["otpauth://totp/a?digits=6", { kind: "key-uri-secret" }],
    [`otpauth://totp/a?secret=${KEY}&digits=5`, { kind: "key-uri-number", facts: { part: "digits" } }],
    [`otpauth://totp/a?secret=${KEY}&digits=six`, { kind: "key-uri-number", facts: { part: "digits" } }],
    [`otpauth://totp/a?secret=${KEY}&period=0`, { kind: "key-uri-number", facts: { part: "period" } }],
    [`otpauth://totp/a?secret=${KEY}&algorithm=MD5`, { kind: "key-uri-number", facts: { part: "algorithm" } }],
    [`otpauth://totp/%zz?secret=${KEY}`, { kind: "key-uri" }],
  ];
  for (const [text, failure] of wrong) assert.throws(() => parseKeyUri(text), failure, text);
});

/** A length-delimited field. @param {number} number @param {Buffer | string} value */
const field = (number, value) => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
};

/** @param {number} number @param {number} value */
const varint = (number, value) => Buffer.from([number * 8, value]);

test("an export of Google Authenticator brings all its tokens", () => {
  const first = [field(1, Buffer.from("Hello!\xde\xad\xbe\xef", "latin1")), field(2, "Acme:ada"), field(3, "Acme"), varint(4, 1), varint(5, 1), varint(6, 2)];
  const second = [field(1, "12345678901234567890"), field(2, "bob"), varint(4, 3), varint(5, 2), varint(6, 1), varint(7, 9)];
  const payload = Buffer.concat([...[first, second].map((parts) => field(1, Buffer.concat(parts))), varint(2, 1), varint(3, 1), varint(4, 0)]);
  const link = (/** @type {Buffer} */ data) => `otpauth-migration://offline?data=${encodeURIComponent(data.toString("base64"))}`;
  const { tokens: [acme, bob], batch } = parseMigration(link(payload));
  assert.equal(batch, null);
  assert.deepEqual(acme, { ...parseKeyUri(`otpauth://totp/Acme:ada?secret=${KEY}&issuer=Acme`) });
  assert.deepEqual(bob?.shape, { type: "hotp", period: 0, digits: 8, algorithm: "SHA512" });
  assert.deepEqual([bob?.issuer, bob?.account, bob?.counter], ["bob", "bob", 9]);
  assert.throws(() => parseMigration(link(payload.subarray(0, 20))), { kind: "key-uri" });
  assert.throws(() => parseMigration(link(Buffer.from([16, 1]))), { kind: "file-empty" });
  assert.throws(() => parseMigration("otpauth-migration://offline"), { kind: "key-uri" });
  assert.throws(() => parseMigration("otpauth-migration://offline?data=%"), { kind: "key-uri" });
  const batchOf = (/** @type {number[]} */ ...fields) =>
    parseMigration(link(Buffer.concat([field(1, Buffer.concat(first)), Buffer.from(fields)]))).batch;
  assert.deepEqual(batchOf(24, 64, 32, 63, 40, 7), { id: "7", index: 63, size: 64 });
  for (const place of [[24, 65], [24, 3, 32, 3], [24, 1], [24, 0], [26, 1, 3]]) assert.equal(batchOf(...place), null);
});

const aegisDb = {
  version: 2,
  entries: [
    { type: "totp", uuid: "1", name: "ada", issuer: "Acme", info: { secret: KEY, algo: "SHA256", digits: 8, period: 60 } },
    { type: "hotp", uuid: "2", name: "bob", issuer: "Bank", info: { secret: KEY, algo: "SHA1", digits: 6, counter: 3 } },
    { type: "steam", uuid: "3", name: "game", issuer: "Steam", info: { secret: KEY, algo: "SHA1", digits: 5, period: 30 } },
  ],
};

/** @param {Buffer} key @param {Buffer} nonce @param {Buffer} plain */
function gcm(key, nonce, plain) {
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  return { ciphertext, tag: cipher.getAuthTag() };
}

/** As Aegis's documentation describes its vault. */
function aegisVault() {
  const [master, salt, keyNonce, nonce] = [32, 32, 12, 12].map((length) => randomBytes(length));
  if (!master || !salt || !keyNonce || !nonce) throw new TypeError("no random octets");
  const slot = gcm(scryptSync(PASSWORD, salt, 32, { N: 1024, r: 8, p: 1 }), keyNonce, master);
  const db = gcm(master, nonce, Buffer.from(JSON.stringify(aegisDb)));
  const params = (/** @type {Buffer} */ iv, /** @type {Buffer} */ tag) => ({ nonce: iv.toString("hex"), tag: tag.toString("hex") });
  const slots = [
    { type: 2, uuid: "b", key: "00", key_params: params(keyNonce, slot.tag) },
    { type: 1, uuid: "p", key: slot.ciphertext.toString("hex"), key_params: params(keyNonce, slot.tag), n: 1024, r: 8, p: 1, salt: salt.toString("hex") },
  ];
  return { version: 1, header: { slots, params: params(nonce, db.tag) }, db: db.ciphertext.toString("base64") };
}

test("a vault of Aegis opens, plain and under its password", async () => {
  const plain = backupOf(JSON.stringify({ version: 1, header: { slots: null, params: null }, db: aegisDb }), stretch);
  assert.equal(plain.isEncrypted, false);
  const { tokens, unread, moves } = await plain.open("");
  assert.deepEqual([unread, moves], [1, []]);
  assert.deepEqual(tokens.map(({ issuer, account, counter }) => [issuer, account, counter]), [["Acme", "ada", 0], ["Bank", "bob", 3]]);
  assert.deepEqual(tokens[0]?.shape, { type: "totp", period: 60, digits: 8, algorithm: "SHA256" });
  const sealed = backupOf(JSON.stringify(aegisVault()), stretch);
  assert.equal(sealed.isEncrypted, true);
  assert.deepEqual(await sealed.open(PASSWORD), { tokens, unread, moves });
  await assert.rejects(sealed.open("wrong"), { kind: "file-password" });
});

test("a vault of Aegis with numbers that no app writes is damaged, not tried", async () => {
  /** @type {object[]} */
  const wrong = [
    { n: 1 }, { n: 1000 }, { n: -1024 }, { n: 2 ** 24 }, { n: "1024" }, { n: null },
    { r: 0 }, { r: 1 << 30 }, { r: 1.5 }, { r: null }, { n: 1 << 20, r: 16 },
    { p: 0 }, { p: 1 << 20 }, { p: "1" }, { salt: "xyz" }, { key_params: null },
  ];
  for (const changes of wrong) {
    const vault = aegisVault();
    vault.header.slots = vault.header.slots.map((slot) => ({ ...slot, ...changes }));
    const opened = backupOf(JSON.stringify(vault), stretch).open(PASSWORD);
    await assert.rejects(opened, { kind: "file-damaged" }, JSON.stringify(changes));
  }
});

test("a vault of Aegis that is bent is damaged", async () => {
  const { header, ...vault } = aegisVault();
  const bent = [null, { ...header, slots: 7 }, { ...header, slots: [null] }, { ...header, params: null }, { ...header, params: { nonce: "xyz", tag: "00" } }];
  for (const header of bent) {
    const opened = backupOf(JSON.stringify({ ...vault, header }), stretch).open(PASSWORD);
    await assert.rejects(opened, { kind: "file-damaged" }, JSON.stringify(header));
  }
});

test("an entry that is none is passed over", async () => {
  const odd = [null, 7, { type: { toString: 1 } }];
  const aegis = { version: 1, header: {}, db: { ...aegisDb, entries: [...odd, ...aegisDb.entries] } };
  assert.equal((await backupOf(JSON.stringify(aegis), stretch).open("")).unread, 4);
  const twoFas = { schemaVersion: 4, services: [null, 7, { otp: { tokenType: { toString: 1 } } }, ...services] };
  assert.equal((await backupOf(JSON.stringify(twoFas), stretch).open("")).unread, 3);
});

test("an entry whose counter is none is passed over", async () => {
  const [, entry] = aegisDb.entries;
  for (const counter of ["many", -1, 1.5, 1e15, {}, null]) {
    const entries = [...aegisDb.entries.slice(0, 1), { ...entry, info: { ...entry?.info, counter } }];
    const file = JSON.stringify({ version: 1, header: {}, db: { version: 2, entries } });
    const { tokens, unread } = await backupOf(file, stretch).open("");
    const counters = tokens.map((token) => token.counter);
    assert.deepEqual([counters, unread], counter === null ? [[0, 0], 0] : [[0], 1], String(counter));
  }
});

const services = [
  { name: "Acme", secret: KEY, otp: { issuer: "Acme", account: "ada", tokenType: "TOTP", algorithm: "SHA512", digits: 6, period: 30 } },
  { name: "Plain", secret: KEY, otp: {} },
];

test("a backup of 2FAS opens, plain and under its password", async () => {
  const { tokens } = await backupOf(JSON.stringify({ schemaVersion: 4, services }), stretch).open("");
  assert.deepEqual(tokens.map(({ issuer, shape }) => [issuer, shape.algorithm]), [["Acme", "SHA512"], ["Plain", "SHA1"]]);
  const [salt, nonce] = [randomBytes(256), randomBytes(12)];
  const { ciphertext, tag } = gcm(pbkdf2Sync(PASSWORD, salt, 10_000, 32, "sha256"), nonce, Buffer.from(JSON.stringify(services)));
  const servicesEncrypted = [Buffer.concat([ciphertext, tag]), salt, nonce].map((part) => part.toString("base64")).join(":");
  const sealed = backupOf(JSON.stringify({ schemaVersion: 4, services: [], servicesEncrypted }), stretch);
  assert.deepEqual(await sealed.open(PASSWORD), { tokens, unread: 0, moves: [] });
  await assert.rejects(sealed.open("wrong"), { kind: "file-password" });
});

test("this app's backup comes back, and opens by its passphrase alone", async () => {
  const tokens = ["otpauth://totp/A%3AB:ada%20l?secret=JBSWY3DPEHPK3PXP&issuer=A%3AB&digits=7&period=45&algorithm=SHA512", `otpauth://hotp/Bank:bob?secret=${KEY}&counter=7`].map(parseKeyUri);
  assert.deepEqual(tokens.map(keyUri).map(parseKeyUri), tokens);
  const contents = { tokens, moves: null };
  const text = await sealedBackup(contents, "four words are good", stretch, { memoryKib: 64, passes: 1 });
  assert.ok(!text.includes(KEY) && !text.includes("otpauth"));
  const file = backupOf(text, stretch);
  assert.deepEqual(await file.open("four words are good"), { tokens, unread: 0, moves: [] });
  await assert.rejects(file.open("four words are bad"), { kind: "file-password" });
  await assert.rejects(sealedBackup(contents, "too short", stretch), { kind: "passphrase-short" });
});

test("the right to move a token comes back, and proves wishes in its device's name", async (t) => {
  const device = await Device.of(await generateKeys());
  const token = { serial: "FTKMOB83F91CD33B", name: "work", seed: new Uint8Array(20).fill(5) };
  const line = await movesLine(device, "https://tokens.example.org:8443", [token]);
  const text = await sealedBackup({ tokens: [], moves: line }, "four words are good", stretch, { memoryKib: 64, passes: 1 });
  const { tokens, moves } = await backupOf(text, stretch).open("four words are good");
  assert.deepEqual(tokens, []);
  const { server, wisher, tokens: [movable] } = /** @type {Moves} */ (moves[0]);
  assert.equal(server, "tokens.example.org:8443");
  assert.deepEqual([movable?.serial, movable?.name], ["FTKMOB83F91CD33B", "work"]);
  assert.deepEqual([wisher.registrationId, wisher.signing, wisher.sealing], [device.registrationId, device.signing, device.sealing]);

  const message = new Uint8Array([1, 2, 3]);
  const same = await crypto.subtle.sign("HMAC", await transferKey(token.seed, token.serial), message);
  assert.deepEqual(await crypto.subtle.sign("HMAC", /** @type {Movable} */ (movable).key, message), same);
  const isSigned = async (/** @type {Bytes} */ point, /** @type {Bytes} */ signature, /** @type {Bytes} */ signed) => {
    const key = await crypto.subtle.importKey("raw", point, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
    return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, signed);
  };
  const { key, signature } = /** @type {Delegation} */ (wisher.delegation);
  assert.notDeepEqual(key, device.signing);
  assert.ok(await isSigned(device.signing, signature, delegationTranscript(device.registrationId, key)));
  const sign = t.mock.method(crypto.subtle, "sign");
  assert.ok(await isSigned(key, await wisher.signWish(message), message));
  const [, signing] = /** @type {Parameters<SubtleCrypto["sign"]>} */ (sign.mock.calls[0]?.arguments);
  assert.equal(signing.extractable, false);

  // The codes cannot be made from it, and a bent line is damaged.
  assert.ok(!line.includes(base32(token.seed)) && !line.includes(base64(token.seed)));
  for (const bent of [
    line.replace("https:", ""),
    line.slice(0, -1),
    line.replace(/"delegation":"[^"]{4}/, '"delegation":"'),
    line.replace(/"transfer_key":"[^"]*/, '"transfer_key":"'),
    line.replace(/"signing_key":"[^"]*","delegation/, '"signing_key":"AAAA","delegation'),
  ]) {
    assert.notEqual(bent, line);
    const file = await sealedBackup({ tokens: [], moves: bent }, "four words are good", stretch, { memoryKib: 64, passes: 1 });
    await assert.rejects(backupOf(file, stretch).open("four words are good"), { kind: "file-damaged" });
  }
});

test("the right to move tokens of two token servers comes back as that of each", async () => {
  const device = await Device.of(await generateKeys());
  const seed = new Uint8Array(20).fill(5);
  const lines = await Promise.all([
    movesLine(device, "https://tokens.example.org", [{ serial: "FTKMOB83F91CD33B", name: "work", seed }]),
    movesLine(device, "https://other.example.net:8443", [{ serial: "FTKMOB947FDC1754", name: "club", seed }]),
  ]);
  const text = await sealedBackup({ tokens: [], moves: lines.join("\n") }, "four words are good", stretch, { memoryKib: 64, passes: 1 });
  const { moves } = await backupOf(text, stretch).open("four words are good");
  assert.deepEqual(moves.map(({ server, tokens }) => [server, tokens.map(({ name }) => name)]), [
    ["tokens.example.org", ["work"]],
    ["other.example.net:8443", ["club"]],
  ]);
});

test("a line that cannot be used costs neither the others nor the right to move", async () => {
  const device = await Device.of(await generateKeys());
  const token = { serial: "FTKMOB83F91CD33B", name: "work", seed: new Uint8Array(20).fill(5) };
  const line = await movesLine(device, "https://tokens.example.org:8443", [token]);
  const odd = `otpauth://steam/Game:ada?secret=${KEY}`;
  const text = await sealedBackup({ tokens: [], moves: `${odd}\n${line}` }, "four words are good", stretch, { memoryKib: 64, passes: 1 });
  const { tokens, unread, moves } = await backupOf(text, stretch).open("four words are good");
  assert.deepEqual([tokens, unread, moves[0]?.tokens.length], [[], 1, 1]);
});

test("a file that is none is refused", async () => {
  for (const text of ["", "[]", "{}", "null", '{"services":1}']) {
    assert.throws(() => backupOf(text, stretch), { kind: "file-unknown" }, text);
  }
  const empty = backupOf(JSON.stringify({ schemaVersion: 4, services: [] }), stretch);
  await assert.rejects(empty.open(""), { kind: "file-empty" });
  const none = backupOf(JSON.stringify({ schemaVersion: 4, services: [{ name: "odd", secret: "!" }] }), stretch);
  await assert.rejects(none.open(""), { kind: "file-unread" });
  const damaged = backupOf(JSON.stringify({ schemaVersion: 4, services: [], servicesEncrypted: "?:?" }), stretch);
  await assert.rejects(damaged.open(""), { kind: "file-damaged" });
  for (const effort of [{ memoryKib: 1 << 30, passes: 3 }, { memoryKib: 64, passes: 0 }, { memoryKib: 64.5, passes: 1 }, { memoryKib: -1, passes: 1 }]) {
    const greedy = { format: "symbolon-backup-v1", argon2id: { ...effort, salt: "" }, sealed: "" };
    await assert.rejects(backupOf(JSON.stringify(greedy), stretch).open("x"), { kind: "file-damaged" });
  }
});

/** @type {{ passphrase: string, file: object, tokens: string[], moves: string[] }[]} */
const backups = JSON.parse(readFileSync(new URL("../../app/tests/vectors/backup.json", import.meta.url), "utf8"));

test("backups of both apps are read", async () => {
  assert.equal(backups.length, 2);
  for (const { passphrase, file, ...saved } of backups) {
    const { tokens, moves } = await backupOf(JSON.stringify(file), stretch).open(passphrase);
    assert.deepEqual(tokens, saved.tokens.map(parseKeyUri));
    assert.deepEqual(moves.flatMap(({ tokens }) => tokens).map(({ serial }) => serial), saved.moves);
  }
});

/** @import { Batch } from "../web/core/migration.js" */

/** @type {{ links: { text: string, seed: string }[], no_links: string[], export_code: { text: string, tokens: string[] },
 *   export_batch: { text: string, tokens: string[], batch: Batch }[],
 *   files: { made_by: string, file: object, password: string | null, tokens: string[], unread: number }[] }} */
const exports = JSON.parse(readFileSync(new URL("../../app/tests/vectors/foreign.json", import.meta.url), "utf8"));

test("a secret has the length that its issuer chose, in the terminal program too", () => {
  assert.equal(exports.links.length, 8);
  for (const { text, seed } of exports.links) assert.equal(hex(parseKeyUri(text).seed), seed, text);
  for (const text of exports.no_links) assert.throws(() => parseKeyUri(text), { kind: "key-uri-secret" }, text);
});

test("what other apps export is read as the terminal program reads it", async () => {
  const { text, tokens } = exports.export_code;
  assert.deepEqual(parseMigration(text), { tokens: tokens.map(parseKeyUri), batch: null });
  assert.equal(exports.export_batch.length, 3);
  for (const { text, tokens, batch } of exports.export_batch) {
    assert.deepEqual(parseMigration(text), { tokens: tokens.map(parseKeyUri), batch });
  }
  assert.equal(exports.files.length, 4);
  for (const { file, password, ...expected } of exports.files) {
    const backup = backupOf(JSON.stringify(file), stretch);
    assert.equal(backup.isEncrypted, password !== null);
    const { tokens, unread } = await backup.open(password ?? "");
    assert.deepEqual(tokens, expected.tokens.map(parseKeyUri));
    assert.equal(unread, expected.unread);
  }
});

test("a vault of Aegis that asks for too much work is not begun", async () => {
  const sealed = exports.files.find(({ made_by, password }) => made_by === "Aegis" && password !== null);
  const { header, db } = /** @type {any} */ (sealed?.file);
  const [, slot] = header.slots;
  /** @param {object[]} slots */
  const opened = (slots) =>
    backupOf(JSON.stringify({ version: 1, header: { ...header, slots }, db }), stretch).open("battery staple");
  const damaged = { kind: "file-damaged" };
  await assert.rejects(opened([{ ...slot, r: 33 }]), damaged);
  await assert.rejects(opened([{ ...slot, n: 2 ** 19 }]), damaged);
  await assert.rejects(opened(Array(33).fill({ ...slot, n: 2 ** 15 })), damaged);
  await assert.rejects(opened(Array(9).fill(slot)), { kind: "file-password" });
  const { n, r, p } = slot;
  /** @type {object[]} */
  const efforts = [];
  const noting = backupOf(JSON.stringify(sealed?.file), async (secret, salt, effort) => {
    efforts.push(effort);
    return stretch(secret, salt, effort);
  });
  await noting.open(sealed?.password ?? "");
  assert.deepEqual(efforts, [{ n, r, p }]);
});

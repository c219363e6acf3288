import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Failure } from "../web/core/failure.js";
import { utf8 } from "../web/core/bytes.js";
import { parseMigration } from "../web/core/migration.js";
import { MAX_TOKENS } from "../web/vault/contents.js";
import { Safe } from "../web/vault/vault.js";
import { App } from "../web/ui/app.js";
import { takeBackup, takeText } from "../web/ui/intake.js";
import { Session } from "../web/ui/session.js";
import { handedScreen } from "../web/ui/screens/add.js";
import { listScreen } from "../web/ui/screens/list.js";
import { CHEAP, memory, stretch } from "./memory.js";
import { fill, press, shows, stage } from "./screen.js";

/** @import { Arrived } from "../web/core/activation.js" */
/** @import { Answer } from "../web/core/registry.js" */

const CODE = "EEIMCUO6X6DF4BL3";

/** @type {Arrived} */
const ARRIVED = {
  serial: "FTKMOB83F91CD33B",
  issuer: "Example Ltd",
  seed: utf8("12345678901234567890"),
  shape: { type: "totp", period: 60, digits: 6, algorithm: "SHA1" },
  pinPolicy: { requirement: "require", digits: 4 },
  owed: { token: "FTKMOB83F91CD33B", answerHash: utf8("hash"), server: "tokens.example.org" },
};

/** What a token server says to a receipt. @param {object} fields @returns {Answer} */
const answer = (fields) => ({
  body: JSON.stringify({ d: { __type: "SoftToken.MobileReceiptResponse", __version: "4", ...fields } }),
  dateS: null,
});
const HEARD = answer({ result: 2, error: null });
const REFUSED = answer({ result: 0, error: { error_code: 105, error_message: "no" } });

const silent = () => Promise.reject(new Failure("network"));
const hears = async () => HEARD;
const refuses = async () => REFUSED;

/** An app whose registry gives the token when it is told to, and hears that it came. */
function started() {
  const place = stage();
  const session = new Session(new Safe(memory(), stretch, CHEAP), location);
  let answer = () => {};
  const asked = new Promise((resolve) => (answer = () => resolve(ARRIVED)));
  session.server.ask = hears;
  let claims = 0;
  session.claim = () => {
    claims += 1;
    return asked;
  };
  const home = (/** @type {App} */ app) => {
    const names = app.session.isOpen ? app.session.contents.tokens.map(({ name }) => name) : ["empty"];
    const element = document.createElement("p");
    element.append(`home: ${names}`);
    return { element };
  };
  const app = new App(session, new Map(Object.entries({ "": home, activate: handedScreen })), /** @type {any} */ (place));
  return { app, place, session, answer: () => answer(), claims: () => claims };
}

test("a lock between a token's arrival and its storing asks for the PIN that was, then goes on", async () => {
  const { app, place, session, answer } = started();
  await session.setPin("2741");
  const taken = takeText(app, CODE);
  await shows(place, "Fetching the token");
  await app.lock();
  await shows(place, "Enter your PIN");
  answer();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await shows(place, "Enter your PIN");
  await assert.rejects(session.setPin("9999"), { kind: "locked" });
  fill(place, "9999");
  await shows(place, "Wrong PIN");
  fill(place, "2741");
  await taken;
  await shows(place, "home: Example Ltd");
});

test("a window that was taken over stays so, whatever was under way", async () => {
  const { app, place, session, answer } = started();
  await session.setPin("2741");
  const { tokens } = session.contents;
  void takeText(app, CODE);
  await shows(place, "Fetching the token");
  const unlocking = session.unlock("2741");
  const element = document.createElement("p");
  element.append("in another window");
  app.cede({ element });
  answer();
  await assert.rejects(unlocking, { kind: "locked" });
  await app.route();
  location.hash = `#activate/${encodeURIComponent(link("tokens.example.org"))}`;
  await app.route();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(place.textContent, "in another window");
  for (const act of [() => session.unlock("2741"), () => session.setPin("2741"), () => session.erase()]) {
    await assert.rejects(act(), { kind: "locked" });
  }
  assert.deepEqual((await session.safe.open("2741")).contents.tokens, tokens);
});

test("an address that names no screen leads home", async () => {
  const { app, place } = started();
  for (const address of ["#x/%", "#activate/%", "#constructor", "#__proto__/a", "#toString", "#", ""]) {
    place.replaceChildren();
    location.hash = address;
    await app.route();
    await shows(place, "home: empty");
  }
});

test("an erased vault takes with it the token that waited for its PIN", async () => {
  const { app, place, session, answer } = started();
  await session.setPin("2741");
  void takeText(app, CODE);
  await shows(place, "Fetching the token");
  await app.lock();
  answer();
  await shows(place, "Enter your PIN");
  await session.erase();
  await app.finish();
  await shows(place, "home: empty");
  await session.setPin("1593");
  await app.route();
  assert.deepEqual(session.contents.tokens, []);
});

/** @param {string} server */
const link = (server) => `symbolon://activate?v=1&c=${CODE}&k=${"A".repeat(25)}A&s=https://${server}&p=${"A".repeat(43)}`;

test("a link in the address uses its code only after its server was seen", async () => {
  const { app, place, session, answer, claims } = started();
  await session.setPin("2741");
  answer();
  location.hash = `#activate/${encodeURIComponent(link("tokens.example.org"))}`;
  await app.route();
  await shows(place, "a token from tokens.example.org");
  assert.equal(claims(), 0);
  press(place, "Add");
  await shows(place, "home: Example Ltd");
  assert.equal(claims(), 1);
});

test("a code is not used before a PIN was chosen", async () => {
  const { app, place, answer, claims, session } = started();
  answer();
  await takeText(app, CODE);
  await shows(place, "Choose a PIN");
  assert.equal(claims(), 0);
  await session.setPin("2741");
  await takeText(app, CODE);
  await shows(place, "home: Example Ltd");
});

test("a token that is not stored can be asked for again with its code", async () => {
  const { app, place, session, answer, claims } = started();
  await session.setPin("2741");
  answer();
  const change = session.change.bind(session);
  session.change = () => Promise.reject(new Failure("storage"));
  await takeText(app, CODE);
  await shows(place, "can ask again with the same code");
  session.change = change;
  press(place, "Try again");
  await shows(place, "home: Example Ltd");
  assert.equal(claims(), 2);
});

test("a link in the address brings nothing but an activation at this server", async () => {
  const { app, place, session } = started();
  await session.setPin("2741");
  /** @type {[string, string][]} */
  const refused = [
    ["otpauth://totp/Acme:ada?secret=JBSWY3DPEHPK3PXP", "This is no token’s code"],
    [CODE, "This is no token’s code"],
    [link("tokens.example.com"), "belongs to tokens.example.com"],
  ];
  for (const [text, said] of refused) {
    location.hash = `#activate/${encodeURIComponent(text)}`;
    await app.route();
    await shows(place, said);
    assert.deepEqual(session.contents.tokens, []);
  }
});

/** @type {{ export_batch: { text: string }[] }} */
const { export_batch: batch } = JSON.parse(readFileSync(new URL("../../app/tests/vectors/foreign.json", import.meta.url), "utf8"));

test("codes of one export say which are missing, also in a vault that was closed meanwhile", async () => {
  const { app, place, session } = started();
  await session.setPin("2741");
  const [first, second, third] = batch.map(({ text }) => text);
  const take = async (/** @type {string | undefined} */ text, /** @type {string} */ said) => {
    await takeText(app, text ?? "");
    await shows(place, said);
  };
  const missing = "This was code 2 of 3: add codes 1 and 3 too, whose tokens are not here yet.";
  await take(second, missing);
  assert.ok(place.textContent.includes("1 token added") && place.textContent.includes("Scan QR code"));
  session.lock();
  await session.unlock("2741");
  await take(second, missing);
  assert.ok(place.textContent.includes("1 was here already"));
  await take(first, "This was code 1 of 3: add code 3 too, whose tokens are not here yet.");
  await take(third, "This was code 3 of 3, and the others were read before.");
  assert.ok(!place.textContent.includes("Scan QR code"));
  await take(third, "This was code 3 of 3, and the others were read before.");
  assert.deepEqual(session.contents.tokens.map(({ account }) => account), ["bob", "ada", "eve"]);
  // Another export begins anew.
  await take(third?.replace("GAMg", "GAQg"), "This was code 3 of 4: add codes 1, 2 and 4 too");
});

test("a code whose tokens are not all here was not read", async () => {
  const { app, place, session } = started();
  await session.setPin("2741");
  await session.change((contents) => {
    const [token] = parseMigration(batch[0]?.text ?? "").tokens;
    if (!token) throw new TypeError("no token");
    const many = Array.from({ length: MAX_TOKENS }, (_, number) => ({
      ...token, id: String(number), name: String(number), seed: utf8(String(number)), serial: null, server: null, pinPolicy: null, addedS: 0,
    }));
    return { ...contents, tokens: many };
  });
  await takeText(app, batch[1]?.text ?? "");
  await shows(place, `The app holds ${MAX_TOKENS} tokens`);
  assert.equal(session.contents.exported, null);
});

/** What a backup of a device may move. @param {string} [registrationId] @returns {import("../web/backup/moves.js").Moves} */
const moves = (registrationId = "another") => ({
  server: "tokens.example.org",
  wisher: /** @type {any} */ ({ registrationId }),
  tokens: [{ serial: ARRIVED.serial, name: "work", key: /** @type {any} */ (null) }],
});

test("a token of a backup is said to be here once its server knows so", async () => {
  for (const [ask, said, unsaid] of /** @type {const} */ ([
    [silent, "the device that had it works until the server knows", "is out"],
    [hears, "The device that had it is out", "works until"],
  ])) {
    const { app, place, session } = started();
    await session.setPin("2741");
    session.server.ask = ask;
    session.fetchMoved = async () => ARRIVED;
    await takeBackup(app, { tokens: [], unread: 0, moves: [moves()] });
    await shows(place, said);
    assert.ok(!place.textContent.includes(unsaid), place.textContent);
    session.lock();
  }
});

test("a restore on the device of the backup puts no other out", async () => {
  const { app, place, session } = started();
  await session.setPin("2741");
  session.fetchMoved = async () => ARRIVED;
  const { registrationId } = await session.safe.device();
  await takeBackup(app, { tokens: [], unread: 0, moves: [moves(registrationId)] });
  await shows(place, "work is back, with a new secret");
});

test("another token server's token with the same serial is not the one of a backup", async () => {
  const { app, place, session } = started();
  await session.setPin("2741");
  await session.keep(ARRIVED, "mine");
  let fetched = 0;
  session.fetchMoved = async () => {
    fetched += 1;
    return ARRIVED;
  };
  const restore = (/** @type {string} */ server) =>
    takeBackup(app, { tokens: [], unread: 0, moves: [{ ...moves(), server }] });
  await restore("club.example.org");
  await shows(place, "work stays where it is");
  // The token that is here works: nobody is told to delete it for one that only the app of its own server moves.
  await shows(place, "The token is of club.example.org");
  await shows(place, "Open the app there and import the backup");
  assert.ok(!/is here already|delete/i.test(place.textContent), place.textContent);
  await restore("tokens.example.org");
  await shows(place, "work is here already");
  // One that came when the app was opened under another name.
  await session.change((before) => ({
    ...before,
    tokens: before.tokens.map((token) => ({ ...token, server: "club.example.org" })),
  }));
  await restore("tokens.example.org");
  await shows(place, "“mine” has this serial and is of another token server, club.example.org");
  assert.ok(!/is here already|delete/i.test(place.textContent), place.textContent);
  assert.equal(fetched, 0);
});

test("a token whose code was replaced meanwhile stays where it is, and is restored again", async () => {
  const { app, place, session } = started();
  await session.setPin("2741");
  session.server.ask = refuses;
  session.fetchMoved = async () => ARRIVED;
  await takeBackup(app, { tokens: [], unread: 0, moves: [moves()] });
  await shows(place, "work stays where it is");
  assert.deepEqual(session.contents.tokens, []);
  // One that was stored before that came to light is taken in again too.
  await session.keep(ARRIVED, "mine");
  assert.deepEqual(session.contents.refused, [ARRIVED.serial]);
  session.server.ask = hears;
  await takeBackup(app, { tokens: [], unread: 0, moves: [moves()] });
  await shows(place, "work moved here");
  assert.deepEqual(session.contents.tokens.map(({ name }) => name), ["work"]);
  assert.deepEqual(session.contents.refused, []);
});

/** Locks the app while the token server is told that a token came. @param {App} app @param {() => Promise<Answer>} ask */
const locking = (app, ask) => async () => {
  await app.lock();
  return ask();
};

test("what is said of a token that came does not hang on the lock", async () => {
  for (const [ask, said] of /** @type {const} */ ([
    [silent, "the device that had it works until the server knows"],
    [hears, "The device that had it is out"],
    [refuses, "work stays where it is"],
  ])) {
    const { app, place, session } = started();
    await session.setPin("2741");
    session.server.ask = locking(app, ask);
    session.fetchMoved = async () => ARRIVED;
    const taken = takeBackup(app, { tokens: [], unread: 0, moves: [moves()] });
    await shows(place, "Enter your PIN");
    session.server.ask = silent;
    fill(place, "2741");
    await taken;
    await shows(place, said);
    session.lock();
  }
});

test("a token that was stored before the lock is not asked for again", async () => {
  const { app, place, session, answer, claims } = started();
  await session.setPin("2741");
  answer();
  session.server.ask = locking(app, hears);
  const taken = takeText(app, CODE);
  await shows(place, "Enter your PIN");
  fill(place, "2741");
  await taken;
  await shows(place, "home: Example Ltd");
  assert.equal(claims(), 1);
});

test("the list says which tokens are not known to be here, or are not", async () => {
  const { app, place, session } = started();
  await session.setPin("2741");
  session.server.ask = silent;
  session.clockOffsetS = async () => null;
  await session.keep(ARRIVED, "work");
  const { unheard, refused } = app.words.list;
  const shown = () => {
    const screen = listScreen(app);
    app.show(screen);
    return screen;
  };
  const { tick = () => {} } = shown();
  await shows(place, unheard("work"));
  session.server.ask = refuses;
  await session.settleReceipts();
  tick(0);
  await shows(place, refused("work"));
  assert.ok(!place.textContent.includes(unheard("work")));
  // A new code needs no word for the old entry, whose name it keeps.
  session.server.ask = hears;
  await session.keep(ARRIVED, "");
  tick(0);
  assert.ok(!place.textContent.includes(refused("work")));
  await shows(place, "work");
});

test("a restore ends with its results, also for who leaves the choice of a longer PIN or locks it", async () => {
  for (const leave of [
    async (/** @type {App} */ app) => app.route(),
    async (/** @type {App} */ app, /** @type {any} */ place) => {
      await app.lock();
      await shows(place, "Enter your PIN");
      fill(place, "2741");
    },
  ]) {
    const { app, place, session } = started();
    await session.setPin("2741");
    const pinPolicy = /** @type {const} */ ({ requirement: "require", digits: 6 });
    session.fetchMoved = async () => ({ ...ARRIVED, pinPolicy });
    const taken = takeBackup(app, { tokens: [], unread: 0, moves: [moves()] });
    await shows(place, "asks for a PIN of at least 6 digits");
    await leave(app, place);
    await taken;
    await shows(place, "work stays where it is");
    assert.deepEqual(session.contents.tokens, []);
  }
});

test("a restore that cannot be stored says so, and moves nothing", async () => {
  const { app, place, session } = started();
  await session.setPin("2741");
  session.change = () => Promise.reject(new Failure("storage"));
  session.fetchMoved = () => assert.fail("a token is fetched that cannot be stored");
  const { seed, shape, issuer } = ARRIVED;
  await takeBackup(app, { tokens: [{ seed, shape, issuer, account: "", counter: 0 }], unread: 0, moves: [moves()] });
  await shows(place, app.words.failures.storage({}).title);
  await shows(place, "Done");
});

test("an import says which tokens it did not bring, until that is read", async () => {
  const { app, place, session } = started();
  await session.setPin("2741");
  const { seed, shape } = ARRIVED;
  const foreign = (/** @type {string} */ issuer) => ({ seed, shape, issuer, account: "ada", counter: 0 });
  const tokens = [foreign("Acme"), foreign("Bank"), foreign("Acme")];
  await takeBackup(app, { tokens, unread: 2, moves: [] });
  for (const said of ["2 tokens added", "1 was here already", "2 cannot be used here"]) await shows(place, said);
  press(place, "Done");
  await shows(place, "home: Acme,Bank");
  await takeBackup(app, { tokens: [], unread: 1, moves: [{ ...moves(), tokens: [] }] });
  await shows(place, "1 cannot be used here");
  // What the app has no room for is told as well.
  const full = Array.from({ length: 499 }, (_, at) => foreign(`Issuer ${at}`));
  await takeBackup(app, { tokens: full, unread: 0, moves: [] });
  for (const said of ["498 tokens added", "The app holds 500 tokens"]) await shows(place, said);
});

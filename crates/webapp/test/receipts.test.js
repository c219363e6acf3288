import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../web/core/failure.js";
import { utf8 } from "../web/core/bytes.js";
import { remove } from "../web/vault/contents.js";
import { Safe } from "../web/vault/vault.js";
import { Session } from "../web/ui/session.js";
import { CHEAP, memory, stretch } from "./memory.js";

/** @import { Arrived } from "../web/core/activation.js" */
/** @import { Answer } from "../web/core/registry.js" */

const SERVER = "tokens.example.org";
const [FIRST, SECOND] = ["FTKMOB83F91CD33B", "FTKMOB83F91CD33C"];

/** @param {string} serial @returns {Arrived} */
const arrived = (serial) => ({
  serial,
  issuer: "Example Ltd",
  seed: utf8("12345678901234567890"),
  shape: { type: "totp", period: 60, digits: 6, algorithm: "SHA1" },
  pinPolicy: { requirement: "require", digits: 4 },
  owed: { token: serial, answerHash: utf8(serial), server: SERVER },
});

const silent = () => Promise.reject(new Failure("network"));

/** What the token server answers. @param {object} fields @returns {Answer} */
const answer = (fields) => ({
  body: JSON.stringify({ d: { __type: "SoftToken.MobileReceiptResponse", __version: "4", ...fields } }),
  dateS: null,
});

const HEARD = answer({ result: 2, error: null });

/** A session whose token server does not answer yet, with two tokens. */
async function unheard() {
  const location = /** @type {Location} */ ({ host: SERVER, origin: `https://${SERVER}` });
  const session = new Session(new Safe(memory(), stretch, CHEAP), location);
  await session.setPin("2741");
  session.server = { name: SERVER, ask: silent };
  await session.keep(arrived(FIRST), "");
  await session.keep(arrived(SECOND), "");
  return session;
}

/** Deletes a token as its person does. @param {Session} session @param {string} wanted */
async function deleted(session, wanted) {
  const { id = "" } = session.contents.tokens.find(({ serial }) => serial === wanted) ?? {};
  await session.change((contents) => remove(contents, id));
}

test("a token that was deleted is not said to be here", async () => {
  const session = await unheard();
  await deleted(session, FIRST);
  /** @type {string[]} */
  const told = [];
  session.server.ask = async (message) => {
    told.push(JSON.parse(message).d.token);
    return HEARD;
  };
  await session.settleReceipts();
  assert.deepEqual(told, [SECOND]);
  assert.deepEqual(session.contents.owed, []);
});

test("nor is one that is deleted while another's receipt is on its way", async () => {
  const session = await unheard();
  let asked = 0;
  session.server.ask = async () => {
    asked += 1;
    await deleted(session, SECOND);
    return HEARD;
  };
  await session.settleReceipts();
  assert.equal(asked, 1);
});

test("a receipt that is on its way is not sent a second time", async () => {
  const session = await unheard();
  await deleted(session, SECOND);
  let asked = 0;
  /** @type {(heard: Answer) => void} */
  let hear = () => {};
  session.server.ask = () => {
    asked += 1;
    return new Promise((heard) => (hear = heard));
  };
  const first = session.settleReceipts();
  while (asked === 0) await new Promise(setImmediate);
  const second = session.settleReceipts();
  assert.equal(session.settleReceipts(), second);
  await new Promise(setImmediate);
  hear(HEARD);
  assert.deepEqual([...(await first)], [[FIRST, "confirmed"]]);
  assert.deepEqual([...(await second)], []);
  assert.equal(asked, 1);
});

test("a sending that fails does not keep the next from beginning", async () => {
  const session = await unheard();
  const { device } = session.safe;
  session.safe.device = () => Promise.reject(new Failure("network"));
  await assert.rejects(session.settleReceipts());
  session.safe.device = device.bind(session.safe);
  session.server.ask = async () => HEARD;
  assert.equal((await session.settleReceipts()).get(FIRST), "confirmed");
});

test("what is stored while the PIN is proven stays in what is open", async () => {
  const session = await unheard();
  const opening = session.safe.open.bind(session.safe);
  session.safe.open = async (pin) => {
    const opened = await opening(pin);
    await deleted(session, FIRST);
    return opened;
  };
  await session.unlock("2741");
  assert.deepEqual(session.contents.tokens.map(({ serial }) => serial), [SECOND]);
  session.lock();
});

test("what the sending before has settled is not called owed", async () => {
  const session = await unheard();
  await deleted(session, FIRST);
  const { device } = session.safe;
  /** @type {() => void} */
  let goOn = () => {};
  const waits = new Promise((resolve) => (goOn = () => resolve(undefined)));
  session.safe.device = () => waits.then(() => device.call(session.safe));
  session.server.ask = async () => HEARD;
  const before = session.settleReceipts();
  await new Promise(setImmediate);
  const kept = session.keep(arrived(FIRST), "");
  while (!session.contents.tokens.some(({ serial }) => serial === FIRST)) await new Promise(setImmediate);
  goOn();
  assert.equal((await before).get(FIRST), "confirmed");
  assert.equal((await kept).receipt, "confirmed");
});

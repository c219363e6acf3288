import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../web/core/bytes.js";
import { Safe } from "../web/vault/vault.js";
import { App } from "../web/ui/app.js";
import { Session } from "../web/ui/session.js";
import { exportScreen } from "../web/ui/screens/backup.js";
import { moveScreen } from "../web/ui/screens/move.js";
import { CHEAP, memory, stretch } from "./memory.js";
import { fill, press, shows, stage } from "./screen.js";

/** @import { Screen } from "../web/ui/app.js" */
/** @import { Action } from "../web/core/transfer.js" */

const PIN = "2741";

/** An app that was left open, with a token of a token server; what its gateway is asked is written down. */
async function leftOpen() {
  const place = stage();
  const session = new Session(new Safe(memory(), stretch, CHEAP), location);
  await session.setPin(PIN);
  const owed = { token: "FTKMOB83F91CD33B", answerHash: utf8("hash"), server: session.server.name };
  session.settleReceipts = async () => new Map();
  const { id } = await session.keep(
    {
      serial: owed.token,
      issuer: "Example Ltd",
      seed: utf8("12345678901234567890"),
      shape: { type: "totp", period: 60, digits: 6, algorithm: "SHA1" },
      pinPolicy: { requirement: "require", digits: 4 },
      owed,
    },
    "",
  );
  /** @type {Action[]} */
  const asked = [];
  session.wish = async (_, action) => {
    asked.push(action);
    return { state: action === "look" ? "none" : "open", expiresS: 1, link: null, sentTo: "a***@example.org" };
  };
  const home = () => ({ element: document.createElement("p") });
  const app = new App(session, new Map(Object.entries({ "": home })), /** @type {any} */ (place));
  return { app, place, session, id, asked };
}

/** @param {any} place @param {string} typed */
const type = (place, typed) => {
  const inputs = place.all().filter((/** @type {any} */ { tag }) => tag === "input");
  inputs.at(-1).value = typed;
};

test("a transfer begins after the PIN alone, which is counted", async () => {
  const { app, place, session, id, asked } = await leftOpen();
  app.show(moveScreen(app, id));
  await new Promise((resolve) => setTimeout(resolve, 10));
  press(place, "Show the code here");
  await shows(place, "4 to 8 digits");
  for (const left of [9, 8]) {
    type(place, "9999");
    press(place, "Show the code here");
    await shows(place, `${left} tries are left`);
  }
  assert.deepEqual(asked, ["look"]);
  type(place, PIN);
  press(place, "Show the code here");
  await shows(place, "a***@example.org");
  assert.deepEqual(asked, ["look", "begin-shown"]);
  assert.equal(await session.safe.triesLeft(), 10);
});

test("ten wrong PINs before a transfer erase what is here", async () => {
  const { app, place, session, id, asked } = await leftOpen();
  app.show(moveScreen(app, id));
  await new Promise((resolve) => setTimeout(resolve, 10));
  for (let left = 9; left > 0; left -= 1) {
    type(place, "9999");
    press(place, "Show the code here");
    await shows(place, left === 1 ? "One more wrong PIN" : `${left} tries are left`);
  }
  type(place, "9999");
  press(place, "Show the code here");
  await shows(place, "Ten wrong PINs");
  assert.equal(session.isOpen, false);
  assert.deepEqual(asked, ["look"]);
});

test("a backup is saved after the PIN alone", async () => {
  const { app, place, session } = await leftOpen();
  let saved = 0;
  session.backup = async () => {
    saved += 1;
    throw new Error("nothing is downloaded here");
  };
  app.show(exportScreen(app));
  fill(place, "four words are good", "four words are good", "9999");
  await shows(place, "9 tries are left");
  assert.equal(saved, 0);
  fill(place, "four words are good", "four words are good", PIN);
  await shows(place, app.words.unexpected);
  assert.equal(saved, 1);
});

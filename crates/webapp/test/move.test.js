import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../web/core/failure.js";
import { moveScreen } from "../web/ui/screens/move.js";
import { leftOpen, PIN, type } from "./left_open.js";
import { press, shows } from "./screen.js";

/** @import { Action, Standing } from "../web/core/transfer.js" */
/** @import { Failure as Failed } from "../web/core/failure.js" */

/** @type {Standing} */
const NONE = { state: "none", expiresS: null, link: null, sentTo: null };
/** @type {Standing} */
const ASKED = { ...NONE, state: "asked" };
/** @type {Standing} */
const SHOWN = { ...NONE, state: "open", expiresS: 1, link: "symbolon://activate?v=1" };
const LOST = new Failure("network");
const REFUSED = new Failure("not-moved", { code: 17, message: "no valid token found", cause: "transfer is switched off" });

/** The screen of a token, and what its gateway says, answer by answer; the last one stays. @param {(Standing | "moved" | Failed)[]} answers */
async function opened(...answers) {
  const { app, place, session, id, asked } = await leftOpen();
  session.wish = async (_, action) => {
    asked.push(action);
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? assert.fail("no answer");
    if (answer instanceof Failure) throw answer;
    return answer;
  };
  const screen = moveScreen(app, id);
  app.show(screen);
  await settled();
  let nowS = 1e10;
  const look = async () => {
    nowS += 10;
    screen.tick?.(nowS);
    await settled();
  };
  const begin = async () => {
    type(place, PIN);
    press(place, "Show the code here");
    // The PIN takes its time.
    for (let turn = 0; turn < 500 && !asked.includes("begin-shown"); turn += 1) await settled();
    await settled();
  };
  const lacks = (/** @type {string} */ text) => assert.ok(!place.textContent.includes(text), place.textContent);
  return { app, place, session, asked, look, begin, lacks };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));
const SCAN = "Scan this with the app on the other phone.";
const UNREACHED = "The server was not reached";

test("a look that nobody answers takes nothing away", async () => {
  const { place, asked, look, begin, lacks } = await opened(NONE, SHOWN, LOST, LOST, SHOWN, "moved");
  await begin();
  await shows(place, SCAN);
  for (let lost = 0; lost < 2; lost += 1) {
    await look();
    await shows(place, UNREACHED);
    await shows(place, SCAN);
    await shows(place, "Keep it on this phone");
    lacks("Whoever has the code has the token");
  }
  await look();
  lacks(UNREACHED);
  await look();
  await shows(place, "is on another phone now");
  assert.deepEqual(asked, ["look", "begin-shown", "look", "look", "look", "look"]);
});

test("a look that is refused ends the following, and is asked for again by hand", async () => {
  const { place, asked, look, begin, lacks } = await opened(NONE, SHOWN, REFUSED, NONE);
  await begin();
  await look();
  await shows(place, "transfer is switched off");
  lacks(SCAN);
  lacks("Whoever has the code has the token");
  await look();
  assert.equal(asked.length, 3);
  press(place, "Try again");
  await shows(place, "Show the code here");
});

test("what was not taken back stays", async () => {
  for (const [answer, said] of /** @type {const} */ ([[LOST, UNREACHED], [REFUSED, "transfer is switched off"]])) {
    const { place, begin } = await opened(NONE, SHOWN, answer);
    await begin();
    press(place, "Keep it on this phone");
    await shows(place, said);
    await shows(place, SCAN);
  }
});

test("a code that was made without an answer is found", async () => {
  const { place, asked, look, begin } = await opened(LOST, LOST, ASKED, SHOWN);
  await shows(place, UNREACHED);
  await begin();
  await shows(place, UNREACHED);
  await look();
  await shows(place, "The code is being made.");
  await look();
  await shows(place, SCAN);
  assert.deepEqual(asked, ["look", "begin-shown", "look", "look"]);
});

test("a wish does not wait for a look, nor is it undone by one", async () => {
  const { app, place, session, id, asked } = await leftOpen();
  /** @type {(answer: Standing) => void} */
  let answerLook = () => {};
  session.wish = (_, action) => {
    asked.push(action);
    return action === "look" ? new Promise((resolve) => (answerLook = resolve)) : Promise.resolve(SHOWN);
  };
  app.show(moveScreen(app, id));
  await settled();
  type(place, PIN);
  press(place, "Show the code here");
  await shows(place, SCAN);
  answerLook(NONE);
  await settled();
  await shows(place, SCAN);
  assert.deepEqual(asked, ["look", "begin-shown"]);
});

test("looks leave a PIN that is being typed", async () => {
  const { place, look } = await opened(LOST, NONE);
  type(place, "27");
  await look();
  const [pin] = place.all().filter(({ tag }) => tag === "input");
  assert.equal(pin?.value, "27");
  assert.ok(!place.textContent.includes(UNREACHED));
});

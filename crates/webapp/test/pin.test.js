import assert from "node:assert/strict";
import { test } from "node:test";
import { exportScreen } from "../web/ui/screens/backup.js";
import { moveScreen } from "../web/ui/screens/move.js";
import { leftOpen, PIN, type } from "./left_open.js";
import { fill, press, shows } from "./screen.js";

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

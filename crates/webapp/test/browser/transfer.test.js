// A person moves a token from one phone to another, in Chromium, against a running token server and gateway.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gateway, login, Phone, PIN, scene } from "./phone.js";

const [link = ""] = scene.links;
const PASSPHRASE = "four words are good";
const TRANSFERS_OFF = "config system ftm-push\nset token-transfer disable\nend";
const TRANSFERS_ON = "config system ftm-push\nset token-transfer enable\nend";

/** @type {Phone} */
let old;
/** @type {Phone} */
let next;

before(async () => {
  old = await Phone.start();
  await old.open();
  await old.paste(link);
  await old.choosePin();
  await old.page.locator(".card").waitFor();
  gateway("execute fortitoken-mobile poll");
});

after(() => Phone.discardAll());

/** The screen on which a token is given away. */
async function openMove(phone = old) {
  await phone.open();
  await phone.page.locator(".names").first().click();
  await phone.press("Move to another phone");
  await phone.page.getByRole("heading", { name: /^Move / }).waitFor();
}

test("symptom 27: what is missing is named", async () => {
  gateway(TRANSFERS_OFF);
  const refused = old.page.getByRole("alert").filter({ hasText: /No valid token found \(17\).*set token-transfer enable/ });
  // Another refusal may come first, while the gateway and the token server do not know each other yet, and the form
  // may go with it.
  for (let tries = 0; tries < 40 && !(await refused.isVisible()); tries += 1) {
    await openMove();
    await show().catch(() => {});
    await old.page.waitForTimeout(500);
  }
  await refused.waitFor();
  await old.look("40-transfer-refused");
  gateway(TRANSFERS_ON);
});

test("a transfer is begun, and taken back", async () => {
  await openMove();
  await begin();
  await old.look("41-transfer-code");
  await old.press("Keep it on this phone");
  await old.page.getByText("The token stays on this phone").waitFor();
  await show("9999");
  await old.complains(/Wrong PIN/);
});

test("symptom 30: the second phone takes the token, and the first one is dead", async () => {
  const before = await codeOf(old);
  await openMove();
  await begin();
  const text = await shownLink();
  next = await Phone.start();
  await next.open();
  await next.paste(text);
  await next.choosePin();
  await next.page.locator(".card").waitFor();
  // The first phone says so, and keeps its entry until its person deletes it.
  await old.page.getByText(/is on another phone now/).waitFor();
  await old.look("42-transfer-gone");
  await old.press("Delete token");
  await old.page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await old.open();
  assert.equal(await old.page.locator(".card").count(), 1);
  await openMove();
  await old.press("Delete token");
  await old.page.getByRole("dialog").getByRole("button", { name: "Delete token" }).click();
  await old.page.getByText(/was deleted/).waitFor();
  assert.equal(await old.page.locator(".card").count(), 0);
  assert.throws(() => login(before));
  assert.match(login(await next.code()), /is let in/);
});

test("the screens speak German", async () => {
  const { page } = next;
  await next.open("#settings");
  await page.getByLabel("Language").selectOption("de");
  await next.open();
  await page.locator(".names").first().click();
  await page.getByRole("button", { name: "Auf ein anderes Telefon umziehen" }).click();
  await page.getByRole("button", { name: "Code hier anzeigen" }).waitFor();
  await next.look("43-transfer-german");
});

test("a backup brings the token to a third phone, and the second one is out", async () => {
  const { page } = next;
  await next.open("#settings");
  await page.getByLabel("Sprache").selectOption("en");
  await next.open("#export");
  await page.getByLabel("Passphrase", { exact: true }).fill(PASSPHRASE);
  await page.getByLabel("The same passphrase again").fill(PASSPHRASE);
  await page.getByLabel("PIN", { exact: true }).fill(PIN);
  await next.look("44-backup-of-the-right-to-move");
  const saved = page.waitForEvent("download");
  await next.press("Save file");
  const file = await (await saved).path();
  await page.getByText("The backup was saved").waitFor();

  const third = await Phone.start();
  await restore(third, file);
  await third.page.getByText(/moved here/).waitFor();
  await third.look("45-backup-restored");
  await third.press("Done");
  await third.page.locator(".card").waitFor();
  await openMove(next);
  await page.getByText(/is on another phone now/).waitFor();
  assert.match(login(await third.code()), /is let in/);

  // The file speaks for a phone that does not have the token any more.
  const fourth = await Phone.start();
  await restore(fourth, file);
  await fourth.complains(/Another device has the token by now/);
  await fourth.look("46-backup-of-no-use");
});

/** @param {Phone} phone @param {string} file */
async function restore(phone, file) {
  await phone.open("#import");
  await phone.page.getByLabel("Import a backup").setInputFiles(file);
  await phone.page.getByLabel("Password of the file").fill(PASSPHRASE);
  await phone.press("Open");
  await phone.choosePin();
}

/** @param {Phone} phone */
async function codeOf(phone) {
  await phone.open();
  return phone.code();
}

/** Wants the code here. @param {string} [pin] */
async function show(pin = PIN) {
  await old.page.getByLabel("PIN", { exact: true }).fill(pin, { timeout: 3_000 });
  await old.page.getByRole("button", { name: "Show the code here" }).click({ timeout: 3_000 });
}

/** Shows the code; until the token server knows that transfers are on, it is refused. */
async function begin() {
  const { page } = old;
  const again = page.getByRole("button", { name: "Try again" });
  for (let tries = 0; tries < 80; tries += 1) {
    // A look that is refused takes the form away.
    if (await again.isVisible()) {
      await again.click();
      await page.waitForTimeout(500);
      continue;
    }
    // It may come while the form is filled.
    await show().catch(() => {});
    const shown = page.getByRole("img", { name: "QR code that moves the token" });
    const refused = page.getByRole("alert");
    await shown.or(refused).first().waitFor();
    if (await shown.isVisible()) return;
    await page.waitForTimeout(500);
  }
  assert.fail(`no code is shown: ${await page.getByRole("alert").allInnerTexts()}`);
}

/** What the QR code on the screen says, as the other phone's camera reads it. */
async function shownLink() {
  const { page } = old;
  return page.evaluate(async () => {
    const drawn = document.querySelector("svg.qr");
    const source = new XMLSerializer().serializeToString(/** @type {Element} */ (drawn));
    const picture = new Image();
    picture.src = `data:image/svg+xml,${encodeURIComponent(source)}`;
    picture.width = 900;
    picture.height = 900;
    await picture.decode();
    const at = "/app/ui/qr.js";
    const { qrOf } = await import(at);
    return qrOf(picture, 900, 900, 900);
  });
}

// Logins that a person answers in the app, in Chromium: over RADIUS with a foreign client, through the relay.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gateway, Phone, scene, SCREENS } from "./phone.js";
import { ask, push, tap } from "./vpn.js";

const [alice = "", bob = "", carol = ""] = scene.codes;

/** @type {Phone} */
let phone;

before(async () => {
  phone = await Phone.start();
  await phone.open();
  const listening = listens(phone);
  for (const [code, name] of [[alice, "Alice"], [bob, "Bob"]]) await add(phone, code ?? "", name ?? "");
  await listening;
});

after(() => Phone.discardAll());

/** @param {Phone} phone @param {string} code @param {string} name */
async function add(phone, code, name) {
  const { page } = phone;
  await phone.open("#type");
  await page.getByLabel(/code$/).fill(code);
  await page.getByLabel("Name").fill(name);
  await page.locator("form button[type=submit]").click();
  await page.locator(".card, h1").getByText(/^(Choose a PIN|PIN wählen)$|./).first().waitFor();
  const pin = page.getByLabel("PIN", { exact: true });
  await pin.or(page.locator(".card", { hasText: name })).first().waitFor();
  if (await pin.isVisible()) {
    for (const field of await page.locator("input.pin").all()) await field.fill("2741");
    await page.locator("form button[type=submit]").click();
  }
  await page.locator(".card", { hasText: name }).waitFor();
}

/** Until the phone listens at the relay. @param {Phone} phone */
const listens = ({ page }) =>
  page.waitForResponse((response) => response.headers()["content-type"] === "text/event-stream", { timeout: 30_000 });

/** The login that is shown. @param {Phone} phone */
const request = ({ page }) => page.getByRole("dialog");

/** Why the gateway did what it did. @param {string} user @param {string} reason */
function isOnRecord(user, reason) {
  const said = gateway(`diagnose login show user ${user}`);
  assert.ok(said.includes(reason), `${reason} is not in:\n${said}`);
}

/** @param {string} number */
const other = (number) => (number === "00" ? "01" : "00");

test("the right number lets in, typed without a finger on the glass", async () => {
  const { number, outcome } = await push("alice");
  const dialog = request(phone);
  await dialog.waitFor();
  const said = await dialog.innerText();
  for (const words of ["Is this you?", "alice", "vpn", "127.0.0.1", "Alice", "seconds left"]) {
    assert.ok(said.includes(words), `${words} is not in: ${said}`);
  }
  assert.ok(!said.includes(number), "the number is at the login alone");
  await phone.look("30-push");
  const answer = outcome();
  await phone.page.keyboard.type(`${number}`);
  await phone.page.keyboard.press("Enter");
  await phone.page.getByText("Approved. The login goes on if the number is right.").waitFor();
  assert.equal(await answer, "Accept");
  assert.equal(await dialog.count(), 0);
  isOnRecord("alice", "approved on the phone");
});

test("a wrong number keeps out, at the first try", async () => {
  const { number, outcome } = await push("alice");
  await request(phone).getByLabel("Number").fill(other(number));
  const answer = outcome();
  await phone.press("Approve");
  assert.equal(await answer, "Reject");
  isOnRecord("alice", "push-number-wrong");
});

test("no is no", async () => {
  const { outcome } = await push("alice");
  await request(phone).waitFor();
  const answer = outcome();
  await phone.press("Deny");
  await phone.page.getByText("Denied", { exact: true }).waitFor();
  assert.equal(await answer, "Reject");
  isOnRecord("alice", "push-denied");
});

test("a login that needs no answer any more goes away by itself", async () => {
  const { shown } = await push("alice");
  await request(phone).waitFor();
  const code = await phone.code("Alice");
  assert.equal((await ask("alice", code, shown)).code, "Accept");
  await phone.page.getByText("The login waits no longer").waitFor();
  assert.equal(await request(phone).count(), 0);
});

test("what came while the app was locked is shown once it is unlocked", async () => {
  await phone.press("Lock");
  const { number, outcome } = await push("alice");
  await phone.page.getByRole("heading", { name: "Enter your PIN" }).waitFor();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.equal(await request(phone).count(), 0);
  await phone.unlock();
  const answer = outcome();
  await request(phone).getByLabel("Number").fill(number);
  await phone.press("Approve");
  assert.equal(await answer, "Accept");
});

test("a login goes away with the lock, and comes back", async () => {
  const { number, outcome } = await push("bob");
  await request(phone).waitFor();
  await phone.page.evaluate(() => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + 3 * 60 * 1000;
  });
  await phone.page.getByRole("heading", { name: "Enter your PIN" }).waitFor();
  assert.equal(await request(phone).count(), 0);
  await phone.unlock();
  const said = request(phone).getByText("clock is 3 minutes fast");
  await said.waitFor();
  await phone.look("31-push-clock");
  const answer = outcome();
  await request(phone).getByLabel("Number").fill(number);
  await phone.press("Approve");
  assert.equal(await answer, "Accept");
  await phone.page.reload();
  await phone.unlock();
});

test("without an answer the time runs out, here and at the login", async () => {
  const ignored = await push("bob");
  await request(phone).waitFor();
  const answer = ignored.outcome();
  await phone.page.keyboard.press("Escape");
  assert.equal(await request(phone).count(), 0);
  await phone.page.getByText("A login waits for you.").waitFor();
  await phone.look("35-login-put-aside");
  await phone.press("Show the login");
  await request(phone).waitFor();
  await phone.press("Not now");
  const watched = await push("alice").catch(() => null);
  assert.equal(watched?.number, "", "alice was asked five times");
  assert.equal(await answer, "Reject");
  isOnRecord("bob", "push-expired");
});

test("a countdown ends what nobody answered", async () => {
  const { outcome } = await push("bob");
  await request(phone).waitFor();
  const answer = outcome();
  await phone.page.getByText(/The time for this login is over|waits no longer/).waitFor({ timeout: 75_000 });
  assert.equal(await answer, "Reject");
});

test("where it is enough a tap approves, at the gateway's own address", async () => {
  gateway(
    "config system interface\nedit lo\nset allowaccess ping https ssh ftm\nend\n" +
      `config system ftm-push\nset server-ip 127.0.0.1\nset server-port ${scene.answerPort}\nset number-entry disable\nend`,
  );
  const small = await Phone.start({ screen: SCREENS.small, locale: "de-DE", colorScheme: "dark" });
  await small.open();
  const listening = listens(small);
  await add(small, carol, "Carol");
  await listening;
  const own = `https://127.0.0.1:${scene.answerPort}/SoftToken/Push`;
  const isOwn = (/** @type {import("playwright-core").Response} */ response) =>
    response.url() === own && response.request().method() === "POST";
  const answer = tap("carol");
  await request(small).waitFor();
  assert.equal(await request(small).getByRole("textbox").count(), 0);
  await small.look("32-push-tap-german-dark");
  const taken = small.page.waitForResponse(isOwn);
  await small.press("Bestätigen");
  assert.equal(await answer, "Accept");
  assert.equal((await taken).status(), 200);
  const again = tap("carol");
  await request(small).waitFor();
  await small.press("Das war ich nicht");
  await small.page.getByText("Ihre Administratoren sind gewarnt").waitFor();
  assert.equal(await again, "Reject");
  isOnRecord("carol", "push-not-me");
  await small.discard();
});

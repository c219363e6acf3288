// What a person does with the app, in Chromium, against a running token server.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { film, gateway, login, oathtool, Phone, PIN, scene, SCREENS } from "./phone.js";

const [, byCamera = "", used = "", elsewhere = ""] = scene.links;
const [typed = "", spoilt = "", late = ""] = scene.codes;

/** @type {Phone} */
let phone;

before(async () => {
  phone = await Phone.start();
  await phone.open();
});

after(() => Phone.discardAll());

test("the app can be installed and works without a network", async () => {
  const { page, context } = phone;
  await page.evaluate(() => navigator.serviceWorker.ready);
  const session = await context.newCDPSession(page);
  const { errors } = await session.send("Page.getAppManifest");
  assert.deepEqual(errors, []);
  const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
  assert.deepEqual(installabilityErrors.filter(({ errorId }) => errorId !== "in-incognito"), []);
  await page.reload();
  await context.setOffline(true);
  await page.reload();
  await page.getByRole("heading", { name: "Your codes, on this device alone" }).waitFor();
  await context.setOffline(false);
  await phone.look("01-welcome");
});

test("a picture of the QR code brings the token, behind a PIN that was just chosen", async () => {
  const { page } = phone;
  await page.getByLabel("Choose a picture").setInputFiles(scene.pictures[0] ?? "");
  await page.getByRole("heading", { name: "Choose a PIN" }).waitFor();
  await phone.look("02-choose-pin");
  await page.getByLabel("PIN", { exact: true }).fill("1234");
  await page.getByLabel("The same PIN again").fill("1234");
  await phone.press("Save PIN");
  await phone.complains(/too easy to guess/);
  await phone.choosePin();
  await page.locator(".card").waitFor();
  assert.match(login(await phone.code()), /is let in/);
  await phone.look("03-first-token");
});

test("the camera brings another one", async () => {
  const seeing = await Phone.start({ camera: film(byCamera) });
  await seeing.open("#scan");
  await seeing.choosePin();
  await seeing.page.locator(".card").waitFor();
  assert.match(await seeing.code(), /^\d{6}$/);
  await seeing.discard();
});

test("symptom 24: a camera that may not be used says so, in place of a black picture", async () => {
  const blind = await Phone.start({ denyCamera: true });
  await blind.open("#scan");
  await blind.complains(/may not use the camera.*Allow it/);
  await blind.look("04-camera-denied");
  await blind.discard();
});

test("a typed code brings a token under the name that was typed with it", async () => {
  const { page } = phone;
  await phone.open("#type");
  await page.getByLabel("Activation code").fill(typed.toLowerCase());
  await page.getByLabel("Name").fill("Büro");
  await phone.look("05-type");
  await phone.press("Add");
  await page.locator(".card", { hasText: "Büro" }).waitFor();
});

test("symptom 21: a name of more than 32 characters is refused before anything is asked", async () => {
  const { page } = phone;
  await phone.open("#type");
  await page.getByLabel("Activation code").fill(spoilt);
  await page.getByLabel("Name").fill("x".repeat(33));
  await phone.press("Add");
  await phone.complains(/33 characters: there is a 32 character limitation/);
});

test("symptom 19: a code that no token waits for", async () => {
  await phone.open("#type");
  await phone.page.getByLabel("Activation code").fill("EEIMCUO6X6DF4BL3");
  await phone.press("Add");
  await phone.complains(/FTM Server: Token code doesn't exist.*assigned/);
  await phone.look("06-unknown-code");
});

test("symptom 15: a code that another phone has used", async () => {
  const first = await Phone.start();
  await first.paste(used);
  await first.choosePin();
  await first.page.locator(".card").waitFor();
  await first.discard();
  await phone.paste(used);
  await phone.complains(/Failed\. Forticare: FTM token Activation Code is invalid.*another device/);
});

test("symptom 20: a token that is here already is a duplicate, and a new code takes its place", async () => {
  const { page } = phone;
  await phone.open();
  const before = await page.locator(".card").count();
  await page.locator(".names").first().click();
  const serial = await page.getByText(/^FTKMOB/).last().innerText();
  gateway(`execute fortitoken-mobile provision ${serial}`);
  const [, code = ""] = gateway(`show user fortitoken ${serial}`).match(/activation-code "(\w+)"/) ?? [];
  await phone.open("#type");
  await page.getByLabel("Activation code").fill(code);
  await phone.press("Add");
  await phone.complains(/Duplicate token: FTKMOB/);
  await phone.look("07-duplicate");
  await phone.press("Replace the old entry");
  await page.locator(".card").first().waitFor();
  assert.equal(await page.locator(".card").count(), before);
});

test("without a network, and with a wrong clock, no code is used up", async () => {
  const { page, context } = phone;
  await context.setOffline(true);
  await phone.open("#type");
  await page.getByLabel("Activation code").fill(late);
  await phone.press("Add");
  await phone.complains(/server was not reached.*not used up/);
  await context.setOffline(false);
  await page.evaluate(() => {
    const now = Date.now.bind(Date);
    Date.now = () => now() - 15 * 60 * 1000;
  });
  await phone.press("Try again");
  await page.getByText("clock is 15 minutes slow").waitFor();
  await phone.look("08-clock");
  await page.reload();
  await phone.unlock();
  await phone.open("#type");
  await page.getByLabel("Activation code").fill(late);
  await phone.press("Add");
  await page.locator(".card").nth(2).waitFor();
});

test("a link for another server leads there", async () => {
  const other = elsewhere.replace(/s=https:\/\/[^&]+/, "s=https://tokens.example.org");
  await phone.paste(other);
  await phone.complains(/belongs to tokens\.example\.org/);
  const link = phone.page.getByRole("link", { name: "Open the app at tokens.example.org" });
  const address = (await link.getAttribute("href")) ?? "";
  assert.equal(address, `https://tokens.example.org/app/#activate/${encodeURIComponent(other)}`);
  await phone.open(`#activate/${encodeURIComponent(elsewhere)}`);
  await phone.page.getByText(`from ${new URL(scene.origin).host}. Add it if you have asked for it.`).waitFor();
  await phone.look("22-handed");
  await phone.press("Add");
  await phone.page.locator(".card").nth(3).waitFor();
});

test("codes of other issuers are those of oathtool", async () => {
  const { page } = phone;
  const key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA";
  const kinds = [
    { issuer: "Acme", algorithm: "SHA1", digits: 6, period: 30 },
    { issuer: "Bank", algorithm: "SHA256", digits: 8, period: 60 },
    { issuer: "Cloud", algorithm: "SHA512", digits: 7, period: 45 },
  ];
  for (const { issuer, algorithm, digits, period } of kinds) {
    await phone.paste(`otpauth://totp/${issuer}:ada?secret=${key}&algorithm=${algorithm}&digits=${digits}&period=${period}`);
    await page.locator(".card", { hasText: issuer }).waitFor();
    const says = () => oathtool(`--totp=${algorithm}`, "-b", "-d", String(digits), "-s", `${period}s`, key);
    const [earlier, shown, later] = [says(), await phone.code(issuer), says()];
    assert.ok([earlier, later].includes(shown), `${shown}, not ${earlier} or ${later}`);
  }
});

test("tokens of other issuers leave in a sealed file and come back; those of the server need its word", async () => {
  const { page } = phone;
  await phone.open("#export");
  await page.getByLabel("Passphrase", { exact: true }).fill("four words are good");
  await page.getByLabel("The same passphrase again").fill("four words are good");
  await page.getByLabel("PIN", { exact: true }).fill(PIN);
  await phone.look("20-export");
  const saved = page.waitForEvent("download");
  await phone.press("Save file");
  const file = await (await saved).path();
  await page.getByText("The backup was saved").waitFor();
  const other = await Phone.start();
  await other.open("#import");
  await other.page.getByLabel("Import a backup").setInputFiles(file);
  await other.page.getByLabel("Password of the file").fill("four words are bad");
  await other.press("Open");
  await other.complains(/does not open this file/);
  await other.page.getByLabel("Password of the file").fill("four words are good");
  await other.look("21-import");
  await other.press("Open");
  await other.choosePin();
  await other.page.getByText("3 tokens added").waitFor();
  await other.page.getByRole("alert").filter({ hasText: /No valid token found \(17\)/ }).first().waitFor();
  await other.look("21-import-refused");
  await other.press("Done");
  assert.deepEqual(await other.page.locator(".name").allTextContents(), ["Acme", "Bank", "Cloud"]);
  await other.discard();
});

test("a vault of Aegis is opened by the worker, also without a network", async () => {
  /** @type {{ files: { made_by: string, file: object, password: string | null }[] }} */
  const { files } = JSON.parse(readFileSync(new URL("../../../app/tests/vectors/foreign.json", import.meta.url), "utf8"));
  const sealed = files.find(({ made_by, password }) => made_by === "Aegis" && password !== null);
  const other = await Phone.start();
  const { page, context } = other;
  await other.open("#import");
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  await context.setOffline(true);
  await page.reload();
  const buffer = Buffer.from(JSON.stringify(sealed?.file));
  await page.getByLabel("Import a backup").setInputFiles({ name: "aegis.json", mimeType: "application/json", buffer });
  await page.getByLabel("Password of the file").fill("wrong");
  await other.press("Open");
  await other.complains(/does not open this file/);
  await page.getByLabel("Password of the file").fill(sealed?.password ?? "");
  const worker = page.waitForEvent("worker");
  await other.press("Open");
  assert.match((await worker).url(), /stretch-worker\.js$/);
  await other.choosePin();
  await page.getByText("2 tokens added").waitFor();
  await context.setOffline(false);
  await other.discard();
});

test("a list is searched, a code copied, hidden and shown", async () => {
  const { page } = phone;
  await phone.open();
  await page.getByRole("searchbox").fill("buro");
  assert.equal(await page.locator(".card:visible").count(), 1);
  await phone.look("09-search");
  await page.getByRole("searchbox").fill("");
  const shown = await phone.code("Acme");
  await page.locator(".card", { hasText: "Acme" }).locator(".code").click();
  await page.getByText("Code copied").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), shown);
  await phone.press("Hide codes");
  await page.getByText("•••").first().waitFor();
  await phone.look("10-hidden");
  await page.locator(".card", { hasText: "Acme" }).locator(".code").click();
  assert.match(await phone.code("Acme"), /^\d{6}$/);
  await phone.press("Show codes");
});

test("a token is renamed, moved and deleted", async () => {
  const { page } = phone;
  await page.getByText("Büro").click();
  await phone.look("11-token");
  await page.getByLabel("Name").fill("VPN");
  await phone.press("Rename");
  await page.getByText("Renamed").waitFor();
  await phone.press("Move up");
  assert.equal(await page.locator(".name").first().textContent(), "VPN");
  await page.getByText("VPN").click();
  await phone.press("Delete token");
  await phone.look("12-delete");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await phone.press("Delete token");
  await page.getByRole("dialog").getByRole("button", { name: "Delete token" }).click();
  await page.getByText("VPN was deleted").waitFor();
  assert.equal(await page.locator(".name", { hasText: "VPN" }).count(), 0);
});

test("the app is used with the keyboard alone", async () => {
  const { page } = phone;
  await phone.open();
  const seen = [];
  for (let step = 0; step < 8; step += 1) {
    await page.keyboard.press("Tab");
    seen.push(await page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent));
  }
  for (const label of ["Hide codes", "Settings", "Lock", "Search"]) assert.ok(seen.includes(label), `${label} in ${seen}`);
  await page.keyboard.press("Shift+Tab");
});

test("it is locked by hand, after rest, and opened by the PIN", async () => {
  const { page } = phone;
  await phone.press("Lock");
  await phone.look("13-lock");
  await phone.unlock("0000");
  await phone.complains(/Wrong PIN9 tries are left/);
  await phone.unlock();
  await page.locator(".card").first().waitFor();
  await page.evaluate(() => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + 3 * 60 * 1000;
  });
  await page.getByRole("heading", { name: "Enter your PIN" }).waitFor();
  await page.reload();
  await phone.unlock();
  await page.locator(".card").first().waitFor();
});

test("the PIN is changed where the old one is known", async () => {
  const { page } = phone;
  await phone.open("#pin");
  await page.getByLabel("Current PIN").fill(PIN);
  await phone.press("Unlock");
  await phone.choosePin("852963");
  await page.getByText("The PIN was changed").waitFor();
  await phone.press("Lock");
  await phone.unlock("852963");
  await page.locator(".card").first().waitFor();
});

test("symptom 23: the device's own lock opens the app as soon as it is switched on", async () => {
  const other = await Phone.start();
  const { page } = other;
  const session = await other.context.newCDPSession(page);
  await session.send("WebAuthn.enable");
  const options = { protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true, hasPrf: true, isUserVerified: true };
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", { options: /** @type {any} */ (options) });
  // A passkey belongs to a name; addresses have none.
  await page.goto(`${scene.origin.replace("127.0.0.1", "localhost")}/app/#paste`);
  await page.getByLabel("Link").fill("otpauth://totp/Acme:ada?secret=GEZDGNBVGY3TQOJQ");
  await other.press("Add");
  await other.choosePin();
  await other.press("Settings");
  await other.press("Unlock with fingerprint or face");
  await page.getByText("opens the app from now on").waitFor();
  await other.press("Back");
  await other.press("Lock");
  await other.press("Use fingerprint or face");
  await page.locator(".card").waitFor();
  await other.press("Lock");
  await session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
  await other.press("Use fingerprint or face");
  await other.complains(/did not confirm that it is you/);
  await other.look("19-passkey");
  await other.unlock();
  await page.locator(".card").waitFor();
  await other.discard();
});

test("a second window asks before it takes over", async () => {
  const second = await phone.context.newPage();
  await second.goto(`${scene.origin}/app/`);
  await second.getByText("open in another window").waitFor();
  await second.getByRole("button", { name: "Use it here" }).click();
  await second.getByRole("heading", { name: "Enter your PIN" }).waitFor();
  await phone.page.getByText("open in another window").waitFor();
  await phone.open("#settings");
  await phone.open();
  await phone.page.getByText("open in another window").waitFor();
  await phone.press("Use it here");
  await phone.page.getByRole("heading", { name: "Enter your PIN" }).waitFor();
  await second.getByText("open in another window").waitFor();
  await second.close();
  await phone.unlock("852963");
});

test("it is at home in the dark, in German and on the smallest screen", async () => {
  const other = await Phone.start({ profile: phone.profile + "-small", screen: SCREENS.small, locale: "de-DE", colorScheme: "dark" });
  await other.open();
  await other.look("14-german-dark-welcome");
  await other.open("#paste");
  await other.page.getByLabel("Link").fill("otpauth://totp/Beispiel%20Universit%C3%A4t:ada.lovelace@example.org?secret=GEZDGNBVGY3TQOJQ&digits=8");
  await other.press("Hinzufügen");
  await other.page.getByLabel("PIN", { exact: true }).fill(PIN);
  await other.page.getByLabel("Dieselbe PIN noch einmal").fill(PIN);
  await other.press("PIN speichern");
  await other.page.locator(".card").waitFor();
  await other.look("15-german-dark-small");
  const isWide = await other.page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(isWide, false);
  await other.open("#settings");
  await other.look("16-german-dark-settings");
  await other.discard();
});

test("symptom 22: the tenth wrong PIN erases everything, also across restarts", async () => {
  await phone.press("Lock");
  for (let left = 9; left > 4; left -= 1) {
    await phone.unlock("0000");
    await phone.page.getByText(`${left} tries are left`).waitFor();
  }
  await phone.context.close();
  phone = await Phone.start({ profile: phone.profile });
  await phone.open();
  await phone.page.getByText("5 tries left").waitFor();
  for (let left = 4; left > 1; left -= 1) {
    await phone.unlock("0000");
    await phone.page.getByText(`${left} tries are left`).waitFor();
  }
  await phone.unlock("0000");
  await phone.page.getByText("One more wrong PIN erases").waitFor();
  await phone.look("17-last-try");
  await phone.unlock("0000");
  await phone.page.getByText("Ten wrong PINs").waitFor();
  await phone.look("18-wiped");
  await phone.press("Done");
  await phone.page.getByRole("heading", { name: "Your codes, on this device alone" }).waitFor();
  const left = await phone.page.evaluate(
    () =>
      new Promise((resolve) => {
        indexedDB.open("symbolon").onsuccess = (event) => {
          const database = /** @type {IDBOpenDBRequest} */ (event.target).result;
          database.transaction("records").objectStore("records").getAllKeys().onsuccess = (keys) =>
            resolve(/** @type {IDBRequest<IDBValidKey[]>} */ (keys.target).result);
        };
      }),
  );
  assert.deepEqual(left, []);
});

test("a Chromium that is killed while it looks at a PIN has used up its try: there is no eleventh", async () => {
  let other = await Phone.start();
  const { profile } = other;
  await other.paste("otpauth://totp/Example:ada?secret=GEZDGNBVGY3TQOJQ");
  await other.choosePin();
  await other.page.locator(".card").waitFor();
  const startAgain = async () => {
    other = await Phone.start({ profile });
    await other.open();
  };
  // Without its own end: a start that has shut nothing down.
  await other.kill();
  await startAgain();

  /** Until the PIN is being looked at: its worker has begun. */
  const killedOverPin = async () => {
    const begun = other.page.waitForEvent("worker");
    await other.unlock("0000");
    await begun;
    await other.kill();
    await startAgain();
  };
  for (const left of [9, 8, 7]) {
    await killedOverPin();
    await other.page.getByText(`${left} tries left`).waitFor();
  }
  for (const left of [6, 5, 4, 3, 2]) {
    await other.unlock("0000");
    await other.page.getByText(`${left} tries are left`).waitFor();
  }
  await other.unlock("0000");
  await other.page.getByText("One more wrong PIN erases").waitFor();
  await killedOverPin();
  await other.page.getByRole("heading", { name: "Your codes, on this device alone" }).waitFor();
  await other.discard();
});

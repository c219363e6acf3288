// A server that is replaced by a newer one under a phone: its app has files of one version, always.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { request } from "node:https";
import { after, before, test } from "node:test";
import { Phone, scene } from "./phone.js";

const OLD = "Your codes, on this device alone";
const NEW = "Your codes, in a newer app";
const CHANGED = "text/en.js";

/** What the server in front of the real one does: which list of files it gives, and which file. */
const shown = { list: "old", file: "old" };

/** @type {import("node:http").Server} */
let server;
/** @type {Phone} */
let phone;
let address = "";

/** @param {string} path @returns {Promise<{ type: string, text: Buffer }>} */
function real(path) {
  const ca = scene.certificates.map((file) => readFileSync(file));
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, scene.origin), { ca }, (response) => {
      /** @type {Buffer[]} */
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => resolve({ type: response.headers["content-type"] ?? "", text: Buffer.concat(parts) }));
    });
    asked.on("error", reject).end();
  });
}

const integrity = (/** @type {string} */ text) => `sha256-${createHash("sha256").update(text).digest("base64")}`;

/** The real server's file, or that of a version whose welcome is another. @param {string} path */
async function served(path) {
  const { type, text } = await real(path);
  const words = (await real(`/app/${CHANGED}`)).text.toString();
  const newer = words.replace(OLD, NEW);
  if (path === `/app/${CHANGED}` && shown.file === "new") return { type, text: newer };
  if (path === "/app/files.js" && shown.list === "new") {
    const list = text.toString().replace(integrity(words), integrity(newer));
    return { type, text: list.replace(/version:"/, 'version:"newer-') };
  }
  return { type, text };
}

before(async () => {
  server = createServer((asked, answer) => {
    served(asked.url ?? "/").then(
      ({ type, text }) => answer.writeHead(200, { "content-type": type, "cache-control": "no-cache" }).end(text),
      (error) => answer.destroy(error),
    );
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const at = server.address();
  assert.ok(at && typeof at === "object");
  // Browsers trust what is on the same machine.
  address = `http://127.0.0.1:${at.port}/app/`;
  phone = await Phone.start();
});

after(async () => {
  await Phone.discardAll();
  server.closeAllConnections();
  server.close();
});

const welcome = (/** @type {string} */ title) => phone.page.getByRole("heading", { name: title }).waitFor();

/** Has the browser look for a new version; whether there was one that could be installed. */
const look = () =>
  phone.page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    await registration.update();
    const found = registration.installing;
    if (!found) return registration.waiting !== null;
    return new Promise((resolve) => {
      found.addEventListener("statechange", () => {
        if (found.state !== "installing") resolve(found.state === "installed");
      });
    });
  });

test("what a server in the midst of its replacement gives is not taken", async () => {
  const { page, context } = phone;
  await page.goto(address);
  await welcome(OLD);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  Object.assign(shown, { list: "new", file: "old" });
  assert.equal(await look(), false);
  await context.setOffline(true);
  await page.reload();
  await welcome(OLD);
  await context.setOffline(false);
  assert.equal(await page.locator(".update").count(), 0);
});

test("a whole new version waits until the person wants it, then all of the page is new", async () => {
  const { page, context } = phone;
  Object.assign(shown, { list: "new", file: "new" });
  assert.equal(await look(), true);
  await page.getByText("A new version of the app is ready.").waitFor();
  await phone.look("40-update");
  await page.reload();
  await welcome(OLD);
  await phone.press("Load it");
  await welcome(NEW);
  assert.equal(await page.locator(".update").count(), 0);
  await context.setOffline(true);
  await page.reload();
  await welcome(NEW);
  const caches = await page.evaluate(() => window.caches.keys());
  assert.equal(caches.length, 1);
  assert.match(caches[0] ?? "", /^symbolon-app-newer-/);
  await context.setOffline(false);
});

// A phone: Chromium of a phone's size with a profile of its own.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { createRequire } from "node:module";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import encodeQR from "qr";

/** @import { BrowserContext, Page } from "playwright-core" */

/**
 * A running token server and what was prepared there, as the test that starts both wrote it down.
 *
 * @typedef {{ origin: string, certificates: string[], links: string[], codes: string[], pictures: string[],
 *   login: string[], console: string[], password: string, artefacts: string,
 *   radius: { server: string, secret: string }, answerPort: number,
 *   pushService: { port: number, certificate: string, key: string } }} Scene
 *   `certificates`: files of those that phones trust; the last two lines are there for pushes alone
 */

/** @type {Scene} */
export const scene = JSON.parse(readFileSync(process.env["SYMBOLON_SCENE"] ?? "scene.json", "utf8"));

/** A small phone of today, and the smallest that is still sold. */
export const SCREENS = { phone: { width: 390, height: 844 }, small: { width: 320, height: 568 } };

export const PIN = "2741";

/** All that were started: a test that fails leaves its phones on. @type {Set<Phone>} */
const phones = new Set();

export class Phone {
  static async discardAll() {
    // One that was started again has the profile of the one before.
    for (const phone of phones) await phone.context.close();
    for (const phone of phones) await phone.discard();
  }

  /** @param {BrowserContext} context @param {Page} page @param {string} profile */
  constructor(context, page, profile) {
    this.context = context;
    this.page = page;
    this.profile = profile;
  }

  /**
   * @param {{ profile?: string, camera?: string, screen?: { width: number, height: number }, locale?: string,
   *   colorScheme?: "light" | "dark", denyCamera?: boolean }} [options]
   */
  static async start({ profile = mkdtempSync(join(tmpdir(), "phone-")), camera, screen = SCREENS.phone, locale = "en-US", colorScheme = "light", denyCamera = false } = {}) {
    const pins = scene.certificates.map(pinOf);
    const media = camera ? [`--use-file-for-fake-video-capture=${camera}`] : [];
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      // In containers Chromium's own sandbox has no user namespaces to make.
      args: [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        `--ignore-certificate-errors-spki-list=${pins.join()}`,
        ...media,
      ],
      viewport: screen,
      deviceScaleFactor: 2,
      hasTouch: true,
      isMobile: true,
      locale,
      colorScheme,
      permissions: ["clipboard-read", "clipboard-write", ...(denyCamera ? [] : ["camera"])],
    });
    const page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(15_000);
    const phone = new Phone(context, page, profile);
    phones.add(phone);
    page.on("pageerror", (error) => assert.fail(`the page failed: ${error.stack}`));
    return phone;
  }

  /** Starts the app, or goes elsewhere in it as a link would. @param {string} [fragment] */
  async open(fragment = "") {
    const { page } = this;
    if (page.url().startsWith(scene.origin)) {
      await page.evaluate((there) => {
        history.replaceState(null, "", `${location.pathname}${there}`);
        window.dispatchEvent(new HashChangeEvent("hashchange"));
      }, fragment);
    } else {
      await page.goto(`${scene.origin}/app/${fragment}`);
    }
    await page.locator("#app > *").first().waitFor();
  }

  /** The phone's battery is taken out: Chromium and all that it began end at once, wherever they are. */
  async kill() {
    const closed = this.context.waitForEvent("close");
    process.kill(-chromiumOf(this.profile), "SIGKILL");
    await closed;
  }

  async discard() {
    phones.delete(this);
    await this.context.close();
    // Chromium still writes for a moment after it has said that it is closed.
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }

  /** @param {string} name of a button */
  press(name) {
    return this.page.getByRole("button", { name, exact: true }).click();
  }

  /** @param {string} [pin] */
  async choosePin(pin = PIN) {
    await this.page.getByRole("heading", { name: "Choose a PIN" }).waitFor();
    await this.page.getByLabel("PIN", { exact: true }).fill(pin);
    await this.page.getByLabel("The same PIN again").fill(pin);
    await this.press("Save PIN");
  }

  /** @param {string} [pin] */
  async unlock(pin = PIN) {
    await this.page.getByLabel("PIN", { exact: true }).fill(pin);
    await this.press("Unlock");
  }

  /** @param {string} link */
  async paste(link) {
    await this.open("#paste");
    await this.page.getByLabel("Link").fill(link);
    await this.press("Add");
  }

  /** The code on a card. @param {string} [name] */
  async code(name = "") {
    const card = this.page.locator(".card", { hasText: name }).first();
    const button = card.locator("button.code");
    await card.getByText(/^\d/).first().waitFor();
    return ((await button.textContent()) ?? "").replace(/\D/g, "");
  }

  /** Waits until the screen says what went wrong. @param {RegExp} expected */
  async complains(expected) {
    await this.page.getByRole("alert").filter({ hasText: expected }).waitFor();
  }

  /** Keeps what is on the screen for people to look at, and holds it to the rules of accessibility. @param {string} name */
  async look(name) {
    mkdirSync(scene.artefacts, { recursive: true });
    await this.page.screenshot({ path: join(scene.artefacts, `${name}.png`) });
    await this.page.evaluate(axeSource);
    const violations = await this.page.evaluate(async () => {
      const { violations } = await /** @type {any} */ (window).axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
      return violations.map((/** @type {any} */ { id, nodes }) => `${id}: ${nodes.map((/** @type {any} */ node) => node.html).join(" | ")}`);
    });
    assert.deepEqual(violations, [], name);
  }
}

/** The process that leads those of a profile. @param {string} profile */
function chromiumOf(profile) {
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const words = wordsOf(entry);
    const isLeader = !words.some((word) => word.startsWith("--type="));
    if (isLeader && words.includes(`--user-data-dir=${profile}`)) return Number(entry);
  }
  return assert.fail(`no Chromium has ${profile}`);
}

/** The command line of a process, which may have ended meanwhile. @param {string} id */
function wordsOf(id) {
  try {
    return readFileSync(`/proc/${id}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** SHA-256 of a certificate's key, as Chromium takes it. @param {string} path */
function pinOf(path) {
  const { publicKey } = new X509Certificate(readFileSync(path));
  return createHash("sha256").update(publicKey.export({ type: "spki", format: "der" })).digest("base64");
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What `oathtool` says, for a moment before and one after: a period may end between them. @param {string[]} words */
export const oathtool = (...words) => execFileSync("oathtool", words, { encoding: "utf8" }).trim();

/** What an administrator reads after typing lines at the gateway's console. @param {string} lines */
export function gateway(lines) {
  const [command = "", ...words] = scene.console;
  return execFileSync(command, words, { input: `${lines}\n`, encoding: "utf8" });
}

/** A login through the gateway; what it prints. @param {string} code */
export function login(code) {
  const [command = "", ...words] = scene.login;
  return execFileSync(command, words, { input: `${scene.password}\n${code}\n`, encoding: "utf8" });
}

/** A film of one picture, YUV4MPEG2, for Chromium's camera: the QR code lies on a grey desk. @param {string} text */
export function film(text) {
  const [width, height, scale] = [640, 480, 5];
  const modules = encodeQR(text, "raw", { border: 4 });
  const luma = Buffer.alloc(width * height, 120);
  const [left, top] = [width, height].map((side) => Math.floor((side - modules.length * scale) / 2));
  for (const [row, cells] of modules.entries()) {
    for (const [column, dark] of cells.entries()) {
      for (let y = 0; y < scale; y += 1) {
        const start = ((top ?? 0) + row * scale + y) * width + (left ?? 0) + column * scale;
        luma.fill(dark ? 20 : 235, start, start + scale);
      }
    }
  }
  const frame = Buffer.concat([Buffer.from("FRAME\n"), luma, Buffer.alloc((width * height) / 2, 128)]);
  const path = join(mkdtempSync(join(tmpdir(), "film-")), "code.y4m");
  writeFileSync(path, Buffer.concat([Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`), frame, frame]));
  return path;
}

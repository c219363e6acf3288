// Which screen is shown, and what all screens share: words, preferences, messages, the clock's tick and the
// lock after a time of rest.

import { Failure } from "../core/failure.js";
import { languageOf } from "../text/languages.js";
import { h, icon } from "./dom.js";
import { applyTheme, loadPreferences, savePreferences } from "./preferences.js";
import { nowS } from "./session.js";
import { lockScreen } from "./screens/lock.js";

/** @import { Explained, Texts } from "../text/en.js" */
/** @import { Preferences } from "./preferences.js" */
/** @import { Pushes } from "./pushes.js" */
/** @import { Session } from "./session.js" */
/** @import { Waking } from "./waking.js" */

/**
 * @typedef {{ element: HTMLElement, focus?: HTMLElement, tick?: (nowS: number) => void, leave?: () => void }} Screen
 * @typedef {(app: App, rest: string) => Screen} ScreenMaker `rest`: what stands behind the slash in the address
 */

const TOAST_MS = 3_500;

export class App {
  /** @type {Screen | null} */
  #screen = null;
  #usedS = nowS();
  #isCeded = false;
  /** What goes on once the PIN was entered. @type {(() => void)[]} */
  #held = [];
  #root;
  #toasts;
  #routes;
  /** @type {Texts} */
  words;
  /** @type {Preferences} */
  preferences;
  /** @type {Waking | null} */
  waking = null;
  /** @type {Pushes | null} */
  pushes = null;

  /**
   * @param {Session} session
   * @param {ReadonlyMap<string, ScreenMaker>} routes by what stands before the slash; `""` is home
   * @param {HTMLElement} root
   */
  constructor(session, routes, root) {
    this.session = session;
    this.#routes = routes;
    this.#root = root;
    this.#toasts = h("div", { class: "toasts", role: "status" });
    root.after(this.#toasts);
    this.preferences = loadPreferences();
    this.words = this.#readWords();
  }

  start() {
    window.addEventListener("hashchange", () => void this.route());
    for (const event of ["pointerdown", "keydown"]) {
      document.addEventListener(event, () => (this.#usedS = nowS()), { passive: true });
    }
    document.addEventListener("visibilitychange", () => this.#tick());
    this.#tick();
    return this.route();
  }

  /** Shows what the address says, or the lock before it. */
  async route() {
    const [name, rest] = parseAddress(location.hash);
    const locked = await this.session.isLocked();
    if (this.#isCeded) return;
    const make = locked ? lockScreen : (this.#routes.get(name) ?? this.#routes.get(""));
    if (make) this.show(make(this, rest));
    if (locked) return;
    const held = this.#held.splice(0);
    // An erased vault takes with it what waited for it.
    if (this.session.isOpen) for (const resume of held) resume();
  }

  /** Asks for the PIN where there is a vault that is locked; done when nothing is. @returns {Promise<void>} */
  async unlocked() {
    if (!this.#isCeded && !(await this.session.isLocked())) return;
    this.show(lockScreen(this));
    await new Promise((resolve) => this.#held.push(() => resolve(undefined)));
  }

  /** Another window has the vault: this one says so, and what was under way here ends. @param {Screen} screen */
  cede(screen) {
    this.session.cede();
    this.show(screen);
    this.#isCeded = true;
  }

  /** @param {Screen} screen */
  show(screen) {
    if (this.#isCeded) return;
    this.#screen?.leave?.();
    this.#screen = screen;
    this.#root.replaceChildren(screen.element);
    this.#toasts.replaceChildren();
    window.scrollTo(0, 0);
    screen.tick?.(nowS());
    const heading = screen.element.querySelector("h1");
    (screen.focus ?? heading)?.focus({ preventScroll: true });
  }

  /** @param {string} address behind the hash; nothing is home */
  go(address = "") {
    if (location.hash.replace(/^#/, "") === address) void this.route();
    else location.hash = address;
  }

  /** Home without a step that "back" would return to. */
  finish() {
    history.replaceState(null, "", location.pathname);
    return this.route();
  }

  lock() {
    this.session.lock();
    return this.route();
  }

  /** @param {Partial<Preferences>} changes */
  prefer(changes) {
    this.preferences = { ...this.preferences, ...changes };
    savePreferences(this.preferences);
    this.words = this.#readWords();
  }

  /** @param {string} text */
  toast(text) {
    const shown = h("p", { class: "toast" }, text);
    this.#toasts.replaceChildren(shown);
    setTimeout(() => shown.remove(), TOAST_MS);
  }

  /** @param {unknown} error @returns {Explained} */
  explain(error) {
    if (error instanceof Failure) return this.words.failures[error.kind](error.facts);
    console.error(error);
    return { title: this.words.unexpected, step: this.words.unexpectedStep };
  }

  /** What happened and what to do, for a place on a screen. @param {unknown} error @param {...HTMLElement} actions */
  alert(error, ...actions) {
    const { title, step } = this.explain(error);
    return h(
      "div",
      { class: "alert", role: "alert" },
      h("p", { class: "alert-title" }, title),
      h("p", {}, step),
      actions.length > 0 && h("div", { class: "actions" }, ...actions),
    );
  }

  /**
   * A question that is answered before anything else.
   *
   * @param {{ title: string, lead: string, yes: string }} question
   * @returns {Promise<boolean>}
   */
  confirm({ title, lead, yes }) {
    return new Promise((resolve) => {
      const close = (/** @type {boolean} */ answer) => {
        dialog.close();
        dialog.remove();
        resolve(answer);
      };
      const act = (/** @type {string} */ label, /** @type {boolean} */ answer, /** @type {string} */ kind) =>
        h("button", { type: "button", class: `button ${kind}`, on: { click: () => close(answer) } }, label);
      const dialog = h(
        "dialog",
        { class: "sheet", "aria-labelledby": "question", "aria-describedby": "question-lead" },
        h("h2", { id: "question" }, title),
        h("p", { id: "question-lead" }, lead),
        h("div", { class: "actions" }, act(yes, true, "danger"), act(this.words.cancel, false, "quiet")),
      );
      dialog.addEventListener("cancel", () => close(false));
      document.body.append(dialog);
      dialog.showModal();
    });
  }

  /** Erases everything, if the person means it. */
  async erase() {
    const { eraseTitle, eraseLead, erase, erased } = this.words.settings;
    if (!(await this.confirm({ title: eraseTitle, lead: eraseLead, yes: erase }))) return;
    await this.waking?.forget();
    await this.session.erase();
    await this.finish();
    this.toast(erased);
  }

  /** Once a second, on the second. */
  #tick() {
    const now = nowS();
    const rested = now - this.#usedS >= this.preferences.lockAfterMin * 60;
    if (rested && this.session.isOpen) void this.lock();
    else this.#screen?.tick?.(now);
    if (document.visibilityState === "visible") {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#tick(), 1000 - (Date.now() % 1000));
    }
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  #readWords() {
    const [code, words] = languageOf(this.preferences.language, navigator.languages);
    document.documentElement.lang = code;
    applyTheme(this.preferences);
    return words;
  }
}

/** What stands before the slash, and behind it; nothing where that is not escaped as it should be. @param {string} hash */
function parseAddress(hash) {
  const [, name = "", rest = ""] = hash.match(/^#?([^/]*)\/?(.*)$/s) ?? [];
  try {
    return /** @type {const} */ ([name, decodeURIComponent(rest)]);
  } catch {
    return /** @type {const} */ (["", ""]);
  }
}

/**
 * A screen with a way back and a heading.
 *
 * @param {App} app
 * @param {string} title
 * @param {...(Node | string | false | null | undefined)} children
 */
export const page = (app, title, ...children) =>
  h(
    "section",
    { class: "page" },
    h(
      "header",
      { class: "bar" },
      h(
        "button",
        { type: "button", class: "icon-button", "aria-label": app.words.back, on: { click: () => app.go() } },
        icon("back"),
      ),
      h("h1", { tabindex: "-1" }, title),
    ),
    ...children,
  );

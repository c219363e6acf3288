// The page's beginning: one window, one safe, then the screens.

import { Failure } from "./core/failure.js";
import { openDatabase } from "./vault/database.js";
import { stretchInWorker } from "./vault/stretch.js";
import { Safe } from "./vault/vault.js";
import { App } from "./ui/app.js";
import { button, h } from "./ui/dom.js";
import { Pushes } from "./ui/pushes.js";
import { Session } from "./ui/session.js";
import { Waking } from "./ui/waking.js";
import { addScreen, handedScreen, pasteScreen, typeScreen } from "./ui/screens/add.js";
import { exportScreen, importScreen } from "./ui/screens/backup.js";
import { showLoginRequest } from "./ui/screens/login_request.js";
import { listScreen } from "./ui/screens/list.js";
import { changePinScreen, mark } from "./ui/screens/pin.js";
import { moveScreen } from "./ui/screens/move.js";
import { scanScreen } from "./ui/screens/scan.js";
import { settingsScreen } from "./ui/screens/settings.js";
import { tokenScreen } from "./ui/screens/token.js";
import { offerInstallation } from "./ui/installation.js";
import { keepUpToDate } from "./ui/update.js";

/** @import { ScreenMaker } from "./ui/app.js" */

/** @type {ReadonlyMap<string, ScreenMaker>} */
const ROUTES = new Map([
  ["", listScreen],
  ["add", addScreen],
  ["scan", scanScreen],
  ["type", typeScreen],
  ["paste", pasteScreen],
  ["activate", handedScreen],
  ["token", tokenScreen],
  ["move", moveScreen],
  ["settings", settingsScreen],
  ["pin", changePinScreen],
  ["import", importScreen],
  ["export", exportScreen],
]);

const LOCK_NAME = "symbolon";
/** Left for the page that is loaded next in this window: it takes the vault over. */
const TAKES_OVER = "takes-over";

async function begin() {
  const root = document.getElementById("app");
  if (!root) throw new TypeError("the page has no place for the app");
  const isCapable = window.isSecureContext && crypto.subtle && navigator.locks && navigator.serviceWorker;
  const store = isCapable ? await openDatabase().catch(() => null) : null;
  const session = new Session(new Safe(store ?? nothing, stretchInWorker), location);
  const app = new App(session, ROUTES, root);
  if (!store) {
    app.show({ element: h("section", { class: "centred" }, mark(), h("h1", {}, app.words.app), app.alert(new Failure("unsupported"))) });
    return;
  }
  // Without it the app needs its server at each start, and works.
  keepUpToDate(app).catch(console.warn);
  // Without this a browser may drop what is kept when space runs short.
  void navigator.storage?.persist?.();
  offerInstallation(app);
  const waking = new Waking(app, store);
  app.waking = waking;
  // Ten wrong PINs have erased everything, and the page was closed over it.
  if (!(await session.safe.hasVault())) void waking.forget();
  app.pushes = new Pushes(session, (waiting, answer, ended) => showLoginRequest(app, waiting, answer, ended), waking);
  const how = sessionStorage.getItem(TAKES_OVER) === null ? "ask" : "take";
  sessionStorage.removeItem(TAKES_OVER);
  alone(app, how);
}

/** Two windows would overwrite what the other one stores. @param {App} app @param {"ask" | "take"} how */
function alone(app, how) {
  const hold = (/** @type {Lock | null} */ lock) => {
    if (!lock) return elsewhere(app);
    void app.start();
    return new Promise(() => {});
  };
  const options = how === "take" ? { steal: true } : { ifAvailable: true };
  navigator.locks.request(LOCK_NAME, options, hold).catch(() => elsewhere(app));
}

/** @param {App} app */
function elsewhere(app) {
  const { title, lead, here } = app.words.elsewhere;
  const take = button(here, takeOver, "primary wide");
  app.cede({ element: h("section", { class: "centred" }, mark(), h("h1", { tabindex: "-1" }, title), h("p", { class: "lead" }, lead), take) });
}

/** The page begins anew: nothing of what was under way here goes on beside what the other window stored. */
function takeOver() {
  sessionStorage.setItem(TAKES_OVER, "");
  location.reload();
}

/** @type {import("./vault/vault.js").Store} */
const nothing = {
  get: () => Promise.reject(new Failure("unsupported")),
  put: () => Promise.reject(new Failure("unsupported")),
  update: () => Promise.reject(new Failure("unsupported")),
};

void begin();

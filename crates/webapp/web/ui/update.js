// A new version of the app: installed beside the one that runs, and taken when the person wants it.

import { button, h } from "./dom.js";

/** @import { App } from "./app.js" */

/** A browser looks for one when the app starts; one that stays open for weeks looks when it is shown again. */
const LOOK_EVERY_MS = 60 * 60 * 1000;

/** Keeps the app for use without a network, and offers a new version once there is one. @param {App} app */
export async function keepUpToDate(app) {
  const container = navigator.serviceWorker;
  reloadWhenReplaced(container);
  const registration = await container.register("sw.js", { updateViaCache: "none" });
  const look = () => {
    // Without a version that runs, the first one only waits for its turn.
    if (registration.waiting && container.controller) offer(app, registration.waiting);
  };
  look();
  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", look);
  });
  lookAgain(registration);
}

/** All files of a page are of one version. @param {ServiceWorkerContainer} container */
function reloadWhenReplaced(container) {
  let isReplaced = container.controller !== null;
  container.addEventListener("controllerchange", () => {
    if (isReplaced) location.reload();
    isReplaced = true;
  });
}

/** @param {ServiceWorkerRegistration} registration */
function lookAgain(registration) {
  let lookedMs = Date.now();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible" || Date.now() - lookedMs < LOOK_EVERY_MS) return;
    lookedMs = Date.now();
    // Without a network there is another time.
    registration.update().catch(console.warn);
  });
}

/** @param {App} app @param {ServiceWorker} waiting */
function offer(app, waiting) {
  document.querySelector(".update")?.remove();
  const { ready, take } = app.words.update;
  const accept = button(take, () => waiting.postMessage("take over"), "quiet");
  document.getElementById("app")?.before(h("div", { class: "update", role: "status" }, h("p", {}, ready), accept));
}

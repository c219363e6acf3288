// Installing the app, where the browser offers it.

import { button } from "./dom.js";

/** @import { App } from "./app.js" */

/** @typedef {Event & { prompt: () => Promise<unknown> }} InstallPrompt */

/** Shows the browser's offer as a button below whatever is on the welcome screen. @param {App} app */
export function offerInstallation(app) {
  window.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    const offer = /** @type {InstallPrompt} */ (event);
    const install = button(app.words.welcome.install, () => {
      install.remove();
      void offer.prompt();
    }, "quiet install");
    document.querySelector(".welcome")?.append(install);
  });
}

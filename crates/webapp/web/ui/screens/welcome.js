// Before there is a token.

import { h, icon } from "../dom.js";
import { mark } from "./pin.js";
import { ways } from "./add.js";

/** @import { App, Screen } from "../app.js" */

/** @param {App} app @returns {Screen} */
export function welcome(app) {
  const { words } = app;
  const element = h(
    "section",
    { class: "page welcome" },
    h(
      "header",
      { class: "bar end" },
      h(
        "button",
        { type: "button", class: "icon-button", "aria-label": words.list.settings, on: { click: () => app.go("settings") } },
        icon("settings"),
      ),
    ),
    h("div", { class: "hero" }, mark(), h("h1", { tabindex: "-1" }, words.welcome.title), h("p", { class: "lead" }, words.welcome.lead)),
    ways(app),
    isUninstalledOnIos() && h("p", { class: "hint" }, words.welcome.installIos),
  );
  return { element };
}

/** Safari on iOS offers no installation by itself, and is the one browser that has this property. */
const isUninstalledOnIos = () => "standalone" in navigator && navigator.standalone === false;

// The PIN before everything else.

import { Failure } from "../../core/failure.js";
import { button, field, h } from "../dom.js";
import { mark, pinInput } from "./pin.js";

/** @import { App, Screen } from "../app.js" */

/** @param {App} app @returns {Screen} */
export function lockScreen(app) {
  const { words } = app;
  const pin = pinInput("current-password");
  const state = h("div", { class: "below" });
  const submit = h("button", { type: "submit", class: "button primary wide" }, words.pin.unlock);

  const unlock = async () => {
    submit.disabled = true;
    submit.textContent = words.pin.checking;
    try {
      await app.session.unlock(pin.value);
      await app.route();
      void app.session.settleReceipts();
    } catch (error) {
      pin.value = "";
      submit.disabled = false;
      submit.textContent = words.pin.unlock;
      if (error instanceof Failure && error.kind === "wiped") {
        await app.finish();
        app.show(wipedScreen(app, error));
        return;
      }
      state.replaceChildren(app.alert(error));
      pin.focus();
    }
  };

  const verify = async () => {
    try {
      await app.session.unlockByPasskey();
      await app.route();
      void app.session.settleReceipts();
    } catch (error) {
      state.replaceChildren(app.alert(error));
    }
  };

  const passkey = button(words.pin.passkey, () => void verify(), "wide");
  passkey.hidden = true;
  void app.session.safe.passkey().then((known) => (passkey.hidden = known === undefined));

  void app.session.safe.triesLeft().then((left) => {
    if (left < 10 && state.childElementCount === 0) state.append(h("p", { class: "hint" }, words.pin.left(left)));
  });

  const form = h(
    "form",
    { class: "centred", on: { submit: (event) => (event.preventDefault(), void unlock()) } },
    mark(),
    h("h1", { tabindex: "-1" }, words.pin.enter),
    field(words.pin.pin, pin),
    submit,
    passkey,
    state,
    h("p", { class: "hint" }, words.pin.forgotten),
    button(words.settings.erase, () => void app.erase(), "danger quiet"),
  );
  return { element: form, focus: pin };
}

/** @param {App} app @param {Failure} failure @returns {Screen} */
const wipedScreen = (app, failure) => ({
  element: h(
    "section",
    { class: "centred" },
    mark(),
    h("h1", { tabindex: "-1" }, app.words.app),
    app.alert(failure),
    h("button", { type: "button", class: "button primary wide", on: { click: () => void app.route() } }, app.words.done),
  ),
});

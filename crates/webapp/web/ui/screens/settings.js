// Preferences, the PIN, the device.

import { languages } from "../../text/languages.js";
import { button, field, h } from "../dom.js";
import { page } from "../app.js";
import { allowsPasskey } from "../../vault/contents.js";
import { isOffered } from "../../vault/passkey.js";
import { LOCK_AFTER_MIN } from "../preferences.js";
import { APP_VERSION } from "../session.js";

/** @import { App, Screen } from "../app.js" */
/** @import { Theme } from "../preferences.js" */

/** @param {App} app @returns {Screen} */
export function settingsScreen(app) {
  const { words, preferences } = app;
  const { settings } = words;
  const isOpen = app.session.isOpen;
  const redraw = () => app.show(settingsScreen(app));
  const theme = choice(Object.entries(settings.themes), preferences.theme, (value) => {
    app.prefer({ theme: /** @type {Theme} */ (value) });
  });
  const names = Object.entries(languages).map(([code, { language }]) => /** @type {[string, string]} */ ([code, language]));
  const language = choice([["auto", settings.languageAuto], ...names], preferences.language, (value) => {
    app.prefer({ language: value });
    void app.waking?.learnWords();
    redraw();
  });
  const minutes = LOCK_AFTER_MIN.map((count) => /** @type {[string, string]} */ ([String(count), settings.minutes(count)]));
  const lockAfter = choice(minutes, String(preferences.lockAfterMin), (value) => {
    app.prefer({ lockAfterMin: Number(value) });
  });
  const hidden = h("input", { type: "checkbox", checked: preferences.hidden, on: { change: () => app.prefer({ hidden: hidden.checked }) } });
  const device = h("dl", { class: "facts" });
  void describe(app, device);

  const element = page(
    app,
    settings.title,
    group(settings.look, field(settings.theme, theme), field(settings.language, language), h("label", { class: "check" }, hidden, settings.hidden)),
    isOpen &&
      group(
        settings.security,
        field(settings.lockAfter, lockAfter),
        button(settings.changePin, () => app.go("pin"), "wide"),
        passkeySwitch(app),
      ),
    isOpen && wakingSwitch(app),
    isOpen && group(settings.backup, button(settings.export, () => app.go("export"), "wide")),
    group(settings.device, device),
    isOpen && button(settings.erase, () => void app.erase(), "danger quiet wide"),
  );
  return { element };
}

/** The device's own lock beside the PIN, where it has one and no issuer insists on the PIN. @param {App} app */
function passkeySwitch(app) {
  const { settings } = app.words;
  const place = h("div", { class: "form" });
  const state = h("div", { class: "below" });

  const turn = async (/** @type {boolean} */ isOn) => {
    try {
      await (isOn ? app.session.safe.removePasskey() : app.session.addPasskey());
      await draw();
      app.toast(isOn ? settings.passkeyOff : settings.passkeyOn);
    } catch (error) {
      state.replaceChildren(app.alert(error));
    }
  };

  const draw = async () => {
    const isOn = (await app.session.safe.passkey()) !== undefined;
    const mayBe = isOn || ((await isOffered()) && allowsPasskey(app.session.contents));
    const label = isOn ? settings.passkeyRemove : settings.passkeyAdd;
    state.replaceChildren();
    place.replaceChildren(...(mayBe ? [button(label, () => void turn(isOn), "wide"), state] : []));
  };
  void draw();
  return place;
}

/** Notifications while the app is closed, where browser and relay have them. @param {App} app */
function wakingSwitch(app) {
  const { settings } = app.words;
  const { waking } = app;
  if (!waking?.isOffered) return false;
  const state = h("div", { class: "below" });
  const press = button("", () => void turn(), "wide");

  const turn = async () => {
    const wasOn = waking.isOn;
    press.disabled = true;
    state.replaceChildren();
    try {
      await (wasOn ? waking.turnOff() : waking.turnOn());
      app.toast(wasOn ? settings.noticesAreOff : settings.noticesAreOn);
    } catch (error) {
      state.replaceChildren(app.alert(error));
    }
    press.disabled = false;
    draw();
  };
  const draw = () => (press.textContent = waking.isOn ? settings.noticesOff : settings.noticesOn);
  draw();
  return group(settings.notices, h("p", { class: "hint" }, settings.noticesLead), press, state);
}

/** @param {string} title @param {...HTMLElement} children */
const group = (title, ...children) => h("section", { class: "group-box" }, h("h2", {}, title), ...children);

/** @param {[string, string][]} options @param {string} chosen @param {(value: string) => void} choose */
function choice(options, chosen, choose) {
  const select = h("select", { on: { change: () => choose(select.value) } });
  for (const [value, label] of options) select.append(h("option", { value, selected: value === chosen }, label));
  return select;
}

/** @param {App} app @param {HTMLElement} list */
async function describe(app, list) {
  const { settings } = app.words;
  const { registrationId } = await app.session.safe.device();
  for (const [term, value] of [[settings.version, APP_VERSION], [settings.registration, registrationId]]) {
    list.append(h("div", {}, h("dt", {}, term ?? ""), h("dd", {}, value ?? "")));
  }
}

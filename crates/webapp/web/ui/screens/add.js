// All ways to a token.

import { Failure } from "../../core/failure.js";
import { grouped } from "../../core/code.js";
import { parseName } from "../../vault/contents.js";
import { field, h, icon } from "../dom.js";
import { page } from "../app.js";
import { takeHanded, takeText, takeTyped } from "../intake.js";
import { qrOfPicture } from "../qr.js";

/** @import { App, Screen } from "../app.js" */
/** @import { IconName } from "../dom.js" */

/** @param {App} app @returns {Screen} */
export const addScreen = (app) => ({ element: page(app, app.words.add.title, ways(app)) });

/** @param {App} app */
export function ways(app) {
  const { add } = app.words;
  const state = h("div", { class: "below" });
  const picture = h("input", {
    type: "file",
    accept: "image/*",
    class: "unseen",
    tabindex: "-1",
    "aria-label": add.picture,
    on: { change: () => void read() },
  });

  const read = async () => {
    const [file] = picture.files ?? [];
    picture.value = "";
    if (!file) return;
    state.replaceChildren();
    try {
      await takeText(app, await qrOfPicture(file));
    } catch (error) {
      state.replaceChildren(app.alert(error));
    }
  };

  /** @param {IconName} name @param {string} label @param {string} hint @param {() => void} act @param {string} [kind] */
  const way = (name, label, hint, act, kind = "") =>
    h(
      "button",
      { type: "button", class: `way ${kind}`, on: { click: act } },
      icon(name),
      h("span", { class: "way-label" }, label),
      h("span", { class: "way-hint" }, hint),
    );

  return h(
    "div",
    { class: "ways" },
    way("scan", add.scan, add.scanHint, () => app.go("scan"), "first"),
    way("picture", add.picture, add.pictureHint, () => picture.click()),
    way("type", add.type, add.typeHint, () => app.go("type")),
    way("link", add.paste, add.pasteHint, () => app.go("paste")),
    way("file", add.file, add.fileHint, () => app.go("import")),
    picture,
    state,
  );
}

/** A code of 16 characters, and a name. @param {App} app @returns {Screen} */
export function typeScreen(app) {
  const { add } = app.words;
  const code = h("input", {
    class: "typed-code",
    autocomplete: "off",
    autocapitalize: "characters",
    spellcheck: "false",
    required: true,
    on: { blur: () => (code.value = grouped(code.value)) },
  });
  const name = h("input", { autocomplete: "off" });
  const submit = async () => takeTyped(app, code.value, name.value.trim() && parseName(name.value));
  return form(app, add.type, code, submit, field(add.code, code, add.codeHint), field(add.name, name, add.nameHint));
}

/** @param {App} app @returns {Screen} */
export function pasteScreen(app) {
  const { add } = app.words;
  const link = h("textarea", { rows: "5", autocomplete: "off", spellcheck: "false", required: true });
  return form(app, add.paste, link, () => takeText(app, link.value.trim()), field(add.link, link, add.pasteHint));
}

/** What a message, or another address of this app, handed over in the address. @param {App} app @param {string} link @returns {Screen} */
export function handedScreen(app, link) {
  const state = h("div", { class: "below" });
  history.replaceState(null, "", location.pathname);
  void takeHanded(app, link).catch((error) => state.replaceChildren(app.alert(error)));
  return { element: page(app, app.words.add.title, state) };
}

/**
 * @param {App} app
 * @param {string} title
 * @param {HTMLElement} focus
 * @param {() => Promise<void>} take
 * @param {...HTMLElement} fields
 * @returns {Screen}
 */
function form(app, title, focus, take, ...fields) {
  const state = h("div", { class: "below" });
  const submit = async () => {
    state.replaceChildren();
    try {
      await take();
    } catch (error) {
      state.replaceChildren(app.alert(error));
      if (!(error instanceof Failure)) throw error;
    }
  };
  const element = h(
    "form",
    { class: "form", on: { submit: (event) => (event.preventDefault(), void submit()) } },
    ...fields,
    h("button", { type: "submit", class: "button primary wide" }, app.words.add.submit),
    state,
  );
  return { element: page(app, title, element), focus };
}

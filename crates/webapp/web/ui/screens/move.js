// A token on its way to another device: begun, followed, taken back.

import { encodeQR } from "../../vendor/qr/index.js";
import { button, drawing, field, h } from "../dom.js";
import { page } from "../app.js";
import { pinInput, provePin } from "./pin.js";
import { discard } from "./token.js";

/** @import { Action, Standing } from "../../core/transfer.js" */
/** @import { App, Screen } from "../app.js" */

/** How often the gateway is asked whether the other device has the token. */
const LOOK_EVERY_S = 2;
/** Light modules around the code (ISO/IEC 18004, 9.1). */
const QUIET = 4;

/** @param {App} app @param {string} id @returns {Screen} */
export function moveScreen(app, id) {
  const token = app.session.isOpen && app.session.contents.tokens.find((known) => known.id === id);
  if (!token || token.serial === null) {
    app.go();
    return { element: h("section", {}) };
  }
  const { words } = app;
  const { serial, seed, name } = token;
  const state = h("div", { class: "below", "aria-live": "polite" });
  let isFollowed = false;
  let isAsking = false;
  let lookAtS = 0;

  /** Nothing is erased on the word of an answer that nobody signed. */
  const showMoved = () => {
    isFollowed = false;
    state.replaceChildren(
      h("p", { class: "lead" }, words.move.moved(name)),
      h("p", {}, words.move.kept),
      button(words.token.remove, () => void discard(app, token, words.move.removeLead), "danger wide"),
    );
  };

  /** @param {Action} action @returns {Promise<Standing | null>} nothing where the token is on another device */
  const ask = async (action) => {
    const standing = await app.session.wish({ serial, seed }, action);
    if (standing !== "moved") return standing;
    showMoved();
    return null;
  };

  /** @param {() => Promise<void>} work */
  const attempt = async (work) => {
    if (isAsking) return;
    isAsking = true;
    try {
      await work();
    } catch (error) {
      isFollowed = false;
      state.replaceChildren(app.alert(error), ...(app.session.isOpen ? [choices()] : []));
    } finally {
      isAsking = false;
    }
  };

  /** @param {Action} action @param {string} pin */
  const begin = (action, pin) =>
    attempt(async () => {
      state.replaceChildren(h("p", {}, words.pin.checking));
      await provePin(app, pin);
      state.replaceChildren(h("p", {}, words.move.working));
      const standing = await ask(action);
      if (standing) show(standing);
    });

  /** Whoever has the code has the token: an app that was left open does not give it away. */
  const choices = () => {
    const pin = pinInput("current-password");
    const submit = (/** @type {Event} */ event) => (event.preventDefault(), void begin("begin-mailed", pin.value));
    return h(
      "form",
      { class: "form", on: { submit } },
      field(words.pin.pin, pin, words.move.pinHint),
      h("button", { type: "submit", class: "button primary wide" }, words.move.mail),
      button(words.move.show, () => void begin("begin-shown", pin.value), "wide"),
    );
  };

  const cancel = () =>
    attempt(async () => {
      if (!(await ask("cancel"))) return;
      isFollowed = false;
      state.replaceChildren(choices());
      app.toast(words.move.cancelled);
    });

  /** @param {Standing} standing */
  const show = (standing) => {
    isFollowed = standing.state !== "none";
    if (!isFollowed) return state.replaceChildren(choices());
    state.replaceChildren(
      ...(standing.link === null ? [] : [qr(standing.link, words.move.qr)]),
      h("p", { class: "lead" }, told(standing)),
      h("p", {}, words.move.until),
      button(words.move.cancel, () => void cancel(), "quiet wide"),
    );
  };

  /** @param {Standing} standing */
  const told = ({ state: at, link, sentTo }) => {
    if (at === "asked") return words.move.asked;
    return link === null ? words.move.sent(sentTo ?? "") : words.move.scan;
  };

  const look = () =>
    attempt(async () => {
      const before = isFollowed;
      const standing = await ask("look");
      if (!standing || (standing.state === "none" && !before)) return;
      if (!before || standing.state === "none") show(standing);
    });

  state.append(choices());
  void look();
  const element = page(app, words.move.title(name), h("p", { class: "lead" }, words.move.lead), state);
  const tick = (/** @type {number} */ nowS) => {
    if (!isFollowed || nowS < lookAtS) return;
    lookAtS = nowS + LOOK_EVERY_S;
    void look();
  };
  return { element, tick };
}

/** @param {string} text @param {string} label */
function qr(text, label) {
  const modules = encodeQR(text, "raw", { border: QUIET });
  const side = modules.length;
  const dark = modules.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
  const svg = drawing("svg", { viewBox: `0 0 ${side} ${side}`, class: "qr", role: "img", "aria-label": label });
  svg.append(
    drawing("path", { d: `M0 0h${side}v${side}h-${side}z`, fill: "#fff" }),
    drawing("path", { d: dark.join(""), fill: "#000" }),
  );
  return svg;
}

// A token on its way to another device: begun, followed, taken back.

import { Failure } from "../../core/failure.js";
import { encodeQR } from "../../vendor/qr/index.js";
import { button, drawing, field, h } from "../dom.js";
import { page } from "../app.js";
import { pinInput, provePin } from "./pin.js";
import { discard } from "./token.js";

/** @import { Kind } from "../../core/failure.js" */
/** @import { Action, Standing } from "../../core/transfer.js" */
/** @import { App, Screen } from "../app.js" */

/** How often the gateway is asked whether the other device has the token. */
const LOOK_EVERY_S = 2;
/** That no gateway has answered. @type {readonly Kind[]} */
const SILENCE = ["network", "server-status", "server-message"];
/** What is seen of a token that is here alone: the form that begins a transfer. */
const NOT_BEGUN = "none";
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
  const lost = h("div", { class: "below" });
  /** What is seen; null while it is neither the form nor a transfer. @type {string | null} */
  let seen = NOT_BEGUN;
  /** What the gateway is asked. @type {Action | null} */
  let asked = null;
  let turn = 0;
  /** Whether it is asked again how the token stands: while the other device is waited for, or nobody answered. */
  let isFollowed = true;
  let lookAtS = 0;

  /**
   * Asks the gateway. A look gives way to what the person wishes: what it brings then is passed over.
   *
   * @param {Action} action
   * @param {() => Promise<void>} [prepare]
   */
  const ask = async (action, prepare = async () => {}) => {
    if (asked !== null && asked !== "look") return;
    asked = action;
    turn += 1;
    const mine = turn;
    const settle = (/** @type {() => void} */ tell) => {
      if (mine !== turn) return;
      asked = null;
      tell();
    };
    try {
      await prepare();
      const standing = await app.session.wish({ serial, seed }, action);
      settle(() => (standing === "moved" ? showMoved() : answered(action, standing)));
    } catch (error) {
      settle(() => failed(action, error));
    }
  };

  /** @param {Action} action @param {Standing} standing */
  const answered = (action, standing) => {
    lost.replaceChildren();
    isFollowed = standing.state !== "none";
    // What is being typed stays.
    if (seenOf(standing) !== seen) show(standing);
    if (action === "cancel" && !isFollowed) app.toast(words.move.cancelled);
  };

  /** A refusal ends what was asked for; where nobody answered, what was known is known still. @param {Action} action @param {unknown} error */
  const failed = (action, error) => {
    const isLost = error instanceof Failure && SILENCE.includes(error.kind);
    if (action === "cancel" || (action === "look" && isLost)) {
      // Once is enough for who hears the screen read.
      if (action === "cancel" || lost.childElementCount === 0) lost.replaceChildren(app.alert(error));
      return;
    }
    // A transfer that nobody answered for may have been begun all the same.
    isFollowed = isLost;
    lost.replaceChildren();
    if (action === "look") {
      seen = null;
      state.replaceChildren(app.alert(error, button(words.again, () => void ask("look"), "primary")));
    } else {
      seen = NOT_BEGUN;
      state.replaceChildren(app.alert(error), ...(app.session.isOpen ? [choices()] : []));
    }
  };

  /** Nothing is erased on the word of an answer that nobody signed. */
  const showMoved = () => {
    isFollowed = false;
    lost.replaceChildren();
    state.replaceChildren(
      h("p", { class: "lead" }, words.move.moved(name)),
      h("p", {}, words.move.kept),
      button(words.token.remove, () => void discard(app, token, words.move.removeLead), "danger wide"),
    );
  };

  /** @param {Action} action @param {string} pin */
  const begin = (action, pin) =>
    ask(action, async () => {
      seen = null;
      lost.replaceChildren();
      state.replaceChildren(h("p", {}, words.pin.checking));
      await provePin(app, pin);
      state.replaceChildren(h("p", {}, words.move.working));
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

  /** @param {Standing} standing */
  const show = (standing) => {
    seen = seenOf(standing);
    if (standing.state === "none") return state.replaceChildren(choices());
    state.replaceChildren(
      ...(standing.link === null ? [] : [qr(standing.link, words.move.qr)]),
      h("p", { class: "lead" }, told(standing)),
      h("p", {}, words.move.until),
      button(words.move.cancel, () => void ask("cancel"), "quiet wide"),
    );
  };

  /** @param {Standing} standing */
  const told = ({ state: at, link, sentTo }) => {
    if (at === "asked") return words.move.asked;
    return link === null ? words.move.sent(sentTo ?? "") : words.move.scan;
  };

  state.append(choices());
  const element = page(app, words.move.title(name), h("p", { class: "lead" }, words.move.lead), lost, state);
  const tick = (/** @type {number} */ nowS) => {
    if (!isFollowed || asked !== null || nowS < lookAtS) return;
    lookAtS = nowS + LOOK_EVERY_S;
    void ask("look");
  };
  return { element, tick };
}

/** @param {Standing} standing */
const seenOf = ({ state, link, sentTo }) => (state === "none" ? NOT_BEGUN : JSON.stringify([state, link, sentTo]));

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

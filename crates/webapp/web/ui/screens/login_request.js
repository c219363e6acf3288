// A login that waits for the person's word, above whatever is shown.

import { button, field, h } from "../dom.js";
import { nowS } from "../session.js";
import { badge } from "./badge.js";

/** @import { App } from "../app.js" */
/** @import { Decision } from "../../core/push.js" */
/** @import { Ending, Waiting } from "../pushes.js" */

const TICK_MS = 250;
/** A tap that was meant for what stood there before approves nothing. */
const DEAF_MS = 700;

/**
 * @param {App} app
 * @param {Waiting} waiting
 * @param {(decision: Decision) => Promise<void>} answer
 * @param {(ending: Ending) => void} ended
 * @returns {(ending: Ending) => void} takes it away
 */
export function showLoginRequest(app, { request, token, offsetS }, answer, ended) {
  const words = app.words.push;
  const state = h("div", { class: "below" });
  const left = h("span", { class: "left", role: "timer", "aria-live": "off" });
  const bar = h("span", { class: "bar-rest" });

  /** @type {Ending | null} */
  let over = null;

  /** An answer may still be on its way when something else ends it. @param {Ending} ending */
  const close = (ending) => {
    if (over !== null) return;
    over = ending;
    clearInterval(ticking);
    dialog.close();
    dialog.remove();
    if (ending !== "locked" && ending !== "answered") app.toast(words.endings[ending]);
    ended(ending);
  };

  const tick = () => {
    const seconds = Math.ceil(request.expiresS - (nowS() - offsetS));
    left.textContent = words.left(Math.max(0, seconds));
    bar.style.setProperty("--share", String(Math.max(0, Math.min(1, seconds / (request.expiresS - request.timeS || 1)))));
    if (seconds <= 0) close("expired");
  };

  /** @param {Decision} decision */
  const say = async (decision) => {
    state.replaceChildren();
    for (const choice of choices) choice.disabled = true;
    try {
      await answer(decision);
      close("answered");
      // Whoever has the answer takes the login back, which may be heard of first.
      if (over === "answered" || over === "withdrawn") app.toast(words.said[decision.word]);
    } catch (error) {
      for (const choice of choices) choice.disabled = false;
      state.replaceChildren(app.alert(error));
    }
  };

  const title = h("h2", { id: "login-request", tabindex: "-1" }, words.title);
  const approval = request.approval === "number" ? numberForm(app, say) : tapForm(app, say);
  const deny = button(words.deny, () => void say({ word: "deny", number: null }), "wide");
  const notMe = button(words.notMe, () => void say({ word: "not-me", number: null }), "danger quiet wide");
  const ignore = button(words.ignore, () => close("left"), "quiet wide");
  const choices = [approval.submit, deny, notMe];

  const facts = [
    [words.user, request.user],
    [words.service, request.service],
    [words.source, request.source],
    [words.time, new Date((request.timeS + offsetS) * 1000).toLocaleTimeString(document.documentElement.lang)],
  ].map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", { dir: "auto" }, value)));

  const dialog = h(
    "dialog",
    { class: "sheet login-request", "aria-labelledby": "login-request", "aria-describedby": "login-request-lead" },
    h("header", { class: "request-head" }, badge(token.issuer), title),
    h("p", { id: "login-request-lead" }, words.lead(token.name)),
    h("dl", { class: "request-facts" }, ...facts),
    offsetS !== 0 && h("p", { class: "notice" }, words.clock(app.words.offset(offsetS))),
    h("p", { class: "time-left" }, left, h("span", { class: "bar-whole", "aria-hidden": "true" }, bar)),
    approval.element,
    state,
    h("div", { class: "actions" }, deny, notMe, ignore),
  );
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close("left");
  });
  const ticking = setInterval(tick, TICK_MS);
  document.body.append(dialog);
  dialog.showModal();
  (approval.focus ?? title).focus();
  tick();
  return close;
}

/** @typedef {{ element: HTMLElement, submit: HTMLButtonElement, focus: HTMLElement | null }} Approval */

/** Two digits that only the login shows. @param {App} app @param {(decision: Decision) => Promise<void>} say @returns {Approval} */
function numberForm(app, say) {
  const words = app.words.push;
  const number = h("input", {
    class: "pin",
    inputmode: "numeric",
    autocomplete: "off",
    pattern: "[0-9]{2}",
    maxlength: 2,
    required: true,
    title: words.numberHint,
  });
  const submit = h("button", { type: "submit", class: "button primary wide" }, words.approve);
  const element = h(
    "form",
    { class: "form", on: { submit: (event) => (event.preventDefault(), void say({ word: "approve", number: number.value })) } },
    field(words.number, number, words.numberHint),
    submit,
  );
  return { element, submit, focus: number };
}

/** Not focused: a stroke that was meant for something else approves nothing. @param {App} app @param {(decision: Decision) => Promise<void>} say @returns {Approval} */
function tapForm(app, say) {
  const submit = button(app.words.push.approve, () => void say({ word: "approve", number: null }), "primary wide");
  submit.disabled = true;
  setTimeout(() => (submit.disabled = false), DEAF_MS);
  return { element: submit, submit, focus: null };
}

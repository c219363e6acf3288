// The codes.

import { code, remainingS, stepAt } from "../../core/otp.js";
import { advance, receiptOf, search } from "../../vault/contents.js";
import { button, drawing, h, icon, iconButton } from "../dom.js";
import { badge } from "./badge.js";
import { welcome } from "./welcome.js";

/** @import { App, Screen } from "../app.js" */
/** @import { Token } from "../../vault/contents.js" */

/** Below this many a person sees all at a glance. */
const SEARCH_FROM = 5;
/** The next code is worth showing when there is hardly time to type this one. */
const NEXT_WITHIN_S = 15;
const MAX_CLOCK_OFFSET_S = 60;

/** @param {App} app @returns {Screen} */
export function listScreen(app) {
  if (!app.session.isOpen || app.session.contents.tokens.length === 0) return welcome(app);
  const { words, session } = app;
  const cards = new Map(session.contents.tokens.map((token) => [token.id, card(app, token)]));
  const nothing = h("p", { class: "nothing", hidden: true }, words.list.nothing);
  const list = h("ul", { class: "cards" }, ...[...cards.values()].map(({ element }) => element));
  const [logins, notice, receipts] = [noticesPlace(), noticesPlace(), noticesPlace()];
  const find = h("input", {
    type: "search",
    placeholder: words.list.search,
    "aria-label": words.list.search,
    autocomplete: "off",
    on: { input: () => filter() },
  });

  const filter = () => {
    const found = new Set(search(session.contents, find.value).map(({ id }) => id));
    for (const [id, { element }] of cards) element.hidden = !found.has(id);
    nothing.hidden = found.size > 0;
  };

  const hidden = app.preferences.hidden;
  const toggle = () => {
    app.prefer({ hidden: !hidden });
    void app.route();
  };

  const element = h(
    "section",
    { class: "page home" },
    h(
      "header",
      { class: "bar" },
      h("h1", { tabindex: "-1" }, words.list.title),
      iconButton(hidden ? "eye" : "eyeOff", hidden ? words.list.show : words.list.hide, toggle),
      iconButton("settings", words.list.settings, () => app.go("settings")),
      iconButton("lock", words.list.lock, () => void app.lock()),
    ),
    cards.size >= SEARCH_FROM && h("div", { class: "search" }, icon("search"), find),
    logins,
    notice,
    receipts,
    list,
    nothing,
    h(
      "button",
      { type: "button", class: "button primary float", on: { click: () => app.go("add") } },
      icon("add"),
      words.list.add,
    ),
  );
  const tellLogins = loginTeller(app, logins);
  const tellReceipts = receiptTeller(app, receipts);
  void warnOfClock(app, notice);
  return {
    element,
    tick: (now) => {
      tellLogins();
      tellReceipts();
      for (const { tick } of cards.values()) tick(now);
    },
  };
}

const noticesPlace = () => h("div", { class: "notices" });

/** @param {App} app @param {HTMLElement} notice */
async function warnOfClock(app, notice) {
  const offsetS = await app.session.clockOffsetS();
  if (offsetS === null || Math.abs(offsetS) <= MAX_CLOCK_OFFSET_S) return;
  notice.replaceChildren(h("p", { class: "notice", role: "status" }, app.words.list.clock(app.words.offset(offsetS))));
}

/**
 * Says which logins were put aside, with the way back to them, and why none are heard of, for as long as that stands.
 *
 * @param {App} app
 * @param {HTMLElement} place
 */
function loginTeller(app, place) {
  let told = "";
  return () => {
    const { pushes, words } = app;
    if (!pushes) return;
    const { left, failure } = pushes;
    const notices = [
      ...(failure === null ? [] : [words.list.deaf(app.explain(failure).title)]),
      ...(left === 0 ? [] : [words.push.waiting(left)]),
    ];
    if (notices.join("\n") === told) return;
    told = notices.join("\n");
    const lines = notices.map((text) => h("p", { class: "notice", role: "status" }, text));
    place.replaceChildren(...lines, ...(left === 0 ? [] : [button(words.push.show, () => pushes.showLeft(), "wide")]));
  };
}

/**
 * Says of which tokens it is not known, or not so, that they are here, for as long as that stands.
 *
 * @param {App} app
 * @param {HTMLElement} place
 */
function receiptTeller(app, place) {
  let told = "";
  return () => {
    if (!app.session.isOpen) return;
    const { contents } = app.session;
    const { unheard, refused } = app.words.list;
    const notices = /** @type {const} */ ([["owed", unheard], ["refused", refused]]).flatMap(([state, words]) => {
      const names = contents.tokens.filter(({ serial }) => receiptOf(contents, serial) === state).map(({ name }) => name);
      return names.length === 0 ? [] : [words(names.join(", "))];
    });
    if (notices.join("\n") === told) return;
    told = notices.join("\n");
    place.replaceChildren(...notices.map((text) => h("p", { class: "notice", role: "status" }, text)));
  };
}

/** @param {App} app @param {Token} token */
function card(app, token) {
  const { words } = app;
  const digits = h("span", { class: "digits" });
  const next = h("span", { class: "next", "aria-hidden": "true" });
  const timer = token.shape.type === "totp" ? ring(words.list.left) : null;
  let isHidden = app.preferences.hidden;
  let shown = "";
  let step = -1;

  const draw = () => {
    const text = shown === "" || isHidden ? "•".repeat(token.shape.digits) : shown;
    digits.replaceChildren(...grouped(text));
    const label = shown === "" || isHidden ? words.list.reveal(token.name) : words.list.copy(token.name);
    copy.setAttribute("aria-label", shown === "" || isHidden ? label : `${shown}. ${label}`);
  };

  const press = async () => {
    if (isHidden) {
      isHidden = false;
      draw();
    } else if (shown !== "") {
      await copyText(app, shown);
    }
  };

  const copy = h("button", { type: "button", class: "code", on: { click: () => void press() } }, digits);

  /** @param {number} now */
  const show = async (now) => {
    const current = stepAt(token.shape, now);
    if (current !== step) {
      step = current;
      const [code1, code2] = await Promise.all([
        code(token.seed, token.shape, step),
        code(token.seed, token.shape, step + 1),
      ]);
      shown = code1;
      next.textContent = `${words.list.next}\n${spaced(code2)}`;
      draw();
    }
  };

  const count = async () => {
    const { counter } = app.session.contents.tokens.find(({ id }) => id === token.id) ?? token;
    await app.session.change((contents) => advance(contents, token.id));
    shown = await code(token.seed, token.shape, counter);
    isHidden = false;
    draw();
  };

  const element = h(
    "li",
    { class: "card", "data-id": token.id },
    badge(token.issuer),
    h(
      "button",
      {
        type: "button",
        class: "names",
        title: words.list.details(token.name),
        on: { click: () => app.go(`token/${token.id}`) },
      },
      h("span", { class: "name" }, token.name),
      h("span", { class: "issuer" }, subtitle(token)),
    ),
    timer?.element ?? iconButton("refresh", words.list.newCode, () => void count()),
    copy,
    next,
  );
  draw();

  /** @param {number} now */
  const tick = (now) => {
    if (!timer) return;
    const left = remainingS(token.shape, now);
    timer.set(left / token.shape.period, Math.ceil(left));
    element.classList.toggle("ending", left <= 5);
    next.classList.toggle("visible", left <= NEXT_WITHIN_S && !isHidden);
    void show(now);
  };
  return { element, tick };
}

/** @param {Token} token */
function subtitle({ name, issuer, account, serial }) {
  const parts = [issuer === name ? "" : issuer, account, issuer === name && !account ? (serial ?? "") : ""];
  return parts.filter(Boolean).join(" · ");
}

/** What is left of a period. @param {(seconds: number) => string} label */
function ring(label) {
  const rest = drawing("circle", { class: "rest", cx: "18", cy: "18", r: "15", pathLength: "1", "stroke-dasharray": "1" });
  const svg = drawing("svg", { viewBox: "0 0 36 36", "aria-hidden": "true" });
  svg.append(drawing("circle", { class: "whole", cx: "18", cy: "18", r: "15" }), rest);
  const seconds = h("span", { class: "seconds", "aria-hidden": "true" });
  const element = h("span", { class: "ring", role: "timer", "aria-live": "off" }, svg, seconds);
  return {
    element,
    /** @param {number} share @param {number} left */
    set: (share, left) => {
      rest.setAttribute("stroke-dashoffset", String(1 - share));
      seconds.textContent = String(left);
      element.setAttribute("aria-label", label(left));
    },
  };
}

/** In halves, with room between that is not copied. @param {string} text */
function grouped(text) {
  const half = Math.ceil(text.length / 2);
  return [text.slice(0, half), text.slice(half)].map((part) => h("span", { class: "group" }, part));
}

/** @param {string} text */
const spaced = (text) => `${text.slice(0, Math.ceil(text.length / 2))} ${text.slice(Math.ceil(text.length / 2))}`;

/** @param {App} app @param {string} text */
async function copyText(app, text) {
  try {
    await navigator.clipboard.writeText(text);
    app.toast(app.words.list.copied);
  } catch {
    app.toast(app.words.list.notCopied);
  }
}

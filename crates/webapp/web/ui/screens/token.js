// One token: its name, its place, what is known of it, its end.

import { move, remove, rename } from "../../vault/contents.js";
import { button, field, h, icon } from "../dom.js";
import { page } from "../app.js";
import { badge } from "./badge.js";

/** @import { App, Screen } from "../app.js" */
/** @import { Token } from "../../vault/contents.js" */

/** @param {App} app @param {string} id @returns {Screen} */
export function tokenScreen(app, id) {
  const token = app.session.isOpen && app.session.contents.tokens.find((known) => known.id === id);
  if (!token) {
    app.go();
    return { element: h("section", {}) };
  }
  const { words } = app;
  const name = h("input", { value: token.name, autocomplete: "off", required: true });
  const state = h("div", { class: "below" });
  const facts = h("dl", { class: "facts" });
  void describe(app, token, facts);

  const save = async () => {
    state.replaceChildren();
    try {
      await app.session.change((contents) => rename(contents, id, name.value));
      app.toast(words.token.renamed);
    } catch (error) {
      state.replaceChildren(app.alert(error));
    }
  };

  const shift = async (/** @type {number} */ by) => {
    const place = app.session.contents.tokens.findIndex((known) => known.id === id);
    await app.session.change((contents) => move(contents, id, place + by));
    app.go();
  };

  const removeLead = token.serial === null ? words.token.removeForeignLead : words.token.removeLead;

  const element = page(
    app,
    token.name,
    h("div", { class: "hero small" }, badge(token.issuer), h("p", { class: "lead" }, token.account || token.serial)),
    h(
      "form",
      { class: "form row", on: { submit: (event) => (event.preventDefault(), void save()) } },
      field(words.token.name, name),
      h("button", { type: "submit", class: "button" }, words.token.rename),
    ),
    state,
    facts,
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", class: "button", on: { click: () => void shift(-1) } }, icon("up"), words.token.up),
      h("button", { type: "button", class: "button", on: { click: () => void shift(1) } }, icon("down"), words.token.down),
    ),
    token.serial !== null && button(words.token.move, () => app.go(`move/${id}`), "wide"),
    button(words.token.remove, () => void discard(app, token, removeLead), "danger quiet wide"),
  );
  return { element };
}

/** Erases a token if the person says so. @param {App} app @param {Token} token @param {string} lead what that means */
export async function discard(app, { id, name }, lead) {
  const { remove: yes, removeTitle, removed } = app.words.token;
  if (!(await app.confirm({ title: removeTitle(name), lead, yes }))) return;
  await app.session.change((contents) => remove(contents, id));
  await app.finish();
  app.toast(removed(name));
}

/** @param {App} app @param {Token} token @param {HTMLElement} list */
async function describe(app, token, list) {
  const { words } = app;
  const { type, digits, period } = token.shape;
  const isOurs = token.serial !== null;
  /** @type {[string, string | null][]} */
  const rows = [
    [words.token.serial, token.serial],
    [words.token.issuer, token.issuer],
    [words.token.account, token.account],
    [words.token.kind, type === "totp" ? words.token.timed(digits, period) : words.token.counted(digits)],
    [words.token.added, new Date(token.addedS * 1000).toLocaleString(document.documentElement.lang)],
    [words.token.server, token.server],
    [words.token.registration, isOurs ? (await app.session.safe.device()).registrationId : null],
  ];
  for (const [term, value] of rows) {
    if (value) list.append(h("div", {}, h("dt", {}, term), h("dd", {}, value)));
  }
}

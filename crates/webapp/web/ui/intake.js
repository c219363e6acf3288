// From a text (scanned, chosen, pasted, typed) to a token in the list.

import { parseActivationCode } from "../core/code.js";
import { Failure } from "../core/failure.js";
import { isKeyUri, parseKeyUri } from "../core/key_uri.js";
import { isActivationLink, parseActivationLink } from "../core/link.js";
import { isMigration, parseMigration } from "../core/migration.js";
import { remove } from "../vault/contents.js";
import { PIN_DIGITS } from "../vault/vault.js";
import { button, h } from "./dom.js";
import { page } from "./app.js";
import { choosePinScreen } from "./screens/pin.js";

/** @import { Arrived, Order } from "../core/activation.js" */
/** @import { ForeignToken } from "../core/key_uri.js" */
/** @import { App } from "./app.js" */

/**
 * @param {App} app
 * @param {string} text
 */
export async function takeText(app, text) {
  if (isActivationLink(text)) return takeLink(app, text, (arrived) => keep(app, arrived, ""));
  if (isKeyUri(text)) return takeForeign(app, [parseKeyUri(text)]);
  if (isMigration(text)) return takeForeign(app, parseMigration(text));
  if (/^[A-Za-z2-7\s-]{16,24}$/.test(text)) return takeTyped(app, text, "");
  throw new Failure("link-unknown");
}

/**
 * A link that came with the address of the page: any page can send people here with one. Nothing but an
 * activation is taken from it, and nothing is stored before the person has seen whose it is.
 *
 * @param {App} app
 * @param {string} text
 */
export async function takeHanded(app, text) {
  await app.unlocked();
  return takeLink(app, text, (arrived) => ask(app, arrived));
}

/** @param {App} app @param {string} typed @param {string} name */
export async function takeTyped(app, typed, name) {
  return activate(app, { code: parseActivationCode(typed), linkSecret: null }, (arrived) => keep(app, arrived, name));
}

/** @param {App} app @param {string} text @param {(arrived: Arrived) => Promise<void>} next */
async function takeLink(app, text, next) {
  const { code, secret, server } = parseActivationLink(text);
  if (server === app.session.server.name) return activate(app, { code, linkSecret: secret }, next);
  const failure = new Failure("link-other-server", { server });
  // A fragment stays in the browser: no server sees the code on its way.
  const there = `https://${server}${location.pathname}#activate/${encodeURIComponent(text)}`;
  const open = h("a", { class: "button primary", href: there }, app.words.add.elsewhere(server));
  app.show({ element: page(app, app.words.add.title, app.alert(failure, open)) });
}

/** @param {App} app @param {Order} order @param {(arrived: Arrived) => Promise<void>} next */
const activate = (app, order, next) =>
  attempt(app, async () => {
    await app.unlocked();
    const working = h("p", { class: "working", role: "status" }, app.words.add.working);
    app.show({ element: page(app, app.words.add.title, working) });
    await next(await app.session.claim(order));
  });

/** Stores a token only if the person wants it. @param {App} app @param {Arrived} arrived */
async function ask(app, arrived) {
  await app.unlocked();
  const { add } = app.words;
  const lead = h("p", { class: "lead" }, add.handed(arrived.issuer, arrived.owed.server));
  const yes = button(add.submit, () => void attempt(app, () => keep(app, arrived, "")), "primary wide");
  const no = button(app.words.cancel, () => app.go(), "quiet wide");
  app.show({ element: page(app, add.title, lead, yes, no) });
}

/** Says what failed, with a way to do it again. @param {App} app @param {() => Promise<void>} act */
async function attempt(app, act) {
  try {
    await act();
  } catch (error) {
    await app.unlocked();
    const retry = button(app.words.again, () => void attempt(app, act), "primary");
    app.show({ element: page(app, app.words.add.title, app.alert(error, retry)) });
  }
}

/** Chooses a PIN first where there is none, or none that is long enough. @param {App} app @param {Arrived} arrived @param {string} name */
async function keep(app, arrived, name) {
  await app.unlocked();
  const least = app.session.missingPin(arrived);
  if (least === 0) return store(app, arrived, name);
  const { pin } = app.words;
  const lead = app.session.isOpen ? pin.longer(arrived.issuer, least) : pin.chooseLead(least);
  const done = async (/** @type {string} */ chosen) => {
    await app.session.setPin(chosen);
    await store(app, arrived, name);
  };
  app.show(choosePinScreen(app, { least, lead, done }));
}

/** @param {App} app @param {Arrived} arrived @param {string} name */
async function store(app, arrived, name) {
  await app.unlocked();
  try {
    const id = await app.session.keep(arrived, name);
    const token = app.session.contents.tokens.find((known) => known.id === id);
    await app.finish();
    app.toast(app.words.list.ready(token?.name ?? arrived.issuer));
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== "duplicate") throw error;
    const { id } = error.facts;
    const replace = async () => {
      await app.session.change((contents) => remove(contents, String(id)));
      await store(app, arrived, name || String(error.facts["name"]));
    };
    const yes = button(app.words.add.replace, () => void replace(), "primary");
    app.show({ element: page(app, app.words.add.title, app.alert(error, yes)) });
  }
}

/**
 * Tokens of other issuers; those that are here already are passed over.
 *
 * @param {App} app
 * @param {readonly ForeignToken[]} tokens
 */
export async function takeForeign(app, tokens) {
  await app.unlocked();
  if (app.session.isOpen) return storeForeign(app, tokens);
  const least = PIN_DIGITS.least;
  const done = async (/** @type {string} */ chosen) => {
    await app.session.setPin(chosen);
    await storeForeign(app, tokens);
  };
  app.show(choosePinScreen(app, { least, lead: app.words.pin.chooseLead(least), done }));
}

/** @param {App} app @param {readonly ForeignToken[]} tokens */
async function storeForeign(app, tokens) {
  await app.unlocked();
  const { add } = app.words;
  const { added, skipped, failure } = await app.session.keepForeign(tokens);
  if (added === 0 && failure) {
    app.show({ element: page(app, add.title, app.alert(failure)) });
    return;
  }
  await app.finish();
  app.toast(skipped === 0 ? add.imported(added) : `${add.imported(added)}; ${add.skipped(skipped)}`);
}

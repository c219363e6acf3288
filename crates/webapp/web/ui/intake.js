// From a text (scanned, chosen, pasted, typed) to a token in the list.

import { parseActivationCode } from "../core/code.js";
import { Failure } from "../core/failure.js";
import { isKeyUri, parseKeyUri } from "../core/key_uri.js";
import { isActivationLink, parseActivationLink } from "../core/link.js";
import { isMigration, parseMigration } from "../core/migration.js";
import { freeName, remove, withoutRefused } from "../vault/contents.js";
import { PIN_DIGITS } from "../vault/vault.js";
import { button, h } from "./dom.js";
import { page } from "./app.js";
import { choosePinScreen } from "./screens/pin.js";

/** @import { Arrived, Order } from "../core/activation.js" */
/** @import { Contained } from "../backup/files.js" */
/** @import { Movable, Moves } from "../backup/moves.js" */
/** @import { ForeignToken } from "../core/key_uri.js" */
/** @import { Batch } from "../core/migration.js" */
/** @import { App } from "./app.js" */
/** @import { Kept } from "./session.js" */

/**
 * @param {App} app
 * @param {string} text
 */
export async function takeText(app, text) {
  if (isActivationLink(text)) return takeLink(app, text, (order) => activate(app, order, ""));
  if (isKeyUri(text)) return takeForeign(app, [parseKeyUri(text)]);
  if (isMigration(text)) {
    const { tokens, batch } = parseMigration(text);
    return takeForeign(app, tokens, 0, batch);
  }
  if (/^[A-Za-z2-7\s-]{16,24}$/.test(text)) return takeTyped(app, text, "");
  throw new Failure("link-unknown");
}

/**
 * A link that came with the address of the page: any page can send people here with one. Nothing but an
 * activation is taken from it, and its code is not used before the person has seen where it leads.
 *
 * @param {App} app
 * @param {string} text
 */
export async function takeHanded(app, text) {
  await app.unlocked();
  return takeLink(app, text, (order) => ask(app, order));
}

/** @param {App} app @param {string} typed @param {string} name */
export async function takeTyped(app, typed, name) {
  return activate(app, { code: parseActivationCode(typed), linkSecret: null }, name);
}

/** @param {App} app @param {string} text @param {(order: Order) => Promise<void> | void} next */
async function takeLink(app, text, next) {
  const { code, secret, server } = parseActivationLink(text);
  if (server === app.session.server.name) return next({ code, linkSecret: secret });
  const failure = new Failure("link-other-server", { server });
  // A fragment stays in the browser: no server sees the code on its way.
  const there = `https://${server}${location.pathname}#activate/${encodeURIComponent(text)}`;
  const open = h("a", { class: "button primary", href: there }, app.words.add.elsewhere(server));
  app.show({ element: page(app, app.words.add.title, app.alert(failure, open)) });
}

/** Takes the token only if the person wants it. @param {App} app @param {Order} order */
function ask(app, order) {
  const { add } = app.words;
  const lead = h("p", { class: "lead" }, add.handed(app.session.server.name));
  const yes = button(add.submit, () => void activate(app, order, ""), "primary wide");
  const no = button(app.words.cancel, () => app.go(), "quiet wide");
  app.show({ element: page(app, add.title, lead, yes, no) });
}

/**
 * The vault is there and open before the code is used: whoever breaks off until then has used nothing up.
 *
 * @param {App} app
 * @param {Order} order
 * @param {string} name
 */
const activate = (app, order, name) => behindPin(app, () => attempt(app, () => fetchToken(app, order, name)));

/** @param {App} app @param {Order} order @param {string} name */
async function fetchToken(app, order, name) {
  await app.unlocked();
  const working = h("p", { class: "working", role: "status" }, app.words.add.working);
  app.show({ element: page(app, app.words.add.title, working) });
  await keep(app, await app.session.claim(order), name);
}

/** Has a PIN chosen first where there is none. @param {App} app @param {() => Promise<void>} next */
async function behindPin(app, next) {
  await app.unlocked();
  if (app.session.isOpen) return next();
  const { least } = PIN_DIGITS;
  const done = async (/** @type {string} */ chosen) => {
    await app.session.setPin(chosen);
    await next();
  };
  app.show(choosePinScreen(app, { least, lead: app.words.pin.chooseLead(least), done }));
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

/** Chooses a longer PIN first where the issuer asks for one. @param {App} app @param {Arrived} arrived @param {string} name */
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
    const kept = await app.session.keep(arrived, name);
    await app.unlocked();
    await app.finish();
    // The list tells of the others, for as long as it is so.
    if (kept.receipt === "confirmed") app.toast(app.words.list.ready(kept.name));
  } catch (error) {
    if (!(error instanceof Failure) || error.kind === "storage") throw new Failure("not-stored", {}, error);
    if (error.kind !== "duplicate") throw error;
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
 * @param {number} [unread] how many more stood there that cannot be used
 * @param {Batch | null} [batch] where they came by one of several codes
 */
export const takeForeign = (app, tokens, unread = 0, batch = null) =>
  behindPin(app, () => storeForeign(app, tokens, unread, batch));

/** @param {App} app @param {readonly ForeignToken[]} tokens @param {number} unread @param {Batch | null} batch */
async function storeForeign(app, tokens, unread, batch) {
  await app.unlocked();
  const { add } = app.words;
  const kept = await app.session.keepForeign(tokens, batch);
  const { added, known, failure, progress } = kept;
  if (progress !== null) {
    const scan = button(add.scan, () => app.go("scan"), "primary wide");
    showResults(app, add.title, foreignResults(app, kept, unread), progress.missing.length > 0 ? scan : null);
  } else if (added === 0 && unread === 0 && failure) {
    app.show({ element: page(app, add.title, app.alert(failure)) });
  } else if (added + known === tokens.length && unread === 0) {
    await app.finish();
    app.toast(known === 0 ? add.imported(added) : `${add.imported(added)}; ${add.known(known)}`);
  } else {
    // Whoever deletes the app that they came from has to know that some are not here: it stays until it is read.
    showResults(app, add.file, foreignResults(app, kept, unread));
  }
}

/**
 * What became of tokens of other issuers, line by line.
 *
 * @param {App} app
 * @param {Kept} kept
 * @param {number} unread
 * @returns {(string | HTMLElement)[][]}
 */
function foreignResults(app, { added, known, failure, progress }, unread) {
  const { add } = app.words;
  const lines = [
    added > 0 && add.imported(added),
    known > 0 && add.known(known),
    failure !== null && failure.kind !== "duplicate" && app.alert(failure),
    unread > 0 && add.unread(unread),
    progress !== null && add.exportCode(progress),
  ];
  return lines.flatMap((line) => (line === false ? [] : [[line]]));
}

/**
 * @param {App} app
 * @param {string} title
 * @param {(string | HTMLElement)[][]} results
 * @param {HTMLElement | null} [next] what is left to do
 */
function showResults(app, title, results, next = null) {
  const lines = results.map((told) => h("li", {}, ...told));
  const done = button(app.words.done, () => app.go(), next === null ? "primary wide" : "quiet wide");
  const buttons = next === null ? [done] : [next, done];
  app.show({ element: page(app, title, h("ul", { class: "results" }, ...lines), ...buttons) });
}

/**
 * What a backup holds: tokens of other issuers as they are, and those that it may move by a transfer each.
 *
 * @param {App} app
 * @param {Contained} contained
 */
export const takeBackup = (app, { tokens, unread, moves }) =>
  moves.length === 0 ? takeForeign(app, tokens, unread) : behindPin(app, () => restore(app, tokens, unread, moves));

/** @param {App} app @param {readonly ForeignToken[]} tokens @param {number} unread @param {readonly Moves[]} moves */
async function restore(app, tokens, unread, moves) {
  await app.unlocked();
  const { add } = app.words;
  app.show({ element: page(app, add.file, h("p", { class: "working", role: "status" }, add.restoring)) });
  /** @type {(string | HTMLElement)[][]} */
  const results = [];
  try {
    results.push(...foreignResults(app, await app.session.keepForeign(tokens), unread));
    for (const ofServer of moves) {
      for (const token of ofServer.tokens) results.push(await restored(app, ofServer, token));
    }
  } catch (error) {
    // What cannot be stored is not fetched either.
    results.push([app.alert(error)]);
  }
  await app.unlocked();
  showResults(app, add.file, results);
}

/**
 * What became of a token that is moved here.
 *
 * @param {App} app
 * @param {Moves} moves
 * @param {Movable} token
 */
async function restored(app, moves, token) {
  const { add } = app.words;
  const { name } = token;
  await app.unlocked();
  if (moves.server !== app.session.server.name) {
    // Whatever has its serial here is of another token server, and a good token.
    return [add.stays(name), app.alert(new Failure("backup-other-server", { server: moves.server }))];
  }
  const same = app.session.contents.tokens.find(({ serial }) => serial === token.serial);
  if (same && same.server !== moves.server) {
    const other = new Failure("other-server", { name: same.name, server: String(same.server) });
    return [add.stays(name), app.alert(other)];
  }
  const { tokens } = withoutRefused(app.session.contents, token.serial);
  if (tokens.some(({ serial }) => serial === token.serial)) return [add.isHere(name)];
  try {
    const arrived = await app.session.fetchMoved(moves, token);
    await haveLongPin(app, arrived);
    const others = withoutRefused(app.session.contents, token.serial);
    const { id, receipt } = await app.session.keep(arrived, freeName(others, name));
    if (receipt === "owed") return [add.storedHere(name)];
    if (receipt === "confirmed") return [(await app.session.isOf(moves)) ? add.backHere(name) : add.movedHere(name)];
    await app.unlocked();
    await app.session.change((contents) => remove(contents, id));
    throw new Failure("receipt-refused");
  } catch (error) {
    return [add.stays(name), app.alert(error)];
  }
}

/**
 * Has a longer PIN chosen where the issuer asks for one; fails where the person goes elsewhere instead.
 *
 * @param {App} app
 * @param {Arrived} arrived
 */
async function haveLongPin(app, arrived) {
  await app.unlocked();
  const least = app.session.missingPin(arrived);
  if (least === 0) return;
  await new Promise((chosen, notChosen) => {
    const done = async (/** @type {string} */ pin) => {
      await app.session.setPin(pin);
      chosen(undefined);
    };
    const leave = () => notChosen(new Failure("pin-short", { digits: least }));
    const screen = choosePinScreen(app, { least, lead: app.words.pin.longer(arrived.issuer, least), done });
    app.show({ ...screen, leave });
  });
}

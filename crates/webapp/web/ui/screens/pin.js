// Choosing a PIN: for the first token, for an issuer that asks for a longer one, and by wish.

import { Failure } from "../../core/failure.js";
import { neededDigits } from "../../vault/contents.js";
import { parsePin, PIN_DIGITS } from "../../vault/vault.js";
import { drawing, field, h } from "../dom.js";
import { page } from "../app.js";

/** @import { App, Screen } from "../app.js" */

const EASY_SEQUENCES = ["01234567890", "09876543210"];

/** A field for digits, which telephones answer with their number pad. @param {"current-password" | "new-password"} purpose */
export const pinInput = (purpose) =>
  h("input", {
    class: "pin",
    type: "password",
    inputmode: "numeric",
    autocomplete: purpose,
    maxlength: PIN_DIGITS.most,
    required: true,
  });

/** The two halves of a token that fit each other. */
export function mark() {
  const svg = drawing("svg", { viewBox: "0 0 64 64", class: "mark", "aria-hidden": "true" });
  svg.append(
    drawing("path", { class: "half", d: "M29 8a24 24 0 000 48V42l-6-5 6-5V8z" }),
    drawing("path", { class: "half other", d: "M35 8a24 24 0 010 48V42l-6-5 6-5V8z" }),
  );
  return svg;
}

/**
 * @param {string} typed
 * @param {string} again
 * @param {number} least digits
 */
export function chosenPin(typed, again, least) {
  const pin = parsePin(typed);
  if (pin.length < least) throw new Failure("pin-short", { digits: least });
  const easy = /^(\d)\1*$/.test(pin) || EASY_SEQUENCES.some((sequence) => sequence.includes(pin));
  if (easy) throw new Failure("pin-easy");
  if (pin !== again) throw new Failure("pin-mismatch");
  return pin;
}

/**
 * Asks for a new PIN, twice.
 *
 * @param {App} app
 * @param {{ least: number, lead: string, done: (pin: string) => Promise<void> }} choice
 * @returns {Screen}
 */
export function choosePinScreen(app, { least, lead, done }) {
  const { words } = app;
  const [first, second] = [pinInput("new-password"), pinInput("new-password")];
  const state = h("div", { class: "below" });
  const submit = h("button", { type: "submit", class: "button primary wide" }, words.pin.save);

  const save = async () => {
    try {
      const pin = chosenPin(first.value, second.value, least);
      submit.disabled = true;
      submit.textContent = words.pin.checking;
      await done(pin);
    } catch (error) {
      submit.disabled = false;
      submit.textContent = words.pin.save;
      state.replaceChildren(app.alert(error));
      second.value = "";
    }
  };

  const form = h(
    "form",
    { class: "centred", on: { submit: (event) => (event.preventDefault(), void save()) } },
    mark(),
    h("h1", { tabindex: "-1" }, words.pin.choose),
    h("p", { class: "lead" }, lead),
    field(words.pin.pin, first),
    field(words.pin.again, second),
    submit,
    state,
  );
  return { element: form, focus: first };
}

/**
 * One counted try, before what an open app alone does not allow.
 *
 * @param {App} app
 * @param {string} typed
 */
export async function provePin(app, typed) {
  try {
    await app.session.unlock(typed);
  } catch (error) {
    if (error instanceof Failure && error.kind === "wiped") app.session.lock();
    throw error;
  }
}

/** The old PIN, then a new one. @param {App} app @returns {Screen} */
export function changePinScreen(app) {
  const { words } = app;
  const current = pinInput("current-password");
  const state = h("div", { class: "below" });
  const submit = h("button", { type: "submit", class: "button primary wide" }, words.pin.unlock);

  const prove = async () => {
    submit.disabled = true;
    try {
      await provePin(app, current.value);
      app.show(newPinScreen(app));
    } catch (error) {
      submit.disabled = false;
      current.value = "";
      state.replaceChildren(app.alert(error));
    }
  };

  const form = h(
    "form",
    { class: "form", on: { submit: (event) => (event.preventDefault(), void prove()) } },
    field(words.pin.current, current),
    submit,
    state,
  );
  return { element: page(app, words.settings.changePin, form), focus: current };
}

/** @param {App} app */
function newPinScreen(app) {
  const least = neededDigits(app.session.contents);
  return choosePinScreen(app, {
    least,
    lead: app.words.pin.chooseLead(least),
    done: async (pin) => {
      await app.session.setPin(pin);
      await app.finish();
      app.toast(app.words.pin.saved);
    },
  });
}

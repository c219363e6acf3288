// Backups, into the app and out of it.

import { backupOf, MAX_FILE_BYTES } from "../../backup/files.js";
import { Failure } from "../../core/failure.js";
import { stretchInWorker } from "../../vault/stretch.js";
import { field, h } from "../dom.js";
import { page } from "../app.js";
import { takeBackup } from "../intake.js";
import { pinInput, provePin } from "./pin.js";

/** @import { App, Screen } from "../app.js" */
/** @import { Backup } from "../../backup/files.js" */

/** @param {App} app @returns {Screen} */
export function importScreen(app) {
  const { add } = app.words;
  const state = h("div", { class: "below" });
  const chosen = h("input", { type: "file", required: true, on: { change: () => void look() } });
  const password = h("input", { type: "password", autocomplete: "off" });
  const asked = field(add.password, password);
  const submit = h("button", { type: "submit", class: "button primary wide", disabled: true }, add.open);
  /** @type {Backup | null} */
  let backup = null;
  asked.hidden = true;

  const look = () =>
    attempt(async () => {
      const [file] = chosen.files ?? [];
      backup = file ? await backupIn(file) : null;
      asked.hidden = !backup?.isEncrypted;
      submit.disabled = backup === null;
      if (backup?.isEncrypted) password.focus();
    });

  const open = () =>
    attempt(async () => {
      submit.disabled = true;
      submit.textContent = app.words.pin.checking;
      if (backup) await takeBackup(app, await backup.open(password.value));
    });

  /** @param {() => Promise<void>} act */
  const attempt = async (act) => {
    state.replaceChildren();
    try {
      await act();
    } catch (error) {
      state.replaceChildren(app.alert(error));
      submit.textContent = add.open;
      submit.disabled = backup === null;
    }
  };

  const form = h(
    "form",
    { class: "form", on: { submit: (event) => (event.preventDefault(), void open()) } },
    field(add.file, chosen, add.fileHint),
    asked,
    submit,
    state,
  );
  return { element: page(app, add.file, form), focus: chosen };
}

/** @param {File} file */
async function backupIn(file) {
  if (file.size > MAX_FILE_BYTES) throw new Failure("file-unknown");
  return backupOf(await file.text(), stretchInWorker);
}

/** @param {App} app @returns {Screen} */
export function exportScreen(app) {
  const { settings } = app.words;
  if (!app.session.isOpen || app.session.savable.length === 0) {
    return { element: page(app, settings.backup, h("p", { class: "lead" }, settings.exportNone)) };
  }
  const state = h("div", { class: "below" });
  const passphrase = h("input", { type: "password", autocomplete: "new-password", required: true });
  const again = h("input", { type: "password", autocomplete: "new-password", required: true });
  const pin = pinInput("current-password");
  const submit = h("button", { type: "submit", class: "button primary wide" }, settings.exportSave);

  const save = async () => {
    state.replaceChildren();
    submit.disabled = true;
    try {
      if (passphrase.value !== again.value) throw new Failure("passphrase-mismatch");
      await provePin(app, pin.value);
      download("symbolon-backup.json", await app.session.backup(passphrase.value, stretchInWorker));
      await app.finish();
      app.toast(settings.exported);
    } catch (error) {
      submit.disabled = !app.session.isOpen;
      pin.value = "";
      state.replaceChildren(app.alert(error));
    }
  };

  const form = h(
    "form",
    { class: "form", on: { submit: (event) => (event.preventDefault(), void save()) } },
    h("p", { class: "lead" }, settings.exportLead),
    field(settings.passphrase, passphrase, settings.passphraseHint),
    field(settings.passphraseAgain, again),
    field(app.words.pin.pin, pin),
    submit,
    state,
  );
  return { element: page(app, settings.backup, form), focus: passphrase };
}

/** @param {string} name @param {string} text */
function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

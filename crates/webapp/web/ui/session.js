// From the first unlocking to the lock: who is this device, what is open, and until when.

import { APP_VERSION, claim, clockOffsetS, settle } from "../core/activation.js";
import { Failure } from "../core/failure.js";
import { parseActivationLink } from "../core/link.js";
import { registryAt, serverName } from "../core/registry.js";
import { transferKey } from "../core/token_key.js";
import { TRANSFER_PATH, wish } from "../core/transfer.js";
import { movesLine } from "../backup/moves.js";
import { sealedBackup } from "../backup/own.js";
import * as contents from "../vault/contents.js";
import { makePasskey, passkeySecret } from "../vault/passkey.js";
import { PIN_DIGITS } from "../vault/vault.js";

/** @import { Arrived, Order, ReceiptState } from "../core/activation.js" */
/** @import { Action, Standing } from "../core/transfer.js" */
/** @import { Bytes } from "../core/bytes.js" */
/** @import { ForeignToken } from "../core/key_uri.js" */
/** @import { Movable, Moves } from "../backup/moves.js" */
/** @import { Batch } from "../core/migration.js" */
/** @import { Contents, ExportProgress, Token } from "../vault/contents.js" */
/** @import { Stretch } from "../vault/keys.js" */
/** @import { OpenVault, Safe } from "../vault/vault.js" */

/**
 * What became of tokens of other issuers: how many are new, how many were here already, why the others were not added,
 * or the last of those, and how far their export has come where all are here.
 *
 * @typedef {{ added: number, known: number, failure: Failure | null, progress: ExportProgress | null }} Kept
 */

/**
 * How soon a receipt that was not heard is sent again while the app is open: a token that moved here is good from
 * then on.
 */
const RECEIPT_EVERY_MS = 15_000;

/** A gateway's clock is asked for when the app is opened, and then this often. */
const CLOCK_EVERY_S = 15 * 60;

/** How often, and how many times, a gateway is asked for a code that is being made: half a minute. */
const LOOK_EVERY_MS = 1_000;
const LOOKS = 30;

export const nowS = () => Date.now() / 1000;

export class Session {
  /** @type {OpenVault | null} */
  #vault = null;
  #isCeded = false;
  #clockAskedS = Number.NEGATIVE_INFINITY;
  /** @type {() => void} */
  #changed = () => {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #receiptTimer;
  /** Ends with the sending of receipts that is under way. @type {Promise<unknown>} */
  #settling = Promise.resolve();
  /** The one that begins after it. @type {Promise<Map<string, ReceiptState>> | null} */
  #settlesNext = null;

  /** @param {Safe} safe @param {Location} location the server that the app came from */
  constructor(safe, location) {
    this.safe = safe;
    this.origin = location.origin;
    this.server = { name: serverName(location), ask: registryAt(location.origin) };
    this.transfers = { name: this.server.name, ask: registryAt(location.origin, fetch, TRANSFER_PATH) };
  }

  get isOpen() {
    return this.#vault !== null;
  }

  /** Who is told when the vault was opened or locked, or its contents are others. @param {() => void} changed */
  watch(changed) {
    this.#changed = changed;
  }

  /** Whether there is a vault that only its PIN opens now. */
  async isLocked() {
    return !this.isOpen && (await this.safe.hasVault()) && !this.isOpen;
  }

  /** @returns {Contents} */
  get contents() {
    return this.#open().contents;
  }

  /** Proves the PIN where the vault is open already: what is being stored goes on in that one. @param {string} pin */
  async unlock(pin) {
    const opened = await this.safe.open(pin);
    this.#vault ??= this.#held(opened);
    this.#changed();
  }

  async unlockByPasskey() {
    const passkey = await this.safe.passkey();
    if (passkey) this.#vault = this.#held(await this.safe.openByPasskey(await passkeySecret(passkey)));
    this.#changed();
  }

  async addPasskey() {
    const passkey = await makePasskey();
    const given = await passkeySecret(passkey);
    await this.#open().addPasskey(passkey, given);
  }

  /** What is open is forgotten; the keys go with it. */
  lock() {
    this.#vault = null;
    clearTimeout(this.#receiptTimer);
    this.#changed();
  }

  /** Another window has the vault from now on: here it is not opened again. */
  cede() {
    this.#isCeded = true;
    this.lock();
  }

  async erase() {
    if (this.#isCeded) throw new Failure("locked");
    this.lock();
    await this.safe.wipe();
  }

  /** @param {string} pin */
  async setPin(pin) {
    if (this.#vault) await this.#vault.changePin(pin);
    else this.#vault = this.#held(await this.safe.create(pin));
  }

  /** @param {(contents: Contents) => Contents} change */
  async change(change) {
    await this.#open().change(change);
    this.#changed();
  }

  /** The token behind a code, proved and opened, not yet stored. @param {Order} order @returns {Promise<Arrived>} */
  async claim(order) {
    return claim(await this.safe.device(), this.server, order, nowS);
  }

  /**
   * Asks the gateway of a token for something.
   *
   * @param {{ serial: string, seed: Bytes }} token
   * @param {Action} action
   * @returns {Promise<Standing | "moved">}
   */
  async wish({ serial, seed }, action) {
    const key = await transferKey(seed, serial);
    return wish(await this.safe.device(), this.transfers, { serial, key }, action);
  }

  /** Tokens that a backup can bring elsewhere: all but those of another token server. */
  get savable() {
    return this.contents.tokens.filter(({ server }) => server === null || server === this.server.name);
  }

  /** A backup's text. @param {string} passphrase @param {Stretch} stretch */
  async backup(passphrase, stretch) {
    const foreign = this.savable.filter(({ serial }) => serial === null);
    const issued = this.savable.flatMap(({ serial, name, seed }) => (serial === null ? [] : [{ serial, name, seed }]));
    const moves = issued.length === 0 ? null : await movesLine(await this.safe.device(), this.origin, issued);
    return sealedBackup({ tokens: foreign, moves }, passphrase, stretch);
  }

  /**
   * Has a token brought here that a backup may move, proved and opened, not yet stored: a transfer whose both ends
   * are here. It is of this token server.
   *
   * @param {Moves} moves
   * @param {Movable} token
   * @returns {Promise<Arrived>}
   */
  async fetchMoved({ wisher }, token) {
    /** @type {Action} */
    let action = "begin-shown";
    for (let looks = 0; looks < LOOKS; looks += 1) {
      const standing = await wish(wisher, this.transfers, token, action);
      if (standing === "moved") throw new Failure("moved-elsewhere");
      if (standing.link !== null) {
        const { code, secret } = parseActivationLink(standing.link);
        return this.claim({ code, linkSecret: secret });
      }
      action = "look";
      await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
    }
    throw new Failure("no-transfer-code");
  }

  /** How many digits the PIN has to have before this token is stored; 0 if it is long enough. @param {Arrived} arrived */
  missingPin({ pinPolicy }) {
    const wanted = pinPolicy.requirement === "not_require" ? PIN_DIGITS.least : pinPolicy.digits;
    return this.#vault && this.#vault.contents.pinDigits >= wanted ? 0 : wanted;
  }

  /** Whether a backup was made on this device. @param {Moves} moves */
  async isOf({ wisher }) {
    return (await this.safe.device()).registrationId === wisher.registrationId;
  }

  /**
   * Stores a token that has arrived, then says so to the registry. What that answered is told also where the vault
   * was locked meanwhile.
   *
   * @param {Arrived} arrived
   * @param {string} wish a name, or nothing
   * @returns {Promise<{ id: string, name: string, receipt: ReceiptState }>}
   */
  async keep({ serial, issuer, seed, shape, pinPolicy, owed }, wish) {
    const id = contents.newId();
    let name = "";
    await this.change((before) => {
      const known = before.tokens.find((token) => token.serial === serial);
      const others = contents.withoutRefused(before, serial);
      name = wish ? contents.parseName(wish) : (known?.name ?? contents.freeName(others, issuer));
      const token = { id, name, issuer, serial, seed, shape, pinPolicy };
      const origin = { account: "", server: owed.server, counter: 0, addedS: nowS() };
      return contents.owe(contents.add(others, { ...token, ...origin }), owed);
    });
    const states = await this.settleReceipts();
    return { id, name, receipt: states.get(serial) ?? this.#receiptOf(serial) };
  }

  /**
   * Stores tokens of other issuers.
   *
   * @param {readonly ForeignToken[]} tokens
   * @param {Batch | null} [batch] where they came by one of several codes
   * @returns {Promise<Kept>}
   */
  async keepForeign(tokens, batch = null) {
    /** @type {Failure | null} */
    let failure = null;
    /** @type {ExportProgress | null} */
    let progress = null;
    let [added, known] = [0, 0];
    await this.change((before) => {
      const after = tokens.reduce((soFar, foreign) => {
        try {
          const after = contents.add(soFar, foreignToken(soFar, foreign));
          added += 1;
          return after;
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          if (error.kind === "duplicate") known += 1;
          if (error.kind !== "duplicate" || failure === null) failure = error;
          return soFar;
        }
      }, before);
      if (batch === null || added + known < tokens.length) return after;
      const read = contents.codeRead(after, batch);
      progress = read.progress;
      return read.contents;
    });
    return { added, known, failure, progress };
  }

  /**
   * Sends the receipts for which this server still waits, and again after a while those that were not heard. One
   * sending follows another, so that no receipt is on its way twice.
   *
   * @returns {Promise<Map<string, ReceiptState>>} what became of them, by serial
   */
  settleReceipts() {
    if (this.#settlesNext === null) {
      this.#settlesNext = this.#settling.then(() => {
        this.#settlesNext = null;
        return this.#settle();
      });
      this.#settling = this.#settlesNext.catch(() => {});
    }
    return this.#settlesNext;
  }

  async #settle() {
    clearTimeout(this.#receiptTimer);
    /** @type {Map<string, ReceiptState>} */
    const states = new Map();
    const device = await this.safe.device();
    for (const owed of this.#owed()) {
      // Its token may have been deleted while another's receipt was on its way.
      if (!this.isOpen || !contents.isOwed(this.contents, owed)) continue;
      const state = await settle(device, this.server.ask, owed);
      states.set(owed.token, state);
      if (state !== "owed" && this.isOpen) await this.change((before) => contents.settled(before, owed, state));
    }
    if (this.#owed().length > 0) this.#receiptTimer = setTimeout(() => void this.settleReceipts(), RECEIPT_EVERY_MS);
    return states;
  }

  /** What stands in the vault: the sending before may have taken the receipt along. @param {string} serial @returns {ReceiptState} */
  #receiptOf(serial) {
    return this.isOpen ? contents.receiptOf(this.contents, serial) : "owed";
  }

  #owed() {
    return this.isOpen ? this.contents.owed.filter(({ server }) => server === this.server.name) : [];
  }

  /** Seconds by which this clock is ahead; null if it was asked lately or nobody answers. @returns {Promise<number | null>} */
  async clockOffsetS() {
    if (nowS() - this.#clockAskedS < CLOCK_EVERY_S) return null;
    this.#clockAskedS = nowS();
    try {
      return await clockOffsetS(this.server.ask, nowS);
    } catch {
      return null;
    }
  }

  /** @param {OpenVault} opened */
  #held(opened) {
    if (this.#isCeded) throw new Failure("locked");
    return opened;
  }

  #open() {
    if (!this.#vault) throw new Failure("locked");
    return this.#vault;
  }
}

/** @param {Contents} before @param {ForeignToken} foreign @returns {Token} */
const foreignToken = (before, foreign) => ({
  ...foreign,
  id: contents.newId(),
  name: contents.freeName(before, foreign.issuer),
  serial: null,
  server: null,
  pinPolicy: null,
  addedS: nowS(),
});

export { APP_VERSION };

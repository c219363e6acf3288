// The vault: tokens sealed under a PIN and this browser, wiped after ten wrong PINs. The count is stored
// before a PIN is looked at, so a page that is closed in between has used up its try.

import * as contents from "./contents.js";
import * as keys from "./keys.js";
import { join, random, utf8 } from "../core/bytes.js";
import { Device, generateKeys } from "../core/device.js";
import { Failure } from "../core/failure.js";

/** @import { Bytes } from "../core/bytes.js" */
/** @import { DeviceKeys } from "../core/device.js" */
/** @import { Contents } from "./contents.js" */
/** @import { Effort, Sealed, Stretch } from "./keys.js" */
/** @import { Passkey } from "./passkey.js" */

/**
 * Named records that survive the page. `put` writes all of its records or none, and is durable when it
 * is done; `undefined` removes one. `update` writes what follows from one record before anybody else writes;
 * when `decide` throws it writes nothing and fails so.
 *
 * @typedef {{
 *   get: (name: string) => Promise<unknown>,
 *   put: (records: Record<string, unknown>) => Promise<void>,
 *   update: (name: string, decide: (value: unknown) => Record<string, unknown>) => Promise<void>,
 * }} Store
 */

/** @typedef {{ salt: Bytes, effort: Effort, wrapped: Sealed }} PinLock */
/** @typedef {Passkey & { wrapped: Sealed }} PasskeyLock */

export const MAX_TRIES = 10;
export const PIN_DIGITS = { least: 4, most: 8 };

const SALT_BYTES = 16;
const DEVICE = "device";
const SECRET = "secret";
const LOCK = "lock";
const TRIES = "tries";
const CONTENTS = "contents";
const PASSKEY = "passkey";

/** @param {string} typed @returns {string} 4 to 8 digits */
export function parsePin(typed) {
  const pattern = new RegExp(`^[0-9]{${PIN_DIGITS.least},${PIN_DIGITS.most}}$`);
  if (!pattern.test(typed)) throw new Failure("pin-digits", { least: PIN_DIGITS.least, most: PIN_DIGITS.most });
  return typed;
}

/** What is kept while nobody has entered the PIN. */
export class Safe {
  #store;
  #stretch;
  #effort;
  /** The last of the writes that follow one another. @type {Promise<unknown>} */
  #last = Promise.resolve();

  /**
   * @param {Store} store
   * @param {Stretch} stretch
   * @param {Effort} [effort] of vaults that are made here
   */
  constructor(store, stretch, effort = keys.RECOMMENDED) {
    this.#store = store;
    this.#stretch = stretch;
    this.#effort = effort;
  }

  /** Whether there is a vault to open. A count that is full means one that was left half wiped. */
  async hasVault() {
    if ((await this.#tries()) >= MAX_TRIES) await this.wipe();
    return (await this.#store.get(LOCK)) !== undefined;
  }

  /** Wrong PINs that are left. */
  async triesLeft() {
    return MAX_TRIES - (await this.#tries());
  }

  /** This browser's device; its keys are made when they are first asked for. */
  async device() {
    const known = /** @type {DeviceKeys | undefined} */ (await this.#store.get(DEVICE));
    if (known) return Device.of(known);
    const made = await generateKeys();
    await this.#store.put({ [DEVICE]: made });
    return Device.of(made);
  }

  /** Makes a vault where there is none: nobody replaces one without its PIN. @param {string} pin @returns {Promise<OpenVault>} */
  async create(pin) {
    const contentsKey = await keys.newContentsKey();
    const secret = await keys.newDeviceSecret();
    const empty = contents.emptyContents(pin.length);
    const lock = await this.#pinLock(secret, pin, contentsKey);
    const sealed = await keys.seal(contentsKey, contents.toText(empty));
    await this.#store.update(LOCK, (known) => {
      if (known !== undefined) throw new Failure("locked");
      return { [SECRET]: secret, [TRIES]: 0, [LOCK]: lock, [CONTENTS]: sealed };
    });
    return new OpenVault(this, contentsKey, empty);
  }

  /**
   * One counted try.
   *
   * @param {string} typed
   * @returns {Promise<OpenVault>}
   */
  async open(typed) {
    const pin = parsePin(typed);
    const tries = await this.#countTry();
    if (tries > MAX_TRIES) return this.#wiped();
    const contentsKey = await this.#unlock(pin);
    if (!contentsKey) {
      if (tries >= MAX_TRIES) return this.#wiped();
      throw new Failure("pin-wrong", { left: MAX_TRIES - tries });
    }
    return this.#opened(contentsKey);
  }

  /** The passkey that opens this vault beside the PIN, if there is one. @returns {Promise<Passkey | undefined>} */
  async passkey() {
    return /** @type {PasskeyLock | undefined} */ (await this.#store.get(PASSKEY));
  }

  /** No try is counted: the device counts its own. @param {Bytes} given what the passkey gave @returns {Promise<OpenVault>} */
  async openByPasskey(given) {
    const lock = /** @type {PasskeyLock | undefined} */ (await this.#store.get(PASSKEY));
    const secret = /** @type {CryptoKey | undefined} */ (await this.#store.get(SECRET));
    if (!lock || !secret) throw new Failure("storage");
    const key = await keys.vaultKey(secret, given, "passkey");
    const contentsKey = await keys.unwrap(key, lock.wrapped, lock.id);
    if (!contentsKey) throw new Failure("passkey-refused");
    return this.#opened(contentsKey);
  }

  /** For {@link OpenVault}. @param {CryptoKey} contentsKey @param {Passkey} passkey @param {Bytes} given */
  async addPasskey(contentsKey, { id, salt }, given) {
    const secret = /** @type {CryptoKey} */ (await this.#store.get(SECRET));
    const key = await keys.vaultKey(secret, given, "passkey");
    await this.#store.put({ [PASSKEY]: { id, salt, wrapped: await keys.wrap(key, contentsKey, id) } });
  }

  removePasskey() {
    return this.#store.put({ [PASSKEY]: undefined });
  }

  /**
   * For {@link OpenVault}: acts after all that was asked for before has ended, well or not.
   *
   * @template T
   * @param {() => Promise<T>} act
   * @returns {Promise<T>}
   */
  inTurn(act) {
    const result = this.#last.then(act);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Destroys tokens, keys and the device itself. */
  wipe() {
    const names = [DEVICE, SECRET, LOCK, PASSKEY, CONTENTS, TRIES];
    return this.inTurn(() => this.#store.put(Object.fromEntries(names.map((name) => [name, undefined]))));
  }

  /** For {@link OpenVault}: what was stored last, whoever stored it. @param {CryptoKey} contentsKey @returns {Promise<Contents>} */
  async stored(contentsKey) {
    const sealed = /** @type {Sealed | undefined} */ (await this.#store.get(CONTENTS));
    if (!sealed) throw new Failure("storage");
    return contents.ofText(await keys.unseal(contentsKey, sealed));
  }

  /**
   * For {@link OpenVault}.
   *
   * @param {CryptoKey} contentsKey
   * @param {Contents} changed
   * @param {string} [newPin]
   */
  async save(contentsKey, changed, newPin) {
    const secret = /** @type {CryptoKey} */ (await this.#store.get(SECRET));
    const lock = newPin === undefined ? undefined : await this.#pinLock(secret, newPin, contentsKey);
    const sealed = await keys.seal(contentsKey, contents.toText(changed));
    await this.#store.put({
      [CONTENTS]: sealed,
      ...(lock && { [LOCK]: lock }),
      // With the contents or not at all: an issuer that insists on the PIN is never here beside a passkey.
      ...(!contents.allowsPasskey(changed) && { [PASSKEY]: undefined }),
    });
  }

  /** @param {CryptoKey} secret @param {string} pin @param {CryptoKey} contentsKey @returns {Promise<PinLock>} */
  async #pinLock(secret, pin, contentsKey) {
    const [salt, effort] = [random(SALT_BYTES), this.#effort];
    const key = await keys.vaultKey(secret, await this.#stretch(utf8(pin), salt, effort), "pin");
    return { salt, effort, wrapped: await keys.wrap(key, contentsKey, aad(salt, effort)) };
  }

  /** @param {string} pin */
  async #unlock(pin) {
    const lock = /** @type {PinLock | undefined} */ (await this.#store.get(LOCK));
    const secret = /** @type {CryptoKey | undefined} */ (await this.#store.get(SECRET));
    if (!lock || !secret) throw new Failure("storage");
    const { salt, effort, wrapped } = lock;
    const key = await keys.vaultKey(secret, await this.#stretch(utf8(pin), salt, effort), "pin");
    return keys.unwrap(key, wrapped, aad(salt, effort));
  }

  /** @param {CryptoKey} contentsKey */
  async #opened(contentsKey) {
    await this.#store.put({ [TRIES]: 0 });
    return new OpenVault(this, contentsKey, await this.inTurn(() => this.stored(contentsKey)));
  }

  /** Two that are begun at once count as two. @returns {Promise<number>} tries with this one */
  async #countTry() {
    let tries = 0;
    await this.#store.update(TRIES, (counted) => {
      tries = (/** @type {number | undefined} */ (counted) ?? 0) + 1;
      return { [TRIES]: tries };
    });
    return tries;
  }

  async #tries() {
    return /** @type {number | undefined} */ (await this.#store.get(TRIES)) ?? 0;
  }

  /** @returns {Promise<never>} */
  async #wiped() {
    await this.wipe();
    throw new Failure("wiped");
  }
}

/** What the right PIN opened. */
export class OpenVault {
  #safe;
  #contentsKey;
  #contents;

  /** @param {Safe} safe @param {CryptoKey} contentsKey @param {Contents} contents */
  constructor(safe, contentsKey, contents) {
    this.#safe = safe;
    this.#contentsKey = contentsKey;
    this.#contents = contents;
  }

  get contents() {
    return this.#contents;
  }

  /**
   * Changes the contents and stores them; if storing fails they stay as they were. What another has stored since this
   * vault was opened is changed, not overwritten.
   *
   * @param {(contents: Contents) => Contents} change
   */
  change(change) {
    return this.#safe.inTurn(async () => {
      const changed = change(await this.#safe.stored(this.#contentsKey));
      await this.#safe.save(this.#contentsKey, changed);
      this.#contents = changed;
    });
  }

  /** Lets a passkey open this vault, at once, where all issuers here allow one. @param {Passkey} passkey @param {Bytes} given */
  addPasskey(passkey, given) {
    return this.#safe.inTurn(async () => {
      if (!contents.allowsPasskey(await this.#safe.stored(this.#contentsKey))) throw new Failure("passkey-forbidden");
      await this.#safe.addPasskey(this.#contentsKey, passkey, given);
    });
  }

  /** @param {string} pin */
  changePin(pin) {
    return this.#safe.inTurn(async () => {
      const changed = { ...(await this.#safe.stored(this.#contentsKey)), pinDigits: pin.length };
      await this.#safe.save(this.#contentsKey, changed, pin);
      this.#contents = changed;
    });
  }
}

/** Binds the wrapped key to how it was made. @param {Bytes} salt @param {Effort} effort */
const aad = (salt, { memoryKib, passes }) => join(salt, utf8(`${memoryKib}:${passes}`));

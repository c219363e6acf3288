// Logins that wait for the person's word, while the app is open and unlocked: heard at the push relay, shown
// one at a time, answered.

import { findRelay, Relay } from "../core/relay.js";
import { openRequest, sealAnswer } from "../core/push.js";
import { pushKey } from "../core/token_key.js";
import { Failure } from "../core/failure.js";
import { MAX_CLOCK_OFFSET_S } from "../core/activation.js";
import { nowS } from "./session.js";

/** @import { Decision, LoginRequest } from "../core/push.js" */
/** @import { RelayEvent } from "../core/relay.js" */
/** @import { Token } from "../vault/contents.js" */
/** @import { Session } from "./session.js" */
/** @import { Waking } from "./waking.js" */

/**
 * A login as it is shown. `offsetS` says by how much this clock is ahead; 0 while it is right enough.
 *
 * @typedef {{ request: LoginRequest, token: Token, offsetS: number }} Waiting
 */

/** Why a login is shown no longer. @typedef {"withdrawn" | "expired" | "locked" | "answered" | "left"} Ending */

/**
 * Shows a login, and asks to have it answered; what comes back takes it away.
 *
 * @typedef {(waiting: Waiting, answer: (decision: Decision) => Promise<void>, ended: (ending: Ending) => void) =>
 *   (ending: Ending) => void} Show
 */

/** A network that comes back is noticed soon, and a relay that is away is not asked by all at once. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** An installation that has no relay today has hardly one in a minute. */
const NO_RELAY_PAUSE_MS = 5 * 60_000;
/** A network that is away for a moment is nothing to tell. */
const FAILURES_TOLD = 2;
/** Requests that came are known by so many of the last sessions: more than a relay keeps for a device. */
const KNOWN_MAX = 64;

export class Pushes {
  /** @type {AbortController | null} */
  #listening = null;
  /** @type {Relay | null} */
  #relay = null;
  #isHeard = false;
  /** Since the relay was heard. */
  #failures = 0;
  /** The last of them. @type {Failure | null} */
  #failure = null;
  #offsetS = 0;
  /** @type {string[]} */
  #known = [];
  /** The first is shown. @type {Waiting[]} */
  #waiting = [];
  /** The person put them aside, and their time is not over. @type {Waiting[]} */
  #left = [];
  /** @type {((ending: Ending) => void) | null} */
  #close = null;
  #session;
  #show;
  #waking;

  /** @param {Session} session @param {Show} show @param {Waking} waking */
  constructor(session, show, waking) {
    this.#session = session;
    this.#show = show;
    this.#waking = waking;
    session.watch(() => this.follow());
  }

  /** Whether a login that comes now is shown. */
  get isHeard() {
    return this.#isHeard;
  }

  /** Why logins are not heard, for as long as that stands; null where they are, or none are looked for. */
  get failure() {
    return this.#failures < FAILURES_TOLD ? null : this.#failure;
  }

  /** How many logins were put aside and wait still. */
  get left() {
    this.#left = this.#left.filter((waiting) => !isOver(waiting));
    return this.#left.length;
  }

  /** Shows again what was put aside. */
  showLeft() {
    const isShown = this.#waiting.length > 0;
    this.#waiting.push(...this.#left.splice(0).filter((waiting) => !isOver(waiting)));
    if (!isShown) this.#showFirst();
  }

  /** Listens while the app is open and has a token of this server. */
  follow() {
    const isWanted = this.#session.isOpen && this.#session.contents.tokens.some((token) => this.#isOurs(token));
    if (isWanted && !this.#listening) {
      this.#listening = new AbortController();
      void this.#listen(this.#listening.signal);
    } else if (!isWanted && this.#listening) {
      this.#listening.abort();
      this.#listening = null;
      this.#isHeard = false;
      this.#failures = 0;
      this.#known = [];
      this.#waiting = [];
      this.#left = [];
      this.#end("locked");
    }
  }

  /** @param {AbortSignal} end */
  async #listen(end) {
    const device = await this.#session.safe.device();
    let pauseMs = FIRST_PAUSE_MS;
    while (!end.aborted) {
      try {
        this.#relay = await this.#find();
        if (!this.#relay) {
          this.#failures = 0;
          await rest(NO_RELAY_PAUSE_MS, end);
          continue;
        }
        void this.#waking.follow(this.#relay.url);
        for await (const event of this.#relay.listen(device, end)) {
          if (event.kind === "listening") pauseMs = FIRST_PAUSE_MS;
          await this.#take(event, end);
        }
      } catch (failure) {
        if (end.aborted) return;
        console.warn("the push relay is not heard", failure);
        this.#failures += 1;
        this.#failure = failure instanceof Failure ? failure : new Failure("network", {}, failure);
      }
      if (!end.aborted) this.#isHeard = false;
      await rest(pauseMs * (0.5 + Math.random() / 2), end);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  async #find() {
    const { url, dateS } = await findRelay(this.#session.server.ask);
    const offsetS = dateS === null ? 0 : Math.round(nowS() - dateS);
    // Below that the tolerance of the codes is enough, and a slow network looks like a wrong clock.
    this.#offsetS = Math.abs(offsetS) > MAX_CLOCK_OFFSET_S ? offsetS : 0;
    return url === null ? null : new Relay(url);
  }

  /** @param {RelayEvent} event @param {AbortSignal} end */
  async #take(event, end) {
    if (end.aborted) return;
    if (event.kind === "listening") {
      this.#isHeard = true;
      this.#failures = 0;
      return;
    }
    if (event.kind === "withdrawn") {
      this.#withdraw(event.sessionId);
      return;
    }
    const { carried } = event;
    if (this.#known.includes(carried.sessionId)) return;
    const waiting = await this.#opened(carried);
    if (!waiting || end.aborted) return;
    this.#known = [...this.#known, carried.sessionId].slice(-KNOWN_MAX);
    this.#waiting.push(waiting);
    if (this.#waiting.length === 1) this.#showFirst();
  }

  /** What is not for this device, not by the token's gateway, or late, is passed over. @param {import("../core/push.js").Carried} carried @returns {Promise<Waiting | null>} */
  async #opened(carried) {
    /** @type {Token | undefined} */
    let token;
    const keyOf = (/** @type {string} */ serial) => {
      token = this.#session.contents.tokens.find((known) => known.serial === serial && this.#isOurs(known));
      return token ? pushKey(token.seed, serial) : null;
    };
    try {
      const request = await openRequest(await this.#session.safe.device(), carried, keyOf);
      const waiting = token && { request, token, offsetS: this.#offsetS };
      return waiting && !isOver(waiting) ? waiting : null;
    } catch (failure) {
      console.warn("a login request is passed over", failure);
      return null;
    }
  }

  /** @param {string} sessionId */
  #withdraw(sessionId) {
    const place = this.#waiting.findIndex(({ request }) => request.sessionId === sessionId);
    if (place === 0) this.#end("withdrawn");
    else if (place > 0) this.#waiting.splice(place, 1);
    this.#left = this.#left.filter(({ request }) => request.sessionId !== sessionId);
  }

  #showFirst() {
    const [first] = this.#waiting;
    if (!first) return;
    const { sessionId } = first.request;
    void this.#waking.close(sessionId);
    const ended = (/** @type {Ending} */ ending) => {
      this.#close = null;
      if (ending === "left") this.#left.push(first);
      // The push service may have been slower than the relay.
      void this.#waking.close(sessionId);
      this.#waiting = this.#waiting.filter((waiting) => waiting !== first);
      this.#showFirst();
    };
    this.#close = this.#show(first, (decision) => this.#answer(first, decision), ended);
  }

  /** @param {Ending} ending */
  #end(ending) {
    this.#close?.(ending);
  }

  /** @param {Waiting} waiting @param {Decision} decision */
  async #answer({ request, token }, decision) {
    if (!this.#relay) throw new Failure("network");
    const device = await this.#session.safe.device();
    const sealed = await sealAnswer(device, await pushKey(token.seed, request.token), request, decision);
    const { sessionId, mailbox, answerUrl } = request;
    await this.#relay.answer({ sessionId, mailbox, answerUrl, sealed });
  }

  /** @param {Token} token */
  #isOurs = (token) => token.serial !== null && token.server === this.#session.server.name;
}

/** Whether nobody waits for its answer any more. @param {Waiting} waiting */
const isOver = ({ request, offsetS }) => request.expiresS <= nowS() - offsetS;

/** Waits, or until there is a network again, somebody looks, or all is over. @param {number} ms @param {AbortSignal} end */
function rest(ms, end) {
  return new Promise((resolve) => {
    const over = new AbortController();
    const wake = () => {
      clearTimeout(timer);
      over.abort();
      resolve(undefined);
    };
    const timer = setTimeout(wake, ms);
    const { signal } = over;
    end.addEventListener("abort", wake, { signal });
    window.addEventListener("online", wake, { signal });
    document.addEventListener("visibilitychange", wake, { signal });
    if (end.aborted) wake();
  });
}

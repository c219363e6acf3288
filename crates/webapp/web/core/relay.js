// The push relay over HTTPS: requests come as server-sent events, answers go by POST.

import { APP_VERSION } from "./activation.js";
import { base64url, unbase64url } from "./bytes.js";
import { Failure } from "./failure.js";
import { checked, envelope, matching, message, number, read, readRelay, relayRequest, text } from "./messages.js";
import { listenTranscript } from "./push.js";
import { bodyOf, post } from "./registry.js";

/** @import { Bytes } from "./bytes.js" */
/** @import { Device } from "./device.js" */
/** @import { Carried } from "./push.js" */
/** @import { Ask } from "./registry.js" */

/**
 * @typedef {{ kind: "listening" } | { kind: "login", carried: Carried } | { kind: "withdrawn", sessionId: string }} RelayEvent
 *   `listening` comes first, once the relay took this device
 */

export const PUSH_PATH = "/SoftToken/Push";

const ANSWER_MS = 10_000;
/** A gateway that does not answer is not waited for: the relay is there as well. */
const DIRECT_MS = 4_000;
/** A stream says something every 20 s; one that does not is dead. */
const SILENCE_MS = 60_000;
/** A line is one message of 8 KiB at most, with what stands before it. */
const MAX_LINE_CHARS = 9 << 10;
/** `push mailbox unknown`: nobody collects this answer now. */
const MAILBOX_UNKNOWN = 117;
/** A gateway that is away collects again within seconds. */
const TRIES = 4;
const AGAIN_MS = 2_000;
const LATEST_S = 2 ** 40;

/**
 * Where the relay of a token server is; null where it has none. `dateS` is the server's clock.
 *
 * @param {Ask} ask
 * @returns {Promise<{ url: string | null, dateS: number | null }>}
 */
export async function findRelay(ask) {
  const { body, dateS } = await ask(relayRequest(APP_VERSION));
  return { url: readRelay(body), dateS };
}

export class Relay {
  /** @param {string} url @param {typeof fetch} [fetcher] */
  constructor(url, fetcher = (...request) => fetch(...request)) {
    this.url = url;
    this.fetcher = fetcher;
  }

  /**
   * The requests of this device, until the stream ends or is broken off. The first time makes the device known
   * to the relay.
   *
   * @param {Device} device
   * @param {AbortSignal} end
   * @returns {AsyncGenerator<RelayEvent>}
   */
  async *listen(device, end) {
    const silence = new AbortController();
    const stop = () => silence.abort();
    end.addEventListener("abort", stop);
    let timer = setTimeout(stop, SILENCE_MS);
    try {
      const response = await this.#open(device, silence.signal);
      yield { kind: "listening" };
      for await (const line of lines(response)) {
        clearTimeout(timer);
        timer = setTimeout(stop, SILENCE_MS);
        const event = line.startsWith("data: ") ? readEvent(device, line.slice(6)) : null;
        if (event) yield event;
      }
    } finally {
      clearTimeout(timer);
      end.removeEventListener("abort", stop);
      stop();
    }
  }

  /**
   * Sends an answer: to the gateway itself if it takes answers and this page may ask it, else back through the
   * relay.
   *
   * @param {{ sessionId: string, mailbox: Bytes, sealed: Bytes, answerUrl: string | null }} answer
   */
  async answer({ sessionId, mailbox, sealed, answerUrl }) {
    const fields = { mailbox: base64url(mailbox), session: sessionId, sealed: base64url(sealed) };
    const request = envelope("PushAnswerRequest", fields);
    if (answerUrl !== null && (await this.#isTaken(answerUrl, request))) return;
    for (let left = TRIES; ; left -= 1) {
      try {
        return await this.#leave(this.url, request, ANSWER_MS);
      } catch (failure) {
        const isAway = failure instanceof Failure && failure.facts["code"] === MAILBOX_UNKNOWN;
        if (!isAway || left === 1) throw failure;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  /** @param {Device} device @param {AbortSignal} signal */
  async #open(device, signal) {
    const url = this.url + PUSH_PATH;
    const nonce = await askNonce(url, signal, this.fetcher);
    const server = new URL(this.url).host;
    const request = envelope("PushListenRequest", {
      server,
      nonce: base64url(nonce),
      signing_key: base64url(device.signing),
      sealing_key: base64url(device.sealing),
      signature: base64url(await device.signPush(listenTranscript(device, server, nonce))),
    });
    const response = await post(url, request, signal, this.fetcher);
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      read("PushAcceptedResponse", [], await bodyOf(response));
      throw new Failure("server-message", { field: "stream" });
    }
    return response;
  }

  /** @param {string} url @param {string} request */
  async #isTaken(url, request) {
    try {
      await this.#leave(url, request, DIRECT_MS);
      return true;
    } catch {
      return false;
    }
  }

  /** @param {string} url @param {string} request @param {number} withinMs */
  async #leave(url, request, withinMs) {
    const response = await post(url + PUSH_PATH, request, AbortSignal.timeout(withinMs), this.fetcher);
    read("PushAcceptedResponse", [], await bodyOf(response));
  }
}

/** What a proof to the relay begins with. @param {string} url @param {AbortSignal} signal @param {typeof fetch} fetcher */
export async function askNonce(url, signal, fetcher) {
  const asked = await post(url, envelope("PushNonceRequest", {}), signal, fetcher);
  const given = read("PushNonceResponse", ["nonce"], await bodyOf(asked));
  return checked("nonce", () => unbase64url(text(given, "nonce"), 32));
}

/** @param {Response} response @returns {AsyncGenerator<string>} */
async function* lines(response) {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const whole = (rest + value).split("\n");
    rest = whole.pop() ?? "";
    if (rest.length > MAX_LINE_CHARS) throw new Failure("server-message", { field: "length" });
    yield* whole;
  }
}

/** What is for another device, or no event at all, is passed over. @param {Device} device @param {string} data @returns {RelayEvent | null} */
function readEvent(device, data) {
  try {
    const isWithdrawn = data.includes('"SoftToken.PushWithdrawRequest"');
    const fields = isWithdrawn
      ? message("PushWithdrawRequest", ["registration_id", "session"], data)
      : message("PushLoginRequest", ["registration_id", "session", "expires", "sealed"], data);
    if (text(fields, "registration_id") !== device.registrationId) return null;
    const sessionId = matching(fields, "session", /^[A-Za-z0-9_-]{22}$/);
    if (isWithdrawn) return { kind: "withdrawn", sessionId };
    const sealed = checked("sealed", () => unbase64url(text(fields, "sealed")));
    return { kind: "login", carried: { sessionId, expiresS: number(fields, "expires", 0, LATEST_S), sealed } };
  } catch (failure) {
    console.warn("an event of the push relay is passed over", failure);
    return null;
  }
}

// The registry over HTTPS: one endpoint, at the origin that the app itself came from.

import { Failure } from "./failure.js";

export const MOBILE_PATH = "/SoftToken/Provisioning.asmx/Mobile";

/** Beyond this a person has given up; a handshake and an answer take well below a second each. */
const TIMEOUT_MS = 15_000;
const MAX_ANSWER_CHARS = 8 << 10;

/**
 * @typedef {{ body: string, dateS: number | null }} Answer `dateS`: the server's clock, seconds after the
 *   epoch
 * @typedef {(message: string) => Promise<Answer>} Ask
 */

/** What apps sign as the server's name. @param {Location | URL} location */
export const serverName = (location) => location.host;

/**
 * @param {string} origin
 * @param {typeof fetch} [fetcher]
 * @param {string} [path]
 * @returns {Ask}
 */
export function registryAt(origin, fetcher = fetch, path = MOBILE_PATH) {
  return async (message) => {
    const response = await post(origin + path, message, AbortSignal.timeout(TIMEOUT_MS), fetcher);
    return { body: await bodyOf(response), dateS: dateS(response.headers.get("Date")) };
  };
}

/**
 * @param {string} url
 * @param {string} message
 * @param {AbortSignal} signal
 * @param {typeof fetch} fetcher
 */
export async function post(url, message, signal, fetcher) {
  const response = await reach(() =>
    fetcher(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: message,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal,
    }),
  );
  if (response.status !== 200) throw new Failure("server-status", { status: response.status });
  return response;
}

/** @param {Response} response */
export async function bodyOf(response) {
  const body = await reach(() => response.text());
  if (body.length > MAX_ANSWER_CHARS) throw new Failure("server-message", { field: "length" });
  return body;
}

/**
 * @template T
 * @param {() => Promise<T>} request
 * @returns {Promise<T>}
 */
async function reach(request) {
  try {
    return await request();
  } catch (cause) {
    throw new Failure("network", {}, cause);
  }
}

/** RFC 9110 section 6.6.1. @param {string | null} header */
function dateS(header) {
  const milliseconds = header === null ? Number.NaN : Date.parse(header);
  return Number.isNaN(milliseconds) ? null : milliseconds / 1000;
}

// Messages between app and registry: `docs/protocol.md`, "App and registry". Answers are read strictly:
// every field, and no other.

import { Failure } from "./failure.js";
import { isAlgorithm, MAX_DIGITS, MAX_PERIOD_S, MIN_DIGITS } from "./otp.js";
import { base32, base64url, hex, unbase64url } from "./bytes.js";

/** @import { Bytes } from "./bytes.js" */
/** @import { Shape } from "./otp.js" */
/** @import { Device } from "./device.js" */

/** @typedef {"require" | "not_require" | "enforce"} PinRequirement */
/** @typedef {{ requirement: PinRequirement, digits: number }} PinPolicy */

/**
 * A token that only one device can open.
 *
 * @typedef {{ serial: string, registrationId: string, sealedSeed: Bytes, shape: Shape, issuer: string,
 *   pinPolicy: PinPolicy }} SealedToken
 */

const VERSION = "4";
const OUTCOME = ["result", "error"];
const SERVED = 2;
const TOKEN = [
  "token",
  "registration_id",
  "sealed_seed",
  "type",
  "period",
  "digits",
  "algorithm",
  "issuer",
  "require_pin",
  "pin_length",
];
const PIN_LENGTHS = [4, 6, 8];
const MAX_ISSUER_CHARS = 64;
/** Encapsulated key, tag, and a seed of 10 to 64 octets. */
const SEALED_BYTES = { least: 65 + 16 + 10, most: 65 + 16 + 64 };

/** @param {string} version */
export const nonceRequest = (version) =>
  envelope("MobileNonceRequest", { mobile_device_version: version });

/**
 * @param {Device} device
 * @param {{ version: string, server: string, nonce: Bytes, code: Bytes, linkSecret: Bytes | null, signature: Bytes }} claim
 */
export const provisionRequest = (device, { version, server, nonce, code, linkSecret, signature }) =>
  envelope("MobileProvisionRequest", {
    mobile_device_version: version,
    server,
    nonce: base64url(nonce),
    token_activation_code: hex(code),
    link_secret: linkSecret && base32(linkSecret),
    signing_key: base64url(device.signing),
    sealing_key: base64url(device.sealing),
    signature: base64url(signature),
  });

/**
 * @param {Device} device
 * @param {{ server: string, token: string, answerHash: Bytes, signature: Bytes }} stored
 */
export const receiptRequest = (device, { server, token, answerHash, signature }) =>
  envelope("MobileReceiptRequest", {
    token,
    registration_id: device.registrationId,
    server,
    answer_hash: base64url(answerHash),
    signature: base64url(signature),
  });

/** @param {string} body @returns {Bytes} the nonce */
export function readNonce(body) {
  const fields = read("MobileNonceResponse", ["nonce"], body);
  return checked("nonce", () => unbase64url(text(fields, "nonce"), 32));
}

/** @param {string} body @returns {SealedToken} */
export function readProvision(body) {
  const fields = read("MobileProvisionResponse", TOKEN, body);
  return {
    serial: matching(fields, "token", /^[A-Z0-9]{16}$/),
    registrationId: matching(fields, "registration_id", /^[0-9a-f]{64}$/),
    sealedSeed: checked("sealed_seed", () => sealedSeed(text(fields, "sealed_seed"))),
    shape: shape(fields),
    issuer: issuer(fields),
    pinPolicy: pinPolicy(fields),
  };
}

/** @param {string} body */
export function readReceipt(body) {
  read("MobileReceiptResponse", [], body);
}

/** @param {string} version */
export const relayRequest = (version) => envelope("MobileRelayRequest", { mobile_device_version: version });

/** @param {string} body @returns {string | null} the push relay's address, if there is one */
export const readRelay = (body) =>
  optional(read("MobileRelayResponse", ["relay"], body), "relay", /^https:\/\/[^/?#@\\\s]{1,255}$/);

/** @param {string} type @param {Record<string, string | number | null>} fields */
export const envelope = (type, fields) =>
  JSON.stringify({ d: { __type: `SoftToken.${type}`, __version: VERSION, ...fields } });

/**
 * The fields of a served request; an error of the server is thrown as `refused`.
 *
 * @param {string} type
 * @param {string[]} names
 * @param {string} body
 */
export function read(type, names, body) {
  const fields = message(type, [...names, ...OUTCOME], body);
  if (fields["error"] !== null) {
    const error = checked("error", () => object(fields["error"], ["error_code", "error_message"]));
    throw new Failure("refused", {
      code: number(error, "error_code", -1_000_000, 1_000_000),
      message: text(error, "error_message"),
    });
  }
  if (fields["result"] !== SERVED) throw wrong("result");
  return fields;
}

/**
 * The fields of a message.
 *
 * @param {string} type
 * @param {string[]} names
 * @param {string} body
 */
export function message(type, names, body) {
  const outer = checked("d", () => object(JSON.parse(body), ["d"]));
  const fields = checked("d", () => object(outer["d"], ["__type", "__version", ...names]));
  if (fields["__type"] !== `SoftToken.${type}`) throw wrong("__type");
  if (fields["__version"] !== VERSION) throw wrong("__version");
  return fields;
}

/** @param {Record<string, unknown>} fields @returns {Shape} */
function shape(fields) {
  const type = text(fields, "type");
  if (type !== "totp" && type !== "hotp") throw wrong("type");
  const algorithm = text(fields, "algorithm");
  if (!isAlgorithm(algorithm)) throw wrong("algorithm");
  const [least, most] = type === "totp" ? [1, MAX_PERIOD_S] : [0, 0];
  return {
    type,
    period: number(fields, "period", least, most),
    digits: number(fields, "digits", MIN_DIGITS, MAX_DIGITS),
    algorithm,
  };
}

/** @param {Record<string, unknown>} fields */
function issuer(fields) {
  const name = text(fields, "issuer");
  const length = [...name].length;
  if (length < 1 || length > MAX_ISSUER_CHARS) throw wrong("issuer");
  return name;
}

/** @param {Record<string, unknown>} fields @returns {PinPolicy} */
function pinPolicy(fields) {
  const requirement = text(fields, "require_pin");
  if (requirement !== "require" && requirement !== "not_require" && requirement !== "enforce") {
    throw wrong("require_pin");
  }
  const digits = number(fields, "pin_length", 4, 8);
  if (!PIN_LENGTHS.includes(digits)) throw wrong("pin_length");
  return { requirement, digits };
}

/** @param {string} encoded */
function sealedSeed(encoded) {
  const sealed = unbase64url(encoded);
  if (sealed.length < SEALED_BYTES.least || sealed.length > SEALED_BYTES.most) throw wrong("sealed_seed");
  return sealed;
}

/** @param {unknown} value @param {string[]} names @returns {Record<string, unknown>} */
function object(value, names) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong("object");
  const found = Object.keys(value);
  if (found.length !== names.length || !names.every((name) => found.includes(name))) throw wrong("fields");
  return Object.fromEntries(Object.entries(value));
}

/** @param {Record<string, unknown>} fields @param {string} name */
export function text(fields, name) {
  const value = fields[name];
  if (typeof value !== "string") throw wrong(name);
  return value;
}

/** @param {Record<string, unknown>} fields @param {string} name @param {RegExp} pattern */
export function matching(fields, name, pattern) {
  const value = text(fields, name);
  if (!pattern.test(value)) throw wrong(name);
  return value;
}

/** A text, or null. @param {Record<string, unknown>} fields @param {string} name @param {RegExp} pattern */
export const optional = (fields, name, pattern) => (fields[name] === null ? null : matching(fields, name, pattern));

/** @param {Record<string, unknown>} fields @param {string} name @param {number} least @param {number} most */
export function number(fields, name, least, most) {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    throw wrong(name);
  }
  return value;
}

/**
 * @template T
 * @param {string} field
 * @param {() => T} read
 * @returns {T}
 */
export function checked(field, read) {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof Failure && cause.kind === "server-message") throw cause;
    throw new Failure("server-message", { field }, cause);
  }
}

/** @param {string} field */
export const wrong = (field) => new Failure("server-message", { field });

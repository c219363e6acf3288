// Activation codes: 16 characters of base32, a header of two octets and 8 random ones.

import { Failure } from "./failure.js";
import { unbase32 } from "./bytes.js";

/** @import { Bytes } from "./bytes.js" */

const LENGTH = 16;
const GROUP = 4;
/** A code every 60 seconds, every 30 seconds. */
const HEADERS = [0x2110, 0x2100];

/**
 * What a person types: lower case is folded, blanks and hyphens are skipped.
 *
 * @param {string} typed
 * @returns {Bytes} the 8 random octets
 */
export function parseActivationCode(typed) {
  const text = typed.replace(/[\s-]/g, "").toUpperCase();
  const wrong = text.match(/[^A-Z2-7]/u);
  if (wrong) throw new Failure("code-character", { found: wrong[0] });
  if (text.length !== LENGTH) throw new Failure("code-length", { got: text.length, want: LENGTH });
  const bytes = unbase32(text);
  const header = new DataView(bytes.buffer).getUint16(0);
  if (!HEADERS.includes(header)) throw new Failure("code-header");
  return bytes.slice(2);
}

/** In groups of four, as messages print it. @param {string} typed */
export const grouped = (typed) =>
  (typed.replace(/[\s-]/g, "").toUpperCase().match(new RegExp(`.{1,${GROUP}}`, "g")) ?? []).join(" ");

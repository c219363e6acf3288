import { de } from "./de.js";
import { en } from "./en.js";

/** @import { Texts } from "./en.js" */

/** @type {Readonly<Record<string, Texts>>} by ISO 639-1 code; English is what stands in for all others */
export const languages = { en, de };

/** @param {string} chosen a key of {@link languages}, or `auto` @param {readonly string[]} preferred BCP 47 tags @returns {[string, Texts]} */
export function languageOf(chosen, preferred) {
  for (const tag of [chosen, ...preferred]) {
    const code = tag.slice(0, 2).toLowerCase();
    const texts = tag === "auto" ? undefined : languages[code];
    if (texts) return [code, texts];
  }
  return ["en", en];
}

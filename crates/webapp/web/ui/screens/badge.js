import { h } from "../dom.js";

const COLOURS = 8;

/** An issuer's initials on a colour that stays the same. @param {string} issuer */
export function badge(issuer) {
  const words = issuer.split(/[\s.·:_-]+/).filter(Boolean);
  const initials = words.slice(0, 2).map(([first = ""]) => first.toLocaleUpperCase()).join("") || "?";
  const sum = [...issuer].reduce((total, character) => (total * 31 + (character.codePointAt(0) ?? 0)) % 997, 7);
  return h("span", { class: `badge colour-${sum % COLOURS}`, "aria-hidden": "true" }, initials);
}

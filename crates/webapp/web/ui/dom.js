// Elements from values. Text is always text: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * @typedef {{
 *   class?: string,
 *   on?: Partial<{ [K in keyof HTMLElementEventMap]: (event: HTMLElementEventMap[K]) => void }>,
 *   [attribute: string]: unknown,
 * }} Properties `true` is an attribute without a value; `false`, null and undefined are none
 */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} [properties]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, { on, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const [event, listener] of Object.entries(on ?? {})) {
    element.addEventListener(event, /** @type {EventListener} */ (listener));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Drawn on a grid of 24 with lines of 1.75. */
const ICONS = {
  add: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v10H9zM5 15V5h10",
  details: "M12 6v.01M12 12v.01M12 18v.01",
  down: "M12 5v14M6 13l6 6 6-6",
  up: "M12 19V5M6 11l6-6 6 6",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9a3 3 0 100 6 3 3 0 000-6z",
  eyeOff: "M4 4l16 16M9.9 5.8A9.3 9.3 0 0112 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 01-2.9 3.6M6.4 7.6A16.500 16.500 0 002.500 12S6 18.500 12 18.500c1.700 0 3.200-.5 4.500-1.200M9.900 10a3 3 0 004.100 4.100",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  install: "M12 4v11M7 11l5 5 5-5M5 20h14",
  link: "M10 14a4 4 0 006 .4l3-3a4 4 0 00-5.700-5.700L12 7M14 10a4 4 0 00-6-.4l-3 3a4 4 0 005.700 5.700L12 17",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 017 0v3",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-2.500 4 3.500M15.500 9v.01",
  refresh: "M20 11a8 8 0 10-2.300 6.300M20 5v6h-6",
  scan: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M7 12h10",
  search: "M11 5a6 6 0 100 12 6 6 0 000-12zM20 20l-4.500-4.500",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5a2 2 0 100 4 2 2 0 000-4zM9 15a2 2 0 100 4 2 2 0 000-4z",
  shield: "M12 3l7 3v5.500c0 4.500-3 7.900-7 9.500-4-1.600-7-5-7-9.500V6z",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.500 11v5M13.500 11v5",
  type: "M4 7h16v10H4zM7.500 10.500v.01M11 10.500v.01M14.500 10.500v.01M8 14h8",
};

/** @typedef {keyof typeof ICONS} IconName */

/** @param {IconName} name */
export function icon(name) {
  const svg = drawing("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" });
  svg.append(drawing("path", { d: ICONS[name] }));
  return svg;
}

/** @param {string} tag @param {Record<string, string>} attributes */
export function drawing(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** A button that shows an icon and says its label. @param {IconName} name @param {string} label @param {() => void} act @param {string} [kind] */
export const iconButton = (name, label, act, kind = "") =>
  h("button", { type: "button", class: `icon-button ${kind}`, "aria-label": label, title: label, on: { click: act } }, icon(name));

/** @param {string} label @param {() => void} act @param {string} [kind] */
export const button = (label, act, kind = "") =>
  h("button", { type: "button", class: `button ${kind}`, on: { click: act } }, label);

let fields = 0;

/**
 * A labelled field with a hint below it.
 *
 * @param {string} label
 * @param {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} input
 * @param {string} [hint]
 */
export function field(label, input, hint) {
  fields += 1;
  input.id = `field-${fields}`;
  if (hint) input.setAttribute("aria-describedby", `hint-${fields}`);
  return h(
    "div",
    { class: "field" },
    h("label", { for: input.id }, label),
    input,
    hint && h("p", { class: "hint", id: `hint-${fields}` }, hint),
  );
}

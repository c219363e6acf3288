// A page without a browser: enough of one to see what stands on a screen and to tap on it.

class Element {
  /** @type {(Element | string)[]} */
  children = [];
  /** @type {Map<string, () => void>} */
  #listeners = new Map();
  /** @type {Record<string, string>} */
  dataset = {};
  classList = { toggle() {} };
  style = { setProperty() {} };
  /** @type {Element | null} */
  #parent = null;
  disabled = false;
  hidden = false;
  value = "";

  /** @param {string} tag */
  constructor(tag) {
    this.tag = tag;
  }

  /** @param {string} text */
  set textContent(text) {
    this.children = [text];
  }

  /** @returns {string} */
  get textContent() {
    return this.children.map((child) => (typeof child === "string" ? child : child.textContent)).join(" ");
  }

  get childElementCount() {
    return this.all().length - 1;
  }

  /** @returns {Element[]} this one and those within */
  all() {
    return [this, ...this.children.flatMap((child) => (typeof child === "string" ? [] : child.all()))];
  }

  /** @param {...(Element | string)} children */
  append(...children) {
    this.children.push(...children);
    for (const child of children) if (typeof child !== "string") child.#parent = this;
  }

  /** @param {...(Element | string)} children */
  replaceChildren(...children) {
    this.children = children;
  }

  /** @param {string} event @param {() => void} listener */
  addEventListener(event, listener) {
    this.#listeners.set(event, listener);
  }

  /** @param {string} event @param {object} [given] */
  fire(event, given = { preventDefault() {} }) {
    const listener = /** @type {(given: object) => void} */ (this.#listeners.get(event));
    listener(given);
  }

  querySelector() {
    return null;
  }

  remove() {
    if (this.#parent) this.#parent.children = this.#parent.children.filter((child) => child !== this);
  }

  after() {}
  close() {}
  focus() {}
  setAttribute() {}
  showModal() {}
}

/** Puts the globals in place that the screens use, and returns the place of the app. */
export function stage() {
  const place = new Element("main");
  const makers = {
    createElement: (/** @type {string} */ tag) => new Element(tag),
    createElementNS: (/** @type {string} */ _, /** @type {string} */ tag) => new Element(tag),
    documentElement: new Element("html"),
    body: new Element("body"),
    addEventListener() {},
  };
  Object.assign(globalThis, {
    document: makers,
    window: { scrollTo() {}, addEventListener() {} },
    location: { hash: "", pathname: "/app/", host: "tokens.example.org", origin: "https://tokens.example.org" },
    history: { replaceState: () => (location.hash = "") },
    navigator: { languages: ["en"] },
  });
  return place;
}

/** @param {Element} place @param {string} label of a button */
export function press(place, label) {
  const found = place.all().find(({ tag, textContent }) => tag === "button" && textContent === label);
  if (!found) throw new Error(`no “${label}” in: ${place.textContent}`);
  found.fire("click");
}

/** Fills the fields of the form that is shown, and sends it. @param {Element} place @param {...string} values */
export function fill(place, ...values) {
  const inputs = place.all().filter(({ tag }) => tag === "input");
  for (const [index, value] of values.entries()) if (inputs[index]) inputs[index].value = value;
  place.all().find(({ tag }) => tag === "form")?.fire("submit");
}

/** Waits until a text stands there. @param {Element} place @param {string} text */
export async function shows(place, text) {
  for (let turn = 0; turn < 500; turn += 1) {
    if (place.textContent.includes(text)) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`no “${text}” in: ${place.textContent}`);
}

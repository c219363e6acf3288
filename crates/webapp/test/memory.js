// A browser's database and worker, without a browser.

import { stretched } from "../web/vault/stretched.js";

/** @import { Store } from "../web/vault/vault.js" */
/** @import { Stretch } from "../web/vault/keys.js" */

export const CHEAP = { memoryKib: 8, passes: 1 };

/** @type {Stretch} */
export const stretch = async (secret, salt, effort) => stretched(secret, salt, effort);

/** What a browser's database would hold. @param {Map<string, unknown>} [records] @returns {Store & { records: Map<string, unknown> }} */
export function memory(records = new Map()) {
  const write = (/** @type {Record<string, unknown>} */ changes) => {
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) records.delete(name);
      else records.set(name, structuredClone(value));
    }
  };
  return {
    records,
    get: async (name) => structuredClone(records.get(name)),
    put: async (changes) => write(changes),
    update: async (name, decide) => write(decide(structuredClone(records.get(name)))),
  };
}

// Records in IndexedDB, which keeps CryptoKeys that cannot be extracted as they are.

import { Failure } from "../core/failure.js";

/** @import { Store } from "./vault.js" */

const VERSION = 1;
const RECORDS = "records";

/** @param {string} [name] @returns {Promise<Store>} */
export async function openDatabase(name = "symbolon") {
  const database = await opened(name);
  return {
    get: (record) => settled(database.transaction(RECORDS).objectStore(RECORDS).get(record)),
    put: (records) => written(database, (store) => write(store, records)),
    update: (record, decide) =>
      written(database, (store, giveUp) => {
        const request = store.get(record);
        request.onsuccess = () => {
          try {
            write(store, decide(request.result));
          } catch (reason) {
            giveUp(reason);
          }
        };
      }),
  };
}

/**
 * @param {IDBDatabase} database
 * @param {(store: IDBObjectStore, giveUp: (reason: unknown) => void) => void} act
 * @returns {Promise<void>}
 */
const written = (database, act) =>
  new Promise((resolve, reject) => {
    // Strict: a count of tries that is only in memory is none.
    const transaction = database.transaction(RECORDS, "readwrite", { durability: "strict" });
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(new Failure("storage", {}, transaction.error));
    act(transaction.objectStore(RECORDS), (reason) => {
      reject(reason);
      transaction.abort();
    });
  });

/** @param {IDBObjectStore} store @param {Record<string, unknown>} records */
function write(store, records) {
  for (const [record, value] of Object.entries(records)) {
    if (value === undefined) store.delete(record);
    else store.put(value, record);
  }
}

/** @param {string} name @returns {Promise<IDBDatabase>} */
function opened(name) {
  const request = indexedDB.open(name, VERSION);
  request.onupgradeneeded = () => request.result.createObjectStore(RECORDS);
  return settled(request);
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new Failure("storage", {}, request.error));
  });

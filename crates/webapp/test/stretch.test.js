import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { test } from "node:test";
import { Worker as Thread } from "node:worker_threads";
import { utf8 } from "../web/core/bytes.js";
import { stretchInWorker } from "../web/vault/stretch.js";
import { stretched } from "../web/vault/stretched.js";

/** What a browser gives a module worker, inside one of Node's threads. */
const SCOPE = `
  import { parentPort, workerData } from "node:worker_threads";
  globalThis.onmessage = null;
  globalThis.postMessage = (data) => parentPort.postMessage(data);
  await import(workerData);
  parentPort.on("message", (data) => globalThis.onmessage({ data }));
`;

/** A browser's worker. */
class Worker {
  #thread;

  /** @param {URL} address */
  constructor(address) {
    const scope = new URL(`data:text/javascript,${encodeURIComponent(SCOPE)}`);
    this.#thread = new Thread(scope, { workerData: address.href });
    this.#thread.on("message", (data) => this.onmessage({ data }));
    this.#thread.on("error", ({ message }) => this.onerror({ message }));
  }

  onmessage = (/** @type {{ data: unknown }} */ _) => {};
  onerror = (/** @type {{ message: string }} */ _) => {};

  /** @param {unknown} data */
  postMessage(data) {
    this.#thread.postMessage(data);
  }

  terminate() {
    void this.#thread.terminate();
  }
}

Object.assign(globalThis, { Worker });

test("the page's thread goes on while a PIN or a file's password is stretched", async () => {
  const salt = utf8("somesaltsomesalt");
  const efforts = [{ memoryKib: 64, passes: 3 }, { n: 1 << 10, r: 8, p: 2 }];
  for (const effort of efforts) {
    let wentOn = false;
    setImmediate(() => (wentOn = true));
    const key = await stretchInWorker(utf8("correct horse"), salt, effort);
    assert.ok(wentOn);
    assert.deepEqual(key, stretched(utf8("correct horse"), salt, effort));
  }
  const derived = scryptSync("correct horse", salt, 32, { N: 1 << 10, r: 8, p: 2 });
  assert.deepEqual(stretched(utf8("correct horse"), salt, { n: 1 << 10, r: 8, p: 2 }), new Uint8Array(derived));
});

test("an effort that the worker cannot make is told, not waited for", async () => {
  const effort = { n: 3, r: 8, p: 1 };
  await assert.rejects(stretchInWorker(utf8("secret"), utf8("salt"), effort), { kind: "unsupported" });
});

import { Failure } from "../core/failure.js";

/** @import { Stretch } from "./keys.js" */

/** @type {Stretch} */
export const stretchInWorker = (secret, salt, effort) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./stretch-worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = (event) => {
      worker.terminate();
      reject(new Failure("unsupported", {}, event.message));
    };
    worker.postMessage({ secret, salt, effort });
  });

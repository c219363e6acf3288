// A VPN server as `radclient` plays it: what a person types goes to the gateway over RADIUS.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { scene } from "./phone.js";

/** @typedef {{ code: string, state: string, prompt: string }} Reply */

/** A minute for the person, and what the network takes. */
const PATIENCE_S = 75;

/**
 * Sends a name and what is typed with it.
 *
 * @param {string} user
 * @param {string} typed
 * @param {Reply} [challenge] that is answered
 * @returns {Promise<Reply>}
 */
export async function ask(user, typed, challenge) {
  const state = challenge ? `State = ${challenge.state}, ` : "";
  const attributes = `User-Name = "${user}", User-Password = "${typed}", ${state}Message-Authenticator = 0x00\n`;
  const words = ["-x", "-r", "1", "-t", String(PATIENCE_S), scene.radius.server, "auth", scene.radius.secret];
  const said = await told("radclient", words, attributes);
  const received = said.slice(said.indexOf("Received "));
  const [, code = ""] = received.match(/^Received Access-(\w+)/) ?? [];
  assert.ok(code, said);
  const attribute = (/** @type {string} */ name) => received.match(new RegExp(`\\t${name} = "?(.*?)"?\\n`))?.[1] ?? "";
  return { code, state: attribute("State"), prompt: attribute("Reply-Message") };
}

/**
 * A login that asks the person on the phone. `number` is what it shows; `outcome` waits for the phone.
 *
 * @param {string} user
 */
export async function push(user) {
  const offer = await ask(user, scene.password);
  assert.match(offer.prompt, /no code to send a notification to your FortiToken Mobile/);
  const shown = await ask(user, "push", offer);
  const [number = ""] = shown.prompt.match(/\d\d/) ?? [];
  return {
    number,
    shown,
    outcome: async () => (await ask(user, "push", shown)).code,
  };
}

/** A login that waits for a tap. @param {string} user */
export async function tap(user) {
  const offer = await ask(user, scene.password);
  return (await ask(user, "push", offer)).code;
}

/** @param {string} command @param {string[]} words @param {string} input @returns {Promise<string>} */
function told(command, words, input) {
  return new Promise((resolve, reject) => {
    const running = spawn(command, words);
    let said = "";
    for (const stream of [running.stdout, running.stderr]) stream.on("data", (text) => (said += text));
    running.on("error", reject);
    running.on("close", () => resolve(said));
    running.stdin.end(input);
  });
}

// An app that was left open, with a token of a token server; what its gateway is asked is written down.

import { utf8 } from "../web/core/bytes.js";
import { Safe } from "../web/vault/vault.js";
import { App } from "../web/ui/app.js";
import { Session } from "../web/ui/session.js";
import { CHEAP, memory, stretch } from "./memory.js";
import { stage } from "./screen.js";

/** @import { Action, Standing } from "../web/core/transfer.js" */

export const PIN = "2741";

export async function leftOpen() {
  const place = stage();
  const session = new Session(new Safe(memory(), stretch, CHEAP), location);
  await session.setPin(PIN);
  const owed = { token: "FTKMOB83F91CD33B", answerHash: utf8("hash"), server: session.server.name };
  session.settleReceipts = async () => new Map();
  const { id } = await session.keep(
    {
      serial: owed.token,
      issuer: "Example Ltd",
      seed: utf8("12345678901234567890"),
      shape: { type: "totp", period: 60, digits: 6, algorithm: "SHA1" },
      pinPolicy: { requirement: "require", digits: 4 },
      owed,
    },
    "",
  );
  /** @type {Action[]} */
  const asked = [];
  session.wish = async (_, action) => {
    asked.push(action);
    return { state: action === "look" ? "none" : "open", expiresS: 1, link: null, sentTo: "a***@example.org" };
  };
  const home = () => ({ element: document.createElement("p") });
  const app = new App(session, new Map(Object.entries({ "": home })), /** @type {any} */ (place));
  return { app, place, session, id, asked };
}

/** Types into the last field. @param {any} place @param {string} typed */
export const type = (place, typed) => {
  const inputs = place.all().filter((/** @type {any} */ { tag }) => tag === "input");
  inputs.at(-1).value = typed;
};

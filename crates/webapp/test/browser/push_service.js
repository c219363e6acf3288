// A push service of the test's own (RFC 8030), and the browser that it serves (RFC 8291).

import assert from "node:assert/strict";
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { scene } from "./phone.js";

/** @typedef {{ path: string, headers: import("node:http").IncomingHttpHeaders, body: Buffer }} Posted */

const PATIENCE_MS = 15_000;

export class PushService {
  /** What is posted and nobody has looked at. @type {Posted[]} */
  #posted = [];
  /** @type {() => void} */
  #wake = () => {};
  #ecdh = createECDH("prime256v1");
  #auth = randomBytes(16);

  constructor() {
    this.#ecdh.generateKeys();
    const { certificate, key, port } = scene.pushService;
    this.origin = `https://127.0.0.1:${port}`;
    this.server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) => {
      /** @type {Buffer[]} */
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        this.#posted.push({ path: request.url ?? "", headers: request.headers, body: Buffer.concat(parts) });
        this.#wake();
        response.writeHead(201).end();
      });
    });
    this.server.listen(port, "127.0.0.1");
  }

  /** What a browser gives who subscribes. */
  get subscription() {
    return {
      endpoint: `${this.origin}/push/1`,
      p256dh: this.#ecdh.getPublicKey("base64url"),
      auth: this.#auth.toString("base64url"),
    };
  }

  /** How many wait that nobody has looked at. */
  get waiting() {
    return this.#posted.length;
  }

  /** The next message, whoever looks waits for it: headers, and what the browser reads. */
  async next() {
    if (this.#posted.length === 0) {
      await new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error("nothing was posted")), PATIENCE_MS);
        this.#wake = () => (clearTimeout(late), resolve(undefined));
      });
    }
    const posted = this.#posted.shift();
    assert.ok(posted);
    return { ...posted, text: this.#open(posted.body) };
  }

  /** @param {Buffer} body */
  #open(body) {
    const [salt, keyLength] = [body.subarray(0, 16), body[20] ?? 0];
    const [sender, record] = [body.subarray(21, 21 + keyLength), body.subarray(21 + keyLength)];
    const info = Buffer.concat([Buffer.from("WebPush: info\0"), this.#ecdh.getPublicKey(), sender]);
    const input = hkdfSync("sha256", this.#ecdh.computeSecret(sender), this.#auth, info, 32);
    const [key, nonce] = [["aes128gcm", 16], ["nonce", 12]].map(([name, length]) =>
      Buffer.from(hkdfSync("sha256", Buffer.from(input), salt, `Content-Encoding: ${name}\0`, Number(length))),
    );
    assert.ok(key && nonce);
    const cipher = createDecipheriv("aes-128-gcm", key, nonce);
    cipher.setAuthTag(record.subarray(-16));
    const opened = Buffer.concat([cipher.update(record.subarray(0, -16)), cipher.final()]);
    const end = opened.lastIndexOf(2);
    assert.ok(opened.subarray(end + 1).every((octet) => octet === 0));
    return opened.subarray(0, end).toString();
  }
}

/** Who sent a message, as push services make sure of it (RFC 8292). @param {Posted} posted @param {string} origin */
export function sender({ headers }, origin) {
  const [, token = "", key = ""] = headers.authorization?.match(/^vapid t=([\w.-]+), k=([\w-]{87})$/) ?? [];
  const [header = "", claims = "", signature = ""] = token.split(".");
  const point = Buffer.from(key, "base64url");
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((it) => it.toString("base64url"));
  const publicKey = createPublicKey({ format: "jwk", key: { kty: "EC", crv: "P-256", x: x ?? "", y: y ?? "" } });
  const signed = Buffer.from(`${header}.${claims}`);
  const how = { key: publicKey, dsaEncoding: /** @type {const} */ ("ieee-p1363") };
  assert.ok(verify("sha256", signed, how, Buffer.from(signature, "base64url")));
  const { aud, exp, sub } = JSON.parse(Buffer.from(claims, "base64url").toString());
  assert.equal(aud, origin);
  assert.ok(exp > Date.now() / 1000 && exp < Date.now() / 1000 + 24 * 60 * 60);
  return { key, contact: sub };
}

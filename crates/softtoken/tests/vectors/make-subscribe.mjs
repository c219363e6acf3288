// Makes subscribe.json as a browser would: node make-subscribe.mjs > subscribe.json
// Keys and random bytes are fixed; ECDSA signatures of WebCrypto are not, so each run signs anew.

import { base64url, deriveKeyPair, hex, pair, sign, transcript, unhex, utf8 } from "./webcrypto.mjs";

const NONE = new Uint8Array(0);
const server = "push.example.org";
const nonce = unhex("4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60");
// The browser of RFC 8291 section 5.
const SUBSCRIPTION = {
  endpoint: "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
  p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
  auth: "BTBZMqHH6r4Tts7J_aSIgg",
};

const signing = pair(unhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"));
const sealing = await deriveKeyPair(unhex("0101010101010101010101010101010101010101010101010101010101010101"));
const octets = (text) => (text === null ? NONE : new Uint8Array(Buffer.from(text, "base64url")));

async function vector({ endpoint, p256dh, auth }) {
  const signed = transcript(
    "symbolon-push-subscribe-v1", utf8(server), nonce, signing.point, sealing.point,
    utf8(endpoint ?? ""), octets(p256dh), octets(auth));
  const message = {
    __type: "SoftToken.PushSubscribeRequest", __version: "4", server, nonce: base64url(nonce),
    signing_key: base64url(signing.point), sealing_key: base64url(sealing.point), endpoint, p256dh, auth,
    signature: base64url(await sign(signing, signed)),
  };
  return { transcript: hex(signed), message: JSON.stringify({ d: message }) };
}

const vectors = await Promise.all([SUBSCRIPTION, { endpoint: null, p256dh: null, auth: null }].map(vector));
console.log(JSON.stringify(vectors, null, 2));

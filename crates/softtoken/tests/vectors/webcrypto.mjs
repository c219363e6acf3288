// What the vectors need, with WebCrypto alone, as a browser would.

import { createECDH, webcrypto } from "node:crypto";

const { subtle } = webcrypto;
const utf8 = (text) => new TextEncoder().encode(text);
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const unhex = (text) => new Uint8Array(Buffer.from(text, "hex"));
const base64url = (bytes) => Buffer.from(bytes).toString("base64url");
const join = (...parts) => new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part))));
const u16 = (number) => new Uint8Array([number >> 8, number & 255]);
const sha256 = async (bytes) => new Uint8Array(await subtle.digest("SHA-256", bytes));

const transcript = (label, ...fields) =>
  join(...[utf8(label), ...fields].flatMap((field) => [u16(field.length), field]));

function pair(scalar) {
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(Buffer.from(scalar));
  const point = new Uint8Array(ecdh.getPublicKey());
  const jwk = {
    kty: "EC", crv: "P-256", d: base64url(scalar),
    x: base64url(point.slice(1, 33)), y: base64url(point.slice(33)),
  };
  return { point, jwk };
}

async function sign(key, message) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const imported = await subtle.importKey("jwk", key.jwk, algorithm, false, ["sign"]);
  return new Uint8Array(await subtle.sign({ name: "ECDSA", hash: "SHA-256" }, imported, message));
}

async function hmac(key, message) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  // An empty salt is a salt of zeros (RFC 5869 section 2.2); WebCrypto refuses empty keys.
  const imported = await subtle.importKey(
    "raw", key.length ? key : new Uint8Array(32), algorithm, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", imported, message));
}

// RFC 9180: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode.
const KEM = join(utf8("KEM"), u16(0x0010));
const HPKE = join(utf8("HPKE"), u16(0x0010), u16(0x0001), u16(0x0002));
const NONE = new Uint8Array(0);

const extract = (suite, salt, label, ikm) =>
  hmac(salt, join(utf8("HPKE-v1"), suite, utf8(label), ikm));

// One block suffices: no output here is longer than 32 bytes.
const expand = async (suite, key, label, info, length) =>
  (await hmac(key, join(u16(length), utf8("HPKE-v1"), suite, utf8(label), info, [1])))
    .slice(0, length);

async function deriveKeyPair(ikm) {
  const key = await extract(KEM, NONE, "dkp_prk", ikm);
  return pair(await expand(KEM, key, "candidate", [0], 32));
}

async function diffieHellman(own, point) {
  const algorithm = { name: "ECDH", namedCurve: "P-256" };
  const secret = await subtle.importKey("jwk", own.jwk, algorithm, false, ["deriveBits"]);
  const other = await subtle.importKey("raw", point, algorithm, false, []);
  return new Uint8Array(await subtle.deriveBits({ name: "ECDH", public: other }, secret, 256));
}

async function context(dh, encapsulated, recipient, info) {
  const shared = await expand(
    KEM, await extract(KEM, NONE, "eae_prk", dh), "shared_secret",
    join(encapsulated, recipient), 32);
  const schedule = join(
    [0], await extract(HPKE, NONE, "psk_id_hash", NONE),
    await extract(HPKE, NONE, "info_hash", info));
  const secret = await extract(HPKE, shared, "secret", NONE);
  const key = await expand(HPKE, secret, "key", schedule, 32);
  return {
    key: await subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]),
    iv: await expand(HPKE, secret, "base_nonce", schedule, 12),
  };
}

async function seal(recipient, info, aad, plaintext, random) {
  const ephemeral = await deriveKeyPair(random);
  const dh = await diffieHellman(ephemeral, recipient);
  const { key, iv } = await context(dh, ephemeral.point, recipient, info);
  const options = { name: "AES-GCM", iv, additionalData: aad };
  return join(ephemeral.point, new Uint8Array(await subtle.encrypt(options, key, plaintext)));
}

async function open(recipient, info, aad, sealed) {
  const encapsulated = sealed.slice(0, 65);
  const dh = await diffieHellman(recipient, encapsulated);
  const { key, iv } = await context(dh, encapsulated, recipient.point, info);
  const options = { name: "AES-GCM", iv, additionalData: aad };
  return new Uint8Array(await subtle.decrypt(options, key, sealed.slice(65)));
}

const counted = (first, length) =>
  hex(Uint8Array.from({ length }, (_, index) => (first + index) & 255));

export { utf8, hex, unhex, base64url, join, sha256, transcript, pair, sign,
  hmac, deriveKeyPair, seal, open, counted };

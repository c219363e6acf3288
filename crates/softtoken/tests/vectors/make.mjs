// Makes device.json as a browser would: node make.mjs > device.json
// Keys and random bytes are fixed; ECDSA signatures of WebCrypto are not, so each run signs anew.

import {
  counted, deriveKeyPair, hex, join, open, pair, seal, sha256, sign, transcript, unhex, utf8,
} from "./webcrypto.mjs";

async function vector(input) {
  const signing = pair(unhex(input.signing_private));
  const sealing = await deriveKeyPair(unhex(input.sealing_random));
  const registrationId = hex(
    await sha256(join(utf8("symbolon-device-v1"), signing.point, sealing.point)));
  const codeHash = await sha256(
    transcript("symbolon-code-v1", unhex(input.code), unhex(input.link_secret)));
  const activation = transcript(
    "symbolon-activation-v1", utf8(input.server), unhex(input.nonce), codeHash,
    signing.point, sealing.point, utf8(input.version));
  const info = transcript("symbolon-seed-v1", utf8(input.server), utf8(registrationId));
  const aad = transcript(
    "symbolon-token-v1", utf8(input.token), utf8(input.type), utf8(String(input.period)),
    utf8(String(input.digits)), utf8(input.algorithm));
  const sealed = await seal(
    sealing.point, info, aad, unhex(input.seed), unhex(input.seal_random));
  if (hex(await open(sealing, info, aad, sealed)) !== input.seed) throw new Error("HPKE");
  const answerHash = await sha256(sealed);
  const receipt = transcript(
    "symbolon-receipt-v1", utf8(input.server), utf8(registrationId), utf8(input.token), answerHash);
  return {
    input,
    signing_public: hex(signing.point),
    sealing_private: hex(Buffer.from(sealing.jwk.d, "base64url")),
    sealing_public: hex(sealing.point),
    registration_id: registrationId,
    code_hash: hex(codeHash),
    activation_transcript: hex(activation),
    activation_signature: hex(await sign(signing, activation)),
    seal_info: hex(info),
    seal_aad: hex(aad),
    sealed_seed: hex(sealed),
    answer_hash: hex(answerHash),
    receipt_transcript: hex(receipt),
    receipt_signature: hex(await sign(signing, receipt)),
  };
}

const inputs = [
  {
    signing_private: counted(0x01, 32), sealing_random: counted(0x21, 32),
    server: "tokens.example.org", nonce: counted(0x41, 32), version: "0.1.0_LNX",
    code: "c151debf865e057b", link_secret: "",
    token: "FTKMOB83F91CD33B", seed: "a84e2caad3bcea970e05dc1a9b7bd2d562622f4a",
    type: "totp", period: 60, digits: 6, algorithm: "SHA1", seal_random: counted(0x61, 32),
  },
  {
    signing_private: counted(0x81, 32), sealing_random: counted(0xa1, 32),
    server: "127.0.0.1:8443", nonce: counted(0xc1, 32), version: "5.4.2_IOS",
    code: "4ad498cc89189c8c", link_secret: counted(0xe1, 16),
    token: "FTKMOB947FDC1754", seed: counted(0x10, 32),
    type: "totp", period: 30, digits: 8, algorithm: "SHA256", seal_random: counted(0x71, 32),
  },
];

const vectors = [];
for (const input of inputs) vectors.push(await vector(input));
console.log(JSON.stringify(vectors, null, 2));

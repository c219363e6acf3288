// Makes transfer.json as a browser would: node make-transfer.mjs > transfer.json
// Keys and random bytes are fixed; ECDSA signatures of WebCrypto are not, so each run signs anew.

import {
  base64url, counted, deriveKeyPair, hex, hmac, join, pair, sha256, sign, transcript, unhex, utf8,
} from "./webcrypto.mjs";

async function vector(input) {
  const signing = pair(unhex(input.signing_private));
  const sealing = await deriveKeyPair(unhex(input.sealing_random));
  const registrationId = hex(
    await sha256(join(utf8("symbolon-device-v1"), signing.point, sealing.point)));
  // A key for which the device gave its word signs in its place.
  const delegate = input.delegate_private && pair(unhex(input.delegate_private));
  const delegated = delegate && transcript(
    "symbolon-transfer-delegation-v1", utf8(registrationId), delegate.point);
  const word = delegate && await sign(signing, delegated);
  const keyFor = (label) => hmac(unhex(input.seed), transcript(label, utf8(input.token)));
  const key = await keyFor("symbolon-transfer-key-v1");
  const wished = transcript(
    "symbolon-transfer-v2", utf8(input.server), utf8(input.token), utf8(input.action), unhex(input.nonce),
    utf8(registrationId));
  const mac = await hmac(key, wished);
  const signedOf = (mac) => transcript("symbolon-transfer-signed-v1", wished, mac);
  const messageWith = async (mac) => JSON.stringify({ d: {
    __type: "SoftToken.TransferActionRequest", __version: "4", server: input.server,
    token: input.token, action: input.action, nonce: base64url(unhex(input.nonce)),
    signing_key: base64url(signing.point), sealing_key: base64url(sealing.point),
    delegate_key: delegate ? base64url(delegate.point) : null,
    delegation: word ? base64url(word) : null,
    mac: base64url(mac), signature: base64url(await sign(delegate ?? signing, signedOf(mac))),
  } });
  const pushMac = await hmac(await keyFor("symbolon-push-key-v1"), wished);
  return {
    input,
    registration_id: registrationId,
    transfer_key: hex(key),
    delegation_transcript: delegated ? hex(delegated) : null,
    wish_transcript: hex(wished),
    mac: hex(mac),
    signed_transcript: hex(signedOf(mac)),
    message: await messageWith(mac),
    message_under_push_key: await messageWith(pushMac),
  };
}

const inputs = [
  {
    signing_private: counted(0x01, 32), sealing_random: counted(0x21, 32),
    nonce: counted(0x41, 32), server: "tokens.example.org", token: "FTKMOB83F91CD33B",
    seed: "a84e2caad3bcea970e05dc1a9b7bd2d562622f4a", action: "begin-mailed",
  },
  {
    signing_private: counted(0x81, 32), sealing_random: counted(0xa1, 32),
    nonce: counted(0xc1, 32), server: "127.0.0.1:8443", token: "FTKMOB947FDC1754",
    seed: counted(0x10, 32), action: "cancel",
  },
  {
    signing_private: counted(0x31, 32), sealing_random: counted(0x51, 32),
    delegate_private: counted(0x71, 32), nonce: counted(0x91, 32), server: "[2001:db8::1]:8443",
    token: "FTKMOB26B6A1CC23", seed: counted(0x20, 20), action: "begin-shown",
  },
];

const vectors = [];
for (const input of inputs) vectors.push(await vector(input));
console.log(JSON.stringify(vectors, null, 2));

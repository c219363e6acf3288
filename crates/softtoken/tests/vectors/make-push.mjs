// Makes push.json as a browser would: node make-push.mjs > push.json
// Keys and random bytes are fixed; ECDSA signatures of WebCrypto are not, so each run signs anew.

import {
  base64url, counted, deriveKeyPair, hex, hmac, join, open, pair, seal, sha256, sign, transcript, unhex,
  utf8,
} from "./webcrypto.mjs";

const NONE = new Uint8Array(0);
const parse = (bytes) => JSON.parse(new TextDecoder().decode(bytes)).d;

function padded(message) {
  const text = utf8(JSON.stringify({ d: message }));
  const whole = new Uint8Array(Math.ceil(text.length / 2048) * 2048).fill(0x20);
  whole.set(text);
  return whole;
}

async function vector(input) {
  const signing = pair(unhex(input.signing_private));
  const sealing = await deriveKeyPair(unhex(input.sealing_random));
  const answerKey = await deriveKeyPair(unhex(input.answer_random));
  const registrationId = hex(
    await sha256(join(utf8("symbolon-device-v1"), signing.point, sealing.point)));
  const mailbox = await sha256(
    transcript("symbolon-push-mailbox-v1", unhex(input.mailbox_secret)));
  const keyFor = (label) => hmac(unhex(input.seed), transcript(label, utf8(input.token)));
  const pushKey = await keyFor("symbolon-push-key-v1");
  const session = unhex(input.session);

  const requestTranscript = transcript(
    "symbolon-push-request-v1", utf8(input.gateway), session, utf8(input.token), utf8(input.user),
    utf8(input.service), utf8(input.source), utf8(String(input.time)), utf8(String(input.expires)),
    utf8(input.approval), utf8(input.answer_url ?? ""), utf8(input.answer_pin ?? ""), mailbox,
    answerKey.point);
  const request = {
    __type: "SoftToken.PushLogin", __version: "4", gateway: input.gateway,
    session: base64url(session), token: input.token, user: input.user, service: input.service,
    source: input.source, time: input.time, expires: input.expires, approval: input.approval,
    answer_url: input.answer_url, answer_pin: input.answer_pin, mailbox: base64url(mailbox),
    answer_key: base64url(answerKey.point), mac: base64url(await hmac(pushKey, requestTranscript)),
  };
  const requestInfo = transcript(
    "symbolon-push-request-seal-v1", utf8(registrationId), session, utf8(String(input.expires)));
  const sealedRequest = await seal(
    sealing.point, requestInfo, NONE, padded(request), unhex(input.request_random));
  const opened = parse(await open(sealing, requestInfo, NONE, sealedRequest));
  if (opened.mac !== request.mac) throw new Error("HPKE");

  const answerTranscript = transcript(
    "symbolon-push-answer-v1", utf8(input.gateway), session, utf8(input.token), utf8(input.user),
    utf8(input.approval), utf8(input.decision), utf8(input.number ?? ""),
    utf8(String(input.expires)));
  const mac = await hmac(pushKey, answerTranscript);
  const signedOf = (mac) => transcript("symbolon-push-signed-v1", answerTranscript, mac);
  const answerWith = async (mac) => ({
    __type: "SoftToken.PushLoginAnswer", __version: "4", session: base64url(session),
    token: input.token, decision: input.decision, number: input.number,
    signing_key: base64url(signing.point), sealing_key: base64url(sealing.point),
    mac: base64url(mac), signature: base64url(await sign(signing, signedOf(mac))),
  });
  const sealAnswer = (answer) => seal(
    answerKey.point, transcript("symbolon-push-answer-seal-v1", session), NONE, padded(answer),
    unhex(input.seal_random));
  const answer = await answerWith(mac);
  const transferMac = await hmac(await keyFor("symbolon-transfer-key-v1"), answerTranscript);

  const listen = transcript(
    "symbolon-push-listen-v1", utf8(input.relay), unhex(input.nonce), signing.point, sealing.point);
  return {
    input,
    registration_id: registrationId,
    mailbox: hex(mailbox),
    push_key: hex(pushKey),
    request_transcript: hex(requestTranscript),
    request_text: JSON.stringify({ d: request }),
    request_info: hex(requestInfo),
    sealed_request: hex(sealedRequest),
    answer_transcript: hex(answerTranscript),
    signed_transcript: hex(signedOf(mac)),
    answer_text: JSON.stringify({ d: answer }),
    sealed_answer: hex(await sealAnswer(answer)),
    sealed_answer_under_transfer_key: hex(await sealAnswer(await answerWith(transferMac))),
    listen_transcript: hex(listen),
    listen_signature: hex(await sign(signing, listen)),
  };
}

const shared = {
  gateway: "FGT3HD3915801656", relay: "push.example.org", mailbox_secret: counted(0x31, 32),
};
const inputs = [
  {
    ...shared,
    signing_private: counted(0x01, 32), sealing_random: counted(0x21, 32),
    answer_random: counted(0x51, 32), request_random: counted(0x91, 32),
    seal_random: counted(0xb1, 32), session: counted(0x71, 16), nonce: counted(0x41, 32),
    token: "FTKMOB83F91CD33B", seed: "a84e2caad3bcea970e05dc1a9b7bd2d562622f4a",
    user: "alice", service: "vpn1", source: "203.0.113.7", time: 1800000000, expires: 1800000060,
    approval: "number", answer_url: null, answer_pin: null, decision: "approve", number: "07",
  },
  {
    ...shared,
    signing_private: counted(0x81, 32), sealing_random: counted(0xa1, 32),
    answer_random: counted(0x52, 32), request_random: counted(0x92, 32),
    seal_random: counted(0xb2, 32), session: counted(0x72, 16), nonce: counted(0xc1, 32),
    token: "FTKMOB947FDC1754", seed: counted(0x10, 32),
    user: "Jörg der Zweite 田中", service: "HTTPS", source: "2001:db8::7", time: 1800000000,
    expires: 1800000300, approval: "tap", answer_url: "https://vpn.example.org:4433",
    answer_pin: "ERERERERERERERERERERERERERERERERERERERERERE", decision: "not-me", number: null,
  },
];

const vectors = [];
for (const input of inputs) vectors.push(await vector(input));
console.log(JSON.stringify(vectors, null, 2));

// Argon2id away from the page's thread, which goes on drawing.

import { argon2id } from "../vendor/noble-hashes/argon2.js";

onmessage = ({ data: { pin, salt, effort } }) => {
  const { memoryKib: m, passes: t } = effort;
  const stretched = argon2id(pin, salt, { m, t, p: 1, dkLen: 32 });
  pin.fill(0);
  postMessage(stretched);
};

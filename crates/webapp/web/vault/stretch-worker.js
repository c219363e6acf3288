// Away from the page's thread, which goes on drawing and locks when it is unused.

import { stretched } from "./stretched.js";

onmessage = ({ data: { secret, salt, effort } }) => {
  const key = stretched(secret, salt, effort);
  secret.fill(0);
  postMessage(key);
};

// What can go wrong, as values: a kind and its facts. Words for people are in `text/`.

/**
 * @typedef {| "encoding" | "code-length" | "code-character" | "code-header"
 *   | "link-unknown" | "link-too-long" | "link-part" | "link-other-server"
 *   | "qr-nothing" | "qr-picture" | "camera-denied" | "camera-none" | "camera-busy"
 *   | "network" | "server-status" | "server-message" | "refused" | "not-moved" | "clock" | "seal"
 *   | "duplicate" | "name-empty" | "name-long" | "name-character" | "name-taken"
 *   | "counter-spent" | "key-uri" | "key-uri-secret" | "key-uri-number" | "key-uri-kind"
 *   | "pin-digits" | "pin-mismatch" | "pin-short" | "pin-easy" | "pin-wrong" | "passkey-refused" | "passkey-unsupported" | "passkey-forbidden" | "wiped" | "locked" | "storage" | "not-stored"
 *   | "file-unknown" | "file-damaged" | "file-password" | "file-empty" | "file-unread" | "passphrase-short" | "passphrase-mismatch"
 *   | "backup-other-server" | "other-server" | "receipt-refused" | "moved-elsewhere" | "no-transfer-code"
 *   | "too-many" | "notices-denied" | "notices-none" | "unsupported"} Kind
 */

/** @typedef {Readonly<Record<string, string | number>>} Facts */

/** Why something was not done. `kind` says which of the known reasons, `facts` what it was about. */
export class Failure extends Error {
  /**
   * @param {Kind} kind
   * @param {Facts} [facts]
   * @param {unknown} [cause]
   */
  constructor(kind, facts = {}, cause) {
    super(kind, { cause });
    this.kind = kind;
    this.facts = facts;
  }
}

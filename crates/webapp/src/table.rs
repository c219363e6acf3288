//! What is built in. A test holds this list against the folder `web`.

/// Paths below the app's root, and the octets there.
pub(crate) const EMBEDDED: &[(&str, &[u8])] = &[
    ("", include_bytes!("../web/index.html")),
    ("app.webmanifest", include_bytes!("../web/app.webmanifest")),
    ("backup/aegis.js", include_bytes!("../web/backup/aegis.js")),
    ("backup/files.js", include_bytes!("../web/backup/files.js")),
    ("backup/moves.js", include_bytes!("../web/backup/moves.js")),
    ("backup/own.js", include_bytes!("../web/backup/own.js")),
    ("backup/read.js", include_bytes!("../web/backup/read.js")),
    (
        "backup/two_fas.js",
        include_bytes!("../web/backup/two_fas.js"),
    ),
    (
        "core/activation.js",
        include_bytes!("../web/core/activation.js"),
    ),
    ("core/bytes.js", include_bytes!("../web/core/bytes.js")),
    ("core/code.js", include_bytes!("../web/core/code.js")),
    (
        "core/delegation.js",
        include_bytes!("../web/core/delegation.js"),
    ),
    ("core/device.js", include_bytes!("../web/core/device.js")),
    ("core/failure.js", include_bytes!("../web/core/failure.js")),
    ("core/hpke.js", include_bytes!("../web/core/hpke.js")),
    ("core/key_uri.js", include_bytes!("../web/core/key_uri.js")),
    ("core/link.js", include_bytes!("../web/core/link.js")),
    (
        "core/messages.js",
        include_bytes!("../web/core/messages.js"),
    ),
    (
        "core/migration.js",
        include_bytes!("../web/core/migration.js"),
    ),
    ("core/otp.js", include_bytes!("../web/core/otp.js")),
    ("core/push.js", include_bytes!("../web/core/push.js")),
    (
        "core/registry.js",
        include_bytes!("../web/core/registry.js"),
    ),
    ("core/relay.js", include_bytes!("../web/core/relay.js")),
    (
        "core/token_key.js",
        include_bytes!("../web/core/token_key.js"),
    ),
    (
        "core/transcript.js",
        include_bytes!("../web/core/transcript.js"),
    ),
    (
        "core/transfer.js",
        include_bytes!("../web/core/transfer.js"),
    ),
    (
        "core/web_push.js",
        include_bytes!("../web/core/web_push.js"),
    ),
    ("icon-180.png", include_bytes!("../web/icon-180.png")),
    ("icon-192.png", include_bytes!("../web/icon-192.png")),
    ("icon-512.png", include_bytes!("../web/icon-512.png")),
    (
        "icon-maskable-512.png",
        include_bytes!("../web/icon-maskable-512.png"),
    ),
    ("icon.svg", include_bytes!("../web/icon.svg")),
    ("main.js", include_bytes!("../web/main.js")),
    ("style.css", include_bytes!("../web/style.css")),
    ("sw.js", include_bytes!("../web/sw.js")),
    ("text/de.js", include_bytes!("../web/text/de.js")),
    ("text/en.js", include_bytes!("../web/text/en.js")),
    (
        "text/languages.js",
        include_bytes!("../web/text/languages.js"),
    ),
    ("ui/app.js", include_bytes!("../web/ui/app.js")),
    ("ui/dom.js", include_bytes!("../web/ui/dom.js")),
    (
        "ui/installation.js",
        include_bytes!("../web/ui/installation.js"),
    ),
    ("ui/intake.js", include_bytes!("../web/ui/intake.js")),
    (
        "ui/preferences.js",
        include_bytes!("../web/ui/preferences.js"),
    ),
    ("ui/pushes.js", include_bytes!("../web/ui/pushes.js")),
    ("ui/qr.js", include_bytes!("../web/ui/qr.js")),
    (
        "ui/screens/add.js",
        include_bytes!("../web/ui/screens/add.js"),
    ),
    (
        "ui/screens/backup.js",
        include_bytes!("../web/ui/screens/backup.js"),
    ),
    (
        "ui/screens/badge.js",
        include_bytes!("../web/ui/screens/badge.js"),
    ),
    (
        "ui/screens/list.js",
        include_bytes!("../web/ui/screens/list.js"),
    ),
    (
        "ui/screens/lock.js",
        include_bytes!("../web/ui/screens/lock.js"),
    ),
    (
        "ui/screens/login_request.js",
        include_bytes!("../web/ui/screens/login_request.js"),
    ),
    (
        "ui/screens/move.js",
        include_bytes!("../web/ui/screens/move.js"),
    ),
    (
        "ui/screens/pin.js",
        include_bytes!("../web/ui/screens/pin.js"),
    ),
    (
        "ui/screens/scan.js",
        include_bytes!("../web/ui/screens/scan.js"),
    ),
    (
        "ui/screens/settings.js",
        include_bytes!("../web/ui/screens/settings.js"),
    ),
    (
        "ui/screens/token.js",
        include_bytes!("../web/ui/screens/token.js"),
    ),
    (
        "ui/screens/welcome.js",
        include_bytes!("../web/ui/screens/welcome.js"),
    ),
    ("ui/session.js", include_bytes!("../web/ui/session.js")),
    ("ui/update.js", include_bytes!("../web/ui/update.js")),
    ("ui/waking.js", include_bytes!("../web/ui/waking.js")),
    (
        "vault/contents.js",
        include_bytes!("../web/vault/contents.js"),
    ),
    (
        "vault/database.js",
        include_bytes!("../web/vault/database.js"),
    ),
    ("vault/keys.js", include_bytes!("../web/vault/keys.js")),
    (
        "vault/passkey.js",
        include_bytes!("../web/vault/passkey.js"),
    ),
    (
        "vault/stretch-worker.js",
        include_bytes!("../web/vault/stretch-worker.js"),
    ),
    (
        "vault/stretch.js",
        include_bytes!("../web/vault/stretch.js"),
    ),
    (
        "vault/stretched.js",
        include_bytes!("../web/vault/stretched.js"),
    ),
    ("vault/vault.js", include_bytes!("../web/vault/vault.js")),
    (
        "vendor/noble-hashes/LICENSE",
        include_bytes!("../web/vendor/noble-hashes/LICENSE"),
    ),
    (
        "vendor/noble-hashes/_blake.js",
        include_bytes!("../web/vendor/noble-hashes/_blake.js"),
    ),
    (
        "vendor/noble-hashes/_md.js",
        include_bytes!("../web/vendor/noble-hashes/_md.js"),
    ),
    (
        "vendor/noble-hashes/_u64.js",
        include_bytes!("../web/vendor/noble-hashes/_u64.js"),
    ),
    (
        "vendor/noble-hashes/argon2.js",
        include_bytes!("../web/vendor/noble-hashes/argon2.js"),
    ),
    (
        "vendor/noble-hashes/blake2.js",
        include_bytes!("../web/vendor/noble-hashes/blake2.js"),
    ),
    (
        "vendor/noble-hashes/hmac.js",
        include_bytes!("../web/vendor/noble-hashes/hmac.js"),
    ),
    (
        "vendor/noble-hashes/pbkdf2.js",
        include_bytes!("../web/vendor/noble-hashes/pbkdf2.js"),
    ),
    (
        "vendor/noble-hashes/scrypt.js",
        include_bytes!("../web/vendor/noble-hashes/scrypt.js"),
    ),
    (
        "vendor/noble-hashes/sha2.js",
        include_bytes!("../web/vendor/noble-hashes/sha2.js"),
    ),
    (
        "vendor/noble-hashes/utils.js",
        include_bytes!("../web/vendor/noble-hashes/utils.js"),
    ),
    (
        "vendor/qr/LICENSE",
        include_bytes!("../web/vendor/qr/LICENSE"),
    ),
    (
        "vendor/qr/decode.js",
        include_bytes!("../web/vendor/qr/decode.js"),
    ),
    (
        "vendor/qr/index.js",
        include_bytes!("../web/vendor/qr/index.js"),
    ),
    ("wake.js", include_bytes!("../web/wake.js")),
];

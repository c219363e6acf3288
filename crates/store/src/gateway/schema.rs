//! The gateway's tables.

use crate::engine::Migration;

pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "gateway",
        sql: GATEWAY,
    },
    Migration {
        name: "references",
        sql: REFERENCES,
    },
    Migration {
        name: "log",
        sql: LOG,
    },
    Migration {
        name: "virtual domains",
        sql: VIRTUAL_DOMAINS,
    },
    Migration {
        name: "backends",
        sql: BACKENDS,
    },
    Migration {
        name: "hardware tokens",
        sql: HARDWARE_TOKENS,
    },
    Migration {
        name: "passwords",
        sql: PASSWORDS,
    },
    Migration {
        name: "access profiles",
        sql: ACCESS_PROFILES,
    },
    Migration {
        name: "administrators name their profile",
        sql: PROFILES_NAMED,
    },
    Migration {
        name: "contacts",
        sql: CONTACTS,
    },
    Migration {
        name: "legacy secrets",
        sql: LEGACY_SECRETS,
    },
    Migration {
        name: "languages",
        sql: LANGUAGES,
    },
    Migration {
        name: "recovery codes",
        sql: RECOVERY,
    },
    Migration {
        name: "sent requests",
        sql: SENT_REQUESTS,
    },
    Migration {
        name: "transfers",
        sql: TRANSFERS,
    },
    Migration {
        name: "whom a transfer is for",
        sql: TRANSFER_TARGETS,
    },
    Migration {
        name: "steps belong to seeds",
        sql: SEED_STEPS,
    },
    Migration {
        name: "transfers that were",
        sql: PAST_TRANSFERS,
    },
    Migration {
        name: "conveyed tokens",
        sql: CONVEYED_TOKENS,
    },
    Migration {
        name: "recovered people",
        sql: RECOVERED,
    },
    Migration {
        name: "pages of transfers",
        sql: TRANSFER_PAGES,
    },
    Migration {
        name: "former seeds",
        sql: FORMER_SEEDS,
    },
    Migration {
        name: "files given to other gateways",
        sql: GIVEN_FILES,
    },
    Migration {
        name: "polls",
        sql: POLLS,
    },
];

/// Partial: they find the few tokens that a poll asks about, and change when a token changes its stage, never by a login.
const POLLS: &str = "
CREATE INDEX token_pollable ON token (serial)
    WHERE stage IN ('provisioning', 'provisioned', 'withheld');
CREATE INDEX token_pollable_of ON token (vdom, serial)
    WHERE stage IN ('provisioning', 'provisioned', 'withheld');
";

/// The files in which tokens left, in their order; `name` is what the administrator calls them.
const GIVEN_FILES: &str = "
CREATE TABLE given_file (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    vdom TEXT NOT NULL,
    licence TEXT NOT NULL,
    name TEXT NOT NULL,
    receiver TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX given_file_licence ON given_file (licence, number);
";

/// Seeds of which a person had the codes, sealed as in `token`, with what was known of them: until when the
/// person had them is `until`.
const FORMER_SEEDS: &str = "
CREATE TABLE former_seed (
    person TEXT NOT NULL,
    token TEXT NOT NULL,
    seed_version INTEGER NOT NULL,
    seed BLOB NOT NULL,
    kind TEXT NOT NULL,
    period INTEGER NOT NULL,
    digits INTEGER NOT NULL,
    digest TEXT NOT NULL,
    drift INTEGER NOT NULL,
    spent INTEGER,
    until INTEGER NOT NULL,
    PRIMARY KEY (person, token, seed_version)
) STRICT, WITHOUT ROWID;
CREATE INDEX former_seed_token ON former_seed (token);
CREATE INDEX former_seed_until ON former_seed (until);
";

/// `token.known_by` says who vouches for the phone: the token server unless it says `other-unit`. `moved_file` has
/// the files of other gateways' tokens that were taken in.
const CONVEYED_TOKENS: &str = "
CREATE TABLE moved_file (name TEXT PRIMARY KEY) STRICT;
ALTER TABLE token ADD COLUMN known_by TEXT;
";

/// `outbox_request` has what left and whose answer may be lost, `messages` for how many messages of the outbox;
/// theirs is its `id` as `request`.
const SENT_REQUESTS: &str = "
CREATE TABLE outbox_request (
    id TEXT PRIMARY KEY,
    body BLOB NOT NULL,
    messages INTEGER NOT NULL
) STRICT;
ALTER TABLE outbox ADD COLUMN request TEXT;
CREATE INDEX outbox_sent ON outbox (request) WHERE request IS NOT NULL;
";

/// A token's way to another phone: `transfer` says how its code gets there, or that it is taken back. The code
/// and the seed that come into force with the other phone are sealed like the token's own.
const TRANSFERS: &str = "
ALTER TABLE token ADD COLUMN transfer TEXT;
ALTER TABLE token ADD COLUMN next_code BLOB;
ALTER TABLE token ADD COLUMN next_link BLOB;
ALTER TABLE token ADD COLUMN next_expires INTEGER;
ALTER TABLE token ADD COLUMN next_seed BLOB;
CREATE INDEX token_transfer ON token (next_expires) WHERE transfer IS NOT NULL;
";

/// Whose token it was, and where its code goes, when its transfer was begun.
const TRANSFER_TARGETS: &str = "
ALTER TABLE token ADD COLUMN transfer_for TEXT;
";

/// - `former_phone`: the phones that a token has left, which are told so.
/// - `transfer_begun`: when the latest transfers of a token were begun, which limits the next.
const PAST_TRANSFERS: &str = "
CREATE TABLE former_phone (
    token TEXT NOT NULL,
    registration TEXT NOT NULL,
    PRIMARY KEY (token, registration)
) STRICT;
CREATE TABLE transfer_begun (
    token TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX transfer_begun_token ON transfer_begun (token, at);
";

/// The first event that can be of codes of a token's seed: what was spent before was spent of another.
const SEED_STEPS: &str = "
ALTER TABLE token ADD COLUMN seed_since INTEGER NOT NULL DEFAULT 0;
";

/// Who knows a person's password: `password` is this unit.
const BACKENDS: &str = "
ALTER TABLE person ADD COLUMN keeper TEXT NOT NULL DEFAULT 'password';
ALTER TABLE person ADD COLUMN ldap_server TEXT;
ALTER TABLE person ADD COLUMN radius_server TEXT;
";

/// - `token.stage = 'withheld'` is one of another unit's backup that is still that unit's.
/// - `token.stage = 'removed'` keeps what was spent of a token that was deleted: it may come back.
/// - `event` is the audit chain. A login appends to it and touches nothing else; the two partial
///   indexes cover what a start has to read again and are not touched by an ordinary Accept.
const GATEWAY: &str = "
CREATE TABLE person (
    canonical TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    password TEXT,
    two_factor TEXT NOT NULL,
    token TEXT UNIQUE,
    email TEXT
) STRICT;

CREATE TABLE token (
    serial TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    comments TEXT NOT NULL,
    licence TEXT,
    kind TEXT NOT NULL,
    period INTEGER NOT NULL,
    digits INTEGER NOT NULL,
    digest TEXT NOT NULL,
    stage TEXT NOT NULL,
    code BLOB,
    link BLOB,
    expires INTEGER,
    registration TEXT,
    os_version TEXT,
    seed BLOB,
    seed_version INTEGER NOT NULL,
    drift INTEGER NOT NULL,
    spent INTEGER,
    spent_by INTEGER
) STRICT;

CREATE TABLE config (
    path TEXT NOT NULL,
    entry TEXT NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (path, entry, field)
) STRICT;

CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    person TEXT,
    client TEXT,
    source TEXT,
    token TEXT,
    step INTEGER,
    drift INTEGER,
    reason TEXT,
    detail TEXT,
    actor TEXT,
    interface TEXT,
    action TEXT,
    object TEXT,
    refers INTEGER,
    tally INTEGER,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX event_tally ON event (tally, at) WHERE tally IS NOT NULL;
CREATE INDEX event_refers ON event (refers) WHERE refers IS NOT NULL;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    message TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    payload BLOB NOT NULL,
    created INTEGER NOT NULL,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    last_error TEXT
) STRICT;

CREATE TABLE authenticator (
    address TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    since INTEGER NOT NULL
) STRICT;

CREATE TABLE mark (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
";

/// What judges a person's passwords: the policy, when the password was set, and those so far; and what
/// fields without effect hold.
const PASSWORDS: &str = "
ALTER TABLE person ADD COLUMN policy TEXT;
ALTER TABLE person ADD COLUMN password_set INTEGER;
ALTER TABLE person ADD COLUMN history TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN kept TEXT NOT NULL DEFAULT '';
";

/// Which value names which entry: `vdom` is that of the value, `target` the path of the table that is
/// named, `name` what identifies the entry there.
/// A user's token stands in the user's row alone.
const REFERENCES: &str = "
CREATE TABLE reference (
    vdom TEXT NOT NULL,
    path TEXT NOT NULL,
    entry TEXT NOT NULL,
    field TEXT NOT NULL,
    target TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (vdom, path, entry, field, target, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX reference_target ON reference (target, name);
";

/// What stays of events that retention removed:
///
/// - `anchor`: the last of them, to which the first that is left is chained.
/// - `tally`: those that a start has to count again, as `event.tally` was; a count that was cleared has
///   none.
/// - `spender`: for each token the login that spent its latest step, if that one is gone.
const LOG: &str = "
CREATE TABLE anchor (
    only INTEGER PRIMARY KEY CHECK (only = 0),
    event INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE tally (
    event INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    person TEXT NOT NULL,
    kind INTEGER NOT NULL
) STRICT;
CREATE INDEX tally_person ON tally (person);
CREATE INDEX tally_at ON tally (at);

CREATE TABLE spender (
    token TEXT PRIMARY KEY,
    event INTEGER NOT NULL,
    at INTEGER NOT NULL,
    client TEXT NOT NULL,
    source TEXT NOT NULL
) STRICT;
";

/// - What was there belongs to the root.
/// - `person.canonical` and `token.serial` stay unique over all virtual domains; the indexes are for
///   the pages of one.
/// - `event.vdom` is empty for the root, as it was before there was another.
const VIRTUAL_DOMAINS: &str = "
ALTER TABLE person ADD COLUMN realm TEXT NOT NULL DEFAULT 'root';
CREATE INDEX person_realm ON person (realm, canonical);

ALTER TABLE token ADD COLUMN vdom TEXT NOT NULL DEFAULT 'root';
CREATE INDEX token_vdom ON token (vdom, serial);
CREATE INDEX token_activated ON token (vdom) WHERE stage = 'activated' AND status = 'active';

ALTER TABLE config RENAME TO config_of_root;
CREATE TABLE config (
    path TEXT NOT NULL,
    vdom TEXT NOT NULL,
    entry TEXT NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (path, vdom, entry, field)
) STRICT;
INSERT INTO config SELECT path, 'root', entry, field, value FROM config_of_root;
DROP TABLE config_of_root;
INSERT INTO config VALUES ('vdom', 'root', 'root', '', '');
CREATE INDEX config_subnet ON config (path, value) WHERE field = 'subnet';

ALTER TABLE event ADD COLUMN vdom TEXT;

ALTER TABLE outbox ADD COLUMN vdom TEXT NOT NULL DEFAULT 'root';
";

/// `token.foreign_seed` is what stood after `ENC` in the configuration of another unit.
const HARDWARE_TOKENS: &str = "
ALTER TABLE token ADD COLUMN foreign_seed TEXT;
";

/// Codes in the place of a token's: `kind` is recovery-code or recovery-pass, `used` when, with client and
/// source of the login. A code itself is nowhere.
const RECOVERY: &str = "
CREATE TABLE recovery (
    person TEXT NOT NULL,
    kind TEXT NOT NULL,
    digest BLOB NOT NULL,
    ends INTEGER,
    used INTEGER,
    client TEXT,
    source TEXT,
    PRIMARY KEY (person, digest)
) STRICT, WITHOUT ROWID;
";

/// Tokens on their way to another phone are followed in the order of their serials.
const TRANSFER_PAGES: &str = "
DROP INDEX token_transfer;
CREATE INDEX token_transfer ON token (serial) WHERE transfer IS NOT NULL;
";

/// People who logged in with a recovery code or pass, and to whom no code for another phone is sent yet.
const RECOVERED: &str = "
CREATE TABLE recovered (
    person TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// In which language a person is told what to do; nothing for that of the unit.
const LANGUAGES: &str = "
ALTER TABLE person ADD COLUMN language TEXT;
";

/// Where SMS for a person go, and by which way activation codes do.
const CONTACTS: &str = "
ALTER TABLE person ADD COLUMN phone TEXT;
ALTER TABLE person ADD COLUMN sms_server TEXT NOT NULL DEFAULT 'fortiguard';
ALTER TABLE person ADD COLUMN custom_server TEXT;
ALTER TABLE person ADD COLUMN notification TEXT;
";

/// `person.legacy` is the password itself, sealed beside the hash of the same password.
const LEGACY_SECRETS: &str = "
ALTER TABLE person ADD COLUMN radius_legacy TEXT NOT NULL DEFAULT 'disable';
ALTER TABLE person ADD COLUMN legacy BLOB;
";

/// The profiles that are there from the start, as the described system has them.
const ACCESS_PROFILES: &str = "
WITH
    profile (name, scope, access) AS (VALUES
        ('super_admin', 'global', 'read-write'),
        ('super_admin_readonly', 'global', 'read'),
        ('prof_admin', 'vdom', 'read-write')),
    granted (field) AS (VALUES
        ('secfabgrp'), ('ftviewgrp'), ('authgrp'), ('sysgrp'), ('netgrp'), ('loggrp'), ('fwgrp'),
        ('vpngrp'), ('utmgrp'), ('wanoptgrp'), ('wifi'))
INSERT INTO config (path, vdom, entry, field, value)
    SELECT 'system accprofile', 'root', name, '', '' FROM profile
    UNION ALL
    SELECT 'system accprofile', 'root', name, field, access FROM profile, granted
    UNION ALL
    SELECT 'system accprofile', 'root', name, 'scope', scope FROM profile WHERE scope <> 'vdom';
";

/// An administrator's entry without a profile had that of `super_admin`.
const PROFILES_NAMED: &str = "
INSERT INTO config (path, vdom, entry, field, value)
    SELECT path, vdom, entry, 'accprofile', 'super_admin' FROM config AS administrator
    WHERE path = 'system admin' AND field = '' AND NOT EXISTS (
        SELECT 1 FROM config AS named
        WHERE named.path = administrator.path AND named.vdom = administrator.vdom
            AND named.entry = administrator.entry AND named.field = 'accprofile');
INSERT INTO reference (vdom, path, entry, field, target, name)
    SELECT vdom, path, entry, field, 'system accprofile', value FROM config
    WHERE path = 'system admin' AND field = 'accprofile' AND value = 'super_admin'
    ON CONFLICT DO NOTHING;
";

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn who_had_every_right_by_default_keeps_it_and_the_others_theirs() {
        let before = MIGRATIONS
            .iter()
            .take_while(|step| step.sql != PROFILES_NAMED);
        let database = Connection::open_in_memory().unwrap();
        for migration in before {
            database.execute_batch(migration.sql).unwrap();
        }
        let insert = "INSERT INTO config VALUES ('system admin', 'root', ?1, ?2, ?3)";
        for row in [
            ["admin", "", ""],
            ["eve", "", ""],
            ["eve", "accprofile", "prof_admin"],
        ] {
            database.execute(insert, row).unwrap();
        }
        database.execute_batch(PROFILES_NAMED).unwrap();

        let named = "SELECT entry || ' ' || value FROM config \
                     WHERE path = 'system admin' AND field = 'accprofile' ORDER BY entry";
        assert_eq!(
            texts(&database, named),
            ["admin super_admin", "eve prof_admin"]
        );
        let index = "SELECT entry || ' ' || name FROM reference";
        assert_eq!(texts(&database, index), ["admin super_admin"]);
    }

    fn texts(database: &Connection, sql: &str) -> Vec<String> {
        let mut rows = database.prepare(sql).unwrap();
        let texts = rows.query_map([], |row| row.get(0)).unwrap();
        texts.map(Result::unwrap).collect()
    }
}

use crate::engine::Migration;

/// Steps of the registry's database. Written in the SQL that both back ends share: no `WITHOUT
/// ROWID`, the types INTEGER, TEXT and BLOB, times in microseconds, booleans 0 and 1.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "accounts, products, licences, stock, provisioning",
        sql: FIRST,
    },
    Migration {
        name: "licences that move and end, units that are replaced",
        sql: LIFE,
    },
    Migration {
        name: "what gateways were told of phones",
        sql: TOLD,
    },
    Migration {
        name: "tickets",
        sql: TICKETS,
    },
    Migration {
        name: "hardware tokens",
        sql: HARDWARE,
    },
    Migration {
        name: "gateways that enrol",
        sql: ENROLMENT,
    },
    Migration {
        name: "agents of the desk",
        sql: AGENTS,
    },
    Migration {
        name: "requests that another agent approves",
        sql: REQUESTS,
    },
    Migration {
        name: "certificates count by generation",
        sql: GENERATIONS,
    },
    Migration {
        name: "managers",
        sql: MANAGERS,
    },
    Migration {
        name: "answers to agents",
        sql: AGENT_REPLIES,
    },
    Migration {
        name: "reserves of managers",
        sql: RESERVES,
    },
    Migration {
        name: "records of managers",
        sql: RECORDS,
    },
    Migration {
        name: "addresses of gateways",
        sql: GATEWAY_ADDRESSES,
    },
    Migration {
        name: "who provisioned a token",
        sql: PROVISIONERS,
    },
    Migration {
        name: "receipts of devices",
        sql: RECEIPTS,
    },
    Migration {
        name: "where addresses of gateways were told from",
        sql: ADDRESS_SOURCES,
    },
    Migration {
        name: "what requests show",
        sql: SHOWN_REQUESTS,
    },
    Migration {
        name: "requests by digest",
        sql: REQUEST_DIGESTS,
    },
    Migration {
        name: "what else an event is about",
        sql: EVENT_SUBJECTS,
    },
    Migration {
        name: "agents of one customer",
        sql: ACCOUNT_AGENTS,
    },
    Migration {
        name: "hardware tokens of a customer in order",
        sql: HARDWARE_ORDER,
    },
    Migration {
        name: "products and licences of a customer in order",
        sql: POSSESSIONS_ORDER,
    },
    Migration {
        name: "what issuers want of PINs",
        sql: PIN_POLICIES,
    },
    Migration {
        name: "what a unit provisioned",
        sql: PROVISIONED_BY,
    },
];

const FIRST: &str = "
-- A value sealed under the root key that belongs to this file.
CREATE TABLE key_check (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE account (
    name TEXT PRIMARY KEY,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE product (
    serial TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (name),
    registered INTEGER NOT NULL
) STRICT;
CREATE INDEX product_account ON product (account);

-- A trial licence has no code, since everybody knows it. `code` is a keyed hash.
CREATE TABLE licence (
    serial TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (name),
    product TEXT REFERENCES product (serial),
    code BLOB UNIQUE,
    size INTEGER NOT NULL,
    redeem_until INTEGER,
    issued INTEGER NOT NULL,
    activated INTEGER
) STRICT;
CREATE INDEX licence_product ON licence (product);
CREATE INDEX licence_account ON licence (account);
CREATE UNIQUE INDEX licence_trial ON licence (product) WHERE code IS NULL;

CREATE TABLE token (
    serial TEXT PRIMARY KEY,
    licence TEXT NOT NULL REFERENCES licence (serial),
    place INTEGER NOT NULL,
    locked INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX token_licence ON token (licence, place);

-- The last provisioning of a token. `version` grows with every code and binds the sealed seed to it;
-- `seed` is there until a device has it or the code ends, `answer` from then until the receipt.
CREATE TABLE provision (
    token TEXT PRIMARY KEY REFERENCES token (serial),
    version INTEGER NOT NULL,
    code BLOB NOT NULL UNIQUE,
    link BLOB NOT NULL,
    period_s INTEGER NOT NULL,
    digits INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    wrong_links INTEGER NOT NULL,
    seed BLOB,
    device TEXT,
    device_version TEXT,
    device_keys BLOB,
    answer BLOB,
    activated INTEGER
) STRICT;
CREATE INDEX provision_secret ON provision (expires)
    WHERE seed IS NOT NULL OR answer IS NOT NULL;

-- First answers, for messages that come again because theirs was lost.
CREATE TABLE reply (
    product TEXT NOT NULL,
    message TEXT NOT NULL,
    request BLOB NOT NULL,
    body BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (product, message)
) STRICT;
CREATE INDEX reply_at ON reply (at);

CREATE TABLE desk_event (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    interface TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX desk_event_subject ON desk_event (subject, id);
";

const LIFE: &str = "
-- When an activated licence moved, until its new product imports it.
ALTER TABLE licence ADD COLUMN moved INTEGER;
ALTER TABLE licence ADD COLUMN revoked INTEGER;
DROP INDEX licence_trial;
CREATE UNIQUE INDEX licence_trial ON licence (product) WHERE code IS NULL AND revoked IS NULL;

-- A product that is no longer registered keeps its row: its licences' history names it.
ALTER TABLE product ADD COLUMN retired INTEGER;
ALTER TABLE product ADD COLUMN successor TEXT;
";

const TOLD: &str = "
-- What the gateway was last told of this provisioning: 1 that its time is over, 2 that a phone has it.
ALTER TABLE provision ADD COLUMN told INTEGER;
CREATE INDEX provision_device ON provision (device) WHERE device IS NOT NULL;
";

const TICKETS: &str = "
-- The serials are as the customer names them: the new unit need not be registered yet. `closed_by` is
-- what the desk did.
CREATE TABLE ticket (
    number INTEGER PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (name),
    old_product TEXT NOT NULL,
    new_product TEXT NOT NULL,
    licence TEXT,
    reason TEXT NOT NULL,
    opened INTEGER NOT NULL,
    closed INTEGER,
    closed_by TEXT,
    CHECK ((closed IS NULL) = (closed_by IS NULL))
) STRICT;
CREATE INDEX ticket_account ON ticket (account, number);
";

/// The stock of hardware tokens. `version` binds the sealed seed to its row; a token without a period is
/// event-based; `product` and `activated` are the activation flag.
const HARDWARE: &str = "
CREATE TABLE hardware (
    serial TEXT PRIMARY KEY,
    maker_serial TEXT NOT NULL,
    account TEXT REFERENCES account (name),
    period_s INTEGER,
    digits INTEGER NOT NULL,
    digest TEXT NOT NULL,
    version INTEGER NOT NULL,
    seed BLOB NOT NULL,
    imported INTEGER NOT NULL,
    product TEXT REFERENCES product (serial),
    activated INTEGER
) STRICT;
CREATE INDEX hardware_account ON hardware (account);
CREATE INDEX hardware_product ON hardware (product);
";

const ENROLMENT: &str = "
-- The code with which a product gets its certificate, as a keyed hash. `key` is the SHA-256 of the key
-- that was certified with it.
CREATE TABLE invitation (
    product TEXT PRIMARY KEY REFERENCES product (serial),
    code BLOB NOT NULL UNIQUE,
    expires INTEGER NOT NULL,
    key BLOB
) STRICT;

-- Certificates that were issued until then count no more.
ALTER TABLE product ADD COLUMN certificates_revoked INTEGER;
";

const AGENTS: &str = "
-- Who works at the desk over the network. `certificate` is the SHA-256 of the one that counts.
CREATE TABLE agent (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    added INTEGER NOT NULL,
    certificate BLOB UNIQUE,
    expires INTEGER NOT NULL,
    revoked INTEGER,
    CHECK ((certificate IS NULL) = (revoked IS NOT NULL))
) STRICT;
";

const REQUESTS: &str = "
CREATE TABLE desk_setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- `arguments` is the JSON object that came with the command. `refusal` is why nothing was done although
-- another agent approved.
CREATE TABLE desk_request (
    number INTEGER PRIMARY KEY,
    agent TEXT NOT NULL REFERENCES agent (name),
    command TEXT NOT NULL,
    arguments TEXT NOT NULL,
    asked INTEGER NOT NULL,
    closed INTEGER,
    closed_by TEXT,
    verdict TEXT,
    refusal TEXT,
    CHECK ((closed IS NULL) = (closed_by IS NULL) AND (closed IS NULL) = (verdict IS NULL))
) STRICT;
CREATE INDEX desk_request_asked ON desk_request (asked);
";

/// Certificates that were issued before are of the first generation, whatever their date says: a gateway that
/// enrolled after a revocation enrols once more.
const GENERATIONS: &str = "
ALTER TABLE product ADD COLUMN certificate_generation INTEGER NOT NULL DEFAULT 0;
UPDATE product SET certificate_generation = 1 WHERE certificates_revoked IS NOT NULL;
ALTER TABLE product DROP COLUMN certificates_revoked;
";

/// Products that pass on requests of their account's gateways.
const MANAGERS: &str = "
CREATE TABLE manager (
    serial TEXT PRIMARY KEY REFERENCES product (serial),
    registered INTEGER NOT NULL
) STRICT;
";

const AGENT_REPLIES: &str = "
-- What agents asked under a name, and the answer once it was done: sealed, for it may hold a code.
CREATE TABLE agent_reply (
    agent TEXT NOT NULL REFERENCES agent (name),
    message TEXT NOT NULL,
    request BLOB NOT NULL,
    body BLOB,
    at INTEGER NOT NULL,
    PRIMARY KEY (agent, message)
) STRICT;
CREATE INDEX agent_reply_at ON agent_reply (at);
";

/// Where a gateway is reached about tokens that move, and the key that it shows there.
const GATEWAY_ADDRESSES: &str = "
CREATE TABLE gateway_address (
    product TEXT PRIMARY KEY REFERENCES product (serial),
    url TEXT NOT NULL,
    pin TEXT NOT NULL
) STRICT;
";

const RESERVES: &str = "
-- `code_digest` is the SHA-256 of the code, for managers, which have other keys. `kept_by` is the manager that
-- alone gives the licence out; it counts as taken back once that manager has the reserve `left_with`. At a
-- manager `settled` is whether the token server knows that the licence is given out.
ALTER TABLE licence ADD COLUMN code_digest BLOB;
ALTER TABLE licence ADD COLUMN kept_by TEXT REFERENCES product (serial);
ALTER TABLE licence ADD COLUMN left_with INTEGER;
ALTER TABLE licence ADD COLUMN settled INTEGER;
CREATE UNIQUE INDEX licence_code_digest ON licence (code_digest);
CREATE INDEX licence_kept ON licence (kept_by) WHERE kept_by IS NOT NULL;

-- The tokens of a licence before it is given out, so that no two managers make the same.
CREATE TABLE reserve_token (
    serial TEXT PRIMARY KEY,
    licence TEXT NOT NULL REFERENCES licence (serial),
    place INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX reserve_token_licence ON reserve_token (licence, place);

-- At the token server the latest reserve of each manager, by the SHA-256 of what is in it, and the one that
-- the manager said last that it has; at the manager the one that it has.
CREATE TABLE reserve (
    manager TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    digest BLOB NOT NULL,
    loaded INTEGER,
    settled INTEGER
) STRICT;
";

/// What was given out before is in no `given_line`: it is told to the manager as what the desk knows.
const RECORDS: &str = "
-- At the token server `record` is the manager's that settles, `said_record` the one of a settlement that was
-- refused; `behind` is since when that is so, and `anew` whether the manager enrolled anew since it settled. At
-- the manager `record` is its own, and `behind` since when it knows that the token server knows more;
-- `refused` is the reserve that said so.
ALTER TABLE reserve ADD COLUMN mark BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';
ALTER TABLE reserve ADD COLUMN record BLOB;
ALTER TABLE reserve ADD COLUMN said_record BLOB;
ALTER TABLE reserve ADD COLUMN behind INTEGER;
ALTER TABLE reserve ADD COLUMN anew INTEGER;
ALTER TABLE reserve ADD COLUMN refused INTEGER;

-- The reserves that were made here: after a restored backup a manager may have one of which nothing is known.
CREATE TABLE reserve_mark (
    manager TEXT NOT NULL,
    number INTEGER NOT NULL,
    mark BLOB NOT NULL,
    PRIMARY KEY (manager, number)
) STRICT;

-- What managers said that they gave out; `record` is empty where the record that said so was lost. A licence
-- with such a line that is not activated is given to nobody until the desk says whose it is.
CREATE TABLE given_line (
    manager TEXT NOT NULL,
    licence TEXT NOT NULL REFERENCES licence (serial),
    product TEXT NOT NULL,
    at INTEGER NOT NULL,
    record BLOB,
    PRIMARY KEY (manager, licence)
) STRICT;
CREATE INDEX given_line_licence ON given_line (licence);
";

/// Of what was provisioned before nobody knows by whom: the licence's product answers for it.
const PROVISIONERS: &str = "
-- The unit that made the token ready, maybe another member of the licence's cluster.
ALTER TABLE provision ADD COLUMN product TEXT REFERENCES product (serial);
";

/// An answer that was forgotten before its code ended had its receipt; of others nobody knows.
const RECEIPTS: &str = "
-- When the device said that it has stored the token.
ALTER TABLE provision ADD COLUMN confirmed INTEGER;
UPDATE provision SET confirmed = activated WHERE device IS NOT NULL AND answer IS NULL;
";

/// Of addresses that were told before nobody knows; gateways tell theirs again within an hour.
const ADDRESS_SOURCES: &str = "
ALTER TABLE gateway_address ADD COLUMN source TEXT;
";

/// Requests with files that waited before have only their command to show.
const SHOWN_REQUESTS: &str = "
-- The arguments as everybody sees them: a file by what it holds.
ALTER TABLE desk_request ADD COLUMN shown TEXT NOT NULL DEFAULT '{}';
UPDATE desk_request SET shown = arguments WHERE length(arguments) <= 1000;
";

/// What waited before has no digest: asked again it is another request.
const REQUEST_DIGESTS: &str = "
-- SHA-256 of the command and its arguments.
ALTER TABLE desk_request ADD COLUMN digest BLOB;
CREATE INDEX desk_request_agent ON desk_request (agent, asked);
UPDATE desk_request SET arguments = '' WHERE closed IS NOT NULL;
";

/// A serial has 16 letters and digits: `FROM to TO: WHY` or `no product to TO: WHY` tells of the moves from before.
const EVENT_SUBJECTS: &str = "
-- The units of a licence that moved or was imported, and the licences of a unit that was replaced.
CREATE TABLE desk_event_about (
    subject TEXT NOT NULL,
    event INTEGER NOT NULL REFERENCES desk_event (id),
    PRIMARY KEY (subject, event)
) STRICT;
INSERT INTO desk_event_about (subject, event)
    SELECT p.serial, e.id FROM desk_event e JOIN product p ON p.serial = e.actor WHERE e.action = 'import';
INSERT INTO desk_event_about (subject, event)
    SELECT p.serial, e.id FROM desk_event e JOIN product p
        ON p.serial IN (substr(e.detail, 1, 16), substr(e.detail, 21, 16), substr(e.detail, 15, 16))
    WHERE e.action = 'move-licence';
";

/// Agents of before are the desk's.
const ACCOUNT_AGENTS: &str = "
-- The customer whom an agent with the role account is there for.
ALTER TABLE agent ADD COLUMN account TEXT REFERENCES account (name);
CREATE INDEX agent_account ON agent (account) WHERE account IS NOT NULL;
";

const HARDWARE_ORDER: &str = "
DROP INDEX hardware_account;
CREATE INDEX hardware_account ON hardware (account, serial);
";

const POSSESSIONS_ORDER: &str = "
DROP INDEX product_account;
CREATE INDEX product_account ON product (account, registered, serial);
DROP INDEX licence_account;
CREATE INDEX licence_account ON licence (account, issued, serial);
";

/// What was provisioned before has the policy of the described system.
const PIN_POLICIES: &str = "
-- What the app is told of its PIN when it takes the token over.
ALTER TABLE provision ADD COLUMN require_pin TEXT NOT NULL DEFAULT 'require';
ALTER TABLE provision ADD COLUMN pin_length INTEGER NOT NULL DEFAULT 4;
";

const PROVISIONED_BY: &str = "
CREATE INDEX provision_product ON provision (product) WHERE product IS NOT NULL;
";

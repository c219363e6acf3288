//! Virtual domains in the store: whose is what, and what a deletion leaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    dead_code,
    reason = "a test fails by panicking, and it needs files; the support is shared with other tests"
)]

mod support;

use domain::access::{Authority, Realms};
use domain::admin::{AdminError, Coverage, Edit, Incoming, Operation, Restore, Understood};
use domain::audit::What;
use domain::login::CodePosition;
use domain::name::{CanonicalName, Realm};
use domain::reason::Reason;
use domain::schema::{
    FORTITOKEN, GLOBAL, GROUP, LOCAL, Place, RADIUS_CLIENT, SETTING, Table, VDOM, Value,
};
use domain::throttle::CodeCounter;
use domain::vdom::Vdom;
use ident::{LicenceSerial, TokenSerial};
use store::engine::Failure;
use store::gateway::{Extent, GatewayStore};
use support::*;
use tempfile::TempDir;

const SEED: [u8; 20] = [3; 20];
const OTHER: [u8; 20] = [4; 20];

fn token(number: u8) -> TokenSerial {
    TokenSerial::mobile([number; 5])
}

fn of_sales(user: &str) -> CanonicalName {
    CanonicalName::within(Realm::Vdom(sales()), user).unwrap()
}

async fn multi(dir: &TempDir) -> GatewayStore {
    let store = open(dir.path(), START).await;
    let mode = vec![set(&GLOBAL, "vdom-mode", "multi-vdom")];
    run(&store, configure(&GLOBAL, "", mode), START).await;
    run(&store, configure(&VDOM, "sales", Vec::new()), START).await;
    store
}

/// Alice of the root and alice of sales, each with a token of her own.
async fn both(dir: &TempDir) -> GatewayStore {
    let store = multi(dir).await;
    enrol(&store, "alice", token(1), SEED, START).await;
    import(&store, sales(), token(2)).await;
    let assign = assignment("alice", token(2));
    run_with(&store, moved(assign), OTHER, START).await;
    run(&store, supplied(token(2)), START).await;
    store
}

async fn import(store: &GatewayStore, vdom: Vdom, token: TokenSerial) {
    let imported = Operation::Imported {
        vdom,
        licence: licence(),
        tokens: vec![token],
    };
    run(store, imported, START).await;
}

/// The same operation in sales.
fn moved(operation: Operation) -> Operation {
    let Operation::Configure { place, edits } = operation else {
        panic!("{operation:?}");
    };
    configure_in(sales(), place.table(), place.key(), edits)
}

fn remove(vdom: Vdom, table: &'static Table, key: &str) -> Operation {
    let place = Place::new(vdom, table, key);
    Operation::Remove { place }
}

async fn refusal(store: &GatewayStore, operation: Operation) -> AdminError {
    let done = store.administer(operation, entropy([0; 20]), authority(), START, None);
    match done.await {
        Err(Failure::Refused(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

fn failures(store: &GatewayStore, person: &CanonicalName) -> usize {
    store.with_code_counter(person, START, |it: &mut CodeCounter| it.failures(START))
}

#[tokio::test]
async fn people_of_one_name_have_their_own_token_steps_and_counters() {
    let dir = TempDir::new().unwrap();
    let mut store = both(&dir).await;
    let step = step_at(START);
    let sales_alice = of_sales("alice");
    login(&store, "alice", &wrong(SEED, START), START).await;
    granted(&login(&store, "alice", &code(SEED, step), START).await);
    let crossed = login_as(&store, &sales_alice, &code(SEED, step), START).await;
    assert_eq!(refused(&crossed), Reason::CodeWrong);
    granted(&login_as(&store, &sales_alice, &code(OTHER, step), START).await);
    for _ in 0..2 {
        assert_eq!(failures(&store, &name("alice")), 1);
        assert_eq!(failures(&store, &sales_alice), 1);
        let replayed = login_as(&store, &sales_alice, &code(OTHER, step), START).await;
        assert_eq!(refused(&replayed), Reason::CodeReplayed);
        store.shutdown();
        drop(store);
        store = open(dir.path(), START).await;
    }
    run(&store, Operation::Unlock(sales_alice.clone()), START).await;
    assert_eq!(failures(&store, &name("alice")), 1);
    assert_eq!(failures(&store, &sales_alice), 0);
}

#[tokio::test]
async fn events_say_whose_they_are() {
    let dir = TempDir::new().unwrap();
    let store = both(&dir).await;
    let mut changed = Vec::new();
    for number in 1..=20 {
        let Some(recorded) = store.event(number).await.unwrap() else {
            break;
        };
        if let What::Changed {
            vdom,
            action,
            object,
            ..
        } = recorded.event.what
        {
            changed.push(format!("{vdom} {action} {object}"));
        }
    }
    assert!(
        changed.contains(&"root user.local alice".to_owned()),
        "{changed:?}"
    );
    assert!(
        changed.contains(&"sales user.local alice".to_owned()),
        "{changed:?}"
    );
    assert!(
        changed.contains(&"root vdom sales".to_owned()),
        "{changed:?}"
    );
}

#[tokio::test]
async fn pages_are_of_one_vdom() {
    let dir = TempDir::new().unwrap();
    let store = both(&dir).await;
    enrol(&store, "zoe", token(3), SEED, START).await;
    let tokens = async |vdom| {
        let page = store.tokens_after(vdom, "", 10).await.unwrap();
        let serials = page.iter().map(|token| token.serial);
        serials.collect::<Vec<_>>()
    };
    assert_eq!(tokens(Vdom::ROOT).await, [token(1), token(3)]);
    assert_eq!(tokens(sales()).await, [token(2)]);
    let people = async |vdom, after: &str| {
        let page = store.people_after(Realm::Vdom(vdom), after, 10).await;
        let names = page.unwrap().into_iter().map(|user| user.name);
        names
            .map(|name| name.canonical().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(people(Vdom::ROOT, "").await, ["alice", "zoe"]);
    assert_eq!(people(Vdom::ROOT, "alice").await, ["zoe"]);
    assert_eq!(people(sales(), "").await, ["sales\\alice"]);
    let pollable = async |vdom| store.pollable_after(vdom, "", 10).await.unwrap();
    assert_eq!(pollable(Some(sales())).await, [token(2)]);
    assert_eq!(pollable(None).await, [token(1), token(2), token(3)]);
    assert_eq!(store.vdoms().await.unwrap(), [Vdom::ROOT, sales()]);
}

#[tokio::test]
async fn activated_hardware_is_counted_here_and_everywhere() {
    let dir = TempDir::new().unwrap();
    let store = multi(&dir).await;
    assert_eq!(store.activated(sales()).await.unwrap(), (0, 0));
    for (number, vdom) in [(1, Vdom::ROOT), (2, sales()), (3, sales())] {
        let serial = format!("FTK200000000000{number}");
        run(
            &store,
            configure_in(vdom, &FORTITOKEN, &serial, Vec::new()),
            START,
        )
        .await;
    }
    store.shutdown();
    drop(store);
    let database = rusqlite::Connection::open(dir.path().join("gateway.db")).unwrap();
    database
        .execute("UPDATE token SET stage = 'activated'", [])
        .unwrap();
    let plan: String = database
        .query_row(
            "EXPLAIN QUERY PLAN SELECT count(*) FILTER (WHERE vdom = 'sales'), count(*) FROM token \
             WHERE stage = 'activated' AND status = 'active'",
            [],
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.contains("COVERING INDEX token_activated"), "{plan}");
    drop(database);
    let store = open(dir.path(), START).await;
    assert_eq!(store.activated(sales()).await.unwrap(), (2, 3));
    let lock = vec![set(&FORTITOKEN, "status", "lock")];
    let lock = configure_in(sales(), &FORTITOKEN, "FTK2000000000003", lock);
    run(&store, lock, START).await;
    assert_eq!(store.activated(sales()).await.unwrap(), (1, 2));
    assert_eq!(store.activated(Vdom::ROOT).await.unwrap(), (1, 2));
}

fn secret(text: &str) -> Edit {
    let field = RADIUS_CLIENT.field("secret").unwrap();
    Edit::Set(field, Value::Secret(text.to_owned().into()))
}

#[tokio::test]
async fn clients_of_one_name_have_their_own_secret_and_settings() {
    let dir = TempDir::new().unwrap();
    let store = multi(&dir).await;
    for (vdom, subnet, text) in [
        (Vdom::ROOT, "192.0.2.1", "secret-of-root"),
        (sales(), "192.0.2.2", "secret-of-sales"),
    ] {
        let edits = vec![set(&RADIUS_CLIENT, "subnet", subnet), secret(text)];
        run(
            &store,
            configure_in(vdom, &RADIUS_CLIENT, "vpn", edits),
            START,
        )
        .await;
    }
    let delay = vec![set(&SETTING, "reject-delay", "7")];
    run(&store, configure_in(sales(), &SETTING, "", delay), START).await;
    store.shutdown();
    drop(store);
    let store = open(dir.path(), START).await;
    let clients = store.clients();
    let mut known: Vec<(Vdom, &str, &[u8])> = clients
        .iter()
        .map(|client| (client.vdom, &*client.name, client.secret.expose()))
        .collect();
    known.sort_unstable();
    assert_eq!(
        known,
        [
            (Vdom::ROOT, "vpn", &b"secret-of-root"[..]),
            (sales(), "vpn", &b"secret-of-sales"[..])
        ]
    );
    let delay = |vdom| store.settings(vdom).reject_delay.micros();
    assert_eq!((delay(Vdom::ROOT), delay(sales())), (1_000_000, 7_000));
    let unset = Vdom::parse("branch").unwrap();
    assert_eq!(delay(unset), 1_000_000);
}

#[tokio::test]
async fn a_token_that_another_vdom_deleted_is_claimed_by_no_typing() {
    let dir = TempDir::new().unwrap();
    let store = multi(&dir).await;
    let [of_root, of_sales, lost] = [token(1), token(2), token(3)];
    let import = |vdom, licence, tokens: &[TokenSerial]| Operation::Imported {
        vdom,
        licence,
        tokens: tokens.to_vec(),
    };
    let other = LicenceSerial::purchased(77).unwrap();
    run(&store, import(Vdom::ROOT, licence(), &[of_root]), START).await;
    run(&store, import(sales(), other, &[of_sales, lost]), START).await;
    for (vdom, token) in [(Vdom::ROOT, of_root), (sales(), lost)] {
        let place = Place::new(vdom, &FORTITOKEN, token.as_str());
        run(&store, Operation::Remove { place }, START).await;
    }
    let by = Authority {
        realms: Realms::These(Box::new([sales()])),
        ..authority()
    };
    let typed = |token: TokenSerial, licence: LicenceSerial| {
        let edits = vec![set(&FORTITOKEN, "license", licence.as_str())];
        let typed = configure_in(sales(), &FORTITOKEN, token.as_str(), edits);
        store.administer(typed, entropy([0; 20]), by.clone(), START, None)
    };
    for named in [licence(), other] {
        let refused = typed(of_root, named).await;
        assert!(matches!(refused, Err(Failure::Refused(_))), "{named}");
    }
    typed(lost, other).await.unwrap();
}

#[tokio::test]
async fn one_network_is_one_clients_in_whichever_vdom() {
    let dir = TempDir::new().unwrap();
    let store = multi(&dir).await;
    let client = |vdom, key: &str, subnet: &str| {
        let edits = vec![set(&RADIUS_CLIENT, "subnet", subnet), secret("xyzzy5461")];
        configure_in(vdom, &RADIUS_CLIENT, key, edits)
    };
    run(&store, client(sales(), "vpn", "192.0.2.0/24"), START).await;
    let error = refusal(&store, client(Vdom::ROOT, "vpn", "192.0.2.0/24")).await;
    assert_eq!(error.return_code(), -5);
    assert!(
        error.next_step().contains("in vdom \"sales\""),
        "{}",
        error.next_step()
    );
    run(&store, client(sales(), "vpn", "192.0.2.0/24"), START).await;
    for (inside, around) in [("192.0.2.7", "0.0.0.0/0"), ("192.0.2.0/25", "192.0.0.0/16")] {
        for subnet in [inside, around] {
            let captures = client(Vdom::ROOT, "vpn", subnet);
            let error = refusal(&store, captures).await;
            assert!(error.to_string().contains("overlaps"), "{subnet}: {error}");
        }
        run(&store, client(sales(), inside, inside), START).await;
    }
    run(&store, client(Vdom::ROOT, "vpn", "192.0.3.0/24"), START).await;
    store.shutdown();
    drop(store);
    let database = rusqlite::Connection::open(dir.path().join("gateway.db")).unwrap();
    let plan: String = database
        .query_row(
            "EXPLAIN QUERY PLAN SELECT vdom, entry, value FROM config \
             WHERE path = 'user radius-client' AND field = 'subnet' ORDER BY value",
            [],
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.contains("config_subnet"), "{plan}");
}

/// A secret that is pasted into another virtual domain's entry does not open there.
#[tokio::test]
async fn a_sealed_secret_belongs_to_its_vdom() {
    let dir = TempDir::new().unwrap();
    let store = multi(&dir).await;
    let edits = vec![
        set(&RADIUS_CLIENT, "subnet", "192.0.2.1"),
        secret("xyzzy5461"),
    ];
    run(&store, configure(&RADIUS_CLIENT, "vpn", edits), START).await;
    let place = Place::new(Vdom::ROOT, &RADIUS_CLIENT, "vpn");
    let object = store.object(place).await.unwrap().unwrap();
    let Some(Value::Sealed(sealed)) = object.value("secret") else {
        panic!("{object:?}");
    };
    let edits = vec![
        set(&RADIUS_CLIENT, "subnet", "192.0.2.2"),
        Edit::Set(
            RADIUS_CLIENT.field("secret").unwrap(),
            Value::Sealed(sealed.clone()),
        ),
    ];
    run(
        &store,
        configure_in(sales(), &RADIUS_CLIENT, "vpn", edits),
        START,
    )
    .await;
    let vdoms: Vec<Vdom> = store.clients().iter().map(|client| client.vdom).collect();
    assert_eq!(vdoms, [Vdom::ROOT]);
}

#[tokio::test]
async fn names_are_looked_up_where_they_stand() {
    let dir = TempDir::new().unwrap();
    let store = both(&dir).await;
    let group = |vdom, member: &str| {
        let members = Value::List(vec![member.into()]);
        let edits = vec![Edit::Set(GROUP.field("member").unwrap(), members)];
        configure_in(vdom, &GROUP, "vpn", edits)
    };
    enrol(&store, "bob", token(3), SEED, START).await;
    assert_eq!(
        refusal(&store, group(sales(), "bob")).await.return_code(),
        -3
    );
    run(&store, group(sales(), "alice"), START).await;
    run(&store, group(Vdom::ROOT, "bob"), START).await;
    let groups = |person: &CanonicalName| store.welcome(person, START).groups.len();
    assert_eq!((groups(&of_sales("alice")), groups(&name("alice"))), (1, 0));
    let error = refusal(&store, remove(sales(), &LOCAL, "alice")).await;
    assert_eq!(
        error.next_step(),
        "user local \"alice\" is in use: vdom sales: user group \"vpn\" names it in member; \
         change that first"
    );
    run(&store, remove(Vdom::ROOT, &LOCAL, "alice"), START).await;
    let rename = Operation::Rename {
        place: Place::new(sales(), &LOCAL, "alice"),
        to: "carol".into(),
    };
    run(&store, rename, START).await;
    let of = async |vdom| {
        let place = Place::new(vdom, &GROUP, "vpn");
        store.object(place).await.unwrap().unwrap().list("member")
    };
    assert_eq!(of(sales()).await, ["carol".into()]);
    assert_eq!(of(Vdom::ROOT).await, ["bob".into()]);
    assert_eq!(groups(&of_sales("carol")), 1);
}

#[tokio::test]
async fn a_vdom_goes_once_it_is_empty_and_takes_its_settings_along() {
    let dir = TempDir::new().unwrap();
    let store = both(&dir).await;
    let delay = vec![set(&SETTING, "reject-delay", "7")];
    run(&store, configure_in(sales(), &SETTING, "", delay), START).await;
    assert_eq!(store.vdom("sales"), Some(sales()));
    assert_eq!((store.vdom("Sales"), store.vdom("no name")), (None, None));
    let gone = || remove(Vdom::ROOT, &VDOM, "sales");
    let error = refusal(&store, gone()).await;
    assert_eq!(error.return_code(), -23);
    assert_eq!(
        error.next_step(),
        "vdom \"sales\" holds user local \"alice\" and 2 more: delete that first"
    );
    run(&store, remove(sales(), &LOCAL, "alice"), START).await;
    let error = refusal(&store, gone()).await;
    assert!(
        error.next_step().contains("user fortitoken"),
        "{}",
        error.next_step()
    );
    run(
        &store,
        remove(sales(), &FORTITOKEN, token(2).as_str()),
        START,
    )
    .await;
    for message in store.outbox(Some(sales()), 10).await.unwrap() {
        let error = refusal(&store, gone()).await;
        assert!(
            error.next_step().contains("of the outbox"),
            "{}",
            error.next_step()
        );
        store.settle(message.id).await.unwrap();
    }
    run(&store, gone(), START).await;
    assert_eq!(store.settings(sales()).reject_delay.micros(), 1_000_000);
    assert_eq!(store.vdoms().await.unwrap(), [Vdom::ROOT]);
    assert_eq!(store.vdom("sales"), None);
    let error = refusal(&store, moved(assignment("alice", token(1)))).await;
    assert_eq!(error, AdminError::NoVdom(sales()));

    run(&store, configure(&VDOM, "sales", Vec::new()), START).await;
    assert_eq!(store.settings(sales()).reject_delay.micros(), 1_000_000);
    import(&store, Vdom::ROOT, token(2)).await;
    let owned = store.token(token(2)).await.unwrap().unwrap();
    assert_eq!(owned.token.vdom, Vdom::ROOT);
    drop(store);
    let store = open(dir.path(), START).await;
    assert_eq!(store.vdom("sales"), Some(sales()));
}

#[tokio::test]
async fn a_file_without_vdoms_becomes_the_roots() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(1), SEED, START).await;
    let edits = vec![
        set(&RADIUS_CLIENT, "subnet", "192.0.2.1"),
        secret("xyzzy5461"),
    ];
    run(&store, configure(&RADIUS_CLIENT, "vpn", edits), START).await;
    granted(&login(&store, "alice", &code(SEED, step_at(START)), START).await);
    store.shutdown();
    drop(store);
    without_vdoms(&dir);
    let store = open(dir.path(), START).await;
    assert_eq!(store.clients().len(), 1);
    assert_eq!(store.vdoms().await.unwrap(), [Vdom::ROOT]);
    let owned = store.token(token(1)).await.unwrap().unwrap();
    assert_eq!(owned.token.vdom, Vdom::ROOT);
    let later = START.after(secs(60));
    granted(&login(&store, "alice", &code(SEED, step_at(later)), later).await);
    let facts = store.facts(name("alice"), CodePosition::Challenge, later);
    assert!(facts.unwrap().person.is_some());
}

/// Takes back what the step "virtual domains" and those after it did.
fn without_vdoms(dir: &TempDir) {
    let database = rusqlite::Connection::open(dir.path().join("gateway.db")).unwrap();
    database
        .execute_batch(
            "DROP INDEX person_realm; ALTER TABLE person DROP COLUMN realm;
             DROP INDEX token_pollable; DROP INDEX token_pollable_of;
             DROP INDEX token_vdom; DROP INDEX token_activated; ALTER TABLE token DROP COLUMN vdom;
             CREATE TABLE before (path TEXT NOT NULL, entry TEXT NOT NULL, field TEXT NOT NULL,
                 value TEXT NOT NULL, PRIMARY KEY (path, entry, field)) STRICT;
             INSERT INTO before SELECT path, entry, field, value FROM config
                 WHERE path NOT IN ('vdom', 'system accprofile');
             DROP TABLE config; ALTER TABLE before RENAME TO config;
             ALTER TABLE event DROP COLUMN vdom; ALTER TABLE outbox DROP COLUMN vdom;
             DROP INDEX token_transfer; ALTER TABLE token DROP COLUMN transfer;
             ALTER TABLE token DROP COLUMN next_code; ALTER TABLE token DROP COLUMN next_link;
             ALTER TABLE token DROP COLUMN next_expires; ALTER TABLE token DROP COLUMN next_seed;
             ALTER TABLE token DROP COLUMN transfer_for; ALTER TABLE token DROP COLUMN seed_since;
             DROP TABLE former_phone; DROP TABLE transfer_begun;
             DROP TABLE moved_file; ALTER TABLE token DROP COLUMN known_by;
             DROP INDEX outbox_sent; ALTER TABLE outbox DROP COLUMN request;
             DROP TABLE outbox_request;
             ALTER TABLE person DROP COLUMN keeper; ALTER TABLE person DROP COLUMN ldap_server;
             ALTER TABLE person DROP COLUMN radius_server; ALTER TABLE token DROP COLUMN foreign_seed;
             ALTER TABLE person DROP COLUMN policy; ALTER TABLE person DROP COLUMN password_set;
             ALTER TABLE person DROP COLUMN history; ALTER TABLE person DROP COLUMN kept;
             ALTER TABLE person DROP COLUMN phone; ALTER TABLE person DROP COLUMN sms_server;
             ALTER TABLE person DROP COLUMN custom_server;
             ALTER TABLE person DROP COLUMN notification;
             ALTER TABLE person DROP COLUMN radius_legacy; ALTER TABLE person DROP COLUMN legacy;
             ALTER TABLE person DROP COLUMN language; DROP TABLE recovery;
             DROP TABLE recovered; DROP TABLE former_seed; DROP TABLE given_file;
             PRAGMA user_version = 3;",
        )
        .unwrap();
}

#[tokio::test]
async fn a_restore_fills_the_vdom_that_it_makes() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    let sales = Vdom::parse("sales").unwrap();
    let entry = |place, edits| Incoming {
        place,
        edits,
        understood: Understood::Whole,
    };
    let mode = GLOBAL.field("vdom-mode").unwrap();
    let restore = Restore {
        origin: "file".into(),
        coverage: Coverage::Part,
        entries: vec![
            entry(
                Place::new(Vdom::ROOT, &GLOBAL, ""),
                vec![Edit::Set(mode, Value::Text("multi-vdom".into()))],
            ),
            entry(Place::new(Vdom::ROOT, &VDOM, "sales"), Vec::new()),
            entry(Place::new(sales, &LOCAL, "alice"), vec![passwd()]),
        ],
    };
    let by = Authority::system("test");
    let report = store.restore(restore, Extent::Apply, by, START).await;
    let report = report.unwrap();
    assert!(report.remarks.is_empty(), "{:?}", report.remarks);
    assert_eq!((report.added, report.changed), (2, 1));
    assert_eq!(store.vdom("sales"), Some(sales));
}

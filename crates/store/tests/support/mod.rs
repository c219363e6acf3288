//! A gateway's store in a directory of its own, with people who log in.
#![allow(dead_code, reason = "each test of the store uses a part")]

use std::fs;
use std::path::Path;
use std::sync::{LazyLock, mpsc};

use domain::access::Authority;
use domain::admin::{Edit, Entropy, Operation, Supplied};
use domain::audit::Actor;
use domain::login::{CodePosition, Drifted, Facts, Origin, Proof, Second, Submitted, next, second};
use domain::name::CanonicalName;
use domain::password::{Credential, Evaluation, PasswordHash, Presented};
use domain::reason::Reason;
use domain::schema::{LOCAL, Place, Table, Value};
use domain::source::{LoginSource, Network};
use domain::time::{Span, Timestamp};
use domain::token::{ActivationLink, Resync};
use domain::vdom::Vdom;
use ident::{ActivationCode, LicenceCode, LicenceSerial, Pace, TokenSerial};
use otp::{Parameters, Seed, Step, code_at};
use store::gateway::{ClockTrust, Decision, Done, GatewayStore, Location, Outcome, StoreError};
use store::sealing::RootKey;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// The beginning of a step of 60 s.
pub(crate) const START: Timestamp = Timestamp::from_secs(28_333_334 * 60);

pub(crate) const PASSWORD: &str = "canary-password-9f1c";
/// Its hash at the least cost that there is: worlds log in thousands of times.
static HASH: LazyLock<PasswordHash> = LazyLock::new(|| {
    PasswordHash::from_phc(
        "$argon2id$v=19$m=8,t=1,p=1$c3ltYm9sb24gd29ybGRz$uX1ygHN54Gw+jALGU5ksxDpD7cXI1BAGYzdUG9Zmu+8",
    )
    .unwrap()
});

/// The one that it gets where it is typed.
static TYPED: LazyLock<PasswordHash> = LazyLock::new(|| PasswordHash::new(PASSWORD, SALT).unwrap());
const SALT: [u8; 16] = [9; 16];

pub(crate) fn step_at(now: Timestamp) -> u64 {
    now.unix() / 60
}

pub(crate) fn secs(seconds: i64) -> Span {
    Span::from_secs(seconds)
}

pub(crate) fn location(dir: &Path) -> Location {
    Location {
        database: dir.join("gateway.db"),
        head: dir.join("gateway.head"),
        clock: ClockTrust::Records,
    }
}

pub(crate) fn root(dir: &Path) -> RootKey {
    RootKey::load_or_create(&dir.join("root.key")).unwrap()
}

pub(crate) async fn try_open(dir: &Path, now: Timestamp) -> Result<GatewayStore, StoreError> {
    GatewayStore::open(&location(dir), &root(dir), now).await
}

pub(crate) async fn open(dir: &Path, now: Timestamp) -> GatewayStore {
    try_open(dir, now).await.unwrap()
}

/// What a crash at this moment would leave behind, or a backup that does not ask the store.
pub(crate) fn copy(from: &Path, to: &Path) {
    for name in ["root.key", "gateway.head", "gateway.db", "gateway.db-wal"] {
        let target = to.join(name);
        let _ = fs::remove_file(&target);
        match fs::copy(from.join(name), &target) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
    let _ = fs::remove_file(to.join("gateway.db-shm"));
}

pub(crate) fn network(address: &str) -> Network {
    Network::of(address.parse().unwrap())
}

pub(crate) fn name(name: &str) -> CanonicalName {
    CanonicalName::of(name).unwrap()
}

/// A virtual domain beside the root.
pub(crate) fn sales() -> Vdom {
    Vdom::parse("sales").unwrap()
}

pub(crate) fn origin(client: &str) -> Origin {
    Origin {
        client: client.into(),
        source: LoginSource::of([192, 0, 2, 7].into()),
    }
}

/// [`admin`], who may do everything.
pub(crate) fn authority() -> Authority {
    Authority::unlimited(admin())
}

pub(crate) fn admin() -> Actor {
    Actor {
        name: "admin".into(),
        interface: "console".into(),
    }
}

// ---------------------------------------------------------------- administrators

pub(crate) fn entropy(seed: [u8; 20]) -> Entropy {
    Entropy {
        seed: Zeroizing::new(seed),
        salt: SALT,
    }
}

pub(crate) async fn run(store: &GatewayStore, operation: Operation, now: Timestamp) -> Done {
    run_with(store, operation, [0; 20], now).await
}

pub(crate) async fn run_with(
    store: &GatewayStore,
    operation: Operation,
    seed: [u8; 20],
    now: Timestamp,
) -> Done {
    let done = store.administer(operation, entropy(seed), authority(), now, None);
    done.await.unwrap()
}

pub(crate) fn set(table: &'static Table, field: &str, value: &str) -> Edit {
    Edit::Set(table.field(field).unwrap(), Value::Text(value.into()))
}

/// [`PASSWORD`], as it stands in a configuration.
pub(crate) fn passwd() -> Edit {
    let passwd = LOCAL.field("passwd").unwrap();
    Edit::Set(passwd, Value::Sealed(HASH.to_enc().into()))
}

pub(crate) fn configure(table: &'static Table, key: &str, edits: Vec<Edit>) -> Operation {
    configure_in(Vdom::ROOT, table, key, edits)
}

pub(crate) fn configure_in(
    vdom: Vdom,
    table: &'static Table,
    key: &str,
    edits: Vec<Edit>,
) -> Operation {
    let place = Place::new(vdom, table, key);
    Operation::Configure { place, edits }
}

pub(crate) fn licence() -> LicenceSerial {
    LicenceSerial::purchased(1).unwrap()
}

/// A user who has this token and logs in with [`PASSWORD`] and its codes.
pub(crate) async fn enrol(
    store: &GatewayStore,
    user: &str,
    token: TokenSerial,
    seed: [u8; 20],
    now: Timestamp,
) {
    let imported = Operation::Imported {
        vdom: Vdom::ROOT,
        licence: licence(),
        tokens: vec![token],
    };
    run(store, imported, now).await;
    assign(store, user, token, seed, now).await;
}

pub(crate) async fn assign(
    store: &GatewayStore,
    user: &str,
    token: TokenSerial,
    seed: [u8; 20],
    now: Timestamp,
) {
    run_with(store, assignment(user, token), seed, now).await;
    run(store, supplied(token), now).await;
}

pub(crate) fn assignment(user: &str, token: TokenSerial) -> Operation {
    let edits = vec![
        passwd(),
        set(&LOCAL, "two-factor", "fortitoken"),
        set(&LOCAL, "fortitoken", token.as_str()),
    ];
    configure(&LOCAL, user, edits)
}

pub(crate) fn provision(token: TokenSerial) -> Operation {
    let vdom = Vdom::ROOT;
    Operation::Provision { vdom, token }
}

pub(crate) fn import(code: &str) -> Operation {
    let code = LicenceCode::parse(code).unwrap();
    let vdom = Vdom::ROOT;
    Operation::Import { vdom, code }
}

pub(crate) async fn provision_again(
    store: &GatewayStore,
    token: TokenSerial,
    seed: [u8; 20],
    now: Timestamp,
) {
    run_with(store, provision(token), seed, now).await;
    run(store, supplied(token), now).await;
}

/// The token server's answer: from now on codes are looked at.
pub(crate) fn supplied(token: TokenSerial) -> Operation {
    supplied_all(&[token])
}

pub(crate) fn supplied_all(tokens: &[TokenSerial]) -> Operation {
    let answers = tokens.iter().map(|token| Supplied {
        token: *token,
        code: ActivationCode::from_random([5; 8], Pace::Sixty),
        link: ActivationLink::new("https://canary-link-77ab".into()),
        valid: Span::from_days(30),
    });
    Operation::Provisioned(answers.collect())
}

// ---------------------------------------------------------------- people

pub(crate) fn code(seed: [u8; 20], step: u64) -> String {
    let seed = Seed::from_bytes(Zeroizing::new(seed.to_vec())).unwrap();
    let code = code_at(&seed, Parameters::default(), Step(step));
    code.as_str().to_owned()
}

/// A code that no step near shows.
pub(crate) fn wrong(seed: [u8; 20], now: Timestamp) -> String {
    let near: Vec<String> = (step_at(now) - 70..step_at(now) + 70)
        .map(|step| code(seed, step))
        .collect();
    let mut candidates = (0..1_000).map(|number| format!("{number:06}"));
    candidates.find(|code| !near.contains(code)).unwrap()
}

/// The proof that this person's password was right. Whom the store does not know gets one all the same.
pub(crate) fn verified(facts: &Facts) -> Proof {
    let person = facts.person.as_ref();
    let hash = match person.and_then(|person| person.password.as_ref()) {
        Some(kept) if *kept != Credential::from(&*HASH) => {
            assert_eq!(*kept, Credential::from(&*TYPED), "another password");
            TYPED.clone()
        }
        _ => HASH.clone(),
    };
    let evaluation = Evaluation::of(facts.name.clone(), hash);
    let password = Presented::new(Zeroizing::new(PASSWORD.as_bytes().to_vec()));
    evaluation.verify(&password).unwrap().into()
}

/// What the login path decides about a code, before the store's word.
pub(crate) fn decide(store: &GatewayStore, user: &str, code: &str, now: Timestamp) -> Decision {
    decide_for(store, name(user), code, now)
}

fn decide_for(store: &GatewayStore, person: CanonicalName, code: &str, now: Timestamp) -> Decision {
    let decided = judge(store, &person, None, code, now);
    decision(person, decided, now).0
}

/// What the login path says to a code, after one that asked for it if one did.
pub(crate) fn judge(
    store: &GatewayStore,
    person: &CanonicalName,
    drifted: Option<Drifted>,
    code: &str,
    now: Timestamp,
) -> Second {
    let facts = store
        .facts(person.clone(), CodePosition::Challenge, now)
        .unwrap();
    let code = Submitted::new(code.as_bytes());
    store.with_code_counter(person, now, |counter| match drifted {
        Some(drifted) => next(&facts, drifted, &code, counter, now),
        None => second(&facts, verified(&facts), Some(&code), counter, now),
    })
}

/// What goes on record of it, and what asks for the next code.
pub(crate) fn decision(
    person: CanonicalName,
    decided: Second,
    now: Timestamp,
) -> (Decision, Option<Drifted>) {
    let refuse = |refusal| Decision::Refuse {
        person,
        origin: origin("vpn1"),
        refusal,
        at: now,
    };
    match decided {
        Second::Consume(consume) => (Decision::Grant(consume, origin("vpn1")), None),
        Second::Refuse(refusal, _) => (refuse(refusal), None),
        Second::AskNext(refusal, drifted) => (refuse(refusal), Some(*drifted)),
        Second::Challenge(_) | Second::Send(..) => panic!("a code was typed"),
    }
}

/// Hands decisions to the store.
pub(crate) fn submit(
    store: &GatewayStore,
    decisions: Vec<Decision>,
) -> oneshot::Receiver<Vec<Outcome>> {
    let (answer, outcomes) = oneshot::channel();
    store.consume(decisions, move |outcomes| {
        let _ = answer.send(outcomes);
    });
    outcomes
}

/// Holds the writer thread, so that what is submitted meanwhile shares one transaction.
pub(crate) fn hold(store: &GatewayStore) -> mpsc::Sender<()> {
    let (release, wait) = mpsc::channel();
    let (started, running) = mpsc::channel();
    store.consume(Vec::new(), move |_| {
        started.send(()).unwrap();
        let _ = wait.recv();
    });
    running.recv().unwrap();
    release
}

pub(crate) async fn consume(store: &GatewayStore, decision: Decision) -> Outcome {
    let mut outcomes = submit(store, vec![decision]).await.unwrap();
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

/// One login, from its facts to its outcome.
pub(crate) async fn login(store: &GatewayStore, user: &str, code: &str, now: Timestamp) -> Outcome {
    consume(store, decide(store, user, code, now)).await
}

/// The same for a person of any realm.
pub(crate) async fn login_as(
    store: &GatewayStore,
    person: &CanonicalName,
    code: &str,
    now: Timestamp,
) -> Outcome {
    consume(store, decide_for(store, person.clone(), code, now)).await
}

/// Two codes that follow each other; `None` if the domain does not take them for that.
pub(crate) async fn resync(
    store: &GatewayStore,
    token: TokenSerial,
    codes: (&str, &str),
    now: Timestamp,
) -> Option<Outcome> {
    let verifier = store.verifier(token).unwrap().unwrap();
    let found = Resync::find(&verifier, codes.0, codes.1, now).ok()?;
    Some(consume(store, resync_of(found, now)).await)
}

pub(crate) fn resync_of(resync: Resync, at: Timestamp) -> Decision {
    Decision::Resync {
        resync,
        vdom: Vdom::ROOT,
        actor: admin(),
        at,
    }
}

#[track_caller]
pub(crate) fn granted(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Granted(granted) => granted.event(),
        other => panic!("not granted: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn refused(outcome: &Outcome) -> Reason {
    match outcome {
        Outcome::Refused(refused) => refused.reason,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) fn is_granted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Granted(_))
}

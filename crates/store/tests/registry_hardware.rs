//! The stock of hardware tokens against a real database.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and it looks into the database file"
)]

use domain::audit::Actor;
use domain::intake::LineFault;
use domain::licensing::{AccountName, Asking, HardwareRefusal};
use domain::time::Timestamp;
use ident::{ProductSerial, TokenSerial};
use otp::seed_file::{csv, serials};
use otp::{Parameters, Seed};
use store::Failure;
use store::registry::{
    DeskRefusal, GatewaySealing, HardwareActivated, HardwareDenied, Message, MessageId, NotDone,
    OnBadLine, RegistryStore, StockRefusal, Taken,
};
use store::sealing::RootKey;
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const FIRST: &str = "FGT0000000000001";
const SECOND: &str = "FGT0000000000002";
const FOREIGN: &str = "FGT0000000000003";
const NOBODY: &str = "FGT0000000000009";
const TOKEN: &str = "FTK2000BHV1KRZCC";
/// `a planted canary 123`
const SEED: &str = "6120706c616e7465642063616e61727920313233";

struct World {
    dir: tempfile::TempDir,
    store: RegistryStore,
}

fn product(text: &str) -> ProductSerial {
    text.parse().unwrap()
}

fn token(text: &str) -> TokenSerial {
    text.parse().unwrap()
}

fn account(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

fn actor() -> Actor {
    Actor {
        name: "carol".into(),
        interface: "desk".into(),
    }
}

impl World {
    /// Two accounts; the first and second product belong to one, the third to the other.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = RootKey::create(&dir.path().join("root.key")).unwrap();
        let store = RegistryStore::open(&dir.path().join("registry.db"), &root)
            .await
            .unwrap();
        for (owner, serials) in [("own", &[FIRST, SECOND][..]), ("other", &[FOREIGN])] {
            let owner = account(owner);
            let registered = store.register_account(actor(), owner.clone(), NOW);
            registered.await.unwrap();
            for serial in serials {
                let registered =
                    store.register_product(actor(), owner.clone(), product(serial), NOW);
                registered.await.unwrap();
            }
        }
        Self { dir, store }
    }

    async fn import(
        &self,
        text: &str,
        owner: Option<&str>,
        on_bad_line: OnBadLine,
    ) -> Result<Taken, DeskRefusal> {
        let entries = csv::read(text, Parameters::default()).unwrap();
        let taken = self
            .store
            .import_hardware(actor(), entries, owner.map(account), on_bad_line, NOW)
            .await;
        taken.map_err(refused)
    }

    async fn assign(
        &self,
        text: &str,
        owner: &str,
        from: Option<&str>,
    ) -> Result<Taken, DeskRefusal> {
        let entries = serials::read(text).unwrap();
        let on_bad_line = OnBadLine::Refuse;
        let taken = self
            .store
            .assign_hardware(
                actor(),
                entries,
                account(owner),
                from.map(account),
                on_bad_line,
                NOW,
            )
            .await;
        taken.map_err(refused)
    }

    /// Asks without an identity; the open seeds, as [`Plain`] lets them out.
    async fn activate(&self, asker: &str, tokens: &[&str]) -> Result<Vec<Outcome>, HardwareDenied> {
        let (send, mut receive) = tokio::sync::oneshot::channel();
        let render = |outcome| {
            send.send(outcome).unwrap();
            Zeroizing::new(String::new())
        };
        let tokens = tokens.iter().map(|text| text.parse().ok()).collect();
        let done = self
            .store
            .activate_hardware(asking(asker), tokens, Plain, NOW, None, render)
            .await;
        let outcome: Result<HardwareActivated<_>, _> = receive.try_recv().unwrap();
        assert_eq!(done.is_ok(), outcome.is_ok());
        outcome.map(|activated| {
            let tokens = activated.tokens.into_iter();
            tokens
                .map(|outcome| outcome.map(|given| given.sealed))
                .collect()
        })
    }

    async fn history(&self, token: &str) -> Vec<(String, String)> {
        let events = self.store.desk_events(token.into()).await.unwrap();
        let events = events.into_iter();
        events
            .map(|event| (event.action.into(), event.actor.name.into()))
            .collect()
    }
}

type Outcome = Result<Vec<u8>, HardwareRefusal>;

fn asking(serial: &str) -> Asking {
    Asking {
        serial: product(serial),
        cluster: vec![],
        through: None,
    }
}

fn refused(failure: Failure<DeskRefusal>) -> DeskRefusal {
    match failure {
        Failure::Refused(why) => why,
        Failure::Undecided(why) => panic!("{why}"),
    }
}

/// Hands out the open seed, so that a test sees which it is.
struct Plain;

impl GatewaySealing for Plain {
    type Sealed = Vec<u8>;

    fn seal(&self, seed: &Seed, _: TokenSerial, _: Parameters) -> Result<Vec<u8>, String> {
        Ok(seed.expose().to_vec())
    }
}

/// A sealing that fails when the flag would be set.
struct Broken;

impl GatewaySealing for Broken {
    type Sealed = Vec<u8>;

    fn seal(&self, _: &Seed, _: TokenSerial, _: Parameters) -> Result<Vec<u8>, String> {
        Err("no random octets".to_owned())
    }
}

fn open_seed() -> Vec<u8> {
    Seed::from_hex(SEED).unwrap().expose().to_vec()
}

#[tokio::test]
async fn a_seed_is_given_once_and_once_more_after_the_desks_reset() {
    let world = World::new().await;
    let file = format!("{TOKEN},{SEED}");
    let taken = world.import(&file, None, OnBadLine::Refuse).await.unwrap();
    assert_eq!(taken.tokens, [token(TOKEN)]);

    let given = world.activate(FIRST, &[TOKEN, "no serial"]).await.unwrap();
    assert_eq!(given, [Ok(open_seed()), Err(HardwareRefusal::Unknown)]);
    for asker in [FIRST, SECOND] {
        let denied = world.activate(asker, &[TOKEN]).await.unwrap_err();
        assert_eq!(denied.why, StockRefusal::NoValidToken);
        assert_eq!(denied.tokens, [HardwareRefusal::AlreadyActivated]);
    }
    let shown = world.store.hardware(token(TOKEN)).await.unwrap();
    assert_eq!(shown.account, Some(account("own")));
    assert_eq!(shown.activation.unwrap().product, product(FIRST));

    let reason = "sold with its gateway";
    let reset = || {
        world
            .store
            .reset_activation(actor(), token(TOKEN), reason.into(), NOW)
    };
    assert_eq!(reset().await.unwrap().product, product(FIRST));
    let again = reset().await.map_err(refused).unwrap_err();
    assert_eq!(again, DeskRefusal::HardwareNotActivated(token(TOKEN)));
    let given = world.activate(SECOND, &[TOKEN]).await.unwrap();
    assert_eq!(given, [Ok(open_seed())]);
    let denied = world.activate(FIRST, &[TOKEN]).await.unwrap_err();
    assert_eq!(denied.tokens, [HardwareRefusal::AlreadyActivated]);
    let expected = [
        ("import-hardware", "carol"),
        ("activate-hardware", FIRST),
        ("reset-activation", "carol"),
        ("activate-hardware", SECOND),
    ];
    let expected = expected.map(|(action, actor)| (action.to_owned(), actor.to_owned()));
    assert_eq!(world.history(TOKEN).await, expected);
}

#[tokio::test]
async fn a_token_is_its_accounts_and_to_others_unknown() {
    let world = World::new().await;
    let file = format!("{TOKEN},{SEED}");
    let own = Some("own");
    world.import(&file, own, OnBadLine::Refuse).await.unwrap();
    for _ in ["before its activation", "after it"] {
        let denied = world.activate(FOREIGN, &[TOKEN]).await.unwrap_err();
        assert_eq!(denied.tokens, [HardwareRefusal::Unknown]);
        let _ = world.activate(FIRST, &[TOKEN]).await;
    }
    let denied = world.activate(NOBODY, &[TOKEN]).await.unwrap_err();
    assert_eq!(denied.why, StockRefusal::ProductNotRegistered);
    assert_eq!(denied.tokens, [HardwareRefusal::ProductNotRegistered]);

    // The desk moves it, once nobody has its seed.
    let fault = async |from| match world.assign(TOKEN, "other", from).await {
        Err(DeskRefusal::BadLines(mut lines)) => lines.remove(0).why,
        outcome => panic!("{outcome:?}"),
    };
    let activated = LineFault::Activated(token(TOKEN), account("own"));
    assert_eq!(fault(Some("own")).await, activated);
    let reset = world
        .store
        .reset_activation(actor(), token(TOKEN), "sold".into(), NOW);
    reset.await.unwrap();
    let others = LineFault::OfOther(token(TOKEN), account("own"));
    assert_eq!(fault(None).await, others);
    assert!(others.to_string().contains("--from \"own\""), "{others}");
    world.assign(TOKEN, "other", Some("own")).await.unwrap();
    let given = world.activate(FOREIGN, &[TOKEN]).await.unwrap();
    assert_eq!(given, [Ok(open_seed())]);
}

#[tokio::test]
async fn nothing_of_a_file_with_a_bad_line_is_taken_unless_asked() {
    let world = World::new().await;
    let file = format!("{TOKEN},{SEED}\n{TOKEN},{SEED}\nFTK2000BHV1KRZCD,zz\n");
    let refusal = world
        .import(&file, None, OnBadLine::Refuse)
        .await
        .unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "nothing was taken: 2 lines cannot be used\n\
         line 2: FTK2000BHV1KRZCC stands on line 1 already\n\
         line 3: the seed is neither hexadecimal nor base32"
    );
    let shown = world.store.hardware(token(TOKEN)).await.map_err(refused);
    assert_eq!(shown.unwrap_err(), DeskRefusal::TokenUnknown(token(TOKEN)));

    let taken = world.import(&file, None, OnBadLine::Skip).await.unwrap();
    assert_eq!((taken.tokens.len(), taken.skipped.len()), (1, 2));
    let refusal = world
        .import(&file, None, OnBadLine::Refuse)
        .await
        .unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("line 1: FTK2000BHV1KRZCC is in stock already")
    );
    let nobody = world.import(&file, Some("nobody"), OnBadLine::Skip).await;
    assert_eq!(
        nobody.unwrap_err(),
        DeskRefusal::AccountUnknown(account("nobody"))
    );
}

#[tokio::test]
async fn a_repeated_message_gets_the_first_answer_and_a_new_one_none() {
    let world = World::new().await;
    let file = format!("{TOKEN},{SEED}");
    world.import(&file, None, OnBadLine::Refuse).await.unwrap();
    let ask = |id: &str, digest: u8, said: &'static str| {
        let message = Message {
            product: product(FIRST),
            id: MessageId::parse(id).unwrap(),
            digest: [digest; 32],
        };
        let render = move |outcome: Result<HardwareActivated<Vec<u8>>, HardwareDenied>| {
            Zeroizing::new(format!("{said} {}", outcome.is_ok()))
        };
        let tokens = vec![Some(token(TOKEN))];
        world
            .store
            .activate_hardware(asking(FIRST), tokens, Plain, NOW, Some(message), render)
    };
    assert_eq!(*ask("a", 1, "first").await.unwrap(), "first true");
    assert_eq!(*ask("a", 1, "second").await.unwrap(), "first true");
    let reused = ask("a", 2, "third").await.unwrap_err();
    assert_eq!(reused, Failure::Refused(NotDone::IdReused));
    let refused = Zeroizing::new("fourth false".to_owned());
    let new = ask("b", 1, "fourth").await.unwrap_err();
    assert_eq!(new, Failure::Refused(NotDone::Refused(refused)));
}

#[tokio::test]
async fn a_seed_that_cannot_be_sealed_is_not_given() {
    let world = World::new().await;
    let file = format!("{TOKEN},{SEED}");
    world.import(&file, None, OnBadLine::Refuse).await.unwrap();
    let tokens = vec![Some(token(TOKEN))];
    let render = |_| Zeroizing::new(String::new());
    let broken = world
        .store
        .activate_hardware(asking(FIRST), tokens, Broken, NOW, None, render)
        .await;
    assert!(matches!(broken, Err(Failure::Undecided(_))));
    let given = world.activate(FIRST, &[TOKEN]).await.unwrap();
    assert_eq!(given, [Ok(open_seed())]);
}

#[tokio::test]
async fn no_open_seed_lies_in_the_database() {
    let world = World::new().await;
    let file = format!("{TOKEN},{SEED}");
    world.import(&file, None, OnBadLine::Refuse).await.unwrap();
    world.activate(FIRST, &[TOKEN]).await.unwrap();
    world.store.shutdown();
    let seed = open_seed();
    for entry in std::fs::read_dir(world.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let octets = std::fs::read(&path).unwrap();
            let is_there = octets.windows(seed.len()).any(|window| window == seed);
            assert!(!is_there, "{}", path.display());
        }
    }
}

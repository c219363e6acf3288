//! The registry's use cases against a real database.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and it looks into the database file"
)]

use std::path::{Path, PathBuf};

use domain::audit::Actor;
use domain::licensing::{
    ANSWER_KEPT_AFTER, AccountName, Asking, DeviceRefusal, LicenceRefusal, LicenceSize, Lock,
    Remark, TokenRefusal, TokenState,
};
use domain::time::{Span, Timestamp};
use ident::{
    ActivationCode, LicenceCode, LicenceSerial, OpaqueCode, PinLength, PinPolicy, PinRequirement,
    ProductSerial, RegistrationId, TokenSerial,
};
use otp::{Parameters, Seed};
use store::Failure;
use store::registry::{
    Activated, ClaimRequest, Claimed, Confirmed, DeskRefusal, GatewayAddress, IssuedLicence,
    LicenceDenied, Message, MessageId, NewLicence, NotDone, Note, Polled, ProvisionDenied,
    Provisioned, RegistryStore, Sealing, StockRefusal, StoreError, ToProvision,
};
use store::sealing::{RootKey, SealError};
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const FIRST: &str = "FGT0000000000001";
const SECOND: &str = "FGT0000000000002";
const FOREIGN: &str = "FGT0000000000003";
const NOBODY: &str = "FGT0000000000009";
const SEED: [u8; 20] = *b"a planted canary 123";

struct World {
    dir: tempfile::TempDir,
    store: RegistryStore,
}

fn product(text: &str) -> ProductSerial {
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

fn asking(serial: &str, cluster: &[&str]) -> Asking {
    Asking {
        serial: product(serial),
        cluster: cluster.iter().copied().map(product).collect(),
        through: None,
    }
}

fn database(dir: &Path) -> PathBuf {
    dir.join("registry.db")
}

fn text(value: impl std::fmt::Debug) -> Zeroizing<String> {
    Zeroizing::new(format!("{value:?}"))
}

impl World {
    /// Two accounts; the first and second product belong to one, the third to the other.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = RootKey::create(&dir.path().join("root.key")).unwrap();
        let store = RegistryStore::open(&database(dir.path()), &root)
            .await
            .unwrap();
        for (owner, serials) in [("own", &[FIRST, SECOND][..]), ("other", &[FOREIGN])] {
            store
                .register_account(actor(), account(owner), NOW)
                .await
                .unwrap();
            for serial in serials {
                let serial = product(serial);
                store
                    .register_product(actor(), account(owner), serial, NOW)
                    .await
                    .unwrap();
            }
        }
        Self { dir, store }
    }

    async fn issue(&self, size: u32) -> IssuedLicence {
        let licence = NewLicence {
            account: account("own"),
            product: None,
            size: LicenceSize::new(size).unwrap(),
            redeem_until: NOW,
        };
        self.store
            .issue_licence(actor(), licence, NOW)
            .await
            .unwrap()
    }

    async fn activate(&self, asking: Asking, code: &str) -> Result<Activated, LicenceDenied> {
        let (send, mut receive) = tokio::sync::oneshot::channel();
        let code = LicenceCode::parse(code).unwrap();
        let render = |outcome| {
            send.send(outcome).unwrap();
            Zeroizing::new(String::new())
        };
        let done = self
            .store
            .activate_licence(asking, code, NOW, None, render)
            .await;
        let outcome: Result<_, LicenceDenied> = receive.try_recv().unwrap();
        assert_eq!(done.is_ok(), outcome.is_ok());
        outcome
    }

    async fn refusal(&self, asking: Asking, code: &str) -> LicenceRefusal {
        self.activate(asking, code).await.unwrap_err().why
    }

    async fn trial(&self, asking: Asking) -> Activated {
        self.activate(asking, LicenceCode::TRIAL.as_str())
            .await
            .unwrap()
    }

    /// Provisions one token and returns its code.
    async fn provision(&self, token: TokenSerial) -> (ActivationCode, [u8; 16]) {
        self.provision_by(asking(FIRST, &[]), token).await
    }

    async fn provision_by(&self, member: Asking, token: TokenSerial) -> (ActivationCode, [u8; 16]) {
        self.provision_as(member, to_provision(token)).await
    }

    async fn provision_as(
        &self,
        member: Asking,
        wanted: ToProvision,
    ) -> (ActivationCode, [u8; 16]) {
        let (send, mut receive) = tokio::sync::oneshot::channel();
        let render = |outcome: Result<Provisioned, ProvisionDenied>| {
            send.send(outcome.unwrap()).unwrap();
            Zeroizing::new(String::new())
        };
        self.store
            .provision(member, vec![wanted], NOW, None, render)
            .await
            .unwrap();
        let issued = receive.try_recv().unwrap().tokens.remove(0).unwrap();
        (issued.code, issued.link)
    }

    async fn claim_at(
        &self,
        code: &OpaqueCode,
        link: Option<[u8; 16]>,
        device: u8,
        at: Timestamp,
    ) -> Claimed {
        let request = ClaimRequest {
            code: OpaqueCode::from_bytes(*code.as_bytes()),
            link,
            device: RegistrationId::from_bytes([device; 32]),
            keys: [device; 130],
            version: "1.0_TEST".into(),
        };
        self.store.claim(request, Plain, at).await.unwrap()
    }

    async fn claim(&self, code: &ActivationCode, link: Option<[u8; 16]>, device: u8) -> Claimed {
        self.claim_at(code.opaque(), link, device, NOW).await
    }

    async fn poll(&self, serial: &str, token: TokenSerial) -> Polled {
        self.store
            .poll(asking(serial, &[]), vec![Some(token)], NOW)
            .await
            .unwrap()
    }
}

fn to_provision(token: TokenSerial) -> ToProvision {
    ToProvision {
        token: Some(token),
        seed: Seed::from_bytes(Zeroizing::new(SEED.to_vec())).unwrap(),
        parameters: Parameters::default(),
        pin_policy: PinPolicy::default(),
        code_life: Span::from_mins(4_320),
    }
}

/// Hands out the open seed, so that a test sees what was sealed and where it still lies.
struct Plain;
impl Sealing for Plain {
    fn seal(self, seed: &Seed, _: TokenSerial, _: Parameters) -> Result<Vec<u8>, String> {
        Ok(seed.expose().iter().rev().copied().collect())
    }
}

fn answer(claimed: &Claimed) -> &[u8] {
    match claimed {
        Claimed::Given(given) => &given.answer,
        Claimed::Refused(why) => panic!("{why}"),
    }
}

#[tokio::test]
async fn a_licence_is_activated_once_and_says_so_ever_after() {
    let world = World::new().await;
    let issued = world.issue(3).await;
    let activated = world
        .activate(asking(FIRST, &[]), issued.code.as_str())
        .await
        .unwrap();
    assert_eq!(
        (activated.licence, activated.tokens.len()),
        (issued.serial, 3)
    );
    for asker in [FIRST, SECOND, FOREIGN] {
        let refusal = world
            .refusal(asking(asker, &[]), issued.code.as_str())
            .await;
        assert_eq!(refusal, LicenceRefusal::AlreadyActivated);
    }
    let shown = world.store.licence(issued.serial).await.unwrap();
    assert_eq!(shown.licence.product, Some(product(FIRST)));
    assert_eq!(shown.tokens.len(), 3);
}

#[tokio::test]
async fn each_refusal_has_its_cause() {
    let world = World::new().await;
    let issued = world.issue(1).await;
    let code = issued.code.as_str();
    let unknown = "0123-4567-89AB-CDEF-0123";
    assert_eq!(
        world.refusal(asking(FIRST, &[]), unknown).await,
        LicenceRefusal::NotFound
    );
    assert_eq!(
        world.refusal(asking(NOBODY, &[]), code).await,
        LicenceRefusal::ProductNotRegistered
    );
    assert_eq!(
        world.refusal(asking(FOREIGN, &[]), code).await,
        LicenceRefusal::Elsewhere
    );
    let late = NewLicence {
        account: account("own"),
        product: None,
        size: LicenceSize::new(1).unwrap(),
        redeem_until: NOW.before(Span::from_secs(1)),
    };
    let late = world.store.issue_licence(actor(), late, NOW).await.unwrap();
    assert_eq!(
        world.refusal(asking(FIRST, &[]), late.code.as_str()).await,
        LicenceRefusal::Expired
    );
}

#[tokio::test]
async fn trial_tokens_are_two_for_a_cluster_and_stay_the_same() {
    let world = World::new().await;
    let first = world.trial(asking(FIRST, &[FIRST, SECOND, NOBODY])).await;
    assert_eq!(first.tokens.len(), 2);
    assert_eq!(first.unregistered, [product(NOBODY)]);
    assert!(first.licence.is_trial());
    let again = world.trial(asking(FIRST, &[])).await;
    assert_eq!(
        (again.licence, again.tokens),
        (first.licence, first.tokens.clone())
    );
    let partner = world.trial(asking(SECOND, &[FIRST, SECOND])).await;
    assert_eq!(partner.licence, first.licence);
    let foreign = world.trial(asking(FOREIGN, &[FIRST, FOREIGN])).await;
    assert_ne!(foreign.licence, first.licence);
}

#[tokio::test]
async fn symptom_11_a_locked_trial_token_blocks_a_licence_until_the_trial_is_imported_again() {
    let world = World::new().await;
    let trial = world.trial(asking(FIRST, &[])).await;
    let (token, other) = (trial.tokens[0], trial.tokens[1]);
    world.provision(token).await;
    world.provision(other).await;
    let lock = |lock| {
        world
            .store
            .set_lock(actor(), token, lock, "move broken off".into(), NOW)
    };
    lock(Lock::Locked).await.unwrap();

    let issued = world.issue(1).await;
    let code = issued.code.as_str();
    assert_eq!(
        world.refusal(asking(FIRST, &[]), code).await,
        LicenceRefusal::BlockedByTrial
    );
    world.trial(asking(FIRST, &[])).await;
    world.activate(asking(FIRST, &[]), code).await.unwrap();
    assert_eq!(
        world.store.token(token).await.unwrap().token.state,
        TokenState::New
    );
    let untouched = world.store.token(other).await.unwrap().token.state;
    assert!(matches!(untouched, TokenState::Provisioning { .. }));

    let events = world
        .store
        .desk_events(token.as_str().into())
        .await
        .unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].action.as_ref(), "provision");
    assert_eq!(
        (events[1].action.as_ref(), events[1].detail.as_ref()),
        ("lock-token", "move broken off")
    );
}

#[tokio::test]
async fn symptom_01_a_token_is_served_to_its_product_alone() {
    let world = World::new().await;
    let token = world.trial(asking(FIRST, &[])).await.tokens[0];
    assert!(world.poll(FIRST, token).await.tokens[0].is_ok());
    let foreign = world.poll(FOREIGN, token).await;
    assert_eq!(foreign.tokens, [Err(TokenRefusal::NotOfProduct)]);
    assert_eq!(foreign.refusal, Some(StockRefusal::NoValidToken));
    let nobody = world.poll(NOBODY, token).await;
    assert_eq!(nobody.refusal, Some(StockRefusal::ProductNotRegistered));
    let partner = asking(SECOND, &[FIRST, SECOND]);
    assert!(
        world
            .store
            .poll(partner, vec![Some(token)], NOW)
            .await
            .unwrap()
            .tokens[0]
            .is_ok()
    );

    let (send, mut receive) = tokio::sync::oneshot::channel();
    let render = |outcome: Result<Provisioned, ProvisionDenied>| {
        send.send(outcome.unwrap_err()).unwrap();
        Zeroizing::new(String::new())
    };
    let tokens = vec![to_provision(token)];
    let done = world
        .store
        .provision(asking(FOREIGN, &[]), tokens, NOW, None, render)
        .await;
    assert!(
        matches!(done, Err(Failure::Refused(NotDone::Refused(_)))),
        "{done:?}"
    );
    assert_eq!(
        receive.try_recv().unwrap().tokens,
        [TokenRefusal::NotOfProduct]
    );
}

#[tokio::test]
async fn a_code_binds_the_first_device_and_the_seed_is_gone() {
    let world = World::new().await;
    let token = world.trial(asking(FIRST, &[])).await.tokens[0];
    let (code, link) = world.provision(token).await;
    let claimed = world.claim(&code, Some(link), 1).await;
    let Claimed::Given(given) = &claimed else {
        panic!("{claimed:?}")
    };
    assert_eq!((given.token, given.issuer.as_str()), (token, "own"));
    assert_eq!(world.claim(&code, None, 1).await, claimed);
    let used = Claimed::Refused(DeviceRefusal::CodeUsed);
    assert_eq!(world.claim(&code, Some(link), 2).await, used);
    let state = &world.poll(FIRST, token).await.tokens[0];
    assert!(matches!(
        &state.as_ref().unwrap().state,
        TokenState::Provisioned(_)
    ));

    let open = world.store.answer(token).await.unwrap().unwrap();
    assert_eq!(
        (open.device, open.answer.as_deref()),
        (given_device(1), Some(answer(&claimed)))
    );
    let confirmed = world.store.confirm(token, open.version, NOW).await;
    assert_eq!(confirmed.unwrap(), Confirmed::Now);
    assert_eq!(
        world.store.answer(token).await.unwrap().unwrap().answer,
        None
    );
    assert_eq!(world.claim(&code, Some(link), 1).await, used);
    let row: (Option<Vec<u8>>, Option<Vec<u8>>) =
        look(&world, "SELECT seed, answer FROM provision", |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
    assert_eq!(row, (None, None));
}

#[tokio::test]
async fn a_receipt_that_comes_twice_at_once_is_heard_twice_and_one_for_an_older_code_never() {
    let world = World::new().await;
    let token = world.trial(asking(FIRST, &[])).await.tokens[0];
    let (code, _) = world.provision(token).await;
    answer(&world.claim(&code, None, 1).await);
    let [first, second] = [
        world.store.answer(token).await.unwrap().unwrap(),
        world.store.answer(token).await.unwrap().unwrap(),
    ];
    for open in [&first, &second] {
        let confirmed = world.store.confirm(token, open.version, NOW).await;
        assert_eq!(confirmed.unwrap(), Confirmed::Now);
    }

    let (code, _) = world.provision(token).await;
    let late = world.store.confirm(token, first.version, NOW).await;
    assert_eq!(late.unwrap(), Confirmed::TooLate);
    answer(&world.claim(&code, None, 2).await);
    let newer = world.store.answer(token).await.unwrap().unwrap();
    let confirmed = world.store.confirm(token, newer.version, NOW).await;
    assert_eq!(confirmed.unwrap(), Confirmed::Now);
    let late = world.store.confirm(token, first.version, NOW).await;
    assert_eq!(late.unwrap(), Confirmed::TooLate);
}

#[tokio::test]
async fn a_device_is_told_the_policy_that_its_code_was_made_with() {
    let world = World::new().await;
    let token = world.trial(asking(FIRST, &[])).await.tokens[0];
    for pin_policy in [
        PinPolicy {
            requirement: PinRequirement::Enforce,
            length: PinLength::Eight,
        },
        PinPolicy {
            requirement: PinRequirement::NotRequired,
            length: PinLength::Six,
        },
    ] {
        let wanted = ToProvision {
            pin_policy,
            ..to_provision(token)
        };
        let (code, link) = world.provision_as(asking(FIRST, &[]), wanted).await;
        for _again in 0..2 {
            let Claimed::Given(given) = world.claim(&code, Some(link), 1).await else {
                panic!("not given")
            };
            assert_eq!(given.pin_policy, pin_policy);
        }
    }
}

fn given_device(byte: u8) -> RegistrationId {
    RegistrationId::from_bytes([byte; 32])
}

fn look<T>(
    world: &World,
    sql: &str,
    read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> T {
    let connection = rusqlite::Connection::open(database(world.dir.path())).unwrap();
    connection.query_row(sql, [], read).unwrap()
}

#[tokio::test]
async fn a_new_code_ends_the_old_one_and_the_old_device() {
    let world = World::new().await;
    let token = world.trial(asking(FIRST, &[])).await.tokens[0];
    let (old, _) = world.provision(token).await;
    answer(&world.claim(&old, None, 1).await);
    let (new, _) = world.provision(token).await;
    let unknown = Claimed::Refused(DeviceRefusal::CodeUnknown);
    assert_eq!(world.claim(&old, None, 1).await, unknown);
    let waiting = &world.poll(FIRST, token).await.tokens[0];
    assert!(matches!(
        &waiting.as_ref().unwrap().state,
        TokenState::Provisioning { .. }
    ));
    answer(&world.claim(&new, None, 2).await);
}

#[tokio::test]
async fn a_phone_is_sent_to_the_member_that_provisioned_its_token() {
    let world = World::new().await;
    let (first, second) = (asking(FIRST, &[SECOND]), asking(SECOND, &[FIRST]));
    let tokens = world.trial(first.clone()).await.tokens;
    for (member, token) in [(&first, tokens[0]), (&second, tokens[1])] {
        world.provision_by(member.clone(), token).await;
    }
    let address = |name: &str| GatewayAddress {
        url: format!("https://{name}.example.org").into(),
        pin: "pin".into(),
        source: "192.0.2.7".parse().ok(),
    };
    let tell = async |member: &Asking, address| {
        let told = world.store.put_gateway_address(member.clone(), address);
        told.await.unwrap();
    };
    let found = async |token| world.store.gateway_address(token).await.unwrap();
    tell(&first, Some(address("one"))).await;
    tell(&second, Some(address("two"))).await;
    assert_eq!(found(tokens[0]).await, Some(address("one")));
    assert_eq!(found(tokens[1]).await, Some(address("two")));
    tell(&second, None).await;
    assert_eq!(found(tokens[0]).await, Some(address("one")));
    assert_eq!(found(tokens[1]).await, None);
}

fn at(name: &str) -> GatewayAddress {
    GatewayAddress {
        url: format!("https://{name}.example.org").into(),
        pin: "pin".into(),
        source: "192.0.2.7".parse().ok(),
    }
}

fn note() -> Note {
    Note {
        reason: Remark::parse("RMA 12").unwrap(),
        ticket: None,
    }
}

/// Where phones are sent about a token.
async fn way(world: &World, token: TokenSerial) -> Option<GatewayAddress> {
    world.store.gateway_address(token).await.unwrap()
}

/// One token that either member of a cluster provisioned, of a licence of the first.
async fn cluster() -> (World, IssuedLicence, Vec<TokenSerial>) {
    let world = World::new().await;
    let (first, second) = (asking(FIRST, &[SECOND]), asking(SECOND, &[FIRST]));
    let licence = world.issue(2).await;
    let activated = world.activate(first.clone(), licence.code.as_str()).await;
    let tokens = activated.unwrap().tokens;
    for (member, token, name) in [(first, tokens[0], "one"), (second, tokens[1], "two")] {
        world.provision_by(member.clone(), token).await;
        let told = world.store.put_gateway_address(member, Some(at(name)));
        told.await.unwrap();
    }
    (world, licence, tokens)
}

#[tokio::test]
async fn a_phone_is_sent_to_the_product_to_which_the_licence_moved() {
    let (world, licence, tokens) = cluster().await;
    assert_eq!(way(&world, tokens[0]).await, Some(at("one")));
    let to = product(SECOND);
    let moved = world
        .store
        .move_licence(actor(), licence.serial, to, note(), NOW);
    moved.await.unwrap();
    for token in &tokens {
        assert_eq!(way(&world, *token).await, Some(at("two")));
    }
    // Whoever provisions it from then on has it, and moving it where it is changes nothing.
    world
        .provision_by(asking(FIRST, &[SECOND]), tokens[1])
        .await;
    let again = world
        .store
        .move_licence(actor(), licence.serial, to, note(), NOW);
    again.await.unwrap();
    assert_eq!(way(&world, tokens[1]).await, Some(at("one")));
}

#[tokio::test]
async fn a_phone_is_sent_to_the_unit_in_the_place_of_the_one_that_provisioned_its_token() {
    let (world, _, tokens) = cluster().await;
    let replaced = world
        .store
        .replace_unit(actor(), product(FIRST), product(NOBODY), note(), NOW);
    replaced.await.unwrap();
    assert_eq!(way(&world, tokens[0]).await, None);
    // What comes back from the repair is another unit.
    let registered = world
        .store
        .register_product(actor(), account("own"), product(FIRST), NOW);
    registered.await.unwrap();
    let told = world
        .store
        .put_gateway_address(asking(FIRST, &[]), Some(at("one")));
    told.await.unwrap();
    let told = world
        .store
        .put_gateway_address(asking(NOBODY, &[]), Some(at("new")));
    told.await.unwrap();
    assert_eq!(way(&world, tokens[0]).await, Some(at("new")));
    assert_eq!(way(&world, tokens[1]).await, Some(at("two")));
}

#[tokio::test]
async fn no_phone_is_sent_to_a_unit_whose_certificates_were_revoked() {
    let (world, _, tokens) = cluster().await;
    let why = Remark::parse("stolen").unwrap();
    let revoked = world
        .store
        .revoke_certificates(actor(), product(FIRST), why, NOW);
    revoked.await.unwrap();
    assert_eq!(way(&world, tokens[0]).await, None);
    assert_eq!(way(&world, tokens[1]).await, Some(at("two")));
    // Enrolled anew, it tells where it is.
    let told = world
        .store
        .put_gateway_address(asking(FIRST, &[]), Some(at("new")));
    told.await.unwrap();
    assert_eq!(way(&world, tokens[0]).await, Some(at("new")));
}

#[tokio::test]
async fn a_unit_that_is_registered_again_is_where_it_was_unless_it_is_another() {
    let (world, _, tokens) = cluster().await;
    let register = async |account| {
        let registered = world
            .store
            .register_product(actor(), account, product(SECOND), NOW);
        registered.await.unwrap();
    };
    let unregistered = async || {
        let reason = Remark::parse("sold").unwrap();
        let unregistered = world
            .store
            .unregister_product(actor(), product(SECOND), reason, NOW);
        unregistered.await.unwrap();
    };
    unregistered().await;
    register(account("own")).await;
    assert_eq!(way(&world, tokens[1]).await, Some(at("two")));
    unregistered().await;
    register(account("other")).await;
    unregistered().await;
    register(account("own")).await;
    assert_eq!(way(&world, tokens[1]).await, None);
}

#[tokio::test]
async fn no_phone_is_sent_to_a_unit_of_another_account() {
    let (world, _, tokens) = cluster().await;
    let second = product(SECOND);
    let reason = Remark::parse("sold").unwrap();
    let sold = world.store.unregister_product(actor(), second, reason, NOW);
    sold.await.unwrap();
    assert_eq!(way(&world, tokens[1]).await, Some(at("one")));
    let registered = world
        .store
        .register_product(actor(), account("other"), second, NOW);
    registered.await.unwrap();
    assert_eq!(way(&world, tokens[1]).await, Some(at("one")));
}

#[tokio::test]
async fn wrong_link_secrets_close_a_code() {
    let world = World::new().await;
    let token = world.trial(asking(FIRST, &[])).await.tokens[0];
    let (code, link) = world.provision(token).await;
    for _ in 0..domain::licensing::MAX_WRONG_LINKS {
        let unknown = Claimed::Refused(DeviceRefusal::CodeUnknown);
        assert_eq!(world.claim(&code, Some([0; 16]), 1).await, unknown);
    }
    let closed = Claimed::Refused(DeviceRefusal::TooManyTries);
    assert_eq!(world.claim(&code, Some(link), 1).await, closed);
}

#[tokio::test]
async fn the_secrets_of_an_ended_code_are_destroyed() {
    let world = World::new().await;
    let tokens = world.trial(asking(FIRST, &[])).await.tokens;
    let (unclaimed, _) = world.provision(tokens[0]).await;
    let (claimed, _) = world.provision(tokens[1]).await;
    answer(&world.claim(&claimed, None, 1).await);
    let end = NOW.after(Span::from_mins(4_320));
    world
        .store
        .sweep(end.before(Span::from_secs(1)))
        .await
        .unwrap();
    let left = "SELECT count(seed) + count(answer) FROM provision";
    assert_eq!(look(&world, left, |row| row.get::<_, i64>(0)), 2);
    world.store.sweep(end).await.unwrap();
    assert_eq!(look(&world, left, |row| row.get::<_, i64>(0)), 1);
    let over = end.after(ANSWER_KEPT_AFTER);
    world.store.sweep(over).await.unwrap();
    assert_eq!(look(&world, left, |row| row.get::<_, i64>(0)), 0);
    for code in [unclaimed, claimed] {
        let late = world.claim_at(code.opaque(), None, 1, over).await;
        assert_eq!(late, Claimed::Refused(DeviceRefusal::CodeExpired));
    }
    assert!(
        world.poll(FIRST, tokens[0]).await.tokens[0]
            .as_ref()
            .unwrap()
            .has_timed_out(end)
    );
}

#[tokio::test]
async fn a_device_that_lost_its_answer_gets_it_again_after_the_end_of_its_code() {
    let world = World::new().await;
    let token = world.trial(asking(FIRST, &[])).await.tokens[0];
    let (code, _) = world.provision(token).await;
    let first = world.claim(&code, None, 1).await;
    let end = NOW.after(Span::from_mins(4_320));
    let soon = end.after(Span::from_mins(30));
    world.store.sweep(soon).await.unwrap();
    let again = world.claim_at(code.opaque(), None, 1, soon).await;
    assert_eq!(answer(&again), answer(&first));
    let other = world.claim_at(code.opaque(), None, 2, soon).await;
    assert_eq!(other, Claimed::Refused(DeviceRefusal::CodeUsed));
}

fn message(id: &str, body: u8) -> Message {
    let id = MessageId::parse(id).unwrap();
    Message {
        product: product(FIRST),
        id,
        digest: [body; 32],
    }
}

#[tokio::test]
async fn a_repeated_message_gets_its_first_answer_for_three_days() {
    let world = World::new().await;
    let issued = world.issue(2).await;
    let send = |id: &'static str, body: u8, at: Timestamp| {
        let code = LicenceCode::parse(issued.code.as_str()).unwrap();
        world
            .store
            .activate_licence(asking(FIRST, &[]), code, at, Some(message(id, body)), text)
    };
    let first = send("m-1", 1, NOW).await.unwrap();
    assert_eq!(send("m-1", 1, NOW).await.unwrap(), first);
    let other_body = send("m-1", 2, NOW).await.unwrap_err();
    assert_eq!(other_body, Failure::Refused(NotDone::IdReused));
    let spent = |outcome: Result<_, _>| match outcome {
        Err(Failure::Refused(NotDone::Refused(reply))) => reply.contains("AlreadyActivated"),
        other => panic!("{other:?}"),
    };
    assert!(spent(send("m-2", 1, NOW).await));
    let ended = NOW.after(Span::from_days(3));
    let last = ended.before(Span::from_secs(1));
    world.store.sweep(last).await.unwrap();
    assert_eq!(send("m-1", 1, last).await.unwrap(), first);
    assert!(spent(send("m-1", 1, ended).await));
    world.store.sweep(ended).await.unwrap();
    assert_eq!(
        look(&world, "SELECT count(*) FROM reply", |row| row
            .get::<_, i64>(0)),
        0
    );
}

#[tokio::test]
async fn the_desk_is_told_what_is_wrong() {
    let world = World::new().await;
    let store = &world.store;
    let again = store
        .register_account(actor(), account("own"), NOW)
        .await
        .unwrap_err();
    assert_eq!(
        again,
        Failure::Refused(DeskRefusal::AccountExists(account("own")))
    );
    let (first, foreign) = (product(FIRST), product(FOREIGN));
    let again = store
        .register_product(actor(), account("other"), first, NOW)
        .await
        .unwrap_err();
    assert_eq!(
        again,
        Failure::Refused(DeskRefusal::ProductExists(first, account("own")))
    );
    let licence = NewLicence {
        account: account("own"),
        product: Some(foreign),
        size: LicenceSize::new(1).unwrap(),
        redeem_until: NOW,
    };
    let crossed = store
        .issue_licence(actor(), licence, NOW)
        .await
        .unwrap_err();
    assert_eq!(
        crossed,
        Failure::Refused(DeskRefusal::ProductOfOther(foreign, account("other")))
    );
    let licence = LicenceSerial::purchased(77).unwrap();
    let missing = store.licence(licence).await.unwrap_err();
    assert_eq!(
        missing,
        Failure::Refused(DeskRefusal::LicenceUnknown(licence))
    );
}

#[tokio::test]
async fn licence_serials_follow_one_another() {
    let world = World::new().await;
    let serials = [world.issue(1).await.serial, world.issue(1).await.serial];
    assert_eq!(
        serials.map(|serial| serial.to_string()),
        ["EFTM000000000001", "EFTM000000000002"]
    );
}

#[tokio::test]
async fn another_root_key_is_refused_at_the_start() {
    let world = World::new().await;
    let path = database(world.dir.path());
    drop(world.store);
    let other = RootKey::create(&world.dir.path().join("other.key")).unwrap();
    let refused = RegistryStore::open(&path, &other).await.unwrap_err();
    assert!(
        matches!(
            refused,
            StoreError::Key {
                source: SealError::OtherKey,
                ..
            }
        ),
        "{refused}"
    );
}

#[tokio::test]
async fn neither_seeds_nor_codes_lie_open_in_the_files() {
    let world = World::new().await;
    let issued = world.issue(1).await;
    let token = world.trial(asking(FIRST, &[])).await.tokens[0];
    let (code, link) = world.provision(token).await;
    for entry in std::fs::read_dir(world.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let content = std::fs::read(&path).unwrap();
        let secrets: [&[u8]; 5] = [
            &SEED,
            issued.code.as_str().as_bytes(),
            code.as_str().as_bytes(),
            code.opaque().as_bytes(),
            &link,
        ];
        for secret in secrets {
            let found = content.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "a secret in {}", path.display());
        }
    }
}

//! Reserves of managers, at both ends: whatever is put back from a backup, replaced or lost, no licence is given
//! out twice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and puts files back from a backup"
)]

use std::path::{Path, PathBuf};

use domain::audit::Actor;
use domain::licensing::{
    AccountName, Aside, Asking, Change, GIVEN_TOLD, KeyHash, LicenceSize, LifeRefusal,
    RecordBehind, Remark, Reserve, ReserveRefusal, Settlement,
};
use domain::time::{Span, Timestamp};
use ident::{LicenceCode, LicenceSerial, ProductSerial};
use store::Failure;
use store::registry::{
    DeskRefusal, IssuedLicence, LineStanding, NewLicence, Note, RecordStanding, RegistryStore,
    Settled,
};
use store::sealing::RootKey;
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const FIRST: &str = "FGT0000000000001";
const SECOND: &str = "FGT0000000000002";
const THIRD: &str = "FGT0000000000003";
const MANAGER: &str = "FMG0000000000001";
const OTHER_MANAGER: &str = "FMG0000000000002";

fn product(text: &str) -> ProductSerial {
    text.parse().unwrap()
}

fn account() -> AccountName {
    AccountName::parse("own").unwrap()
}

fn actor() -> Actor {
    Actor {
        name: "carol".into(),
        interface: "desk".into(),
    }
}

fn reason() -> Remark {
    Remark::parse("why").unwrap()
}

fn at(seconds: i64) -> Timestamp {
    NOW.after(Span::from_secs(seconds))
}

/// A database of its own, which can be put back.
struct Side {
    dir: tempfile::TempDir,
    store: RegistryStore,
}

impl Side {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        RootKey::create(&dir.path().join("root.key")).unwrap();
        Self::open(dir).await
    }

    async fn open(dir: tempfile::TempDir) -> Self {
        let root = RootKey::load(&dir.path().join("root.key")).unwrap();
        let path = dir.path().join("registry.db");
        let store = RegistryStore::open(&path, &root).await.unwrap();
        Self { dir, store }
    }

    /// Closes it, keeps a copy of it as it is, and opens it again.
    async fn backed_up(self) -> (Self, Backup) {
        let Self { dir, store } = self;
        store.shutdown();
        drop(store);
        let backup = Backup::of(dir.path());
        (Self::open(dir).await, backup)
    }

    async fn put_back(self, backup: &Backup) -> Self {
        let Self { dir, store } = self;
        store.shutdown();
        drop(store);
        backup.put_into(dir.path());
        Self::open(dir).await
    }
}

/// The files of a database.
struct Backup(Vec<(PathBuf, Vec<u8>)>);

impl Backup {
    fn of(dir: &Path) -> Self {
        let read = |path: PathBuf| {
            let content = std::fs::read(&path).unwrap();
            (path, content)
        };
        Self(database(dir).map(read).collect())
    }

    fn put_into(&self, dir: &Path) {
        database(dir).for_each(|path| std::fs::remove_file(path).unwrap());
        for (path, content) in &self.0 {
            std::fs::write(path, content).unwrap();
        }
    }
}

fn database(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let files = std::fs::read_dir(dir).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    paths.filter(|path| !path.ends_with("root.key"))
}

/// A token server with a manager and two gateways of one account.
async fn token_server() -> Side {
    let side = Side::new().await;
    let store = &side.store;
    let registered = store.register_account(actor(), account(), NOW);
    registered.await.unwrap();
    for gateway in [FIRST, SECOND] {
        let registered = store.register_product(actor(), account(), product(gateway), NOW);
        registered.await.unwrap();
    }
    for manager in [MANAGER, OTHER_MANAGER] {
        let registered = store.register_manager(actor(), account(), product(manager), NOW);
        registered.await.unwrap();
    }
    side
}

async fn manager() -> Side {
    let side = Side::new().await;
    side.store.begin_record(product(MANAGER)).await.unwrap();
    side
}

/// What the desk does.
impl Side {
    async fn issue(&self) -> IssuedLicence {
        let licence = NewLicence {
            account: account(),
            product: None,
            size: LicenceSize::new(2).unwrap(),
            redeem_until: at(86_400),
        };
        let issued = self.store.issue_licence(actor(), licence, NOW);
        issued.await.unwrap()
    }

    async fn try_aside(
        &self,
        licence: LicenceSerial,
        manager: &str,
    ) -> Result<Aside, Failure<DeskRefusal>> {
        let manager = product(manager);
        let aside = self
            .store
            .set_aside(actor(), licence, manager, reason(), NOW);
        aside.await
    }

    /// Issues a licence that the manager keeps.
    async fn aside(&self) -> IssuedLicence {
        let issued = self.issue().await;
        let aside = self.try_aside(issued.serial, MANAGER).await;
        assert_eq!(aside.unwrap(), Aside::Made);
        issued
    }

    async fn take_back(&self, licence: LicenceSerial) {
        let back = self.store.take_back(actor(), licence, reason(), NOW);
        back.await.unwrap().unwrap();
    }

    async fn replace(&self, old: &str, new: &str) {
        let note = Note {
            reason: reason(),
            ticket: None,
        };
        let (old, new) = (product(old), product(new));
        let replaced = self.store.replace_unit(actor(), old, new, note, NOW);
        replaced.await.unwrap();
    }

    async fn reserve_file(&self) -> Reserve {
        let reserve = self.store.issue_reserve(product(MANAGER)).await;
        reserve.unwrap()
    }

    async fn settle(&self, settlement: Settlement) -> Settled {
        let settled = self.store.settle_reserve(settlement, NOW).await;
        settled.unwrap()
    }

    async fn confirm(&self) -> Change {
        let confirmed = self
            .store
            .confirm_record(actor(), product(MANAGER), reason(), NOW);
        confirmed.await.unwrap()
    }

    async fn keeper(&self, licence: LicenceSerial) -> Option<ProductSerial> {
        let found = self.store.licence(licence).await.unwrap();
        found.licence.kept_by
    }
}

/// What a manager does.
impl Side {
    async fn load(&self, reserve: Reserve) -> Result<Change, Failure<ReserveRefusal>> {
        let own = product(MANAGER);
        self.store.hold_reserve(own, reserve, NOW).await
    }

    async fn settlement(&self) -> Settlement {
        self.settlement_at(NOW).await
    }

    async fn settlement_at(&self, now: Timestamp) -> Settlement {
        let settlement = self.store.settlement(product(MANAGER), now).await;
        settlement.unwrap()
    }

    async fn gives_nothing(&self) -> bool {
        let behind = self.store.gives_nothing(product(MANAGER)).await;
        behind.unwrap().is_some()
    }

    /// A gateway imports a licence; whether it got it.
    async fn import(&self, gateway: &str, code: &LicenceCode, now: Timestamp) -> bool {
        let asking = Asking {
            serial: product(gateway),
            cluster: vec![product(gateway)],
            through: None,
        };
        let code = LicenceCode::parse(code.as_str()).unwrap();
        let done = self
            .store
            .activate_licence(asking, code, now, None, |_| Zeroizing::new(String::new()));
        done.await.is_ok()
    }
}

/// One exchange by files, as long as the manager's record is whole.
async fn exchange(server: &Side, manager: &Side) -> Settled {
    let settled = server.settle(manager.settlement().await).await;
    if let RecordStanding::Whole { reserve, .. } = &settled.standing {
        manager.load(reserve.clone()).await.unwrap();
    }
    settled
}

fn back(settled: &Settled) -> &[LicenceSerial] {
    match &settled.standing {
        RecordStanding::Whole { back, .. } => back,
        RecordStanding::Behind(why) => panic!("{why}"),
    }
}

fn unknown(settled: &Settled) -> Option<u64> {
    match &settled.standing {
        RecordStanding::Whole { unknown, .. } => *unknown,
        RecordStanding::Behind(why) => panic!("{why}"),
    }
}

fn behind(settled: &Settled) -> RecordBehind {
    match settled.standing {
        RecordStanding::Behind(why) => why,
        RecordStanding::Whole { .. } => panic!("{settled:?}"),
    }
}

#[tokio::test]
async fn a_licence_follows_the_unit_that_took_the_place_of_the_one_that_imported_it() {
    let (server, manager) = (token_server().await, manager().await);
    let licence = server.aside().await;
    exchange(&server, &manager).await;
    assert!(manager.import(FIRST, &licence.code, at(1)).await);
    server.replace(FIRST, SECOND).await;
    server.replace(SECOND, THIRD).await;

    let settled = exchange(&server, &manager).await;
    assert_eq!((settled.news, settled.claimed.len()), (1, 0), "{settled:?}");
    let record = server.store.licence(licence.serial).await.unwrap();
    assert_eq!(record.licence.product, Some(product(THIRD)));
    assert_eq!(record.tokens.len(), 2);
    // The new unit may import it once, at the manager; the tokens are the same.
    assert!(manager.import(THIRD, &licence.code, at(2)).await);
    assert!(!manager.import(THIRD, &licence.code, at(3)).await);
    assert!(!manager.import(FIRST, &licence.code, at(3)).await);
    let settled = exchange(&server, &manager).await;
    assert_eq!(
        (settled.news, settled.disputed.len()),
        (0, 0),
        "{settled:?}"
    );
    // Taken back it is the heir's, and nobody else's.
    server.take_back(licence.serial).await;
    exchange(&server, &manager).await;
    let settled = exchange(&server, &manager).await;
    assert_eq!(back(&settled), [licence.serial]);
    assert!(!server.import(FIRST, &licence.code, at(4)).await);
}

#[tokio::test]
async fn a_unit_of_a_closed_network_is_replaced_and_its_licences_stay_with_their_manager() {
    let (server, manager) = (token_server().await, manager().await);
    let (given, bound) = (server.aside().await, server.issue().await);
    let note = || Note {
        reason: reason(),
        ticket: None,
    };
    let move_to = |licence: LicenceSerial, to: &str| {
        let to = product(to);
        server
            .store
            .move_licence(actor(), licence, to, note(), at(2))
    };
    move_to(bound.serial, FIRST).await.unwrap();
    server.try_aside(bound.serial, MANAGER).await.unwrap();
    exchange(&server, &manager).await;
    assert!(manager.import(FIRST, &given.code, at(1)).await);
    exchange(&server, &manager).await;
    server.replace(FIRST, SECOND).await;
    // The manager does not know of it yet.
    assert!(manager.import(FIRST, &bound.code, at(3)).await);
    let settled = exchange(&server, &manager).await;
    assert_eq!((settled.news, settled.claimed.len()), (1, 0), "{settled:?}");
    for licence in [&given, &bound] {
        assert!(!manager.import(FIRST, &licence.code, at(4)).await);
        assert!(manager.import(SECOND, &licence.code, at(4)).await);
        assert!(!manager.import(SECOND, &licence.code, at(5)).await);
        assert_eq!(server.keeper(licence.serial).await, Some(product(MANAGER)));
    }
    // One that is given moves in the same way, back and forth.
    server
        .store
        .register_product(actor(), account(), product(THIRD), NOW)
        .await
        .unwrap();
    move_to(given.serial, THIRD).await.unwrap();
    exchange(&server, &manager).await;
    assert!(!manager.import(SECOND, &given.code, at(6)).await);
    assert!(manager.import(THIRD, &given.code, at(6)).await);
    let settled = exchange(&server, &manager).await;
    assert_eq!((settled.claimed.len(), settled.disputed.len()), (0, 0));
}

#[tokio::test]
async fn what_was_given_to_nobody_that_is_known_waits_for_the_desk_and_never_comes_free() {
    let (server, manager) = (token_server().await, manager().await);
    let licence = server.aside().await;
    exchange(&server, &manager).await;
    assert!(manager.import(FIRST, &licence.code, at(1)).await);
    let gone = server
        .store
        .unregister_product(actor(), product(FIRST), reason(), NOW);
    gone.await.unwrap();
    server.take_back(licence.serial).await;
    for _ in 0..3 {
        let settled = exchange(&server, &manager).await;
        assert_eq!(settled.claimed.len(), 1, "{settled:?}");
        assert_eq!(back(&settled), []);
    }
    assert!(!server.import(SECOND, &licence.code, at(2)).await);
    let shown = server.store.reserve(product(MANAGER)).await.unwrap();
    assert_eq!(shown.lines[0].standing, LineStanding::Claimed);
    assert_eq!(shown.lines[0].given, Some((product(FIRST), at(1))));
    let looked = server.store.licence(licence.serial).await.unwrap();
    assert_eq!(looked.licence.claimed_for, Some(product(FIRST)));

    // The desk says whose it is.
    let name = |to: &str| {
        let to = product(to);
        server
            .store
            .name_owner(actor(), licence.serial, to, reason(), NOW)
    };
    assert_eq!(name(SECOND).await.unwrap(), Change::Made);
    assert_eq!(name(SECOND).await.unwrap(), Change::Already);
    let settled = exchange(&server, &manager).await;
    assert_eq!(
        (back(&settled), settled.claimed.len()),
        (&[licence.serial][..], 0)
    );
    assert!(server.import(SECOND, &licence.code, at(3)).await);
    assert!(!server.import(SECOND, &licence.code, at(4)).await);
    let record = server.store.licence(licence.serial).await.unwrap();
    assert_eq!(record.tokens.len(), 2);
    // Of what nobody claims nobody is named the owner.
    let free = server.issue().await.serial;
    let named = server
        .store
        .name_owner(actor(), free, product(SECOND), reason(), NOW);
    let refused = LifeRefusal::NotClaimed(free);
    assert!(matches!(named.await, Err(Failure::Refused(DeskRefusal::Life(why))) if why == refused));
}

#[tokio::test]
async fn a_reserve_of_a_past_that_was_lost_takes_nothing_back() {
    let (server, manager) = (token_server().await, manager().await);
    let kept = server.aside().await;
    exchange(&server, &manager).await;
    let (server, backup) = server.backed_up().await;
    // In the past that is lost the manager gets another licence, and gives it out.
    let lost = server.aside().await;
    manager.load(server.reserve_file().await).await.unwrap();
    let lost_id = manager.settlement().await.reserve.unwrap();
    assert!(manager.import(FIRST, &kept.code, at(1)).await);

    let server = server.put_back(&backup).await;
    // Under the same number there is a reserve without the licence now.
    server.take_back(kept.serial).await;
    let again = server.reserve_file().await;
    assert!(again.id.number >= lost_id.number);
    let settled = server.settle(manager.settlement().await).await;
    assert_eq!(unknown(&settled), Some(lost_id.number));
    assert_eq!(back(&settled), []);
    assert_eq!(settled.news, 1);
    // What was made since is another number: the manager takes it, and says so.
    let settled = exchange(&server, &manager).await;
    assert_eq!(unknown(&settled), Some(lost_id.number));
    let settled = exchange(&server, &manager).await;
    assert_eq!(
        (unknown(&settled), back(&settled)),
        (None, &[kept.serial][..])
    );
    assert!(!manager.import(SECOND, &lost.code, at(2)).await);
}

#[tokio::test]
async fn a_manager_takes_no_other_reserve_of_the_number_that_it_has() {
    let (server, manager) = (token_server().await, manager().await);
    server.aside().await;
    let (server, backup) = server.backed_up().await;
    server.aside().await;
    manager.load(server.reserve_file().await).await.unwrap();
    let server = server.put_back(&backup).await;
    let refused = manager.load(server.reserve_file().await).await;
    let same = |why: &ReserveRefusal| matches!(why, ReserveRefusal::SameNumber(_));
    assert!(matches!(refused, Err(Failure::Refused(why)) if same(&why)));
    exchange(&server, &manager).await;
}

#[tokio::test]
async fn what_a_manager_gave_out_in_a_past_that_was_lost_is_given_to_nobody_else() {
    let (server, manager) = (token_server().await, manager().await);
    let licence = server.issue().await;
    let (server, backup) = server.backed_up().await;
    server.try_aside(licence.serial, MANAGER).await.unwrap();
    exchange(&server, &manager).await;
    assert!(manager.import(FIRST, &licence.code, at(1)).await);
    let server = server.put_back(&backup).await;
    let settled = exchange(&server, &manager).await;
    assert_eq!(settled.claimed.len(), 1, "{settled:?}");
    assert_eq!(server.keeper(licence.serial).await, Some(product(MANAGER)));
    assert!(!server.import(SECOND, &licence.code, at(2)).await);
    let aside = server.try_aside(licence.serial, OTHER_MANAGER).await;
    assert!(aside.is_err());
    // Which tokens it has nobody knows here.
    let named = server
        .store
        .name_owner(actor(), licence.serial, product(FIRST), reason(), NOW);
    let lost = DeskRefusal::TokensLost(licence.serial);
    assert!(matches!(named.await, Err(Failure::Refused(why)) if why == lost));
}

#[tokio::test]
async fn a_manager_that_was_put_back_gives_nothing_out_before_the_desk_has_spoken() {
    let (server, manager) = (token_server().await, manager().await);
    let (first, second) = (server.aside().await, server.aside().await);
    exchange(&server, &manager).await;
    let (manager, backup) = manager.backed_up().await;
    assert!(manager.import(FIRST, &first.code, at(1)).await);
    exchange(&server, &manager).await;
    let newest = manager.settlement().await;

    let manager = manager.put_back(&backup).await;
    // By files: the reserve knows more than the record.
    let reserve = server.reserve_file().await;
    let older = Reserve {
        id: domain::licensing::ReserveId {
            number: reserve.id.number - 1,
            ..reserve.id
        },
        licences: vec![],
        ..reserve.clone()
    };
    let refused = manager.load(reserve).await;
    let is_behind = |why: &ReserveRefusal| matches!(why, ReserveRefusal::RecordBehind(_));
    assert!(matches!(refused, Err(Failure::Refused(why)) if is_behind(&why)));
    assert!(manager.gives_nothing().await);
    assert!(manager.load(older).await.is_err());
    assert!(manager.gives_nothing().await);
    // It settles: that is less than was settled.
    let settled = exchange(&server, &manager).await;
    assert!(matches!(
        behind(&settled),
        RecordBehind::Lacks(1) | RecordBehind::OlderReserve { .. }
    ));
    let file = server.store.issue_reserve(product(MANAGER)).await;
    let refused = DeskRefusal::RecordBehind(product(MANAGER));
    assert!(matches!(file, Err(Failure::Refused(why)) if why == refused));
    // An old file that somebody carries by does the same, and the latest one mends it.
    assert!(matches!(
        server.settle(newest).await.standing,
        RecordStanding::Whole { .. }
    ));
    behind(&exchange(&server, &manager).await);

    assert_eq!(server.confirm().await, Change::Made);
    assert_eq!(server.confirm().await, Change::Already);
    manager.load(server.reserve_file().await).await.unwrap();
    assert!(!manager.gives_nothing().await);
    assert!(!manager.import(SECOND, &first.code, at(2)).await);
    assert!(manager.import(SECOND, &second.code, at(3)).await);
    let settled = exchange(&server, &manager).await;
    assert_eq!(
        (settled.news, settled.disputed.len()),
        (1, 0),
        "{settled:?}"
    );
    // Once more, and it is behind again.
    let manager = manager.put_back(&backup).await;
    behind(&exchange(&server, &manager).await);
}

#[tokio::test]
async fn a_settlement_has_what_left_the_reserve_for_ninety_days() {
    let (server, manager) = (token_server().await, manager().await);
    let (stays, back, ends) = (
        server.aside().await,
        server.aside().await,
        server.aside().await,
    );
    exchange(&server, &manager).await;
    for licence in [&stays, &back, &ends] {
        assert!(manager.import(FIRST, &licence.code, at(1)).await);
    }
    exchange(&server, &manager).await;
    server.take_back(back.serial).await;
    let revoked = server
        .store
        .revoke_licence(actor(), ends.serial, reason(), NOW);
    revoked.await.unwrap();
    exchange(&server, &manager).await;
    exchange(&server, &manager).await;

    let old = manager.settlement().await;
    assert_eq!(old.licences.len(), 3);
    let later = NOW.after(GIVEN_TOLD);
    let before = later.before(Span::from_secs(1));
    assert_eq!(manager.settlement_at(before).await.licences.len(), 3);
    let short = manager.settlement_at(later).await;
    assert_eq!(short.licences.len(), 1);
    assert_eq!(short.licences[0].licence, stays.serial);
    // It is the whole of what is missed, and what comes again changes nothing.
    for settlement in [short.clone(), old, short] {
        let settled = server.store.settle_reserve(settlement, later).await;
        let settled = settled.unwrap();
        assert_eq!(self::back(&settled), []);
        assert_eq!((settled.news, settled.disputed.len()), (0, 0));
    }
    // The manager itself forgets nothing.
    for licence in [&back, &ends] {
        assert!(!manager.import(SECOND, &licence.code, later).await);
    }
}

#[tokio::test]
async fn what_left_the_reserve_unsettled_is_told_until_the_token_server_knows() {
    let (server, manager) = (token_server().await, manager().await);
    let licence = server.aside().await;
    exchange(&server, &manager).await;
    server.take_back(licence.serial).await;
    let without = server.reserve_file().await;
    assert!(manager.import(FIRST, &licence.code, at(1)).await);
    manager.load(without).await.unwrap();
    let later = NOW.after(GIVEN_TOLD).after(GIVEN_TOLD);
    let settlement = manager.settlement_at(later).await;
    assert_eq!(settlement.licences.len(), 1);
    let settled = server.store.settle_reserve(settlement, later).await;
    assert_eq!(settled.unwrap().news, 1);
}

#[tokio::test]
async fn what_was_given_out_twice_is_told_and_nothing_comes_free() {
    let (server, manager) = (token_server().await, manager().await);
    let (twice, once) = (server.aside().await, server.aside().await);
    exchange(&server, &manager).await;
    let (manager, backup) = manager.backed_up().await;
    assert!(manager.import(FIRST, &twice.code, at(1)).await);
    exchange(&server, &manager).await;
    let manager = manager.put_back(&backup).await;
    // Nobody told it: it gives out what it gave out before.
    assert!(manager.import(SECOND, &twice.code, at(2)).await);
    assert!(manager.import(SECOND, &once.code, at(2)).await);
    for licence in [&twice, &once] {
        server.take_back(licence.serial).await;
    }
    let settled = exchange(&server, &manager).await;
    behind(&settled);
    assert_eq!(
        (settled.news, settled.disputed.len()),
        (1, 1),
        "{settled:?}"
    );
    for licence in [&twice, &once] {
        assert_eq!(server.keeper(licence.serial).await, Some(product(MANAGER)));
    }
}

#[tokio::test]
async fn a_record_that_is_begun_anew_is_another_and_has_to_be_confirmed() {
    let (server, lost) = (token_server().await, manager().await);
    let (given, kept) = (server.aside().await, server.aside().await);
    exchange(&server, &lost).await;
    exchange(&server, &lost).await;
    assert!(lost.import(FIRST, &given.code, at(1)).await);
    let first = lost.settlement().await;
    let anew = manager().await;
    assert_eq!(behind(&exchange(&server, &anew).await), RecordBehind::Other);
    anew.store.stop_giving(product(MANAGER), NOW).await.unwrap();
    assert!(anew.gives_nothing().await);
    // The one that was refused has another name from then on: no reserve from before is its own.
    assert_eq!(behind(&exchange(&server, &anew).await), RecordBehind::Other);
    // What the lost one gave out is known if somebody has its settlement.
    assert_eq!(server.settle(first).await.news, 1);
    behind(&exchange(&server, &anew).await);
    server.confirm().await;
    exchange(&server, &anew).await;
    assert!(!anew.gives_nothing().await);
    assert!(!anew.import(SECOND, &given.code, at(2)).await);
    assert!(anew.import(SECOND, &kept.code, at(2)).await);
    assert_eq!(exchange(&server, &anew).await.news, 1);
}

#[tokio::test]
async fn a_manager_that_enrols_anew_without_its_reserve_has_to_be_confirmed() {
    let (server, lost) = (token_server().await, manager().await);
    let licence = server.aside().await;
    let enrol = async |key: u8| {
        let own = product(MANAGER);
        let invited = server.store.invite(actor(), own, at(60), NOW).await;
        let key = KeyHash([key; 32]);
        let enrolled = server.store.enrol(invited.unwrap(), key, NOW).await;
        enrolled.unwrap();
    };
    // With its first certificate it gets its first reserve, and never says that it has it.
    enrol(1).await;
    lost.load(server.reserve_file().await).await.unwrap();
    assert!(lost.import(FIRST, &licence.code, at(1)).await);
    enrol(2).await;
    let file = server.store.issue_reserve(product(MANAGER)).await;
    assert!(file.is_err());
    let unasked = server
        .store
        .confirm_record(actor(), product(MANAGER), reason(), NOW);
    let nothing = DeskRefusal::NoSettlement(product(MANAGER));
    assert!(matches!(unasked.await, Err(Failure::Refused(why)) if why == nothing));
    let anew = manager().await;
    assert_eq!(behind(&exchange(&server, &anew).await), RecordBehind::Anew);
    // The one that still has its reserve needs no word of the desk.
    assert_eq!(exchange(&server, &lost).await.news, 1);
    server.reserve_file().await;
}

#[tokio::test]
async fn a_take_back_is_called_off_or_waited_for() {
    let (server, manager) = (token_server().await, manager().await);
    let licence = server.aside().await;
    exchange(&server, &manager).await;
    server.take_back(licence.serial).await;
    let other = server.try_aside(licence.serial, OTHER_MANAGER).await;
    let Err(Failure::Refused(DeskRefusal::Life(LifeRefusal::Leaving { keeper, .. }))) = other
    else {
        panic!("{other:?}")
    };
    assert_eq!(keeper, product(MANAGER));
    exchange(&server, &manager).await;
    assert!(!manager.import(FIRST, &licence.code, at(1)).await);
    let stays = server.try_aside(licence.serial, MANAGER).await.unwrap();
    assert_eq!(stays, Aside::Stays);
    let settled = exchange(&server, &manager).await;
    assert_eq!(back(&settled), []);
    assert!(manager.import(FIRST, &licence.code, at(2)).await);
    assert_eq!(exchange(&server, &manager).await.news, 1);
}

#[tokio::test]
async fn a_licence_that_was_renewed_or_moved_between_is_where_the_desk_put_it() {
    let (server, manager) = (token_server().await, manager().await);
    let licence = server.aside().await;
    exchange(&server, &manager).await;
    assert!(manager.import(FIRST, &licence.code, at(1)).await);
    let given = manager.settlement().await;
    let note = || Note {
        reason: reason(),
        ticket: None,
    };
    let move_it = || {
        let to = product(SECOND);
        server
            .store
            .move_licence(actor(), licence.serial, to, note(), at(2))
    };
    assert!(move_it().await.is_err(), "its keeper does not know of it");
    exchange(&server, &manager).await;
    server.take_back(licence.serial).await;
    exchange(&server, &manager).await;
    let settled = exchange(&server, &manager).await;
    assert_eq!(back(&settled), [licence.serial]);
    move_it().await.unwrap();
    // The manager goes on saying to whom it gave it.
    let settled = exchange(&server, &manager).await;
    assert_eq!((settled.claimed.len(), settled.disputed.len()), (0, 0));
    // And so does an old file, which is one, and changes nothing.
    behind(&server.settle(given).await);
    let record = server.store.licence(licence.serial).await.unwrap();
    assert_eq!(record.licence.product, Some(product(SECOND)));
    assert!(server.import(SECOND, &licence.code, at(3)).await);
    assert!(!server.import(FIRST, &licence.code, at(4)).await);
}

#[tokio::test]
async fn a_manager_that_went_to_another_account_gets_nothing_of_the_one_before() {
    let server = token_server().await;
    server.aside().await;
    let other = AccountName::parse("other").unwrap();
    let store = &server.store;
    let registered = store.register_account(actor(), other.clone(), NOW);
    registered.await.unwrap();
    let gone = store.unregister_product(actor(), product(MANAGER), reason(), NOW);
    gone.await.unwrap();
    let registered = store.register_manager(actor(), other, product(MANAGER), NOW);
    registered.await.unwrap();
    assert_eq!(server.reserve_file().await.licences, []);
}

//! What only the store knows, read while the system is down.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::audit::Actor;
use domain::licensing::AccountName;
use domain::time::Timestamp;
use ident::TokenSerial;
use store::gateway::{ClockTrust, GatewayStore, Location};
use store::registry::RegistryStore;
use store::sealing::RootKey;

use super::Home;

/// The seed of a token in hexadecimal.
pub(crate) fn seed_of(home: &Home, token: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap());
    let location = Location {
        database: home.data().join("gateway/gateway.db"),
        head: home.data().join("gateway/head"),
        clock: ClockTrust::Records,
    };
    let root = RootKey::load(&home.data().join("root.key")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime
        .block_on(GatewayStore::open(&location, &root, now))
        .unwrap();
    let verifier = store
        .verifier(TokenSerial::parse(token).unwrap())
        .unwrap()
        .unwrap();
    let seed = verifier.seed.to_hex().to_lowercase();
    store.shutdown();
    seed
}

/// When tokens were made ready for phones, each time, as the stopped token server's database has it.
pub(crate) fn provisioned_at(database: &Path, root: &Path, tokens: &[String]) -> Vec<Timestamp> {
    let root = RootKey::load(root).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = RegistryStore::open(database, &root).await.unwrap();
        let mut moments = Vec::new();
        for token in tokens {
            let events = store.desk_events(token.as_str().into()).await.unwrap();
            let deeds = events.iter().filter(|event| &*event.action == "provision");
            moments.extend(deeds.map(|event| event.at));
        }
        store.shutdown();
        moments
    })
}

/// Accounts whose names are registered no more, in the stopped token server's database.
pub(crate) fn accounts_from_before(home: &Home, names: &[&str]) {
    let root = RootKey::load(&home.data().join("root.key")).unwrap();
    let database = home.data().join("registry/registry.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = RegistryStore::open(&database, &root).await.unwrap();
        for name in names {
            let actor = Actor {
                name: "root".into(),
                interface: "desk".into(),
            };
            let account = AccountName::given(name).unwrap();
            let registered = store.register_account(actor, account, Timestamp::from_secs(0));
            registered.await.unwrap();
        }
        store.shutdown();
    });
}

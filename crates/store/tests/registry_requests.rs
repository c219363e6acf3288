//! What is kept of requests that wait for another agent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking, and it looks into the database file"
)]

use domain::audit::Actor;
use domain::licensing::{
    Agent, AgentName, CertificateHash, DeskRequest, Post, RequestNumber, RequestTerms, Role,
};
use domain::time::Timestamp;
use store::registry::{NewCertificate, NewRequest, RegistryStore};
use store::sealing::RootKey;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn actor(name: &str) -> Actor {
    Actor {
        name: name.into(),
        interface: "api".into(),
    }
}

struct World {
    dir: tempfile::TempDir,
    store: RegistryStore,
    carol: AgentName,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = RootKey::create(&dir.path().join("root.key")).unwrap();
        let store = RegistryStore::open(&dir.path().join("registry.db"), &root)
            .await
            .unwrap();
        let carol: AgentName = "carol".parse().unwrap();
        let agent = Agent {
            name: carol.clone(),
            post: Post::Desk(Role::Agent),
        };
        let certificate = NewCertificate {
            hash: CertificateHash([1; 32]),
            expires: NOW,
        };
        store
            .add_agent(actor("root"), agent, certificate, NOW)
            .await
            .unwrap();
        Self { dir, store, carol }
    }

    async fn asks(&self, arguments: &str, at: Timestamp) -> RequestNumber {
        let asked = NewRequest {
            agent: self.carol.clone(),
            command: "say".into(),
            arguments: arguments.into(),
            shown: "{}".into(),
        };
        let kept = self.store.keep_request(actor("carol"), asked, at);
        kept.await.unwrap().number
    }

    /// The arguments in the database file, by the numbers of their requests.
    fn kept(&self) -> Vec<String> {
        let database = rusqlite::Connection::open(self.dir.path().join("registry.db")).unwrap();
        let mut rows = database
            .prepare("SELECT arguments FROM desk_request ORDER BY number")
            .unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }
}

#[tokio::test]
async fn arguments_are_kept_as_long_as_a_request_waits() {
    let world = World::new().await;
    let first = world.asks("first", NOW).await;
    let second = world.asks("second", NOW).await;
    assert_eq!(world.asks("second", NOW).await, second);
    let waiting = world.store.waiting_request(first, NOW).await.unwrap();
    assert_eq!(&*waiting.arguments, "first");
    assert_eq!(&*waiting.request.arguments, "{}");
    let terms = RequestTerms {
        role: Role::Agent,
        about: None,
        accounts: Vec::new(),
    };
    let approved = world
        .store
        .approve_request(actor("dave"), first, terms, NOW);
    approved.await.unwrap();
    assert_eq!(world.kept(), ["", "second"]);
    let late = NOW.after(DeskRequest::LIFE);
    world.asks("third", late).await;
    assert_eq!(world.kept(), ["", "", "third"]);
    for closed in [first, second] {
        assert!(world.store.waiting_request(closed, late).await.is_err());
    }
}

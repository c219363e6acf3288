//! What the desk's record says, and how long what was answered is kept.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use domain::audit::Actor;
use domain::licensing::{
    AccountName, Agent, AgentName, CertificateHash, Post, Remark, Role, Sight, TicketRequest,
};
use domain::time::{Span, Timestamp};
use store::Failure;
use store::registry::{
    AgentMessage, Clue, DeskRefusal, MessageId, NewCertificate, REPLIES_KEPT, RegistryStore,
};
use store::sealing::RootKey;
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

struct World {
    store: RegistryStore,
    _dir: tempfile::TempDir,
}

fn actor() -> Actor {
    Actor {
        name: "carol".into(),
        interface: "desk".into(),
    }
}

fn remark() -> Remark {
    Remark::parse("RMA 7").unwrap()
}

fn agent(name: &str) -> AgentName {
    name.parse().unwrap()
}

fn message(name: &str) -> AgentMessage {
    AgentMessage {
        agent: agent(name),
        id: MessageId::parse("m-1").unwrap(),
        digest: [7; 32],
    }
}

fn answer() -> Zeroizing<String> {
    Zeroizing::new("a licence's code".to_owned())
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = RootKey::create(&dir.path().join("root.key")).unwrap();
        let database = dir.path().join("registry.db");
        let store = RegistryStore::open(&database, &root).await.unwrap();
        Self { store, _dir: dir }
    }

    async fn add_agent(&self, name: &str, certificate: u8) {
        let agent = Agent {
            name: agent(name),
            post: Post::Desk(Role::Manager),
        };
        let certificate = NewCertificate {
            hash: CertificateHash([certificate; 32]),
            expires: NOW.after(Span::from_days(365)),
        };
        let added = self.store.add_agent(actor(), agent, certificate, NOW);
        added.await.unwrap();
    }

    async fn begin(
        &self,
        message: &AgentMessage,
        now: Timestamp,
    ) -> Result<Option<Zeroizing<String>>, Failure<DeskRefusal>> {
        self.store.begin_message(message.clone(), now).await
    }

    async fn answered(&self, message: &AgentMessage) {
        assert_eq!(self.begin(message, NOW).await.unwrap(), None);
        let finished = self.store.finish_message(message.clone(), Some(answer()));
        finished.await.unwrap();
    }
}

#[tokio::test]
async fn answers_to_agents_are_swept_after_three_days() {
    let world = World::new().await;
    world.add_agent("dave", 1).await;
    let asked = message("dave");
    world.answered(&asked).await;
    let ended = NOW.after(REPLIES_KEPT);
    let last = ended.before(Span::from_secs(1));
    world.store.sweep(last).await.unwrap();
    assert_eq!(world.begin(&asked, last).await.unwrap(), Some(answer()));
    world.store.sweep(ended).await.unwrap();
    // Asked as of a moment at which it would still be kept, had the sweep not taken it.
    assert_eq!(world.begin(&asked, last).await.unwrap(), None);
}

#[tokio::test]
async fn an_agent_that_goes_to_a_customer_or_leaves_one_has_no_answers_of_before() {
    let world = World::new().await;
    let own = || AccountName::parse("Example Ltd").unwrap();
    let registered = world.store.register_account(actor(), own(), NOW);
    registered.await.unwrap();
    world.add_agent("dave", 1).await;
    let asked = message("dave");
    world.answered(&asked).await;
    for (post, is_kept) in [
        (Post::Desk(Role::Agent), true),
        (Post::Account(own()), false),
        (Post::Desk(Role::Agent), false),
    ] {
        let dave = Agent {
            name: agent("dave"),
            post,
        };
        let changed = world.store.set_agent_role(actor(), dave, remark(), NOW);
        changed.await.unwrap();
        let again = world.begin(&asked, NOW).await.unwrap();
        assert_eq!(again, is_kept.then(answer));
        if !is_kept {
            let finished = world.store.finish_message(asked.clone(), Some(answer()));
            finished.await.unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_is_kept_for_an_agent_that_is_revoked() {
    let world = World::new().await;
    world.add_agent("dave", 1).await;
    let asked = message("dave");
    world.answered(&asked).await;
    let revoke = || {
        let name = agent("dave");
        world.store.revoke_agent(actor(), name, remark(), NOW)
    };
    revoke().await.unwrap();
    world.add_agent("dave", 2).await;
    assert_eq!(world.begin(&asked, NOW).await.unwrap(), None);
    revoke().await.unwrap();
    let late = world.store.finish_message(asked.clone(), Some(answer()));
    late.await.unwrap();
    world.add_agent("dave", 3).await;
    assert_eq!(world.begin(&asked, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn an_account_takes_its_history_along_to_another_name() {
    let world = World::new().await;
    let store = &world.store;
    let name = |text: &str| AccountName::parse(text).unwrap();
    let hours = |count| NOW.after(Span::from_hours(count));
    store
        .register_account(actor(), name("Rich"), NOW)
        .await
        .unwrap();
    let wish = TicketRequest {
        account: name("Rich"),
        old: "FGT0000000000001".parse().unwrap(),
        new: "FGT0000000000002".parse().unwrap(),
        licence: None,
        reason: remark(),
    };
    let all_customers = || Sight::Everything;
    let opened = store.open_ticket(actor(), wish, all_customers(), hours(1));
    opened.await.unwrap();
    store
        .rename_account(actor(), name("Rich"), name("Old"), hours(2))
        .await
        .unwrap();
    let history = async |text: &str| -> Vec<String> {
        let clue = Clue {
            account: Some(name(text)),
            ..Clue::default()
        };
        let events = store.history(clue, text.into(), all_customers());
        let events = events.await.unwrap();
        let events = events.unwrap().into_iter();
        events.map(|event| event.action.into()).collect()
    };
    let all = ["register-account", "open-ticket", "rename-account"];
    assert_eq!(history("Old").await, all);
    assert_eq!(history("Rich").await, ["rename-account"]);
    store
        .register_account(actor(), name("Rich"), hours(3))
        .await
        .unwrap();
    assert_eq!(history("Rich").await, ["register-account"]);
    assert_eq!(history("Old").await, all);
    let clue = Clue {
        account: Some(name("Rich")),
        ..Clue::default()
    };
    let sighting = store.look(clue, all_customers()).await.unwrap();
    let sighting = sighting.unwrap();
    assert_eq!(sighting.events.len(), 1, "{:?}", sighting.events);
}

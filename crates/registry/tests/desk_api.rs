//! Who is heard at the desk's listener.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and certificates are checked against the real clock"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::audit::Actor;
use domain::licensing::{
    AccountName, Agent, AgentName, DeskRequest, Generation, Post, Remark, RequestNumber,
    RequestTerms, Role,
};
use domain::time::{Span, Timestamp};
use rcgen::{CertificateParams, KeyPair};
use registry::pki::Pki;
use registry::{
    Clock, Config, Content, DESK_PATH, Declined, Desk, DeskCommands, Done, Progress, Registry,
};
use reqwest::Client;
use serde_json::{Value, json};
use softtoken::address::ServerUrl;
use softtoken::{MOBILE_PATH, PROCESS_PATH};
use store::registry::{ASKED_OF_ONE_MAX, MessageId, NewRequest, REQUESTS_MAX, RequestFilter};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

const HOST: &str = "registry.test";
const SERIAL: &str = "FGT0000000000001";
const FILE_MAX: usize = 1 << 20;

/// Two commands that say who asked what, and one that waits.
#[derive(Clone)]
struct Echo {
    begun: Arc<Semaphore>,
    may_end: Arc<Semaphore>,
    ended: Arc<Semaphore>,
}

impl Echo {
    fn new() -> Self {
        let [begun, may_end, ended] = std::array::from_fn(|_| Arc::new(Semaphore::new(0)));
        Self {
            begun,
            may_end,
            ended,
        }
    }

    async fn wait(&self) {
        self.begun.add_permits(1);
        self.may_end.acquire().await.unwrap().forget();
        self.ended.add_permits(1);
    }
}

impl DeskCommands for Echo {
    fn content(&self, command: &str) -> Option<Content> {
        match command {
            "say" => Some(Content::Words),
            "send" | "wait" => Some(Content::Files),
            _ => None,
        }
    }

    async fn carry_out(
        &self,
        agent: Agent,
        command: &str,
        body: &[u8],
        _: Option<MessageId>,
    ) -> Result<Done, Declined> {
        if command == "send" {
            agent.demand(Role::Manager)?;
        }
        if command == "wait" {
            self.wait().await;
        }
        let data = json!({ "agent": agent.name.as_str(), "length": body.len() });
        let text = format!("{} {command}\n", agent.name);
        Ok(Done {
            text,
            data,
            progress: Progress::Done,
        })
    }
}

struct World {
    desk: Desk,
    pki: Arc<Pki>,
    agents: SocketAddr,
    gateways: SocketAddr,
    now: Arc<AtomicI64>,
    commands: Echo,
    _dir: tempfile::TempDir,
}

fn actor() -> Actor {
    Actor {
        name: "root".into(),
        interface: "desk".into(),
    }
}

fn name(text: &str) -> AgentName {
    text.parse().unwrap()
}

fn remark() -> Remark {
    Remark::parse("a test").unwrap()
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let now = Arc::new(AtomicI64::new(Clock::system().now().micros()));
        let read = Arc::clone(&now);
        let registry = Registry::open(Config {
            data: dir.path().join("registry"),
            root_key: dir.path().join("root.key"),
            listen: loopback,
            public_url: ServerUrl::parse(&format!("https://{HOST}")).unwrap(),
            other_names: vec![],
            relay: None,
            answer_urls: Vec::new(),
            transfer_hosts: registry::TransferHosts::default(),
            chosen: https::Chosen::default(),
            clock: Clock::new(move || Timestamp::from_micros(read.load(Ordering::SeqCst))),
        })
        .await
        .unwrap();
        let commands = Echo::new();
        let api = registry.desk_api(loopback, commands.clone());
        let api = api.await.unwrap();
        let world = Self {
            desk: registry.desk(),
            pki: registry.pki(),
            agents: api.address(),
            gateways: registry.address(),
            now,
            commands,
            _dir: dir,
        };
        tokio::spawn(api.run(std::future::pending()));
        tokio::spawn(registry.run(std::future::pending()));
        world
    }

    fn client(&self, at: SocketAddr, identity: Option<String>) -> Client {
        let authority = reqwest::Certificate::from_pem(self.pki.authority_pem().as_bytes());
        let mut builder = Client::builder()
            .tls_certs_only([authority.unwrap()])
            .resolve(HOST, at)
            .no_proxy();
        if let Some(pem) = identity {
            builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        builder.build().unwrap()
    }

    /// The key and certificate of a new agent.
    async fn agent(&self, who: &str, role: Role) -> String {
        let key = KeyPair::generate().unwrap();
        let request = CertificateParams::default()
            .serialize_request(&key)
            .unwrap();
        let certified = self
            .desk
            .add_agent(
                actor(),
                name(who),
                Post::Desk(role),
                &request.pem().unwrap(),
            )
            .await
            .unwrap();
        key.serialize_pem() + &certified.pem
    }

    /// The key and certificate of a gateway.
    async fn gateway(&self) -> String {
        let account = AccountName::parse("Example Ltd").unwrap();
        self.desk
            .register_account(actor(), account.clone())
            .await
            .unwrap();
        let serial = SERIAL.parse().unwrap();
        self.desk
            .register_product(actor(), account, serial)
            .await
            .unwrap();
        let identity = self
            .pki
            .issue_gateway(serial, Generation::default())
            .unwrap();
        identity.key_pem.to_string() + &identity.certificate_pem
    }
}

async fn post(client: &Client, at: SocketAddr, path: &str, body: &str) -> (u16, Value) {
    let url = format!("https://{HOST}:{}{path}", at.port());
    let request = client
        .post(url)
        .header("content-type", "application/json; charset=utf-8")
        .body(body.to_owned());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (
        status,
        serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
    )
}

#[track_caller]
fn refused((status, answer): &(u16, Value), expected: u16, says: &str) {
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    assert_eq!(*status, expected, "{answer}");
    assert!(message.contains(says), "{says} is not in {answer}");
}

impl World {
    async fn say(&self, client: &Client) -> (u16, Value) {
        post(client, self.agents, &format!("{DESK_PATH}say"), "{}").await
    }
}

#[tokio::test]
async fn an_agent_is_heard_as_long_as_its_certificate_counts() {
    let world = World::new().await;
    let identity = world.agent("carol", Role::Read).await;
    let carol = world.client(world.agents, Some(identity));
    let answer = json!({ "agent": "carol", "length": 2 });
    assert_eq!(world.say(&carol).await, (200, answer));

    // Over the connection that is open.
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::default()
        .serialize_request(&key)
        .unwrap();
    let request = request.pem().unwrap();
    let again = world.desk.certify_agent(actor(), name("carol"), &request);
    let again = key.serialize_pem() + &again.await.unwrap().pem;
    refused(&world.say(&carol).await, 403, "no longer");
    let carol = world.client(world.agents, Some(again));
    assert_eq!(world.say(&carol).await.0, 200);
    let revoked = world.desk.revoke_agent(actor(), name("carol"), remark());
    revoked.await.unwrap();
    refused(&world.say(&carol).await, 403, "no longer");

    let dave = world.agent("dave", Role::Read).await;
    let dave = world.client(world.agents, Some(dave));
    let year = Span::from_days(365).micros();
    world.now.fetch_add(year - 1_000_000, Ordering::SeqCst);
    assert_eq!(world.say(&dave).await.0, 200);
    world.now.fetch_add(1_000_000, Ordering::SeqCst);
    refused(&world.say(&dave).await, 403, "no longer");
}

#[tokio::test]
async fn a_role_counts_from_the_moment_it_is_given() {
    let world = World::new().await;
    let identity = world.agent("carol", Role::Agent).await;
    let carol = world.client(world.agents, Some(identity));
    let send = || post(&carol, world.agents, "/desk/send", "{}");
    let says = "needs the role manager; carol has the role agent";
    refused(&send().await, 403, says);
    let manager = Agent {
        name: name("carol"),
        post: Post::Desk(Role::Manager),
    };
    let risen = world.desk.set_agent_role(actor(), manager, remark());
    risen.await.unwrap();
    assert_eq!(send().await.0, 200);
}

async fn times(what: &Semaphore, times: u32) {
    let deadline = Duration::from_secs(10);
    let permits = tokio::time::timeout(deadline, what.acquire_many(times));
    permits.await.expect("it does not happen").unwrap().forget();
}

#[tokio::test]
async fn a_command_goes_on_when_whoever_asked_is_gone() {
    let world = World::new().await;
    let identity = world.agent("carol", Role::Agent).await;
    let client = || world.client(world.agents, Some(identity.clone()));
    let leaving: Vec<_> = (0..4).map(|_| client()).collect();
    let asked: Vec<_> = leaving
        .into_iter()
        .map(|client| {
            let at = world.agents;
            tokio::spawn(async move { post(&client, at, "/desk/wait", "{}").await })
        })
        .collect();
    times(&world.commands.begun, 4).await;
    for asked in asked {
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
    }
    // Long enough for the server to see that the connections have ended.
    tokio::time::sleep(Duration::from_millis(300)).await;
    // What came with them is in memory still.
    let carol = client();
    let send = || post(&carol, world.agents, "/desk/wait", "{}");
    refused(&send().await, 503, "other files are being read");
    world.commands.may_end.add_permits(5);
    times(&world.commands.ended, 4).await;
    for _ in 0..100 {
        if send().await.0 == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the places of commands that ended are not free");
}

#[tokio::test]
async fn who_may_only_look_sends_no_files() {
    let world = World::new().await;
    let identity = world.agent("rita", Role::Read).await;
    let rita = world.client(world.agents, Some(identity));
    let files = "x".repeat(FILE_MAX);
    let answer = post(&rita, world.agents, "/desk/send", &files).await;
    // The command itself would name another role.
    refused(&answer, 403, "needs the role agent; rita has the role read");
}

#[tokio::test]
async fn gateways_and_agents_do_not_pass_for_each_other() {
    let world = World::new().await;
    let gateway = world.gateway().await;
    let desk = world.client(world.agents, Some(gateway.clone()));
    refused(&world.say(&desk).await, 403, "no agent's of the desk");

    // Even under a name that is a gateway's serial, as far as a name can be one.
    for who in ["carol", "4711081547110815"] {
        let agent = world.agent(who, Role::Manager).await;
        let client = world.client(world.gateways, Some(agent));
        let (status, answer) = post(&client, world.gateways, PROCESS_PATH, "{}").await;
        assert_eq!(status, 403, "{answer}");
        assert!(
            answer
                .to_string()
                .contains("a gateway's client certificate")
        );
    }
    let client = world.client(world.gateways, Some(gateway));
    assert_eq!(
        post(&client, world.gateways, PROCESS_PATH, "{}").await.0,
        400
    );
}

#[tokio::test]
async fn nobody_gets_in_without_a_certificate_of_this_authority() {
    let (world, stranger) = (World::new().await, World::new().await);
    let theirs = stranger.agent("carol", Role::Manager).await;
    for identity in [None, Some(theirs)] {
        let client = world.client(world.agents, identity);
        let url = format!("https://{HOST}:{}{DESK_PATH}say", world.agents.port());
        let sent = client.post(url).body("{}").send().await;
        assert!(sent.is_err(), "{sent:?}");
    }
    // Apps have none, and are heard elsewhere.
    let app = world.client(world.gateways, None);
    assert_eq!(post(&app, world.gateways, MOBILE_PATH, "{}").await.0, 400);
}

#[tokio::test]
async fn what_is_no_command_is_answered_with_why() {
    let world = World::new().await;
    let identity = world.agent("carol", Role::Manager).await;
    let carol = world.client(world.agents, Some(identity));
    let says = |path: &'static str, body: String| {
        let carol = carol.clone();
        async move { post(&carol, world.agents, path, &body).await }
    };
    refused(&says("/", String::new()).await, 404, "/desk/COMMAND");
    refused(
        &says("/desk/a/b", String::new()).await,
        404,
        "/desk/COMMAND",
    );
    refused(
        &says("/desk/sya", String::new()).await,
        404,
        "no command 'sya'",
    );
    let long = "x".repeat((16 << 10) + 1);
    refused(
        &says("/desk/say", long.clone()).await,
        413,
        "longer than 16384",
    );
    assert_eq!(says("/desk/send", "x".repeat(FILE_MAX)).await.0, 200);

    let url = format!("https://{HOST}:{}/desk/say", world.agents.port());
    let form = carol
        .post(&url)
        .header("content-type", "text/plain")
        .body("{}");
    assert_eq!(form.send().await.unwrap().status(), 415);
    let got = carol.get(&url).send().await.unwrap();
    assert_eq!(got.status(), 405);
    let both = carol
        .post(&url)
        .header("content-type", "application/json")
        .header("accept", registry::WITH_TEXT);
    let both = both.send().await.unwrap();
    assert_eq!(both.headers()["cache-control"], "no-store");
    let both: Value = serde_json::from_str(&both.text().await.unwrap()).unwrap();
    let expected = json!({ "text": "carol say\n", "data": { "agent": "carol", "length": 0 } });
    assert_eq!(both, expected);
}

#[tokio::test]
async fn an_agent_that_asks_too_fast_waits_and_others_do_not() {
    let world = World::new().await;
    let [carol, dave] = ["carol", "dave"].map(|who| world.agent(who, Role::Read));
    let carol = world.client(world.agents, Some(carol.await));
    let dave = world.client(world.agents, Some(dave.await));
    let mut asked = 0;
    let refusal = loop {
        let answer = world.say(&carol).await;
        if answer.0 != 200 {
            break answer;
        }
        asked += 1;
        assert!(asked < 1_000, "nothing holds it");
    };
    refused(&refusal, 429, "too many requests");
    assert!(asked >= 100, "{asked}");
    assert_eq!(world.say(&dave).await.0, 200);
}

#[tokio::test]
async fn a_host_that_only_connects_leaves_room_for_others() {
    let world = World::new().await;
    let identity = world.agent("carol", Role::Read).await;
    let mut idle = Vec::new();
    for _ in 0..64 {
        idle.push(TcpStream::connect(world.agents).await.unwrap());
    }
    let carol = world.client(world.agents, Some(identity));
    let url = format!("https://{HOST}:{}{DESK_PATH}say", world.agents.port());
    // One that asked for nothing makes room.
    let sent = carol.post(&url).body("{}").send().await;
    assert!(sent.is_ok(), "{sent:?}");
    // From another address of this machine there is room anyway.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let other = socket.connect(world.agents).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_millis(300), other.readable());
    assert!(closed.await.is_err());
}

#[tokio::test]
async fn agents_are_added_once_and_recorded() {
    let world = World::new().await;
    world.agent("carol", Role::Read).await;
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::default()
        .serialize_request(&key)
        .unwrap();
    let request = request.pem().unwrap();
    let add = |who| {
        world
            .desk
            .add_agent(actor(), name(who), Post::Desk(Role::Manager), &request)
    };
    let twice = add("carol").await.unwrap_err().to_string();
    assert!(twice.contains("`certify-agent`"), "{twice}");
    let broken = world.desk.certify_agent(actor(), name("carol"), "x").await;
    assert!(broken.unwrap_err().to_string().contains("PKCS #10"));
    let nobody = world.desk.certify_agent(actor(), name("dave"), &request);
    let nobody = nobody.await.unwrap_err().to_string();
    assert!(nobody.contains("no agent dave"), "{nobody}");
    let revoked = world.desk.revoke_agent(actor(), name("carol"), remark());
    revoked.await.unwrap();
    add("carol").await.unwrap();
    let agents = world.desk.agents().await.unwrap();
    assert_eq!(agents[0].agent.post, Post::Desk(Role::Manager));
    let events = world.desk.history("agent carol").await.unwrap();
    let actions: Vec<_> = events.iter().map(|event| &*event.action).collect();
    assert_eq!(actions, ["add-agent", "revoke-agent", "add-agent"]);
}

impl World {
    async fn asks(&self, who: &str, arguments: &str) -> Result<DeskRequest, registry::DeskError> {
        let actor = acting(who);
        let asked = NewRequest {
            agent: name(who),
            command: "say".into(),
            arguments: arguments.into(),
            shown: "{}".into(),
        };
        self.desk.keep_request(actor, asked).await
    }
}

fn terms() -> RequestTerms {
    RequestTerms {
        role: Role::Agent,
        about: None,
        accounts: Vec::new(),
    }
}

fn acting(who: &str) -> Actor {
    Actor {
        name: who.into(),
        interface: "api".into(),
    }
}

#[tokio::test]
async fn a_request_is_approved_once_whoever_is_first() {
    let world = World::new().await;
    world.agent("carol", Role::Agent).await;
    let number = world.asks("carol", "{}").await.unwrap().number;
    let approve = |who| world.desk.approve_request(acting(who), number, terms());
    let both = tokio::join!(approve("dave"), approve("erin"));
    let done = [&both.0, &both.1].map(Result::is_ok);
    assert!(done[0] != done[1], "{both:?}");
    let again = approve("dave").await.unwrap_err().to_string();
    assert!(again.contains("approved already"), "{again}");
    let unknown = world.desk.request(RequestNumber(2)).await.unwrap_err();
    assert!(unknown.to_string().contains("no request 2"), "{unknown}");
}

#[tokio::test]
async fn a_request_is_about_whom_its_names_meant() {
    let world = World::new().await;
    for (who, role) in [("carol", Role::Manager), ("mallory", Role::Agent)] {
        world.agent(who, role).await;
    }
    let rich = || AccountName::parse("Rich").unwrap();
    let registered = world.desk.register_account(actor(), rich());
    registered.await.unwrap();
    let [of_account, of_agent, of_other] = ["1", "2", "3"].map(|it| world.asks("carol", it));
    let of_account = of_account.await.unwrap().number;
    let of_agent = of_agent.await.unwrap().number;
    let of_other = of_other.await.unwrap().number;
    let by_mallory = world.asks("mallory", "{}").await.unwrap().number;

    let old = AccountName::parse("Old").unwrap();
    let renamed = world.desk.rename_account(actor(), rich(), old);
    renamed.await.unwrap();
    let registered = world.desk.register_account(actor(), rich());
    registered.await.unwrap();
    let revoked = world.desk.revoke_agent(actor(), name("mallory"), remark());
    revoked.await.unwrap();
    world.agent("mallory", Role::Agent).await;

    let approve = |number, terms| world.desk.approve_request(acting("dave"), number, terms);
    let account = RequestTerms {
        accounts: vec![rich()],
        ..terms()
    };
    let refused = approve(of_account, account.clone()).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("account \"Rich\" was added or renamed after"),
        "{refused}"
    );
    let agent = RequestTerms {
        about: Some(name("mallory")),
        ..terms()
    };
    let refused = approve(of_agent, agent).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("agent mallory was added or renamed after"),
        "{refused}"
    );
    let refused = approve(by_mallory, terms()).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("was rejected already, by root"),
        "{refused}"
    );
    approve(of_other, terms()).await.unwrap();
    let anew = world.asks("carol", "4").await.unwrap().number;
    approve(anew, account).await.unwrap();
}

#[tokio::test]
async fn requests_are_bounded_and_end() {
    let world = World::new().await;
    for who in ["carol", "dave", "erin", "frank", "grace", "heidi"] {
        world.agent(who, Role::Agent).await;
    }
    let full = |refused: Result<DeskRequest, registry::DeskError>| {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("20 of one agent"), "{refused}");
    };
    for who in ["carol", "dave", "erin", "frank", "grace"] {
        for number in 0..20 {
            world.asks(who, &number.to_string()).await.unwrap();
        }
        full(world.asks(who, "one more").await);
    }
    full(world.asks("heidi", "the hundred and first").await);
    // The same again is the same.
    let same = world.asks("carol", "0").await.unwrap();
    assert_eq!(same.number, RequestNumber(1));
    let life = DeskRequest::LIFE.micros();
    world.now.fetch_add(life, Ordering::SeqCst);
    let late = world
        .desk
        .approve_request(acting("dave"), same.number, terms());
    let late = late.await.unwrap_err().to_string();
    assert!(late.contains("waited too long"), "{late}");
    let next = world.asks("heidi", "{}").await.unwrap();
    assert_eq!(next.number, RequestNumber(101));
    // What was closed long ago makes room, and numbers go on.
    world.now.fetch_add(40 * life, Ordering::SeqCst);
    assert_eq!(
        world.asks("heidi", "{}").await.unwrap().number,
        RequestNumber(102)
    );
    let all = world.desk.requests(RequestFilter::All, None).await;
    assert_eq!(all.unwrap().0.len(), 2);
}

#[tokio::test]
async fn what_was_asked_and_closed_is_bounded_and_paged() {
    let world = World::new().await;
    world.agent("carol", Role::Agent).await;
    for number in 1..=ASKED_OF_ONE_MAX {
        let asked = world.asks("carol", &number.to_string()).await.unwrap();
        let rejected = world
            .desk
            .reject_request(acting("dave"), asked.number, terms(), remark());
        rejected.await.unwrap();
    }
    let refused = world.asks("carol", "one more").await.unwrap_err();
    assert!(refused.to_string().contains("within a day"), "{refused}");
    let numbers = async |after: Option<u32>| {
        let after = after.map(RequestNumber);
        let page = world.desk.requests(RequestFilter::All, after).await;
        let page = page.unwrap().0;
        assert!(page.len() <= REQUESTS_MAX as usize);
        let [first, last] = [page.first(), page.last()];
        [first, last].map(|request| request.unwrap().number.0)
    };
    assert_eq!(numbers(None).await, [101, 200]);
    assert_eq!(numbers(Some(0)).await, [1, 100]);
    assert_eq!(numbers(Some(150)).await, [151, 200]);
    world
        .now
        .fetch_add(Span::from_days(1).micros(), Ordering::SeqCst);
    world.asks("carol", "one more").await.unwrap();
}

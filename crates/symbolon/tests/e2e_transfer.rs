//! Tokens that go to another phone, by their persons: through the token server to the gateway and back, with mails,
//! logins over RADIUS, and everything that is to stay refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one runs the program"
)]

mod common;

use std::time::{Duration, Instant};

use app::contents::{Server, Trust};
use app::device::Device;
use app::registry::Registry;
use common::apart::{Apart, enrolled, import, registry, token_server};
use common::authority::Authority;
use common::mail_server::MailServer;
use common::phone::{Phone, activation_code, allow_transfers, enrol, two_phones_are_told};
use common::radius::{Answer, Vpn};
use common::wishes::{posted, server_name};
use common::{Home, Running, free_port, python, run, until};
use ident::TokenSerial;
use mail_parser::MessageParser;
use softtoken::address::ServerName;
use softtoken::device::AnswerHash;
use softtoken::link::ActivationLink;
use softtoken::mobile::{MobileNonceRequest, MobileRequest, MobileResponse};
use softtoken::transfer::{
    Action, TransferActionRequest, TransferKey, TransferNonceRequest, TransferNonceResponse,
    TransferRefusal, TransferRequest, TransferResponse, Wish,
};
use softtoken::{MobileVersion, ServerError};

const CLIENT: &str = "127.0.0.1";

/// A system on which users may move their tokens, a mail server, and alice's phone.
struct World {
    home: Home,
    up: Running,
    mails: MailServer,
    port: u16,
    token: String,
    old: Phone,
}

impl World {
    fn new() -> Self {
        let home = Home::new();
        let up = Running::up(&home);
        home.radius_client("vpn1", CLIENT, "");
        let mail_port = free_port();
        set_mail_server(&home, mail_port);
        let mails = MailServer::start(&home, mail_port, &[]);
        let port = free_port();
        let token = home.import(1).remove(0);
        let old = enrol(&home, "alice", &token);
        home.console("config user local\nedit alice\nset email-to alice@example.org\nend")
            .ok();
        Self {
            home,
            up,
            mails,
            port,
            token,
            old,
        }
    }

    /// Switches transfers on, and waits until the token server knows.
    fn allow(self) -> Self {
        allow_transfers(&self.home, self.port, &self.old);
        self
    }

    fn vpn(&self) -> Vpn {
        Vpn::new(&self.home, CLIENT)
    }

    fn other_phone(&self) -> Phone {
        Phone::new(&self.home, "alice, the new one")
    }

    /// The text of the `number`th mail.
    fn mail(&self, number: usize) -> String {
        text_of(&self.mails.nth(number))
    }

    /// Waits until the gateway has the token on another phone.
    fn moved(&self) {
        moved(&self.home);
    }
}

/// Alice's phone, which is lost, a gateway that allows her another one, and its token server: programs of their own.
struct LostPhone {
    tokens: Home,
    server: Running,
    gateway: Apart,
    running: Running,
    /// Where the gateway's mail server is to listen.
    mail_port: u16,
    lost: Phone,
}

impl LostPhone {
    fn new() -> Self {
        let (tokens, server) = token_server();
        let gateway = Apart::of(&tokens).enrolled(&tokens, "FGT0000000000042");
        let running = gateway.start();
        let home = &gateway.home;
        home.radius_client("vpn1", CLIENT, "");
        let mail_port = free_port();
        set_mail_server(home, mail_port);
        let token = import(&gateway, &tokens.issue(1)).remove(0);
        let lost = enrolled(&gateway, &tokens, "alice", &token);
        home.console("config user local\nedit alice\nset email-to alice@example.org\nend")
            .ok();
        allow_transfers(home, free_port(), &lost);
        allow_recovery(home);
        Self {
            tokens,
            server,
            gateway,
            running,
            mail_port,
            lost,
        }
    }
}

fn allow_recovery(home: &Home) {
    home.console("config system ftm-push\nset token-recovery enable\nend")
        .ok();
}

/// A pass of the help desk for alice.
fn recovery_pass(home: &Home) -> String {
    let shown = home.console("execute recovery-pass issue alice").ok();
    shown.lines().last().unwrap().trim().to_owned()
}

fn set_mail_server(home: &Home, port: u16) {
    home.console(&format!(
        "config system email-server\nset server 127.0.0.1\nset port {port}\n\
         set reply-to tokens@example.org\nend"
    ))
    .ok();
}

fn moved(home: &Home) {
    until("the gateway knows the new phone", || {
        let log = home.console("execute log display").ok();
        log.contains("FortiToken transferred")
    });
}

fn text_of(mail: &[u8]) -> String {
    let mail = MessageParser::default().parse(mail).unwrap();
    format!(
        "{}\n{}",
        mail.subject().unwrap(),
        mail.body_text(0).unwrap()
    )
}

fn link_in(text: &str) -> String {
    let mut words = text.split(['\'', '\n', '\r']);
    words
        .find(|word| word.starts_with("symbolon://"))
        .unwrap()
        .to_owned()
}

#[test]
fn symptom_30_a_token_moves_by_mail_and_the_phone_before_is_dead() {
    let world = World::new().allow();
    let vpn = world.vpn();
    let said = world
        .old
        .app(&["transfer", "start", "alice", "--no-wait"])
        .ok();
    assert!(said.contains("sent to a***@example.org"), "{said}");

    let mail = world.mail(1);
    assert!(mail.starts_with("Your token's transfer code"), "{mail}");
    let link = link_in(&mail);
    let new = world.other_phone();
    new.app(&["transfer", "take", "--qr-text", &link, "--name", "alice"])
        .ok();
    world.moved();

    // The first phone's codes are refused from that transaction on, and the second's are taken.
    assert_eq!(
        vpn.log_in("alice", &world.old.code("alice")),
        Answer::Reject
    );
    assert_eq!(vpn.log_in("alice", &new.code("alice")), Answer::Accept);
    let shown = world.home.console("show user fortitoken").ok();
    assert!(shown.contains("set reg-id"), "{shown}");

    // The code works once.
    let third = Phone::new(&world.home, "somebody else");
    let refused = third
        .app(&["transfer", "take", "--qr-text", &link])
        .refused();
    assert!(
        refused.contains("Failed. Forticare: FTM token Activation Code is invalid"),
        "{refused}"
    );

    // The first phone is told, and keeps its entry until its person removes it.
    let said = world.old.app(&["transfer", "status", "alice"]).ok();
    assert!(
        said.contains("is on another device now") && said.contains("symbolon app remove alice"),
        "{said}"
    );
    world.old.app(&["code", "alice"]).ok();
    world.old.app(&["remove", "alice"]).ok();
    world.old.app(&["code", "alice"]).refused();

    let notice = world.mail(2);
    assert!(
        notice.starts_with("Your token is on another phone"),
        "{notice}"
    );
    let log = world.home.console("execute log display").ok();
    for line in ["FortiToken transfer begun", "FortiToken transferred"] {
        assert!(log.contains(line), "{line}: {log}");
    }
    world.up.stop();
}

#[test]
fn a_token_moves_from_phone_to_phone_by_qr_code() {
    let world = World::new().allow();
    let (old, new) = (&world.old, world.other_phone());
    let said = old
        .app(&["transfer", "start", "alice", "--show", "--no-wait"])
        .ok();
    let link = link_in(&said);
    let vpn = world.vpn();
    new.app(&["transfer", "take", "--qr-text", &link, "--name", "alice"])
        .ok();
    // Asked before the gateway followed, it is still the one that has the token.
    let said = new.app(&["transfer", "status", "alice"]).ok();
    assert!(said.contains("on this device alone"), "{said}");
    world.moved();
    assert_eq!(vpn.log_in("alice", &new.code("alice")), Answer::Accept);
    // And on to a third, by the one that has it now.
    let said = new
        .app(&["transfer", "start", "alice", "--show", "--no-wait"])
        .ok();
    assert!(said.contains("symbolon://"), "{said}");
    world.up.stop();
}

#[test]
fn a_phone_that_takes_its_own_code_goes_on_with_the_new_seed() {
    let world = World::new().allow();
    let phone = &world.old;
    let said = phone
        .app(&["transfer", "start", "alice", "--show", "--no-wait"])
        .ok();
    phone
        .app(&["transfer", "take", "--qr-text", &link_in(&said)])
        .ok();
    world.moved();
    let vpn = world.vpn();
    assert_eq!(vpn.log_in("alice", &phone.code("alice")), Answer::Accept);
    world.up.stop();
}

#[test]
fn a_transfer_that_is_taken_back_leaves_the_first_phone_alone() {
    let world = World::new().allow();
    let (old, new) = (&world.old, world.other_phone());
    let start = ["transfer", "start", "alice", "--show", "--no-wait"];
    let link = link_in(&old.app(&start).ok());
    let said = old.app(&["transfer", "cancel", "alice"]).ok();
    assert!(said.contains("stays on this device"), "{said}");
    until("the code is dead", || {
        let taken = new.app(&["transfer", "take", "--qr-text", &link]);
        let said = taken.out + &taken.err;
        said.contains("FTM Server: Token code doesn't exist")
    });
    let vpn = world.vpn();
    assert_eq!(vpn.log_in("alice", &old.code("alice")), Answer::Accept);
    let said = old.app(&["transfer", "status", "alice"]).ok();
    assert!(said.contains("on this device alone"), "{said}");

    // Another begins as if nothing had been. Its codes count from the step after the last that was used.
    let again = link_in(&old.app(&start).ok());
    assert_ne!(link, again);
    new.app(&["transfer", "take", "--qr-text", &again, "--name", "alice"])
        .ok();
    world.moved();
    // Who comes too late to take it back is told so.
    let said = old.app(&["transfer", "cancel", "alice"]).ok();
    assert!(said.contains("is on another device now"), "{said}");
    world.up.stop();
}

/// A phone that has used a transfer's code and was lost before it stored the token, or could say so.
struct Lost {
    device: Device,
    registry: Registry,
    token: TokenSerial,
    answer_hash: AnswerHash,
}

impl Lost {
    async fn taking(link: &str) -> Self {
        let ActivationLink {
            code,
            secret,
            server,
            pin,
        } = ActivationLink::parse(link).unwrap();
        let registry = Registry::new(Server {
            url: server,
            trust: Trust::Pin(pin),
        });
        let (registry, device) = (registry.unwrap(), Device::generate().unwrap());
        let version = MobileVersion::parse("0.1.0_LNX").unwrap();
        let asked = MobileNonceRequest {
            version: version.clone(),
        };
        let MobileResponse::Nonce(nonce) = registry.ask(&asked.into()).await.unwrap().message
        else {
            panic!("no nonce");
        };
        let server = registry.server().url.name().clone();
        let nonce = nonce.outcome.unwrap();
        let claim = device.claim(server, nonce, code.opaque(), Some(&secret), version);
        let request = MobileRequest::Provision(claim.unwrap());
        let MobileResponse::Provision(given) = registry.ask(&request).await.unwrap().message else {
            panic!("no token");
        };
        let given = given.outcome.unwrap();
        Self {
            device,
            registry,
            token: given.token,
            answer_hash: given.sealed_seed.hash(),
        }
    }

    /// Whether the token server takes its receipt.
    async fn confirms(&self) -> bool {
        let server = self.registry.server().url.name().clone();
        let receipt = self.device.receipt(server, self.token, self.answer_hash);
        let request = MobileRequest::Receipt(receipt.unwrap());
        match self.registry.ask(&request).await.unwrap().message {
            MobileResponse::Receipt(answer) => answer.error.is_none(),
            other => panic!("{other:?}"),
        }
    }
}

/// The gateway follows a transfer every second.
const FOLLOWED: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_new_phone_that_is_lost_before_it_stored_the_token_takes_nothing_along() {
    let world = World::new().allow();
    let (old, vpn) = (&world.old, world.vpn());
    let start = ["transfer", "start", "alice", "--show", "--no-wait"];
    let lost = Lost::taking(&link_in(&old.app(&start).ok())).await;
    tokio::time::sleep(FOLLOWED).await;
    assert_eq!(vpn.log_in("alice", &old.code("alice")), Answer::Accept);

    // Its person begins again. What the first new phone finds out by then is worth nothing.
    let again = link_in(&old.app(&start).ok());
    assert!(!lost.confirms().await);
    let new = world.other_phone();
    new.app(&["transfer", "take", "--qr-text", &again, "--name", "alice"])
        .ok();
    world.moved();
    assert_eq!(vpn.log_in("alice", &old.code("alice")), Answer::Reject);
    assert_eq!(vpn.log_in("alice", &new.code("alice")), Answer::Accept);
    world.up.stop();
}

#[tokio::test]
async fn the_first_phone_is_out_once_the_other_has_said_that_it_stored_the_token() {
    let world = World::new().allow();
    let (old, vpn) = (&world.old, world.vpn());
    let start = ["transfer", "start", "alice", "--show", "--no-wait"];
    let new = Lost::taking(&link_in(&old.app(&start).ok())).await;
    tokio::time::sleep(FOLLOWED).await;
    let said = old.app(&["transfer", "status", "alice"]).ok();
    assert!(said.contains("Scan this"), "{said}");
    assert!(new.confirms().await);
    world.moved();
    assert_eq!(vpn.log_in("alice", &old.code("alice")), Answer::Reject);
    // An answer that was lost on its way is had again.
    assert!(new.confirms().await);
    world.up.stop();
}

#[tokio::test]
async fn a_transfer_ends_with_what_it_was_begun_for_and_its_code_dies() {
    let world = World::new().allow();
    let start = ["transfer", "start", "alice", "--show", "--no-wait"];
    let set = |path: &str, line: &str| {
        world
            .home
            .console(&format!("config {path}\nset {line}\nend"))
            .ok();
    };
    let token = format!("user fortitoken\nedit {}", world.token);
    for (path, away, back) in [
        (&*token, "status lock", "status active"),
        ("user local\nedit alice", "status disable", "status enable"),
        (
            "system ftm-push",
            "token-transfer disable",
            "token-transfer enable",
        ),
    ] {
        // The other phone has used the code by then, and it is too late to say that it stored the token.
        let new = Lost::taking(&link_in(&world.old.app(&start).ok())).await;
        set(path, away);
        tokio::time::sleep(FOLLOWED).await;
        assert!(!new.confirms().await, "{away}");
        set(path, back);
    }
    let vpn = world.vpn();
    assert_eq!(
        vpn.log_in("alice", &world.old.code("alice")),
        Answer::Accept
    );
    world.up.stop();
}

#[test]
fn whoever_wishes_with_a_copied_secret_gets_no_code_and_is_told_of() {
    let world = World::new().allow();
    let copy = world.old.copied(&world.home);
    let start = ["transfer", "start", "alice", "--show", "--no-wait"];
    for _again in 0..2 {
        let said = copy.app(&start).ok();
        assert!(said.contains("is on another device now"), "{said}");
        two_phones_are_told(&world.home, &world.token);
    }
    let said = world.old.app(&["transfer", "status", "alice"]).ok();
    assert!(!said.contains("Scan this"), "{said}");
    world.up.stop();
}

#[test]
fn symptom_27_a_transfer_is_refused_and_names_what_is_missing() {
    let world = World::new();
    let home = &world.home;
    let start = ["transfer", "start", "alice", "--no-wait"];
    let refused = |cause: &str| {
        until(cause, || {
            let said = world.old.app(&start);
            let text = said.out + &said.err;
            assert!(text.contains("No valid token found (17)"), "{text}");
            text.contains(cause)
        });
    };
    refused("set token-transfer enable");
    home.console("config system ftm-push\nset token-transfer enable\nend")
        .ok();
    refused("set server ADDRESS");

    // An address that does not lead here.
    home.console("config system ftm-push\nset server gateway.invalid\nend")
        .ok();
    refused("the gateway was not reached at https://gateway.invalid:4433");

    // Nobody who carries the code: it is said at once, and not of a code that never comes.
    home.console(&format!(
        "config system interface\nedit lo\nset allowaccess ssh ftm\nend\n\
         config system ftm-push\nset server 127.0.0.1\nset server-port {}\nend\n\
         config system email-server\nunset server\nend",
        world.port
    ))
    .ok();
    refused("no mail server is configured");

    // A locked token.
    home.console(&format!(
        "config user fortitoken\nedit {}\nset status lock\nend",
        world.token
    ))
    .ok();
    refused("the token is locked");
    world.up.stop();
}

#[test]
fn symptom_28_a_token_moves_once_its_issuer_allows_it_or_is_assigned_anew() {
    let world = World::new();
    let (home, vpn) = (&world.home, world.vpn());
    // Phones reach the gateway. It is off unless somebody switches it on.
    home.console(&format!(
        "config system interface\nedit lo\nset allowaccess ssh ftm\nend\n\
         config system ftm-push\nset server 127.0.0.1\nset server-port {}\nend",
        world.port
    ))
    .ok();
    let start = ["transfer", "start", "alice", "--show", "--no-wait"];
    let refused = |phone: &Phone| {
        let said = phone.app(&start);
        let text = said.out + &said.err;
        for told in [
            "No valid token found (17)",
            "config system ftm-push",
            "set token-transfer enable",
        ] {
            assert!(text.contains(told), "no '{told}' in:\n{text}");
        }
    };
    refused(&world.old);

    // Without the switch: taken from the user and assigned anew, with a code that is shown and not mailed.
    home.console(
        "config user local\nedit alice\nunset two-factor\nunset fortitoken\n\
         unset email-to\nend",
    )
    .ok();
    let shown = home.console(&format!(
        "config user local\nedit alice\nset two-factor fortitoken\nset fortitoken {}\nend",
        world.token
    ));
    let new = world.other_phone();
    new.add(&activation_code(&shown.ok()), "alice").ok();
    home.console("execute fortitoken-mobile poll").ok();
    assert_eq!(
        vpn.log_in("alice", &world.old.code("alice")),
        Answer::Reject
    );
    refused(&new);

    home.console("config system ftm-push\nset token-transfer enable\nend")
        .ok();
    let mut link = None;
    until("the token server knows the gateway's address", || {
        let said = new.app(&start);
        link = said.status.success().then(|| link_in(&said.ok()));
        link.is_some()
    });
    let third = Phone::new(home, "alice, the third");
    let take = ["transfer", "take", "--qr-text", &link.unwrap()];
    third.app(&[&take[..], &["--name", "alice"]].concat()).ok();
    world.moved();
    assert_eq!(vpn.log_in("alice", &new.code("alice")), Answer::Reject);
    assert_eq!(vpn.log_in("alice", &third.code("alice")), Answer::Accept);
    world.up.stop();
}

#[test]
fn symptom_27_a_trial_token_never_moves() {
    let world = World::new().allow();
    let home = &world.home;
    home.console("execute fortitoken-mobile import 0000-0000-0000-0000-0000")
        .ok();
    let shown = home.console("show user fortitoken").ok();
    let mut entries = shown.split("edit \"").skip(1);
    let trial = entries.find(|entry| entry.contains("FTMTRIAL")).unwrap();
    let trial = trial.split('"').next().unwrap();
    let phone = enrol(home, "bob", trial);
    let said = phone
        .app(&["transfer", "start", "bob", "--show", "--no-wait"])
        .refused();
    assert!(said.contains("No valid token found (17)"), "{said}");
    assert!(said.contains("a trial token never moves"), "{said}");
    world.up.stop();
}

#[test]
fn symptom_29_a_lost_phone_is_replaced_by_a_recovery_code() {
    let world = World::new();
    let (home, vpn) = (&world.home, world.vpn());
    allow_recovery(home);
    let pass = recovery_pass(home);
    assert_eq!(vpn.log_in("alice", &pass), Answer::Accept);
    let link = link_in(&world.mail(1));
    let new = world.other_phone();
    new.app(&["transfer", "take", "--qr-text", &link, "--name", "alice"])
        .ok();
    world.moved();
    assert_eq!(
        vpn.log_in("alice", &world.old.code("alice")),
        Answer::Reject
    );
    assert_eq!(vpn.log_in("alice", &new.code("alice")), Answer::Accept);
    world.up.stop();
}

#[test]
fn a_recovery_outlives_its_gateway_and_an_outage_of_the_token_server() {
    let LostPhone {
        tokens,
        server,
        gateway,
        running,
        mail_port,
        lost,
    } = LostPhone::new();
    let home = &gateway.home;
    // Whether another phone has taken the code that waits, the token server alone knows.
    lost.app(&["transfer", "start", "alice", "--show", "--no-wait"])
        .ok();
    let pass = recovery_pass(home);
    let vpn = Vpn::new(home, CLIENT);

    server.kill();
    assert_eq!(vpn.log_in("alice", &pass), Answer::Accept);
    std::thread::sleep(FOLLOWED);
    running.kill();
    let mails = MailServer::start(home, mail_port, &[]);
    let running = gateway.start();
    let server = Running::start(&mut registry(&tokens), &tokens);

    let link = link_in(&text_of(&mails.nth(1)));
    let new = Phone::new(&tokens, "alice, the new one");
    new.app(&["transfer", "take", "--qr-text", &link, "--name", "alice"])
        .ok();
    moved(home);
    assert_eq!(vpn.log_in("alice", &lost.code("alice")), Answer::Reject);
    assert_eq!(vpn.log_in("alice", &new.code("alice")), Answer::Accept);
    // The notice is the second mail: one code was sent, and no other.
    let notice = text_of(&mails.nth(2));
    assert!(
        notice.starts_with("Your token is on another phone"),
        "{notice}"
    );
    running.stop();
    server.stop();
}

#[test]
fn a_recovery_follows_a_token_that_the_lost_phone_gave_to_another() {
    let LostPhone {
        tokens,
        server,
        gateway,
        running,
        mail_port,
        lost,
    } = LostPhone::new();
    let home = &gateway.home;
    let pass = recovery_pass(home);
    let shown = lost.app(&["transfer", "start", "alice", "--show", "--no-wait"]);
    let link = link_in(&shown.ok());

    // The gateway hears of the other phone in the very moment in which it begins the recovery.
    running.stop();
    let thief = Phone::new(&tokens, "whoever found the phone");
    thief
        .app(&["transfer", "take", "--qr-text", &link, "--name", "alice"])
        .ok();
    server.stop();
    let mails = MailServer::start(home, mail_port, &[]);
    let running = gateway.start();
    let vpn = Vpn::new(home, CLIENT);
    assert_eq!(vpn.log_in("alice", &pass), Answer::Accept);
    let server = Running::start(&mut registry(&tokens), &tokens);

    let sent = [1, 2].map(|number| text_of(&mails.nth(number)));
    let code = sent.iter().find(|mail| mail.contains("symbolon://"));
    let new = Phone::new(&tokens, "alice, the new one");
    let link = link_in(code.unwrap());
    new.app(&["transfer", "take", "--qr-text", &link, "--name", "alice"])
        .ok();
    until("the gateway knows alice's new phone", || {
        let log = home.console("execute log display").ok();
        log.matches("FortiToken transferred").count() == 2
    });
    assert_eq!(vpn.log_in("alice", &thief.code("alice")), Answer::Reject);
    assert_eq!(vpn.log_in("alice", &new.code("alice")), Answer::Accept);
    running.stop();
    server.stop();
}

#[test]
fn whoever_found_the_lost_phone_ends_no_recovery() {
    let world = World::new().allow();
    let (home, vpn, found) = (&world.home, world.vpn(), &world.old);
    allow_recovery(home);
    let pass = recovery_pass(home);
    assert_eq!(vpn.log_in("alice", &pass), Answer::Accept);
    let link = link_in(&world.mail(1));
    for wish in [
        &["transfer", "cancel", "alice"][..],
        &["transfer", "start", "alice", "--show", "--no-wait"],
    ] {
        let refused = found.app(wish).refused();
        assert!(
            refused.contains("No valid token found (17)")
                && refused.contains("no phone ends that")
                && refused.contains("25 once a phone has taken the code")
                && refused.contains("execute fortitoken-mobile provision SERIAL"),
            "{refused}"
        );
    }
    let new = world.other_phone();
    new.app(&["transfer", "take", "--qr-text", &link, "--name", "alice"])
        .ok();
    world.moved();
    assert_eq!(vpn.log_in("alice", &found.code("alice")), Answer::Reject);
    world.up.stop();
}

#[test]
fn a_token_that_cannot_be_read_keeps_no_other_from_moving() {
    let World {
        home,
        up,
        token,
        old,
        ..
    } = World::new().allow();
    let other = home.import(1).remove(0);
    let bob = enrol(&home, "bob", &other);
    let mut moving = [("alice", token, old), ("bob", other, bob)];
    let links = moving.each_ref().map(|(name, _, phone)| {
        let shown = phone.app(&["transfer", "start", name, "--show", "--no-wait"]);
        ((*name).to_owned(), link_in(&shown.ok()))
    });
    up.stop();

    // They are looked at in the order of their serials.
    moving.sort_by(|(_, one, _), (_, other, _)| one.cmp(other));
    let [(_, damaged, _), (name, ..)] = moving;
    let mut edit = python();
    edit.args(["-c", DAMAGE]);
    edit.arg(home.data().join("gateway/gateway.db"))
        .arg(damaged);
    run(&mut edit, "").ok();
    let up = Running::up(&home);
    let (_, link) = links.iter().find(|(of, _)| of == name).unwrap();
    let new = Phone::new(&home, "the new one");
    new.app(&["transfer", "take", "--qr-text", link, "--name", name])
        .ok();
    moved(&home);
    // Nor does it slow them, or fill the log: it was looked at once a second.
    let log = home.log();
    assert_eq!(
        log.matches("a transfer is not followed").count(),
        1,
        "{log}"
    );
    assert!(!log.contains("tried again"), "{log}");
    up.stop();
}

/// Makes one token's transfer a word that nobody knows.
const DAMAGE: &str = "
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as gateway:
    sql = \"UPDATE token SET transfer = '?' WHERE serial = ?\"
    assert gateway.execute(sql, (sys.argv[2],)).rowcount == 1
";

/// What is said to a wish of whoever has keys, and no token.
fn said_to_stranger(
    address: &str,
    server: &ServerName,
    device: &Device,
    token: TokenSerial,
) -> TransferRefusal {
    let nonce = TransferRequest::from(TransferNonceRequest { token });
    let nonce = match posted(address, &nonce) {
        TransferResponse::Nonce(TransferNonceResponse { outcome: Ok(nonce) }) => nonce,
        TransferResponse::Nonce(TransferNonceResponse { outcome: Err(why) }) => return why,
        other @ TransferResponse::Action(_) => panic!("{other:?}"),
    };
    let key = TransferKey::from_bytes([7; 32].into());
    let keys = *device.keys();
    let server = server.clone();
    let sign = |it: &[u8]| device.sign(it);
    let wish = Wish::new(server, token, Action::Look, nonce, &key, keys.into(), sign);
    let wish = Box::new(wish.unwrap());
    match posted(address, &TransferActionRequest { wish }.into()) {
        TransferResponse::Action(answer) => answer.outcome.unwrap_err(),
        other @ TransferResponse::Nonce(_) => panic!("{other:?}"),
    }
}

#[test]
fn a_stranger_learns_nothing_of_a_token_and_has_nobody_asked() {
    let (tokens, server) = token_server();
    let gateway = Apart::of(&tokens).enrolled(&tokens, "FGT0000000000042");
    let running = gateway.start();
    let serials = import(&gateway, &tokens.issue(3));
    let alice = enrolled(&gateway, &tokens, "alice", &serials[0]);
    enrolled(&gateway, &tokens, "bob", &serials[1]);
    let port = free_port();
    allow_transfers(&gateway.home, port, &alice);
    alice
        .app(&["transfer", "start", "alice", "--show", "--no-wait"])
        .ok();

    let name = server_name(&tokens);
    // One token moves, one is on a phone, one is new, and one is not here. The token server is not asked: it would
    // not answer.
    server.freeze();
    let (address, stranger) = (
        format!("https://127.0.0.1:{port}"),
        Device::generate().unwrap(),
    );
    let not_here = TokenSerial::mobile([9; 5]);
    let serials = serials.iter().map(|it| TokenSerial::parse(it).unwrap());
    let began = Instant::now();
    let uniform = TransferRefusal::from(ServerError::ProofWrong);
    for token in serials.clone().chain([not_here]) {
        assert_eq!(
            said_to_stranger(&address, &name, &stranger, token),
            uniform,
            "{token}"
        );
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    server.thaw();

    // After so many there is no look at them at all. Phones that prove themselves are heard all the same.
    let moving = serials.clone().next().unwrap();
    let busy = TransferRefusal::from(ServerError::TooManyTries);
    let said = (0..70).map(|_| said_to_stranger(&address, &name, &stranger, moving));
    let said: Vec<_> = said.collect();
    assert!(said.contains(&busy) && said.iter().all(|it| *it == busy || *it == uniform));
    let said = alice.app(&["transfer", "status", "alice"]).ok();
    assert!(said.contains("Scan this"), "{said}");
    running.stop();
    server.stop();
}

#[test]
fn a_source_of_wishes_that_prove_nothing_is_passed_on_no_more() {
    let world = World::new().allow();
    let (server, stranger) = (
        format!("https://{}", world.home.https),
        Device::generate().unwrap(),
    );
    let name = server_name(&world.home);
    let token = TokenSerial::parse(&world.token).unwrap();
    for _ in 0..30 {
        let said = said_to_stranger(&server, &name, &stranger, token);
        assert_eq!(said, ServerError::ProofWrong.into());
    }
    let said = said_to_stranger(&server, &name, &stranger, token);
    assert_eq!(said, ServerError::TooManyTries.into());
    world.up.stop();
}

#[test]
fn a_wish_finds_the_gateway_whatever_certificate_phones_are_shown() {
    let world = World::new().allow();
    let home = &world.home;
    let company = Authority::new(&home.path(""));
    for (name, table, field) in [
        ("everybody", "system global", "admin-server-cert"),
        ("phones", "system ftm-push", "server-cert"),
    ] {
        company.certify(name, &format!("DNS:{name}.example.net"), "90");
        let [key, certificate] = ["key", "pem"].map(|kind| company.read(&format!("{name}.{kind}")));
        home.console(&format!(
            "config certificate local\nedit {name}\nset private-key \"{key}\"\n\
             set certificate \"{certificate}\"\nend\nconfig {table}\nset {field} {name}\nend"
        ))
        .ok();
        until("the token server knows the key that is shown now", || {
            let status = world.old.app(&["transfer", "status", "alice"]);
            status.status.success()
        });
    }
    let said = world
        .old
        .app(&["transfer", "start", "alice", "--no-wait"])
        .ok();
    assert!(said.contains("sent to a***@example.org"), "{said}");
    world.up.stop();
}

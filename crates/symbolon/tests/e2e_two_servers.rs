//! One app with tokens of two organisations, each with a token server, a gateway and a relay of its own: what one is
//! asked or told is nothing to the other.
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

use std::fs;
use std::thread;
use std::time::Duration;

use common::apart::{Apart, import, registry, token_server};
use common::phone::{PIN, Phone, activation_code, set_transfers};
use common::radius::{Answer, Vpn};
use common::terminal::Terminal;
use common::wishes::{posted, server_name};
use common::{Home, PASSWORD, Running, Said, free_port, until};
use ident::TokenSerial;
use rustix::process::Signal;
use softtoken::ServerError;
use softtoken::address::ServerName;
use softtoken::transfer::{
    Action, Standing, TransferActionRequest, TransferKey, TransferNonceRequest, TransferRefusal,
    TransferResponse, Wish,
};

const CLIENT: &str = "127.0.0.1";
const PASSPHRASE: &str = "five little ducks";

/// An organisation whose users are asked on their phones and may move their tokens.
struct Organisation {
    home: Home,
    up: Running,
    /// Where its gateway takes wishes.
    port: u16,
}

/// Alice, who has a token of each, under its name.
struct World {
    work: Organisation,
    club: Organisation,
    phone: Phone,
}

impl Organisation {
    fn new() -> Self {
        let home = Home::new();
        let up = Running::up(&home);
        home.radius_client("vpn1", CLIENT, "");
        home.console("config system ftm-push\nset status enable\nend")
            .ok();
        let port = free_port();
        set_transfers(&home, port);
        Self { home, up, port }
    }

    /// Gives alice a token, and puts it on her phone.
    fn enrol(&self, phone: Phone, name: &str) -> Phone {
        let token = self.home.import(1).remove(0);
        let shown = self.home.user("alice", &token);
        let phone = phone.at_server(self.url(), self.home.authority());
        phone.add(&activation_code(&shown), name).ok();
        self.home.console("execute fortitoken-mobile poll").ok();
        until("the token server knows the gateway's address", || {
            let status = phone.app(&["transfer", "status", name]);
            status.status.success()
        });
        phone
    }

    fn url(&self) -> String {
        format!("https://{}", self.home.https)
    }

    /// As its phones sign it.
    fn name(&self) -> ServerName {
        server_name(&self.home)
    }

    fn gateway(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Waits until the gateway has the token on another phone.
    fn moved(&self) {
        until("the gateway knows the new phone", || {
            let log = self.home.console("execute log display").ok();
            log.contains("FortiToken transferred")
        });
    }
}

impl World {
    fn new() -> Self {
        let (work, club) = (Organisation::new(), Organisation::new());
        let phone = Phone::new(&work.home, "alice");
        let phone = club.enrol(work.enrol(phone, "work"), "club");
        Self { work, club, phone }
    }
}

/// Logs alice in by a push that she approves with this number.
#[track_caller]
fn pushed(organisation: &Organisation, approve: impl FnOnce(&str)) -> Answer {
    pushed_as(organisation, "alice", approve)
}

/// The same, under this name.
#[track_caller]
fn pushed_as(organisation: &Organisation, user: &str, approve: impl FnOnce(&str)) -> Answer {
    let vpn = Vpn::new(&organisation.home, CLIENT);
    let offer = vpn.ask(user, PASSWORD);
    let shown = vpn.answer(user, "push", &offer);
    let Answer::Challenge(_, prompt) = &shown else {
        panic!("{shown:?}");
    };
    let number: String = prompt.chars().filter(char::is_ascii_digit).collect();
    thread::scope(|scope| {
        let login = scope.spawn(|| vpn.answer_patiently(user, "push", &shown));
        approve(&number);
        login.join().unwrap()
    })
}

/// Logs alice in by the command, which is told for which token.
#[track_caller]
fn approved(organisation: &Organisation, phone: &Phone, token: &str) -> Answer {
    pushed(organisation, |number| {
        let push = ["push", "--approve", number, "--token", token];
        phone.app(&push).ok();
    })
}

#[test]
fn the_screen_shows_logins_of_both_and_answers_each_where_it_came_from() {
    let World { work, club, phone } = World::new();
    let mut screen = Terminal::open(&mut phone.at_hand(&[]));
    screen.expect("Enter:");
    screen.type_in(&format!("{PIN}\r"));
    screen.expect("━");
    for organisation in [&work, &club] {
        let answer = pushed(organisation, |number| {
            screen.expect("Is this you?");
            screen.type_in(&format!("{number}\r"));
            screen.expect("Approved");
        });
        assert_eq!(answer, Answer::Accept);
    }
    club.up.stop();
    screen.expect("partly");
    screen.type_in("q");
    assert!(screen.ended().success());
    work.up.stop();
}

#[test]
fn logins_of_both_are_heard_and_one_that_is_away_silences_no_other() {
    let World { work, club, phone } = World::new();
    for (organisation, token) in [(&work, "work"), (&club, "club")] {
        assert_eq!(approved(organisation, &phone, token), Answer::Accept);
    }
    club.up.stop();
    assert_eq!(approved(&work, &phone, "work"), Answer::Accept);
    // But whoever waits for logins for one token has nothing of another's server.
    let refused = phone.app(&["push", "--token", "club"]).refused();
    assert!(refused.contains("cannot be reached"), "{refused}");
    work.up.stop();
}

#[test]
fn an_answer_without_a_question_reaches_the_login_of_the_token_that_it_names() {
    let World { work, club, phone } = World::new();
    for answer in ["--approve", "--deny", "--not-me"] {
        let refused = phone.app(&["push", answer]).refused();
        let choices = "--token: \"work\", \"club\"";
        assert!(refused.contains(choices), "{refused}");
    }
    let club_serial = phone.contents().token("club").unwrap().mark().to_owned();
    // The club's login waits first, and goes on waiting.
    let answer = pushed(&club, |number| {
        let at_work = pushed(&work, |number| {
            let push = ["push", "--approve", number, "--token", "work"];
            let said = phone.app(&push);
            assert!(said.status.success(), "{said:?}");
            let told = format!("{}{}", said.out, said.err);
            assert!(!told.contains(&club_serial), "{said:?}");
        });
        assert_eq!(at_work, Answer::Accept);
        let push = ["push", "--approve", number, "--token", &club_serial];
        phone.app(&push).ok();
    });
    assert_eq!(answer, Answer::Accept);
    // What is passed over of its own server's logins is said, also where each login is asked about.
    let serial = work.home.import(1).remove(0);
    let shown = work.home.user("deputy", &serial);
    let phone = phone.at_server(work.url(), work.home.authority());
    phone.add(&activation_code(&shown), "deputy").ok();
    work.home.console("execute fortitoken-mobile poll").ok();
    let answer = pushed_as(&work, "deputy", |number| {
        let mut push = Terminal::open(&mut phone.command(&["push", "--token", "work"]));
        push.expect(&format!("A login for {serial} waits, too"));
        approved_at(&work, &mut push);
        let push = ["push", "--approve", number, "--token", "deputy"];
        phone.app(&push).ok();
    });
    assert_eq!(answer, Answer::Accept);
    work.up.stop();
    club.up.stop();
}

/// By the command that waits for logins, and asks for the number of each.
#[track_caller]
fn approved_at(organisation: &Organisation, push: &mut Terminal) {
    let answer = pushed(organisation, |number| {
        push.expect("Login request");
        push.type_in(&format!("{number}\r"));
        push.expect("Approved");
    });
    assert_eq!(answer, Answer::Accept);
}

#[test]
fn a_command_that_waits_hears_relays_again_that_were_away() {
    let World { work, club, phone } = World::new();
    let mut push = Terminal::open(&mut phone.command(&["push"]));
    for organisation in [&work, &club] {
        approved_at(organisation, &mut push);
    }
    // All of them are away, and it goes on.
    let stopped = [work, club].map(|Organisation { home, up, port }| {
        up.stop();
        push.expect("are not heard");
        (home, port)
    });
    let _homes = stopped.map(|(home, port)| {
        let up = Running::up(&home);
        let organisation = Organisation { home, up, port };
        push.expect("are heard now");
        approved_at(&organisation, &mut push);
        organisation.up.stop();
        push.expect("are not heard");
        organisation.home
    });
    // One that hears nobody when it begins has nothing to wait for.
    let refused = phone.app(&["push"]).refused();
    assert!(refused.contains("cannot be reached"), "{refused}");
    push.send(Signal::TERM);
    assert!(!push.ended().success());
}

#[test]
fn a_token_is_moved_by_its_own_server_alone() {
    let World { work, club, phone } = World::new();
    let away = club.url();
    club.up.stop();
    let start = ["transfer", "start", "work", "--show", "--no-wait"];
    let said = phone.app(&start).ok();
    let named = format!("s={}", work.url());
    assert!(said.contains(&named), "{said}");
    let refused = phone.app(&["transfer", "status", "club"]).refused();
    assert!(refused.contains(&away), "{refused}");
    work.up.stop();
}

/// What is said at this address to the wish of alice's phone for her token at work, as the phone makes it for `server`.
fn said_to_wish(
    phone: &Phone,
    address: &str,
    server: ServerName,
) -> Result<Standing, TransferRefusal> {
    let contents = phone.contents();
    let token = contents.token("work").unwrap();
    let serial: TokenSerial = token.serial().unwrap();
    let nonce = TransferNonceRequest { token: serial };
    let nonce = match posted(address, &nonce.into()) {
        TransferResponse::Nonce(answer) => answer.outcome.unwrap(),
        other @ TransferResponse::Action(_) => panic!("{other:?}"),
    };
    let key: TransferKey = token.transfer_key(&serial);
    let keys = *contents.device.keys();
    let sign = |signed: &[u8]| contents.device.sign(signed);
    let action = Action::BeginShown;
    let wish = Wish::new(server, serial, action, nonce, &key, keys.into(), sign).unwrap();
    let wish = Box::new(wish);
    match posted(address, &TransferActionRequest { wish }.into()) {
        TransferResponse::Action(answer) => answer.outcome,
        other @ TransferResponse::Nonce(_) => panic!("{other:?}"),
    }
}

/// The club's token server is asked in the place of the one at work, fetches the nonce there, and hands on what it got:
/// to the token server, and to the gateway itself.
#[test]
fn a_token_server_that_hands_a_wish_on_is_refused() {
    let World { work, club, phone } = World::new();
    for address in [work.url(), work.gateway()] {
        let said = said_to_wish(&phone, &address, club.name());
        assert_eq!(
            said.unwrap_err(),
            ServerError::ProofWrong.into(),
            "{address}"
        );
    }
    let status = phone.app(&["transfer", "status", "work"]).ok();
    assert!(status.contains("on this device alone"), "{status}");
    // But for the name it is the phone's own wish.
    for address in [work.url(), work.gateway()] {
        let said = said_to_wish(&phone, &address, work.name());
        let Ok(Standing::Open(open)) = said else {
            panic!("{address}: {said:?}");
        };
        assert!(open.link.is_some());
    }
    work.up.stop();
    club.up.stop();
}

#[test]
fn phones_go_on_under_a_name_that_their_token_server_had_before() {
    let World { work, club, phone } = World::new();
    club.up.stop();
    let Organisation { mut home, up, port } = work;
    up.stop();
    let former = || ServerName::parse("tokens.example.org").unwrap();
    let file = home.data().join("symbolon.toml");
    let config = fs::read_to_string(&file).unwrap();
    let told = config.replace(
        "former-names = []",
        "former-names = [\"tokens.example.org\"]",
    );
    assert_ne!(told, config);
    for (config, knows) in [(config, false), (told, true)] {
        fs::write(&file, config).unwrap();
        let up = Running::up(&home);
        let work = Organisation { home, up, port };
        until("the gateway knows its token server's names", || {
            said_to_wish(&phone, &work.gateway(), work.name()).is_ok()
        });
        for address in [work.url(), work.gateway()] {
            let said = said_to_wish(&phone, &address, former());
            assert_eq!(said.is_ok(), knows, "{address}: {said:?}");
        }
        let Organisation {
            home: stays, up, ..
        } = work;
        up.stop();
        home = stays;
    }
}

#[test]
fn a_gateway_that_runs_on_learns_the_name_that_its_token_server_got() {
    let (tokens, server) = token_server();
    let gateway = Apart::of(&tokens).enrolled(&tokens, "FGT0000000000042");
    let running = gateway.start();
    let token = import(&gateway, &tokens.issue(1)).remove(0);
    let shown = gateway.home.user("alice", &token);
    let phone = Phone::new(&tokens, "alice");
    phone.add(&activation_code(&shown), "work").ok();
    gateway.home.console("execute fortitoken-mobile poll").ok();
    let at_gateway = free_port();
    set_transfers(&gateway.home, at_gateway);
    until("the token server knows the gateway's address", || {
        let status = phone.app(&["transfer", "status", "work"]);
        status.status.success()
    });
    // So long the gateway takes the names that it was told for all that there are.
    thread::sleep(Duration::from_mins(1));

    server.stop();
    let (former, port) = (tokens.https, tokens.https.port());
    let toml = tokens
        .configuration()
        .replace(
            &format!("https://{former}"),
            &format!("https://localhost:{port}"),
        )
        .replace(
            "former-names = []",
            &format!("former-names = [\"{former}\"]"),
        );
    fs::write(tokens.data().join("symbolon.toml"), toml).unwrap();
    let server = Running::start(&mut registry(&tokens), &tokens);
    let address = format!("https://{former}");
    let wished = |address: &str, name: &str| {
        let name = ServerName::parse(name).unwrap();
        said_to_wish(&phone, address, name)
    };
    let said = |name: &str| wished(&address, name);
    let own = format!("localhost:{port}");
    let refused = said(&own).unwrap_err();
    assert_eq!(refused.error.known(), Some(ServerError::Unavailable));
    until("the gateway knows the name", || said(&own).is_ok());
    assert!(said(&former.to_string()).is_ok());
    // Now it has just been told: whoever names another one has nobody asked.
    let forged = wished(&format!("https://127.0.0.1:{at_gateway}"), "localhost:1");
    let forged = forged.unwrap_err().error.known();
    assert_eq!(forged, Some(ServerError::ProofWrong));
    server.stop();
    running.stop();
}

/// Saves a backup among the files of this organisation, or restores it.
fn backup(organisation: &Organisation, phone: &Phone, what: &str) -> Said {
    let [file, words] = ["backup", "words"].map(|name| organisation.home.path(name));
    fs::write(&words, PASSPHRASE).unwrap();
    let [file, words] = [&file, &words].map(|path| path.to_str().unwrap());
    phone.app(&["backup", what, file, "--passphrase-file", words])
}

#[test]
fn a_token_server_that_got_another_name_goes_on_with_its_phones() {
    let work = Organisation::new();
    let phone = work.enrol(Phone::new(&work.home, "alice"), "work");
    backup(&work, &phone, "save").ok();
    let serial = phone.contents().token("work").unwrap().mark().to_owned();
    let (former, Organisation { home, up, port }) = (work.url(), work);
    up.stop();
    let own = format!("localhost:{}", home.https.port());
    let file = home.data().join("symbolon.toml");
    let config = fs::read_to_string(&file).unwrap();
    let config = config
        .replace(
            &format!("public-url = \"{former}\""),
            &format!("public-url = \"https://{own}\""),
        )
        .replace(
            "former-names = []",
            &format!("former-names = [\"{}\"]", home.https),
        );
    fs::write(&file, config).unwrap();
    let up = Running::up(&home);
    let work = Organisation { home, up, port };
    until("the token server knows the gateway's address", || {
        phone.app(&["transfer", "status", "work"]).status.success()
    });

    // The file names the name of before, and what was moved has the new one.
    let other = Phone::new(&work.home, "alice, the new one");
    let said = backup(&work, &other, "restore").ok();
    assert!(said.contains("work moved here."), "{said}");
    work.moved();
    let renamed = format!("https://{own}");
    let server_of = |phone: &Phone| {
        let contents = phone.contents();
        let server = contents.token("work").unwrap().server().unwrap();
        server.url.to_string()
    };
    assert_eq!(server_of(&other), renamed);
    let said = backup(&work, &other, "restore").ok();
    assert!(said.contains("work is here already."), "{said}");
    let vpn = Vpn::new(&work.home, CLIENT);
    assert_eq!(vpn.log_in("alice", &other.code("work")), Answer::Accept);

    // A code of the new name brings the token anew to a phone that has it under the one of before, once that entry
    // is gone: a relay could show this certificate's authority too.
    assert_eq!(server_of(&phone), former);
    let provision = format!("execute fortitoken-mobile provision {serial}");
    let shown = work.home.console(&provision).ok();
    let authority = work.home.authority();
    let server = ["--server", &renamed, "--ca", authority.to_str().unwrap()];
    let code = activation_code(&shown);
    let add = |name: &[&str]| phone.app(&[&["add", &*code], &server[..], name].concat());
    let refused = add(&[]).refused();
    assert!(refused.contains(&former), "{refused}");
    phone.app(&["remove", "work"]).ok();
    add(&["--name", "work"]).ok();
    assert_eq!(server_of(&phone), renamed);
    assert_eq!(phone.contents().tokens().len(), 1);
    work.home.console("execute fortitoken-mobile poll").ok();
    assert_eq!(approved(&work, &phone, "work"), Answer::Accept);
    work.up.stop();
}

#[test]
fn a_backup_brings_the_tokens_of_both_to_another_phone() {
    let World { work, club, phone } = World::new();
    let backup = |phone: &Phone, what: &str| backup(&work, phone, what);
    let said = backup(&phone, "save").ok();
    assert!(
        said.contains("the right to move 2 of token servers"),
        "{said}"
    );

    let other = Phone::new(&work.home, "alice, the new one");
    let said = backup(&other, "restore").ok();
    for (organisation, name) in [(&work, "work"), (&club, "club")] {
        assert!(said.contains(&format!("{name} moved here.")), "{said}");
        organisation.moved();
        let status = phone.app(&["transfer", "status", name]).ok();
        assert!(status.contains("is on another device now"), "{status}");
        let vpn = Vpn::new(&organisation.home, CLIENT);
        assert_eq!(vpn.log_in("alice", &other.code(name)), Answer::Accept);
        assert_eq!(vpn.log_in("alice", &phone.code(name)), Answer::Reject);
        // It has not listened for logins: the relay keeps the push until it does.
        assert_eq!(approved(organisation, &other, name), Answer::Accept);
    }
    work.up.stop();
    club.up.stop();
}

//! Licences bought ahead: managers give them out while the token server is away, each once, and say so when
//! it is back.
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

use common::apart::{Apart, Aside, Managing, NOWHERE, import, registry, token_server};
use common::phone::{Phone, activation_code};
use common::radius::{Answer, Vpn};
use common::{Home, Running, after, at_offset, until};

const SERIAL: &str = "FGT0000000000042";
const DIRECT: &str = "FGT0000000000043";
const NEXT: &str = "FGT0000000000044";
/// The code of the minute in which a token came, and the next, may have been used where it was.
const LATER: &str = "+3m";
const MANAGER: &str = "FMG0000000000001";
const SECOND: &str = "FMG0000000000002";

#[track_caller]
fn is_held(manager: &Managing, licence: &Aside, standing: &str) -> bool {
    let status = manager.reserve(&["status"]).ok();
    status.contains(&licence.serial) && licence.standing(&status) == standing
}

/// A gateway that reaches nobody but these managers.
fn managed(tokens: &Home, managers: &[&Managing]) -> (Apart, Running) {
    let gateway = Apart {
        server: NOWHERE.to_owned(),
        ..Apart::of(tokens).enrolled(tokens, SERIAL)
    };
    let running = gateway.start();
    gateway.managed_by(managers);
    (gateway, running)
}

/// Its user activates a token at the manager, and logs in.
#[track_caller]
fn enrol_at(manager: &Managing, gateway: &Apart, user: &str, token: &str) -> Phone {
    let shown = gateway.home.user(user, token);
    let phone = Phone::new(&gateway.home, user).at_server(manager.url(), manager.authority());
    phone.add(&activation_code(&shown), user).ok();
    gateway.home.console("execute fortitoken-mobile poll").ok();
    phone
}

/// The desk sends whoever asks about a phone that a manager served to the gateway, and to no provisioning.
#[track_caller]
fn knows_no_phone(tokens: &Home, token: &str) {
    let look = tokens.desk(&["look", token]).ok();
    for told in [MANAGER, &format!("diagnose fortitoken info {token}")] {
        assert!(look.contains(told), "no '{told}' in:\n{look}");
    }
    assert!(!look.contains("assign it to a user"), "{look}");
}

#[test]
fn a_reserve_is_given_out_while_the_token_server_is_away_and_settled_when_it_is_back() {
    let (tokens, server) = token_server();
    let manager = Managing::of(&tokens, MANAGER);
    let managing = manager.start();
    let (gateway, running) = managed(&tokens, &[&manager]);
    let [first, second] = [(), ()].map(|()| Aside::of(&tokens, MANAGER, 2));
    until("the manager has both", || {
        is_held(&manager, &first, "kept") && is_held(&manager, &second, "kept")
    });
    // The token server gives out neither.
    let direct = Apart::of(&tokens).enrolled(&tokens, DIRECT);
    let asking = direct.start();
    let said = direct
        .home
        .console(&format!("execute fortitoken-mobile import {}", first.code));
    assert!(said.out.contains(MANAGER), "{said:?}");
    asking.stop();
    server.stop();

    let serials = import(&gateway, &first.code);
    assert_eq!(serials.len(), 2);
    let alice = enrol_at(&manager, &gateway, "alice", &serials[0]);
    let shown = gateway.home.console("show user fortitoken").ok();
    assert!(shown.contains("reg-id"), "{shown}");
    gateway.home.radius_client("vpn", "127.0.0.1", "");
    let vpn = Vpn::new(&gateway.home, "127.0.0.1");
    assert_eq!(vpn.log_in("alice", &alice.code("alice")), Answer::Accept);
    assert!(is_held(&manager, &first, "unsettled"));
    assert!(is_held(&manager, &second, "kept"));
    managing.kill();
    let managing = manager.start();
    assert!(is_held(&manager, &first, "unsettled"));
    // Again is error 11, from the manager too.
    let again = format!("execute fortitoken-mobile import {}", first.code);
    assert!(gateway.home.console(&again).out.contains("-7561"));

    let server_again = Running::start(&mut registry(&tokens), &tokens);
    until("it is settled", || is_held(&manager, &first, "settled"));
    let reserve = tokens.desk(&["reserve", MANAGER]).ok();
    assert_eq!(first.standing(&reserve), "settled");
    assert_eq!(second.standing(&reserve), "kept");
    let look = tokens.desk(&["look", &first.serial]).ok();
    assert!(look.contains(SERIAL) && look.contains(MANAGER), "{look}");
    knows_no_phone(&tokens, &serials[0]);
    let told = tokens.desk(&["history", &first.serial]).ok();
    assert_eq!(told.matches(" import ").count(), 1, "{told}");
    // Its tokens are served on, and what is not in the reserve comes from the token server.
    enrol_at(&manager, &gateway, "bob", &serials[1]);
    assert_eq!(import(&gateway, &tokens.issue(3)).len(), 3);
    gateway.home.console("execute fortitoken-mobile poll").ok();
    assert_eq!(import(&gateway, &second.code).len(), 2);
    until("it is settled", || is_held(&manager, &second, "settled"));
    running.stop();
    managing.stop();
    server_again.stop();
}

#[test]
fn a_closed_network_gets_its_reserve_and_settles_it_by_files_and_takes_no_other() {
    let (tokens, server) = token_server();
    let manager = Managing::of(&tokens, MANAGER).cut_off();
    let managing = manager.start();
    let other = Managing::of(&tokens, SECOND);
    drop(other);
    let (gateway, running) = managed(&tokens, &[&manager]);
    let licence = Aside::of(&tokens, MANAGER, 1);
    let file = |name: &str, content: &str| {
        let file = manager.home.path(name);
        fs::write(&file, content).unwrap();
        file.to_string_lossy().into_owned()
    };
    let load = |name: &str, content: &str| manager.reserve(&["load", &file(name, content)]);
    let older = tokens.desk(&["reserve-file", MANAGER]).ok();
    let later = Aside::of(&tokens, MANAGER, 1);
    let reserve = tokens.desk(&["reserve-file", MANAGER]).ok();
    let of_second = tokens.desk(&["reserve-file", SECOND]).ok();
    let (stranger, strange) = token_server();
    stranger.desk(&["register-manager", MANAGER]).ok();
    let forged = stranger.desk(&["reserve-file", MANAGER]).ok();
    strange.stop();

    assert!(load("forged", &forged).refused().contains("not signed"));
    assert!(load("second", &of_second).refused().contains(SECOND));
    assert!(load("none", "{}").refused().contains("no reserve"));
    assert!(
        load("half", &reserve[..90])
            .refused()
            .contains("no reserve")
    );
    let mut changed = reserve.clone().into_bytes();
    // A letter of what is signed.
    changed[60] = if changed[60] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    assert!(load("changed", &changed).refused().contains("not signed"));
    assert!(!manager.reserve(&["status"]).ok().contains("EFTM"));
    assert!(load("reserve", &reserve).ok().contains("taken"));
    assert!(load("reserve", &reserve).ok().contains("already"));
    assert!(load("older", &older).refused().contains("number"));
    assert!(is_held(&manager, &licence, "kept") && is_held(&manager, &later, "kept"));

    let serials = import(&gateway, &licence.code);
    enrol_at(&manager, &gateway, "alice", &serials[0]);
    let settlement = manager.reserve(&["settlement"]).ok();
    let settle = |name: &str, content: &str| tokens.desk(&["settle", &file(name, content)]);
    let mut changed = settlement.clone().into_bytes();
    changed[60] = if changed[60] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    assert!(settle("changed", &changed).refused().contains("not signed"));
    let said = settle("settlement", &settlement).ok();
    assert!(said.contains("given out since: 1;"), "{said}");
    let said = settle("settlement", &settlement).ok();
    assert!(said.contains("given out since: 0;"), "{said}");
    assert!(is_held(&manager, &licence, "unsettled"));
    load("known", &tokens.desk(&["reserve-file", MANAGER]).ok()).ok();
    assert!(is_held(&manager, &licence, "settled"));
    // Who is no manager any more settles nothing.
    tokens
        .desk(&["dismiss-manager", MANAGER, "--reason", "sold"])
        .ok();
    let said = settle("settlement", &settlement).refused();
    assert!(said.contains("is no manager"), "{said}");
    running.stop();
    managing.stop();
    server.stop();
}

#[test]
fn a_licence_is_back_when_its_manager_has_said_what_became_of_it() {
    let (tokens, server) = token_server();
    let manager = Managing::of(&tokens, MANAGER);
    let managing = manager.start();
    let gateway = Apart::of(&tokens).enrolled(&tokens, DIRECT);
    let running = gateway.start();
    let licence = Aside::of(&tokens, MANAGER, 1);
    until("the manager has it", || is_held(&manager, &licence, "kept"));
    // A manager asks again and again, and takes in what is new.
    let told = |label: &str| after(&manager.reserve(&["status"]).ok(), label).to_owned();
    let (exchanged, settled) = (told("Exchanged:"), told("Settled:"));
    until("it asked again", || told("Exchanged:") != exchanged);
    assert_eq!(told("Settled:"), settled);
    let moved = [
        "move-licence",
        &licence.serial,
        "--to",
        DIRECT,
        "--reason",
        "r",
    ];
    assert!(tokens.desk(&moved).refused().contains("take-back"));
    managing.kill();
    let back = ["take-back", &licence.serial, "--reason", "wanted here"];
    tokens.desk(&back).ok();
    let import_it = format!("execute fortitoken-mobile import {}", licence.code);
    let said = gateway.home.console(&import_it);
    assert!(said.out.contains("in its reserve"), "{said:?}");
    let managing = manager.start();
    until("it waits no more", || {
        gateway
            .home
            .console("show user fortitoken")
            .ok()
            .contains("FTKMOB")
    });
    assert!(is_held(&manager, &licence, "taken"));
    let reserve = tokens.desk(&["reserve", MANAGER]).ok();
    assert!(!reserve.contains(&licence.serial), "{reserve}");
    tokens.desk(&moved).ok();
    running.stop();
    managing.stop();
    server.stop();
}

/// A gateway in the place of one whose licence was given out by a manager and taken back: the token server heard of
/// no phone, and alice has hers.
struct Followed {
    tokens: Home,
    running: [Running; 3],
    gateway: Apart,
    licence: String,
    token: String,
    alice: Phone,
    /// Where the phone keeps its tokens.
    old: Home,
}

const WORDS: &str = "config file unit.conf \"correct horse\"";

/// The text of one gateway, for another.
fn hand_over(from: &Apart, to: &Apart, files: &[&str]) {
    let backup = format!("execute backup {WORDS}");
    from.home.console(&backup).ok();
    for file in files {
        let [from, to] = [from, to].map(|it| it.home.data().join(file));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

impl Followed {
    fn new() -> Self {
        let (tokens, server) = token_server();
        let manager = Managing::of(&tokens, MANAGER);
        let managing = manager.start();
        let (old, running) = managed(&tokens, &[&manager]);
        let licence = Aside::of(&tokens, MANAGER, 1);
        until("the manager has it", || is_held(&manager, &licence, "kept"));
        let token = import(&old, &licence.code).remove(0);
        let alice = enrol_at(&manager, &old, "alice", &token);
        old.home.radius_client("vpn", "127.0.0.1", "");
        assert_eq!(old.home.status(&token), "provisioned");
        let back = ["take-back", &licence.serial, "--reason", "wanted here"];
        tokens.desk(&back).ok();
        until("it is the token server's", || {
            let reserve = tokens.desk(&["reserve", MANAGER]).ok();
            !reserve.contains(&licence.serial)
        });
        let gateway = Apart::of(&tokens).enrolled(&tokens, DIRECT);
        hand_over(
            &old,
            &gateway,
            &["gateway/backup/unit.conf", "certificates/managers.pem"],
        );
        running.stop();
        let replace = ["replace-unit", SERIAL, DIRECT, "--reason", "RMA 15"];
        tokens.desk(&replace).ok();
        let running = gateway.start();
        let restore = format!("execute restore {WORDS}\ny");
        gateway.home.console(&restore).ok();
        assert_eq!(gateway.home.status(&token), "provisioned");
        Self {
            tokens,
            running: [running, managing, server],
            gateway,
            licence: licence.serial,
            token,
            alice,
            old: old.home,
        }
    }

    fn desk(&self, words: &[&str]) {
        self.tokens.desk(words).ok();
    }

    /// What a poll makes of the token at a gateway.
    #[track_caller]
    fn polled(&self, gateway: &Apart) -> String {
        gateway.home.console("execute fortitoken-mobile poll").ok();
        gateway.home.status(&self.token)
    }

    fn stop(self) {
        self.running.into_iter().for_each(Running::stop);
    }
}

#[test]
fn phones_of_a_licence_that_was_taken_back_follow_to_the_unit_in_the_gateways_place() {
    let world = Followed::new();
    // Which phone has it is the backup's word after each poll, and behind the desk's lock, too.
    assert_eq!(world.polled(&world.gateway), "provisioned");
    world.desk(&["lock-token", &world.token, "--reason", "lost"]);
    assert_eq!(world.polled(&world.gateway), "provisioned");
    world.desk(&["unlock-token", &world.token, "--reason", "found"]);
    assert_eq!(world.polled(&world.gateway), "provisioned");
    knows_no_phone(&world.tokens, &world.token);
    let revoke = ["revoke-licence", &world.licence, "--reason", "sold"];
    let said = world.tokens.desk(&revoke).ok();
    assert!(said.contains("known at their gateways alone"), "{said}");
    world.stop();
}

#[test]
fn phones_of_a_licence_that_was_taken_back_move_on_when_the_desk_moved_it_first() {
    let world = Followed::new();
    let (from, token) = (&world.gateway, &*world.token);
    let next = Apart::of(&world.tokens).enrolled(&world.tokens, NEXT);
    let up = next.start();
    let moved = ["move-licence", &world.licence, "--to", NEXT];
    world.desk(&[&moved[..], &["--reason", "r"]].concat());
    from.home
        .console("execute fortitoken-mobile poll")
        .refused();
    assert_eq!(from.home.status(token), "new");

    let wish = next
        .home
        .console("execute fortitoken-mobile move request")
        .ok();
    let wish = wish.split_whitespace().find(|word| word.starts_with(NEXT));
    let export = format!(
        "execute fortitoken-mobile move export {} {NEXT} {} tokens.move",
        world.licence,
        wish.unwrap()
    );
    let said = from.home.console(&export).ok();
    assert!(said.contains("1 token is in file"), "{said}");
    hand_over(
        from,
        &next,
        &[
            "gateway/backup/unit.conf",
            "gateway/backup/tokens.move",
            "certificates/managers.pem",
        ],
    );
    next.home
        .console(&format!("execute restore {WORDS}\ny"))
        .ok();
    world.desk(&["lock-token", token, "--reason", "lost"]);
    let take = format!("execute fortitoken-mobile move import {DIRECT} tokens.move");
    let refused = next.home.console(&take).refused();
    assert!(
        refused.contains(token) && refused.contains("unlock-token"),
        "{refused}"
    );
    world.desk(&["unlock-token", token, "--reason", "found"]);
    next.home.console(&take).ok();
    assert_eq!(next.home.status(token), "provisioned");
    up.stop();
    let mut command = next.command();
    at_offset(&mut command, LATER);
    let up = Running::start(&mut command, &next.home);
    let vpn = Vpn::new(&next.home, "127.0.0.1");
    let Followed {
        running,
        alice,
        old,
        ..
    } = world;
    let code = alice.at(LATER).code("alice");
    assert_eq!(vpn.log_in("alice", &code), Answer::Accept);
    up.stop();
    running.into_iter().for_each(Running::stop);
    drop(old);
}

#[test]
fn a_licence_that_was_renewed_between_is_given_out_by_its_new_code() {
    let (tokens, server) = token_server();
    let manager = Managing::of(&tokens, MANAGER);
    let managing = manager.start();
    let (gateway, running) = managed(&tokens, &[&manager]);
    let licence = Aside::of(&tokens, MANAGER, 1);
    until("the manager has it", || is_held(&manager, &licence, "kept"));
    tokens
        .desk(&["take-back", &licence.serial, "--reason", "its code is lost"])
        .ok();
    until("the manager gave it back", || {
        let reserve = tokens.desk(&["reserve", MANAGER]).ok();
        !reserve.contains(&licence.serial)
    });
    let renewed = ["renew-licence", &licence.serial, "--lost-code"];
    let said = tokens.desk(&renewed).ok();
    let code = after(&said, "Code:").split_whitespace().next().unwrap();
    let again = ["set-aside", &licence.serial, "--manager", MANAGER];
    tokens
        .desk(&[&again[..], &["--reason", "as before"]].concat())
        .ok();
    until("the manager has it again", || {
        is_held(&manager, &licence, "kept")
    });
    server.stop();
    assert_eq!(import(&gateway, code).len(), 1);
    running.stop();
    managing.stop();
}

#[test]
fn a_manager_that_was_put_back_or_begun_anew_gives_nothing_out_until_the_desk_says_so() {
    let (tokens, server) = token_server();
    let manager = Managing::of(&tokens, MANAGER);
    let managing = manager.start();
    let (gateway, running) = managed(&tokens, &[&manager]);
    let [given, kept] = [(), ()].map(|()| Aside::of(&tokens, MANAGER, 1));
    until("the manager has both", || {
        is_held(&manager, &given, "kept") && is_held(&manager, &kept, "kept")
    });
    import(&gateway, &given.code);
    until("it is settled", || is_held(&manager, &given, "settled"));
    managing.stop();

    // Its database is lost; the rest is there.
    for file in fs::read_dir(manager.home.data().join("manager")).unwrap() {
        let path = file.unwrap().path();
        if path.to_string_lossy().contains("reserve.db") {
            fs::remove_file(path).unwrap();
        }
    }
    let managing = manager.start();
    until("it knows", || {
        manager.reserve(&["status"]).ok().contains("behind since")
    });
    let shown = tokens.desk(&["reserve", MANAGER]).ok();
    assert!(shown.contains("confirm-record"), "{shown}");
    let file = tokens.desk(&["reserve-file", MANAGER]).refused();
    assert!(file.contains("confirm-record"), "{file}");
    let import_it = format!("execute fortitoken-mobile import {}", kept.code);
    let said = gateway.home.console(&import_it);
    assert!(!said.out.contains("EFTM"), "{said:?}");

    let confirm = ["confirm-record", MANAGER, "--reason", "nothing else given"];
    until("the desk was heard", || {
        tokens.desk(&confirm).ok();
        let status = manager.reserve(&["status"]).ok();
        !status.contains("behind since") && status.contains(&given.serial)
    });
    assert!(is_held(&manager, &given, "settled"));
    until("the other is given out", || {
        is_held(&manager, &kept, "settled")
    });
    let told = tokens.desk(&["history", &given.serial]).ok();
    assert_eq!(told.matches(" import ").count(), 1, "{told}");
    running.stop();
    managing.stop();
    server.stop();
}

#[test]
fn a_licence_of_a_gateway_that_is_gone_waits_until_the_desk_says_whose_it_is() {
    let (tokens, server) = token_server();
    let manager = Managing::of(&tokens, MANAGER).cut_off();
    let managing = manager.start();
    let (gateway, running) = managed(&tokens, &[&manager]);
    let licence = Aside::of(&tokens, MANAGER, 1);
    let file = |name: &str, content: &str| {
        let file = manager.home.path(name);
        fs::write(&file, content).unwrap();
        file.to_string_lossy().into_owned()
    };
    let reserve = tokens.desk(&["reserve-file", MANAGER]).ok();
    manager.reserve(&["load", &file("reserve", &reserve)]).ok();
    import(&gateway, &licence.code);
    running.stop();
    let why = ["--reason", "sold"];
    let gone = ["unregister-product", SERIAL];
    tokens.desk(&[&gone[..], &why].concat()).ok();
    let take_back = ["take-back", &licence.serial];
    tokens.desk(&[&take_back[..], &why].concat()).ok();
    let settlement = file("settlement", &manager.reserve(&["settlement"]).ok());
    let said = tokens.desk(&["settle", &settlement]).ok();
    assert!(said.contains("CLAIMED"), "{said}");
    let said = tokens.desk(&[&take_back[..], &why].concat()).ok();
    assert!(said.contains("name-owner"), "{said}");
    let look = tokens.desk(&["look", &licence.serial]).ok();
    assert!(look.contains("name-owner"), "{look}");
    let table = tokens.desk(&["reserve", MANAGER]).ok();
    assert_eq!(licence.standing(&table), "claimed");

    tokens.desk(&["register-product", DIRECT]).ok();
    let name = ["name-owner", &licence.serial, "--to", DIRECT];
    tokens.desk(&[&name[..], &why].concat()).ok();
    let look = tokens.desk(&["look", &licence.serial]).ok();
    assert!(look.contains(DIRECT), "{look}");
    managing.stop();
    server.stop();
}

#[test]
fn managers_that_are_killed_between_give_each_licence_out_once() {
    const ROUNDS: u64 = 6;
    let (tokens, server) = token_server();
    let managers = [MANAGER, SECOND].map(|serial| Managing::of(&tokens, serial));
    let mut managing = managers.each_ref().map(|manager| Some(manager.start()));
    let (gateway, running) = managed(&tokens, &[&managers[0], &managers[1]]);
    let keepers = [0_usize, 1].into_iter().cycle();
    let licences: Vec<(usize, Aside)> = keepers
        .zip(0..ROUNDS)
        .map(|(keeper, _)| (keeper, Aside::of(&tokens, [MANAGER, SECOND][keeper], 1)))
        .collect();
    until("the managers have all", || {
        let mut kept = licences.iter();
        kept.all(|(keeper, licence)| is_held(&managers[*keeper], licence, "kept"))
    });
    server.stop();
    for (round, (keeper, licence)) in (1..).zip(&licences) {
        let import = format!("execute fortitoken-mobile import {}", licence.code);
        thread::scope(|scope| {
            // Whether it is told in time or waits: both are right.
            scope.spawn(|| gateway.home.console(&import));
            thread::sleep(Duration::from_millis(round * 15));
            managing[*keeper].take().unwrap().kill();
            managing[*keeper] = Some(managers[*keeper].start());
        });
    }
    let listed = || {
        gateway
            .home
            .console("show user fortitoken")
            .ok()
            .matches("edit ")
            .count()
    };
    until("every licence is there", || listed() == licences.len());
    let server = Running::start(&mut registry(&tokens), &tokens);
    until("all are settled", || {
        let mut settled = licences.iter();
        settled.all(|(keeper, licence)| is_held(&managers[*keeper], licence, "settled"))
    });
    for (_, licence) in &licences {
        let told = tokens.desk(&["history", &licence.serial]).ok();
        assert_eq!(told.matches(" import ").count(), 1, "{told}");
    }
    assert_eq!(listed(), licences.len());
    running.stop();
    for managing in managing {
        managing.unwrap().stop();
    }
    server.stop();
}

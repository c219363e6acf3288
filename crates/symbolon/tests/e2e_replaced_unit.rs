//! A gateway that is replaced by another: two data directories, two processes, and a person who goes on with the
//! same phone.
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
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use common::apart::{Apart, enrolled, import, invite, token_server};
use common::phone::{Phone, activation_code, set_transfers};
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running, Said, at_offset, free_port, until};
use serde_json::Value;

const OLD: &str = "FGT0000000000041";
const NEW: &str = "FGT0000000000042";
const ELSEWHERE: &str = "FGT0000000000043";
const TRIAL: &str = "0000-0000-0000-0000-0000";
const CLIENT: &str = "127.0.0.1";
const BACKUP_PASSWORD: &str = "correct horse";
/// Later than every code that may have been used before a restore.
const LATER: &str = "+3m";

/// A token server, a gateway, and alice, who has logged in with her phone.
struct World {
    tokens: Home,
    _server: Running,
    old: Apart,
    up: Running,
    token: String,
    alice: Phone,
}

impl World {
    fn new() -> Self {
        let (tokens, server) = token_server();
        let old = Apart::of(&tokens).enrolled(&tokens, OLD);
        let up = old.start();
        old.home.radius_client("vpn1", CLIENT, "");
        let token = import(&old, &tokens.issue(2)).remove(0);
        let alice = enrolled(&old, &tokens, "alice", &token);
        let vpn = Vpn::new(&old.home, CLIENT);
        assert_eq!(vpn.log_in("alice", &alice.code("alice")), Answer::Accept);
        Self {
            tokens,
            _server: server,
            old,
            up,
            token,
            alice,
        }
    }

    fn licence(&self) -> String {
        let seen = json(&self.tokens, &["look", &self.token]);
        seen["token"]["licence"].as_str().unwrap().to_owned()
    }

    /// The old unit's backup, as a file of a new one that has nothing else of it.
    fn backup_for(&self, new: &Apart, words: &str) {
        backup_for(&self.old, new, words);
    }
}

fn json(home: &Home, words: &[&str]) -> Value {
    let mut words = words.to_vec();
    words.push("--json");
    serde_json::from_str(&home.desk(&words).ok()).unwrap()
}

fn kept(gateway: &Apart, name: &str) -> PathBuf {
    gateway.home.data().join("gateway/backup").join(name)
}

fn put(gateway: &Apart, name: &str, text: &[u8]) {
    let file = kept(gateway, name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
}

fn backup_for(old: &Apart, new: &Apart, words: &str) {
    let said = format!("execute backup config file unit.conf {words}");
    old.home.console(&said).ok();
    put(new, "unit.conf", &fs::read(kept(old, "unit.conf")).unwrap());
}

fn restore(gateway: &Apart, words: &str) -> String {
    let restore = format!("execute restore config file unit.conf {words}\ny");
    gateway.home.console(&restore).ok()
}

/// The gateway, once the codes of the restore's minutes are gone by.
fn later(gateway: &Apart, running: Running) -> Running {
    running.stop();
    let mut command = gateway.command();
    at_offset(&mut command, LATER);
    Running::start(&mut command, &gateway.home)
}

#[track_caller]
fn shows(said: &str, texts: &[&str]) {
    for text in texts {
        assert!(said.contains(text), "no '{text}' in:\n{said}");
    }
}

#[test]
fn symptom_31_a_unit_is_replaced_and_users_keep_their_phones() {
    let world = World::new();
    let tokens = &world.tokens;
    world
        .old
        .home
        .console(&format!("execute fortitoken-mobile import {TRIAL}"))
        .ok();
    let licence = world.licence();
    tokens.desk(&["register-product", NEW]).ok();
    let ticket = [
        "open-ticket",
        "--account",
        "local",
        "--old",
        OLD,
        "--new",
        NEW,
        "--licence",
        &licence,
        "--reason",
        "RMA 12",
    ];
    assert_eq!(json(tokens, &ticket)["ticket"], 1);

    // The unit dies with its disk; its backup and its phones are left.
    let new = Apart::of(tokens);
    world.backup_for(&new, &format!("\"{BACKUP_PASSWORD}\""));
    let World {
        tokens,
        up,
        token,
        alice,
        ..
    } = world;
    up.kill();
    let replace = [
        "replace-unit",
        OLD,
        NEW,
        "--reason",
        "RMA 12",
        "--ticket",
        "1",
    ];
    let replaced = json(&tokens, &replace);
    assert_eq!(replaced["licences"].as_array().unwrap().len(), 2);
    assert_eq!(json(&tokens, &["ticket", "1"])["state"], "closed");
    shows(
        &tokens.desk(&["look", OLD]).ok(),
        &["Replaced by", NEW, "ticket 1"],
    );

    new.enrol(Some(&invite(&tokens, NEW))).ok();
    let up = new.start();
    let said = restore(&new, &format!("\"{BACKUP_PASSWORD}\""));
    shows(&said, &["1 mobile token goes on with its phone"]);
    assert!(
        !said.contains(&format!("{token} comes in as new")),
        "{said}"
    );
    assert_eq!(new.home.status(&token), "provisioned");
    let vpn = Vpn::new(&new.home, CLIENT);
    // This one may have been used at the old unit.
    assert_eq!(vpn.log_in("alice", &alice.code("alice")), Answer::Reject);
    let up = later(&new, up);
    let alice = alice.at(LATER);
    let code = alice.code("alice");
    let vpn = Vpn::new(&new.home, CLIENT);
    assert_eq!(vpn.log_in("alice", &code), Answer::Accept);
    assert_eq!(vpn.log_in("alice", &code), Answer::Reject);

    // The tokens can be had anew as well: the token server takes this unit for the old one.
    let trial = new.home.tokens_of("FTMTRIAL").remove(0);
    let said = new
        .home
        .console(&format!("execute fortitoken-mobile provision {trial}"))
        .ok();
    activation_code(&said);
    up.stop();
}

#[test]
fn a_phone_that_gave_its_token_away_after_the_backup_is_out() {
    let world = World::new();
    let new = Apart::of(&world.tokens);
    world.backup_for(&new, &format!("\"{BACKUP_PASSWORD}\""));
    let World {
        tokens,
        old,
        up,
        token,
        ..
    } = world;
    // The phone was stolen, and alice has another.
    let said = old
        .home
        .console(&format!("execute fortitoken-mobile provision {token}"))
        .ok();
    let second = Phone::new(&tokens, "alice, the second");
    second.add(&activation_code(&said), "alice").ok();
    old.home.console("execute fortitoken-mobile poll").ok();
    up.kill();
    tokens
        .desk(&["replace-unit", OLD, NEW, "--reason", "RMA 13"])
        .ok();
    new.enrol(Some(&invite(&tokens, NEW))).ok();
    let up = new.start();
    restore(&new, &format!("\"{BACKUP_PASSWORD}\""));
    assert_eq!(new.home.status(&token), "new");
    let log = new.home.console("execute log display").ok();
    shows(
        &log,
        &[
            "it is new again",
            &format!("execute fortitoken-mobile provision {token}"),
        ],
    );
    up.stop();
}

#[test]
fn a_backup_without_a_password_has_no_seed_and_says_so() {
    let world = World::new();
    let new = Apart::of(&world.tokens).enrolled(&world.tokens, NEW);
    world.backup_for(&new, "");
    let up = new.start();
    let said = restore(&new, "");
    shows(&said, &[&format!("token {} comes in as new", world.token)]);
    assert_eq!(new.home.status(&world.token), "new");
    up.stop();
    world.up.stop();
}

#[test]
fn a_backup_that_came_too_early_is_of_use_once_the_unit_is_in_the_other_ones_place() {
    let world = World::new();
    let new = Apart::of(&world.tokens).enrolled(&world.tokens, NEW);
    let password = format!("\"{BACKUP_PASSWORD}\"");
    world.backup_for(&new, &password);
    let new_up = new.start();
    // Its own licence came first: the token server answers for that and not for the other.
    import(&new, &world.tokens.issue(1));
    let said = restore(&new, &password);
    shows(&said, &["are another unit's", "symbolon desk replace-unit"]);
    let World {
        tokens,
        old,
        token,
        alice,
        ..
    } = &world;
    let withheld = |login: &str| {
        assert_eq!(new.home.status(token), "new");
        let vpn = Vpn::new(&new.home, CLIENT);
        assert_eq!(vpn.ask("alice", PASSWORD), Answer::Reject, "{login}");
        let shown = new.home.console("diagnose login show user alice").ok();
        shows(&shown, &["token-of-another-unit"]);
    };
    withheld("after the restore");
    let events = new.home.console("execute log display").ok();
    shows(&events, &["says that the token is another unit's"]);
    let info = format!("diagnose fortitoken info {token}");
    let info = new.home.console(&info).ok();
    shows(&info, &["came with another unit's backup"]);
    // What an administrator tries first leaves the phone its seed.
    let provision = format!("execute fortitoken-mobile provision {token}");
    let said = new.home.console(&provision).refused();
    shows(&said, &["is that unit's", "symbolon desk replace-unit"]);
    // Asked again, it says the same, and the same backup does it no harm.
    new.home.console("execute fortitoken-mobile poll").refused();
    restore(&new, &password);
    withheld("after the second restore");
    // The unit in whose place it is not goes on.
    assert_eq!(old.home.status(token), "provisioned");

    tokens
        .desk(&["replace-unit", OLD, NEW, "--reason", "RMA 14"])
        .ok();
    new.home.console("execute fortitoken-mobile poll").ok();
    assert_eq!(new.home.status(token), "provisioned");
    let vpn = Vpn::new(&new.home, CLIENT);
    // The old unit took this one until now.
    assert_eq!(vpn.log_in("alice", &alice.code("alice")), Answer::Reject);
    let World { up, alice, .. } = world;
    up.stop();
    let new_up = later(&new, new_up);
    let code = alice.at(LATER).code("alice");
    let vpn = Vpn::new(&new.home, CLIENT);
    assert_eq!(vpn.log_in("alice", &code), Answer::Accept);
    new_up.stop();
}

/// What a gateway whose clock is wrong shows another's administrator.
fn request_at(gateway: &Apart, offset: &str) -> String {
    let mut command = gateway.command();
    at_offset(&mut command, offset);
    let running = Running::start(&mut command, &gateway.home);
    let request = request(gateway);
    running.stop();
    request
}

/// What a gateway shows another's administrator.
fn request(gateway: &Apart) -> String {
    let said = gateway
        .home
        .console("execute fortitoken-mobile move request")
        .ok();
    let start = said.find("FGT").unwrap();
    said[start..].split_whitespace().next().unwrap().to_owned()
}

fn export(gateway: &Apart, licence: &str, to: &str, request: &str) -> Said {
    let export =
        format!("execute fortitoken-mobile move export {licence} {to} {request} tokens.move");
    gateway.home.console(&export)
}

fn take(gateway: &Apart, from: &str) -> Said {
    let import = format!("execute fortitoken-mobile move import {from} tokens.move");
    gateway.home.console(&import)
}

/// What is no request of the gateway that was named, one out of its time, and a name that a file has, keep the
/// tokens where they are.
fn exports_only_as_asked(world: &World, licence: &str, wish: &str) {
    let elsewhere = Apart::of(&world.tokens).enrolled(&world.tokens, ELSEWHERE);
    let old = request_at(&elsewhere, "-8d");
    let early = request_at(&elsewhere, "+10m");
    for (to, typed, told) in [
        (NEW, "FGT0000000000042.x.y.z", "this is no request"),
        (
            ELSEWHERE,
            &wish.replace(NEW, ELSEWHERE),
            "is not to be trusted",
        ),
        (OLD, &request(&world.old), "this gateway's own"),
        (NEW, &early, "the request is of gateway FGT0000000000043"),
        (
            ELSEWHERE,
            wish,
            "the request is of gateway FGT0000000000042",
        ),
        (ELSEWHERE, &old, "is good for 7 days"),
        (ELSEWHERE, &early, "set the clock right"),
    ] {
        let refused = export(&world.old, licence, to, typed);
        shows(&refused.refused(), &[told]);
    }
    let other = export(&world.old, "EFTM000000000009", NEW, wish);
    shows(&other.refused(), &["is on a phone here"]);
    put(&world.old, "tokens.move", b"all that is left of others");
    let taken = export(&world.old, licence, NEW, wish);
    shows(&taken.refused(), &["type another name"]);
    fs::remove_file(kept(&world.old, "tokens.move")).unwrap();
}

#[test]
fn symptom_31_a_licence_moves_to_another_gateway_and_users_keep_their_phones() {
    let world = World::new();
    let licence = world.licence();
    let new = Apart::of(&world.tokens).enrolled(&world.tokens, NEW);
    let new_up = new.start();
    let wish = request(&new);
    exports_only_as_asked(&world, &licence, &wish);
    assert_eq!(world.old.home.status(&world.token), "provisioned");

    let World {
        tokens,
        old,
        token,
        alice,
        ..
    } = &world;
    let words = format!("\"{BACKUP_PASSWORD}\"");
    let before = format!("execute backup config file before.conf {words}");
    old.home.console(&before).ok();
    let said = export(old, &licence, NEW, &wish).ok();
    shows(&said, &["1 token is in file 'tokens.move'", NEW]);
    assert_eq!(old.home.status(token), "new");
    // Whatever a phone shows at this moment, the old gateway does not know it.
    let vpn = Vpn::new(&old.home, CLIENT);
    let typed = format!("{PASSWORD}{}", alice.code("alice"));
    assert_eq!(vpn.ask("alice", &typed), Answer::Reject);
    let again = export(old, &licence, NEW, &wish);
    shows(
        &again.refused(),
        &["is on a phone here", "in file 'tokens.move'", NEW],
    );

    backup_for(old, &new, &words);
    restore(&new, &words);
    assert_eq!(new.home.status(token), "new");
    for gateway in [old, &new] {
        set_transfers(&gateway.home, free_port());
    }
    let file = fs::read(kept(old, "tokens.move")).unwrap();
    let mut changed = file.clone();
    let middle = changed.len() / 3;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    for (gateway, from, file, told) in [
        (old, OLD, &file, "the file is for gateway FGT0000000000042"),
        (&new, OLD, &changed, "is not to be trusted"),
        (
            &new,
            ELSEWHERE,
            &file,
            "the file is of gateway FGT0000000000041",
        ),
        (&new, OLD, &file[..file.len() / 2].to_vec(), "cut off"),
        (
            &new,
            OLD,
            &file,
            "symbolon desk move-licence EFTM000000000001",
        ),
    ] {
        put(gateway, "tokens.move", file);
        shows(&take(gateway, from).refused(), &[told]);
    }
    let said = tokens
        .desk(&["move-licence", &licence, "--to", NEW, "--reason", "T 4"])
        .ok();
    shows(
        &said,
        &[
            "execute fortitoken-mobile move request",
            &format!("move export {licence} {NEW} REQUEST FILE"),
        ],
    );
    let said = take(&new, OLD).ok();
    shows(
        &said,
        &["1 token of FGT0000000000041 goes on with its phone"],
    );
    assert_eq!(new.home.status(token), "provisioned");
    shows(&take(&new, OLD).refused(), &["imported already"]);
    until("the phone is sent to the new gateway", || {
        let status = alice.app(&["transfer", "status", "alice"]);
        status.status.success()
    });
    // Neither an older backup nor the file gives it back to the old one.
    put(
        old,
        "unit.conf",
        &fs::read(kept(old, "before.conf")).unwrap(),
    );
    restore(old, &words);
    assert_eq!(old.home.status(token), "new");

    let vpn = Vpn::new(&new.home, CLIENT);
    assert_eq!(vpn.log_in("alice", &alice.code("alice")), Answer::Reject);
    let new_up = later(&new, new_up);
    let World { alice, up, .. } = world;
    let code = alice.at(LATER).code("alice");
    let vpn = Vpn::new(&new.home, CLIENT);
    assert_eq!(vpn.log_in("alice", &code), Answer::Accept);
    for running in [up, new_up] {
        running.stop();
    }
}

/// How a file is kept of which it is not known whether its tokens left.
fn undecided(gateway: &Apart, id: &str) -> PathBuf {
    kept(gateway, &format!(".moving-{id}"))
}

#[test]
fn an_export_that_was_killed_ends_at_the_next_start() {
    let world = World::new();
    let licence = world.licence();
    let new = Apart::of(&world.tokens).enrolled(&world.tokens, NEW);
    let new_up = new.start();
    let wish = request(&new);
    let World {
        tokens, old, up, ..
    } = world;
    export(&old, &licence, NEW, &wish).ok();
    let file = kept(&old, "tokens.move");
    let text = fs::read_to_string(&file).unwrap();
    let id = &text[text.find("id=").unwrap() + 3..][..32];
    up.kill();
    // As after the transaction, and before it.
    fs::rename(&file, undecided(&old, id)).unwrap();
    let other = "0123456789abcdef0123456789abcdef";
    put(
        &old,
        &format!(".moving-{other}"),
        b"seeds that are in use here",
    );
    let up = old.start();
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    for id in [id, other] {
        assert!(!undecided(&old, id).exists());
    }
    let again = export(&old, &licence, NEW, &wish);
    shows(&again.refused(), &["in file 'tokens.move'"]);
    up.stop();
    new_up.stop();
    drop(tokens);
}

#[test]
fn a_token_that_another_phone_got_after_its_export_is_new_where_it_comes_in() {
    let world = World::new();
    let licence = world.licence();
    let World {
        tokens, old, token, ..
    } = &world;
    let new = Apart::of(tokens).enrolled(tokens, NEW);
    let new_up = new.start();
    export(old, &licence, NEW, &request(&new)).ok();
    // The license is still the old gateway's, and so is the token.
    let provision = format!("execute fortitoken-mobile provision {token}");
    let said = old.home.console(&provision).ok();
    let second = Phone::new(tokens, "alice, the second");
    second.add(&activation_code(&said), "alice").ok();
    old.home.console("execute fortitoken-mobile poll").ok();
    tokens
        .desk(&["move-licence", &licence, "--to", NEW, "--reason", "T 5"])
        .ok();
    put(
        &new,
        "tokens.move",
        &fs::read(kept(old, "tokens.move")).unwrap(),
    );
    let said = take(&new, OLD).ok();
    shows(&said, &["No token of", "New, for", token]);
    assert_eq!(new.home.status(token), "new");
    let events = new.home.console("execute log display").ok();
    shows(&events, &["it is new again"]);
    new_up.stop();
    world.up.stop();
}

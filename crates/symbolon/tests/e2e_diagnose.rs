//! `diagnose radius clients` and `diagnose security`: what is counted, what falls short, and that the
//! strict profile is in force.
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

use common::phone::{PIN, Phone, activation_code};
use common::radius::{Answer, Vpn};
use common::terminal::Terminal;
use common::{Home, PASSWORD, Running, after, symbolon};

fn system() -> (Home, Running) {
    let home = Home::new();
    let up = Running::up(&home);
    (home, up)
}

/// The columns of a client's line, without its name and network.
fn counts(home: &Home, client: &str) -> Vec<u64> {
    let shown = home.console("diagnose radius clients").ok();
    let line = shown.lines().find(|line| line.starts_with(client)).unwrap();
    let words = line.split_whitespace().skip(2);
    words.map(|word| word.parse().unwrap()).collect()
}

#[test]
fn a_client_is_told_apart_from_a_stranger_and_a_forger() {
    let (home, up) = system();
    home.radius_client("vpn1", "127.0.0.1", "");
    home.user_without_token("robot");
    let vpn = Vpn::new(&home, "127.0.0.1");
    assert_eq!(counts(&home, "vpn1"), [0, 0, 0, 0, 0, 0]);
    assert_eq!(vpn.ask_unauthenticated("robot", PASSWORD), Answer::Accept);
    assert_eq!(vpn.ask("robot", PASSWORD), Answer::Accept);
    assert_eq!(vpn.ask("robot", "guess"), Answer::Reject);
    let forger = Vpn {
        secret: "another secret",
        ..Vpn::new(&home, "127.0.0.1")
    };
    assert_eq!(forger.ask("robot", PASSWORD), Answer::Silence);
    let stranger = Vpn::new(&home, "127.0.0.7");
    assert_eq!(stranger.ask("robot", PASSWORD), Answer::Silence);

    // Requests, accepted, rejected, challenged, repeated, dropped.
    assert_eq!(counts(&home, "vpn1"), [3, 2, 1, 0, 0, 1]);
    let shown = home.console("diagnose radius clients list").ok();
    for text in [
        "Message-Authenticator: demanded of 127.0.0.1, which have sent one",
        "dropped: 1 wrong Message-Authenticator",
        "127.0.0.7  1 datagrams",
    ] {
        assert!(shown.contains(text), "no '{text}' in:\n{shown}");
    }

    // What was learned is demanded until an administrator says otherwise.
    assert_eq!(vpn.ask_unauthenticated("robot", PASSWORD), Answer::Silence);
    let said = home
        .console("diagnose radius clients reset-authenticator 127.0.0.7")
        .refused();
    assert!(said.contains("has sent no Message-Authenticator"), "{said}");
    home.console("diagnose radius clients reset-authenticator 127.0.0.1")
        .ok();
    assert_eq!(vpn.ask_unauthenticated("robot", PASSWORD), Answer::Accept);
    assert_eq!(counts(&home, "vpn1"), [4, 3, 1, 0, 0, 2]);
    up.stop();
}

#[test]
fn a_token_without_a_seed_is_told_from_one_that_is_not_there() {
    let (home, up) = system();
    home.console("execute fortitoken-mobile import 0000-0000-0000-0000-0000")
        .ok();
    let shown = home.console("show user fortitoken | grep edit").ok();
    let new = after(&shown, "edit").trim_matches('"').to_owned();
    for (token, said) in [
        (&*new, "has no seed yet"),
        ("FTKMOB0000000000", "entry not found"),
    ] {
        for command in [
            format!("diagnose fortitoken test {token} 111111 222222 10"),
            format!("execute fortitoken sync {token} 111111 222222"),
        ] {
            let refused = home.console(&command).refused();
            assert!(refused.contains(said), "{command}: {refused}");
        }
    }
    let unknown = "diagnose fortitoken info FTKMOB0000000000";
    let refused = home.console(unknown).refused();
    assert!(refused.contains("Return code -3"), "{refused}");
    up.stop();
}

#[test]
fn the_strict_profile_is_in_force_at_once() {
    let (home, up) = system();
    home.radius_client(
        "vpn1",
        "127.0.0.1",
        "set require-message-authenticator disable",
    );
    let vpn = Vpn::new(&home, "127.0.0.1");
    home.user_without_token("robot");
    assert_eq!(vpn.ask_unauthenticated("robot", PASSWORD), Answer::Accept);
    let found = home.console("diagnose security").ok();
    for text in [
        "security profile: compatible",
        "RADIUS client 'vpn1' may leave the Message-Authenticator out",
        "administrator 'admin' logs in without a second factor",
        "1 user logs in with a password alone",
        "activation codes are valid for 72 hours",
        "new tokens open with a PIN of 4 digits",
    ] {
        assert!(found.contains(text), "no '{text}' in:\n{found}");
    }

    home.console("config system security\nset profile strict\nend")
        .ok();
    assert_eq!(vpn.ask_unauthenticated("robot", PASSWORD), Answer::Silence);
    assert_eq!(vpn.ask("robot", PASSWORD), Answer::Accept);
    let found = home.console("diagnose security").ok();
    for gone in [
        "Message-Authenticator",
        "72 hours",
        "PIN",
        "60 s",
        "no wait",
    ] {
        assert!(!found.contains(gone), "'{gone}' in:\n{found}");
    }

    // An activation code lives ten minutes, the token's codes half as long as before, and the PIN is longer.
    let token = home.import(1).remove(0);
    let shown = home.user("alice", &token);
    let code = activation_code(&shown);
    assert!(
        code.starts_with("EEA"),
        "a code of 30 s begins with EEA: {code}"
    );
    let expires: i64 = home.field(&token, "activation-expire").parse().unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let left = expires - i64::try_from(now.as_secs()).unwrap();
    assert!((500..=600).contains(&left), "{left} s");
    let phone = Phone::new(&home, "alice");
    let refused = phone.add(&code, "work").refused();
    let too_short = "asks for a PIN of at least 6 digits";
    assert!(refused.contains(too_short), "{refused}");
    phone.change_pin("274163").ok();
    phone.add(&code, "work").ok();
    assert_eq!(vpn.log_in("alice", &phone.code("work")), Answer::Accept);
    let refused = phone.change_pin(PIN).refused();
    assert!(refused.contains(too_short), "{refused}");
    phone.code("work");
    up.stop();
}

/// The lines that a console with these debug levels gets while something happens.
fn watched(home: &Home, levels: &str, happens: impl FnOnce()) -> String {
    let mut command = symbolon();
    command.arg("console").arg("--data").arg(home.data());
    let mut terminal = Terminal::open(&mut command);
    terminal.expect("symbolon # ");
    terminal.type_in(&format!("{levels}\rdiagnose debug enable\rexecute date\r"));
    terminal.expect("current date is:");
    happens();
    terminal.type_in("execute time\r");
    terminal.expect("current time is:")
}

#[test]
fn a_login_is_seen_as_it_goes_on() {
    let (home, up) = system();
    home.radius_client("vpn1", "127.0.0.1", "");
    home.user_without_token("robot");
    let vpn = Vpn::new(&home, "127.0.0.1");
    let levels = "diagnose debug application fnbamd -1\rdiagnose debug application radiusd -1";
    let lines = watched(&home, levels, || {
        assert_eq!(vpn.ask("robot", PASSWORD), Answer::Accept);
        assert_eq!(vpn.ask("robot", "guess"), Answer::Reject);
        let stranger = Vpn::new(&home, "127.0.0.7");
        assert_eq!(stranger.ask("robot", PASSWORD), Answer::Silence);
    });
    for text in [
        "handle_req-Rcvd auth req from 127.0.0.1",
        "for robot in root client vpn1",
        "fnbam_auth_update_result return: 0 (success)",
        "fnbam_auth_update_result return: 1 (password-wrong)",
        "radiusd: dropped from 127.0.0.7: no client has this address",
    ] {
        assert!(lines.contains(text), "no '{text}' in:\n{lines}");
    }
    for secret in [PASSWORD, "guess"] {
        assert!(!lines.contains(secret), "{lines}");
    }
    up.stop();
}

#[test]
fn an_administrator_ends_the_session_of_another() {
    let (home, up) = system();
    let mut command = symbolon();
    command.arg("console").arg("--data").arg(home.data());
    let mut other = Terminal::open(&mut command);
    other.expect("symbolon # ");
    let shown = home.console("diagnose sys admin-session list").ok();
    let line = shown
        .lines()
        .find(|line| line.contains("console") && !line.contains("this one"));
    let number = line.unwrap().split(' ').next().unwrap();
    home.console(&format!("diagnose sys admin-session kill {number}"))
        .ok();
    other.ended();
    let said = home
        .console(&format!("execute disconnect-admin-session {number}"))
        .refused();
    assert!(said.contains("nobody is logged in as session"), "{said}");
    up.stop();
}

#[test]
fn a_name_is_shown_as_it_is_looked_up() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", "127.0.0.1", "");
    home.user_without_token("Alice");
    let shown = home
        .console("diagnose radius name vpn1 \"CORP\\\\ALICE@example.org\"")
        .ok();
    for line in [
        "presented : CORP\\ALICE@example.org\n",
        "          : corp\\alice@example.org    (case, width and composition of letters do not matter)\n",
        "          : alice@example.org    (a domain before a backslash is left out)\n",
        "looked up : alice in virtual domain root\n",
        "user      : Alice, two-factor disable\n",
    ] {
        assert!(shown.contains(line), "{line}{shown}");
    }
    let shown = home.console("diagnose radius name vpn1 bob").ok();
    assert!(shown.contains("user      : none of this name"), "{shown}");
    let shown = home.console("diagnose radius name vpn1 \" \"").refused();
    assert!(
        shown.contains("looked up : nothing: the name is empty"),
        "{shown}"
    );
    let shown = home.console("diagnose radius name vpn9 bob").refused();
    assert!(shown.contains("vpn9 is no RADIUS client here"), "{shown}");
    up.stop();
}

//! Administrators over SSH, with OpenSSH's client.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one runs processes"
)]

mod common;

use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::phone::{Phone, activation_code};
use common::radius::{Answer, Vpn};
use common::ssh::{ADMIN_PASSWORD, PORT, Ssh, first_login, one_time_password};
use common::terminal::Terminal;
use common::{Home, Running, free_port, run, symbolon, tool, until};
use socket2::{Domain, Socket, Type};

const PROMPT: &str = "symbolon # ";
const CTRL_C: &str = "\x03";

/// An address from which strangers come.
const FLOODING: [u8; 4] = [127, 250, 0, 1];

/// A system whose `admin` has a password.
fn started() -> (Home, Running, Ssh) {
    let home = Home::with_ssh();
    let running = Running::up(&home);
    let admin = first_login(&home, &running);
    (home, running, admin)
}

#[test]
fn the_one_time_password_opens_nothing_but_the_way_to_another() {
    let home = Home::with_ssh();
    let running = Running::up(&home);
    let greeting = &running.greeting;
    assert!(
        greeting.contains(&format!("{}:{PORT}", home.ssh_address())),
        "{greeting}"
    );
    let once = one_time_password(&running);
    let admin = Ssh::new(&home, "admin", &once);
    let refused = admin.exec("get system status").refused();
    assert!(
        refused.contains("must be changed") && !refused.contains("Version"),
        "{refused}"
    );

    let mut terminal = admin.terminal();
    terminal.expect("You are forced to change your password.");
    let mut answer = |new: &str, again: &str, expected: &str| {
        terminal.expect("New Password: ");
        terminal.type_in(&format!("{new}\r"));
        terminal.expect("Confirm Password: ");
        terminal.type_in(&format!("{again}\r"));
        terminal.expect(expected)
    };
    answer("short", "short", "at least 8 characters");
    answer(ADMIN_PASSWORD, "something else", "not the same");
    answer(&once, &once, "must not be the old one");
    let shown = answer(ADMIN_PASSWORD, ADMIN_PASSWORD, PROMPT);
    assert!(!shown.contains(ADMIN_PASSWORD), "{shown}");

    assert!(admin.exec("get system status").status.code() == Some(255));
    let status = Ssh::admin(&home).exec("get system status").ok();
    assert!(status.contains("Version: Symbolon-VM v7."), "{status}");
}

#[test]
fn a_command_gives_its_output_alone_and_a_status() {
    let (_home, _running, admin) = started();
    let said = admin.exec("config system global\nset hostname gate1\nend\nshow system global");
    assert!(said.status.success() && said.err.is_empty(), "{said:?}");
    assert!(
        said.out.starts_with("config system global\n") && said.out.ends_with("end\n"),
        "{said:?}"
    );
    let said = admin.exec("frobnicate");
    assert_eq!((said.status.code(), said.err.as_str()), (Some(1), ""));
    assert!(said.out.starts_with("Unknown action 0\n"), "{said:?}");
}

#[test]
fn a_question_that_a_command_asks_is_answered_on_standard_input() {
    let (_home, _running, admin) = started();
    let asked = |answer: &str| run(admin.client().arg("execute log delete-all"), answer);
    let said = asked("y\n");
    assert!(said.status.success(), "{said:?}");
    assert!(asked("n\nget system status\n").status.success());
    let said = asked("");
    assert_eq!(said.status.code(), Some(1));
    assert!(
        said.out
            .ends_with("the question was not answered: nothing was done\n"),
        "{said:?}"
    );
    let mut terminal = Terminal::open(
        admin
            .clone()
            .option("-tt")
            .client()
            .arg("execute log delete-all"),
    );
    terminal.expect("(y/n)");
    terminal.type_in("y\r");
    assert!(terminal.ended().success());
}

#[test]
fn lines_on_standard_input_run_in_one_session_without_echo_or_prompt() {
    let (_home, _running, admin) = started();
    let said =
        admin.pipe("config system global\nset hostname gate2\nend\nget system status\nexit\n");
    assert!(said.status.success() && said.err.is_empty(), "{said:?}");
    assert!(said.out.starts_with("Version: "), "{said:?}");
    assert!(said.out.contains("Hostname: gate2\n"), "{said:?}");
    let said = admin.pipe("set nothing\nget system status\n");
    assert_eq!(said.status.code(), Some(1));
    assert!(said.out.contains("Version: "), "{said:?}");
}

#[test]
fn ten_thousand_lines_and_their_output_pass_each_other() {
    let (_home, _running, admin) = started();
    let lines = "config system global\nshow\nend\n".repeat(3_000) + "get system status\n";
    let said = admin.pipe(&lines).ok();
    assert_eq!(said.matches("config system global").count(), 3_000);
    assert!(said.contains("Version: "));
}

#[test]
fn a_person_at_a_terminal_has_prompt_completion_help_and_the_end() {
    let (_home, _running, admin) = started();
    let mut terminal = admin.terminal();
    terminal.expect(PROMPT);
    terminal.type_in("get sys\tst\t\r");
    terminal.expect("get system status \r\n");
    terminal.expect("Version: ");
    terminal.expect(PROMPT);
    terminal.type_in("config system admin\r");
    terminal.expect("symbolon (admin) # ");
    terminal.type_in("edit ?");
    terminal.expect("<name>");
    terminal.type_in(CTRL_C);
    terminal.expect("symbolon (admin) # ");
    terminal.type_in("end\rexit\r");
    assert!(terminal.ended().success());
}

#[test]
fn a_terminal_that_is_given_up_has_the_status_of_a_failure() {
    let (_home, _running, admin) = started();
    let mut terminal = admin.terminal();
    terminal.expect(PROMPT);
    // One long line would be drawn anew with each key.
    terminal.type_in("set x \"\r");
    let line = "x".repeat(4_000) + "\r";
    for _ in 0..270 {
        terminal.type_in(&line);
    }
    terminal.expect("a line has at most");
    assert_eq!(terminal.ended().code(), Some(1));
}

#[test]
fn ctrl_c_ends_a_long_command_and_what_was_typed_behind_it() {
    let (_home, _running, admin) = started();
    let mut terminal = admin.terminal();
    terminal.expect(PROMPT);
    terminal.type_in("execute ping-options repeat-count 1000\r");
    terminal.expect(PROMPT);
    terminal.type_in("execute ping 127.0.0.1\rexit\r");
    terminal.expect("PING");
    let began = Instant::now();
    terminal.type_in(CTRL_C);
    terminal.expect(PROMPT);
    assert!(began.elapsed() < Duration::from_secs(5));
    terminal.type_in("get system status\r");
    terminal.expect("Version: ");
}

#[test]
fn a_key_opens_the_door_instead_of_the_password() {
    let (home, _running, admin) = started();
    let key = home.path("id_ed25519");
    run(
        tool("ssh-keygen", "openssh-client")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "admin@host", "-f"])
            .arg(&key),
        "",
    )
    .ok();
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let public = public.trim();
    let with_key = Ssh::new(&home, "admin", "no password")
        .option(&format!("-oIdentityFile={}", key.display()))
        .option("-oPreferredAuthentications=publickey");
    assert_eq!(with_key.exec("get system status").status.code(), Some(255));
    let set = format!("config system admin\nedit admin\nset ssh-public-key1 \"{public}\"\nend");
    admin.exec(&set).ok();
    let asked = with_key.asked();
    let said = with_key.exec("get system status").ok();
    assert!(said.contains("Version: "), "{said}");
    assert_eq!(with_key.asked(), asked);
    let dss = "config system admin\nedit admin\nset ssh-public-key2 \"ssh-dss AAAA\"\nend";
    let refused = admin.exec(dss).refused();
    assert!(refused.contains("ssh-ed25519"), "{refused}");
}

/// A key pair of RSA, and the line of its public half.
/// Says that it was asked for the passphrase of a key, and has it once there is a file.
const PASSPHRASE: &str = r#"#!/bin/sh
touch "$0.asked"
until [ -e "$0.answer" ]; do sleep 0.1; done
echo passphrase-of-a-key
"#;

#[test]
fn a_key_that_is_taken_away_while_its_owner_types_the_passphrase_opens_nothing() {
    let (home, _running, admin) = started();
    let key = home.path("id_ed25519");
    let mut keygen = tool("ssh-keygen", "openssh-client");
    keygen.args(["-q", "-t", "ed25519", "-N", "passphrase-of-a-key", "-f"]);
    run(keygen.arg(&key), "").ok();
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let public = public.trim();
    let set = format!("config system admin\nedit admin\nset ssh-public-key1 \"{public}\"\nend");
    admin.exec(&set).ok();
    let askpass = home.path("askpass of a key");
    fs::write(&askpass, PASSPHRASE).unwrap();
    fs::set_permissions(&askpass, fs::Permissions::from_mode(0o700)).unwrap();
    let with_key = Ssh::new(&home, "admin", "no password")
        .option(&format!("-oIdentityFile={}", key.display()))
        .option("-oPreferredAuthentications=publickey");
    let mut client = with_key.client();
    let client = client.arg("get system status").env("SSH_ASKPASS", &askpass);
    let mut client = client.stdin(Stdio::null()).spawn().unwrap();
    // The passphrase is asked for once the server takes the key.
    until("the key is known", || {
        home.path("askpass of a key.asked").exists()
    });
    admin
        .exec("config system admin\nedit admin\nunset ssh-public-key1\nend")
        .ok();
    fs::write(home.path("askpass of a key.answer"), "").unwrap();
    assert_eq!(client.wait().unwrap().code(), Some(255));
    let log = "execute log filter category event\nexecute log display";
    let log = home.console(log).ok();
    assert!(log.contains("reason=\"key-unknown\""), "{log}");
}

fn rsa_key(home: &Home, bits: &str) -> (PathBuf, String) {
    let key = home.path(&format!("id_rsa_{bits}"));
    let mut keygen = tool("ssh-keygen", "openssh-client");
    keygen.args([
        "-q", "-t", "rsa", "-b", bits, "-N", "", "-C", "rsa@host", "-f",
    ]);
    run(keygen.arg(&key), "").ok();
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    (key, public.trim().to_owned())
}

#[test]
fn an_rsa_key_signs_with_sha_2_alone() {
    let (home, _running, admin) = started();
    let set = |public: &str| {
        format!("config system admin\nedit admin\nset ssh-public-key1 \"{public}\"\nend")
    };
    let (_, short) = rsa_key(&home, "1024");
    let refused = admin.exec(&set(&short)).refused();
    assert!(refused.contains("this one has 1024"), "{refused}");
    for bits in ["2048", "4096"] {
        let (key, public) = rsa_key(&home, bits);
        let with = |algorithm: &str| {
            Ssh::new(&home, "admin", "no password")
                .option(&format!("-oIdentityFile={}", key.display()))
                .option("-oPreferredAuthentications=publickey")
                .option(&format!("-oPubkeyAcceptedAlgorithms={algorithm}"))
        };
        let any = with("rsa-sha2-512,rsa-sha2-256,ssh-rsa");
        assert_eq!(any.exec("get system status").status.code(), Some(255));
        admin.exec(&set(&public)).ok();
        for (client, is_in) in [
            (any, true),
            (with("rsa-sha2-512"), true),
            (with("rsa-sha2-256"), true),
            (with("ssh-rsa"), false),
        ] {
            let said = client.exec("get system status");
            assert_eq!(said.status.success(), is_in, "{bits}: {said:?}");
        }
    }
    // Not the key of this name that somebody else has.
    let (other, _) = rsa_key(&home, "3072");
    let other = Ssh::new(&home, "admin", "no password")
        .option(&format!("-oIdentityFile={}", other.display()))
        .option("-oPreferredAuthentications=publickey");
    assert_eq!(other.exec("get system status").status.code(), Some(255));
}

/// `admin` with a token on a phone.
fn with_token(home: &Home, admin: &Ssh) -> Phone {
    let token = home.import(1).remove(0);
    let said = admin
        .exec(&format!(
            "config system admin\nedit admin\nset two-factor fortitoken\nset fortitoken {token}\nend"
        ))
        .ok();
    let phone = Phone::new(home, "admin");
    phone.add(&activation_code(&said), "admin").ok();
    home.console("execute fortitoken-mobile poll").ok();
    phone
}

#[test]
fn with_a_token_the_code_is_asked_for_and_taken_once() {
    let (home, _running, admin) = started();
    let phone = with_token(&home, &admin);
    let code = phone.code("admin");
    let admin = admin.code(&code);
    let asked = admin.asked().len();
    let said = admin.exec("get system status").ok();
    assert!(said.contains("Version: "), "{said}");
    let questions = &admin.asked()[asked..];
    assert!(
        questions.len() == 2 && questions[0].contains("Password") && questions[1].contains("code"),
        "{questions:?}"
    );

    let again = admin.exec("get system status");
    assert_eq!(again.status.code(), Some(255), "{again:?}");
    let password_alone = admin
        .option("-oPreferredAuthentications=password")
        .exec("get system status");
    assert_eq!(
        password_alone.status.code(),
        Some(255),
        "{password_alone:?}"
    );
    let said = home
        .console("execute log filter category event\nexecute log display")
        .ok();
    assert!(
        said.contains("code-replayed") || said.contains("login failed"),
        "{said}"
    );
}

#[test]
fn a_token_whose_clock_is_slow_is_asked_for_its_next_code() {
    let (home, _running, admin) = started();
    let phone = with_token(&home, &admin).at("-15m");
    let first = phone.code("admin");
    let next = phone.at("-14m").code("admin");
    let admin = admin.code(&first).next_code(&next);
    let asked = admin.asked().len();
    admin.exec("get system status").ok();
    let questions = &admin.asked()[asked..];
    let last = format!(
        "FortiToken clock drift detected (code: {first}). Please input the next code and continue: "
    );
    assert!(
        questions.len() == 3 && questions[2].ends_with(&last),
        "{questions:?}"
    );
    let said = home.console("diagnose fortitoken info").ok();
    assert!(said.contains("  -1"), "{said}");
}

#[test]
fn the_password_method_leads_to_the_question_for_the_code() {
    let (home, _running, admin) = started();
    let phone = with_token(&home, &admin);
    let both = admin
        .code(&phone.code("admin"))
        .option("-oPreferredAuthentications=password,keyboard-interactive");
    both.exec("get system status").ok();
    let last = both.asked().pop().unwrap();
    assert!(last.contains("Token code"), "{last}");
}

#[test]
fn a_key_does_not_stand_for_the_code() {
    let (home, _running, admin) = started();
    let key = home.path("id_ecdsa");
    run(
        tool("ssh-keygen", "openssh-client")
            .args(["-q", "-t", "ecdsa", "-N", "", "-f"])
            .arg(&key),
        "",
    )
    .ok();
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let public = public.trim();
    let set = format!("config system admin\nedit admin\nset ssh-public-key3 \"{public}\"\nend");
    admin.exec(&set).ok();
    let phone = with_token(&home, &admin);
    let with_key = Ssh::new(&home, "admin", "no password")
        .option(&format!("-oIdentityFile={}", key.display()))
        .option("-oPreferredAuthentications=publickey,keyboard-interactive");
    let refused = with_key.clone().code("000000").exec("get system status");
    assert_eq!(refused.status.code(), Some(255), "{refused:?}");
    let asked = with_key.asked().len();
    let said = with_key
        .clone()
        .code(&phone.code("admin"))
        .exec("get system status")
        .ok();
    assert!(said.contains("Version: "), "{said}");
    assert_eq!(with_key.asked().len(), asked + 1);
}

#[test]
fn a_profile_bounds_what_an_administrator_sees_and_does() {
    let (home, _running, admin) = started();
    let set = format!(
        "config system accprofile\nedit helpdesk\nset authgrp read\nend\n\
         config system admin\nedit helper\nset accprofile helpdesk\nset password {ADMIN_PASSWORD}\nend"
    );
    admin.exec(&set).ok();
    let helper = Ssh::new(&home, "helper", ADMIN_PASSWORD);
    let mut terminal = helper.terminal();
    terminal.expect("symbolon $ ");
    terminal.type_in("config system admin\r");
    terminal.expect("Command fail. Return code -37");
    let denied = helper
        .exec("config user local\nedit alice\nset status disable\nend")
        .refused();
    assert!(denied.contains("authgrp read-write"), "{denied}");

    admin
        .exec("config system accprofile\nedit helpdesk\nset authgrp read-write\nend")
        .ok();
    let user = format!("config user local\nedit alice\nset passwd {ADMIN_PASSWORD}\nend");
    until("the session that is open has the new rights", || {
        terminal.type_in("\r");
        terminal.rest().contains("symbolon # ")
    });
    helper.exec(&user).ok();

    for fixed in ["super_admin", "super_admin_readonly"] {
        let changed = format!("config system accprofile\nedit {fixed}\nset authgrp none\nend");
        assert!(admin.exec(&changed).refused().contains("-37"));
    }
    let used = admin
        .exec("config system accprofile\ndelete helpdesk\nend")
        .refused();
    assert!(used.contains("helper"), "{used}");
    admin.exec("config system admin\ndelete helper\nend").ok();
    terminal.expect("The gateway closes this session.");
    let last = admin
        .exec("config system admin\ndelete admin\nend")
        .refused();
    assert!(last.contains("last administrator"), "{last}");
}

#[test]
fn debug_lines_end_with_the_right_to_see_them() {
    let (home, _running, admin) = started();
    admin
        .exec(&format!(
            "config system accprofile\nedit helpdesk\nset authgrp read-write\nend\n\
             config system admin\nedit helper\nset accprofile super_admin_readonly\n\
             set password {ADMIN_PASSWORD}\nend"
        ))
        .ok();
    home.radius_client("vpn1", "127.0.0.1", "");
    let vpn = Vpn::new(&home, "127.0.0.1");
    let helper = Ssh::new(&home, "helper", ADMIN_PASSWORD);
    let (mut watching, mut other) = (helper.terminal(), helper.terminal());
    for terminal in [&mut watching, &mut other] {
        terminal.expect("symbolon $ ");
    }
    for line in [
        "diagnose debug application fnbamd -1",
        "diagnose debug enable",
    ] {
        watching.type_in(&format!("{line}\r"));
        watching.expect("symbolon $ ");
    }
    assert_eq!(vpn.ask("nobody", "guess"), Answer::Reject);
    watching.expect("user-unknown");

    admin
        .exec("config system admin\nedit helper\nset accprofile helpdesk\nend")
        .ok();
    // Nothing is typed where the lines come.
    until("the sessions that are open have the new rights", || {
        other.type_in("\r");
        other.rest().contains("symbolon # ")
    });
    watching.rest();
    assert_eq!(vpn.ask("nobody", "guess"), Answer::Reject);
    watching.type_in("execute date\r");
    let shown = watching.expect("current date is:");
    assert!(!shown.contains("nobody"), "{shown}");
    // It does not begin again with the right.
    admin
        .exec("config system admin\nedit helper\nset accprofile super_admin_readonly\nend")
        .ok();
    until("the right is back", || {
        other.type_in("\r");
        other.rest().contains("symbolon $ ")
    });
    assert_eq!(vpn.ask("nobody", "guess"), Answer::Reject);
    watching.type_in("execute date\r");
    let shown = watching.expect("current date is:");
    assert!(!shown.contains("nobody"), "{shown}");
}

#[test]
fn failures_lock_out_whoever_is_asked_for_and_tell_nothing() {
    let (home, _running, admin) = started();
    admin
        .exec("config system global\nset admin-lockout-duration 5\nend")
        .ok();
    let only = "-oPreferredAuthentications=keyboard-interactive";
    let wrong = |user: &str| {
        let began = Instant::now();
        let said = Ssh::new(&home, user, "wrong")
            .option(only)
            .exec("get system status");
        assert_eq!(said.status.code(), Some(255), "{said:?}");
        (said.err.replace(user, "USER"), began.elapsed())
    };
    let (known, known_took) = wrong("admin");
    let (unknown, unknown_took) = wrong("nobody");
    assert_eq!(known, unknown);
    let difference = known_took.abs_diff(unknown_took);
    assert!(
        difference < Duration::from_millis(400),
        "{known_took:?} {unknown_took:?}"
    );
    // One call is one failure, however often the client tries its password; neither has locked out.
    wrong("admin");
    admin.exec("get system status").ok();
    for _ in 0..3 {
        wrong("admin");
    }
    let locked = admin.clone().option(only).exec("get system status");
    assert_eq!(locked.status.code(), Some(255), "{locked:?}");
    until("the lockout is over", || {
        admin.exec("get system status").status.success()
    });
    let log = home.console("execute log display").ok();
    let turned_away = log.matches("source-throttled").count();
    assert_eq!(turned_away, 1, "{log}");
}

#[test]
fn who_comes_from_elsewhere_is_nobody() {
    let (home, _running, admin) = started();
    let here = home.ssh_address();
    let set =
        format!("config system admin\nedit admin\nset trusthost1 {here} 255.255.255.255\nend");
    admin.exec(&set).ok();
    let from = |address: &str| admin.clone().option(&format!("-b{address}"));
    assert!(
        from(&here.to_string())
            .exec("get system status")
            .status
            .success()
    );
    let refused = from("127.0.0.1").exec("get system status");
    assert_eq!(refused.status.code(), Some(255), "{refused:?}");
}

#[test]
fn a_host_keeps_its_keys() {
    let (home, running, _admin) = started();
    let keys = || {
        let mut scan = tool("ssh-keyscan", "openssh-client");
        scan.args(["-p", &PORT.to_string(), "-t", "ed25519,ecdsa"]);
        let said = run(scan.arg(home.ssh_address().to_string()), "").ok();
        let mut keys: Vec<String> = said.lines().map(str::to_owned).collect();
        keys.sort();
        keys
    };
    let before = keys();
    assert_eq!(before.len(), 2, "{before:?}");
    running.stop();
    let _running = Running::up(&home);
    assert_eq!(keys(), before);
}

#[test]
fn the_steps_of_a_login_are_shown_to_an_administrator_who_debugs() {
    let (home, _running, admin) = started();
    let mut watching = admin.terminal();
    for line in [
        "diagnose debug application sshd -1",
        "diagnose debug application fnbamd -1",
        "diagnose debug enable",
    ] {
        watching.expect(PROMPT);
        watching.type_in(&format!("{line}\r"));
    }
    watching.expect(PROMPT);
    let code = with_token(&home, &admin).code("admin");
    watching.rest();
    admin.clone().code(&code).exec("get system status").ok();
    let shown = watching.rest();
    for function in ["sshd_auth", "fnbamd_auth_admin"] {
        let who = format!("{function}-admin 'admin' from 127.");
        let steps: Vec<&str> = shown
            .lines()
            .filter(|line| line.contains(&who))
            .filter_map(|line| Some(line.split_once(": ")?.1.trim_end()))
            .collect();
        let expected = [
            "presents a password",
            "the first factor is right; asked for a token code",
            "presents a token code",
            "let in",
        ];
        assert_eq!(steps, expected, "{shown}");
    }
    assert!(!shown.contains(ADMIN_PASSWORD), "{shown}");
    assert!(!shown.contains(&code), "{shown}");

    let stranger = Ssh::new(&home, "nobody", "canary-wrong-password");
    assert!(!stranger.exec("get system status").status.success());
    let shown = watching.rest();
    assert!(
        shown.contains("'nobody' from") && shown.contains(": refused: user-unknown"),
        "{shown}"
    );
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn who_is_right_and_finds_no_place_reads_so() {
    let (home, _running, admin) = started();
    admin
        .exec("config system global\nset admin-login-max 2\nend")
        .ok();
    let mut open = [admin.terminal(), admin.terminal()];
    for terminal in &mut open {
        terminal.expect(PROMPT);
    }
    let said = admin.exec("get system status");
    assert_eq!(said.status.code(), Some(255), "{said:?}");
    assert!(
        said.err.contains("2 sessions are open over the network") && !said.err.contains('\r'),
        "{said:?}"
    );
    assert_eq!(said.out, "");
    let mut third = admin.terminal();
    third.expect("'execute disconnect-admin-session NUMBER'.\r\n");
    third.ended();
    let wrong = Ssh::new(&home, "admin", "wrong").exec("get system status");
    assert!(!wrong.out.contains("sessions"), "{wrong:?}");
    open[0].type_in("exit\r");
    open[0].ended();
    Ssh::admin(&home).exec("get system status").ok();
}

/// A connection, and a client that goes through it alone: nobody listens at its port.
fn shared(home: &Home, admin: Ssh) -> (Child, Ssh) {
    let control = home.path("control");
    let admin = admin.option(&format!("-oControlPath={}", control.display()));
    let first = admin.clone().option("-oControlMaster=yes").option("-N");
    let first = first.client().spawn().unwrap();
    until("the client is in", || control.exists());
    (first, admin.port(1))
}

#[test]
fn a_connection_serves_one_command_after_the_other() {
    let (home, _running, admin) = started();
    let (mut first, admin) = shared(&home, admin);
    for _ in 0..12 {
        admin.exec("get system status").ok();
    }
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn who_finds_no_place_has_the_time_to_read_so() {
    let (home, _running, admin) = started();
    admin
        .exec("config system global\nset admin-login-max 1\nend")
        .ok();
    let mut open = admin.terminal();
    open.expect(PROMPT);
    let (mut slow, admin) = shared(&home, admin);
    thread::sleep(Duration::from_secs(3));
    let said = admin.exec("get system status");
    assert!(said.err.contains("1 sessions are open"), "{said:?}");
    let read = Instant::now();
    until("the connection is over", || {
        slow.try_wait().unwrap().is_some()
    });
    assert!(read.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_port_changes_without_a_restart_and_an_occupied_one_stops_nothing() {
    let (home, running, admin) = started();
    let port = free_port();
    admin
        .exec(&format!(
            "config system global\nset admin-ssh-port {port}\nend"
        ))
        .ok();
    let moved = admin.clone().port(port);
    until("SSH is served on the new port", || {
        moved.exec("get system status").status.success()
    });
    assert!(TcpStream::connect((home.ssh_address(), PORT)).is_err());
    running.stop();

    let taken = TcpListener::bind((home.ssh_address(), port)).unwrap();
    let running = Running::up(&home);
    let greeting = &running.greeting;
    let told = format!("{}:{port} is not served", home.ssh_address());
    assert!(
        greeting.contains(&told) && greeting.contains("RADIUS"),
        "{greeting}"
    );
    assert!(home.log().contains("SSH is not served"), "{}", home.log());
    drop(taken);
    until("SSH is served once the port is free", || {
        moved.exec("get system status").status.success()
    });
}

#[test]
fn the_port_that_is_configured_is_served_whenever_the_connection_that_changed_it_broke() {
    let (home, _running, admin) = started();
    for pause in [0, 5, 10, 15, 20, 30, 40, 60] {
        let port = free_port();
        let mut console = symbolon()
            .args(["console", "--data"])
            .arg(home.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = format!("config system global\nset admin-ssh-port {port}\nend\n");
        let mut to = console.stdin.take().unwrap();
        to.write_all(lines.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(pause));
        console.kill().unwrap();
        console.wait().unwrap();
        until("SSH is served on the port that is configured", || {
            let shown = home.console("get system global | grep admin-ssh-port");
            let port = shown.ok().split_whitespace().last().unwrap().parse();
            let served = admin.clone().port(port.unwrap());
            served.exec("get system status").status.success()
        });
    }
}

#[test]
fn a_port_that_cannot_be_bound_is_refused_and_the_old_one_goes_on() {
    let home = Home::with_ssh();
    let toml = home.data().join("symbolon.toml");
    let port = home.https.port();
    // The token server listens where administrators come to.
    let configuration = home.configuration().replace(
        &home.https.to_string(),
        &format!("{}:{port}", home.ssh_address()),
    );
    fs::write(toml, configuration).unwrap();
    let running = Running::up(&home);
    let admin = first_login(&home, &running);

    let lines = format!("config system global\nset admin-ssh-port {port}\nend");
    let said = admin.exec(&lines);
    assert!(!said.status.success(), "{said:?}");
    let why = format!("nothing can listen on {}:{port}: ", home.ssh_address());
    assert!(said.out.contains(&why), "{said:?}");
    let shown = admin.exec("show full-configuration system global | grep admin-ssh-port");
    assert!(shown.ok().contains(&PORT.to_string()));
    let again = format!("config system global\nset admin-ssh-port {PORT}\nend");
    admin.exec(&again).ok();

    let other = free_port();
    let lines = format!("config system global\nset admin-ssh-port {other}\nend");
    admin.exec(&lines).ok();
    let moved = admin.port(other);
    until("SSH is served on the new port", || {
        moved.exec("get system status").status.success()
    });
    moved.exec(&again).ok();
    until("SSH is served on the old port again", || {
        Ssh::admin(&home).exec("get system status").status.success()
    });
}

#[test]
fn a_port_that_is_restored_and_cannot_be_bound_leaves_the_old_one() {
    let (home, _running, admin) = started();
    let port = free_port();
    let set = |port: u16| {
        let lines = format!("config system global\nset admin-ssh-port {port}\nend");
        home.console(&lines).ok();
    };
    let serves = |admin: &Ssh| admin.exec("get system status").status.success();
    let moved = admin.clone().port(port);
    set(port);
    until("SSH is served on the new port", || serves(&moved));
    home.console("execute backup config flash").ok();
    set(PORT);
    until("SSH is served on the old port", || serves(&admin));

    let taken = TcpListener::bind((home.ssh_address(), port)).unwrap();
    let said = home.console("execute restore config flash 1\ny").out;
    let why = format!(
        "SSH stays on the port that it has: nothing can listen on {}:{port}: ",
        home.ssh_address()
    );
    assert!(said.contains(&why), "{said}");
    assert!(serves(&admin));
    drop(taken);
    until("SSH is served on the restored port", || serves(&moved));
}

#[test]
fn half_open_connections_do_not_keep_an_administrator_out() {
    let (home, _running, admin) = started();
    let strangers: Vec<TcpStream> = (0..300)
        .map(|_| TcpStream::connect((home.ssh_address(), PORT)).unwrap())
        .collect();
    admin.exec("get system status").ok();
    drop(strangers);
}

/// Connections that say nothing, one after the other, as long as the flood lasts: 100 in a second.
fn flood(home: &Home, lasts: &AtomicBool) {
    let mut held = VecDeque::new();
    while lasts.load(Ordering::Relaxed) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket
            .bind(&SocketAddr::from((FLOODING, 0)).into())
            .unwrap();
        let server = SocketAddr::new(home.ssh_address(), PORT);
        socket.connect(&server.into()).unwrap();
        held.push_back(socket);
        if held.len() > 100 {
            held.pop_front();
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn who_thinks_at_the_password_is_not_thrown_out_by_a_flood_from_the_same_address() {
    let (home, _running, admin) = started();
    let lasts = AtomicBool::new(true);
    let beside = format!("-oBindAddress={}", Ipv4Addr::from(FLOODING));
    thread::scope(|scope| {
        scope.spawn(|| flood(&home, &lasts));
        let thinking = admin.option(&beside).pausing(Duration::from_secs(5));
        let said = thinking.exec("get system status");
        lasts.store(false, Ordering::Relaxed);
        said.ok();
    });
}

#[test]
fn files_forwarding_and_agents_are_refused() {
    let (home, _running, admin) = started();
    let copied = run(
        tool("sftp", "openssh-client")
            .args(["-F", "none", "-b", "-", "-o", "LogLevel=ERROR"])
            .args([
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
            ])
            .args(["-P", &PORT.to_string()])
            .arg(format!("admin@{}", home.ssh_address()))
            .env("SSH_ASKPASS", home.path("askpass of admin"))
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("ANSWER_PASSWORD", ADMIN_PASSWORD),
        "ls\n",
    );
    assert!(!copied.status.success(), "{copied:?}");
    let forwarded = admin
        .clone()
        .option("-oExitOnForwardFailure=yes")
        .option(&format!("-R{}:127.0.0.1:9", free_port()))
        .exec("get system status");
    assert_eq!(forwarded.status.code(), Some(255), "{forwarded:?}");
}

//! `symbolon login` against the gateway's RADIUS server.
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
use std::process::Command;

use common::phone::enrol;
use common::{Home, PASSWORD, Running, SECRET, Said, run, symbolon};

const CLIENT: &str = "127.0.0.1";

fn system() -> (Home, Running) {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn", CLIENT, "");
    (home, up)
}

fn login(home: &Home, user: &str) -> Command {
    let secret = home.path("secret");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let mut command = symbolon();
    command
        .args(["login", user, "--timeout", "3", "--server"])
        .arg(home.radius.to_string())
        .arg("--secret-file")
        .arg(secret);
    command
}

fn status(said: &Said) -> Option<i32> {
    said.status.code()
}

#[test]
fn password_and_code_let_in_once() {
    let (home, up) = system();
    let token = home.import(1).remove(0);
    let phone = enrol(&home, "alice", &token);
    home.console("config user group\nedit vpn-users\nset member alice\nend")
        .ok();
    let code = phone.code("alice");
    let said = run(&mut login(&home, "Alice"), &format!("{PASSWORD}\n{code}\n"));
    assert_eq!(status(&said), Some(0), "{said:?}");
    assert_eq!(
        said.out,
        "Alice is let in\nFortinet-Group-Name: vpn-users\n"
    );

    let said = run(&mut login(&home, "alice"), &format!("{PASSWORD}\n{code}\n"));
    assert_eq!(status(&said), Some(3), "{said:?}");
    assert!(said.out.starts_with("alice is refused\n"), "{said:?}");
    assert!(
        said.out.contains("diagnose login show user alice"),
        "{said:?}"
    );
    home.login_says("alice", "refused: code-replayed");

    let said = run(&mut login(&home, "alice"), &format!("{PASSWORD}\n"));
    assert_eq!(status(&said), Some(1), "{said:?}");
    assert!(
        said.err.contains("asks 'Please enter your token code'"),
        "{said:?}"
    );
    up.stop();
}

#[test]
fn who_is_not_answered_is_told_what_to_look_at() {
    let (home, up) = system();
    home.user_without_token("alice");
    let mut command = login(&home, "alice");
    fs::write(home.path("secret"), "another\n").unwrap();
    let said = run(&mut command, &format!("{PASSWORD}\n"));
    assert_eq!(status(&said), Some(1), "{said:?}");
    assert!(
        said.err.contains("no answer from") && said.err.contains("diagnose radius clients"),
        "{said:?}"
    );

    let said = run(&mut login(&home, "alice"), "");
    assert_eq!(status(&said), Some(1), "{said:?}");
    assert!(said.err.contains("asks 'Password'"), "{said:?}");
    let mut command = symbolon();
    let said = run(
        command
            .args(["login", "alice"])
            .env_remove("SYMBOLON_RADIUS_SECRET"),
        "",
    );
    assert!(said.err.contains("--secret-file"), "{said:?}");
    let server = home.radius.to_string();
    up.stop();
    let said = run(&mut login(&home, "alice"), &format!("{PASSWORD}\n"));
    assert_eq!(status(&said), Some(1), "{said:?}");
    assert!(
        said.err.contains(&format!("cannot reach {server}")),
        "{said:?}"
    );
}

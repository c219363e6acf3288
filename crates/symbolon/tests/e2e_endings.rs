//! `execute shutdown`, `reboot` and `factoryreset`: what becomes of the process and of its data.
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

use common::phone::enrol;
use common::radius::{Answer, Vpn};
use common::{Home, Running, until};

fn system() -> (Home, Running) {
    let home = Home::new();
    let up = Running::up(&home);
    (home, up)
}

fn reason(home: &Home) -> Option<String> {
    let said = home.console("get system status | grep reason");
    let line = said.out.strip_prefix("Last reboot reason: ")?;
    Some(line.trim().to_owned())
}

#[test]
fn nothing_ends_without_a_yes() {
    let (home, mut up) = system();
    let typed = |answer| home.console(&format!("execute shutdown\n{answer}\nexecute date"));
    for answer in ["n", "no"] {
        let said = typed(answer).ok();
        assert!(
            said.contains("This operation will shutdown the system !"),
            "{said}"
        );
        assert!(said.contains("current date is:"), "{said}");
    }
    // An empty line lets the question stand, and what follows is no answer to it.
    for answer in ["", "yy", "yes please"] {
        let said = typed(answer).refused();
        assert!(said.contains("that is no answer to the question"), "{said}");
    }
    assert!(up.lives());
    up.stop();
}

#[test]
fn a_shutdown_ends_in_order() {
    let (home, up) = system();
    assert_eq!(reason(&home).unwrap(), "power cycle");
    let said = home
        .console("execute shutdown comment \"the cabinet is moved\"\ny")
        .ok();
    assert!(said.contains("System is shutting down..."), "{said}");
    assert!(up.ends().success());
    assert!(home.log().contains("the cabinet is moved"));
    let up = Running::up(&home);
    assert_eq!(reason(&home).unwrap(), "shutdown");
    up.kill();
    let up = Running::up(&home);
    assert_eq!(reason(&home).unwrap(), "power cycle");
    up.stop();
}

#[test]
fn a_reboot_keeps_the_process_and_its_data() {
    let (home, mut up) = system();
    let tokens = home.import(1);
    let said = home.console("execute reboot\ny").ok();
    assert!(said.contains("System is rebooting..."), "{said}");
    until("it is there again", || {
        reason(&home).as_deref() == Some("warm reboot")
    });
    assert!(up.lives(), "a service manager would think that it died");
    assert_eq!(home.status(&tokens[0]), "new");
    up.stop();
}

#[test]
fn a_factory_reset_sets_the_store_aside_and_takes_no_code_back() {
    let (home, up) = system();
    home.radius_client("vpn1", "127.0.0.1", "");
    let token = home.import(1).remove(0);
    let phone = enrol(&home, "alice", &token);
    let code = phone.code("alice");
    assert_eq!(
        Vpn::new(&home, "127.0.0.1").log_in("alice", &code),
        Answer::Accept
    );
    let first_password = up.first_password();
    let serial = home.console("get system status | grep Serial").ok();

    let said = home.console("execute factoryreset\ny").ok();
    assert!(
        said.contains("System is resetting to factory default..."),
        "{said}"
    );
    until("it is there again", || {
        reason(&home).as_deref() == Some("factory reset")
    });
    let second_password = up.first_password();
    assert!(
        second_password.contains("one-time password"),
        "{second_password}"
    );
    assert_ne!(first_password, second_password);
    for gone in [
        "show user fortitoken",
        "show user local",
        "show user radius-client",
    ] {
        let shown = home.console(gone).ok();
        assert_eq!(shown.lines().count(), 2, "{shown}");
    }
    assert_eq!(home.console("get system status | grep Serial").ok(), serial);
    let aside = fs::read_dir(home.data().join("gateway")).unwrap();
    let aside = aside.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_str().unwrap().starts_with("gateway.db.20")
    });
    assert_eq!(aside.count(), 1);
    assert!(
        home.log().contains("everything up to now counts as spent"),
        "{}",
        home.log()
    );
    up.stop();
}

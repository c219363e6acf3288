//! Public programs that drive units of this kind over SSH, unchanged.
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

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use common::mail_server::MailServer;
use common::ssh::{ADMIN_PASSWORD, PORT, first_login};
use common::{Home, PASSWORD, Running, free_port, python, python_of, run, script, tool};

/// Runs a script against a system whose `admin` has a password.
#[track_caller]
fn drive(interpreter: Command, name: &str) {
    let home = Home::with_ssh();
    let running = Running::up(&home);
    first_login(&home, &running);
    drive_at(&home, interpreter, name, &[]);
    running.stop();
}

/// Runs a script against this system, with words of its own.
#[track_caller]
fn drive_at(home: &Home, mut interpreter: Command, name: &str, words: &[&str]) {
    let said = run(
        interpreter
            .arg(script(name))
            .arg(home.ssh_address().to_string())
            .arg(PORT.to_string())
            .args(["admin", ADMIN_PASSWORD])
            .arg(home.path("known_hosts"))
            .args(words),
        "",
    );
    assert!(said.status.success(), "{}{}", said.out, said.err);
}

#[test]
fn netmiko_finds_its_fortios() {
    drive(python(), "netmiko_session.py");
}

#[test]
fn scrapli_finds_its_fortios_with_and_without_virtual_domains() {
    drive(python_of("venv-scrapli"), "scrapli_session.py");
}

#[test]
fn scripts_on_paramiko_run() {
    drive(python(), "paramiko_session.py");
}

#[test]
fn an_expect_script_types_the_first_steps_in_abbreviations() {
    drive(tool("expect", "expect"), "administrator.exp");
}

/// The state in which the first steps find a unit: a configuration came from another unit, a hardware token
/// was never activated, and a user waits for a mail.
#[test]
fn an_expect_script_types_the_first_steps_word_for_word() {
    const MIGRATED: &str = "FTK2000000000001";
    const EMPTY: &str = "FTK2000000000002";
    let home = Home::with_ssh();
    let running = Running::up(&home);
    first_login(&home, &running);
    home.console(&format!(
        "config user fortitoken\nedit {MIGRATED}\nset seed ENC c2VhbGVkIGJ5IGFub3RoZXIgdW5pdA==\nnext\n\
         edit {EMPTY}\nnext\nend"
    ));
    let stock = home.path("tokens.csv");
    let seed = "3132333435363738393031323334353637383930";
    fs::write(&stock, format!("{MIGRATED},{seed}\n{EMPTY},{seed}\n")).unwrap();
    home.desk(&["import-hardware", stock.to_str().unwrap()])
        .ok();
    let port = free_port();
    let mail = MailServer::start(&home, port, &[]);
    let mobile = home.import(1).remove(0);
    home.console(&format!(
        "config system email-server\nset server 127.0.0.1\nset port {port}\n\
         set reply-to tokens@example.org\nend\n\
         config user local\nedit alice\nset passwd {PASSWORD}\nset email-to alice@example.org\n\
         set two-factor fortitoken\nset fortitoken {mobile}\nend"
    ))
    .ok();
    let words = [MIGRATED, EMPTY, &mobile];
    drive_at(&home, tool("expect", "expect"), "first_steps.exp", &words);
    mail.nth(2);
    running.stop();
}

/// Rancid collects configurations with a login script of its own.
#[test]
fn rancid_logs_in_and_collects() {
    let home = Home::with_ssh();
    let running = Running::up(&home);
    first_login(&home, &running);
    let address = home.ssh_address();
    let ssh = home.path("ssh");
    let options = format!(
        "#!/bin/sh\nexec ssh -F none -o StrictHostKeyChecking=accept-new \
         -o UserKnownHostsFile={} \"$@\"\n",
        home.path("known_hosts").display()
    );
    fs::write(&ssh, options).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o700)).unwrap();
    let rc = home.path("cloginrc");
    let settings = format!(
        "add user {address} admin\nadd password {address} {ADMIN_PASSWORD}\n\
         add method {address} ssh:{PORT}\nadd sshcmd {address} {{{}}}\n",
        ssh.display()
    );
    fs::write(&rc, settings).unwrap();
    fs::set_permissions(&rc, fs::Permissions::from_mode(0o600)).unwrap();
    let said = run(
        tool("fnlogin", "rancid")
            .arg("-f")
            .arg(&rc)
            .args(["-c", "get system status;show full-configuration"])
            .arg(address.to_string())
            .env("TERM", "vt100"),
        "",
    );
    assert!(said.status.success(), "{}{}", said.out, said.err);
    assert!(said.out.contains("Serial-Number: SYMBVM"), "{}", said.out);
    assert!(said.out.contains("config user setting"), "{}", said.out);
    running.stop();
}

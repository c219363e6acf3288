//! A token server's token from a backup: a transfer that nobody begins on the phone before.
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

use common::phone::{Phone, allow_transfers, enrol};
use common::radius::{Answer, Vpn};
use common::{Home, Running, Said, free_port, until};

const CLIENT: &str = "127.0.0.1";
const FOREIGN: &str = "otpauth://totp/Bank:alice?secret=JBSWY3DPEHPK3PXP&issuer=Bank";

/// A backup on a stick, and the words that open it.
struct Stick {
    file: String,
    passphrase: String,
}

impl Stick {
    fn of(home: &Home) -> Self {
        let path = |name| home.path(name).to_string_lossy().into_owned();
        std::fs::write(home.path("words"), "five little ducks\n").unwrap();
        Self {
            file: path("backup"),
            passphrase: path("words"),
        }
    }

    fn backup(&self, phone: &Phone, what: &str) -> Said {
        phone.app(&[
            "backup",
            what,
            &self.file,
            "--passphrase-file",
            &self.passphrase,
        ])
    }
}

#[test]
fn a_restored_token_moves_if_its_issuer_allows_it_and_the_device_before_is_out() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", CLIENT, "");
    let vpn = Vpn::new(&home, CLIENT);
    let token = home.import(1).remove(0);
    let old = enrol(&home, "alice", &token);
    old.app(&["add", "--qr-text", FOREIGN]).ok();
    let stick = Stick::of(&home);
    let said = stick.backup(&old, "save").ok();
    assert!(
        said.contains("1 of other issuers, and the right to move 1"),
        "{said}"
    );

    // The issuer has not allowed it: what needs nobody's word is there.
    let new = Phone::new(&home, "alice, the new one");
    let refused = stick.backup(&new, "restore");
    assert!(refused.out.contains("Bank is restored."), "{refused:?}");
    assert!(
        refused
            .out
            .contains("alice stays where it is: No valid token found (17)"),
        "{refused:?}"
    );
    assert!(
        refused.out.contains("transfer is switched off"),
        "{refused:?}"
    );
    assert!(
        refused
            .err
            .contains("1 of the backup's tokens was not restored"),
        "{refused:?}"
    );

    allow_transfers(&home, free_port(), &old);
    // On the device that has it there is nothing to restore, until it is deleted there.
    let here = stick.backup(&old, "restore").ok();
    assert!(here.contains("alice is here already."), "{here}");
    old.app(&["remove", "alice"]).ok();
    let back = stick.backup(&old, "restore").ok();
    assert!(back.contains("alice is back"), "{back}");
    until("the gateway knows of the new secret", || {
        vpn.log_in("alice", &old.code("alice")) == Answer::Accept
    });
    std::fs::remove_file(&stick.file).unwrap();
    stick.backup(&old, "save").ok();
    let said = stick.backup(&new, "restore").ok();
    assert!(said.contains("Bank is here already."), "{said}");
    assert!(said.contains("alice moved here."), "{said}");
    until("the gateway knows the new phone", || {
        vpn.log_in("alice", &new.code("alice")) == Answer::Accept
    });
    let log = home.console("execute log display").ok();
    assert!(
        log.contains("by a backup of the phone that has the token"),
        "{log}"
    );
    assert_eq!(vpn.log_in("alice", &old.code("alice")), Answer::Reject);

    // The backup is of no use again: it speaks for the device before.
    let third = Phone::new(&home, "whoever found the stick");
    let late = stick.backup(&third, "restore");
    assert!(
        late.out
            .contains("alice stays where it is: another device has the token by now"),
        "{late:?}"
    );
    up.stop();
}

#[test]
fn a_backup_is_written_and_read_where_its_owner_stands() {
    let home = Home::new();
    let stick = Stick::of(&home);
    let here = home.path("stick");
    std::fs::create_dir(&here).unwrap();
    let backup = |phone: &Phone, what| {
        let words = ["backup", what, "b.sym", "--passphrase-file"];
        phone.app_in(&here, &[&words[..], &[&stick.passphrase]].concat())
    };
    let old = Phone::new(&home, "alice");
    old.app(&["add", "--qr-text", FOREIGN]).ok();
    backup(&old, "save").ok();
    let new = Phone::new(&home, "alice, the new one");
    let said = backup(&new, "restore").ok();
    assert!(said.contains("Bank is restored."), "{said}");
    // Nothing but the backup is left behind.
    let left: Vec<_> = std::fs::read_dir(&here).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

//! The configuration as text: put away and taken back, here, in another installation, from a FortiGate.
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
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;

use common::phone::{activation_code, enrol};
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running, free_port};

const VPN1: &str = "127.0.0.1";

/// A FortiGate's backup, made up.
const FORTIGATE: &str = include_str!("../../cli/tests/text/fortigate.conf");

fn system() -> (Home, Running) {
    let home = Home::new();
    let up = Running::up(&home);
    (home, up)
}

/// A file among the kept configurations.
fn file(home: &Home, name: &str) -> PathBuf {
    home.data().join("gateway/backup").join(name)
}

/// Puts text among them.
fn put(home: &Home, name: &str, text: &str) {
    let path = file(home, name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn backup(home: &Home, words: &str) -> String {
    home.console(&format!("execute backup config {words}")).ok()
}

/// Confirms a restore.
fn restore(home: &Home, words: &str) -> String {
    home.console(&format!("execute restore config {words}\ny"))
        .ok()
}

/// All that is configured but the interfaces, which are the host's.
fn shown(home: &Home) -> String {
    let whole = home.console("show full-configuration").ok();
    let (before, rest) = whole.split_once("config system interface\n").unwrap();
    let (_, after) = rest.split_once("\nend\n").unwrap();
    format!("{before}{after}")
}

/// The same without what is sealed.
fn in_clear(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(" ENC ") {
        Some((field, _)) => format!("{field} ENC\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// A configuration without what tells of a token's phone.
fn without_phones(text: &str) -> String {
    let fields = ["activation-code", "activation-expire", "reg-id", "os-ver"];
    let is_of_phone = |line: &&str| {
        fields
            .iter()
            .any(|field| line.trim_start().starts_with(&format!("set {field} ")))
    };
    let lines = text.split_inclusive('\n');
    lines.filter(|line| !is_of_phone(line)).collect()
}

fn first_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').take(count).collect();
    lines.concat()
}

#[test]
fn a_restore_brings_back_what_was_and_no_spent_code() {
    let (home, up) = system();
    home.radius_client("vpn1", VPN1, "");
    let vpn = Vpn::new(&home, VPN1);
    let tokens = home.import(3);
    let alice = enrol(&home, "alice", &tokens[0]);
    home.user_without_token("bob");
    let before = shown(&home);
    let made = backup(&home, "file a.conf");
    assert!(
        made.contains("Its secrets open on this unit alone"),
        "{made}"
    );
    let mode = fs::metadata(file(&home, "a.conf"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let code = alice.code("alice");
    let challenge = vpn.ask("alice", PASSWORD);
    assert_eq!(vpn.answer("alice", &code, &challenge), Answer::Accept);
    home.console(
        "config user local\nedit eve\nset passwd correct-horse\nnext\nedit bob\nset status disable\n\
         next\nend\nconfig user radius-client\ndelete vpn1\nend\n\
         config user setting\nset auth-lockout-threshold 9\nend\n\
         config system global\nset hostname other\nend",
    )
    .ok();
    assert_ne!(shown(&home), before);

    let tried = home
        .console("execute restore config file a.conf dry-run")
        .ok();
    for told in [
        "config user local / edit eve is not in the file: deleted",
        "1 entries added, 3 changed, 1 deleted, ",
        "nothing was changed",
    ] {
        assert!(tried.contains(told), "{told}: {tried}");
    }
    let said = restore(&home, "file a.conf");
    assert!(said.contains("Restore config file OK."), "{said}");
    assert_eq!(shown(&home), before);

    assert_eq!(vpn.ask("bob", PASSWORD), Answer::Accept);
    assert_eq!(vpn.ask("eve", PASSWORD), Answer::Reject);
    let challenge = vpn.ask("alice", PASSWORD);
    assert_eq!(vpn.answer("alice", &code, &challenge), Answer::Reject);
    home.login_says("alice", "refused: code-replayed");
    let log = home.console("execute log filter field action config.restore\nexecute log display");
    assert!(
        log.ok().contains("file a.conf"),
        "the restore is in the event log"
    );

    // The next start reads the same.
    up.stop();
    let _up = Running::up(&home);
    assert_eq!(shown(&home), before);
}

#[test]
fn an_empty_unit_with_the_same_key_becomes_the_same_system() {
    let (home, up) = system();
    home.radius_client("vpn1", VPN1, "");
    home.user_without_token("bob");
    home.console(
        "config user local\nedit \"Zo\u{eb} \\\"Z\\\" O'Hara\"\nset passwd correct-horse\n\
         set email-to zoe@example.org\nend\n\
         config user group\nedit vpn\nset member bob \"Zo\u{eb} \\\"Z\\\" O'Hara\"\nend",
    )
    .ok();
    let before = shown(&home);
    let whole = home.console("show full-configuration").ok();
    up.stop();
    for entry in fs::read_dir(home.data().join("gateway")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("gateway.db")
        {
            fs::remove_file(path).unwrap();
        }
    }
    let _up = Running::up(&home);
    assert_ne!(shown(&home), before);
    put(&home, "whole.conf", &whole);
    let said = restore(&home, "file whole.conf");
    assert!(said.contains(", 0 left out."), "{said}");
    assert_eq!(shown(&home), before);
    let vpn = Vpn::new(&home, VPN1);
    assert_eq!(vpn.ask("bob", PASSWORD), Answer::Accept);
}

#[test]
fn another_unit_opens_a_backup_with_its_password_alone() {
    let (here, _up) = system();
    here.radius_client("vpn1", VPN1, "");
    let tokens = here.import(1);
    enrol(&here, "alice", &tokens[0]);
    here.user_without_token("bob");
    here.console("config system global\nset vdom-mode multi-vdom\nend")
        .ok();
    here.console(
        "config vdom\nedit sales\nconfig user local\nedit carol\nset passwd correct-horse\nend\nend",
    )
    .ok();
    backup(&here, "file plain.conf");
    backup(&here, "file sealed.conf \"correct horse\"");
    let sealed = fs::read_to_string(file(&here, "sealed.conf")).unwrap();
    assert!(!sealed.contains(PASSWORD) && sealed.contains("#backup-key=argon2id:"));

    let (there, _up) = system();
    put(&there, "sealed.conf", &sealed);
    for (words, why) in [
        ("", "sealed under a password: type it behind the name"),
        ("\"correct horsf\"", "the password is wrong"),
    ] {
        let said = there
            .console(&format!(
                "execute restore config file sealed.conf {words}\ny"
            ))
            .refused();
        assert!(said.contains(why), "{said}");
    }
    let said = restore(&there, "file sealed.conf \"correct horse\"");
    let token = &tokens[0];
    assert!(
        said.contains("1 mobile token goes on with its phone") && !said.contains(&**token),
        "{said}"
    );
    // This unit has a token server of its own, which knows nothing of the other's.
    assert!(said.contains("of the backup are another unit's"), "{said}");
    let clear = |home: &Home| without_phones(&in_clear(&shown(home)));
    assert_eq!(clear(&there), clear(&here));
    let vpn = Vpn::new(&there, VPN1);
    assert_eq!(vpn.ask("bob", PASSWORD), Answer::Accept);
    // Her second factor is demanded.
    assert_ne!(vpn.ask("alice", PASSWORD), Answer::Accept);

    // Without a password, nothing of it opens: nobody gets in, and the report says so.
    let (elsewhere, _up) = system();
    let plain = fs::read_to_string(file(&here, "plain.conf")).unwrap();
    put(&elsewhere, "plain.conf", &plain);
    let said = restore(&elsewhere, "file plain.conf");
    for told in [
        "edit bob: set passwd: another unit sealed it, and it opens nothing here; the user cannot log in",
        "edit vpn1: set secret: another unit sealed it, and it opens nothing here; set it again",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    elsewhere.console(
        "config vdom\nedit root\nconfig user radius-client\nedit vpn1\nset secret testing123-of-the-vpn\nend\nend",
    )
    .ok();
    let vpn = Vpn::new(&elsewhere, VPN1);
    assert_eq!(vpn.ask("bob", PASSWORD), Answer::Reject);
}

#[test]
fn a_fortigates_configuration_comes_in_line_by_line_or_not_at_all() {
    let (home, _up) = system();
    put(&home, "branch-7.conf", FORTIGATE);
    let before = shown(&home);
    let tried = home
        .console("execute restore config file branch-7.conf dry-run")
        .ok();
    assert_eq!(shown(&home), before);
    let said = restore(&home, "file branch-7.conf");
    let findings = |said: &str| -> Vec<String> {
        let lines = said.lines().filter(|line| line.starts_with("line"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(findings(&said), findings(&tried));
    for told in [
        "line 7: set lldp-reception enable: this unit has no such field",
        "lines 25-33: config vpn certificate local: this unit has no such table",
        "token FTKMOB83712DC7FE comes in as new",
        "config user local / edit ben is left out",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let users = home.console("show user local").ok();
    assert!(
        users.contains("\"anna\"") && !users.contains("\"ben\""),
        "{users}"
    );
    assert!(
        users.contains("set fortitoken \"FTKMOB83712DC7FE\""),
        "{users}"
    );
    assert_eq!(home.status("FTKMOB83712DC7FE"), "new");

    // Cut off in the middle, it changes nothing.
    let half = first_lines(FORTIGATE, 40);
    put(&home, "half.conf", &half.replace("branch-7", "branch-8"));
    let before = shown(&home);
    let said = home
        .console("execute restore config file half.conf\ny")
        .refused();
    assert!(said.contains("it ends in line 40"), "{said}");
    assert_eq!(shown(&home), before);

    // Pasted, each line that is not for this unit says so.
    home.console(
        "config user local\ndelete anna\nend\nconfig user fortitoken\ndelete FTKMOB83712DC7FE\nend",
    )
    .ok();
    let pasted = home.console(FORTIGATE);
    let users = home.console("show user local").ok();
    assert!(
        users.contains("\"anna\"") && !users.contains("ppk-secret"),
        "{}",
        pasted.out
    );
    assert!(
        pasted
            .out
            .contains("command parse error before 'ppk-secret'"),
        "{}",
        pasted.out
    );
}

#[test]
fn what_cannot_be_restored_is_named_and_changes_nothing() {
    let (home, _up) = system();
    backup(&home, "file a.conf");
    let text = fs::read_to_string(file(&home, "a.conf")).unwrap();
    let (shorter, _) = text.split_once("\nend\n").unwrap();
    put(&home, "shorter.conf", &format!("{shorter}\nend\n"));
    put(
        &home,
        "newer.conf",
        &text.replace("#backup=1:release=0.1.0", "#backup=9:release=7.0.0"),
    );
    put(&home, "picture.png", "\u{fffd}PNG\n");
    put(&home, "sealed.conf", "#FGBK|3|FGVM64|7|02|1517|\n");
    put(&home, "large.conf", "");
    let large = fs::File::options()
        .write(true)
        .open(file(&home, "large.conf"))
        .unwrap();
    large.set_len(64 * 1_024 * 1_024 + 1).unwrap();
    let before = shown(&home);
    for (name, why) in [
        (
            "missing.conf",
            "there is no file 'missing.conf' in this unit",
        ),
        ("shorter.conf", "it is cut off or was changed"),
        ("newer.conf", "it was written by a newer version (7.0.0)"),
        ("picture.png", "it is no configuration"),
        ("sealed.conf", "back it up there without a password"),
        (
            "large.conf",
            "'large.conf' has 67108865 octets, and at most 67108864 are read",
        ),
        ("../symbolon.toml", "the files lie in one directory"),
    ] {
        let said = home
            .console(&format!("execute restore config file {name} dry-run"))
            .refused();
        assert!(said.contains(why), "{name}: {said}");
    }
    assert_eq!(shown(&home), before);

    // Whoever changed it says so, and then nothing is deleted that it does not name.
    home.user_without_token("bob");
    put(&home, "edited.conf", &text.replace("#backup=", "# "));
    let said = restore(&home, "file edited.conf");
    assert!(!said.contains("deleted"), "{said}");
    assert!(home.console("show user local").ok().contains("\"bob\""));
}

#[test]
fn a_backup_that_cannot_be_written_leaves_no_half_of_it() {
    let (home, _up) = system();
    backup(&home, "file a.conf");
    let text = fs::read(file(&home, "a.conf")).unwrap();
    fs::create_dir(file(&home, "taken.conf")).unwrap();
    let said = home
        .console("execute backup config file taken.conf")
        .refused();
    assert!(
        said.contains("Is a directory") && said.contains("Nothing was changed."),
        "{said}"
    );
    let names = fs::read_dir(file(&home, "")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(fs::read(file(&home, "a.conf")).unwrap(), text);
}

#[test]
fn revisions_are_kept_listed_restored_and_deleted() {
    let (home, _up) = system();
    backup(&home, "flash \"before the move\"");
    home.console("config system global\nset hostname moved\nend")
        .ok();
    backup(&home, "flash");
    let listed = home.console("execute revision list config").ok();
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(
        lines[1].starts_with("1 ") && lines[1].ends_with("before the move"),
        "{listed}"
    );
    restore(&home, "flash 1");
    assert!(!home.console("get system global").ok().contains("moved"));
    home.console("execute revision delete config 1").ok();
    let said = home.console("execute restore config flash 1\ny").refused();
    assert!(said.contains("there is no revision 1"), "{said}");
}

/// Takes one file as a TFTP server does, and hands it out once.
fn tftp_server() -> (u16, thread::JoinHandle<Vec<u8>>) {
    let port = free_port();
    let socket = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    let serving = thread::spawn(move || {
        let mut datagram = [0; 2_000];
        let (_, client) = socket.recv_from(&mut datagram).unwrap();
        assert!(
            datagram.starts_with(b"\0\x02unit.conf\0octet\0"),
            "a write request"
        );
        let own = UdpSocket::bind("127.0.0.1:0").unwrap();
        own.send_to(b"\0\x04\0\0", client).unwrap();
        let mut content = Vec::new();
        loop {
            let length = own.recv(&mut datagram).unwrap();
            content.extend(&datagram[4..length]);
            own.send_to(&[0, 4, datagram[2], datagram[3]], client)
                .unwrap();
            if length < 4 + 512 {
                break;
            }
        }
        let (_, client) = socket.recv_from(&mut datagram).unwrap();
        assert!(
            datagram.starts_with(b"\0\x01unit.conf\0octet\0"),
            "a read request"
        );
        let blocks: Vec<&[u8]> = content.chunks(512).collect();
        let empty = [&b""[..]];
        let last = if content.len().is_multiple_of(512) {
            &empty[..]
        } else {
            &[]
        };
        for (block, octets) in (1_u16..).zip(blocks.iter().chain(last)) {
            let mut packet = vec![0, 3];
            packet.extend(block.to_be_bytes());
            packet.extend(*octets);
            own.send_to(&packet, client).unwrap();
            own.recv(&mut datagram).unwrap();
        }
        content
    });
    (port, serving)
}

#[test]
fn a_tftp_server_takes_a_configuration_and_gives_it_back() {
    let (home, _up) = system();
    home.user_without_token("bob");
    let (port, serving) = tftp_server();
    let said = backup(
        &home,
        &format!("tftp unit.conf 127.0.0.1:{port} \"correct horse\""),
    );
    assert!(
        said.contains("Send config file to tftp server OK."),
        "{said}"
    );
    home.console("config user local\ndelete bob\nend").ok();
    let said = restore(
        &home,
        &format!("tftp unit.conf 127.0.0.1:{port} \"correct horse\""),
    );
    assert!(
        said.contains("Get config file from tftp server OK."),
        "{said}"
    );
    assert!(home.console("show user local").ok().contains("\"bob\""));
    let content = String::from_utf8(serving.join().unwrap()).unwrap();
    assert!(content.starts_with("#config-version=SYMBVM-"), "{content}");
    let left = fs::read_dir(file(&home, "")).unwrap().count();
    assert_eq!(left, 1, "only the directory of revisions");
}

#[test]
fn a_token_that_another_user_has_now_is_nobodys_without_a_new_provisioning() {
    let (home, _up) = system();
    home.radius_client("vpn1", VPN1, "");
    let vpn = Vpn::new(&home, VPN1);
    let tokens = home.import(1);
    enrol(&home, "alice", &tokens[0]);
    backup(&home, "file a.conf");
    home.console("config user local\ndelete alice\nend").ok();
    let mallory = enrol(&home, "mallory", &tokens[0]);
    let said = restore(&home, "file a.conf");
    assert!(
        said.contains("execute fortitoken-mobile provision"),
        "{said}"
    );
    assert!(
        said.contains("edit mallory is not in the file: deleted"),
        "{said}"
    );
    // The phone of whoever had it in between opens nothing of hers.
    assert_eq!(home.status(&tokens[0]), "new");
    let code = mallory.code("mallory");
    let answer = vpn.ask("alice", PASSWORD);
    let refused = match &answer {
        Answer::Challenge(..) => vpn.answer("alice", &code, &answer),
        answer => answer.clone(),
    };
    assert_eq!(refused, Answer::Reject);
    let shown = home
        .console(&format!(
            "execute fortitoken-mobile provision {}",
            tokens[0]
        ))
        .ok();
    assert!(!activation_code(&shown).is_empty());
}

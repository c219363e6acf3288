//! Logins whose password Debian's `slapd` or `FreeRADIUS` knows, asked for by `radclient`.
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
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::directory::{BASE, Directory, EXPIRED, HELD, LOCKED, READER, RESET, password_of};
use common::phone::enrol;
use common::radius::{Answer, Vpn};
use common::upstream::{self, Upstream};
use common::{Home, PASSWORD, Running};

const VPN: &str = "127.0.0.1";
/// Another address of this machine, where the port of a server is free.
const ELSEWHERE: &str = "127.0.0.2";

fn system() -> (Home, Running, Vpn) {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", VPN, "");
    let vpn = Vpn::new(&home, VPN);
    (home, up, vpn)
}

/// An entry of `config user ldap` that finds people by a search.
fn searching(home: &Home, directory: &Directory, more: &str) {
    let (reader, secret) = READER;
    let port = directory.port;
    home.console(&format!(
        "config user ldap\nedit corp\nset server 127.0.0.1\nset port {port}\nset dn {BASE}\n\
         set cnid uid\nset type regular\nset username {reader}\nset password {secret}\n{more}\nend"
    ))
    .ok();
}

fn upstream(home: &Home, port: u16, more: &str) {
    let secret = upstream::SECRET;
    home.console(&format!(
        "config user radius\nedit hq\nset server 127.0.0.1\nset secret {secret}\n\
         set radius-port {port}\n{more}\nend"
    ))
    .ok();
}

fn user_of(home: &Home, name: &str, kind: &str, server: &str) {
    home.console(&format!(
        "config user local\nedit \"{name}\"\nset type {kind}\nset {kind}-server {server}\nend"
    ))
    .ok();
}

#[test]
fn a_password_of_the_directory_and_a_code_of_the_token_let_in() {
    let (home, up, vpn) = system();
    let directory = Directory::start(&home);
    searching(&home, &directory, "");
    let phone = enrol(&home, "alice", &home.import(1)[0]);
    user_of(&home, "alice", "ldap", "corp");
    let password = password_of("alice");

    // The password that is kept here is nobody's any more.
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Reject);
    let said = home.login_says("alice", "refused: password-wrong");
    assert!(
        said.contains("ldap 'corp', primary server 127.0.0.1"),
        "{said}"
    );
    assert!(said.contains("49 InvalidCredentials"), "{said}");

    let tried = |password| home.console(&format!("diagnose login test alice {password} 111111"));
    let said = tried(PASSWORD).refused();
    for stage in [
        "password: known to ldap 'corp'; not right",
        "49 InvalidCredentials",
    ] {
        assert!(said.contains(stage), "{said}");
    }
    let said = tried(password).refused();
    assert!(said.contains("known to ldap 'corp'; right"), "{said}");

    let challenge = vpn.ask("CORP\\ALICE", password);
    let code = phone.code("alice");
    assert_eq!(
        vpn.answer("Alice@example.org", &code, &challenge),
        Answer::Accept
    );
    home.login_says("alice", "accepted: token");
    let challenge = vpn.ask("alice", password);
    assert_eq!(vpn.answer("alice", &code, &challenge), Answer::Reject);
    home.login_says("alice", "refused: code-replayed");
    up.stop();
    assert_nowhere(&home, &[password, READER.1]);
}

/// No file of the installation and no line of its log has one of these.
fn assert_nowhere(home: &Home, secrets: &[&str]) {
    fn look(path: &Path, secrets: &[&str]) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                look(&entry.unwrap().path(), secrets);
            }
        } else if path.is_file() {
            let content = fs::read(path).unwrap();
            for secret in secrets {
                let mut windows = content.windows(secret.len());
                assert!(
                    !windows.any(|it| it == secret.as_bytes()),
                    "{secret} in {}",
                    path.display()
                );
            }
        }
    }
    look(&home.data(), secrets);
    look(&home.path("log"), secrets);
}

#[test]
fn a_local_record_always_rules() {
    let (home, up, vpn) = system();
    let directory = Directory::start(&home);
    searching(&home, &directory, "");
    home.user_without_token("bob");
    // Bob's password is kept here: the directory's is none, however the name is written.
    for name in ["bob", "BOB", "CORP\\bob", "bob@example.org"] {
        assert_eq!(vpn.ask(name, password_of("bob")), Answer::Reject, "{name}");
        home.login_says("bob", "refused: password-wrong");
    }
    assert_eq!(vpn.ask("BOB", PASSWORD), Answer::Accept);
    // Alice is in the directory, and nobody here.
    assert_eq!(vpn.ask("alice", password_of("alice")), Answer::Reject);
    home.login_says("alice", "refused: user-unknown");
    up.stop();
}

#[test]
fn no_empty_password_and_no_name_gets_past_the_directory() {
    let (home, up, vpn) = system();
    let directory = Directory::start(&home);
    searching(&home, &directory, "");
    for name in ["alice", "carol, jr.", "*", "alice)(uid=*", "nobody"] {
        user_of(&home, name, "ldap", "corp");
    }
    // To this directory a bind without a password is a success.
    assert_eq!(vpn.ask_with_empty_password("alice"), Answer::Reject);
    home.login_says("alice", "refused: password-wrong");
    for (name, why) in [
        ("*", "49 InvalidCredentials"),
        ("alice)(uid=*", "no entry has uid=alice)(uid=*"),
        ("nobody", "no entry has uid=nobody"),
    ] {
        assert_eq!(
            vpn.ask(name, password_of("alice")),
            Answer::Reject,
            "{name}"
        );
        home.login_says(&format!("\"{name}\""), why);
    }
    for name in ["*", "carol, jr."] {
        assert_eq!(vpn.ask(name, password_of(name)), Answer::Accept, "{name}");
    }

    // The same by names that are made of the login.
    home.console("config user ldap\nedit corp\nset type simple\nset cnid cn\nend")
        .ok();
    assert_eq!(vpn.ask_with_empty_password("alice"), Answer::Reject);
    for name in ["*", "carol, jr."] {
        assert_eq!(vpn.ask(name, password_of(name)), Answer::Accept, "{name}");
        assert_eq!(vpn.ask(name, "wrong"), Answer::Reject, "{name}");
    }
    up.stop();
}

#[test]
fn guesses_from_many_addresses_keep_strangers_waiting_and_nobody_else() {
    /// More than a name has before strangers wait, with some for the minutes that this takes.
    const SOURCES: usize = 100;
    let (home, up, vpn) = system();
    let directory = Directory::start(&home);
    searching(&home, &directory, "");
    user_of(&home, "alice", "ldap", "corp");
    let ask = |source: &str, password: &str| {
        let attributes = format!(
            "User-Name = alice, User-Password = \"{password}\", Calling-Station-Id = \"{source}\", "
        );
        vpn.radclient("auth", &attributes)
    };
    let known = "192.0.2.7";
    assert_eq!(ask(known, password_of("alice")), Answer::Accept);
    for number in 0..SOURCES {
        let source = format!("10.{number}.0.1");
        assert_eq!(ask(&source, PASSWORD), Answer::Reject, "{source}");
    }
    home.login_says("alice", "refused: name-throttled");
    assert_eq!(ask("203.0.113.9", password_of("alice")), Answer::Reject);
    let said = home.login_says("alice", "refused: name-throttled");
    assert!(said.contains("not looked at before "), "{said}");
    assert_eq!(ask(known, password_of("alice")), Answer::Accept);
    up.stop();
}

#[test]
fn an_entry_that_is_not_one_persons_decides_nothing() {
    let (home, up, vpn) = system();
    let directory = Directory::start(&home);
    searching(&home, &directory, "set type anonymous\nset cnid sn");
    user_of(&home, "everybody", "ldap", "corp");
    assert_eq!(vpn.ask("everybody", password_of("alice")), Answer::Silence);
    let said = home.login_says("everybody", "not decided: backend-unreachable");
    assert!(
        said.contains("more than one entry has sn=everybody"),
        "{said}"
    );

    // Who may search is the administrator's fault, not the user's.
    home.console(
        "config user ldap\nedit corp\nset type regular\nset cnid uid\nset password no\nend",
    )
    .ok();
    user_of(&home, "alice", "ldap", "corp");
    assert_eq!(vpn.ask("alice", password_of("alice")), Answer::Silence);
    let said = home.login_says("alice", "not decided: backend-unreachable");
    assert!(
        said.contains("may not bind: 49 InvalidCredentials"),
        "{said}"
    );
    up.stop();
}

#[test]
fn symptom_35_a_directory_is_known_by_its_certificate() {
    let (home, up, vpn) = system();
    let directory = Directory::start(&home);
    let certificates = home.data().join("certificates");
    searching(
        &home,
        &directory,
        "set secure starttls\nset ca-cert corp-ca",
    );
    user_of(&home, "alice", "ldap", "corp");
    let password = password_of("alice");
    let fails = |why: &str| {
        assert_eq!(vpn.ask("alice", password), Answer::Silence, "{why}");
        let said = home.login_says("alice", "not decided: backend-unreachable");
        assert!(said.contains(why), "{said}");
    };
    let set = |setting: &str| {
        home.console(&format!("config user ldap\nedit corp\n{setting}\nend"))
            .ok();
    };

    fails("corp-ca is not there");
    fs::copy(directory.authority(), certificates.join("corp-ca.pem")).unwrap();
    // Its certificate names localhost, not the address.
    fails("invalid peer certificate");
    set("set server localhost");
    assert_eq!(vpn.ask("alice", password), Answer::Accept);
    set(&format!(
        "set secure ldaps\nset port {}",
        directory.tls_port
    ));
    assert_eq!(vpn.ask("alice", password), Answer::Accept);
    set("set server 127.0.0.1\nset server-identity-check disable");
    assert_eq!(vpn.ask("alice", password), Answer::Accept);
    // Another authority's certificate is believed in no case.
    let other = home.authority();
    fs::copy(other, certificates.join("other.pem")).unwrap();
    set("set ca-cert other.pem");
    fails("invalid peer certificate");
    up.stop();
}

#[test]
fn a_directory_that_is_gone_is_silence_and_counts_nothing() {
    let (home, up, vpn) = system();
    let mut directory = Directory::start(&home);
    searching(&home, &directory, "set status-ttl 0");
    user_of(&home, "alice", "ldap", "corp");
    home.console(
        "config user setting\nset auth-lockout-threshold 1\nset auth-lockout-duration 60\nend",
    )
    .ok();
    let password = password_of("alice");
    directory.stop();
    for _ in 0..3 {
        assert_eq!(vpn.ask("alice", password), Answer::Silence);
        let said = home.login_says("alice", "not decided: backend-unreachable");
        assert!(said.contains("Connection refused"), "{said}");
    }
    let logged = home.console("execute log filter field logid 0102043011\nexecute log display");
    assert!(logged.ok().contains("reason=\"backend-unreachable\""));
    directory.resume();
    assert_eq!(vpn.ask("alice", password), Answer::Accept);

    // A verified password is remembered, until something of the entry changes.
    directory.stop();
    assert_eq!(vpn.ask("alice", password), Answer::Accept);
    home.console("config user ldap\nedit corp\nset status-ttl 1\nend")
        .ok();
    assert_eq!(vpn.ask("alice", password), Answer::Silence);

    // A wrong one is counted like a local one.
    directory.resume();
    assert_eq!(vpn.ask("alice", "wrong"), Answer::Reject);
    home.login_says("alice", "refused: password-wrong");
    assert_eq!(vpn.ask("alice", password), Answer::Reject);
    home.login_says("alice", "refused: source-throttled");
    up.stop();
}

#[test]
fn what_a_directory_holds_against_an_account_is_no_guess() {
    let (home, up, vpn) = system();
    let directory = Directory::start(&home);
    searching(&home, &directory, "");
    user_of(&home, HELD, "ldap", "corp");
    home.console(
        "config user setting\nset auth-lockout-threshold 1\nset auth-lockout-duration 60\n\
         set auth-invalid-max 2\nset auth-blackout-time 60\nend",
    )
    .ok();
    let password = password_of(HELD);
    for (data, reason, words) in [
        ("532", "password-expired", "the password has expired"),
        ("533", "account-locked-elsewhere", "the account is disabled"),
        ("773", "password-expired", "the password has to be changed"),
        (
            "775",
            "account-locked-elsewhere",
            "the account is locked out",
        ),
    ] {
        directory.holds(data);
        assert_eq!(vpn.ask(HELD, password), Answer::Reject, "{data}");
        let said = home.login_says(HELD, &format!("refused: {reason}"));
        assert!(said.contains(words), "{said}");
    }
    // Of somebody without an entry it is the same.
    home.console(&format!(
        "config user local\ndelete {HELD}\nend\n\
         config user group\nedit staff\nset member corp\nend\n\
         config user radius-client\nedit vpn1\nset remote-groups staff\nend"
    ))
    .ok();
    for (data, reason) in [
        ("532", "password-expired"),
        ("775", "account-locked-elsewhere"),
        ("701", "account-locked-elsewhere"),
    ] {
        directory.holds(data);
        assert_eq!(vpn.ask(HELD, password), Answer::Reject, "{data}");
        home.login_says(HELD, &format!("refused: {reason}"));
    }
    // A wrong password is one.
    directory.holds("52e");
    assert_eq!(vpn.ask(HELD, password), Answer::Reject);
    home.login_says(HELD, "refused: password-wrong");
    assert_eq!(vpn.ask(HELD, password), Answer::Reject);
    home.login_says(HELD, "refused: source-throttled");
    up.stop();
}

#[test]
fn what_a_password_policy_holds_against_an_account_is_no_guess() {
    let (home, up, vpn) = system();
    let directory = Directory::start(&home);
    searching(&home, &directory, "");
    let held = [
        (EXPIRED, "password-expired", "the password has expired"),
        (RESET, "password-expired", "the password has to be changed"),
        (
            LOCKED,
            "account-locked-elsewhere",
            "the account is locked out",
        ),
    ];
    home.console(
        "config user setting\nset auth-lockout-threshold 1\nset auth-lockout-duration 60\n\
         set auth-invalid-max 2\nset auth-blackout-time 60\nend",
    )
    .ok();
    let is_told = |name, reason, words| {
        for _ in 0..2 {
            assert_eq!(vpn.ask(name, password_of(name)), Answer::Reject, "{name}");
            let said = home.login_says(name, &format!("refused: {reason}"));
            assert!(said.contains(words), "{said}");
        }
    };
    for (name, reason, words) in held {
        user_of(&home, name, "ldap", "corp");
        is_told(name, reason, words);
    }
    // Nor of somebody without an entry.
    home.console(
        "config user group\nedit staff\nset member corp\nend\n\
         config user radius-client\nedit vpn1\nset remote-groups staff\nend",
    )
    .ok();
    for (name, reason, words) in held {
        home.console(&format!("config user local\ndelete {name}\nend"))
            .ok();
        is_told(name, reason, words);
    }
    // A wrong password of theirs is one.
    assert_eq!(vpn.ask(EXPIRED, "wrong"), Answer::Reject);
    home.login_says(EXPIRED, "refused: password-wrong");
    assert_eq!(vpn.ask(EXPIRED, password_of(EXPIRED)), Answer::Reject);
    home.login_says(EXPIRED, "refused: source-throttled");
    up.stop();
}

#[test]
fn a_silent_server_leaves_time_to_the_next_and_is_asked_last_then() {
    let (home, up, vpn) = system();
    let directory = Directory::start(&home);
    let _silent = TcpListener::bind((ELSEWHERE, directory.port)).unwrap();
    searching(
        &home,
        &directory,
        &format!("set server {ELSEWHERE}\nset secondary-server 127.0.0.1"),
    );
    home.console(
        "config system global\nset remoteauthtimeout 2\nend\n\
                  config user setting\nset auth-password-memory 0\nend",
    )
    .ok();
    user_of(&home, "alice", "ldap", "corp");
    let took = || {
        let began = Instant::now();
        assert_eq!(vpn.ask("alice", password_of("alice")), Answer::Accept);
        began.elapsed()
    };
    assert!(took() >= Duration::from_secs(1));
    assert!(took() < Duration::from_secs(1));
    up.stop();
}

#[test]
fn symptom_36_another_radius_server_knows_the_password() {
    let (home, up, vpn) = system();
    let server = Upstream::start(&home);
    upstream(&home, server.port, "");
    let phone = enrol(&home, "alice", &home.import(1)[0]);
    for name in ["alice", "bob", "carol", "mallory", "dave"] {
        user_of(&home, name, "radius", "hq");
    }
    let password = upstream::PASSWORD;
    let challenge = vpn.ask("alice", password);
    assert_eq!(
        vpn.answer("alice", &phone.code("alice"), &challenge),
        Answer::Accept
    );
    assert_eq!(vpn.ask("bob", password), Answer::Accept);
    assert_eq!(vpn.ask("bob", "wrong"), Answer::Reject);
    home.login_says("bob", "Access-Reject: not you");
    assert_eq!(vpn.ask_with_empty_password("bob"), Answer::Reject);
    assert_eq!(vpn.ask("dave", password), Answer::Reject);
    home.login_says("dave", "refused: password-wrong");
    assert_eq!(vpn.ask("carol", password), Answer::Reject);
    home.login_says("carol", "refused: backend-challenge");

    // An answer without a Message-Authenticator can be anybody's, and so can one under another secret.
    home.console("config system global\nset remoteauthtimeout 1\nend")
        .ok();
    assert_eq!(vpn.ask("mallory", password), Answer::Silence);
    home.login_says("mallory", "the reply has no Message-Authenticator");
    home.console("config user radius\nedit hq\nset secret another\nend")
        .ok();
    assert_eq!(vpn.ask("bob", password), Answer::Silence);
    home.login_says("bob", "not decided: backend-unreachable");
    up.stop();
    assert_nowhere(&home, &[password, upstream::SECRET]);
}

#[test]
fn a_radius_server_that_is_dead_is_passed_over() {
    let (home, up, vpn) = system();
    let server = Upstream::start(&home);
    let _silent = UdpSocket::bind((ELSEWHERE, server.port)).unwrap();
    let secret = upstream::SECRET;
    upstream(
        &home,
        server.port,
        &format!(
            "set server {ELSEWHERE}\nset secondary-server 127.0.0.1\nset secondary-secret {secret}\n\
             set timeout 1"
        ),
    );
    home.console("config user setting\nset auth-password-memory 0\nend")
        .ok();
    user_of(&home, "bob", "radius", "hq");
    let took = || {
        let began = Instant::now();
        assert_eq!(vpn.ask("bob", upstream::PASSWORD), Answer::Accept);
        began.elapsed()
    };
    assert!(took() >= Duration::from_secs(1));
    assert!(took() < Duration::from_secs(1));
    up.stop();
}

/// Stands before a server, keeps the first datagram to itself and gives on the second; both.
fn lossy(server: u16) -> (u16, JoinHandle<[Vec<u8>; 2]>) {
    let here = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = here.local_addr().unwrap().port();
    let relayed = thread::spawn(move || {
        let mut buffer = [0; 4_096];
        let (length, _) = here.recv_from(&mut buffer).unwrap();
        let first = buffer[..length].to_vec();
        let (length, peer) = here.recv_from(&mut buffer).unwrap();
        let second = buffer[..length].to_vec();
        let out = UdpSocket::bind("127.0.0.1:0").unwrap();
        out.send_to(&second, ("127.0.0.1", server)).unwrap();
        let length = out.recv(&mut buffer).unwrap();
        here.send_to(&buffer[..length], peer).unwrap();
        [first, second]
    });
    (port, relayed)
}

#[test]
fn a_question_that_is_lost_is_sent_again_as_it_was() {
    let (home, up, vpn) = system();
    let server = Upstream::start(&home);
    let (port, relayed) = lossy(server.port);
    upstream(&home, port, "");
    user_of(&home, "bob", "radius", "hq");
    assert_eq!(vpn.ask("bob", upstream::PASSWORD), Answer::Accept);
    let [first, second] = relayed.join().unwrap();
    assert_eq!(first, second);
    up.stop();
}

/// Stands before a server and holds its answer back until it is told to give it on.
fn holding(server: u16) -> (u16, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let here = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = here.local_addr().unwrap().port();
    let ((asked, was_asked), (go, gone_on)) = (mpsc::channel(), mpsc::channel());
    thread::spawn(move || {
        let mut buffer = [0; 4_096];
        let (length, peer) = here.recv_from(&mut buffer).unwrap();
        asked.send(()).unwrap();
        let out = UdpSocket::bind("127.0.0.1:0").unwrap();
        out.send_to(&buffer[..length], ("127.0.0.1", server))
            .unwrap();
        let length = out.recv(&mut buffer).unwrap();
        gone_on.recv().unwrap();
        here.send_to(&buffer[..length], peer).unwrap();
    });
    (port, was_asked, go)
}

#[test]
fn a_right_password_that_is_known_after_the_blackout_began_lets_nobody_in() {
    let (home, up, _) = system();
    let server = Upstream::start(&home);
    upstream(&home, server.port, "");
    user_of(&home, "bob", "radius", "hq");
    home.console("config user group\nedit staff\nset member hq\nend")
        .ok();
    home.radius_client("vpn2", ELSEWHERE, "set remote-groups staff");
    home.console("config user setting\nset reject-delay 0\nset auth-invalid-max 3\nend")
        .ok();
    // Bob has an entry here; zoe is known upstream alone.
    for (user, source) in [("bob", VPN), ("zoe", ELSEWHERE)] {
        let vpn = Vpn::new(&home, source);
        let (port, was_asked, go) = holding(server.port);
        upstream(&home, port, "");
        home.console("config user setting\nset auth-blackout-time 0\nend")
            .ok();
        thread::scope(|scope| {
            let login = scope.spawn(|| vpn.ask(user, upstream::PASSWORD));
            was_asked.recv().unwrap();
            home.console("config user setting\nset auth-blackout-time 600\nend")
                .ok();
            // An empty password is asked of nobody.
            for _ in 0..3 {
                vpn.ask_with_empty_password("nobody");
            }
            go.send(()).unwrap();
            assert_ne!(login.join().unwrap(), Answer::Accept, "{user}");
        });
        home.login_says(user, "refused: source-blackout");
    }
    up.stop();
}

#[test]
fn an_administrator_tries_a_server_and_sees_each_step() {
    let (home, up, _) = system();
    let directory = Directory::start(&home);
    let server = Upstream::start(&home);
    searching(&home, &directory, "");
    upstream(&home, server.port, "");
    let password = password_of("alice");
    let shown = home
        .console(&format!(
            "diagnose debug application fnbamd -1\ndiagnose debug enable\n\
             diagnose test authserver ldap corp alice {password}"
        ))
        .ok();
    for expected in [
        "handle_req-Rcvd auth req for alice in corp",
        "__ldap_connect-tcps_connect(127.0.0.1) is established",
        "fnbamd_ldap_init-search filter is: uid=alice",
        "get_all_dn-Found DN 1:cn=alice,",
        "fnbamd_comm_send_result-Sending result 0 (error 0)",
        "authenticate 'alice' against 'corp' succeeded!",
    ] {
        assert!(shown.contains(expected), "{expected}:\n{shown}");
    }
    assert!(
        !shown.contains(password) && !shown.contains(READER.1),
        "{shown}"
    );

    let password = upstream::PASSWORD;
    let shown = home
        .console(&format!(
            "diagnose debug application fnbamd -1\ndiagnose debug enable\n\
             diagnose test authserver radius hq pap bob {password}"
        ))
        .ok();
    for expected in [
        "__fnbamd_rad_send-Sent radius req to server 'hq'",
        "fnbamd_radius_auth_validate_pkt-RADIUS resp code 2",
        "authenticate 'bob' against 'pap' succeeded, server=primary",
    ] {
        assert!(shown.contains(expected), "{expected}:\n{shown}");
    }
    assert!(
        !shown.contains(password) && !shown.contains(upstream::SECRET),
        "{shown}"
    );

    let refused = |line: &str| home.console(line).refused();
    let wrong = refused("diagnose test authserver ldap corp alice wrong");
    assert!(
        wrong.contains("authenticate 'alice' against 'corp' failed!"),
        "{wrong}"
    );
    let empty = refused("diagnose test authserver ldap corp alice \"\"");
    assert!(
        empty.contains("an empty password is asked of no server"),
        "{empty}"
    );
    let missing = refused("diagnose test authserver radius nowhere pap bob x");
    assert!(missing.contains("there is no such entry"), "{missing}");
    up.stop();
}

#[test]
fn an_entry_in_use_stays_and_takes_its_users_along() {
    let (home, up, vpn) = system();
    let directory = Directory::start(&home);
    searching(&home, &directory, "");
    user_of(&home, "alice", "ldap", "corp");
    let refused = home.console("config user ldap\ndelete corp\nend").refused();
    assert!(
        refused.contains("user local \"alice\" names it in ldap-server"),
        "{refused}"
    );
    home.console("config user ldap\nrename corp to head\nend")
        .ok();
    let shown = home.console("show user local alice").ok();
    assert!(shown.contains("set ldap-server \"head\""), "{shown}");
    assert_eq!(vpn.ask("alice", password_of("alice")), Answer::Accept);
    home.console("config user local\nrename alice to bob\nend")
        .ok();
    assert_eq!(vpn.ask("bob", password_of("alice")), Answer::Reject);
    assert_eq!(vpn.ask("bob", password_of("bob")), Answer::Accept);
    home.console("config user local\ndelete bob\nend\nconfig user ldap\ndelete head\nend")
        .ok();
    up.stop();
}

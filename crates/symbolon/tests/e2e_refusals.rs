//! Every reason for which a login is refused: its cause is set up, its text is read, and the client hears the same
//! octets whatever it is.
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

use std::cell::Cell;
use std::collections::HashSet;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use common::phone::enrol;
use common::radius::{Answer, Vpn};
use common::ssh::{ADMIN_PASSWORD, Ssh, first_login};
use common::{Home, PASSWORD, Running, SECRET, at_offset, python, run, tool};
use domain::reason::Reason;
use radius::{Authenticator, Code, Identifier, Packet, Request, Secret, Type};

/// A client that answers challenges.
const VPN: &str = "127.0.0.1";
/// One that appends the code.
const GATE: &str = "127.0.0.9";
/// One that speaks CHAP alone.
const CHAP: &str = "127.0.0.8";
/// One that checks passwords itself.
const DOOR: &str = "127.0.0.7";

const TOKEN: &str = "FTK2000BHV1KRZCC";
const SEED: &str = "3132333435363738393031323334353637383930";
const LOCKED: &str = "FTK2000BHV1KRZCD";
const SEEDLESS: &str = "FTK2000BHV1KRZCE";
/// One that its user is to get, with a seed of its own.
const NEXT: &str = "FTK2000BHV1KRZCF";
const NEXT_SEED: &str = "3938373635343332313039383736353433323130";
/// One that its user had before.
const BEFORE: &str = "FTK2000BHV1KRZCG";

/// Reasons whose cause a test of its own sets up, and in which file below `crates`: it takes another protocol, another
/// server, another time, or a state that the configuration does not let happen. That one approval is spent twice takes
/// two threads in one moment, which the store's own test has.
const ELSEWHERE: &[(Reason, &str)] = &[
    (Reason::BackendUnreachable, "symbolon/tests/e2e_backends.rs"),
    (Reason::BackendChallenge, "symbolon/tests/e2e_backends.rs"),
    (
        Reason::AccountLockedElsewhere,
        "symbolon/tests/e2e_backends.rs",
    ),
    (Reason::NameThrottled, "symbolon/tests/e2e_backends.rs"),
    (Reason::GroupMissing, "symbolon/tests/e2e_remote_users.rs"),
    (Reason::NameOfAnother, "symbolon/tests/e2e_remote_users.rs"),
    (Reason::EapFailed, "symbolon/tests/e2e_eap.rs"),
    (Reason::EapUnfinished, "symbolon/tests/e2e_eap.rs"),
    (Reason::UntrustedHost, "symbolon/tests/e2e_refusals.rs"),
    (Reason::SessionsFull, "symbolon/tests/e2e_refusals.rs"),
    (Reason::CodeNotSent, "symbolon/tests/e2e_refusals.rs"),
    (Reason::RecoveryPassEnded, "symbolon/tests/e2e_refusals.rs"),
    (Reason::AddressMissing, "symbolon/tests/e2e_refusals.rs"),
    (Reason::TokenMissing, "symbolon/tests/e2e_refusals.rs"),
    (Reason::KeyUnknown, "symbolon/tests/e2e_ssh.rs"),
    (Reason::SentCodesTooMany, "symbolon/tests/e2e_sent_codes.rs"),
    (Reason::SentCodeWrong, "symbolon/tests/e2e_sent_codes.rs"),
    (Reason::SentCodeExpired, "symbolon/tests/e2e_sent_codes.rs"),
    (Reason::CodeUnneeded, "symbolon/tests/e2e_verification.rs"),
    (
        Reason::ChallengeExpired,
        "symbolon/tests/e2e_password_renewal.rs",
    ),
    (Reason::PushUnavailable, "symbolon/tests/e2e_push.rs"),
    (Reason::PushDeviceUnknown, "symbolon/tests/e2e_push.rs"),
    (Reason::TokenNotActivated, "symbolon/tests/e2e_push.rs"),
    (Reason::PushOutstanding, "symbolon/tests/e2e_push.rs"),
    (Reason::PushSourceReported, "symbolon/tests/e2e_push.rs"),
    (Reason::PushDenied, "symbolon/tests/e2e_push.rs"),
    (Reason::PushNotMe, "symbolon/tests/e2e_push.rs"),
    (Reason::PushNumberWrong, "symbolon/tests/e2e_push.rs"),
    (Reason::PushExpired, "symbolon/tests/e2e_push.rs"),
    (Reason::PushTooMany, "symbolon/tests/e2e_transactions.rs"),
    (
        Reason::TokenOfAnotherUnit,
        "symbolon/tests/e2e_replaced_unit.rs",
    ),
    (
        Reason::TokenProvisionTimeout,
        "symbolon/tests/e2e_symptoms.rs",
    ),
    (Reason::PushReplayed, "store/tests/pushes.rs"),
];

/// The octets of an answer but for those that bind it to its request.
#[derive(PartialEq, Eq, Debug)]
struct Heard(Vec<u8>);

struct Scene {
    home: Home,
    requests: Cell<u8>,
}

impl Scene {
    fn console(&self, lines: &str) {
        self.home.console(lines).ok();
    }

    fn exchange(
        &self,
        source: &str,
        attributes: &[(Type, &[u8])],
        password: Option<&str>,
    ) -> Vec<u8> {
        let number = self.requests.get();
        self.requests.set(number + 1);
        let secret = Secret::new(SECRET.as_bytes()).unwrap();
        let mut request = Request::access(Identifier(7), Authenticator([number; 16]), &secret);
        for (kind, value) in attributes {
            request = request.attribute(*kind, value).unwrap();
        }
        if let Some(password) = password {
            request = request.user_password(password.as_bytes()).unwrap();
        }
        let socket = UdpSocket::bind((source, 0)).unwrap();
        let patience = Some(Duration::from_secs(10));
        socket.set_read_timeout(patience).unwrap();
        socket
            .send_to(&request.encode().unwrap(), self.home.radius)
            .unwrap();
        let mut reply = [0; 4_096];
        let length = socket.recv(&mut reply).unwrap();
        reply[..length].to_vec()
    }

    fn ask_from(&self, source: &str, user: &str, password: &str) -> Vec<u8> {
        self.exchange(
            source,
            &[(Type::USER_NAME, user.as_bytes())],
            Some(password),
        )
    }

    fn ask(&self, user: &str, password: &str) -> Vec<u8> {
        self.ask_from(VPN, user, password)
    }

    /// The code, in answer to the challenge after the password.
    fn log_in(&self, user: &str, code: &str) -> Vec<u8> {
        let challenge = self.ask(user, PASSWORD);
        let challenge = Packet::parse(&challenge).unwrap();
        let state = challenge.first(Type::STATE).expect("a challenge");
        self.answer(user, code, state)
    }

    fn recovery_codes(&self, user: &str) -> Vec<String> {
        let line = format!("execute recovery-code generate {user}");
        let said = self.home.console(&line).ok();
        let codes = said.lines().filter_map(|line| line.strip_prefix("    "));
        codes.map(str::to_owned).collect()
    }

    fn answer(&self, user: &str, code: &str, state: &[u8]) -> Vec<u8> {
        let attributes = [(Type::USER_NAME, user.as_bytes()), (Type::STATE, state)];
        self.exchange(VPN, &attributes, Some(code))
    }
}

#[track_caller]
fn refusal(reply: &[u8]) -> Heard {
    let packet = Packet::parse(reply).unwrap();
    assert_eq!(packet.code(), Code::AccessReject);
    let mut octets = reply.to_vec();
    octets[4..20].fill(0);
    let mut at = 20;
    while at < octets.len() {
        let length = usize::from(octets[at + 1]);
        // Message-Authenticator (RFC 3579, 3.2).
        if octets[at] == 80 {
            octets[at + 2..at + length].fill(0);
        }
        at += length;
    }
    Heard(octets)
}

/// The code of a device whose clock is off by so many minutes, and whose period is so long.
fn shown(minutes: i32, period_s: u32) -> String {
    let mut oathtool = tool("oathtool", "oathtool");
    oathtool.args(["--totp=sha1", "-s", &format!("{period_s}s"), "--now"]);
    oathtool.arg(format!("{minutes:+} minutes")).arg(SEED);
    run(&mut oathtool, "").ok().trim().to_owned()
}

fn scene() -> (Scene, Running) {
    let home = Home::new();
    let up = Running::up(&home);
    let table = home.path("tokens.csv");
    fs::write(
        &table,
        format!("{TOKEN},{SEED}\n{LOCKED},{SEED}\n{NEXT},{NEXT_SEED}\n{BEFORE},{SEED}\n"),
    )
    .unwrap();
    home.desk(&["import-hardware", table.to_str().unwrap()])
        .ok();
    home.console(&format!(
        "config user fortitoken\nedit {TOKEN}\nnext\nedit {LOCKED}\nnext\nedit {SEEDLESS}\nnext\n\
         edit {NEXT}\nnext\nedit {BEFORE}\nend\n\
         config user fortitoken\nedit {LOCKED}\nset status lock\nend"
    ));
    home.radius_client("vpn", VPN, "");
    home.radius_client("gate", GATE, "set code-position after-password");
    home.radius_client("chap", CHAP, "set auth-methods chap");
    home.radius_client("door", DOOR, "set code-position code-only");
    for user in ["plain", "off", "sent"] {
        home.user_without_token(user);
    }
    for (user, token) in [
        ("alice", TOKEN),
        ("locked", LOCKED),
        ("seedless", SEEDLESS),
        ("moved", BEFORE),
    ] {
        home.user(user, token);
    }
    let requests = Cell::new(0);
    let scene = Scene { home, requests };
    scene.console(
        "config user local\nedit off\nset status disable\nnext\n\
         edit sent\nset two-factor email\nset email-to sent@example.org\nend",
    );
    (scene, up)
}

/// What sets a cause up and has a login refused for it.
type Cause = fn(&Scene) -> Vec<u8>;

/// In this order: the wrong codes of alice lead to the one that is delayed, and what is set for all is set last.
const TABLE: &[(Reason, &str, Cause)] = &[
    (Reason::UserUnknown, "nobody", |it| {
        it.ask("nobody", PASSWORD)
    }),
    (Reason::UserDisabled, "off", |it| it.ask("off", PASSWORD)),
    (Reason::PasswordWrong, "plain", |it| {
        it.ask("plain", "wrong")
    }),
    (Reason::TokenLocked, "locked", |it| {
        it.ask("locked", PASSWORD)
    }),
    (Reason::TokenWithoutSeed, "seedless", |it| {
        it.ask("seedless", PASSWORD)
    }),
    (Reason::SentCodeUnasked, "sent", |it| {
        it.ask_from(GATE, "sent", PASSWORD)
    }),
    (Reason::SecondFactorMissing, "plain", |it| {
        it.ask_from(DOOR, "plain", "123456")
    }),
    (Reason::MethodNotAllowed, "plain", |it| {
        it.ask_from(CHAP, "plain", PASSWORD)
    }),
    (Reason::MethodNeedsLegacySecret, "plain", |it| {
        let response = [1; 17];
        let attributes = [
            (Type::USER_NAME, &b"plain"[..]),
            (Type::CHAP_PASSWORD, &response),
        ];
        it.exchange(CHAP, &attributes, None)
    }),
    (Reason::CodeByResponse, "plain", |it| {
        let attributes = [
            (Type::USER_NAME, &b"plain"[..]),
            (Type::CHAP_PASSWORD, &[1; 17]),
            (Type::STATE, b"0123456789"),
        ];
        it.exchange(CHAP, &attributes, None)
    }),
    (Reason::ChallengeUnknown, "plain", |it| {
        it.answer("plain", "123456", b"0123456789")
    }),
    (Reason::CodeReplayed, "alice", |it| {
        let code = shown(0, 60);
        let accepted = it.log_in("alice", &code);
        assert_eq!(Packet::parse(&accepted).unwrap().code(), Code::AccessAccept);
        it.log_in("alice", &code)
    }),
    (Reason::ChangedMeanwhile, "alice", |it| {
        let challenge = it.ask("alice", PASSWORD);
        let challenge = Packet::parse(&challenge).unwrap();
        let state = challenge.first(Type::STATE).expect("a challenge");
        // The same words, set anew, are another password.
        it.console(&format!(
            "config user local\nedit alice\nset passwd {PASSWORD}\nend"
        ));
        it.answer("alice", &shown(1, 60), state)
    }),
    (Reason::CodeMissing, "alice", |it| {
        it.log_in("alice", PASSWORD)
    }),
    (Reason::RecoveryCodeWrong, "alice", |it| {
        it.log_in("alice", "aaaa-bbbb-cccc-dddd")
    }),
    (Reason::RecoveryCodeUsed, "alice", |it| {
        let code = it.recovery_codes("alice").remove(0);
        let accepted = it.log_in("alice", &code);
        assert_eq!(Packet::parse(&accepted).unwrap().code(), Code::AccessAccept);
        it.log_in("alice", &code)
    }),
    (Reason::CodeWrong, "alice", |it| {
        it.log_in("alice", &shown(600, 60))
    }),
    (Reason::CodeMalformed, "alice", |it| {
        it.log_in("alice", "12 34")
    }),
    (Reason::ClockSlow, "alice", |it| {
        it.ask_from(GATE, "alice", &format!("{PASSWORD}{}", shown(-20, 60)))
    }),
    (Reason::ClockFast, "alice", |it| {
        it.ask_from(GATE, "alice", &format!("{PASSWORD}{}", shown(20, 60)))
    }),
    (Reason::OtherParameters, "alice", |it| {
        it.log_in("alice", &shown(0, 30))
    }),
    (Reason::OtherToken, "moved", |it| {
        it.console(&format!(
            "config user local\nedit moved\nset fortitoken {NEXT}\nend"
        ));
        it.log_in("moved", &shown(0, 60))
    }),
    (Reason::CodeThrottled, "alice", |it| {
        it.log_in("alice", &shown(1, 60))
    }),
    (Reason::CodeBlocked, "alice", |it| {
        it.console("diagnose login unlock alice\nconfig user setting\nset reject-delay 0\nend");
        // The fifth in a row would be delayed. A right one begins a new row, and forgets none of the wrong ones.
        for right in it.recovery_codes("alice").iter().take(8) {
            for _ in 0..4 {
                refusal(&it.log_in("alice", "12 34"));
            }
            it.log_in("alice", right);
        }
        it.console("config user setting\nset reject-delay 1000\nend");
        it.log_in("alice", &shown(1, 60))
    }),
    (Reason::PasswordExpired, "plain", |it| {
        it.console(
            "config user password-policy\nedit staff\nset expire-status enable\nend\n\
             config user local\nedit plain\nset passwd-policy staff\nset passwd-time 2020-01-01 00:00:00\nend",
        );
        let heard = it.ask("plain", PASSWORD);
        it.console("config user local\nedit plain\nunset passwd-policy\nend");
        heard
    }),
    (Reason::SecondFactorRequired, "plain", |it| {
        it.console("config system global\nset multi-factor-authentication mandatory\nend");
        let heard = it.ask("plain", PASSWORD);
        it.console("config system global\nset multi-factor-authentication optional\nend");
        heard
    }),
    (Reason::SentCodesRefused, "sent", |it| {
        it.console("config system security\nset profile strict\nend");
        let heard = it.ask("sent", PASSWORD);
        it.console("config system security\nset profile compatible\nend");
        heard
    }),
    (Reason::SourceThrottled, "plain", |it| {
        it.console(
            "config user setting\nset auth-lockout-threshold 1\nset auth-lockout-duration 60\nend",
        );
        it.ask("plain", "wrong");
        it.ask("plain", PASSWORD)
    }),
    (Reason::SourceBlackout, "plain", |it| {
        it.console("config user setting\nset auth-blackout-time 600\nend");
        for stranger in ["ann", "ben", "cay", "dan", "eve"] {
            it.ask(stranger, "wrong");
        }
        it.ask("plain", PASSWORD)
    }),
];

#[test]
fn each_refusal_says_its_reason_and_all_are_the_same_octets() {
    let (scene, up) = scene();
    let mut first = None;
    for (reason, user, cause) in TABLE {
        let heard = refusal(&cause(&scene));
        let text = scene
            .home
            .login_says(user, &format!("refused: {}", reason.id()));
        for words in [reason.cause(), reason.next_step()] {
            assert!(text.contains(words), "{reason}: {words}\n{text}");
        }
        let first = first.get_or_insert_with(|| refusal(&scene.ask("nobody else", PASSWORD)));
        assert_eq!(&heard, first, "{reason}");
    }
    up.stop();
}

/// Whether the event log has this reason by now.
fn logged(home: &Home, reason: Reason) -> bool {
    let log = "execute log filter category event\nexecute log display";
    let word = format!("reason=\"{}\"", reason.id());
    home.console(log).ok().contains(&word)
}

#[test]
fn an_administrator_from_elsewhere_or_one_too_many_is_on_record_as_that() {
    let home = Home::with_ssh();
    let up = Running::up(&home);
    let admin = first_login(&home, &up);
    home.console(&format!(
        "config system admin\nedit far\nset accprofile super_admin\nset password {ADMIN_PASSWORD}\n\
         set trusthost1 192.0.2.0 255.255.255.0\nend"
    ))
    .ok();
    let far = Ssh::new(&home, "far", ADMIN_PASSWORD).exec("get system status");
    assert_eq!(far.status.code(), Some(255), "{far:?}");
    assert!(logged(&home, Reason::UntrustedHost));

    home.console("config system global\nset admin-login-max 1\nend")
        .ok();
    let mut terminal = admin.terminal();
    terminal.expect("symbolon # ");
    let second = admin.exec("get system status");
    assert!(!second.status.success(), "{second:?}");
    assert!(logged(&home, Reason::SessionsFull));
    terminal.type_in("exit\r");
    terminal.ended();
    up.stop();
}

#[test]
fn a_pass_is_good_until_its_end() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn", VPN, "");
    let phone = enrol(&home, "alice", &home.import(1)[0]);
    let said = home.console("execute recovery-pass issue alice 1").ok();
    let mut passes = said.lines().filter_map(|line| line.strip_prefix("    "));
    let pass = passes.next().unwrap().to_owned();
    up.stop();
    let mut later = home.up();
    at_offset(&mut later, "+2h");
    let up = Running::start(&mut later, &home);
    let vpn = Vpn::new(&home, VPN);
    assert_eq!(vpn.log_in("alice", &pass), Answer::Reject);
    home.login_says("alice", "refused: recovery-pass-ended");
    assert_eq!(
        vpn.log_in("alice", &phone.at("+2h").code("alice")),
        Answer::Accept
    );
    up.stop();
}

#[test]
fn a_code_that_nobody_carries_is_on_record_as_that() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn", VPN, "");
    home.user_without_token("sent");
    home.console(
        "config system email-server\nset server 127.0.0.1\nset port 1\nend\n\
         config system global\nset two-factor-email-expiry 30\nend\n\
         config user local\nedit sent\nset two-factor email\nset email-to sent@example.org\nend",
    )
    .ok();
    let asked = Vpn::new(&home, VPN).ask("sent", PASSWORD);
    assert!(matches!(asked, Answer::Challenge(..)), "{asked:?}");
    let deadline = Instant::now() + Duration::from_mins(1);
    while !logged(&home, Reason::CodeNotSent) {
        assert!(Instant::now() < deadline, "not on record");
        thread::sleep(Duration::from_secs(1));
    }
    up.stop();
}

/// Takes away what nobody can be left without by the configuration.
const DAMAGE: &str = "
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as gateway:
    for sql in (\"UPDATE person SET token = NULL WHERE canonical = 'missing'\",
                \"UPDATE person SET email = NULL WHERE canonical = 'unaddressed'\"):
        assert gateway.execute(sql).rowcount == 1
";

#[test]
fn a_record_that_lost_its_token_or_address_lets_nobody_in() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn", VPN, "");
    home.user("missing", &home.import(1)[0]);
    home.user_without_token("unaddressed");
    home.console(
        "config user local\nedit unaddressed\nset two-factor email\n\
         set email-to sent@example.org\nend",
    )
    .ok();
    up.stop();
    let database = home.data().join("gateway/gateway.db");
    run(python().args(["-c", DAMAGE]).arg(database), "").ok();
    let up = Running::up(&home);
    let vpn = Vpn::new(&home, VPN);
    for (user, reason) in [
        ("missing", Reason::TokenMissing),
        ("unaddressed", Reason::AddressMissing),
    ] {
        assert_eq!(vpn.ask(user, PASSWORD), Answer::Reject, "{user}");
        home.login_says(user, &format!("refused: {}", reason.id()));
    }
    up.stop();
}

/// What a file says of a reason, but for the list above.
fn mentions(file: &str, reason: Reason) -> bool {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(crates.join(file)).unwrap();
    let tests = text.split_once("\nstruct Heard").map_or(&*text, |it| it.1);
    let id = format!(": {}\"", reason.id());
    let quoted = format!("\"{}", reason.id());
    let named = format!("Reason::{reason:?}");
    let is_whole = |at: usize| {
        let behind = tests[at + named.len()..].chars().next();
        behind.is_none_or(|c| !c.is_alphanumeric())
    };
    tests.contains(&id)
        || tests.contains(&quoted)
        || tests.match_indices(&named).any(|(at, _)| is_whole(at))
}

#[test]
fn no_reason_is_forgotten() {
    let here: HashSet<Reason> = TABLE.iter().map(|(reason, ..)| *reason).collect();
    let elsewhere: HashSet<Reason> = ELSEWHERE.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(elsewhere.len(), ELSEWHERE.len(), "one is named twice");
    for (reason, file) in ELSEWHERE {
        assert!(mentions(file, *reason), "{file} does not test {reason}");
    }
    assert!(here.is_disjoint(&elsewhere));
    for reason in Reason::ALL {
        assert!(
            here.contains(reason) || elsewhere.contains(reason),
            "{reason}"
        );
    }
}

//! The authenticator's live screen as a person has it: a terminal, keys, and a login over RADIUS that waits.
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

use std::thread;

use common::phone::{PIN, Phone, activation_code, allow_transfers, pushed_to};
use common::radius::{Answer, Vpn};
use common::terminal::Terminal;
use common::{PASSWORD, free_port};
use data_encoding::BASE64;
use rustix::process::Signal;

const CLIENT: &str = "127.0.0.1";
/// Leaves the alternate screen (xterm, DEC private mode 1049): the terminal shows again what it showed before.
const LEFT: &str = "\x1b[?1049l";

/// The screen, opened with the PIN.
fn opened(phone: &Phone) -> Terminal {
    let mut screen = Terminal::open(&mut phone.at_hand(&[]));
    screen.expect("Enter:");
    unlock(&mut screen);
    screen
}

fn unlock(screen: &mut Terminal) {
    screen.type_in(&format!("{PIN}\r"));
    screen.expect("alice");
    screen.expect("━");
}

fn lock(screen: &mut Terminal) {
    screen.type_in("\x0c");
    screen.expect("PIN");
}

/// The code that the screen gives to the terminal's clipboard.
fn copied(screen: &mut Terminal) -> String {
    screen.type_in("c");
    screen.expect("\x1b]52;c;");
    let encoded = screen.expect("\x07");
    let code = BASE64
        .decode(encoded.trim_end_matches('\x07').as_bytes())
        .unwrap();
    String::from_utf8(code).unwrap()
}

#[test]
fn a_login_is_approved_and_another_denied_while_codes_are_shown() {
    let (home, up, phone) = pushed_to(CLIENT);
    let vpn = Vpn::new(&home, CLIENT);
    let mut screen = opened(&phone);
    for (choose, expected, said) in [
        ("", Answer::Accept, "Approved"),
        ("\x1b[C", Answer::Reject, "Denied"),
        ("\x1b[D", Answer::Reject, "reported"),
    ] {
        let offer = vpn.ask("alice", PASSWORD);
        let shown = vpn.answer("alice", "push", &offer);
        let Answer::Challenge(_, prompt) = &shown else {
            panic!("{shown:?}");
        };
        let number: String = prompt.chars().filter(char::is_ascii_digit).collect();
        let answer = thread::scope(|scope| {
            let login = scope.spawn(|| vpn.answer_patiently("alice", "push", &shown));
            screen.expect("Is this you?");
            screen.expect("alice");
            screen.expect("vpn1");
            screen.expect("127.0.0.1");
            screen.type_in(&format!("{number}{choose}\r"));
            screen.expect(said);
            login.join().unwrap()
        });
        assert_eq!(answer, expected, "{said}");
    }
    // A denied login whose client asks only then is refused as well, after it.
    let logins = home.console("diagnose login show").ok();
    for said in ["approved on the phone", "push-denied", "push-not-me"] {
        assert!(logins.contains(said), "{said}: {logins}");
    }

    // The code goes on counting.
    let code = copied(&mut screen);
    assert_eq!(vpn.log_in("alice", &code), Answer::Accept);
    screen.type_in("q");
    assert!(screen.ended().success());
    assert!(screen.is_cooked(), "the terminal stays raw");
    assert!(screen.rest().contains(LEFT));
    up.stop();
}

#[test]
fn a_locked_screen_leaves_the_vault_to_other_commands() {
    let (_home, up, phone) = pushed_to(CLIENT);
    let mut screen = opened(&phone);
    let busy = phone.app(&["list"]);
    assert!(busy.err.contains("another app (process"), "{busy:?}");

    screen.type_in("r\x15My VPN\r");
    screen.expect("called");
    screen.type_in("l");
    screen.expect("PIN");
    let listed = phone.app(&["list"]).ok();
    assert!(listed.contains("My VPN"), "{listed}");
    phone.app(&["rename", "My VPN", "alice"]).ok();
    // What was changed meanwhile is there.
    unlock(&mut screen);

    // Deleting takes the word.
    screen.type_in("xyes\r");
    screen.expect("deleted");
    screen.type_in("\x03");
    assert!(screen.ended().success());
    assert!(!phone.app(&["list"]).ok().contains("alice"));
    up.stop();
}

#[test]
fn a_token_goes_from_one_screen_to_another() {
    let (home, up, old) = pushed_to(CLIENT);
    let vpn = Vpn::new(&home, CLIENT);
    // Another issuer's token is what there is to be opened.
    let new = Phone::new(&home, "alice, the new one");
    let foreign = "otpauth://totp/Bank:alice?secret=JBSWY3DPEHPK3PXP&issuer=Bank";
    new.app(&["add", "--qr-text", foreign]).ok();

    // What is missing is said where it is asked for. Of what is drawn anew a terminal gets what differs, so words are
    // waited for one by one.
    let mut giving = opened(&old);
    giving.type_in("t");
    giving.expect("(17)");
    giving.expect("token-transfer");
    lock(&mut giving);
    allow_transfers(&home, free_port(), &old);
    unlock(&mut giving);
    giving.type_in("t");
    giving.expect("alone.");
    giving.type_in("s1357\r");
    giving.expect("wrong");
    giving.type_in(&format!("{PIN}\r"));
    giving.expect("://activate");
    // The other device has no camera: the link is handed over as text.
    lock(&mut giving);
    let said = old.app(&["transfer", "status", "alice"]).ok();
    let link = said.split('\'').find(|it| it.starts_with("symbolon://"));
    let link = link.unwrap().to_owned();
    unlock(&mut giving);
    giving.type_in("t");
    giving.expect("://activate");

    let mut taking = Terminal::open(&mut new.at_hand(&[]));
    taking.expect("Enter:");
    taking.type_in(&format!("{PIN}\r"));
    taking.expect("Bank");
    taking.type_in("+2110-XXXX\r");
    taking.expect("Compare");
    taking.type_in(&format!("\x15{link}\r"));
    taking.expect("stored.");
    giving.expect("Codes");
    let code = copied(&mut taking);
    assert_eq!(vpn.log_in("alice", &code), Answer::Accept);
    taking.type_in("q");
    assert!(taking.ended().success());
    let listed = new.app(&["list"]).ok();
    assert!(
        listed.contains("FTKMOB") && listed.contains("Bank"),
        "{listed}"
    );

    // The old device keeps its entry until its person deletes it.
    giving.type_in("\x1b");
    giving.expect("━");
    giving.type_in("xyes\r");
    giving.expect("deleted");
    giving.type_in("q");
    assert!(giving.ended().success());
    up.stop();
}

#[test]
fn another_authority_of_a_known_token_server_is_asked_about() {
    let (home, up, phone) = pushed_to(CLIENT);
    let token = home.import(1).remove(0);
    let code = activation_code(&home.user("bob", &token));
    phone.knows_another_authority();
    let mut screen = opened(&phone);
    screen.type_in(&format!("+{code}\r"));
    screen.expect("Another");
    screen.type_in("no\r");
    screen.expect("Nothing");
    screen.type_in("\x15yes\r");
    screen.expect("stored.");
    screen.type_in("q");
    assert!(screen.ended().success());
    // All its tokens know the same one from then on.
    let contents = phone.contents();
    assert_eq!(contents.tokens().len(), 2);
    assert_eq!(contents.servers(), [contents.server().unwrap()]);
    up.stop();
}

#[test]
fn wrong_pins_are_counted_before_they_are_looked_at_and_the_tenth_wipes() {
    let (_home, up, phone) = pushed_to(CLIENT);
    let mut screen = Terminal::open(&mut phone.at_hand(&["live"]));
    let mut drawn = screen.expect("Enter:");
    for left in (1..10).rev() {
        screen.type_in("9753\r");
        drawn += &screen.expect(&format!("{left} "));
        drawn += &screen.expect("Enter:");
    }
    screen.type_in("9753\r");
    drawn += &screen.expect("the app was reset after 10 wrong PINs");
    assert!(!drawn.contains("9753"), "{drawn:?}");
    assert!(!screen.ended().success());
    assert!(screen.is_cooked(), "the terminal stays raw");
    let (_, after) = drawn.split_once(LEFT).unwrap();
    assert!(
        after.contains("reset"),
        "told where it is gone with the screen"
    );
    assert!(phone.app(&["list"]).err.contains("no token in this app"));
    up.stop();
}

#[test]
fn the_terminal_is_given_back_to_whoever_ends_the_program() {
    let (_home, up, phone) = pushed_to(CLIENT);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut screen = opened(&phone);
        assert!(!screen.is_cooked());
        screen.send(signal);
        assert!(screen.ended().success(), "{signal:?}");
        assert!(screen.is_cooked(), "{signal:?} leaves the terminal raw");
        assert!(screen.rest().contains(LEFT), "{signal:?}");
    }

    // Without colours, on fewer lines.
    let mut screen = Terminal::open(phone.at_hand(&["live", "--hidden"]).env("NO_COLOR", "1"));
    let mut drawn = screen.expect("Enter:");
    screen.type_in(&format!("{PIN}\r"));
    drawn += &screen.expect("━");
    screen.resize(12);
    drawn += &screen.expect("alice");
    drawn += &screen.expect("━");
    drawn += &screen.rest();
    assert!(drawn.contains("••"), "{drawn:?}");
    for colour in 31..=37 {
        assert!(!drawn.contains(&format!("\x1b[{colour}m")), "{drawn:?}");
    }
    assert!(!drawn.contains("\x1b[38;"), "{drawn:?}");
    drop(screen);

    // Where there is no terminal the plain commands are named.
    for words in [&[][..], &["live"]] {
        let said = phone.app(words);
        assert!(
            said.err.contains("the live screen needs a terminal"),
            "{said:?}"
        );
        assert!(said.err.contains("symbolon app code"), "{said:?}");
    }
    up.stop();
}

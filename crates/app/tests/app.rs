#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one touches files"
)]
//! The commands as a person gives them, against a small registry over HTTPS.

mod common;
mod foreign;
mod picture;

use app::activation::Receipts;
use app::contents::ReceiptState;
use common::{Chain, NOW, Phone, SmallRegistry};
use ident::{PinLength, PinPolicy, PinRequirement};
use otp::{Digest, Digits, Kind, Parameters, Period};
use picture::{Paper, draw};
use softtoken::link::SpkiPin;
use std::fs;
use std::process::Command;
use std::time::Duration;
use tokio::time::sleep;

/// A phone that took over token 1 by its link.
async fn phone_with_token(registry: &SmallRegistry) -> Phone {
    let phone = Phone::new();
    let (_, link) = registry.issue(1);
    phone
        .run(&["add", "--qr-text", &link, "--name", "work"])
        .await
        .unwrap();
    phone
}

#[tokio::test]
async fn a_link_brings_a_token_and_its_codes() {
    let registry = SmallRegistry::start().await;
    let phone = Phone::new();
    let (_, link) = registry.issue(1);
    let said = phone
        .run(&["add", "--qr-text", &link, "--name", "work"])
        .await
        .unwrap();
    assert!(
        said.starts_with("Made ") && said.contains("machine-id"),
        "{said}"
    );
    assert!(said.ends_with("FTKMOB0101010101 is ready. Its codes: symbolon app code \"work\"\n"));
    assert!(registry.stock().token(1).is_confirmed);

    let list = phone.run(&["list"]).await.unwrap();
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(
        lines[0],
        "NAME                              SERIAL            PERIOD  ISSUER"
    );
    assert_eq!(
        lines[1],
        "work                              FTKMOB0101010101  60 s    Exämple Ltd"
    );
}

#[tokio::test]
async fn a_picture_brings_a_token() {
    let registry = SmallRegistry::start().await;
    let phone = Phone::new();
    let (_, link) = registry.issue(1);
    let path = phone.file("code.png");
    fs::write(&path, draw(&link, Paper::Rgb)).unwrap();
    phone
        .run(&["add", "--qr", path.to_str().unwrap()])
        .await
        .unwrap();
    assert!(phone.run(&["code", "FTKMOB0101010101"]).await.is_ok());
}

#[tokio::test]
async fn a_typed_code_needs_its_server_once() {
    let registry = SmallRegistry::start().await;
    let phone = Phone::new();
    let (first, _) = registry.issue(1);
    let (second, _) = registry.issue(2);
    let (error, next) = phone.refused(&["add", &first]).await;
    assert_eq!(
        error,
        "a typed code does not say which token server it is for"
    );
    assert!(next.contains("--server URL"), "{next}");

    let url = registry.url.to_string();
    let (error, _) = phone.refused(&["add", &first, "--server", &url]).await;
    assert_eq!(error, "nothing says why this token server can be believed");

    let ca = phone.file("ca.pem");
    fs::write(&ca, &registry.ca_pem).unwrap();
    let typed = first.to_lowercase();
    let ca = ca.to_str().unwrap();
    phone
        .run(&["add", &typed, "--server", &url, "--ca", ca])
        .await
        .unwrap();
    phone.run(&["add", &second]).await.unwrap();
    assert_eq!(phone.run(&["code"]).await.unwrap().lines().count(), 2);
}

#[tokio::test]
async fn a_pin_of_the_authority_is_trust_enough() {
    let registry = SmallRegistry::start().await;
    let phone = Phone::new();
    let (code, _) = registry.issue(1);
    let (url, pin) = (registry.url.to_string(), registry.pin.to_string());
    phone
        .run(&["add", &code, "--server", &url, "--pin", &pin])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_pin_may_begin_with_a_hyphen() {
    let registry = SmallRegistry::start().await;
    let phone = Phone::new();
    let (code, _) = registry.issue(1);
    let url = registry.url.to_string();
    // It is another server's, and it is read.
    let own = registry.pin.to_string();
    let second = if own.chars().nth(1) == Some('A') {
        'B'
    } else {
        'A'
    };
    let pin = format!("-{second}{}", &own[2..]);
    let (error, _) = phone
        .refused(&["add", &code, "--server", &url, "--pin", &pin])
        .await;
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn codes_are_those_of_oathtool() {
    let registry = SmallRegistry::start().await;
    let mut phone = Phone::new();
    let odd = Parameters {
        kind: Kind::Totp(Period::THIRTY),
        digest: Digest::Sha256,
        digits: Digits::EIGHT,
    };
    let (_, plain) = registry.issue(0x1b);
    let (_, odd) = registry.issue_with(0xc4, odd, PinPolicy::default());
    phone
        .run(&["add", "--qr-text", &plain, "--name", "plain"])
        .await
        .unwrap();
    phone
        .run(&["add", "--qr-text", &odd, "--name", "odd"])
        .await
        .unwrap();
    for now_unix in [59, 1_111_111_109, NOW, NOW + 60, 20_000_000_000] {
        phone.now_unix = now_unix;
        for (name, options, seed) in [
            (
                "plain",
                ["--totp=sha1", "--time-step-size=60s", "--digits=6"],
                "1b".repeat(20),
            ),
            (
                "odd",
                ["--totp=sha256", "--time-step-size=30s", "--digits=8"],
                "c4".repeat(20),
            ),
        ] {
            let shown = phone.run(&["code", name]).await.unwrap();
            let now = format!("--now=@{now_unix}");
            let output = Command::new("oathtool")
                .args(options)
                .args([&now, &seed])
                .output();
            let expected = String::from_utf8(output.unwrap().stdout).unwrap();
            assert_eq!(
                shown.split(' ').next().unwrap(),
                expected.trim_end(),
                "{name} {now}"
            );
        }
    }
}

#[tokio::test]
async fn the_seconds_left_are_drawn() {
    let registry = SmallRegistry::start().await;
    let mut phone = phone_with_token(&registry).await;
    let mut line_at = async |second: u64| {
        phone.now_unix = NOW - NOW % 60 + second;
        let line = phone.run(&["code", "work"]).await.unwrap();
        line.split_once("  ").unwrap().1.to_owned()
    };
    assert_eq!(line_at(0).await, "━━━━━━━━━━  60 s  work\n");
    assert_eq!(line_at(30).await, "━━━━━·····  30 s  work\n");
    assert_eq!(line_at(59).await, "━·········   1 s  work\n");
}

#[tokio::test]
async fn a_watched_code_is_drawn_over_itself() {
    let registry = SmallRegistry::start().await;
    let phone = phone_with_token(&registry).await;
    let line = phone.run(&["code", "work"]).await.unwrap();
    let shown = phone
        .run_for(Duration::from_secs(3), &["code", "--watch"])
        .await;
    let frame = format!("{}\x1b[K\n\x1b[1A", line.trim_end());
    let frames = shown.matches("\x1b[1A").count();
    assert!(frames >= 2);
    assert_eq!(shown, frame.repeat(frames));
}

#[tokio::test]
async fn an_event_based_code_is_shown_once() {
    let registry = SmallRegistry::start().await;
    let phone = Phone::new();
    let hotp = Parameters {
        kind: Kind::Hotp,
        ..Parameters::default()
    };
    let (_, link) = registry.issue_with(1, hotp, PinPolicy::default());
    phone
        .run(&["add", "--qr-text", &link, "--name", "button"])
        .await
        .unwrap();
    let seed = "01".repeat(20);
    for counter in 0..3 {
        let shown = phone.run(&["code", "button"]).await.unwrap();
        let counter = format!("--counter={counter}");
        let output = Command::new("oathtool")
            .args(["--hotp", &counter, &seed])
            .output();
        let expected = String::from_utf8(output.unwrap().stdout).unwrap();
        assert_eq!(shown, format!("{}  button\n", expected.trim_end()));
    }
    let (error, next) = phone.refused(&["code", "--watch"]).await;
    assert_eq!(error, "no token here shows codes by the clock");
    assert!(next.contains("symbolon app code NAME"), "{next}");
    assert_eq!(phone.refused(&["code"]).await.0, error);
}

#[tokio::test]
async fn tokens_are_renamed_and_removed() {
    let registry = SmallRegistry::start().await;
    let phone = phone_with_token(&registry).await;
    phone.run(&["rename", "work", "office"]).await.unwrap();
    let said = phone.run(&["remove", "office"]).await.unwrap();
    assert_eq!(said, "office (FTKMOB0101010101) is deleted.\n");
    assert_eq!(
        phone.refused(&["code"]).await.0,
        "there is no token in this app yet"
    );
    let (error, next) = phone.refused(&["code", "office"]).await;
    assert_eq!(error, "no token here is called office");
    assert_eq!(next, "`symbolon app list` shows the names.");
}

#[tokio::test]
async fn a_long_name_is_refused_before_anything_is_sent() {
    let registry = SmallRegistry::start().await;
    let phone = phone_with_token(&registry).await;
    let (_, link) = registry.issue(2);
    let long = "x".repeat(33);
    for arguments in [
        &["add", "--qr-text", &link, "--name", &long][..],
        &["rename", "work", &long],
    ] {
        let (error, next) = phone.refused(arguments).await;
        assert_eq!(
            error,
            "the token name has 33 characters: there is a 32 character limitation"
        );
        assert!(
            next.starts_with("Shorten the name; if it is the activation code,"),
            "{next}"
        );
    }
    let (error, _) = phone
        .refused(&["add", "--qr-text", &link, "--name", "work"])
        .await;
    assert_eq!(error, "another token goes by work already");
    assert!(registry.stock().token(2).holder.is_none());
}

#[tokio::test]
async fn a_token_that_is_provisioned_again_keeps_its_name_and_takes_the_new_seed() {
    let registry = SmallRegistry::start().await;
    let phone = phone_with_token(&registry).await;
    // Provisioned again: a new code for the same serial.
    let (_, link) = {
        registry.stock().tokens.clear();
        registry.issue(1)
    };
    phone.run(&["add", "--qr-text", &link]).await.unwrap();
    let list = phone.run(&["list"]).await.unwrap();
    assert_eq!(list.matches("FTKMOB0101010101").count(), 1, "{list}");
    assert!(list.contains("work"), "{list}");
    assert!(registry.stock().token(1).holder.is_some());
}

#[tokio::test]
async fn a_token_server_takes_no_place_of_anothers_token() {
    let (own, other) = (SmallRegistry::start().await, SmallRegistry::start().await);
    let phone = phone_with_token(&own).await;
    let code = phone.run(&["code", "work"]).await.unwrap();
    // The same serial, with a seed of its own.
    let (_, link) = other.issue(1);
    other.stock().tokens[0].seed_hex = "bb".repeat(20);
    let (error, step) = phone.refused(&["add", "--qr-text", &link]).await;
    assert_eq!(
        error,
        format!(
            "work has this serial and is of another token server, {}: it stays as it is",
            own.url
        )
    );
    assert!(step.contains("symbolon app remove \"work\""), "{step}");
    assert_eq!(phone.run(&["code", "work"]).await.unwrap(), code);
    assert!(!other.stock().token(1).is_confirmed);

    // Whoever asked for it follows that, and the code waits.
    phone.run(&["remove", "work"]).await.unwrap();
    phone.run(&["add", "--qr-text", &link]).await.unwrap();
    assert!(other.stock().token(1).is_confirmed);
}

#[tokio::test]
async fn a_typed_code_goes_to_no_server_that_it_may_not_be_of() {
    let (own, other) = (SmallRegistry::start().await, SmallRegistry::start().await);
    let phone = phone_with_token(&own).await;
    let (_, link) = other.issue(2);
    phone.run(&["add", "--qr-text", &link]).await.unwrap();
    let (code, _) = own.issue(3);
    let (error, step) = phone.refused(&["add", &code]).await;
    assert!(
        error.starts_with("tokens of several token servers are here"),
        "{error}"
    );
    assert!(step.contains("--server URL"), "{step}");
    assert!(own.stock().token(3).holder.is_none());
}

#[tokio::test]
async fn each_token_is_moved_by_its_own_server() {
    let (own, other) = (SmallRegistry::start().await, SmallRegistry::start().await);
    let phone = phone_with_token(&own).await;
    let (_, link) = other.issue(2);
    phone
        .run(&["add", "--qr-text", &link, "--name", "club"])
        .await
        .unwrap();
    // Nobody answers in the place of the one that came last: the first needs it for nothing.
    other.stop().await;
    let start = ["transfer", "start", "work", "--show", "--no-wait"];
    let said = phone.run(&start).await.unwrap();
    assert!(said.contains("Scan this on the other device"), "{said}");
    let start = ["transfer", "start", "club", "--show", "--no-wait"];
    let (error, _) = phone.refused(&start).await;
    assert!(error.contains("cannot be reached"), "{error}");
}

#[tokio::test]
async fn an_expired_code_says_so() {
    let registry = SmallRegistry::start().await;
    let (_, link) = registry.issue(1);
    registry.stock().token(1).is_expired = true;
    let (error, next) = Phone::new().refused(&["add", "--qr-text", &link]).await;
    assert_eq!(error, "FortiCare : provision code not exist");
    assert_eq!(
        next,
        "The activation code was not used in time. Ask the administrator for a new activation code."
    );
}

#[tokio::test]
async fn an_unknown_code_says_so() {
    let registry = SmallRegistry::start().await;
    let (_, link) = registry.issue(1);
    registry.stock().tokens.clear();
    let (error, next) = Phone::new().refused(&["add", "--qr-text", &link]).await;
    assert_eq!(error, "FTM Server: Token code doesn't exist");
    assert!(next.contains("whether the token is assigned"), "{next}");
}

#[tokio::test]
async fn a_second_phone_is_refused() {
    let registry = SmallRegistry::start().await;
    let (_, link) = registry.issue(1);
    Phone::new()
        .run(&["add", "--qr-text", &link])
        .await
        .unwrap();
    let (error, next) = Phone::new().refused(&["add", "--qr-text", &link]).await;
    assert_eq!(
        error,
        "Failed. Forticare: FTM token Activation Code is invalid"
    );
    assert!(
        next.contains("Transfer the token from that device"),
        "{next}"
    );
}

#[tokio::test]
async fn the_same_phone_may_ask_again_after_a_lost_answer() {
    let registry = SmallRegistry::start().await;
    let phone = Phone::new();
    let (_, link) = registry.issue(1);
    registry.stock().loses_provisions = true;
    let (error, next) = phone.refused(&["add", "--qr-text", &link]).await;
    assert!(error.ends_with("answered with status 503: gone"), "{error}");
    assert_eq!(next, "Try again in a minute.");
    assert!(registry.stock().token(1).holder.is_some());

    registry.stock().loses_provisions = false;
    let other = Phone::new().refused(&["add", "--qr-text", &link]).await;
    assert_eq!(
        other.0,
        "Failed. Forticare: FTM token Activation Code is invalid"
    );
    phone.run(&["add", "--qr-text", &link]).await.unwrap();
}

#[tokio::test]
async fn a_lost_receipt_is_sent_with_the_next_token() {
    let registry = SmallRegistry::start().await;
    registry.stock().loses_receipts = true;
    let phone = phone_with_token(&registry).await;
    assert!(phone.run(&["code", "work"]).await.is_ok());
    registry.stock().token(1).is_confirmed = false;
    registry.stock().loses_receipts = false;
    let (_, link) = registry.issue(2);
    phone.run(&["add", "--qr-text", &link]).await.unwrap();
    assert!(registry.stock().token(1).is_confirmed);
    assert!(registry.stock().token(2).is_confirmed);
}

#[tokio::test]
async fn a_lost_receipt_is_sent_as_soon_as_codes_are_asked_for_and_is_told_until_then() {
    let registry = SmallRegistry::start().await;
    registry.stock().loses_receipts = true;
    let phone = Phone::new();
    let (_, link) = registry.issue(1);
    let add = ["add", "--qr-text", &link, "--name", "work"];
    let said = phone.run(&add).await.unwrap();
    assert!(said.contains("FTKMOB0101010101 is stored."), "{said}");
    let (code, note) = phone.run_noting(&["code", "work"]).await.unwrap();
    assert!(!code.contains("token server"), "{code}");
    assert!(
        note.contains("does not know yet that FTKMOB0101010101"),
        "{note}"
    );
    registry.stock().token(1).is_confirmed = false;
    registry.stock().loses_receipts = false;
    let (_, note) = phone.run_noting(&["code", "work"]).await.unwrap();
    assert_eq!(note, "");
    assert!(registry.stock().token(1).is_confirmed);
}

#[tokio::test]
async fn a_lost_receipt_is_sent_again_until_it_is_heard() {
    let registry = SmallRegistry::start().await;
    registry.stock().loses_receipts = true;
    let phone = phone_with_token(&registry).await;
    let contents = phone.contents();
    let mut receipts = Receipts::owed_by(&contents);
    assert_eq!(receipts.send(&contents).await, []);
    registry.stock().token(1).is_confirmed = false;
    registry.stock().loses_receipts = false;
    assert_eq!(receipts.are_due().await, Some(()));
    let heard = contents.owed_receipts()[0].answer_hash;
    assert_eq!(
        receipts.send(&contents).await,
        [(heard, ReceiptState::Confirmed)]
    );
    assert!(registry.stock().token(1).is_confirmed);
    assert_eq!(receipts.are_due().await, None);
}

#[tokio::test]
async fn a_receipt_that_is_refused_is_told_until_the_token_comes_again() {
    let registry = SmallRegistry::start().await;
    registry.stock().loses_receipts = true;
    let phone = phone_with_token(&registry).await;
    registry.stock().loses_receipts = false;
    registry.stock().refuses_receipts = true;
    // The second time nobody is asked any more.
    for _ in 0..2 {
        let (code, note) = phone.run_noting(&["code", "work"]).await.unwrap();
        assert!(code.contains("work"), "{code}");
        assert!(
            note.contains("refused that work (FTKMOB0101010101) is here"),
            "{note}"
        );
        registry.stock().refuses_receipts = false;
    }
    registry.stock().tokens.clear();
    let (_, link) = registry.issue(1);
    phone.run(&["add", "--qr-text", &link]).await.unwrap();
    let (_, note) = phone.run_noting(&["code", "work"]).await.unwrap();
    assert_eq!(note, "");
    assert!(registry.stock().token(1).is_confirmed);
}

#[tokio::test]
async fn a_token_that_was_deleted_is_not_said_to_be_here() {
    let registry = SmallRegistry::start().await;
    registry.stock().loses_receipts = true;
    let phone = phone_with_token(&registry).await;
    let (_, link) = registry.issue(2);
    phone.run(&["add", "--qr-text", &link]).await.unwrap();
    registry.stock().token(1).is_confirmed = false;
    registry.stock().token(2).is_confirmed = false;
    phone.run(&["remove", "work"]).await.unwrap();
    registry.stock().loses_receipts = false;
    phone.run(&["code"]).await.unwrap();
    // The device that it was to come from has it still.
    assert!(!registry.stock().token(1).is_confirmed);
    assert!(registry.stock().token(2).is_confirmed);
}

#[tokio::test]
async fn a_transfer_is_followed_through_looks_that_nobody_answers() {
    let registry = SmallRegistry::start().await;
    let old = phone_with_token(&registry).await;
    let new = Phone::new();
    registry.stock().loses_looks = 2;
    let start = ["transfer", "start", "work", "--show"];
    let (told, ()) = tokio::join!(old.run_noting(&start), async {
        let link = registry.moving(1).await;
        while registry.stock().loses_looks > 0 {
            sleep(Duration::from_millis(20)).await;
        }
        new.run(&["transfer", "take", "--qr-text", &link])
            .await
            .unwrap();
    });
    let (said, notes) = told.unwrap();
    assert!(said.contains("is on another device now"), "{said}");
    assert_eq!(said.matches("Scan this on the other device").count(), 1);
    assert_eq!(notes.matches("the code stays good").count(), 1, "{notes}");
}

#[tokio::test]
async fn a_wrong_clock_is_measured_before_the_code_is_sent() {
    let registry = SmallRegistry::start().await;
    let mut phone = Phone::new();
    let (_, link) = registry.issue(1);
    for (now_unix, told) in [
        (NOW - 843, "this computer's clock is 14 min 3 s slow"),
        (NOW + 7_320, "this computer's clock is 2 h 2 min fast"),
        (
            NOW - 400 * 86_400,
            "this computer's clock is 400 days 0 h slow",
        ),
    ] {
        phone.now_unix = now_unix;
        assert_eq!(phone.refused(&["add", "--qr-text", &link]).await.0, told);
    }
    assert!(registry.stock().token(1).holder.is_none());
    phone.now_unix = NOW + 60;
    phone.run(&["add", "--qr-text", &link]).await.unwrap();
}

#[tokio::test]
async fn an_unreachable_server_is_named() {
    let registry = SmallRegistry::start().await;
    let (_, link) = registry.issue(1);
    // Nothing listens on the discard port here.
    let dead = link.replace(&registry.url.to_string(), "https://127.0.0.1:9");
    let (error, next) = Phone::new().refused(&["add", "--qr-text", &dead]).await;
    assert!(
        error.starts_with("the token server https://127.0.0.1:9 cannot be reached: ")
            && error.contains("refused"),
        "{error}"
    );
    assert!(next.contains("The code is not used up"), "{next}");
}

#[tokio::test]
async fn where_no_code_waits_none_is_spoken_of() {
    let registry = SmallRegistry::start().await;
    let phone = phone_with_token(&registry).await;
    registry.stop().await;
    for words in [&["push", "--deny"][..], &["transfer", "status", "work"]] {
        let (error, next) = phone.refused(words).await;
        assert!(error.contains("cannot be reached"), "{error}");
        assert_eq!(next, "Check the network and the address, then try again.");
    }
}

#[tokio::test]
async fn a_server_of_another_authority_is_not_believed() {
    let (registry, impostor) = (SmallRegistry::start().await, SmallRegistry::start().await);
    let (code, link) = registry.issue(1);
    let link = link.replace(&registry.url.to_string(), &impostor.url.to_string());
    let (error, next) = Phone::new().refused(&["add", "--qr-text", &link]).await;
    assert!(
        error.ends_with(
            "it does not come with the certificate authority that the activation link names"
        ),
        "{error}"
    );
    assert!(
        next.starts_with("Do not go on from a network that you do not trust."),
        "{next}"
    );

    let phone = Phone::new();
    fs::write(phone.file("ca.pem"), &registry.ca_pem).unwrap();
    let (ca, url) = (phone.file("ca.pem"), impostor.url.to_string());
    let (error, _) = phone
        .refused(&["add", &code, "--server", &url, "--ca", ca.to_str().unwrap()])
        .await;
    assert!(
        error.ends_with("it does not come from the given certificate authority"),
        "{error}"
    );
}

#[tokio::test]
async fn another_authority_of_a_known_server_is_believed_only_where_that_is_said() {
    let registry = SmallRegistry::start().await;
    let (_, own) = registry.issue(1);
    let (_, next) = registry.issue(2);
    // The phone has a token of a server at this address whose authority was another one.
    let phone = Phone::new();
    let before = SpkiPin::of_spki(b"the authority before");
    phone.run(&["add", "--qr-text", &own]).await.unwrap();
    phone.believes(&registry.url, before);
    let add = ["add", "--qr-text", &next];
    let (error, step) = phone.refused(&add).await;
    let url = &registry.url;
    assert_eq!(
        error,
        format!("another certificate authority is named for {url} than its tokens here know")
    );
    assert!(step.contains("--new-authority"), "{step}");
    assert!(registry.stock().token(2).holder.is_none());

    // Said of one that does not show that authority, it changes nothing.
    let wrong = next.replace(
        &registry.pin.to_string(),
        &SpkiPin::of_spki(b"?").to_string(),
    );
    let with_word = ["add", "--new-authority", "--qr-text", &wrong];
    let (error, _) = phone.refused(&with_word).await;
    assert!(error.contains("wrong certificate"), "{error}");
    assert_eq!(phone.pins(), [before]);

    let with_word = ["add", "--new-authority", "--qr-text", &next];
    phone.run(&with_word).await.unwrap();
    assert_eq!(phone.pins(), [registry.pin; 2]);
    assert!(registry.stock().token(2).is_confirmed);
}

#[tokio::test]
async fn logins_are_not_waited_for_where_no_token_server_has_the_token() {
    let phone = Phone::new();
    let uri = "otpauth://totp/Mail:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Mail";
    let add = ["add", "--qr-text", uri, "--name", "mail"];
    phone.run(&add).await.unwrap();
    for push in [
        &["push", "--token", "mail"][..],
        &["push", "--deny", "--token", "mail"],
    ] {
        let (error, step) = phone.refused(push).await;
        assert_eq!(error, "mail is not a token server's: no login asks for it");
        assert!(step.contains("symbolon app list"), "{step}");
    }
}

#[tokio::test]
async fn the_same_authority_by_its_file_and_by_its_pin_is_one() {
    let registry = SmallRegistry::start().await;
    let phone = phone_with_token(&registry).await;
    let (code, _) = registry.issue(2);
    fs::write(phone.file("ca.pem"), &registry.ca_pem).unwrap();
    let (ca, url) = (phone.file("ca.pem"), registry.url.to_string());
    let by_file = ["add", &code, "--server", &url, "--ca", ca.to_str().unwrap()];
    phone.run(&by_file).await.unwrap();
    assert_eq!(phone.pins(), [registry.pin; 2]);

    // The other way round.
    let phone = Phone::new();
    fs::write(phone.file("ca.pem"), &registry.ca_pem).unwrap();
    let (code, _) = registry.issue(3);
    let ca = phone.file("ca.pem");
    let by_file = ["add", &code, "--server", &url, "--ca", ca.to_str().unwrap()];
    phone.run(&by_file).await.unwrap();
    let (_, link) = registry.issue(4);
    phone.run(&["add", "--qr-text", &link]).await.unwrap();
    assert_eq!(phone.contents().servers().len(), 1);
    // But not one that the file does not have.
    let (_, link) = registry.issue(5);
    let other = SpkiPin::of_spki(b"another authority").to_string();
    let link = link.replace(&registry.pin.to_string(), &other);
    let (error, _) = phone.refused(&["add", "--qr-text", &link]).await;
    assert!(error.contains("another certificate authority"), "{error}");
}

#[tokio::test]
async fn wrong_certificates_are_told_apart() {
    for (chain, told) in [
        (
            Chain::WithoutAuthority,
            "it does not come with the certificate authority",
        ),
        (Chain::Expired, "is not valid at this computer's time"),
        (Chain::OtherName, "not valid for name"),
    ] {
        let registry = SmallRegistry::start_with(chain).await;
        let (_, link) = registry.issue(1);
        let (error, _) = Phone::new().refused(&["add", "--qr-text", &link]).await;
        assert!(error.contains(told), "{error}");
    }
}

#[tokio::test]
async fn a_chain_without_its_authority_is_fine_where_the_file_is_given() {
    let registry = SmallRegistry::start_with(Chain::WithoutAuthority).await;
    let phone = Phone::new();
    let (code, _) = registry.issue(1);
    fs::write(phone.file("ca.pem"), &registry.ca_pem).unwrap();
    let (ca, url) = (phone.file("ca.pem"), registry.url.to_string());
    phone
        .run(&["add", &code, "--server", &url, "--ca", ca.to_str().unwrap()])
        .await
        .unwrap();
}

#[tokio::test]
async fn an_issuer_may_ask_for_a_longer_pin() {
    let registry = SmallRegistry::start().await;
    let phone = Phone::new();
    let policy = PinPolicy {
        requirement: PinRequirement::Enforce,
        length: PinLength::Six,
    };
    let (_, link) = registry.issue_with(1, Parameters::default(), policy);
    let (error, next) = phone.refused(&["add", "--qr-text", &link]).await;
    assert_eq!(error, "Exämple Ltd asks for a PIN of at least 6 digits");
    assert!(
        next.starts_with("Choose a PIN of 6 digits with `symbolon app pin`"),
        "{next}"
    );

    fs::write(phone.file("new-pin"), "135792\n").unwrap();
    let new_pin = phone.file("new-pin");
    phone
        .run(&["pin", "--new-pin-file", new_pin.to_str().unwrap()])
        .await
        .unwrap();
    phone.set_pin("135792");
    phone.run(&["add", "--qr-text", &link]).await.unwrap();

    // The policy stays as long as its token.
    fs::write(phone.file("new-pin"), "1357\n").unwrap();
    let change = ["pin", "--new-pin-file", new_pin.to_str().unwrap()];
    let (error, next) = phone.refused(&change).await;
    assert_eq!(error, "Exämple Ltd asks for a PIN of at least 6 digits");
    assert_eq!(next, "Choose one of 6 to 8 digits; the old PIN stays.");
    let list = phone.run(&["list"]).await.unwrap();
    let serial = list
        .split_whitespace()
        .find(|word| word.starts_with("FTK"))
        .unwrap();
    phone.run(&["remove", serial]).await.unwrap();
    phone.run(&change).await.unwrap();
}

#[tokio::test]
async fn a_policy_that_requires_no_pin_says_nothing_of_its_length() {
    let registry = SmallRegistry::start().await;
    let phone = Phone::new();
    let policy = PinPolicy {
        requirement: PinRequirement::NotRequired,
        length: PinLength::Eight,
    };
    let (_, link) = registry.issue_with(1, Parameters::default(), policy);
    phone.run(&["add", "--qr-text", &link]).await.unwrap();
    fs::write(phone.file("new-pin"), "1357\n").unwrap();
    let new_pin = phone.file("new-pin");
    phone
        .run(&["pin", "--new-pin-file", new_pin.to_str().unwrap()])
        .await
        .unwrap();
}

#[tokio::test]
async fn ten_wrong_pins_reset_the_app() {
    let registry = SmallRegistry::start().await;
    let phone = phone_with_token(&registry).await;
    phone.set_pin("1111");
    for left in (2..10).rev() {
        let (error, _) = phone.refused(&["code"]).await;
        assert_eq!(error, format!("the PIN is wrong; {left} tries are left"));
    }
    assert_eq!(
        phone.refused(&["list"]).await.0,
        "the PIN is wrong; 1 try is left"
    );
    let (error, next) = phone.refused(&["code"]).await;
    assert_eq!(
        error,
        "the app was reset after 10 wrong PINs: its tokens are gone"
    );
    assert_eq!(next, "Ask the administrator for new activation codes.");
    assert_eq!(
        phone.refused(&["code"]).await.0,
        "there is no token in this app yet"
    );
}

#[tokio::test]
async fn wrong_input_is_named_and_changes_nothing() {
    let registry = SmallRegistry::start().await;
    let phone = phone_with_token(&registry).await;
    fs::write(phone.file("text.png"), "no picture").unwrap();
    fs::write(phone.file("empty.pem"), "").unwrap();
    let (text, empty) = (phone.file("text.png"), phone.file("empty.pem"));
    let (text, empty) = (text.to_str().unwrap(), empty.to_str().unwrap());
    let before = phone.run(&["list"]).await.unwrap();
    for (arguments, told) in [
        (
            &["add", "EEIMCUO6X6DF4BL"][..],
            "the activation code is wrong: it has 15 characters, not 16",
        ),
        (
            &["add", "EEIMCUO6X6DF4BL0"],
            "the activation code is wrong: '0' cannot stand at position 16",
        ),
        (
            &["add", "--qr", text],
            "it is not a picture in PNG that can be read",
        ),
        (&["add", "--qr", "/nowhere.png"], "cannot open /nowhere.png"),
        (
            &["add", "--qr-text", "https://example.org/x?secret=A"],
            "this is not an activation link",
        ),
        (
            &["add", "--qr-text", "otpauth://totp/x?secret=1"],
            "the secret of the key URI is unusable",
        ),
        (
            &[
                "add",
                "EEIMCUO6X6DF4BL3",
                "--server",
                "http://x",
                "--ca",
                empty,
            ],
            "a server's address begins with https://",
        ),
        (
            &[
                "add",
                "EEIMCUO6X6DF4BL3",
                "--server",
                "https://x",
                "--ca",
                empty,
            ],
            "has no certificate in PEM",
        ),
        (
            &[
                "add",
                "EEIMCUO6X6DF4BL3",
                "--server",
                "https://x",
                "--pin",
                "A",
            ],
            "the pin should be a SHA-256 digest",
        ),
    ] {
        let (error, next) = phone.refused(arguments).await;
        assert!(error.contains(told), "{error}");
        assert!(next.ends_with('.'), "{next}");
    }
    assert_eq!(phone.run(&["list"]).await.unwrap(), before);
}

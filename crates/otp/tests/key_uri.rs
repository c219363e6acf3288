//! Key URIs: what issuers write, what is refused, and the way back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::ops::RangeInclusive;

use otp::key_uri::{MAX_URI_BYTES, Name, NameError};
use otp::{
    Digest, Digits, DigitsError, KeyUri, KeyUriError, Kind, Parameters, Period, PeriodError, Seed,
    SeedError,
};
use proptest::prelude::*;
use zeroize::Zeroizing;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

#[test]
fn the_default_token_renders_every_parameter() {
    let uri = KeyUri {
        issuer: Some(name("Example Corp")),
        account: name("alice@example.com"),
        seed: Seed::from_base32("JBSWY3DPEHPK3PXP").unwrap(),
        parameters: Parameters::default(),
        counter: None,
    };
    assert_eq!(
        uri.render().as_str(),
        "otpauth://totp/Example%20Corp:alice%40example.com?secret=JBSWY3DPEHPK3PXP\
         &issuer=Example%20Corp&period=60&digits=6&algorithm=SHA1"
    );
}

#[test]
fn an_event_based_token_renders_its_counter() {
    let uri = KeyUri {
        issuer: None,
        account: name("bob"),
        seed: Seed::from_base32("JBSWY3DPEHPK3PXP").unwrap(),
        parameters: Parameters {
            kind: Kind::Hotp,
            digest: Digest::Sha512,
            digits: Digits::EIGHT,
        },
        counter: Some(42),
    };
    assert_eq!(
        uri.render().as_str(),
        "otpauth://hotp/bob?secret=JBSWY3DPEHPK3PXP&counter=42&digits=8&algorithm=SHA512"
    );
}

#[test]
fn absent_parameters_have_the_defaults_of_the_format() {
    let uri = KeyUri::parse("otpauth://totp/bob?secret=jbswy3dpehpk3pxp").unwrap();
    assert_eq!(uri.issuer, None);
    assert_eq!(uri.account, name("bob"));
    assert_eq!(uri.seed.to_base32().as_str(), "JBSWY3DPEHPK3PXP");
    assert_eq!(uri.parameters.kind, Kind::Totp(Period::THIRTY));
    assert_eq!(uri.parameters.digest, Digest::Sha1);
    assert_eq!(uri.parameters.digits, Digits::SIX);
    assert_eq!(uri.counter, None);
}

#[test]
fn names_of_another_issuer_are_taken_as_near_as_they_can_be_shown() {
    for (label, issuer, account) in [
        ("ACME:bob?", Some("ACME"), "bob"),
        ("ACME%3Abob?", Some("ACME"), "bob"),
        ("A%3AB:b%3Ab?issuer=A%3AB&", Some("A B"), "b b"),
        ("ACME:?", Some("ACME"), "ACME"),
        ("?issuer=ACME&", Some("ACME"), "ACME"),
        ("ACME:?issuer=Other&", Some("Other"), "Other"),
        (":bob?issuer=%20&", None, "bob"),
        ("?", None, "Token"),
        ("a%00b?", None, "ab"),
    ] {
        let text = format!("otpauth://totp/{label}secret=JBSWY3DPEHPK3PXP");
        let uri = KeyUri::parse_foreign(&text).unwrap();
        assert_eq!(uri.issuer, issuer.map(name), "{text}");
        assert_eq!(uri.account, name(account), "{text}");
    }
    let broken = KeyUri::parse_foreign("otpauth://totp/a%FF?secret=JBSWY3DP");
    assert_eq!(broken.unwrap_err(), KeyUriError::Syntax);
}

#[test]
fn labels_are_read_as_issuers_write_them() {
    let cases = [
        ("ACME:bob?", Some("ACME"), "bob"),
        ("ACME%3Abob?", Some("ACME"), "bob"),
        ("ACME%3a%20bob?", Some("ACME"), "bob"),
        ("ACME: bob?", Some("ACME"), "bob"),
        (":bob?", None, "bob"),
        ("bob?issuer=ACME&", Some("ACME"), "bob"),
        ("Old%20name:bob?issuer=ACME&", Some("ACME"), "bob"),
        ("ACME:bob?issuer=&", None, "bob"),
        ("bob+otp@example.com?", None, "bob+otp@example.com"),
        ("Z%C3%BCrich:b%25b?", Some("Zürich"), "b%b"),
        ("Zürich:bob/2?", Some("Zürich"), "bob/2"),
    ];
    for (label, issuer, account) in cases {
        let text = format!("OTPAUTH://TOTP/{label}secret=JBSWY3DPEHPK3PXP&image=x");
        let uri = KeyUri::parse(&text).unwrap();
        assert_eq!(uri.issuer.as_ref().map(Name::as_str), issuer, "{text}");
        assert_eq!(uri.account.as_str(), account, "{text}");
    }
}

#[test]
fn what_is_broken_is_refused_with_its_reason() {
    let name = KeyUriError::Name;
    let cases = [
        ("", KeyUriError::Scheme),
        ("https://totp/a?secret=S", KeyUriError::Scheme),
        ("otpauth:/é", KeyUriError::Scheme),
        ("otpauth://totp/a", KeyUriError::Missing("secret")),
        ("otpauth://totp?secret=S", KeyUriError::Missing("label")),
        ("otpauth://motp/a?secret=S", KeyUriError::Kind),
        ("otpauth://totp/a?issuer=b", KeyUriError::Missing("secret")),
        ("otpauth://totp/a?secret=S#b", KeyUriError::Syntax),
        ("otpauth://totp/a?", KeyUriError::Syntax),
        ("otpauth://totp/a?secret=S&", KeyUriError::Syntax),
        ("otpauth://totp/a?secret", KeyUriError::Syntax),
        ("otpauth://totp/a%4?secret=S", KeyUriError::Syntax),
        ("otpauth://totp/a%zz?secret=S", KeyUriError::Syntax),
        ("otpauth://totp/a%?secret=S", KeyUriError::Syntax),
        ("otpauth://totp/a%FF?secret=S", KeyUriError::Syntax),
        ("otpauth://totp/a?secret=S&secret=S", KeyUriError::Duplicate),
        (
            "otpauth://totp/a?secret=S&%73ecret=S",
            KeyUriError::Duplicate,
        ),
        ("otpauth://totp/a?secret=S&x=1&x=1", KeyUriError::Duplicate),
        ("otpauth://totp/?secret=S", name(NameError::Empty)),
        ("otpauth://totp/a:?secret=S", name(NameError::Empty)),
        ("otpauth://totp/a:b:c?secret=S", name(NameError::Character)),
        ("otpauth://totp/a%00b?secret=S", name(NameError::Character)),
        (
            "otpauth://totp/a?secret=JBSWY3DP",
            KeyUriError::Seed(SeedError::Length(5)),
        ),
        (
            "otpauth://totp/a?secret=JBSW1",
            KeyUriError::Seed(SeedError::Base32),
        ),
        ("otpauth://hotp/a?secret=S", KeyUriError::Missing("counter")),
        (
            "otpauth://hotp/a?secret=S&counter=-1",
            KeyUriError::Number("counter"),
        ),
        (
            "otpauth://totp/a?secret=S&period=+30",
            KeyUriError::Number("period"),
        ),
        (
            "otpauth://totp/a?secret=S&period=",
            KeyUriError::Number("period"),
        ),
        (
            "otpauth://totp/a?secret=S&period=4294967296",
            KeyUriError::Number("period"),
        ),
        (
            "otpauth://totp/a?secret=S&period=0",
            KeyUriError::Period(PeriodError),
        ),
        (
            "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&digits=300",
            KeyUriError::Number("digits"),
        ),
        (
            "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&digits=5",
            KeyUriError::Digits(DigitsError(5)),
        ),
        (
            "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&algorithm=MD5",
            KeyUriError::Algorithm,
        ),
    ];
    for (uri, error) in cases {
        assert_eq!(KeyUri::parse(uri).unwrap_err(), error, "{uri}");
    }
}

#[test]
fn size_and_number_of_parameters_are_bounded() {
    let base = "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP";
    let with = |letters: RangeInclusive<char>| {
        letters.fold(base.to_owned(), |uri, letter| format!("{uri}&{letter}=1"))
    };
    assert!(KeyUri::parse(&with('a'..='o')).is_ok());
    assert_eq!(
        KeyUri::parse(&with('a'..='p')).unwrap_err(),
        KeyUriError::Syntax
    );
    let long = format!(
        "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&x={}",
        "y".repeat(3_000)
    );
    assert_eq!(
        KeyUri::parse(&long).unwrap_err(),
        KeyUriError::TooLong(long.len())
    );
}

#[test]
fn the_longest_token_still_fits() {
    let uri = KeyUri {
        issuer: Some(name(&"\u{20AC}".repeat(85))),
        account: name(&"\u{20AC}".repeat(85)),
        seed: Seed::from_bytes(Zeroizing::new(vec![0xAA; 64])).unwrap(),
        parameters: Parameters {
            digits: Digits::MAX,
            digest: Digest::Sha512,
            kind: Kind::Hotp,
        },
        counter: Some(u64::MAX),
    };
    let text = uri.render();
    assert!(text.len() <= MAX_URI_BYTES);
    assert_eq!(KeyUri::parse(&text).unwrap().counter, Some(u64::MAX));
}

#[test]
fn names_have_limits() {
    assert_eq!(Name::new(""), Err(NameError::Empty));
    assert_eq!(Name::new(&"a".repeat(256)), Err(NameError::TooLong(256)));
    for text in [" a", "a ", "a:b", "a\nb", "\u{7f}"] {
        assert_eq!(Name::new(text), Err(NameError::Character), "{text:?}");
    }
    assert_eq!(name("a b").to_string(), "a b");
}

fn key_uris() -> impl Strategy<Value = KeyUri> {
    let name = || "\\PC{1,40}".prop_filter_map("not a name", |text| Name::new(&text).ok());
    let kind = prop_oneof![
        (1..=u32::MAX).prop_map(|secs| (Kind::Totp(Period::new(secs).unwrap()), None)),
        any::<u64>().prop_map(|counter| (Kind::Hotp, Some(counter))),
    ];
    let digest = prop_oneof![
        Just(Digest::Sha1),
        Just(Digest::Sha256),
        Just(Digest::Sha512)
    ];
    let seed = prop::collection::vec(any::<u8>(), 10..=64);
    (
        prop::option::of(name()),
        name(),
        seed,
        kind,
        digest,
        6..=10u8,
    )
        .prop_map(
            |(issuer, account, seed, (kind, counter), digest, digits)| KeyUri {
                issuer,
                account,
                seed: Seed::from_bytes(Zeroizing::new(seed)).unwrap(),
                parameters: Parameters {
                    kind,
                    digest,
                    digits: Digits::new(digits).unwrap(),
                },
                counter,
            },
        )
}

proptest! {
    #[test]
    fn what_is_rendered_is_read_back(uri in key_uris()) {
        let text = uri.render();
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
        let read = KeyUri::parse(&text).unwrap();
        prop_assert_eq!(read.issuer, uri.issuer);
        prop_assert_eq!(read.account, uri.account);
        prop_assert_eq!(read.seed.expose(), uri.seed.expose());
        prop_assert_eq!(read.parameters, uri.parameters);
        prop_assert_eq!(read.counter, uri.counter);
    }

    #[test]
    fn any_text_is_read_or_refused(tail in "[ -~é%:/?&=#]{0,80}") {
        let _ = KeyUri::parse(&tail);
        let _ = KeyUri::parse(&format!("otpauth://totp/{tail}"));
        if let Ok(uri) = KeyUri::parse(&format!("otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&{tail}")) {
            prop_assert!(KeyUri::parse(&uri.render()).is_ok());
        }
    }
}

//! Seeds and codes: what is read, what is refused, what is never printed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use otp::{Code, CodeError, Digits, DigitsError, Period, PeriodError, Seed, SeedError};
use proptest::prelude::*;
use zeroize::Zeroizing;

#[test]
fn a_seed_reads_hex_and_base32_in_either_case() {
    let hex = "48656c6c6f21deadbeef";
    for seed in [
        Seed::from_hex(hex),
        Seed::from_hex("48656C6C6F21DEADBEEF"),
        Seed::from_base32("JBSWY3DPEHPK3PXP"),
        Seed::from_base32("jbswy3dpehpk3pxp"),
    ] {
        assert_eq!(seed.unwrap().to_hex().as_str(), hex);
    }
}

#[test]
fn a_seed_reads_base32_padding_only_if_all_of_it_is_there() {
    let bare = "GEZDGNBVGY3TQOJQGEZDGNBVGY";
    let read = |padding: &str| Seed::from_base32(&format!("{bare}{padding}"));
    assert_eq!(read("").unwrap().expose(), b"1234567890123456");
    assert_eq!(read("======").unwrap().expose(), b"1234567890123456");
    for padding in ["=", "=====", "=======", "======A", "=============="] {
        assert_eq!(read(padding).unwrap_err(), SeedError::Base32, "{padding}");
    }
}

#[test]
fn a_seed_refuses_what_is_not_one() {
    let cases = [
        (Seed::from_hex(""), SeedError::Length(0)),
        (Seed::from_hex(&"ab".repeat(9)), SeedError::Length(9)),
        (Seed::from_hex(&"ab".repeat(65)), SeedError::Length(65)),
        (Seed::from_hex("48656c6c6f21deadbeef0"), SeedError::Hex),
        (Seed::from_hex("48656c6c6f21deadbexx"), SeedError::Hex),
        (Seed::from_hex("48656c6c 6f21deadbeef"), SeedError::Hex),
        (Seed::from_base32("JBSWY3DPEHPK3PX"), SeedError::Base32),
        (Seed::from_base32("JBSW Y3DP EHPK 3PXP"), SeedError::Base32),
        (Seed::from_base32("JBSWY3DPEHPK3PX1"), SeedError::Base32),
        (Seed::from_base32("JBSWY3DPEHPK3PXPAB"), SeedError::Base32),
        (Seed::from_base32("========"), SeedError::Base32),
        (Seed::from_base32(&"A".repeat(104)), SeedError::Length(65)),
    ];
    for (result, error) in cases {
        assert_eq!(result.unwrap_err(), error);
    }
}

#[test]
fn another_issuers_secret_is_read_as_it_is_copied_and_has_its_own_length() {
    for (text, hex) in [
        ("JBSW Y3DP-EHPK 3PXP====", "48656c6c6f21deadbeef"),
        ("mzxw6", "666f6f"),
        ("MZXW7", "666f6f"),
        ("MZXW6A", "666f6f"),
        ("7Q", "fc"),
        (&"A".repeat(103), &"00".repeat(64)),
    ] {
        let seed = Seed::from_foreign_base32(text).unwrap();
        assert_eq!(seed.to_hex().as_str(), hex, "{text}");
    }
    for (text, error) in [
        ("", SeedError::ForeignLength(0)),
        ("A", SeedError::ForeignLength(0)),
        (" - =", SeedError::ForeignLength(0)),
        (&"A".repeat(104), SeedError::ForeignLength(65)),
        ("MZXW1", SeedError::Base32),
    ] {
        assert_eq!(
            Seed::from_foreign_base32(text).unwrap_err(),
            error,
            "{text}"
        );
    }
    let bytes = |length| Seed::from_foreign_bytes(Zeroizing::new(vec![7; length]));
    assert!(bytes(1).is_ok() && bytes(64).is_ok());
    assert_eq!(bytes(65).unwrap_err(), SeedError::ForeignLength(65));
}

#[test]
fn secrets_print_as_nothing() {
    let seed = Seed::from_hex("48656c6c6f21deadbeef").unwrap();
    let code = Code::parse("012345", Digits::SIX).unwrap();
    assert_eq!(
        format!("{seed:?} {code:?}"),
        "Seed(<sealed>) Code(<6 digits>)"
    );
}

#[test]
fn a_code_keeps_leading_zeros_and_trims_nothing() {
    assert_eq!(
        Code::parse("000042", Digits::SIX).unwrap().as_str(),
        "000042"
    );
    let length = |got| CodeError::Length {
        got,
        wanted: Digits::SIX,
    };
    let cases = [
        ("", length(0)),
        ("42", length(2)),
        ("0000042", length(7)),
        ("123 456", CodeError::NotDigits),
        (" 123456", CodeError::NotDigits),
        ("123456\n", CodeError::NotDigits),
        ("-12345", CodeError::NotDigits),
        ("12345O", CodeError::NotDigits),
        ("１２３４５６", CodeError::NotDigits),
        ("٦٦٦", CodeError::NotDigits),
    ];
    for (text, error) in cases {
        assert_eq!(
            Code::parse(text, Digits::SIX).unwrap_err(),
            error,
            "{text:?}"
        );
    }
    assert_eq!(
        length(5).to_string(),
        "the code has 5 digits, the token shows 6"
    );
}

#[test]
fn parameters_outside_their_range_are_refused() {
    assert_eq!(Digits::new(5), Err(DigitsError(5)));
    assert_eq!(Digits::new(11), Err(DigitsError(11)));
    assert_eq!(Digits::new(6), Ok(Digits::SIX));
    assert_eq!(Digits::new(10), Ok(Digits::MAX));
    assert_eq!(Period::new(0), Err(PeriodError));
    assert_eq!(Period::new(60), Ok(Period::SIXTY));
}

proptest! {
    #[test]
    fn a_seed_survives_hex_and_base32(bytes in prop::collection::vec(any::<u8>(), 10..=64)) {
        let seed = Seed::from_bytes(Zeroizing::new(bytes.clone())).unwrap();
        prop_assert!(Seed::from_hex(&seed.to_hex()).unwrap().expose() == bytes);
        prop_assert!(Seed::from_base32(&seed.to_base32()).unwrap().expose() == bytes);
    }

    #[test]
    fn codes_are_equal_exactly_if_their_digits_are(a in "[0-9]{6}", b in "[0-9]{6}", c in "[0-9]{7}") {
        let six = |text: &str| Code::parse(text, Digits::SIX).unwrap();
        prop_assert_eq!(six(&a) == six(&b), a == b);
        prop_assert!(six(&a) == six(&a));
        prop_assert!(six(&a) != Code::parse(&c, Digits::new(7).unwrap()).unwrap());
    }

    #[test]
    fn any_text_is_refused_or_read_as_it_is(text in "\\PC{0,12}") {
        if let Ok(code) = Code::parse(&text, Digits::EIGHT) {
            prop_assert_eq!(code.as_str(), text);
        }
    }
}

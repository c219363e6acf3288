#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]
//! A failing property prints its seed; `PROPTEST_RNG_SEED`, or the line that proptest writes under
//! `proptest-regressions/`, replays it.

use ident::{
    ActivationCode, Fault, Identifier, LicenceCode, LicenceSerial, OpaqueCode, Pace, ParseError,
    ProductSerial, RegistrationId, TokenKind, TokenSerial,
};
use proptest::prelude::*;

#[test]
fn activation_codes_of_public_samples() {
    let samples = [
        ("EEIOHIDHBXN5QLXV", Pace::Sixty, "e3a0670ddbd82ef5"),
        ("EEIMCUO6X6DF4BL3", Pace::Sixty, "c151debf865e057b"),
        ("EEIOR3FCE7CLWEUU", Pace::Sixty, "e8eca227c4bb1294"),
        ("EEIOTCU3LENEDJMR", Pace::Sixty, "e98a9b591a41a591"),
        ("EEIMI3ZFJEC2CCPL", Pace::Sixty, "c46f254905a109eb"),
        ("EEAEVVEYZSERRHEM", Pace::Thirty, "4ad498cc89189c8c"),
    ];
    for (text, pace, opaque) in samples {
        let code = ActivationCode::parse(text).unwrap();
        assert_eq!(
            (code.pace(), code.opaque().as_str(), code.as_str()),
            (pace, opaque, text)
        );
    }
}

#[test]
fn activation_codes_as_people_type_them() {
    let code = ActivationCode::parse("EEIOHIDHBXN5QLXV").unwrap();
    for typed in [
        "eeiohidhbxn5qlxv",
        "EEIO HIDH BXN5 QLXV",
        " eeio-hidh-bxn5-qlxv ",
    ] {
        assert_eq!(
            ActivationCode::parse(typed),
            Ok(ActivationCode::parse(code.as_str()).unwrap())
        );
    }
}

#[test]
fn a_wrong_activation_code_is_named() {
    let fault = |text: &str| ActivationCode::parse(text).unwrap_err().fault;
    assert_eq!(
        fault("EEIOHIDHBXN5QLX"),
        Fault::Length { got: 15, want: 16 }
    );
    assert_eq!(
        fault("EEIO-HIDH-BXN0-QLXV"),
        Fault::Character {
            found: '0',
            position: 14
        }
    );
    assert_eq!(
        fault("ÉEIOHIDHBXN5QLXV"),
        Fault::Character {
            found: 'É',
            position: 1
        }
    );
    assert_eq!(fault("AAAAAAAAAAAAAAAA"), Fault::Header(0));
}

#[test]
fn serials_of_public_samples() {
    assert_eq!(
        ProductSerial::parse("FG140E4Q17000494").unwrap().as_str(),
        "FG140E4Q17000494"
    );
    assert_eq!(
        TokenSerial::parse("FTKMOB83F91CD33B").unwrap().kind(),
        TokenKind::Mobile
    );
    assert_eq!(
        TokenSerial::parse("FTK2000BHV1KRZCC").unwrap().kind(),
        TokenKind::Hardware
    );
    for trial in ["FTMTRIAL02062407", "FTMTRIAL0A1B2C3D", "FTMTRIALNOREGIST"] {
        assert!(LicenceSerial::parse(trial).unwrap().is_trial(), "{trial}");
    }
    assert!(!LicenceSerial::parse("EFTM000000000123").unwrap().is_trial());
}

#[test]
fn a_wrong_serial_is_named() {
    assert_eq!(
        TokenSerial::parse("FGT3HD3915801656"),
        Err(ParseError {
            identifier: Identifier::TokenSerial,
            fault: Fault::Prefix("FTK")
        })
    );
    assert_eq!(
        LicenceSerial::parse("EFTM00000000012A").unwrap_err().fault,
        Fault::Character {
            found: 'A',
            position: 16
        }
    );
    assert_eq!(
        LicenceSerial::parse("FGT3HD3915801656").unwrap_err().fault,
        Fault::Prefix("EFTM or FTMTRIAL")
    );
    assert_eq!(
        ProductSerial::parse("fgt3hd3915801656")
            .unwrap_err()
            .to_string(),
        "the gateway's serial number is wrong: 'f' cannot stand at position 1; it should be 16 \
         capital letters and digits, such as FGT3HD3915801656"
    );
}

#[test]
fn new_serials_are_well_formed() {
    let mobile = TokenSerial::mobile([0x83, 0xF9, 0x1C, 0xD3, 0x3B]);
    assert_eq!(mobile.as_str(), "FTKMOB83F91CD33B");
    assert_eq!(
        LicenceSerial::trial(2_062_407).unwrap().as_str(),
        "FTMTRIAL02062407"
    );
    assert_eq!(
        LicenceSerial::purchased(123).unwrap().as_str(),
        "EFTM000000000123"
    );
    assert_eq!(LicenceSerial::purchased(LicenceSerial::PURCHASED_END), None);
    assert_eq!(LicenceSerial::trial(LicenceSerial::TRIAL_END), None);
}

#[test]
fn licence_codes_with_and_without_hyphens() {
    let code = LicenceCode::parse("01ab-cdef-0123-4567-89AB").unwrap();
    assert_eq!(code.as_str(), "01AB-CDEF-0123-4567-89AB");
    assert_eq!(LicenceCode::parse("01abcdef0123456789AB").unwrap(), code);
    assert!(!code.is_trial());
    assert!(
        LicenceCode::parse("0000-0000-0000-0000-0000")
            .unwrap()
            .is_trial()
    );
    assert_eq!(
        LicenceCode::from_random([0xA5; 10]).as_str(),
        "A5A5-A5A5-A5A5-A5A5-A5A5"
    );
}

#[test]
fn a_wrong_licence_code_is_named() {
    let fault = |text: &str| LicenceCode::parse(text).unwrap_err().fault;
    assert_eq!(
        fault("0000-0000-0000-0000-000"),
        Fault::Length { got: 23, want: 24 }
    );
    assert_eq!(
        fault("0123456789abcdef012"),
        Fault::Length { got: 19, want: 24 }
    );
    assert_eq!(
        fault("0000-0000-0000-0000+0000"),
        Fault::Character {
            found: '+',
            position: 20
        }
    );
    assert_eq!(
        fault("XXXX-XXXX-XXXX-XXXX-XXXX"),
        Fault::Character {
            found: 'X',
            position: 1
        }
    );
}

#[test]
fn debug_hides_secrets() {
    let licence = LicenceCode::parse("01AB-CDEF-0123-4567-89AB").unwrap();
    assert_eq!(format!("{licence:?}"), "LicenceCode(01AB-…)");
    let code = ActivationCode::parse("EEIOHIDHBXN5QLXV").unwrap();
    assert_eq!(format!("{code:?}"), "ActivationCode(Sixty, <sealed>)");
    assert_eq!(format!("{:?}", code.opaque()), "OpaqueCode(<sealed>)");
}

#[test]
fn plain_identifiers_print_themselves() {
    let serial = TokenSerial::parse("FTKMOB83F91CD33B").unwrap();
    assert_eq!(format!("{serial:18}|"), "FTKMOB83F91CD33B  |");
    assert_eq!(format!("{serial:?}"), "TokenSerial(\"FTKMOB83F91CD33B\")");
}

#[test]
fn registration_ids_are_lower_case() {
    let id = RegistrationId::from_bytes([0xfa; 32]);
    assert_eq!(RegistrationId::parse(&"fa".repeat(32)), Ok(id));
    assert!(RegistrationId::parse(&"FA".repeat(32)).is_err());
}

proptest! {
    #[test]
    fn activation_codes_round_trip(random: [u8; 8], is_fast: bool) {
        let pace = if is_fast { Pace::Thirty } else { Pace::Sixty };
        let code = ActivationCode::from_random(random, pace);
        let again = ActivationCode::parse(code.as_str()).unwrap();
        prop_assert_eq!(again.opaque().as_bytes(), &random);
        prop_assert_eq!(again.pace(), pace);
        prop_assert_eq!(&OpaqueCode::parse(code.opaque().as_str()).unwrap(), code.opaque());
    }

    #[test]
    fn licence_codes_round_trip(random: [u8; 10]) {
        let code = LicenceCode::from_random(random);
        prop_assert_eq!(LicenceCode::parse(&code.as_str().to_lowercase()).unwrap(), code);
    }

    #[test]
    fn what_parses_prints_as_it_was(text in "[A-Z0-9]{15,17}") {
        for printed in [
            ProductSerial::parse(&text).map(|serial| serial.to_string()),
            TokenSerial::parse(&text).map(|serial| serial.to_string()),
            LicenceSerial::parse(&text).map(|serial| serial.to_string()),
        ].into_iter().flatten() {
            prop_assert_eq!(&printed, &text);
        }
        prop_assert_eq!(ProductSerial::parse(&text).is_ok(), text.len() == 16);
    }

    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,70}") {
        let _ = LicenceCode::parse(&text);
        let _ = ActivationCode::parse(&text);
        let _ = OpaqueCode::parse(&text);
        let _ = RegistrationId::parse(&text);
        let error = LicenceSerial::parse(&format!("{text}!")).unwrap_err();
        prop_assert_eq!(error.identifier, Identifier::LicenceSerial);
    }
}

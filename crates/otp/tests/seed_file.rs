//! Key containers, tables and lists of hardware tokens: what is read, what is refused, and how it is
//! named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use otp::seed_file::pskc::{ContainerError, Unlock};
use otp::seed_file::{
    Entry, Fault, FileError, Form, MAX_FILE_BYTES, MAX_TOKENS, MakerSerial, SeedRecord, csv, pskc,
    serials, text,
};
use otp::{Digest, Digits, Kind, Parameters, Period, SeedError};
use proptest::prelude::*;

const FIGURE_2: &str = include_str!("pskc/rfc6030-figure-2.xml");
const FIGURE_5: &str = include_str!("pskc/rfc6030-figure-5.xml");
const FIGURE_6: &str = include_str!("pskc/rfc6030-figure-6.xml");
const FIGURE_7: &str = include_str!("pskc/rfc6030-figure-7.xml");

/// The shared key of figure 6, as RFC 6030 section 6.1 tells it.
const SHARED: [u8; 16] = [
    0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12,
];
/// The password of figure 7, section 6.2.
const PASSWORD: &str = "qwerty";
/// The secret of all figures but the first.
const SECRET: &[u8] = b"12345678901234567890";

fn hotp_of_eight() -> Parameters {
    Parameters {
        kind: Kind::Hotp,
        digest: Digest::Sha1,
        digits: Digits::new(8).unwrap(),
    }
}

fn totp(period_s: u32, digits: u8, digest: Digest) -> Parameters {
    Parameters {
        kind: Kind::Totp(Period::new(period_s).unwrap()),
        digest,
        digits: Digits::new(digits).unwrap(),
    }
}

fn only<T>(entries: Vec<Entry<T>>) -> Result<T, Fault> {
    let [entry] = <[_; 1]>::try_from(entries).map_err(|_| ()).unwrap();
    entry.token
}

fn container_error(xml: &str, unlock: Unlock<'_>) -> ContainerError {
    match pskc::read(xml, unlock).unwrap_err() {
        FileError::Container(error) => error,
        other => panic!("{other}"),
    }
}

fn is_the_figures(record: &SeedRecord) {
    assert_eq!(record.serial.as_str(), "987654321");
    assert_eq!(record.seed.expose(), SECRET);
    assert_eq!(record.parameters, hotp_of_eight());
    assert_eq!(record.counter, 0);
}

/// A container with one TOTP key in the clear, `data` among its data and `rest` behind them.
fn open_container(parameters: &str, data: &str, rest: &str) -> String {
    format!(
        r#"<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc"><KeyPackage>
<DeviceInfo><SerialNo>2600124809787</SerialNo></DeviceInfo>
<Key Id="1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp"><AlgorithmParameters>
{parameters}</AlgorithmParameters><Data><Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue>
</Secret>{data}</Data>{rest}</Key></KeyPackage></KeyContainer>"#
    )
}

const DECIMAL_6: &str = r#"<ResponseFormat Length="6" Encoding="DECIMAL"/>"#;

// ---------------------------------------------------------------- key containers

#[test]
fn a_container_in_the_clear_is_read_as_rfc_6030_figure_5() {
    let mut entries = pskc::read(FIGURE_5, Unlock::Nothing).unwrap();
    // Its second key is the first one's PIN, which makes no codes.
    let pin = entries.pop().unwrap();
    assert_eq!((pin.line, pin.token.unwrap_err()), (36, Fault::Kind));
    is_the_figures(&only(entries).unwrap());
}

#[test]
fn a_container_under_a_shared_key_is_read_as_rfc_6030_figure_6() {
    is_the_figures(&only(pskc::read(FIGURE_6, Unlock::Key(&SHARED)).unwrap()).unwrap());
}

#[test]
fn a_container_under_a_password_is_read_as_rfc_6030_figure_7() {
    let entries = pskc::read(FIGURE_7, Unlock::Password(PASSWORD)).unwrap();
    is_the_figures(&only(entries).unwrap());
}

#[test]
fn a_key_without_a_form_of_its_codes_is_none_as_in_rfc_6030_figure_2() {
    let fault = only(pskc::read(FIGURE_2, Unlock::Nothing).unwrap()).unwrap_err();
    assert_eq!(fault, Fault::Missing("AlgorithmParameters"));
}

#[test]
fn an_encrypted_container_says_what_it_needs() {
    for (xml, unlock, needs) in [
        (FIGURE_6, Unlock::Nothing, ContainerError::NeedsKey),
        (FIGURE_6, Unlock::Password("x"), ContainerError::NeedsKey),
        (FIGURE_7, Unlock::Nothing, ContainerError::NeedsPassword),
        (
            FIGURE_7,
            Unlock::Key(&SHARED),
            ContainerError::NeedsPassword,
        ),
        (FIGURE_5, Unlock::Key(&SHARED), ContainerError::NotEncrypted),
        (
            FIGURE_6,
            Unlock::Key(&[0; 32]),
            ContainerError::KeyLength {
                wanted: 16,
                given: 32,
            },
        ),
    ] {
        assert_eq!(container_error(xml, unlock), needs);
    }
}

/// A wrong key may open the MAC's key to something; then no MAC is right.
#[test]
fn a_wrong_key_or_password_opens_nothing() {
    for wrong in 0..=255 {
        match pskc::read(FIGURE_6, Unlock::Key(&[wrong; 16])) {
            Err(error) => assert_eq!(error, ContainerError::MacKey.into()),
            Ok(entries) => assert_eq!(only(entries).unwrap_err(), Fault::Mac),
        }
    }
    match pskc::read(FIGURE_7, Unlock::Password("Qwerty")) {
        Err(error) => assert_eq!(error, ContainerError::MacKey.into()),
        Ok(entries) => assert_eq!(only(entries).unwrap_err(), Fault::Mac),
    }
}

#[test]
fn a_changed_ciphertext_or_mac_is_refused_before_it_is_opened() {
    for (from, to) in [
        // One bit of the initialisation vector would be one bit of the seed.
        ("AAECAwQF", "AQECAwQF"),
        // The last block, where the padding stands.
        ("lef1VmNPCMl8jwZqIUqGv", "lef1VmNPCMl8jwZqIUqGw"),
        ("Su+NvtQ", "Su+NvtR"),
    ] {
        let changed = FIGURE_6.replace(from, to);
        assert_ne!(changed, FIGURE_6);
        let fault = only(pskc::read(&changed, Unlock::Key(&SHARED)).unwrap()).unwrap_err();
        assert_eq!(fault, Fault::Mac, "{to}");
    }
}

#[test]
fn an_encrypted_value_without_a_mac_is_refused() {
    let cut = |from: &str, to: &str| {
        let (before, rest) = FIGURE_6.split_once(from).unwrap();
        let (_, after) = rest.split_once(to).unwrap();
        format!("{before}{after}")
    };
    for xml in [
        cut("<ValueMAC>", "</ValueMAC>"),
        cut("<MACMethod", "</MACMethod>"),
    ] {
        let fault = only(pskc::read(&xml, Unlock::Key(&SHARED)).unwrap()).unwrap_err();
        assert_eq!(fault, Fault::NoMac);
    }
}

#[test]
fn an_open_seed_in_an_encrypted_container_is_refused() {
    let (before, rest) = FIGURE_6.split_once("<EncryptedValue>").unwrap();
    let (_, after) = rest.split_once("</ValueMAC>").unwrap();
    let xml = format!("{before}<PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue>{after}");
    let fault = only(pskc::read(&xml, Unlock::Key(&SHARED)).unwrap()).unwrap_err();
    assert_eq!(fault, Fault::Open);
}

#[test]
fn a_totp_key_tells_its_period_digits_and_digest() {
    let read = |parameters: &str, data: &str| {
        let xml = open_container(parameters, data, "");
        only(pskc::read(&xml, Unlock::Nothing).unwrap()).map(|record| record.parameters)
    };
    assert_eq!(read(DECIMAL_6, ""), Ok(totp(30, 6, Digest::Sha1)));
    let suite = format!("<Suite>HMAC-SHA256</Suite>{DECIMAL_6}");
    let interval = "<TimeInterval><PlainValue>60</PlainValue></TimeInterval>";
    assert_eq!(read(&suite, interval), Ok(totp(60, 6, Digest::Sha256)));

    let refused = |parameters: &str, data: &str| read(parameters, data).unwrap_err();
    let suite = format!("<Suite>OCRA-1</Suite>{DECIMAL_6}");
    assert_eq!(refused(&suite, ""), Fault::Digest);
    let letters = DECIMAL_6.replace("DECIMAL", "ALPHANUMERIC");
    assert_eq!(refused(&letters, ""), Fault::CodeForm);
    let checked = DECIMAL_6.replace("/>", r#" CheckDigits="true"/>"#);
    assert_eq!(refused(&checked, ""), Fault::CodeForm);
    let long = DECIMAL_6.replace('6', "99");
    assert!(matches!(refused(&long, ""), Fault::Digits(_)));
    assert_eq!(
        refused(&DECIMAL_6.repeat(2), ""),
        Fault::Twice("ResponseFormat")
    );
    for (interval, fault) in [
        ("-1", Fault::Number("TimeInterval")),
        ("4294967296", Fault::Number("TimeInterval")),
    ] {
        let data = format!("<TimeInterval><PlainValue>{interval}</PlainValue></TimeInterval>");
        assert_eq!(refused(DECIMAL_6, &data), fault);
    }
}

#[test]
fn a_policy_must_allow_one_time_codes() {
    let read = |policy: &str| {
        let xml = open_container(DECIMAL_6, "", &format!("<Policy>{policy}</Policy>"));
        only(pskc::read(&xml, Unlock::Nothing).unwrap()).map(drop)
    };
    assert_eq!(
        read("<ExpiryDate>2037-12-31T00:00:00Z</ExpiryDate>"),
        Ok(())
    );
    let both = "<KeyUsage>Sign</KeyUsage><KeyUsage>OTP</KeyUsage>";
    assert_eq!(read(both), Ok(()));
    assert_eq!(read("<KeyUsage>Encrypt</KeyUsage>"), Err(Fault::Policy));
}

#[test]
fn what_is_not_a_container_is_named_and_never_quoted() {
    let entities = r#"<!DOCTYPE KeyContainer [<!ENTITY x SYSTEM "file:///etc/passwd">]>"#;
    let document = FIGURE_5.split_once("?>").unwrap().1;
    for (xml, error) in [
        (
            format!("{entities}{document}"),
            ContainerError::DocumentType,
        ),
        (
            "<!DOCTYPE x []><x/>".to_owned(),
            ContainerError::DocumentType,
        ),
        (
            "<a>\n<b>&seed;</b></a>".to_owned(),
            ContainerError::Xml { line: 2 },
        ),
        ("no xml".to_owned(), ContainerError::Xml { line: 1 }),
        ("<Tokens/>".to_owned(), ContainerError::NotAContainer),
        (
            FIGURE_5.replace("Version=\"1.0\"", "Version=\"2.0\""),
            ContainerError::NotAContainer,
        ),
        (
            FIGURE_5.replace("keyprov:pskc\"", "keyprov:other\""),
            ContainerError::NotAContainer,
        ),
        (
            format!("<a>{}</a>", "<b/>".repeat(1_000_001)),
            ContainerError::TooManyNodes,
        ),
    ] {
        assert_eq!(container_error(&xml, Unlock::Nothing), error);
    }
    let empty = r#"<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc"/>"#;
    assert_eq!(
        pskc::read(empty, Unlock::Nothing).unwrap_err(),
        FileError::Empty
    );
}

#[test]
fn a_key_derivation_that_would_take_for_ever_is_refused() {
    for (from, to) in [
        (">1000<", ">4000001<"),
        (">1000<", ">0<"),
        (">1000<", "><"),
        (">16<", ">1073741824<"),
        (">Ej7/PEpyEpw=<", "><"),
        ("#pbkdf2", "#scrypt"),
    ] {
        let xml = FIGURE_7.replace(from, to);
        assert_ne!(xml, FIGURE_7);
        let error = container_error(&xml, Unlock::Password(PASSWORD));
        assert_eq!(error, ContainerError::Derivation, "{to}");
    }
}

// ---------------------------------------------------------------- tables and lists

const SEED_HEX: &str = "3132333435363738393031323334353637383930";
const SEED_BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn table(text: &str) -> Vec<Entry<SeedRecord>> {
    csv::read(text, Parameters::default()).unwrap()
}

/// Serial, parameters and counter of a line whose seed is [`SEED_HEX`].
fn line(text: &str) -> Result<(String, Parameters, u64), Fault> {
    let record = only(table(text))?;
    assert_eq!(record.seed.expose(), SECRET, "{text}");
    let serial = record.serial.as_str().to_owned();
    Ok((serial, record.parameters, record.counter))
}

#[test]
fn a_table_without_a_head_tells_serial_seed_and_perhaps_more() {
    let forti = |parameters| Ok(("FTK2000BHV1KRZCC".to_owned(), parameters, 0));
    for (text, parameters) in [
        (
            format!("FTK2000BHV1KRZCC,{SEED_HEX}"),
            Parameters::default(),
        ),
        (
            format!("\u{20}FTK2000BHV1KRZCC ; \"{SEED_BASE32}\"\r\n"),
            Parameters::default(),
        ),
        (
            format!("FTK2000BHV1KRZCC,{SEED_HEX},TOTP,8,30"),
            totp(30, 8, Digest::Sha1),
        ),
        (
            format!("FTK2000BHV1KRZCC, {SEED_HEX}, hotp, 8"),
            hotp_of_eight(),
        ),
    ] {
        assert_eq!(line(&text), forti(parameters), "{text}");
    }
}

#[test]
fn a_head_names_the_columns_in_any_order() {
    let entra = format!(
        "upn,serial number,secret key,time interval,manufacturer,model\n\
         alice@example.com,1234567,{SEED_BASE32},30,Contoso,HardwareKey"
    );
    let expected = ("1234567".to_owned(), totp(30, 6, Digest::Sha1), 0);
    assert_eq!(line(&entra), Ok(expected));
    let own =
        format!("# tokens\n\nSeed;Type;Counter;Algorithm;Serial\n{SEED_HEX};hotp;7;SHA-256;A1");
    let parameters = Parameters {
        kind: Kind::Hotp,
        digest: Digest::Sha256,
        digits: Digits::SIX,
    };
    assert_eq!(line(&own), Ok(("A1".to_owned(), parameters, 7)));
}

#[test]
fn both_logs_of_yubico_tell_event_tokens() {
    let traditional = format!(
        "LOGGING START,11/12/2013 18:50\n\
         OATH-HOTP,11/12/2013 18:55,1,cccccccccrgn,,{SEED_HEX},,,0,0,0,8,0,0,0,0,0,0"
    );
    // Modhex `rgn` is hexadecimal `c5b`.
    assert_eq!(
        line(&traditional),
        Ok(("3163".to_owned(), hotp_of_eight(), 0))
    );
    let own = format!("508326,,0,{SEED_HEX},,2013-12-12T08:41:07,");
    let six = Parameters {
        digits: Digits::SIX,
        ..hotp_of_eight()
    };
    assert_eq!(line(&own), Ok(("508326".to_owned(), six, 0)));
    let otp = format!("Yubico OTP,12/11/2013 11:10,1,vvgutbiedkvi,ab86c04de6a3,{SEED_HEX},,,0,0,0");
    assert_eq!(line(&otp), Err(Fault::Kind));
}

#[test]
fn each_bad_line_of_a_table_is_named_with_its_reason() {
    let text = format!(
        "A1,{SEED_HEX}\n\nA2\nA3,\n,{SEED_HEX}\nA5,0g\nA6,00ff\nA7,{SEED_HEX},ocra\n\
         A8,{SEED_HEX},totp,x\nA9,{SEED_HEX},totp,6,0\nB1,{SEED_HEX},totp,12\nB 2,{SEED_HEX}\n\
         B3,{SEED_HEX}{commas}",
        commas = ",".repeat(40),
    );
    let faults: Vec<_> = table(&text)
        .into_iter()
        .map(|entry| (entry.line, entry.token.err()))
        .collect();
    let [(1, None), rest @ ..] = &faults[..] else {
        panic!("{faults:?}");
    };
    assert_eq!(
        rest[..6],
        [
            (3, Some(Fault::Missing("seed"))),
            (4, Some(Fault::Missing("seed"))),
            (5, Some(Fault::Missing("serial"))),
            (6, Some(Fault::Encoding)),
            (7, Some(Fault::Seed(SeedError::Length(2)))),
            (8, Some(Fault::Kind)),
        ]
    );
    assert_eq!(rest[6], (9, Some(Fault::Number("digits"))));
    assert!(matches!(rest[7], (10, Some(Fault::Period(_)))));
    assert!(matches!(rest[8], (11, Some(Fault::Digits(_)))));
    assert_eq!(rest[9], (12, Some(Fault::Serial)));
    assert_eq!(rest[10], (13, Some(Fault::Fields(32))));
}

#[test]
fn a_list_of_serials_has_one_a_line() {
    let entries =
        serials::read("FTK2000BHV1KRZCC\r\n\n# spare\n FTK2000BHV1KRZCD\nFTK 1\n").unwrap();
    let read: Vec<_> = entries
        .iter()
        .map(|entry| (entry.line, entry.token.as_ref().map(MakerSerial::as_str)))
        .collect();
    assert_eq!(
        read,
        [
            (1, Ok("FTK2000BHV1KRZCC")),
            (4, Ok("FTK2000BHV1KRZCD")),
            (5, Err(&Fault::Serial))
        ]
    );
}

#[test]
fn the_first_line_that_says_something_tells_what_a_file_is() {
    for (text, form) in [
        (FIGURE_5, Form::Container),
        ("\n# tokens\n <KeyContainer/>", Form::Container),
        ("# A,B\nA1;00", Form::Table),
        ("FTK2000BHV1KRZCC\nA,B", Form::Serials),
        ("", Form::Serials),
    ] {
        assert_eq!(Form::of(text), form, "{text}");
    }
}

#[test]
fn a_file_has_bounds() {
    let line = format!("A,{SEED_HEX}\n");
    let full = line.repeat(MAX_TOKENS);
    assert_eq!(table(&full).len(), MAX_TOKENS);
    let over = csv::read(&(full + &line), Parameters::default()).unwrap_err();
    assert_eq!(over, FileError::TooManyTokens);
    assert_eq!(serials::read("\n#\n").unwrap_err(), FileError::Empty);
    let length = MAX_FILE_BYTES + 1;
    assert_eq!(text(&vec![b'a'; length]), Err(FileError::TooLong(length)));
    for binary in [&b"FTK\x00\x01"[..], &[0xff, 0xfe, 0x46, 0x00], b"\x1b[2J"] {
        assert_eq!(text(binary), Err(FileError::NotText));
    }
    assert_eq!(text("\u{feff}FTK\r\n".as_bytes()), Ok("FTK\r\n"));
}

#[test]
fn no_error_quotes_a_seed() {
    let canary = "CANARYCANARYCANARY1";
    for entry in table(&format!(
        "A1,{canary}\nA2,{SEED_HEX},{canary}\n{canary} x,{SEED_HEX}\n"
    )) {
        let said = format!("{0} {0:?}", entry.token.unwrap_err());
        assert!(!said.to_uppercase().contains("CANARY"), "{said}");
    }
    let xml = FIGURE_5.replace("<PlainValue>", &format!("<{canary}>"));
    let said = container_error(&xml, Unlock::Nothing).to_string();
    assert!(!said.contains("CANARY"), "{said}");
    let record = only(table(&format!("A1,{SEED_HEX}"))).unwrap();
    assert!(format!("{record:?}").contains("Seed(<sealed>)"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,400}") {
        let _ = csv::read(&text, Parameters::default());
        let _ = serials::read(&text);
        let _ = pskc::read(&text, Unlock::Nothing);
    }

    #[test]
    fn a_table_with_one_octet_changed_is_read_or_refused(at in 0_usize..60, octet in 0_u8..128) {
        let mut bytes = format!("FTK2000BHV1KRZCC,{SEED_HEX},totp,6,60").into_bytes();
        let at = at % bytes.len();
        bytes[at] = octet;
        if let Ok(text) = text(&bytes) {
            let _ = csv::read(text, Parameters::default());
        }
    }
}

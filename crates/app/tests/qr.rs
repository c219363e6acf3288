#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one touches files"
)]

mod picture;

use app::qr::{QrError, text_of_png};
use picture::{Paper, draw};

const TEXT: &str = "symbolon://activate?v=1&c=EEIMCUO6X6DF4BL3&k=4HROHZHF43T6R2PK5PWO33XP6A&s=https://tokens.example.org:8443&p=ERERERERERERERERERERERERERERERERERERERERERE";

#[test]
fn pictures_of_all_kinds_are_read() {
    for paper in [
        Paper::Grey,
        Paper::Rgb,
        Paper::Transparent,
        Paper::OneBit,
        Paper::Palette,
    ] {
        assert_eq!(
            text_of_png(&draw(TEXT, paper)).unwrap().as_str(),
            TEXT,
            "{paper:?}"
        );
    }
}

#[test]
fn a_picture_without_a_code_is_told_from_one_that_is_none() {
    assert!(matches!(
        text_of_png(&draw("", Paper::Blank)),
        Err(QrError::Nothing)
    ));
    assert!(matches!(text_of_png(b"GIF89a"), Err(QrError::Picture(_))));
    let whole = draw(TEXT, Paper::Grey);
    for length in [0, 8, 20, whole.len() / 2] {
        assert!(
            matches!(text_of_png(&whole[..length]), Err(QrError::Picture(_))),
            "{length}"
        );
    }
}

#[test]
fn two_codes_are_too_many() {
    assert!(matches!(
        text_of_png(&draw(TEXT, Paper::Two)),
        Err(QrError::Several(2))
    ));
}

#[test]
fn a_picture_that_claims_to_be_huge_takes_no_memory() {
    let mut png = draw(TEXT, Paper::Grey);
    // Width and height stand at bytes 16 to 24 of a PNG; the checksum of that chunk follows.
    png[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    assert!(matches!(text_of_png(&png), Err(QrError::Picture(_))));
}

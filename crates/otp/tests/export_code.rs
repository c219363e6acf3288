//! Export codes of Google Authenticator: what the app shows, and what is none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use data_encoding::BASE64;
use otp::export_code::{Batch, ExportCode, ExportCodeError, parse};
use proptest::prelude::*;

/// What all tokens here have.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// A length-delimited field.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    [&[number << 3 | 2, length], value].concat()
}

fn number(field: u8, value: u8) -> [u8; 2] {
    [field << 3, value]
}

fn code(message: &[u8]) -> String {
    let data = BASE64.encode(message).replace('+', "%2B");
    format!("otpauth-migration://offline?data={data}")
}

/// A token with further fields.
fn token(fields: &[u8]) -> Vec<u8> {
    let secret = field(1, b"12345678901234567890");
    field(1, &[&secret, &field(2, b"Acme:ada"), fields].concat())
}

fn rendered(message: &[u8]) -> Result<Vec<String>, ExportCodeError> {
    let ExportCode { tokens, .. } = parse(&code(message))?;
    Ok(tokens.iter().map(|uri| uri.render().to_string()).collect())
}

#[test]
fn tokens_have_the_kind_digest_and_digits_that_the_code_says() {
    let counted = [number(4, 3), number(5, 2), number(6, 1), number(7, 9)].concat();
    let timed = [&field(3, b"Ac:me"), &number(4, 1)[..], &number(6, 2)].concat();
    let message = [token(&timed), token(&counted), number(2, 1).to_vec()].concat();
    assert_eq!(
        rendered(&message).unwrap(),
        [
            format!(
                "otpauth://totp/Ac%20me:ada?secret={SECRET}&issuer=Ac%20me&period=30&digits=6&algorithm=SHA1"
            ),
            format!("otpauth://hotp/ada?secret={SECRET}&counter=9&digits=8&algorithm=SHA512"),
        ]
    );
}

#[test]
fn a_code_of_several_says_which_it_is() {
    let batch = |index: u8, size: u8| {
        // -2, as a random `int32` may be.
        let id = [&[5 << 3][..], &[0xfe], &[0xff; 8], &[1]].concat();
        let fields = [&number(3, size)[..], &number(4, index), &id].concat();
        parse(&code(&[token(&[]), fields].concat())).unwrap().batch
    };
    let id = u64::MAX - 1;
    for (index, size) in [(0, 2), (2, 3), (63, Batch::MAX_SIZE)] {
        assert_eq!(batch(index, size), Some(Batch { id, index, size }));
    }
    for (index, size) in [(0, 0), (0, 1), (3, 3), (0, Batch::MAX_SIZE + 1)] {
        assert_eq!(batch(index, size), None, "{index} of {size}");
    }
    assert_eq!(parse(&code(&token(&[]))).unwrap().batch, None);
}

#[test]
fn what_is_none_says_why() {
    assert_eq!(
        parse("otpauth://totp/a").unwrap_err(),
        ExportCodeError::Scheme
    );
    for text in [
        "",
        "?data",
        "?data=",
        "offline?data=%",
        "offline?data=?",
        "offline?x=AA==",
    ] {
        let text = format!("otpauth-migration://{text}");
        let error = parse(&text).unwrap_err();
        let expected = [ExportCodeError::Syntax, ExportCodeError::Empty];
        assert!(expected.contains(&error), "{text}: {error}");
    }
    let whole = token(&[]);
    assert!(rendered(&whole).is_ok());
    for cut in 1..whole.len() {
        assert_eq!(
            rendered(&whole[..cut]),
            Err(ExportCodeError::Syntax),
            "{cut}"
        );
    }
    assert_eq!(rendered(&number(2, 1)), Err(ExportCodeError::Empty));
    // A varint longer than any number, and a field of a fixed width.
    assert_eq!(
        rendered(&[
            0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02
        ]),
        Err(ExportCodeError::Syntax)
    );
    assert_eq!(
        rendered(&[0x11, 0, 0, 0, 0, 0, 0, 0, 0]),
        Err(ExportCodeError::Syntax)
    );
    // MD5, three digits lists, a kind that is none; and a secret that is no seed.
    for odd in [number(4, 4), number(5, 3), number(6, 3)] {
        let message = [whole.clone(), token(&odd)].concat();
        assert_eq!(rendered(&message), Err(ExportCodeError::Token(2)));
    }
    let empty = field(1, &field(2, b"Acme:ada"));
    assert_eq!(rendered(&empty), Err(ExportCodeError::Token(1)));
    let long = format!("otpauth-migration://offline?data={}", "A".repeat(3000));
    assert!(matches!(parse(&long), Err(ExportCodeError::TooLong(_))));
}

proptest! {
    #[test]
    fn no_message_panics(message in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = rendered(&message);
    }
}

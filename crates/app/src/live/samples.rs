//! Tokens for the tests of what the screen does.

use crate::contents::{NewToken, Origin, Server, TokenName, Trust};
use ident::TokenSerial;
use otp::{Parameters, Seed};
use softtoken::IssuerName;
use softtoken::address::ServerUrl;
use softtoken::link::SpkiPin;

/// A token server that is believed for a key of its own.
pub(super) fn server(url: &str) -> Server {
    Server {
        url: ServerUrl::parse(url).unwrap(),
        trust: Trust::Pin(SpkiPin::of_spki(url.as_bytes())),
    }
}

/// One of its tokens, which goes by its serial.
pub(super) fn token(number: u8, server: Server) -> NewToken {
    let serial = TokenSerial::mobile([number; 5]);
    NewToken {
        name: TokenName::from(serial),
        origin: Origin::Issued { serial, server },
        issuer: IssuerName::parse("Example").unwrap(),
        seed: Seed::from_bytes(vec![number; 20].into()).unwrap(),
        parameters: Parameters::default(),
        pin_policy: None,
        counter: 0,
        added_unix: 0,
    }
}

//! Texts that people and programs write, each with a parser of its own.

use cli::console::Greeting;
use domain::event_log::Expression;
use domain::name::{CanonicalName, UserName};
use domain::public_key::PublicKey;
use domain::schema::Subnet;
use domain::vdom::Vdom;
use ident::{ActivationCode, LicenceCode, RegistrationId, TokenSerial};
use otp::{KeyUri, export_code};
use softtoken::link::ActivationLink;

/// Whatever is understood is written as something that is understood as the same.
pub(crate) fn run(input: &[u8]) {
    if let Some(greeting) = Greeting::parse(input) {
        assert_eq!(
            Greeting::parse(greeting.to_string().as_bytes()),
            Some(greeting)
        );
    }
    let text = String::from_utf8_lossy(input);
    for parse in [KeyUri::parse, KeyUri::parse_foreign] {
        if let Ok(uri) = parse(&text) {
            let again = parse(&uri.render()).map(|again| again.render());
            assert_eq!(again.as_deref(), Ok(&*uri.render()));
        }
    }
    for uri in export_code::parse(&text).map_or(Vec::new(), |code| code.tokens) {
        assert!(KeyUri::parse_foreign(&uri.render()).is_ok());
    }
    if let Ok(link) = ActivationLink::parse(&text) {
        let again = ActivationLink::parse(&link.render()).map(|again| again.render());
        assert!(again.is_ok_and(|again| again == link.render()));
    }
    if let Ok(name) = CanonicalName::of(&text) {
        assert_eq!(CanonicalName::of(&name.to_string()).as_ref(), Ok(&name));
    }
    if let Some(subnet) = Subnet::parse(&text) {
        assert_eq!(Subnet::parse(&subnet.to_string()), Some(subnet));
    }
    let _ = UserName::parse(&text);
    let _ = PublicKey::parse(&text);
    let _ = Vdom::parse(&text);
    let _ = Expression::parse(&text);
    let _ = ActivationCode::parse(&text);
    let _ = LicenceCode::parse(&text);
    let _ = RegistrationId::parse(&text);
    let _ = TokenSerial::parse(&text);
}

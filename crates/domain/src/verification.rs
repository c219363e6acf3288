//! Applications that have logins checked over HTTPS: `config user verification-client`.

mod guesses;

use std::net::IpAddr;

use crate::client::{Secret, position};
use crate::login::CodePosition;
use crate::schema::{Object, Subnet};
use crate::security::Profile;
use crate::vdom::Vdom;
pub use guesses::{ApplicationName, GuessRow, Guesses};

/// What stands before a client's name in events. No RADIUS client has such a name: what is configured for
/// that one would hold for the application.
pub const PREFIX: &str = "rest:";

/// By what an application is known (`set credentials`).
#[derive(Debug)]
pub enum Credentials {
    /// Its name and this secret.
    Secret(Secret),
    /// Its name and its address, for applications that cannot send a secret.
    Subnet,
}

/// When the person behind a plug-in's transaction is asked on the phone (`set push`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PushAt {
    /// When the code is asked for and none is typed.
    #[default]
    OnRequest,
    /// As soon as the code would be asked for: plug-ins with a mode for it wait for the phone from there.
    AtOnce,
}

/// An application as the login path needs it, its secret open.
#[derive(Debug)]
pub struct VerificationClient {
    /// The virtual domain whose users it asks about.
    pub vdom: Vdom,
    /// Name of its entry.
    pub name: Box<str>,
    /// Where it asks from.
    pub subnet: Subnet,
    /// By what it is known.
    pub credentials: Credentials,
    /// How it combines password and code.
    pub position: CodePosition,
    /// When its people are asked on the phone.
    pub push: PushAt,
}

/// What somebody shows who says to be a client.
#[derive(Clone, Copy, Debug)]
pub enum Shown<'a> {
    /// A secret.
    Secret(&'a [u8]),
    /// A ticket that it was given here for its credentials.
    Ticket,
    /// Nothing: the address has to do.
    Nothing,
}

impl VerificationClient {
    /// The client of an entry; `None` if the entry has no network, or no secret where it needs one, which
    /// the configuration does not let happen.
    pub fn from_object(object: &Object, secret: Option<Secret>) -> Option<Self> {
        let credentials = match object.text("credentials") {
            "subnet" => Credentials::Subnet,
            _ => Credentials::Secret(secret?),
        };
        Some(Self {
            vdom: object.vdom,
            name: object.key.clone(),
            subnet: Subnet::parse(object.text("subnet"))?,
            credentials,
            position: position(object),
            push: match object.text("push") {
                "at-once" => PushAt::AtOnce,
                _ => PushAt::OnRequest,
            },
        })
    }

    /// What events call it.
    pub fn label(&self) -> Box<str> {
        format!("{PREFIX}{}", self.name).into()
    }

    /// Whether somebody at this address who shows this is the client. `same` compares secrets in a time that
    /// tells nothing of them.
    pub fn is(
        &self,
        address: IpAddr,
        shown: Shown<'_>,
        profile: Profile,
        same: impl FnOnce(&[u8], &[u8]) -> bool,
    ) -> bool {
        let proven = match (&self.credentials, shown) {
            (Credentials::Secret(secret), Shown::Secret(shown)) => same(secret.expose(), shown),
            (Credentials::Secret(_), Shown::Ticket) => true,
            (Credentials::Subnet, Shown::Ticket | Shown::Nothing) => {
                profile.takes_addresses_as_credentials()
            }
            (Credentials::Secret(_), Shown::Nothing) | (Credentials::Subnet, Shown::Secret(_)) => {
                false
            }
        };
        proven && self.subnet.contains(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{VERIFICATION_CLIENT, Value};
    use zeroize::Zeroizing;

    const INSIDE: &str = "192.0.2.7";
    const OUTSIDE: &str = "198.51.100.1";

    fn client(credentials: &str) -> VerificationClient {
        let mut object = Object::new(&VERIFICATION_CLIENT, "portal");
        for (name, text) in [("subnet", "192.0.2.0/24"), ("credentials", credentials)] {
            object.set(
                VERIFICATION_CLIENT.field(name).unwrap(),
                Value::Text(text.into()),
            );
        }
        let secret = Secret::new(Zeroizing::new(b"secret".to_vec()));
        VerificationClient::from_object(&object, Some(secret)).unwrap()
    }

    fn is(client: &VerificationClient, address: &str, shown: Shown<'_>, profile: Profile) -> bool {
        client.is(address.parse().unwrap(), shown, profile, |one, other| {
            one == other
        })
    }

    #[test]
    fn a_secret_is_good_within_the_network_alone() {
        let portal = client("secret");
        let (right, wrong) = (Shown::Secret(b"secret"), Shown::Secret(b"Secret"));
        for profile in [Profile::Compatible, Profile::Strict] {
            assert!(is(&portal, INSIDE, right, profile));
            assert!(!is(&portal, OUTSIDE, right, profile));
            assert!(!is(&portal, INSIDE, wrong, profile));
            assert!(!is(&portal, INSIDE, Shown::Nothing, profile));
            assert!(is(&portal, INSIDE, Shown::Ticket, profile));
            assert!(!is(&portal, OUTSIDE, Shown::Ticket, profile));
        }
    }

    #[test]
    fn an_address_is_enough_only_where_it_is_set_and_the_profile_takes_it() {
        let plugin = client("subnet");
        assert!(is(&plugin, INSIDE, Shown::Nothing, Profile::Compatible));
        assert!(!is(&plugin, OUTSIDE, Shown::Nothing, Profile::Compatible));
        for shown in [Shown::Nothing, Shown::Ticket] {
            assert!(!is(&plugin, INSIDE, shown, Profile::Strict));
        }
    }

    #[test]
    fn without_its_secret_there_is_no_client() {
        let mut object = Object::new(&VERIFICATION_CLIENT, "portal");
        let subnet = VERIFICATION_CLIENT.field("subnet").unwrap();
        object.set(subnet, Value::Text("192.0.2.0/24".into()));
        assert!(VerificationClient::from_object(&object, None).is_none());
    }
}

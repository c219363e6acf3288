//! Tickets for plug-ins that show their credentials once and a JSON Web Token (RFC 7519) from then on.
//!
//! A ticket is signed under a key of this process and the application's secret: after a restart, and once
//! the secret is another, it is none.

use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use data_encoding::BASE64URL_NOPAD;
use domain::time::{Span, Timestamp};
use domain::verification::VerificationClient;
use serde_json::{Value, json};

use super::secret_of;
use crate::clock::{self, NoEntropy};

/// As long as the servers whose plug-ins ask for one have it good by default.
const LIFETIME: Span = Span::from_hours(1);

/// Makes tickets and knows its own.
pub(super) struct Tickets(Key);

/// A ticket as somebody shows it.
pub(super) struct Ticket {
    signed: String,
    signature: Vec<u8>,
    vdom: String,
    name: String,
    expires: u64,
}

impl Tickets {
    pub(super) fn new() -> Result<Self, NoEntropy> {
        Ok(Self(Key::new(HMAC_SHA256, &clock::random::<32>()?)))
    }

    pub(super) fn issue(&self, application: &VerificationClient, now: Timestamp) -> String {
        let header = json!({"alg": "HS256", "typ": "JWT"});
        let claims = json!({
            "username": application.name,
            "realm": application.vdom.as_str(),
            "exp": now.after(LIFETIME).unix(),
        });
        let parts =
            [header, claims].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes()));
        let signed = parts.join(".");
        let signature = hmac::sign(&self.key(application), signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }

    /// Whether this is a ticket of that application that is still good.
    pub(super) fn knows(
        &self,
        ticket: &Ticket,
        application: &VerificationClient,
        now: Timestamp,
    ) -> bool {
        let key = self.key(application);
        ticket.names(application)
            && hmac::verify(&key, ticket.signed.as_bytes(), &ticket.signature).is_ok()
            && ticket.expires > now.unix()
    }

    fn key(&self, application: &VerificationClient) -> Key {
        let secret = secret_of(application).map_or(&[][..], |secret| secret.expose());
        Key::new(HMAC_SHA256, hmac::sign(&self.0, secret).as_ref())
    }
}

impl Ticket {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (_, claims) = signed.split_once('.')?;
        let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let claim = |name: &str| claims.get(name)?.as_str().map(str::to_owned);
        Some(Self {
            signed: signed.to_owned(),
            signature: BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?,
            vdom: claim("realm")?,
            name: claim("username")?,
            expires: claims.get("exp")?.as_u64()?,
        })
    }

    /// Whether it says to be this application's.
    pub(super) fn names(&self, application: &VerificationClient) -> bool {
        *self.name == *application.name && *self.vdom == *application.vdom.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::client::Secret;
    use domain::schema::{Object, VERIFICATION_CLIENT, Value as Set};
    use zeroize::Zeroizing;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn application(name: &str, secret: &str) -> VerificationClient {
        let mut object = Object::new(&VERIFICATION_CLIENT, name);
        let subnet = VERIFICATION_CLIENT.field("subnet").unwrap();
        object.set(subnet, Set::Text("192.0.2.0/24".into()));
        let secret = Secret::new(Zeroizing::new(secret.as_bytes().to_vec()));
        VerificationClient::from_object(&object, Some(secret)).unwrap()
    }

    #[test]
    fn a_ticket_is_one_applications_for_an_hour_and_while_its_secret_stays() {
        let tickets = Tickets::new().unwrap();
        let portal = application("portal", "secret");
        let issued = tickets.issue(&portal, NOW);
        let ticket = Ticket::parse(&issued).unwrap();
        assert!(tickets.knows(&ticket, &portal, NOW));
        assert!(!tickets.knows(&ticket, &portal, NOW.after(LIFETIME)));
        assert!(!tickets.knows(&ticket, &application("portal", "another"), NOW));
        assert!(!tickets.knows(&ticket, &application("mail", "secret"), NOW));
        assert!(!Tickets::new().unwrap().knows(&ticket, &portal, NOW));
    }

    #[test]
    fn what_was_changed_is_no_ticket() {
        let tickets = Tickets::new().unwrap();
        let portal = application("portal", "secret");
        let issued = tickets.issue(&portal, NOW);
        let (head, rest) = issued.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let longer = json!({"username": "portal", "realm": "root", "exp": NOW.unix() + 9_999});
        let longer = BASE64URL_NOPAD.encode(longer.to_string().as_bytes());
        let forged = Ticket::parse(&format!("{head}.{longer}.{signature}")).unwrap();
        assert!(!tickets.knows(&forged, &portal, NOW));
        for text in ["", "a", "a.b", "a.b.c", "..", "e30.e30.e30"] {
            assert!(Ticket::parse(text).is_none(), "{text}");
        }
    }
}

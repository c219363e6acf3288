//! Who somebody says to be who asks, and what is shown for it.

use std::collections::HashMap;
use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, HeaderName, header};
use data_encoding::BASE64;
use domain::security::Profile;
use domain::vdom::Vdom;
use domain::verification::{Shown, VerificationClient};
use zeroize::Zeroizing;

use super::ticket::{Ticket, Tickets};
use crate::clock;

/// Where newer plug-ins put what belongs into `Authorization`, which is a proxy's then.
const PLUGIN_AUTHORIZATION: HeaderName = HeaderName::from_static("pi-authorization");

/// What the path of a request calls the application.
struct Named {
    vdom: String,
    name: String,
}

impl Named {
    /// The root's where no virtual domain is named.
    fn of(path: &HashMap<String, String>) -> Option<Self> {
        Some(Self {
            vdom: path.get("vdom").map_or("root", String::as_str).to_owned(),
            name: path.get("name")?.clone(),
        })
    }
}

/// Somebody's word about who it is, and what is to prove it.
pub(super) struct Claim {
    path: Option<Named>,
    evidence: Evidence,
}

enum Evidence {
    /// RFC 7617.
    Basic(String, Zeroizing<String>),
    Secret(Zeroizing<String>),
    Ticket(Ticket),
    None,
}

impl Claim {
    /// Nothing if nobody is named.
    pub(super) fn of(path: &HashMap<String, String>, headers: &HeaderMap) -> Option<Self> {
        let (path, evidence) = (Named::of(path), Evidence::of(headers));
        let is_anybodys = match &evidence {
            Evidence::Basic(..) | Evidence::Ticket(_) => false,
            Evidence::Secret(_) | Evidence::None => path.is_none(),
        };
        (!is_anybodys).then_some(Self { path, evidence })
    }

    /// The same, as a form has it.
    pub(super) fn of_form(
        path: &HashMap<String, String>,
        name: String,
        secret: Zeroizing<String>,
    ) -> Self {
        Self {
            path: Named::of(path),
            evidence: Evidence::Basic(name, secret),
        }
    }

    /// Whether a secret is shown that somebody may have guessed. Nobody guesses a ticket.
    pub(super) fn is_a_guess(&self) -> bool {
        matches!(self.evidence, Evidence::Basic(..) | Evidence::Secret(_))
    }

    /// Whether it speaks of this application.
    pub(super) fn names(&self, application: &VerificationClient) -> bool {
        let is_at = |path: &Named| {
            *path.name == *application.name && *path.vdom == *application.vdom.as_str()
        };
        let is_said = match &self.evidence {
            // As in a path: elsewhere an application of the same name and secret could stand before it.
            Evidence::Basic(name, _) => {
                let is_root = || application.vdom == Vdom::ROOT;
                **name == *application.name && (self.path.is_some() || is_root())
            }
            Evidence::Ticket(ticket) => ticket.names(application),
            Evidence::Secret(_) | Evidence::None => true,
        };
        is_said && self.path.as_ref().is_none_or(is_at)
    }

    /// Whether it is true of this application. Where the path says who it is and the address is enough,
    /// what is shown besides does no harm: some plug-ins always show something.
    pub(super) fn proves(
        &self,
        application: &VerificationClient,
        address: IpAddr,
        profile: Profile,
        tickets: &Tickets,
    ) -> bool {
        let is = |shown| application.is(address, shown, profile, same);
        let proven = match &self.evidence {
            Evidence::Basic(_, secret) | Evidence::Secret(secret) => {
                is(Shown::Secret(secret.as_bytes()))
            }
            Evidence::Ticket(ticket) => {
                tickets.knows(ticket, application, clock::now()) && is(Shown::Ticket)
            }
            Evidence::None => false,
        };
        proven || (self.path.is_some() && is(Shown::Nothing))
    }
}

impl Evidence {
    fn of(headers: &HeaderMap) -> Self {
        let header = [PLUGIN_AUTHORIZATION, header::AUTHORIZATION]
            .iter()
            .find_map(|name| headers.get(name)?.to_str().ok());
        let Some(text) = header.map(str::trim) else {
            return Self::None;
        };
        match text.split_once(' ') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => {
                Self::basic(rest.trim()).unwrap_or(Self::None)
            }
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => {
                Self::bearer(rest.trim())
            }
            _ => Self::bearer(text),
        }
    }

    fn basic(encoded: &str) -> Option<Self> {
        let octets = Zeroizing::new(BASE64.decode(encoded.as_bytes()).ok()?);
        let text = std::str::from_utf8(&octets).ok()?;
        let (name, secret) = text.split_once(':')?;
        Some(Self::Basic(
            name.to_owned(),
            Zeroizing::new(secret.to_owned()),
        ))
    }

    fn bearer(text: &str) -> Self {
        match Ticket::parse(text) {
            Some(ticket) => Self::Ticket(ticket),
            None => Self::Secret(Zeroizing::new(text.to_owned())),
        }
    }
}

/// Compared by their digests, so that not even the length tells in the time it takes.
fn same(one: &[u8], other: &[u8]) -> bool {
    let [one, other] = [one, other].map(|secret| digest(&SHA256, secret));
    verify_slices_are_equal(one.as_ref(), other.as_ref()).is_ok()
}

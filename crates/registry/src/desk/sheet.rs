//! Records as the desk reads them.

use std::fmt;

use domain::licensing::{Licence, LicenceState, Lock, ProductKind, StockToken, TokenState};
use domain::time::Timestamp;
use store::registry::{LicenceRecord, ProductRecord, TokenRecord};

/// A product as the desk sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProductSheet {
    /// What is known.
    pub record: ProductRecord,
    /// At this moment.
    pub at: Timestamp,
}

/// A licence as the desk sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LicenceSheet {
    /// What is known.
    pub record: LicenceRecord,
    /// At this moment.
    pub at: Timestamp,
}

/// A token as the desk sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenSheet {
    /// What is known.
    pub record: TokenRecord,
    /// At this moment.
    pub at: Timestamp,
}

impl fmt::Display for ProductSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProductRecord {
            serial,
            account,
            registered,
            retired,
            kind,
            licences,
            left: _,
        } = &self.record;
        field(f, "Product", serial)?;
        if *kind == ProductKind::Manager {
            field(f, "Kind", "manager")?;
        }
        field(f, "Account", account)?;
        field(f, "Registered", registered)?;
        if let Some(end) = retired {
            field(f, "Ended", end.at)?;
        }
        if let Some(successor) = retired.and_then(|end| end.successor) {
            field(f, "Replaced by", successor)?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "LICENCE           TOKENS  STATE      ISSUED                ACTIVATED             REDEEM UNTIL"
        )?;
        for (licence, issued) in licences {
            licence_line(f, licence, *issued, self.at)?;
            writeln!(f, "  {}", moment(licence.redeem_until))?;
        }
        Ok(())
    }
}

impl fmt::Display for LicenceSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LicenceRecord {
            licence,
            issued,
            tokens,
        } = &self.record;
        licence_fields(f, licence, *issued, self.at)?;
        writeln!(f)?;
        writeln!(f, "TOKEN             STATUS")?;
        for token in tokens {
            writeln!(f, "{:<16}  {}", token.serial, token_status(token, self.at))?;
        }
        Ok(())
    }
}

impl fmt::Display for TokenSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TokenRecord {
            token,
            account,
            activated,
            supplier,
            ..
        } = &self.record;
        field(f, "Token", token.serial)?;
        field(f, "Account", account)?;
        field(f, "Licence", token.licence)?;
        field(f, "Product", token.product)?;
        if let Some(manager) = supplier.manager() {
            field(f, "Given out by", manager)?;
        }
        field(f, "Status", token_status(token, self.at))?;
        match &token.state {
            TokenState::New => Ok(()),
            TokenState::Provisioning { expires } => field(f, "Code expires", expires),
            TokenState::Provisioned(device) => {
                field(f, "Activated", moment(*activated))?;
                field(f, "Device", device.id)?;
                field(f, "App", &device.version)
            }
        }
    }
}

fn licence_fields(
    f: &mut fmt::Formatter<'_>,
    licence: &Licence,
    issued: Timestamp,
    at: Timestamp,
) -> fmt::Result {
    field(f, "Licence", licence.serial)?;
    field(f, "Account", &licence.account)?;
    match licence.product {
        Some(product) => field(f, "Product", product)?,
        None => field(f, "Product", "any of the account")?,
    }
    if let Some(manager) = licence.kept_by {
        field(f, "Reserve of", manager)?;
    }
    field(f, "Tokens", licence.size)?;
    field(f, "State", licence_state(licence, at))?;
    field(f, "Issued", issued)?;
    field(f, "Redeem until", moment(licence.redeem_until))?;
    field(f, "Activated", moment(licence.activated))
}

/// Serial, size, state and dates of a licence, as the columns of a table.
pub(super) fn licence_line(
    f: &mut fmt::Formatter<'_>,
    licence: &Licence,
    issued: Timestamp,
    at: Timestamp,
) -> fmt::Result {
    write!(
        f,
        "{:<16}  {:>6}  {:<9}  {issued}  {:<20}",
        licence.serial,
        licence.size,
        licence_state(licence, at),
        moment(licence.activated),
    )
}

pub(super) fn field(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    value: impl fmt::Display,
) -> fmt::Result {
    writeln!(f, "{:<13} {value}", format!("{name}:"))
}

pub(super) fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

/// How far a licence is, in a word.
pub fn licence_state(licence: &Licence, at: Timestamp) -> &'static str {
    match licence.state(at) {
        LicenceState::Waiting => "waiting",
        LicenceState::Expired(_) => "expired",
        LicenceState::Activated(_) => "activated",
        LicenceState::Moved(_) => "moved",
        LicenceState::Revoked(_) => "revoked",
    }
}

/// How far a token is, in the words of the gateway's status column; one whose licence was revoked is
/// `revoked`.
pub fn token_status(token: &StockToken, at: Timestamp) -> &'static str {
    match &token.state {
        _ if token.revoked.is_some() => "revoked",
        _ if token.lock == Lock::Locked => "locked",
        TokenState::New => "new",
        TokenState::Provisioning { .. } if token.has_timed_out(at) => "provision timeout",
        TokenState::Provisioning { .. } => "provisioning",
        TokenState::Provisioned(_) => "provisioned",
    }
}

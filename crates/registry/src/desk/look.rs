//! Whatever somebody holds in hand: what it is, whose, how it stands and what helps.

use std::fmt;

use domain::licensing::{
    AccountName, Sight, Standing, hardware_standing, licence_standing, product_standing,
    token_standing,
};
use domain::time::Timestamp;
use ident::{
    ActivationCode, LicenceCode, LicenceSerial, ProductSerial, RegistrationId, TokenKind,
    TokenSerial,
};
use store::registry::{
    AccountPage, AccountRecord, Clue, DeskEvent, DeskRefusal, Found, FoundBy, HardwareCount,
    HardwareImport, IMPORTS_MAX, POSSESSIONS_MAX, Sighting, TIMELINE_MAX, TokenRecord,
};

use super::hardware::HardwareSheet;
use super::sheet::{LicenceSheet, ProductSheet, TokenSheet, field, licence_line};
use super::ticket::TicketTable;
use super::{Desk, DeskError};

/// What the desk finds, at a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LookSheet {
    /// What is known.
    pub sighting: Sighting,
    /// At this moment.
    pub at: Timestamp,
    /// For whom.
    pub sight: Sight,
}

/// A customer as the desk sees it: what it has, and what it bought when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountSheet {
    /// What is known.
    pub record: AccountRecord,
    /// At this moment.
    pub at: Timestamp,
}

/// Nothing is known of a text. It is not repeated: it may be a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NothingFound {
    /// It has the shape of a token's serial.
    #[error(
        "no token has this serial; tokens come into stock when their licence is activated: look up \
         the licence"
    )]
    Token,
    /// It has the shape of a hardware token's serial.
    #[error(
        "no hardware token has this serial; compare it with the token's back. Hardware tokens come into \
         stock with their seeds: `import-hardware`"
    )]
    Hardware,
    /// It has the shape of a licence's serial.
    #[error("no licence has this serial; compare it with the redemption certificate")]
    Licence,
    /// It has the shape of a licence's code.
    #[error(
        "no licence has this code; compare it with the redemption certificate, character by character. \
         A code that was replaced by `renew-licence` is not known any more"
    )]
    LicenceCode,
    /// It has the shape of a registration id.
    #[error(
        "no token is on this phone; if its app was installed anew, the phone has another registration id. Which phones \
         have tokens of a manager's reserve is known at their gateways alone"
    )]
    Device,
    /// It has 16 characters.
    #[error(
        "no product has this serial and no token waits under this activation code; a product is \
         registered with `register-product`, and a newer code replaces the one before. What a manager made is \
         known there alone"
    )]
    Sixteen,
    /// It may be a name.
    #[error(
        "this is no serial, no code and no registration id, and no account has this name; \
         `list-accounts` lists the names"
    )]
    Other,
    /// It begins as the record names an agent.
    #[error("no agent of this name ever worked here; `list-agents` lists them")]
    Agent,
    /// It begins as the record names a request.
    #[error("no request has this number; `list-requests --all` lists them")]
    Request,
    /// The same as [`Hardware`](Self::Hardware), for somebody of a customer.
    #[error(
        "no hardware token of this account has this serial; compare it with the token's back, or ask the desk to \
         take it into stock"
    )]
    OwnHardware,
    /// The same as [`Sixteen`](Self::Sixteen), for somebody of a customer.
    #[error(
        "no product of this account has this serial and no token of it waits under this activation code; a newer \
         code replaces the one before, and the desk registers products"
    )]
    OwnSixteen,
    /// Nothing that somebody of a customer can look up.
    #[error(
        "this is no serial, no code and no registration id of this account, and not its name; `account` with its \
         name lists what it has"
    )]
    OwnOther,
}

impl NothingFound {
    /// What is said to somebody who sees so much: a customer's agents have none of the commands with which the
    /// desk goes on.
    fn for_sight(self, sight: &Sight) -> Self {
        match (self, sight) {
            (_, Sight::Everything) => self,
            (Self::Hardware, _) => Self::OwnHardware,
            (Self::Sixteen, _) => Self::OwnSixteen,
            (Self::Other | Self::Agent | Self::Request, _) => Self::OwnOther,
            _ => self,
        }
    }
}

impl Desk {
    /// Looks up a serial, a code, a registration id or a name. Codes are compared by their keyed hash.
    pub async fn look(&self, text: &str) -> Result<LookSheet, DeskError> {
        let (clue, otherwise) = read(text.trim());
        match self.store.look(clue, self.sight.clone()).await? {
            Some(sighting) => Ok(LookSheet {
                sighting,
                at: self.clock.now(),
                sight: self.sight.clone(),
            }),
            None => Err(otherwise.for_sight(&self.sight).into()),
        }
    }

    /// What was done to something alone, oldest first: to what [`look`](Self::look) finds, or to what the record
    /// names otherwise, such as `agent carol` and `request 3`.
    pub async fn history(&self, text: &str) -> Result<Vec<DeskEvent>, DeskError> {
        let text = text.trim();
        let (clue, otherwise) = read(text);
        let sight = self.sight.clone();
        let events = self.store.history(clue, text.into(), sight).await?;
        Ok(events.ok_or(otherwise.for_sight(&self.sight))?)
    }

    /// A customer with a page of its products and licences.
    pub async fn account(
        &self,
        name: AccountName,
        page: AccountPage,
    ) -> Result<AccountSheet, DeskError> {
        self.demand_seen(&name, DeskRefusal::AccountUnknown(name.clone()))?;
        Ok(AccountSheet {
            record: self.store.account(name, page).await?,
            at: self.clock.now(),
        })
    }
}

/// What a text may be, and what is said if it is nothing.
fn read(text: &str) -> (Clue, NothingFound) {
    let serial = text.to_ascii_uppercase();
    let clue = Clue {
        token: TokenSerial::parse(&serial).ok().filter(is_mobile),
        licence: LicenceSerial::parse(&serial).ok(),
        licence_code: LicenceCode::parse(text).ok(),
        device: RegistrationId::parse(text).ok(),
        product: ProductSerial::parse(&serial).ok(),
        activation_code: ActivationCode::parse(text).ok(),
        hardware: TokenSerial::of_device(text).ok(),
        account: AccountName::given(text).ok(),
    };
    let otherwise = match &clue {
        Clue { token: Some(_), .. } => NothingFound::Token,
        Clue {
            licence: Some(_), ..
        } => NothingFound::Licence,
        Clue {
            licence_code: Some(_),
            ..
        } => NothingFound::LicenceCode,
        Clue {
            device: Some(_), ..
        } => NothingFound::Device,
        Clue {
            hardware: Some(token),
            ..
        } if token.as_str() == serial => NothingFound::Hardware,
        Clue {
            product: Some(_), ..
        }
        | Clue {
            activation_code: Some(_),
            ..
        } => NothingFound::Sixteen,
        _ if text.starts_with("agent ") => NothingFound::Agent,
        _ if text.starts_with("request ") => NothingFound::Request,
        _ => NothingFound::Other,
    };
    (clue, otherwise)
}

fn is_mobile(serial: &TokenSerial) -> bool {
    serial.kind() == TokenKind::Mobile
}

impl LookSheet {
    /// How it stands and what helps. An account only has things, each with a standing of its own.
    pub fn standing(&self) -> Option<Standing> {
        let standing = match &self.sighting.found {
            Found::Account(_) => None,
            Found::Product(record) => Some(product_standing(
                &record.product(),
                record.in_use(),
                record.left.as_ref(),
            )),
            Found::Licence(record) => Some(licence_standing(&record.licence, self.at)),
            Found::Token(record) => Some(self.of_token(record)),
            Found::Hardware(token) => Some(hardware_standing(token)),
            Found::Device(_, tokens) => tokens.last().map(|record| self.of_token(record)),
        };
        standing.map(|standing| standing.for_sight(&self.sight))
    }

    fn of_token(&self, record: &TokenRecord) -> Standing {
        token_standing(&record.token, record.told, record.supplier, self.at)
    }
}

impl fmt::Display for LookSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sighting { found, by, events } = &self.sighting;
        match by {
            FoundBy::Name => {}
            FoundBy::LicenceCode => writeln!(f, "The code of this licence.\n")?,
            FoundBy::ActivationCode => writeln!(f, "The activation code of this token.\n")?,
            FoundBy::RegistrationId => writeln!(f, "The phone of these tokens.\n")?,
        }
        self.describe(f, found)?;
        if let Some(Standing { cause, next_step }) = self.standing() {
            writeln!(f)?;
            field(f, "Standing", cause)?;
            field(f, "Next step", next_step)?;
        }
        timeline(f, events)
    }
}

impl LookSheet {
    fn describe(&self, f: &mut fmt::Formatter<'_>, found: &Found) -> fmt::Result {
        let at = self.at;
        match found.clone() {
            Found::Account(record) => write!(f, "{}", AccountSheet { record, at }),
            Found::Product(record) => write!(f, "{}", ProductSheet { record, at }),
            Found::Licence(record) => write!(f, "{}", LicenceSheet { record, at }),
            Found::Token(record) => write!(f, "{}", TokenSheet { record, at }),
            Found::Hardware(token) => write!(f, "{}", HardwareSheet(token)),
            Found::Device(id, tokens) => {
                field(f, "Phone", id)?;
                for record in tokens {
                    writeln!(f)?;
                    write!(f, "{}", TokenSheet { record, at })?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for AccountSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AccountRecord {
            name,
            created,
            products,
            licences,
            hardware,
            hardware_total,
            tickets,
        } = &self.record;
        field(f, "Account", name)?;
        field(f, "Registered", created)?;
        writeln!(f, "\nPRODUCT           REGISTERED            ENDED")?;
        for product in products {
            let ended = match product.retired {
                None => "-".to_owned(),
                Some(end) => end.at.to_string(),
            };
            writeln!(f, "{:<16}  {}  {ended}", product.serial, product.registered)?;
        }
        if let Some(last) = self.record.products_after() {
            more(f, "products", &last)?;
        }
        writeln!(
            f,
            "\nLICENCE           TOKENS  STATE      ISSUED                ACTIVATED             PRODUCT"
        )?;
        for (licence, issued) in licences {
            let product = licence.product.as_ref().map_or("-", ProductSerial::as_str);
            licence_line(f, licence, *issued, self.at)?;
            writeln!(f, "  {product}")?;
        }
        if let Some(last) = self.record.licences_after() {
            more(f, "licences", &last)?;
        }
        hardware_table(f, hardware, *hardware_total)?;
        if tickets.is_empty() {
            return Ok(());
        }
        write!(f, "\n{}", TicketTable(tickets))
    }
}

/// A page is full.
fn more(f: &mut fmt::Formatter<'_>, what: &str, last: &dyn fmt::Display) -> fmt::Result {
    writeln!(
        f,
        "({POSSESSIONS_MAX} {what}; `account … --{what}-after {last}` has those behind)"
    )
}

/// Hardware tokens by import, if there are any.
fn hardware_table(
    f: &mut fmt::Formatter<'_>,
    imports: &[HardwareImport],
    total: HardwareCount,
) -> fmt::Result {
    if imports.is_empty() {
        return Ok(());
    }
    writeln!(f, "\nHARDWARE IMPORTED         NEW  ACTIVATED")?;
    if u32::try_from(imports.len()).is_ok_and(|count| count >= IMPORTS_MAX) {
        writeln!(
            f,
            "(the last {IMPORTS_MAX} imports; `list-hardware` has all tokens)"
        )?;
    }
    for HardwareImport { at, count } in imports {
        writeln!(f, "{at}  {:>7}  {:>9}", count.new, count.activated)?;
    }
    writeln!(f, "{:<20}  {:>7}  {:>9}", "all", total.new, total.activated)
}

fn timeline(f: &mut fmt::Formatter<'_>, events: &[DeskEvent]) -> fmt::Result {
    writeln!(f, "\nHISTORY")?;
    if u32::try_from(events.len()).is_ok_and(|count| count >= TIMELINE_MAX) {
        writeln!(
            f,
            "(the last {TIMELINE_MAX}; `history` has those of one serial)"
        )?;
    }
    for event in events {
        let DeskEvent {
            at,
            actor,
            action,
            subject,
            detail,
        } = event;
        let separator = if detail.is_empty() { "" } else { ": " };
        let who = shortened(&actor.name);
        writeln!(f, "{at}  {who:<16}  {action} {subject}{separator}{detail}")?;
    }
    Ok(())
}

/// A phone's registration id is longer than a column.
fn shortened(name: &str) -> String {
    match RegistrationId::parse(name) {
        Ok(_) => format!("phone {}…", &name[..8]),
        Err(_) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_for_what_it_may_be() {
        let otherwise = |text: &str| read(text).1;
        assert_eq!(otherwise("FTKMOB83F91CD33B"), NothingFound::Token);
        assert_eq!(otherwise("FTK2000BHV1KRZCC"), NothingFound::Hardware);
        assert!(read("2600124809787").0.hardware.is_some());
        assert_eq!(otherwise("EFTM000000000001"), NothingFound::Licence);
        assert_eq!(otherwise("FTMTRIAL02062407"), NothingFound::Licence);
        let code = "01ab-cdef-0123-4567-89ab";
        assert_eq!(otherwise(code), NothingFound::LicenceCode);
        assert_eq!(otherwise(&"0a".repeat(32)), NothingFound::Device);
        let (clue, otherwise_sixteen) = read("EEIOHIDHBXN5QLXV");
        assert!(clue.activation_code.is_some() && clue.product.is_some());
        assert_eq!(otherwise_sixteen, NothingFound::Sixteen);
        assert_eq!(otherwise("Example Ltd"), NothingFound::Other);
        assert_eq!(otherwise("agent carol"), NothingFound::Agent);
        assert_eq!(otherwise("request 3"), NothingFound::Request);
        assert!(read("fgt0000000000101").0.product.is_some());
        assert_eq!(otherwise("eftm000000000001"), NothingFound::Licence);
    }
}

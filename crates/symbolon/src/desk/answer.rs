//! What the desk answers: text for a person and JSON for a program. Field names are a promise:
//! `docs/desk.md`.

use domain::licensing::{Change, Licence, Product, StockToken, Ticket, TokenState};
use domain::time::Timestamp;
use registry::{
    AccountSheet, HardwareSheet, LicenceSheet, LookSheet, ProductSheet, TokenSheet, licence_state,
    token_status,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::registry::{
    AccountLine, DeskEvent, Found, FoundBy, HardwareCount, HardwareImport, TokenRecord,
};

use super::hardware::HardwareView;

/// The answer to a command that was carried out.
#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) data: Value,
}

impl Answer {
    pub(super) fn new(text: impl Into<String>, data: &impl Serialize) -> serde_json::Result<Self> {
        Ok(Self {
            text: text.into(),
            data: serde_json::to_value(data)?,
        })
    }
}

/// A moment as RFC 3339 has it.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_string().replace(' ', "T")
}

/// For `changed`: a command that came again changed nothing.
pub(super) fn is_made(change: Change) -> bool {
    change == Change::Made
}

#[derive(Serialize)]
pub(super) struct AccountView {
    account: String,
    registered: String,
    products: u32,
    licences: u32,
    tokens: u64,
}

impl From<&AccountLine> for AccountView {
    fn from(line: &AccountLine) -> Self {
        Self {
            account: line.name.to_string(),
            registered: moment(line.created),
            products: line.products,
            licences: line.licences,
            tokens: line.tokens,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ProductView {
    #[serde(flatten)]
    unit: UnitView,
    account: String,
    licences: Vec<LicenceView>,
}

impl From<&ProductSheet> for ProductView {
    fn from(sheet: &ProductSheet) -> Self {
        let record = &sheet.record;
        let licences = record.licences.iter();
        Self {
            unit: UnitView::from(&record.product()),
            account: record.account.to_string(),
            licences: licences
                .map(|(licence, issued)| LicenceView::of(licence, *issued, sheet.at))
                .collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct LicenceView {
    licence: String,
    account: String,
    product: Option<String>,
    tokens: u32,
    state: &'static str,
    issued: String,
    redeem_until: Option<String>,
    activated: Option<String>,
    moved: Option<String>,
    revoked: Option<String>,
}

impl LicenceView {
    pub(super) fn of(licence: &Licence, issued: Timestamp, at: Timestamp) -> Self {
        Self {
            licence: licence.serial.to_string(),
            account: licence.account.to_string(),
            product: licence.product.map(|product| product.to_string()),
            tokens: licence.size.tokens(),
            state: licence_state(licence, at),
            issued: moment(issued),
            redeem_until: licence.redeem_until.map(moment),
            activated: licence.activated.map(moment),
            moved: licence.moved.map(moment),
            revoked: licence.revoked.map(moment),
        }
    }
}

#[derive(Serialize)]
pub(super) struct LicenceSheetView {
    #[serde(flatten)]
    licence: LicenceView,
    stock: Vec<TokenView>,
}

impl From<&LicenceSheet> for LicenceSheetView {
    fn from(sheet: &LicenceSheet) -> Self {
        let record = &sheet.record;
        let tokens = record.tokens.iter();
        Self {
            licence: LicenceView::of(&record.licence, record.issued, sheet.at),
            stock: tokens
                .map(|token| TokenView::of(token, None, sheet.at))
                .collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct TokenView {
    token: String,
    licence: String,
    product: String,
    status: &'static str,
    code_expires: Option<String>,
    activated: Option<String>,
    registration_id: Option<String>,
    app_version: Option<String>,
}

impl TokenView {
    fn of(token: &StockToken, activated: Option<Timestamp>, at: Timestamp) -> Self {
        let (expires, device) = match &token.state {
            TokenState::New => (None, None),
            TokenState::Provisioning { expires } => (Some(*expires), None),
            TokenState::Provisioned(device) => (None, Some(device)),
        };
        Self {
            token: token.serial.to_string(),
            licence: token.licence.to_string(),
            product: token.product.to_string(),
            status: token_status(token, at),
            code_expires: expires.map(moment),
            activated: activated.map(moment),
            registration_id: device.map(|device| device.id.to_string()),
            app_version: device.map(|device| device.version.to_string()),
        }
    }
}

impl From<&TokenSheet> for TokenView {
    fn from(sheet: &TokenSheet) -> Self {
        let record = &sheet.record;
        Self::of(&record.token, record.activated, sheet.at)
    }
}

/// A customer's own view.
#[derive(Serialize)]
pub(super) struct AccountSheetView {
    account: String,
    registered: String,
    products: Vec<UnitView>,
    products_after: Option<String>,
    licences: Vec<LicenceView>,
    licences_after: Option<String>,
    hardware: HardwareCountView,
    hardware_imports: Vec<HardwareImportView>,
    tickets: Vec<TicketView>,
}

#[derive(Serialize)]
struct HardwareCountView {
    new: u32,
    activated: u32,
}

impl From<HardwareCount> for HardwareCountView {
    fn from(HardwareCount { new, activated }: HardwareCount) -> Self {
        Self { new, activated }
    }
}

#[derive(Serialize)]
struct HardwareImportView {
    imported: String,
    #[serde(flatten)]
    count: HardwareCountView,
}

impl From<&HardwareImport> for HardwareImportView {
    fn from(import: &HardwareImport) -> Self {
        Self {
            imported: moment(import.at),
            count: import.count.into(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct TicketView {
    ticket: u32,
    account: String,
    old: String,
    new: String,
    licence: Option<String>,
    reason: String,
    state: &'static str,
    opened: String,
    closed: Option<String>,
    closed_by: Option<String>,
}

impl From<&Ticket> for TicketView {
    fn from(ticket: &Ticket) -> Self {
        let (request, closed) = (&ticket.request, &ticket.closed);
        Self {
            ticket: ticket.number.0,
            account: request.account.to_string(),
            old: request.old.to_string(),
            new: request.new.to_string(),
            licence: request.licence.map(|licence| licence.to_string()),
            reason: request.reason.to_string(),
            state: if closed.is_some() { "closed" } else { "open" },
            opened: moment(ticket.opened),
            closed: closed.as_ref().map(|(at, _)| moment(*at)),
            closed_by: closed.as_ref().map(|(_, by)| by.to_string()),
        }
    }
}

#[derive(Serialize)]
struct UnitView {
    product: String,
    registered: String,
    ended: Option<String>,
    replaced_by: Option<String>,
}

impl From<&AccountSheet> for AccountSheetView {
    fn from(sheet: &AccountSheet) -> Self {
        let record = &sheet.record;
        let licences = record.licences.iter();
        Self {
            account: record.name.to_string(),
            registered: moment(record.created),
            products: record.products.iter().map(UnitView::from).collect(),
            products_after: record.products_after().map(|last| last.to_string()),
            licences: licences
                .map(|(licence, issued)| LicenceView::of(licence, *issued, sheet.at))
                .collect(),
            licences_after: record.licences_after().map(|last| last.to_string()),
            hardware: record.hardware_total.into(),
            hardware_imports: record
                .hardware
                .iter()
                .map(HardwareImportView::from)
                .collect(),
            tickets: record.tickets.iter().map(TicketView::from).collect(),
        }
    }
}

impl From<&Product> for UnitView {
    fn from(product: &Product) -> Self {
        Self {
            product: product.serial.to_string(),
            registered: moment(product.registered),
            ended: product.retired.map(|end| moment(end.at)),
            replaced_by: product
                .retired
                .and_then(|end| end.successor)
                .map(|successor| successor.to_string()),
        }
    }
}

/// What was looked up: one of the kinds, and what all have.
#[derive(Serialize)]
pub(super) struct LookView {
    #[serde(flatten)]
    found: FoundView,
    found_by: &'static str,
    standing: Option<String>,
    next_step: Option<String>,
    events: Vec<EventView>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum FoundView {
    Account {
        account: AccountSheetView,
    },
    Product {
        product: ProductView,
    },
    Licence {
        licence: LicenceSheetView,
    },
    Token {
        account: String,
        token: TokenView,
    },
    Hardware {
        hardware: HardwareView,
    },
    Phone {
        registration_id: String,
        tokens: Vec<TokenView>,
    },
}

impl From<&LookSheet> for LookView {
    fn from(sheet: &LookSheet) -> Self {
        let standing = sheet.standing();
        Self {
            found: FoundView::of(&sheet.sighting.found, sheet.at),
            found_by: match sheet.sighting.by {
                FoundBy::Name => "name",
                FoundBy::LicenceCode => "licence-code",
                FoundBy::ActivationCode => "activation-code",
                FoundBy::RegistrationId => "registration-id",
            },
            standing: standing.as_ref().map(|it| it.cause.clone()),
            next_step: standing.map(|it| it.next_step),
            events: sheet.sighting.events.iter().map(EventView::from).collect(),
        }
    }
}

impl FoundView {
    fn of(found: &Found, at: Timestamp) -> Self {
        let token = |record: &TokenRecord| TokenView::of(&record.token, record.activated, at);
        match found.clone() {
            Found::Account(record) => Self::Account {
                account: (&AccountSheet { record, at }).into(),
            },
            Found::Product(record) => Self::Product {
                product: (&ProductSheet { record, at }).into(),
            },
            Found::Licence(record) => Self::Licence {
                licence: (&LicenceSheet { record, at }).into(),
            },
            Found::Token(record) => Self::Token {
                account: record.account.to_string(),
                token: token(&record),
            },
            Found::Hardware(token) => Self::Hardware {
                hardware: (&HardwareSheet(token)).into(),
            },
            Found::Device(id, records) => Self::Phone {
                registration_id: id.to_string(),
                tokens: records.iter().map(token).collect(),
            },
        }
    }
}

#[derive(Serialize)]
pub(super) struct EventView {
    at: String,
    actor: String,
    interface: String,
    action: String,
    subject: String,
    detail: String,
}

impl From<&DeskEvent> for EventView {
    fn from(event: &DeskEvent) -> Self {
        Self {
            at: moment(event.at),
            actor: event.actor.name.to_string(),
            interface: event.actor.interface.to_string(),
            action: event.action.to_string(),
            subject: event.subject.to_string(),
            detail: event.detail.to_string(),
        }
    }
}

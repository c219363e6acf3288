//! What the desk answers: text for a person and JSON for a program. Field names are a promise:
//! `docs/desk.md`.

use domain::licensing::{Change, Licence, StockToken, TokenState};
use domain::time::Timestamp;
use registry::{LicenceSheet, ProductSheet, TokenSheet, licence_state, token_status};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::registry::{AccountLine, DeskEvent};

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
    product: String,
    account: String,
    registered: String,
    ended: Option<String>,
    replaced_by: Option<String>,
    licences: Vec<LicenceView>,
}

impl From<&ProductSheet> for ProductView {
    fn from(sheet: &ProductSheet) -> Self {
        let record = &sheet.record;
        let licences = record.licences.iter();
        Self {
            product: record.serial.to_string(),
            account: record.account.to_string(),
            registered: moment(record.registered),
            ended: record.retired.map(|end| moment(end.at)),
            replaced_by: record
                .retired
                .and_then(|end| end.successor)
                .map(|successor| successor.to_string()),
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

//! What has to be sent: written with the change that asks for it, kept until it is answered.

use std::collections::HashSet;

use aws_lc_rs::rand;
use data_encoding::HEXLOWER;
use domain::admin::{Message, Operation};
use domain::contact::Address;
use domain::time::Timestamp;
use domain::vdom::Vdom;
use ident::{LicenceCode, TokenSerial};

use super::entries::parsed_vdom;
use super::secrets::Secrets;
use super::{memory, sent};
use crate::engine::{FromRow, Row, SqlError, Tx};
use crate::vals;

/// A message that waits.
#[derive(Debug)]
pub struct Waiting {
    /// Its number here.
    pub id: i64,
    /// Its identity for the receiver, the same at every attempt.
    pub message_id: String,
    /// What it says.
    pub message: Message,
    /// When it was written.
    pub created: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// What the last attempt failed with.
    pub last_error: Option<String>,
    /// The identity of the request that left for it last, whose answer may be lost.
    pub request: Option<String>,
}

/// What does not wait for each other: a queue of its own for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// What administrators ask of the token server by a command, and wait for: licences and seeds.
    Commands,
    /// Tokens that are made ready for phones: a day without the token server may leave thousands.
    Codes,
    /// Mails and SMS.
    People,
}

impl Lane {
    /// All.
    pub const ALL: [Self; 3] = [Self::Commands, Self::Codes, Self::People];

    /// The kinds of its messages; one may stand there more than once.
    fn kinds(self) -> [&'static str; 4] {
        match self {
            Self::Commands => [
                ACTIVATE_LICENCE,
                ACTIVATE_HARDWARE,
                ACTIVATE_LICENCE,
                ACTIVATE_HARDWARE,
            ],
            Self::Codes => [PROVISION; 4],
            Self::People => [
                ACTIVATION_MAIL,
                ACTIVATION_SMS,
                TRANSFER_NOTICE_MAIL,
                TRANSFER_NOTICE_SMS,
            ],
        }
    }
}

/// Octets of a message's random identity: no two gateways ever choose the same.
const ID_LEN: usize = 16;

/// Name of the mark that holds the last number given: a number that was settled is not given again, so
/// a late second answer settles nothing else.
const NUMBERED: &str = "outbox";

pub(super) async fn put<T: Tx>(
    tx: &mut T,
    message: &Message,
    secrets: &Secrets,
    now: Timestamp,
) -> Result<i64, SqlError> {
    let message_id = identity()?;
    let (kind, subject, payload) = written(message);
    let payload = secrets.seal_message(&message_id, payload.as_bytes())?;
    if let Message::Provision { .. } = message {
        // An earlier one was for a seed that is gone: under its identity another must not be sent.
        let earlier = tx
            .rows::<(i64,)>(
                "SELECT id FROM outbox WHERE kind = $1 AND subject = $2",
                &vals![kind, &subject],
            )
            .await?;
        for (id,) in earlier {
            settle(tx, id).await?;
        }
    }
    if let Message::ActivationCode { .. } = message {
        // One that still waits would come after it with the same code, or a dead one.
        tx.exec(
            "DELETE FROM outbox WHERE kind IN ($1, $2) AND subject = $3",
            &vals![ACTIVATION_MAIL, ACTIVATION_SMS, &subject],
        )
        .await?;
    }
    let id = memory::mark(tx, NUMBERED).await?.unwrap_or(0) + 1;
    memory::set_mark(tx, NUMBERED, id).await?;
    tx.exec_one(
        "INSERT INTO outbox (id, message, kind, subject, payload, created, due, attempts, vdom) \
         VALUES ($1, $2, $3, $4, $5, $6, $6, 0, $7)",
        &vals![
            id,
            &message_id,
            kind,
            &subject,
            payload,
            now,
            message.vdom().as_str()
        ],
    )
    .await?;
    Ok(id)
}

/// One that no message ever had.
fn identity() -> Result<String, SqlError> {
    let mut random = [0; ID_LEN];
    rand::fill(&mut random).map_err(|_| SqlError::damaged("outbox", "", "message"))?;
    Ok(HEXLOWER.encode(&random))
}

/// Gives a message another identity, under which nothing left yet.
pub(super) async fn rename<T: Tx>(
    tx: &mut T,
    id: i64,
    secrets: &Secrets,
) -> Result<String, SqlError> {
    let renamed = identity()?;
    let damaged = || SqlError::damaged("outbox", id.to_string(), "payload");
    let found = tx
        .row::<(String, Vec<u8>)>(
            "SELECT message, payload FROM outbox WHERE id = $1",
            &vals![id],
        )
        .await?;
    if let Some((message, sealed)) = found {
        let payload = secrets.open_message(&message, sealed).ok_or_else(damaged)?;
        let sealed = secrets.seal_message(&renamed, &payload)?;
        tx.exec_one(
            "UPDATE outbox SET message = $2, payload = $3, request = NULL WHERE id = $1",
            &vals![id, &renamed, sealed],
        )
        .await?;
    }
    Ok(renamed)
}

const ACTIVATE_LICENCE: &str = "activate-licence";
const PROVISION: &str = "provision";
const ACTIVATE_HARDWARE: &str = "activate-hardware";
const ACTIVATION_MAIL: &str = "activation-mail";
const ACTIVATION_SMS: &str = "activation-sms";
const TRANSFER_NOTICE_MAIL: &str = "transfer-notice-mail";
const TRANSFER_NOTICE_SMS: &str = "transfer-notice-sms";

/// Kind, what it is about (never secret), and the payload (sealed, since licence codes let their
/// bearer in).
fn written(message: &Message) -> (&'static str, String, String) {
    match message {
        Message::ActivateLicence { code, .. } => {
            (ACTIVATE_LICENCE, String::new(), code.as_str().to_owned())
        }
        Message::Provision { tokens, .. } => (PROVISION, listed(tokens), listed(tokens)),
        Message::ActivateHardware { tokens, .. } => {
            (ACTIVATE_HARDWARE, listed(tokens), listed(tokens))
        }
        Message::ActivationCode {
            token, user, to, ..
        } => to_person([ACTIVATION_MAIL, ACTIVATION_SMS], *token, user, to),
        Message::TransferNotice {
            token, user, to, ..
        } => to_person(
            [TRANSFER_NOTICE_MAIL, TRANSFER_NOTICE_SMS],
            *token,
            user,
            to,
        ),
    }
}

fn to_person(
    [mail, sms]: [&'static str; 2],
    token: TokenSerial,
    user: &str,
    to: &Address,
) -> (&'static str, String, String) {
    let subject = token.as_str().to_owned();
    match to {
        Address::Mail(to) => (mail, subject, format!("{token}\n{to}\n{user}")),
        Address::Phone { number, server } => {
            let payload = format!("{token}\n{number}\n{server}\n{user}");
            (sms, subject, payload)
        }
    }
}

/// Reads what [`to_person`] wrote: token, address, user.
fn of_mail(payload: &str) -> Option<(TokenSerial, Address, Box<str>)> {
    let mut parts = payload.splitn(3, '\n');
    let token = TokenSerial::parse(parts.next()?).ok()?;
    let to = Address::Mail(parts.next()?.into());
    Some((token, to, parts.next()?.into()))
}

fn of_sms(payload: &str) -> Option<(TokenSerial, Address, Box<str>)> {
    let mut parts = payload.splitn(4, '\n');
    let token = TokenSerial::parse(parts.next()?).ok()?;
    let to = Address::Phone {
        number: parts.next()?.into(),
        server: parts.next()?.into(),
    };
    Some((token, to, parts.next()?.into()))
}

fn listed(tokens: &[TokenSerial]) -> String {
    let serials: Vec<&str> = tokens.iter().map(TokenSerial::as_str).collect();
    serials.join(" ")
}

fn unlisted(text: &str) -> Option<Vec<TokenSerial>> {
    let serials = text
        .split(' ')
        .map(|serial| TokenSerial::parse(serial).ok());
    serials.collect()
}

fn read(vdom: Vdom, kind: &str, payload: &str) -> Option<Message> {
    let code = |(token, to, user)| Message::ActivationCode {
        vdom,
        token,
        user,
        to,
    };
    let notice = |(token, to, user)| Message::TransferNotice {
        vdom,
        token,
        user,
        to,
    };
    match kind {
        ACTIVATE_LICENCE => LicenceCode::parse(payload)
            .ok()
            .map(|code| Message::ActivateLicence { vdom, code }),
        PROVISION => unlisted(payload).map(|tokens| Message::Provision { vdom, tokens }),
        ACTIVATE_HARDWARE => {
            unlisted(payload).map(|tokens| Message::ActivateHardware { vdom, tokens })
        }
        ACTIVATION_MAIL => of_mail(payload).map(code),
        ACTIVATION_SMS => of_sms(payload).map(code),
        TRANSFER_NOTICE_MAIL => of_mail(payload).map(notice),
        TRANSFER_NOTICE_SMS => of_sms(payload).map(notice),
        _ => None,
    }
}

pub(super) struct OutboxRow {
    id: i64,
    message_id: String,
    kind: String,
    payload: Vec<u8>,
    created: Timestamp,
    attempts: u32,
    last_error: Option<String>,
    vdom: String,
    request: Option<String>,
}

impl FromRow for OutboxRow {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        Ok(Self {
            id: row.get(0)?,
            message_id: row.get(1)?,
            kind: row.get(2)?,
            payload: row.get(3)?,
            created: row.get(4)?,
            attempts: row.get(5)?,
            last_error: row.get(6)?,
            vdom: row.get(7)?,
            request: row.get(8)?,
        })
    }
}

impl OutboxRow {
    pub(super) fn open(self, secrets: &Secrets) -> Result<Waiting, SqlError> {
        let damaged = || SqlError::damaged("outbox", self.id.to_string(), "payload");
        let plain = secrets
            .open_message(&self.message_id, self.payload)
            .ok_or_else(damaged)?;
        let text = std::str::from_utf8(&plain).map_err(|_| damaged())?;
        Ok(Waiting {
            message: read(parsed_vdom(&self.vdom)?, &self.kind, text).ok_or_else(damaged)?,
            id: self.id,
            message_id: self.message_id,
            created: self.created,
            attempts: self.attempts,
            last_error: self.last_error,
            request: self.request,
        })
    }
}

/// Up to `limit` messages of a lane whose time has come, oldest first.
pub(super) async fn due<T: Tx>(
    tx: &mut T,
    lane: Lane,
    by: Timestamp,
    limit: i64,
) -> Result<Vec<OutboxRow>, SqlError> {
    let [one, two, three, four] = lane.kinds();
    tx.rows(
        "SELECT id, message, kind, payload, created, attempts, last_error, vdom, request FROM outbox \
         WHERE kind IN ($3, $4, $5, $6) AND due <= $1 ORDER BY id LIMIT $2",
        &vals![by, limit, one, two, three, four],
    )
    .await
}

/// A message of a lane, if it still waits.
pub(super) async fn one<T: Tx>(
    tx: &mut T,
    lane: Lane,
    id: i64,
) -> Result<Option<OutboxRow>, SqlError> {
    let [one, two, three, four] = lane.kinds();
    tx.row(
        "SELECT id, message, kind, payload, created, attempts, last_error, vdom, request FROM outbox \
         WHERE id = $1 AND kind IN ($2, $3, $4, $5)",
        &vals![id, one, two, three, four],
    )
    .await
}

/// The messages that a request was sent for, oldest first.
pub(super) async fn of_request<T: Tx>(
    tx: &mut T,
    request: &str,
) -> Result<Vec<OutboxRow>, SqlError> {
    tx.rows(
        "SELECT id, message, kind, payload, created, attempts, last_error, vdom, request FROM outbox \
         WHERE request = $1 ORDER BY id",
        &vals![request],
    )
    .await
}

/// What waits longer than until `now` in a lane waits no longer: its peer is back, and gets all in order.
pub(super) async fn take_up<T: Tx>(tx: &mut T, lane: Lane, now: Timestamp) -> Result<(), SqlError> {
    let [one, two, three, four] = lane.kinds();
    tx.exec(
        "UPDATE outbox SET due = $1 WHERE due > $1 AND kind IN ($2, $3, $4, $5)",
        &vals![now, one, two, three, four],
    )
    .await
    .map(drop)
}

/// What waits, oldest first: of a virtual domain, or of all.
pub(super) async fn waiting<T: Tx>(
    tx: &mut T,
    vdom: Option<Vdom>,
    limit: i64,
) -> Result<Vec<OutboxRow>, SqlError> {
    tx.rows(
        "SELECT id, message, kind, payload, created, attempts, last_error, vdom, request FROM outbox \
         WHERE $1 IS NULL OR vdom = $1 ORDER BY id LIMIT $2",
        &vals![vdom.as_ref().map(Vdom::as_str), limit],
    )
    .await
}

/// What of an answer to these messages is still asked: a token that was provisioned anew meanwhile has another
/// seed, and the code for the one before must reach nobody.
pub(super) async fn still_asked<T: Tx>(
    tx: &mut T,
    answer: Operation,
    answered: &[i64],
) -> Result<Option<Operation>, SqlError> {
    if answered.is_empty() {
        return Ok(Some(answer));
    }
    Ok(match answer {
        Operation::Provisioned(mut supplied) => {
            let asked = to_be_provisioned(tx, answered).await?;
            supplied.retain(|answer| asked.contains(&answer.token));
            Some(Operation::Provisioned(supplied))
        }
        Operation::ProvisionRefused { token, .. } => {
            let asked = to_be_provisioned(tx, answered).await?;
            asked.contains(&token).then_some(answer)
        }
        other => Some(other),
    })
}

/// The tokens that those of the messages which still wait ask a code for.
async fn to_be_provisioned<T: Tx>(
    tx: &mut T,
    messages: &[i64],
) -> Result<HashSet<TokenSerial>, SqlError> {
    let mut tokens = HashSet::new();
    for id in messages {
        let found = tx
            .row::<(String,)>(
                "SELECT subject FROM outbox WHERE id = $1 AND kind = $2",
                &vals![*id, PROVISION],
            )
            .await?;
        if let Some((subject,)) = found {
            let listed = unlisted(&subject);
            let damaged = || SqlError::damaged("outbox", id.to_string(), "subject");
            tokens.extend(listed.ok_or_else(damaged)?);
        }
    }
    Ok(tokens)
}

/// The message was answered for good.
pub(super) async fn settle<T: Tx>(tx: &mut T, id: i64) -> Result<(), SqlError> {
    let request = sent::of_message(tx, id).await?;
    tx.exec("DELETE FROM outbox WHERE id = $1", &vals![id])
        .await?;
    sent::forget_unused(tx, request).await
}

/// The message could not be delivered; it is tried again at `due`.
pub(super) async fn postpone<T: Tx>(
    tx: &mut T,
    id: i64,
    due: Timestamp,
    error: &str,
) -> Result<(), SqlError> {
    tx.exec(
        "UPDATE outbox SET due = $2, attempts = attempts + 1, last_error = $3 WHERE id = $1",
        &vals![id, due, error],
    )
    .await
    .map(drop)
}

//! Tokens that go from one phone to another.

use ident::{ActivationCode, RegistrationId, TokenSerial};

use super::supply::{canonical, letter, noted};
use super::{AdminError, Change, Context, Facts, Message, Owned, Phone, Plan, Supplied};
use crate::audit::ActivationStage;
use crate::schema::FORTITOKEN;
use crate::token::{Provisioned, Provisioning, Stage, Token};
use crate::transfer::{self, Handing, LIFETIME, Transfer, movable};

/// What the token server tells of the code that waits for another phone.
#[derive(Debug)]
pub enum CodeNews {
    /// This phone has stored the token by it.
    Confirmed(Phone),
    /// No phone gets or confirms the token by it any more.
    Ended,
}

/// A new seed waits beside the one in force, and a code for it is asked for. One that was begun before ends.
pub(super) fn begin(
    serial: TokenSerial,
    handing: Handing,
    holder: RegistrationId,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let owned = known(serial, &mut facts)?;
    movable(&owned, handing)?;
    transfer::demand_on(&owned, holder)?;
    let how = match handing {
        Handing::Mailed => "the code goes to the user",
        Handing::Shown => "the code is shown by the phone that has the token",
    };
    let event = noted(
        serial,
        Some(&owned),
        ActivationStage::TransferBegun,
        how,
        context,
    );
    Ok(asked_for(owned.token, Transfer::Requested(handing), context).and(Plan::noted(event)))
}

/// The token stays. The code dies at the token server as any code does: by a newer one, which nobody gets.
pub(super) fn cancel(
    serial: TokenSerial,
    holder: RegistrationId,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let owned = known(serial, &mut facts)?;
    transfer::demand_on(&owned, holder)?;
    match owned.token.transfer() {
        None | Some(Transfer::Withdrawn) => Ok(Plan::default()),
        Some(Transfer::Requested(_) | Transfer::Waiting(..)) => {
            Ok(ended(owned, "cancelled", context))
        }
    }
}

fn known(serial: TokenSerial, facts: &mut Facts) -> Result<Owned, AdminError> {
    facts
        .take_token(serial)
        .ok_or_else(|| AdminError::NotFound {
            table: &FORTITOKEN,
            key: serial.as_str().into(),
        })
}

/// What was begun is taken back.
fn ended(owned: Owned, why: &str, context: &Context<'_>) -> Plan {
    let (serial, stage) = (owned.token.serial, ActivationStage::TransferEnded);
    let ended = noted(serial, Some(&owned), stage, why, context);
    asked_for(owned.token, Transfer::Withdrawn, context).and(Plan::noted(ended))
}

fn asked_for(token: Token, transfer: Transfer, context: &Context<'_>) -> Plan {
    let (vdom, serial) = (token.vdom, token.serial);
    Plan {
        changes: vec![
            Change::Token(token.moving(Some(transfer))),
            Change::NextSeed(serial, context.entropy.seed()),
        ],
        messages: vec![Message::Provision {
            vdom,
            tokens: vec![serial],
        }],
        ..Plan::default()
    }
}

/// The code is made, or the one that was taken back is dead.
pub(super) fn coded(owned: Owned, answer: Supplied, context: &Context<'_>) -> Plan {
    let Owned { token, owner } = owned;
    let (vdom, serial) = (token.vdom, token.serial);
    let handing = match token.transfer() {
        Some(Transfer::Requested(handing)) => *handing,
        Some(Transfer::Withdrawn) => return stays(token),
        Some(Transfer::Waiting(..)) | None => return Plan::default(),
    };
    let valid = answer.valid.min(context.code_lifetime).min(LIFETIME);
    let code = Provisioning {
        code: answer.code,
        link: answer.link,
        expires: context.now.after(valid),
    };
    let mailed = match (&owner, handing) {
        (Some(owner), Handing::Mailed) => letter(vdom, serial, owner, None),
        _ => None,
    };
    let stage = ActivationStage::CodeMade;
    Plan {
        changes: vec![Change::Token(
            token.moving(Some(Transfer::Waiting(code, handing))),
        )],
        events: vec![context.activation(vdom, serial, canonical(owner.as_ref()), stage, "")],
        messages: mailed.into_iter().collect(),
        ..Plan::default()
    }
}

/// The token server makes no code: the token stays where it is.
pub(super) fn refused(owned: Owned) -> Plan {
    match owned.token.transfer() {
        Some(Transfer::Requested(_) | Transfer::Withdrawn) => stays(owned.token),
        Some(Transfer::Waiting(..)) | None => Plan::default(),
    }
}

/// What became of `code`. Of another than the one that waits nothing is learned: it was replaced, or taken back.
pub(super) fn polled(
    serial: TokenSerial,
    code: &ActivationCode,
    news: &CodeNews,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let mut owned = known(serial, &mut facts)?;
    let waiting = match owned.token.take_transfer() {
        Some(Transfer::Waiting(waiting, _)) if waiting.code == *code => waiting,
        _ => return Ok(Plan::default()),
    };
    let why = match news {
        CodeNews::Ended => "its code was not used in time".to_owned(),
        CodeNews::Confirmed(phone) => return Ok(taken(owned, waiting, phone, context)),
    };
    Ok(ended(owned, &why, context))
}

/// Another phone has stored the token: registration and seed change at once, and the phone before is out.
fn taken(owned: Owned, code: Provisioning, phone: &Phone, context: &Context<'_>) -> Plan {
    let Owned { token, owner } = owned;
    let (vdom, serial) = (token.vdom, token.serial);
    let registered = code.activated(phone.registration, &phone.os_version);
    let detail = format!("to phone {}", registered.registration);
    let notice = owner.as_ref().and_then(|owner| {
        Some(Message::TransferNotice {
            vdom,
            token: serial,
            user: owner.name.as_written().into(),
            to: owner.contact.for_activation()?,
        })
    });
    let token = Token {
        stage: Stage::Provisioned(registered),
        drift: otp::Drift::default(),
        ..token
    };
    Plan {
        changes: vec![Change::Token(token), Change::SeedTaken(serial)],
        events: vec![context.activation(
            vdom,
            serial,
            canonical(owner.as_ref()),
            ActivationStage::Transferred,
            &detail,
        )],
        messages: notice.into_iter().collect(),
        ..Plan::default()
    }
}

fn stays(token: Token) -> Plan {
    let serial = token.serial;
    Plan {
        changes: vec![
            Change::Token(token.moving(None)),
            Change::NextSeed(serial, None),
        ],
        ..Plan::default()
    }
}

impl Token {
    /// The same with this transfer, or none; a token that is on no phone has none.
    fn moving(self, transfer: Option<Transfer>) -> Self {
        let stage = match self.stage {
            Stage::Provisioned(phone) => Stage::Provisioned(Provisioned { transfer, ..phone }),
            other => other,
        };
        Self { stage, ..self }
    }

    fn take_transfer(&mut self) -> Option<Transfer> {
        match &mut self.stage {
            Stage::Provisioned(phone) => phone.transfer.take(),
            _ => None,
        }
    }
}

//! Tokens that go from one phone to another.

use ident::{ActivationCode, RegistrationId, TokenSerial};

use super::supply::{canonical, letter, noted};
use super::{AdminError, Change, Context, Facts, Message, Owned, Phone, Plan, Supplied};
use crate::audit::ActivationStage;
use crate::schema::FORTITOKEN;
use crate::settings::PushSettings;
use crate::token::{Provisioned, Provisioning, Stage, Token};
use crate::transfer::{self, Asker, Handing, LIFETIME, Transfer, stands};

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
    asker: Asker,
    handing: Handing,
    holder: RegistrationId,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let owned = known(serial, &mut facts)?;
    let begun = transfer::begun(&owned, handing, holder, &facts.push)?;
    transfer::demand_seldom(handing, &facts.transfers_begun, context.now)?;
    let how = match (asker, handing) {
        (Asker::Backup, Handing::Shown) => {
            "by a backup of the phone that has the token, which gets the code"
        }
        (Asker::Backup, _) => {
            "by a backup of the phone that has the token, and the code goes to the user"
        }
        (Asker::Phone, Handing::Shown) => "the code is shown by the phone that has the token",
        (Asker::Phone, _) => "the code goes to the user",
        (Asker::Login, _) => "the user logged in without the phone, and the code goes to the user",
    };
    let event = noted(
        serial,
        Some(&owned),
        ActivationStage::TransferBegun,
        how,
        context,
    );
    let recovered = canonical(owned.owner.as_ref())
        .filter(|_| handing == Handing::Recovery)
        .map(Change::Recovered);
    let noted = Plan {
        changes: [Change::TransferBegun(serial, context.now)]
            .into_iter()
            .chain(recovered)
            .collect(),
        events: vec![event],
        ..Plan::default()
    };
    Ok(asked_for(owned.token, Transfer::Requested(begun), context).and(noted))
}

/// The token stays, at its phone's wish. The code dies at the token server as any code does: by a newer one, which
/// nobody gets.
pub(super) fn cancel(
    serial: TokenSerial,
    holder: RegistrationId,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let owned = known(serial, &mut facts)?;
    transfer::demand_on(&owned, holder)?;
    transfer::demand_own(&owned)?;
    Ok(match owned.token.transfer().and_then(Transfer::begun) {
        Some(_) => ended(owned, "cancelled", context),
        None => Plan::default(),
    })
}

/// A transfer that may not go on ends.
pub(super) fn review(
    serial: TokenSerial,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let owned = known(serial, &mut facts)?;
    let begun = owned.token.transfer().and_then(Transfer::begun);
    let standing = begun.map(|begun| stands(&owned, begun, &facts.push));
    Ok(match standing {
        Some(Err(why)) => ended(owned, &why.to_string(), context),
        Some(Ok(())) | None => Plan::default(),
    })
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
pub(super) fn coded(
    mut owned: Owned,
    answer: Supplied,
    push: &PushSettings,
    context: &Context<'_>,
) -> Plan {
    let begun = match owned.token.take_transfer() {
        Some(Transfer::Requested(begun)) => begun,
        Some(Transfer::Withdrawn) => return stays(owned.token),
        Some(Transfer::Waiting(..)) | None => return Plan::default(),
    };
    if let Err(why) = stands(&owned, &begun, push) {
        return ended(owned, &why.to_string(), context);
    }
    let Owned { token, owner } = owned;
    let (vdom, serial) = (token.vdom, token.serial);
    let valid = answer.valid.min(context.code_lifetime).min(LIFETIME);
    let code = Provisioning {
        code: answer.code,
        link: answer.link,
        expires: context.now.after(valid),
    };
    let sent = owner
        .as_ref()
        .filter(|_| begun.handing.is_sent())
        .and_then(|owner| letter(vdom, serial, owner, None));
    let stage = ActivationStage::CodeMade;
    Plan {
        changes: vec![Change::Token(
            token.moving(Some(Transfer::Waiting(code, begun))),
        )],
        events: vec![context.activation(vdom, serial, canonical(owner.as_ref()), stage, "")],
        messages: sent.into_iter().collect(),
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
    let (waiting, begun) = match owned.token.take_transfer() {
        Some(Transfer::Waiting(waiting, begun)) if waiting.code == *code => (waiting, begun),
        _ => return Ok(Plan::default()),
    };
    let why = match news {
        CodeNews::Ended => "its code was not used in time".to_owned(),
        CodeNews::Confirmed(phone) => match stands(&owned, &begun, &facts.push) {
            Ok(()) => return Ok(taken(owned, waiting, phone, context)),
            Err(why) => why.to_string(),
        },
    };
    Ok(ended(owned, &why, context))
}

/// Another phone has stored the token: registration and seed change at once, and the phone before is out.
fn taken(owned: Owned, code: Provisioning, phone: &Phone, context: &Context<'_>) -> Plan {
    let Owned { token, owner } = owned;
    let (vdom, serial) = (token.vdom, token.serial);
    let left = token.phone().filter(|left| *left != phone.registration);
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
        changes: [Change::Token(token), Change::SeedTaken(serial)]
            .into_iter()
            .chain(left.map(|left| Change::Left(serial, left)))
            .collect(),
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

    fn phone(&self) -> Option<RegistrationId> {
        match &self.stage {
            Stage::Provisioned(phone) => Some(phone.registration),
            _ => None,
        }
    }

    fn take_transfer(&mut self) -> Option<Transfer> {
        match &mut self.stage {
            Stage::Provisioned(phone) => phone.transfer.take(),
            _ => None,
        }
    }
}

//! Mobile tokens: asking the token server for them and taking in its answers.

use std::sync::Arc;

use ident::{LicenceCode, LicenceSerial, RegistrationId, TokenSerial};
use otp::{Kind, Parameters, Period};

use super::{
    AdminError, Change, Context, Delivery, Facts, ItsPhone, Message, Owned, Owner, Plan, Polled,
    Remark, Supplied, conveyed, transfers,
};
use crate::audit::{ActivationStage, Event, What};
use crate::contact::Channel;
use crate::name::CanonicalName;
use crate::schema::FORTITOKEN;
use crate::security::Profile;
use crate::token::{Provisioning, Stage, Token, TokenStatus};
use crate::vdom::Vdom;

pub(super) fn import(vdom: Vdom, code: LicenceCode, context: &Context<'_>) -> Plan {
    let object = if code.is_trial() { "trial" } else { "licence" };
    Plan {
        events: vec![context.changed(vdom, "fortitoken-mobile.import", object, "requested")],
        messages: vec![Message::ActivateLicence { vdom, code }],
        ..Plan::default()
    }
}

pub(super) fn provision(
    vdom: Vdom,
    serial: TokenSerial,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let Owned { token, owner, .. } = known_mobile(vdom, serial, &mut facts)?;
    if token.status == TokenStatus::Lock {
        return Err(AdminError::Locked(serial));
    }
    not_withheld(&token)?;
    Ok(requested(token, canonical(owner.as_ref()), context))
}

pub(super) fn renew(
    vdom: Vdom,
    serial: TokenSerial,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let Owned {
        mut token, owner, ..
    } = known_mobile(vdom, serial, &mut facts)?;
    not_withheld(&token)?;
    token.status = TokenStatus::Active;
    Ok(match canonical(owner.as_ref()) {
        Some(owner) => requested(token, Some(owner), context),
        None => Plan {
            changes: vec![Change::Token(blank(token)), Change::Seed(serial, None)],
            events: vec![context.changed(vdom, "fortitoken-mobile.renew", serial.as_str(), "new")],
            ..Plan::default()
        },
    })
}

/// The code stays as it is, and so does the moment at which it expires.
pub(super) fn send_activation(
    vdom: Vdom,
    serial: TokenSerial,
    by: Option<Channel>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let Owned { token, owner, .. } = known_mobile(vdom, serial, &mut facts)?;
    match token.stage {
        Stage::Provisioning(waiting) if waiting.expires > context.now => {}
        _ => return Err(AdminError::NoCode(serial)),
    }
    let message = owner.and_then(|owner| letter(vdom, serial, &owner, by));
    Ok(Plan {
        events: vec![context.changed(
            vdom,
            "fortitoken-mobile.send-activation",
            serial.as_str(),
            by.map_or("", Channel::word),
        )],
        messages: vec![message.ok_or(AdminError::NoAddress(serial))?],
        ..Plan::default()
    })
}

/// The token server makes mobile tokens anew; a hardware token's seed exists once.
pub(super) fn known_mobile(
    vdom: Vdom,
    serial: TokenSerial,
    facts: &mut Facts,
) -> Result<Owned, AdminError> {
    match facts.take_token_of(vdom, serial) {
        Some(owned) if owned.token.is_mobile() => Ok(owned),
        Some(_) => Err(AdminError::NotMobile(serial)),
        None => Err(AdminError::NotFound {
            table: &FORTITOKEN,
            key: Box::from(serial.as_str()),
        }),
    }
}

/// Refuses a new seed for a token that is another unit's: the token server makes no code for it, and the seed that
/// its phone has would be gone.
pub(super) fn not_withheld(token: &Token) -> Result<(), AdminError> {
    match token.stage {
        Stage::Withheld(_) => Err(AdminError::OfAnotherUnit(token.serial)),
        _ => Ok(()),
    }
}

/// A mobile token goes to the token server with a new seed: whatever phone had the old one is out.
pub(super) fn requested(
    mut token: Token,
    owner: Option<CanonicalName>,
    context: &Context<'_>,
) -> Plan {
    let (vdom, serial) = (token.vdom, token.serial);
    token.stage = Stage::Requested;
    token.drift = otp::Drift::default();
    token.parameters = within(token.parameters, context.profile);
    Plan {
        changes: vec![
            Change::Token(token),
            Change::Seed(serial, context.entropy.seed()),
        ],
        events: vec![context.activation(vdom, serial, owner, ActivationStage::Requested, "")],
        messages: vec![Message::Provision {
            vdom,
            tokens: vec![serial],
        }],
        ..Plan::default()
    }
}

/// A period is shortened where the profile asks for it, and never lengthened again: steps count periods,
/// so the spent ones of a shorter period would lie in the future of a longer one.
fn within(parameters: Parameters, profile: Profile) -> Parameters {
    let shorter = match (parameters.kind, profile.period_max()) {
        (Kind::Totp(period), Some(max)) if period.secs() > max => Period::new(max).ok(),
        _ => None,
    };
    Parameters {
        kind: shorter.map_or(parameters.kind, Kind::Totp),
        ..parameters
    }
}

/// A token that nobody has any more: back to `new`, its seed gone.
pub(super) fn released(token: Token) -> Plan {
    let serial = token.serial;
    let changes = if token.is_mobile() {
        vec![Change::Token(blank(token)), Change::Seed(serial, None)]
    } else {
        Vec::new()
    };
    Plan {
        changes,
        ..Plan::default()
    }
}

/// A user's token that comes with a configuration: whoever had it before is out, and the user gets a
/// phone once somebody provisions it. Hundreds of users are not sent a mail each.
pub(super) fn unprovisioned(token: Token) -> Plan {
    let remark = Remark::Unprovisioned(token.serial);
    released(token).and(Plan::remarked([remark]))
}

fn blank(token: Token) -> Token {
    Token {
        stage: Stage::New,
        drift: otp::Drift::default(),
        ..token
    }
}

/// Tokens that are known already stay as they are, and in their virtual domain: importing a licence
/// again brings back what was deleted and leaves the assigned ones alone.
pub(super) fn imported(
    vdom: Vdom,
    licence: LicenceSerial,
    mut tokens: Vec<TokenSerial>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Plan {
    // Named twice, a token that is here would be taken for a new one the second time.
    tokens.sort_unstable();
    tokens.dedup();
    let (mut changes, mut remarks) = (Vec::new(), Vec::new());
    for serial in tokens {
        match facts.take_token(serial) {
            Some(Owned { token, .. }) if token.vdom != vdom => {
                remarks.push(Remark::Elsewhere(serial));
            }
            Some(Owned { token, .. }) if token.licence == Some(licence) => {
                remarks.push(Remark::Here(serial));
            }
            Some(Owned { token, .. }) => changes.push(Change::Token(Token {
                licence: Some(licence),
                ..token
            })),
            None => changes.push(Change::Token(Token::imported(vdom, serial, Some(licence)))),
        }
    }
    let detail = format!("{} tokens", changes.len());
    let action = "fortitoken-mobile.import";
    Plan {
        events: vec![context.changed(vdom, action, licence.as_str(), &detail)],
        changes,
        remarks,
        ..Plan::default()
    }
}

pub(super) fn provisioned(
    supplied: Vec<Supplied>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Plan {
    let push = Arc::clone(&facts.push);
    supplied
        .into_iter()
        .filter_map(|answer| {
            let owned = facts.take_token(answer.token)?;
            match owned.token.stage {
                Stage::Requested | Stage::Provisioning(_) => Some(waiting(owned, answer, context)),
                Stage::Provisioned(_) => Some(transfers::coded(owned, answer, &push, context)),
                // An answer that comes after the token was unassigned is of no use to anybody.
                _ => None,
            }
        })
        .fold(Plan::default(), Plan::and)
}

fn waiting(owned: Owned, answer: Supplied, context: &Context<'_>) -> Plan {
    let (vdom, serial) = (owned.token.vdom, answer.token);
    let owner = canonical(owned.owner.as_ref());
    let valid = answer.valid.min(context.code_lifetime);
    let expires = context.now.after(valid);
    let stage = Stage::Provisioning(Provisioning {
        code: answer.code,
        link: answer.link,
        expires,
    });
    Plan {
        changes: vec![Change::Token(Token {
            stage,
            ..owned.token
        })],
        events: vec![context.activation(vdom, serial, owner, ActivationStage::CodeMade, "")],
        messages: owned
            .owner
            .and_then(|owner| letter(vdom, serial, &owner, None))
            .into_iter()
            .collect(),
        ..Plan::default()
    }
}

pub(super) fn letter(
    vdom: Vdom,
    token: TokenSerial,
    owner: &Owner,
    by: Option<Channel>,
) -> Option<Message> {
    let to = match by {
        Some(channel) => owner.contact.at(channel)?,
        None => owner.contact.for_activation()?,
    };
    Some(Message::ActivationCode {
        vdom,
        token,
        user: Box::from(owner.name.as_written()),
        to,
    })
}

/// The token server will not provision this token: it waits no more.
pub(super) fn refused(
    serial: TokenSerial,
    answer: &str,
    mut facts: Facts,
    context: &Context<'_>,
) -> Plan {
    let owned = facts.take_token(serial);
    let noted = Plan::noted(noted(
        serial,
        owned.as_ref(),
        ActivationStage::Refused,
        answer,
        context,
    ));
    let ended = owned.map(|owned| match owned.token.stage {
        Stage::Requested => released(owned.token),
        _ => transfers::refused(owned),
    });
    noted.and(ended.unwrap_or_default())
}

/// What became of the message with an activation code.
pub(super) fn delivered(
    serial: TokenSerial,
    delivery: &Delivery,
    mut facts: Facts,
    context: &Context<'_>,
) -> Plan {
    let owned = facts.take_token(serial);
    let (stage, detail) = match delivery {
        Delivery::Sent { to } => (ActivationStage::CodeSent, to),
        Delivery::Failed { why } => (ActivationStage::CodeNotSent, why),
    };
    Plan::noted(noted(serial, owned.as_ref(), stage, detail, context))
}

/// The event of a token with what a peer said, which may repeat the code or the link that it was sent.
pub(super) fn noted(
    serial: TokenSerial,
    owned: Option<&Owned>,
    stage: ActivationStage,
    said: &str,
    context: &Context<'_>,
) -> Event {
    let owner = canonical(owned.and_then(|owned| owned.owner.as_ref()));
    let said = match owned.and_then(|owned| owned.token.waiting_code()) {
        Some(waiting) => said
            .replace(waiting.link.as_str(), "<link>")
            .replace(waiting.code.as_str(), "<code>"),
        None => said.to_owned(),
    };
    // A token that was removed meanwhile is nobody's any more.
    let vdom = owned.map_or(Vdom::ROOT, |owned| owned.token.vdom);
    context.activation(vdom, serial, owner, stage, &said)
}

pub(super) fn canonical(owner: Option<&Owner>) -> Option<CanonicalName> {
    owner.map(|owner| owner.name.canonical().clone())
}

impl Context<'_> {
    pub(super) fn activation(
        &self,
        vdom: Vdom,
        token: TokenSerial,
        owner: Option<CanonicalName>,
        stage: ActivationStage,
        detail: &str,
    ) -> Event {
        let actor = self.actor.clone();
        let detail = Box::from(detail);
        Event {
            at: self.now,
            what: What::Activation {
                actor,
                vdom,
                token,
                owner,
                stage,
                detail,
            },
        }
    }
}

/// A poll moves a waiting token on. It never changes the phone of a token that has one and is on its way to no
/// other: that would let whoever answers for the token server move push to a phone of his own.
pub(super) fn polled(polled: Vec<Polled>, mut facts: Facts, context: &Context<'_>) -> Plan {
    polled
        .into_iter()
        .filter_map(|answer| {
            let owned = facts.take_token(answer.token)?;
            learned(owned, answer, context)
        })
        .fold(Plan::default(), Plan::and)
}

/// A token that came from another unit is of no use here while it is that one's. Of others this unit knows the
/// phone itself.
pub(super) fn disowned(tokens: Vec<TokenSerial>, mut facts: Facts, context: &Context<'_>) -> Plan {
    tokens
        .into_iter()
        .filter_map(|serial| facts.take_token(serial))
        .filter(|owned| owned.token.is_conveyed() && owned.token.transfer().is_none())
        .map(|owned| conveyed::withheld(owned, context))
        .fold(Plan::default(), Plan::and)
}

/// The unit from which a token came is still the one that knows its phone.
pub(super) fn phones_unheard(
    tokens: Vec<TokenSerial>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Plan {
    tokens
        .into_iter()
        .filter_map(|serial| facts.take_token(serial))
        .filter(|owned| owned.token.is_conveyed() && owned.token.transfer().is_none())
        .map(|owned| conveyed::judged(owned, &ItsPhone::Unheard, context))
        .fold(Plan::default(), Plan::and)
}

fn learned(owned: Owned, answer: Polled, context: &Context<'_>) -> Option<Plan> {
    // The phone that takes a transfer's code is asked about by that code.
    if owned.token.transfer().is_some() {
        return None;
    }
    if owned.token.is_conveyed() {
        let phone = answer.phone.map_or(ItsPhone::None, ItsPhone::Named);
        return Some(conveyed::judged(owned, &phone, context));
    }
    let Owned { token, owner, .. } = owned;
    let owner = canonical(owner.as_ref());
    let (vdom, serial) = (token.vdom, token.serial);
    let phone = answer.phone?;
    match token.stage {
        Stage::Provisioning(waiting) => {
            let registered = waiting.activated(phone.registration, &phone.os_version);
            let detail = format!("on phone {}", registered.registration);
            let stage = Stage::Provisioned(registered);
            Some(Plan {
                changes: vec![Change::Token(Token { stage, ..token })],
                events: vec![context.activation(
                    vdom,
                    serial,
                    owner,
                    ActivationStage::Activated,
                    &detail,
                )],
                ..Plan::default()
            })
        }
        Stage::Provisioned(known) if known.registration != phone.registration => {
            let detail = format!(
                "the token server names phone {}, and this token was activated on {}; not changed",
                phone.registration, known.registration
            );
            Some(Plan::noted(context.activation(
                vdom,
                serial,
                owner,
                ActivationStage::OtherPhone,
                &detail,
            )))
        }
        _ => None,
    }
}

/// Whoever copied a phone's data answers beside it. Which of the two is the person's, nobody here can tell.
pub(super) fn two_phones(
    serial: TokenSerial,
    other: RegistrationId,
    mut facts: Facts,
    context: &Context<'_>,
) -> Plan {
    let owned = facts.take_token(serial);
    let said = format!(
        "phone {other} answered with the seed of this token, which another has; if nobody moved it, \
         execute fortitoken-mobile provision {serial}"
    );
    let stage = ActivationStage::TwoPhones;
    Plan::noted(noted(serial, owned.as_ref(), stage, &said, context))
}

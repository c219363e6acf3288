//! Hardware tokens: their seeds come from the token server, once, or from their maker's file.

use ident::TokenSerial;
use otp::{Parameters, Seed};

use super::supply::{canonical, noted};
use super::{AdminError, Change, Context, Facts, HardwareAnswer, Message, Owned, Plan, Remark};
use crate::audit::ActivationStage;
use crate::intake::NewHardware;
use crate::schema::FORTITOKEN;
use crate::token::{ActivationFailure, Stage, Token, TokenStatus};
use crate::vdom::Vdom;

/// A token that was only added activates by itself.
pub(super) fn added(token: Token, context: &Context<'_>) -> Plan {
    let (vdom, serial) = (token.vdom, token.serial);
    let owned = Owned { token, owner: None };
    requested(owned, context).and(Plan {
        messages: vec![Message::ActivateHardware {
            vdom,
            tokens: vec![serial],
        }],
        ..Plan::default()
    })
}

/// Tokens that one request to the token server takes.
const ACTIVATED_AT_ONCE: usize = 20;

/// Those that are not here are added and activated; those that are stay as they are.
pub(super) fn add(
    vdom: Vdom,
    tokens: Vec<TokenSerial>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let (mut plan, mut added) = (Plan::default(), Vec::new());
    for serial in tokens {
        match own(vdom, serial, &mut facts)? {
            Some(_) => plan.remarks.push(Remark::Stays(is_here(serial))),
            None => {
                let token = Token::imported(vdom, serial, None);
                plan = plan.and(requested(Owned { token, owner: None }, context));
                added.push(serial);
            }
        }
    }
    let requests = added.chunks(ACTIVATED_AT_ONCE).map(<[_]>::to_vec);
    plan.messages
        .extend(requests.map(|tokens| Message::ActivateHardware { vdom, tokens }));
    Ok(plan)
}

/// Those that have a seed stay as they are: a file may be older than what was activated since.
pub(super) fn import(
    vdom: Vdom,
    tokens: Vec<NewHardware>,
    origin: &str,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let mut plan = Plan::default();
    for NewHardware { serial, record } in tokens {
        let here = own(vdom, serial, &mut facts)?;
        if here.as_ref().is_some_and(|owned| owned.token.has_seed) {
            plan.remarks
                .push(Remark::Stays(AdminError::HasSeed(serial)));
            continue;
        }
        let owned = here.unwrap_or_else(|| Owned {
            token: Token::imported(vdom, serial, None),
            owner: None,
        });
        let given = (record.seed, record.parameters);
        plan = plan.and(seeded(owned, given, origin, context));
    }
    Ok(plan)
}

/// A token of this virtual domain, if it is in any.
fn own(vdom: Vdom, serial: TokenSerial, facts: &mut Facts) -> Result<Option<Owned>, AdminError> {
    match facts.take_token(serial) {
        Some(owned) if owned.token.vdom != vdom => Err(AdminError::TokenElsewhere(serial)),
        owned => Ok(owned),
    }
}

fn is_here(serial: TokenSerial) -> AdminError {
    AdminError::Exists {
        table: &FORTITOKEN,
        key: serial.as_str().into(),
    }
}

/// A token that has its seed from now on.
fn seeded(
    owned: Owned,
    (seed, parameters): (Seed, Parameters),
    said: &str,
    context: &Context<'_>,
) -> Plan {
    let serial = owned.token.serial;
    let event = noted(
        serial,
        Some(&owned),
        ActivationStage::Activated,
        said,
        context,
    );
    let token = Token {
        stage: Stage::Activated,
        parameters,
        drift: otp::Drift::default(),
        ..owned.token
    };
    Plan {
        changes: vec![Change::Token(token), Change::Seed(serial, Some(seed))],
        ..Plan::noted(event)
    }
}

/// All of them, or none.
pub(super) fn activate(
    vdom: Vdom,
    mut tokens: Vec<TokenSerial>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    tokens.sort_unstable();
    tokens.dedup();
    let mut plan = Plan::default();
    for serial in &tokens {
        let owned = without_seed(vdom, *serial, &mut facts)?;
        plan = plan.and(requested(owned, context));
    }
    plan.messages
        .push(Message::ActivateHardware { vdom, tokens });
    Ok(plan)
}

fn without_seed(vdom: Vdom, serial: TokenSerial, facts: &mut Facts) -> Result<Owned, AdminError> {
    let Some(owned) = facts.take_token_of(vdom, serial) else {
        return Err(AdminError::NotFound {
            table: &FORTITOKEN,
            key: serial.as_str().into(),
        });
    };
    match (&owned.token.stage, owned.token.status) {
        _ if owned.token.is_mobile() => Err(AdminError::NotHardware(serial)),
        (Stage::Activated, _) => Err(AdminError::HasSeed(serial)),
        (Stage::Failed(ActivationFailure::Foreign(_)), _) => Err(AdminError::SeedOfOther(serial)),
        (_, TokenStatus::Lock) => Err(AdminError::Locked(serial)),
        _ => Ok(owned),
    }
}

fn requested(mut owned: Owned, context: &Context<'_>) -> Plan {
    owned.token.stage = Stage::Requested;
    let owner = canonical(owned.owner.as_ref());
    let (vdom, serial) = (owned.token.vdom, owned.token.serial);
    Plan {
        changes: vec![Change::Token(owned.token)],
        events: vec![context.activation(vdom, serial, owner, ActivationStage::Requested, "")],
        ..Plan::default()
    }
}

pub(super) fn activated(
    answers: Vec<HardwareAnswer>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Plan {
    answers
        .into_iter()
        .filter_map(|answer| {
            let owned = facts.take_token(answer.token)?;
            takes(&owned.token, &answer).then(|| answered(owned, answer, context))
        })
        .fold(Plan::default(), Plan::and)
}

/// A refusal is for a token that waits. A seed is given once: a token without one takes it also when a
/// second request was refused meanwhile.
fn takes(token: &Token, answer: &HardwareAnswer) -> bool {
    let waits = match &token.stage {
        Stage::Requested => true,
        Stage::New
        | Stage::Failed(ActivationFailure::AlreadyActivated | ActivationFailure::Unknown) => {
            answer.outcome.is_ok()
        }
        _ => false,
    };
    waits && !token.is_mobile()
}

fn answered(owned: Owned, answer: HardwareAnswer, context: &Context<'_>) -> Plan {
    let failure = match answer.outcome {
        Ok(given) => return seeded(owned, given, "by the token server", context),
        Err(failure) => failure,
    };
    let stage = ActivationStage::Refused;
    let event = noted(answer.token, Some(&owned), stage, &answer.answer, context);
    let token = Token {
        stage: Stage::Failed(failure),
        ..owned.token
    };
    Plan {
        changes: vec![Change::Token(token)],
        ..Plan::noted(event)
    }
}

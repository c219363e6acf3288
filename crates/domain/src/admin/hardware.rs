//! Hardware tokens: their seeds come from the token server, once.

use ident::TokenSerial;

use super::supply::{canonical, noted};
use super::{AdminError, Change, Context, Facts, HardwareAnswer, Message, Owned, Plan};
use crate::audit::ActivationStage;
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
    let serial = answer.token;
    let (stage, said) = match &answer.outcome {
        Ok(_) => (ActivationStage::Activated, "by the token server"),
        Err(_) => (ActivationStage::Refused, &*answer.answer),
    };
    let event = noted(serial, Some(&owned), stage, said, context);
    let mut token = owned.token;
    let mut plan = Plan::noted(event);
    match answer.outcome {
        Ok((seed, parameters)) => {
            token.stage = Stage::Activated;
            token.parameters = parameters;
            token.drift = otp::Drift::default();
            plan.changes = vec![Change::Token(token), Change::Seed(serial, Some(seed))];
        }
        Err(failure) => {
            token.stage = Stage::Failed(failure);
            plan.changes = vec![Change::Token(token)];
        }
    }
    plan
}

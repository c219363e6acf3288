//! Mobile tokens: asking the token server for them and taking in its answers.

use ident::{LicenceCode, LicenceSerial, TokenSerial};

use super::{AdminError, Change, Context, Facts, Message, Owned, Owner, Plan, Polled, Supplied};
use crate::schema::FORTITOKEN;
use crate::token::{Provisioning, Stage, Token, TokenStatus};

pub(super) fn import(code: LicenceCode, context: &Context<'_>) -> Plan {
    let object = if code.is_trial() { "trial" } else { "licence" };
    Plan {
        events: vec![context.changed("fortitoken-mobile.import", object, "requested")],
        messages: vec![Message::ActivateLicence(code)],
        ..Plan::default()
    }
}

pub(super) fn provision(
    serial: TokenSerial,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let Owned { token, .. } = known_mobile(serial, &mut facts)?;
    if token.status == TokenStatus::Lock {
        return Err(AdminError::Locked(serial));
    }
    Ok(requested(token, context))
}

pub(super) fn renew(
    serial: TokenSerial,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let Owned { mut token, owner } = known_mobile(serial, &mut facts)?;
    token.status = TokenStatus::Active;
    Ok(match owner {
        Some(_) => requested(token, context),
        None => Plan {
            changes: vec![Change::Token(blank(token)), Change::Seed(serial, None)],
            events: vec![context.changed("fortitoken-mobile.renew", serial.as_str(), "new")],
            messages: Vec::new(),
        },
    })
}

/// The token server makes mobile tokens anew; a hardware token's seed exists once.
fn known_mobile(serial: TokenSerial, facts: &mut Facts) -> Result<Owned, AdminError> {
    match facts.take_token(serial) {
        Some(owned) if owned.token.is_mobile() => Ok(owned),
        Some(_) => Err(AdminError::NotMobile(serial)),
        None => Err(AdminError::NotFound {
            table: &FORTITOKEN,
            key: Box::from(serial.as_str()),
        }),
    }
}

/// A mobile token goes to the token server with a new seed: whatever phone had the old one is out.
pub(super) fn requested(mut token: Token, context: &Context<'_>) -> Plan {
    let serial = token.serial;
    token.stage = Stage::Requested;
    token.drift = otp::Drift::default();
    Plan {
        changes: vec![
            Change::Token(token),
            Change::Seed(serial, context.entropy.seed()),
        ],
        events: vec![context.changed("fortitoken-mobile.provision", serial.as_str(), "requested")],
        messages: vec![Message::Provision(vec![serial])],
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

fn blank(token: Token) -> Token {
    Token {
        stage: Stage::New,
        drift: otp::Drift::default(),
        ..token
    }
}

/// Tokens that are here already stay as they are: importing a licence again brings back what was
/// deleted and leaves the assigned ones alone.
pub(super) fn imported(
    licence: LicenceSerial,
    mut tokens: Vec<TokenSerial>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Plan {
    // Named twice, a token that is here would be taken for a new one the second time.
    tokens.sort_unstable();
    tokens.dedup();
    let changes = tokens.iter().map(|serial| match facts.take_token(*serial) {
        Some(Owned { token, .. }) => Change::Token(Token {
            licence: Some(licence),
            ..token
        }),
        None => Change::Token(Token::imported(*serial, Some(licence))),
    });
    Plan {
        changes: changes.collect(),
        events: vec![context.changed(
            "fortitoken-mobile.import",
            licence.as_str(),
            &format!("{} tokens", tokens.len()),
        )],
        messages: Vec::new(),
    }
}

pub(super) fn provisioned(
    supplied: Vec<Supplied>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Plan {
    supplied
        .into_iter()
        .filter_map(|answer| {
            let owned = facts.take_token(answer.token)?;
            // An answer that comes after the token was unassigned is of no use to anybody.
            matches!(owned.token.stage, Stage::Requested | Stage::Provisioning(_))
                .then(|| waiting(owned, answer, context))
        })
        .fold(Plan::default(), Plan::and)
}

fn waiting(owned: Owned, answer: Supplied, context: &Context<'_>) -> Plan {
    let serial = answer.token;
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
        events: vec![context.changed(
            "fortitoken-mobile.provision",
            serial.as_str(),
            "provisioning",
        )],
        messages: mail(serial, owned.owner).into_iter().collect(),
    }
}

fn mail(token: TokenSerial, owner: Option<Owner>) -> Option<Message> {
    let owner = owner?;
    let to = owner.email?;
    Some(Message::ActivationMail {
        token,
        user: Box::from(owner.name.as_written()),
        to,
    })
}

/// The token server will not provision this token: it waits no more.
pub(super) fn refused(token: Option<TokenSerial>, mut facts: Facts) -> Plan {
    token
        .and_then(|serial| facts.take_token(serial))
        .filter(|owned| matches!(owned.token.stage, Stage::Requested))
        .map_or_else(Plan::default, |owned| released(owned.token))
}

/// A poll moves a waiting token on. It never changes the phone of a token that has one: that would
/// let whoever answers for the token server move push to a phone of his own.
pub(super) fn polled(polled: Vec<Polled>, mut facts: Facts, context: &Context<'_>) -> Plan {
    polled
        .into_iter()
        .filter_map(|answer| {
            let owned = facts.take_token(answer.token)?;
            learned(owned.token, answer, context)
        })
        .fold(Plan::default(), Plan::and)
}

fn learned(token: Token, answer: Polled, context: &Context<'_>) -> Option<Plan> {
    let serial = token.serial;
    let phone = answer.phone?;
    match token.stage {
        Stage::Provisioning(waiting) => {
            let registered = waiting.activated(phone.registration, &phone.os_version);
            let detail = format!("provisioned on {}", registered.registration);
            let stage = Stage::Provisioned(registered);
            Some(Plan {
                changes: vec![Change::Token(Token { stage, ..token })],
                events: vec![context.changed("fortitoken-mobile.poll", serial.as_str(), &detail)],
                messages: Vec::new(),
            })
        }
        Stage::Provisioned(known) if known.registration != phone.registration => {
            let detail = format!(
                "ALARM: the token server names phone {}, and this token was activated on {}; not changed",
                phone.registration, known.registration
            );
            Some(Plan::noted(context.changed(
                "fortitoken-mobile.poll",
                serial.as_str(),
                &detail,
            )))
        }
        _ => None,
    }
}

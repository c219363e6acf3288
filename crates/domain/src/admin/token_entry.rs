//! `config user fortitoken`: what an administrator sets of a token, and what a configuration tells of one
//! that is not here.

use ident::{LicenceSerial, TokenKind, TokenSerial};
use otp::{KeyUri, Kind, Window};

use super::{AdminError, Change, Context, Edit, Facts, Manner, Owned, Plan, Remark, hardware};
use crate::access::Realms;
use crate::conveyed::Conveyed;
use crate::schema::{Access, Field, Object, Place, Value};
use crate::token::{ActivationFailure, Stage, Token, TokenStatus};
use crate::vdom::Vdom;

/// A token that an entry names by its licence.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who would have it.
    pub vdom: Vdom,
    /// The token.
    pub token: TokenSerial,
    /// The licence with which it is said to come.
    pub licence: LicenceSerial,
}

/// What these edits claim.
pub(super) fn claim(place: &Place, edits: &[Edit]) -> Option<Claim> {
    Some(Claim {
        vdom: place.vdom(),
        token: TokenSerial::parse(place.key()).ok()?,
        licence: edits.iter().find_map(licence)?,
    })
}

/// The mobile token whose seed these edits bring.
pub(super) fn sealed(place: &Place, edits: &[Edit]) -> Option<TokenSerial> {
    let brings = |edit: &Edit| matches!(edit, Edit::Set(field, _) if field.name == SEED);
    let is_sealed = edits.iter().any(brings);
    let serial = TokenSerial::parse(place.key()).ok()?;
    (is_sealed && serial.kind() == TokenKind::Mobile).then_some(serial)
}

fn licence(edit: &Edit) -> Option<LicenceSerial> {
    LicenceSerial::parse(licence_text(edit)?).ok()
}

fn licence_text(edit: &Edit) -> Option<&str> {
    match edit {
        Edit::Set(field, value) if field.name == "license" => value.as_text(),
        _ => None,
    }
}

pub(super) fn configure(
    place: &Place,
    edits: Vec<Edit>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let (vdom, key) = (place.vdom(), place.key());
    let serial = TokenSerial::parse(key).map_err(|error| AdminError::Serial {
        key: key.into(),
        error: error.to_string().into(),
    })?;
    let (edits, of_system): (Vec<_>, Vec<_>) =
        edits.into_iter().partition(|edit| !is_of_system(edit));
    let mut plan = match facts.take_token(serial) {
        Some(Owned { token, .. }) if token.vdom != vdom => {
            return Err(elsewhere(&token, context));
        }
        Some(Owned { token, .. }) => match conveyed(&of_system, &token, &facts, context) {
            Some(conveyed) => with_phone(token, conveyed, context),
            None => known(token, of_system, context),
        },
        None => unknown(vdom, serial, of_system, &facts, context)?,
    };
    for change in &mut plan.changes {
        if let Change::Token(token) = change {
            for edit in &edits {
                set(token, edit);
            }
        }
    }
    Ok(plan)
}

/// To whoever has no part in its virtual domain, a token is as if it did not exist: a mobile one would
/// come with a licence. A hardware token that does not exist could be added, and this one cannot.
fn elsewhere(token: &Token, context: &Context<'_>) -> AdminError {
    if context.realms.contain(token.vdom) {
        AdminError::TokenElsewhere(token.serial)
    } else if token.is_mobile() {
        AdminError::MobileNotImported(token.serial)
    } else {
        AdminError::TokenUnavailable(token.serial)
    }
}

fn is_of_system(edit: &Edit) -> bool {
    matches!(edit, Edit::Set(field, _) if field.access != Access::Administrator)
}

fn set(token: &mut Token, edit: &Edit) {
    let (field, text) = match edit {
        Edit::Set(field, value) => (field, value.as_text().unwrap_or("")),
        Edit::Unset(field) => (field, field.default),
        Edit::Children(..) => return,
    };
    match field.name {
        "status" => {
            token.status = if text == "lock" {
                TokenStatus::Lock
            } else {
                TokenStatus::Active
            };
        }
        "comments" => token.comments = Box::from(text),
        _ => {}
    }
}

/// What the system set of a token that is here stays as it is: a configuration may be older. Only a seed
/// that is missing is taken from there.
fn known(token: Token, of_system: Vec<Edit>, context: &Context<'_>) -> Plan {
    let (shown, is_mobile) = (token.to_object(None), token.is_mobile());
    let mut plan = Plan::of(Change::Token(token));
    for edit in of_system {
        let Edit::Set(field, value) = edit else {
            continue;
        };
        let stays_unsaid = field.name == SEED && context.manner == Manner::Restored;
        if field.name == SEED && !is_mobile {
            plan = with_seed(plan, field, &value, context);
        } else if !stays_unsaid && !is_shown(&shown, field, &value) {
            plan.remarks.push(Remark::System(field));
        }
    }
    plan
}

const SEED: &str = "seed";

fn is_shown(shown: &Object, field: &Field, value: &Value) -> bool {
    value.as_text() == Some(shown.text(field.name))
}

/// The seed and the phone that a backup brings for a mobile token. One that ever had a seed here is not given
/// back to a phone: whoever has that may be the reason why the seed went. One that is withheld has its seed from
/// a backup, too, and takes that of the next.
fn conveyed(
    of_system: &[Edit],
    token: &Token,
    facts: &Facts,
    context: &Context<'_>,
) -> Option<Conveyed> {
    let from_backup = match token.stage {
        Stage::New => !facts.was_seeded,
        Stage::Withheld(_) => true,
        _ => false,
    };
    if !from_backup || context.manner == Manner::Typed {
        return None;
    }
    let text = of_system.iter().find_map(|edit| match edit {
        Edit::Set(field, Value::Secret(text)) if field.name == SEED => Some(text),
        _ => None,
    });
    let conveyed = Conveyed::parse(text?).ok();
    // Each provisioning makes another code.
    let is_here = |it: &Conveyed| matches!(&token.stage, Stage::Withheld(phone) if phone.code == it.phone.code);
    conveyed.filter(|it| it.serial == token.serial && !is_here(it))
}

/// The plan for a mobile token that goes on with its phone.
fn with_phone(token: Token, conveyed: Conveyed, context: &Context<'_>) -> Plan {
    Plan {
        changes: conveyed.settled(token, context.now),
        ..Plan::default()
    }
}

/// A token that another unit had. A mobile one whose seed does not come along begins anew.
fn unknown(
    vdom: Vdom,
    serial: TokenSerial,
    of_system: Vec<Edit>,
    facts: &Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let named = of_system.iter().find_map(licence_text);
    let licence = named.and_then(|text| LicenceSerial::parse(text).ok());
    let token = Token::imported(vdom, serial, licence);
    if token.is_mobile() {
        // Whoever has some virtual domains would learn by it which tokens the others have.
        let may_know = *context.realms == Realms::All;
        let is_said = named.is_some() || context.manner == Manner::Restored;
        if licence.is_none() && is_said && may_know {
            return Err(AdminError::NoLicence {
                token: serial,
                license: named.map(Box::from),
            });
        }
        if licence.is_none() || !may_claim(facts, context) {
            return Err(AdminError::MobileNotImported(serial));
        }
        if let Some(conveyed) = conveyed(&of_system, &token, facts, context) {
            return Ok(with_phone(token, conveyed, context));
        }
        let mut plan = Plan::of(Change::Token(token));
        plan.remarks.push(Remark::New(serial));
        return Ok(plan);
    }
    let seed = of_system.into_iter().find_map(|edit| match edit {
        Edit::Set(field, value) if field.name == SEED => Some((field, value)),
        _ => None,
    });
    Ok(match (seed, context.manner) {
        (Some((field, seed)), _) => {
            let plan = Plan::of(Change::Token(token));
            with_seed(plan, field, &seed, context)
        }
        (None, Manner::Typed) => hardware::added(token, context),
        (None, Manner::Restored) => Plan::of(Change::Token(token)),
    })
}

/// Whoever has some virtual domains shows by what was imported there that a token may be theirs: a
/// licence's serial is no secret, as its code is.
fn may_claim(facts: &Facts, context: &Context<'_>) -> bool {
    *context.realms == Realms::All || facts.is_licensed
}

/// The plan for a hardware token, with a seed from a configuration if it has none. Whatever the unit
/// from which it comes could have accepted by now counts as spent.
fn with_seed(mut plan: Plan, field: &'static Field, value: &Value, context: &Context<'_>) -> Plan {
    let Some(Change::Token(token)) = plan.changes.first_mut() else {
        return plan;
    };
    if let Value::Foreign(text) = value {
        let has_seed = token.has_seed;
        if !has_seed {
            token.stage = Stage::Failed(ActivationFailure::Foreign(text.clone()));
        }
        plan.remarks.push(Remark::of_foreign(field, has_seed));
        return plan;
    }
    let Value::Secret(uri) = value else {
        return plan;
    };
    let known = KeyUri::parse(uri).ok();
    let Some(known) = known.filter(|_| !token.has_seed && !token.is_mobile()) else {
        return plan;
    };
    // How far a counter has come is known to the unit alone from which it comes.
    let Kind::Totp(period) = known.parameters.kind else {
        return plan;
    };
    let serial = token.serial;
    token.parameters = known.parameters;
    token.stage = Stage::Activated;
    let now = period.step_at(context.now.unix());
    let spent = now.offset(i32::from(Window::LOGIN.ahead)).unwrap_or(now);
    plan.changes.push(Change::Seed(serial, Some(known.seed)));
    plan.changes.push(Change::Spent(serial, spent));
    plan
}

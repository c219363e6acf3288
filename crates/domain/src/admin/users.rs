//! `config user local`: people, their passwords, and where their codes go.

use ident::TokenSerial;
use zeroize::Zeroizing;

use super::administrators::{not_taken, reassign};
use super::configure::foreign;
use super::{
    AdminError, Change, Context, Edit, Facts, Manner, Plan, Remark, contacts, form, references,
};
use crate::backend::Kind;
use crate::legacy;
use crate::name::{Realm, UserName};
use crate::password::PasswordHash;
use crate::password_policy::PasswordPolicy;
use crate::schema::{FORTITOKEN, LOCAL, PASSWORD_POLICY, Place, Table, Value};
use crate::time::Timestamp;
use crate::user::{Keeper, Switch, TwoFactor, User};
use crate::vdom::Vdom;

/// The password policies, where a new password is to be judged by one.
pub(super) fn policies(place: &Place, edits: &[Edit]) -> Option<(Vdom, &'static Table)> {
    let sets_password =
        |edit: &Edit| matches!(edit, Edit::Set(field, Value::Secret(_)) if field.name == "passwd");
    edits
        .iter()
        .any(sets_password)
        .then_some((place.vdom(), &PASSWORD_POLICY))
}

pub(super) fn configure(
    place: &Place,
    edits: Vec<Edit>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let (realm, key) = (Realm::Vdom(place.vdom()), place.key());
    let name = UserName::within(realm, key).map_err(|error| AdminError::Name {
        key: key.into(),
        error,
    })?;
    let existing = facts.take_user(name.canonical());
    if let Some(user) = existing.as_ref().filter(|user| user.name != name) {
        return Err(AdminError::SamePerson {
            key: key.into(),
            existing: user.name.as_written().into(),
        });
    }
    let before = existing.clone().unwrap_or_else(|| User::new(name));
    let foreign = edits.iter().find_map(foreign);
    let user = edited(&before, edits, &facts, context)?;
    let lacked_password = existing
        .as_ref()
        .is_some_and(|user| user.password.is_none());
    contacts::reachable(user.two_factor, &user.contact)?;
    complete(&user, lacked_password || foreign.is_some(), context)?;
    let (had, has) = (existing.as_ref().and_then(in_use), in_use(&user));
    let moved = if had == has {
        Plan::default()
    } else {
        reassign(user.name.canonical(), had, has, facts, context)?
    };
    let remark = foreign.map(|field| Remark::of_foreign(field, user.password.is_some()));
    let plan = Plan::of(Change::User(user)).and(moved);
    Ok(plan.and(Plan::remarked(remark)))
}

pub(super) fn in_use(user: &User) -> Option<TokenSerial> {
    user.token
        .filter(|_| user.two_factor == TwoFactor::Fortitoken)
}

/// The user with all edits made. A new password is judged last: its policy may be set with it.
fn edited(
    before: &User,
    edits: Vec<Edit>,
    facts: &Facts,
    context: &Context<'_>,
) -> Result<User, AdminError> {
    let mut user = before.clone();
    let mut typed = None;
    let is_dated = edits.iter().any(|edit| sets(edit, "passwd-time"));
    for edit in edits {
        if sets(&edit, "passwd") && foreign(&edit).is_none() && !is_dated {
            user.password_set = Some(context.now);
        }
        match edit {
            Edit::Set(field, Value::Secret(password)) if field.name == "passwd" => {
                user.password = Some(facts.hash_of(&password, context)?);
                typed = Some(password);
            }
            edit => edit_user(&mut user, edit, facts)?,
        }
    }
    user.legacy = kept_itself(&user, typed.as_ref(), before);
    match typed {
        Some(password) => judged(user, &password, before, facts),
        None => Ok(user),
    }
}

/// The password itself, where it is to be kept: the one typed now, or the one so far as long as it stays.
fn kept_itself(
    user: &User,
    typed: Option<&Zeroizing<String>>,
    before: &User,
) -> Option<legacy::Kept> {
    match (user.radius_legacy, typed) {
        (Switch::Enable, Some(password)) => Some(legacy::Kept::Open(password.clone())),
        (Switch::Enable, None) if user.password == before.password => before.legacy.clone(),
        (Switch::Enable, None) | (Switch::Disable, _) => None,
    }
}

fn sets(edit: &Edit, name: &str) -> bool {
    matches!(edit, Edit::Set(field, _) if field.name == name)
}

/// Refuses a password that the user's policy, or else that of all users, does not take.
fn judged(
    user: User,
    password: &Zeroizing<String>,
    before: &User,
    facts: &Facts,
) -> Result<User, AdminError> {
    let name = user.policy.as_ref().or(facts.default_policy.as_ref());
    let entry = name.and_then(|name| facts.all.iter().find(|entry| entry.key == *name));
    let (Some(entry), Some(hash)) = (entry, &user.password) else {
        return Ok(user);
    };
    let policy = PasswordPolicy::from_object(entry);
    let is_same = |other: &PasswordHash| {
        let prepared = facts.prepared.as_ref();
        let known = prepared.and_then(|prepared| prepared.is_same(password, other));
        known.unwrap_or_else(|| other.is_of(password))
    };
    let (current, former) = (before.password.as_ref(), &before.history);
    let admitted = policy.admit(password, hash, current, former, is_same);
    let history = admitted.map_err(|weaknesses| AdminError::WeakPassword {
        policy: policy.name().into(),
        weaknesses,
    })?;
    Ok(User { history, ..user })
}

/// A user without a password cannot log in. Whoever makes one forgot it, unless it is one that comes
/// from another unit or came from there before.
fn complete(user: &User, may_lack_password: bool, context: &Context<'_>) -> Result<(), AdminError> {
    let is_lacking = user.keeper == Keeper::Here && user.password.is_none();
    if !is_lacking || (context.manner == Manner::Typed && !may_lack_password) {
        first_factor(user)?;
    }
    if user.two_factor == TwoFactor::Fortitoken && user.token.is_none() {
        let why = "the serial number of the user's token; 'show user fortitoken' lists them";
        return Err(AdminError::Incomplete {
            field: "fortitoken",
            why,
        });
    }
    Ok(())
}

fn first_factor(user: &User) -> Result<(), AdminError> {
    let (is_set, field, why) = match user.keeper {
        Keeper::Here => (user.password.is_some(), "passwd", "the first factor"),
        Keeper::Backend(kind) => (
            user.server(kind).is_some(),
            kind.server_field(),
            match kind {
                Kind::Ldap => "the directory that knows the password; 'show user ldap' lists them",
                Kind::Radius => {
                    "the RADIUS server that knows the password; 'show user radius' lists them"
                }
            },
        ),
    };
    if is_set {
        Ok(())
    } else {
        Err(AdminError::Incomplete { field, why })
    }
}

fn edit_user(user: &mut User, edit: Edit, facts: &Facts) -> Result<(), AdminError> {
    let (field, value) = match edit {
        Edit::Set(field, value) if field.name != "fortitoken" => {
            let vdom = user.name.canonical().realm().vdom();
            let value = form::formed(&LOCAL, field, value)?;
            (field, references::resolved(vdom, field, value, facts)?)
        }
        Edit::Set(field, value) => (field, value),
        Edit::Unset(field) => (field, Value::Text(Box::from(field.default))),
        Edit::Children(..) => return Ok(()),
    };
    let text = value.as_text().unwrap_or("");
    match field.name {
        "status" => {
            user.status = if text == "disable" {
                Switch::Disable
            } else {
                Switch::Enable
            }
        }
        "radius-legacy" => {
            user.radius_legacy = if text == "enable" {
                Switch::Enable
            } else {
                Switch::Disable
            }
        }
        "two-factor" => user.two_factor = TwoFactor::parse(text).unwrap_or_default(),
        "type" => user.keeper = Keeper::parse(text).unwrap_or_default(),
        "ldap-server" => user.ldap_server = unless_empty(text),
        "radius-server" => user.radius_server = unless_empty(text),
        "fortitoken" => user.token = free_token(text, &user.name, facts)?,
        "passwd-policy" => user.policy = unless_empty(text),
        "passwd-time" => user.password_set = Timestamp::from_civil(text),
        "passwd" if matches!(value, Value::Foreign(_)) => {}
        "passwd" => user.password = kept_hash(&value, user.password.as_ref())?,
        name if user.contact.set(name, text) => {}
        _ => user.kept.set(field, text),
    }
    Ok(())
}

/// What is kept already may cost more than what comes.
fn kept_hash(
    value: &Value,
    before: Option<&PasswordHash>,
) -> Result<Option<PasswordHash>, AdminError> {
    let Value::Sealed(enc) = value else {
        return Ok(None);
    };
    let kept = PasswordHash::from_enc(enc)?;
    if before != Some(&kept) {
        PasswordHash::import(enc)?;
    }
    Ok(Some(kept))
}

fn unless_empty(text: &str) -> Option<Box<str>> {
    Some(text).filter(|text| !text.is_empty()).map(Box::from)
}

fn free_token(
    text: &str,
    user: &UserName,
    facts: &Facts,
) -> Result<Option<TokenSerial>, AdminError> {
    if text.is_empty() {
        return Ok(None);
    }
    let missing = || AdminError::NotFound {
        table: &FORTITOKEN,
        key: text.into(),
    };
    let serial = TokenSerial::parse(text).map_err(|_| missing())?;
    let owned = facts
        .token(serial)
        .filter(|owned| user.canonical().realm() == Realm::Vdom(owned.token.vdom))
        .ok_or_else(missing)?;
    not_taken(owned, user)?;
    Ok(Some(serial))
}

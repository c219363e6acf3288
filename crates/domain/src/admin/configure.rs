//! `config`: creating, changing and deleting entries.

use ident::TokenSerial;
use zeroize::Zeroizing;

use super::{AdminError, Change, Context, Edit, Facts, Owned, Plan, Reads, references, supply};
use crate::audit::{Event, What};
use crate::name::{CanonicalName, NameError, UserName};
use crate::password::PasswordHash;
use crate::public_key::PublicKey;
use crate::schema::{ADMIN, FORTITOKEN, LOCAL, RADIUS_CLIENT};
use crate::schema::{Field, KeyForm, Object, Table, Value};
use crate::token::{Stage, Token, TokenStatus};
use crate::user::{Switch, TwoFactor, User};

/// What an entry and its edits refer to. A key or reference that cannot exist reads nothing; the
/// decision then says why.
pub(super) fn reads(table: &'static Table, key: &str, edits: &[Edit]) -> Reads {
    if table == &LOCAL {
        Reads {
            users: CanonicalName::of(key).into_iter().collect(),
            tokens: edits.iter().filter_map(assigned).collect(),
            named: references::named(table, edits),
            ..Reads::default()
        }
    } else if table == &FORTITOKEN {
        Reads::tokens(TokenSerial::parse(key))
    } else {
        Reads {
            object: Some((table, Box::from(key))),
            named: references::named(table, edits),
            ..Reads::default()
        }
    }
}

fn assigned(edit: &Edit) -> Option<TokenSerial> {
    match edit {
        Edit::Set(field, value) if field.name == "fortitoken" => {
            TokenSerial::parse(value.as_text()?).ok()
        }
        _ => None,
    }
}

pub(super) fn configure(
    table: &'static Table,
    key: &str,
    edits: Vec<Edit>,
    facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let summary = summary(&edits);
    let noted = Plan::noted(context.changed(&table.path.replace(' ', "."), key, &summary));
    let plan = if table == &LOCAL {
        configure_user(key, edits, facts, context)?
    } else if table == &FORTITOKEN {
        configure_token(key, edits, facts)?
    } else {
        configure_object(table, key, edits, facts, context)?
    };
    Ok(noted.and(plan))
}

/// The fields that change, by name alone: values may be secret.
fn summary(edits: &[Edit]) -> String {
    let words = edits.iter().map(|edit| match edit {
        Edit::Set(field, _) => format!("set {}", field.name),
        Edit::Unset(field) => format!("unset {}", field.name),
        Edit::Children(table, _) => format!("config {}", table.path),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn configure_user(
    key: &str,
    edits: Vec<Edit>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let name = UserName::parse(key).map_err(|error| AdminError::Name {
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
    let before = existing.as_ref().and_then(in_use);
    let mut user = existing.unwrap_or_else(|| User::new(name));
    for edit in edits {
        edit_user(&mut user, edit, &facts, context)?;
    }
    complete(&user)?;
    let after = in_use(&user);
    let moved = if before == after {
        Plan::default()
    } else {
        reassign(user.name.canonical(), before, after, facts, context)
    };
    Ok(Plan::of(Change::User(user)).and(moved))
}

pub(super) fn in_use(user: &User) -> Option<TokenSerial> {
    user.token
        .filter(|_| user.two_factor == TwoFactor::Fortitoken)
}

fn complete(user: &User) -> Result<(), AdminError> {
    if user.password.is_none() {
        return Err(AdminError::Incomplete {
            field: "passwd",
            why: "the first factor",
        });
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

fn edit_user(
    user: &mut User,
    edit: Edit,
    facts: &Facts,
    context: &Context<'_>,
) -> Result<(), AdminError> {
    let (field, value) = match edit {
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
        "two-factor" => {
            user.two_factor = if text == "fortitoken" {
                TwoFactor::Fortitoken
            } else {
                TwoFactor::Disable
            };
        }
        "fortitoken" => user.token = free_token(text, &user.name, facts)?,
        "email-to" => user.email = Some(text).filter(|text| !text.is_empty()).map(Box::from),
        "passwd" => user.password = password(&value, context)?,
        _ => {}
    }
    Ok(())
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
    let owned = facts.token(serial).ok_or_else(missing)?;
    match &owned.owner {
        Some(owner) if owner.name.canonical() != user.canonical() => Err(AdminError::TokenTaken {
            token: serial,
            owner: owner.name.as_written().into(),
        }),
        _ => Ok(Some(serial)),
    }
}

fn password(value: &Value, context: &Context<'_>) -> Result<Option<PasswordHash>, AdminError> {
    match value {
        Value::Secret(password) => Ok(Some(PasswordHash::new(password, context.entropy.salt)?)),
        Value::Sealed(phc) => Ok(Some(PasswordHash::from_enc(phc)?)),
        Value::Text(_) | Value::List(_) => Ok(None),
    }
}

/// Gives back the token that the user had and provisions the one that the user gets.
fn reassign(
    user: &CanonicalName,
    before: Option<TokenSerial>,
    after: Option<TokenSerial>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Plan {
    let released = before
        .and_then(|serial| facts.take_token(serial))
        .map_or_else(Plan::default, |Owned { token, .. }| supply::released(token));
    let requested = match after.and_then(|serial| facts.take_token(serial)) {
        Some(Owned { token, .. }) if token.is_mobile() => {
            supply::requested(token, Some(user.clone()), context)
        }
        _ => Plan::default(),
    };
    released.and(requested)
}

fn configure_token(key: &str, edits: Vec<Edit>, mut facts: Facts) -> Result<Plan, AdminError> {
    let serial = TokenSerial::parse(key).map_err(|error| AdminError::Serial {
        key: key.into(),
        error: error.to_string().into(),
    })?;
    let mut token = match facts.take_token(serial) {
        Some(Owned { token, .. }) => token,
        None => Token::imported(serial, None),
    };
    if token.is_mobile() && token.licence.is_none() && matches!(token.stage, Stage::New) {
        return Err(AdminError::MobileNotImported(serial));
    }
    for edit in edits {
        edit_token(&mut token, &edit);
    }
    Ok(Plan::of(Change::Token(token)))
}

fn edit_token(token: &mut Token, edit: &Edit) {
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

fn configure_object(
    table: &'static Table,
    key: &str,
    edits: Vec<Edit>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    if let Some(form) = table.key().map(|key| key.form) {
        writable(key, form)?;
    }
    let stored = facts.object.take();
    let mut object = stored.unwrap_or_else(|| Object::new(table, key));
    for edit in edits {
        match edit {
            Edit::Set(field, value) if table == &ADMIN && field.name == "password" => {
                object.set(field, hashed(value, context)?);
            }
            Edit::Set(field, value) => {
                let value = references::resolved(field, checked(field, value)?, &facts)?;
                object.set(field, value);
            }
            Edit::Unset(field) => object.unset(field),
            Edit::Children(table, entries) => {
                object.set_children(table, references::resolved_children(entries, &facts)?);
            }
        }
    }
    if table == &ADMIN {
        required(&object, "password", "the administrator's password")?;
        if object.text("two-factor") == "fortitoken" {
            required(
                &object,
                "fortitoken",
                "the serial number of the administrator's token",
            )?;
        }
    }
    if table == &RADIUS_CLIENT {
        required(&object, "subnet", "the client's address or network")?;
        required(
            &object,
            "secret",
            "the secret that the client is configured with",
        )?;
    }
    Ok(Plan::of(Change::Object(object)))
}

/// A key stands in configuration text, in prompts and in the log.
pub(super) fn writable(key: &str, form: KeyForm) -> Result<(), AdminError> {
    let got = key.chars().count();
    let refused = |error| AdminError::Name {
        key: key.into(),
        error,
    };
    if got == 0 {
        return Err(refused(NameError::Empty));
    }
    if key.chars().any(char::is_control) {
        return Err(refused(NameError::Control));
    }
    match form {
        KeyForm::Name(max) if got > usize::from(max) => Err(AdminError::KeyTooLong { max, got }),
        KeyForm::Number(max) if !key.parse().is_ok_and(|number| (1..=max).contains(&number)) => {
            Err(AdminError::KeyNumber {
                key: key.into(),
                max,
            })
        }
        KeyForm::Name(_) | KeyForm::Number(_) => Ok(()),
    }
}

/// What is kept of an administrator's password is its hash; sealed like every secret.
fn hashed(value: Value, context: &Context<'_>) -> Result<Value, AdminError> {
    match value {
        Value::Secret(password) => {
            let hash = PasswordHash::new(&password, context.entropy.salt)?;
            Ok(Value::Secret(Zeroizing::new(hash.as_phc().to_owned())))
        }
        kept => Ok(kept),
    }
}

/// What the declaration of a field cannot say: a hostname is part of every prompt, and automation
/// reads it as one word; a public key must be one.
fn checked(field: &'static Field, value: Value) -> Result<Value, AdminError> {
    let is_word = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    let text = value.as_text().unwrap_or("");
    let why: Option<Box<str>> = match field.name {
        "hostname" if !is_word(text) => {
            Some("a host name has letters, digits, '-' and '_' only".into())
        }
        name if name.starts_with("ssh-public-key") && !text.is_empty() => PublicKey::parse(text)
            .err()
            .map(|error| error.to_string().into()),
        _ => None,
    };
    match why {
        Some(why) => Err(AdminError::Field {
            field: field.name,
            why,
        }),
        None => Ok(value),
    }
}

fn required(object: &Object, field: &'static str, why: &'static str) -> Result<(), AdminError> {
    let is_blank = match object.value(field) {
        Some(Value::Text(text) | Value::Sealed(text)) => text.is_empty(),
        Some(Value::Secret(secret)) => secret.is_empty(),
        Some(Value::List(texts)) => texts.is_empty(),
        None => true,
    };
    if is_blank {
        return Err(AdminError::Incomplete { field, why });
    }
    Ok(())
}

pub(super) fn remove(
    table: &'static Table,
    key: &str,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let missing = || AdminError::NotFound {
        table,
        key: key.into(),
    };
    let noted = Plan::noted(context.changed(&table.path.replace(' ', "."), key, "delete"));
    let mut uses = facts.uses.take();
    let plan = if table == &LOCAL {
        let name = CanonicalName::of(key).map_err(|_| missing())?;
        let user = facts.take_user(&name).ok_or_else(missing)?;
        let released = reassign(&name, in_use(&user), None, facts, context);
        Plan::of(Change::UserRemoved(name)).and(released)
    } else if table == &FORTITOKEN {
        let serial = TokenSerial::parse(key).map_err(|_| missing())?;
        let owned = facts.take_token(serial).ok_or_else(missing)?;
        uses = references::with_owner(uses, &owned);
        Plan::of(Change::TokenRemoved(serial))
    } else {
        let object = facts.object.ok_or_else(missing)?;
        Plan::of(Change::ObjectRemoved(object.table, object.key))
    };
    match uses {
        Some(uses) => Err(AdminError::InUse { table, uses }),
        None => Ok(noted.and(plan)),
    }
}

pub(super) fn unlock(
    name: &CanonicalName,
    facts: &Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    if facts.user(name).is_none() {
        return Err(AdminError::NotFound {
            table: &LOCAL,
            key: name.as_str().into(),
        });
    }
    let what = What::Unlocked {
        actor: context.actor.clone(),
        person: name.clone(),
    };
    Ok(Plan {
        changes: vec![Change::FailuresCleared(name.clone())],
        events: vec![Event {
            at: context.now,
            what,
        }],
        messages: Vec::new(),
    })
}

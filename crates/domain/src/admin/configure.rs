//! `config`: creating, changing and deleting entries.

use ident::TokenSerial;
use zeroize::Zeroizing;

use super::administrators::{self, not_taken, reassign};
use super::{AdminError, Change, Context, Edit, Facts, Manner, Plan, Reads, Remark};
use super::{authserver, references, token_entry, vdoms};
use crate::audit::{Event, What};
use crate::backend::Kind;
use crate::name::{CanonicalName, NameError, Realm, UserName};
use crate::password::PasswordHash;
use crate::public_key::PublicKey;
use crate::schema::{ADMIN, FORTITOKEN, LDAP, LOCAL, RADIUS, RADIUS_CLIENT, VDOM};
use crate::schema::{Access, Field, KeyForm, Object, Place, Value};
use crate::user::{Keeper, Switch, TwoFactor, User};

/// What an entry and its edits refer to. A key or reference that cannot exist reads nothing; the
/// decision then says why.
pub(super) fn reads(place: &Place, edits: &[Edit]) -> Reads {
    if place.table() == &LOCAL {
        Reads {
            users: person(place).into_iter().collect(),
            tokens: edits.iter().filter_map(assigned).collect(),
            named: references::named(place, edits),
            ..Reads::default()
        }
    } else if place.table() == &FORTITOKEN {
        Reads::tokens(TokenSerial::parse(place.key()))
    } else {
        let is_administrator = place.table() == &ADMIN;
        Reads {
            object: Some(place.clone()),
            tokens: edits.iter().filter_map(assigned).collect(),
            named: references::named(place, edits),
            all: is_administrator.then_some(administrators::ALL),
            ..Reads::default()
        }
    }
}

/// By what name a user is looked up.
pub(super) fn person(place: &Place) -> Result<CanonicalName, NameError> {
    CanonicalName::within(Realm::Vdom(place.vdom()), place.key())
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
    place: &Place,
    edits: Vec<Edit>,
    facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let noted = Plan::noted(context.changed_at(place, &summary(place, &edits, &facts)));
    let plan = if place.table() == &LOCAL {
        configure_user(place, edits, facts, context)?
    } else if place.table() == &FORTITOKEN {
        token_entry::configure(place, edits, facts, context)?
    } else if place.table() == &VDOM {
        vdoms::create(place, &facts)?
    } else {
        configure_object(place, edits, facts, context)?
    };
    Ok(noted.and(plan))
}

/// Whether the entry is made, and the fields that change, by name alone: values may be secret.
fn summary(place: &Place, edits: &[Edit], facts: &Facts) -> String {
    let added = is_new(place, facts).then(|| "add".to_owned());
    let words = edits.iter().map(|edit| match edit {
        Edit::Set(field, _) => format!("set {}", field.name),
        Edit::Unset(field) => format!("unset {}", field.name),
        Edit::Children(table, _) => format!("config {}", table.path),
    });
    added
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join(", ")
}

/// A single object is always there.
fn is_new(place: &Place, facts: &Facts) -> bool {
    match place.table() {
        table if table == &LOCAL => facts.users.is_empty(),
        table if table == &FORTITOKEN => facts.tokens.is_empty(),
        table => table.key().is_some() && facts.object.is_none(),
    }
}

fn configure_user(
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
    let before = existing.as_ref().and_then(in_use);
    let lacks_password = existing
        .as_ref()
        .is_some_and(|user| user.password.is_none());
    let foreign = edits.iter().find_map(foreign);
    let mut user = existing.unwrap_or_else(|| User::new(name));
    for edit in edits {
        edit_user(&mut user, edit, &facts, context)?;
    }
    complete(&user, lacks_password || foreign.is_some(), context)?;
    let after = in_use(&user);
    let moved = if before == after {
        Plan::default()
    } else {
        reassign(user.name.canonical(), before, after, facts, context)
    };
    let remark = foreign.map(|field| Remark::of_foreign(field, user.password.is_some()));
    let plan = Plan::of(Change::User(user)).and(moved);
    Ok(plan.and(Plan::remarked(remark)))
}

pub(super) fn in_use(user: &User) -> Option<TokenSerial> {
    user.token
        .filter(|_| user.two_factor == TwoFactor::Fortitoken)
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

fn edit_user(
    user: &mut User,
    edit: Edit,
    facts: &Facts,
    context: &Context<'_>,
) -> Result<(), AdminError> {
    let (field, value) = match edit {
        Edit::Set(field, value) if field.name != "fortitoken" => {
            let vdom = user.name.canonical().realm().vdom();
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
        "two-factor" => {
            user.two_factor = if text == "fortitoken" {
                TwoFactor::Fortitoken
            } else {
                TwoFactor::Disable
            };
        }
        "type" => user.keeper = Keeper::parse(text).unwrap_or_default(),
        "ldap-server" => user.ldap_server = unless_empty(text),
        "radius-server" => user.radius_server = unless_empty(text),
        "fortitoken" => user.token = free_token(text, &user.name, facts)?,
        "email-to" => user.email = unless_empty(text),
        "passwd" if matches!(value, Value::Foreign(_)) => {}
        "passwd" => user.password = password(&value, context)?,
        _ => {}
    }
    Ok(())
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

fn password(value: &Value, context: &Context<'_>) -> Result<Option<PasswordHash>, AdminError> {
    match value {
        Value::Secret(password) => Ok(Some(PasswordHash::new(password, context.entropy.salt)?)),
        Value::Sealed(phc) => Ok(Some(PasswordHash::from_enc(phc)?)),
        Value::Text(_) | Value::List(_) | Value::Foreign(_) => Ok(None),
    }
}

/// The field, if it is set to what another unit sealed.
fn foreign(edit: &Edit) -> Option<&'static Field> {
    match edit {
        Edit::Set(field, Value::Foreign(_)) => Some(*field),
        _ => None,
    }
}

fn configure_object(
    place: &Place,
    edits: Vec<Edit>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let (table, key) = (place.table(), place.key());
    if let Some(form) = table.key().map(|key| key.form) {
        writable(key, form)?;
    }
    let stored = facts.object.take();
    let token_before = stored.as_ref().and_then(administrators::in_use);
    let mut object = stored.unwrap_or_else(|| Object::at(place));
    let mut remarks = Vec::new();
    for edit in edits {
        match edit {
            Edit::Set(field, Value::Foreign(sealed)) => {
                let is_here = object.value(field.name).is_some();
                remarks.push(Remark::of_foreign(field, is_here));
                if !is_here {
                    object.set(field, Value::Sealed(sealed));
                }
            }
            Edit::Set(field, value) if field.access == Access::System => {
                if !object.is_set_to(field, &value) {
                    remarks.push(Remark::System(field));
                }
            }
            Edit::Set(field, value) if table == &ADMIN && field.name == "password" => {
                object.set(field, hashed(value, context)?);
            }
            Edit::Set(field, value) => {
                let value =
                    references::resolved(place.vdom(), field, checked(field, value)?, &facts)?;
                object.set(field, value);
            }
            Edit::Unset(field) => object.unset(field),
            Edit::Children(table, entries) => {
                object.set_children(
                    table,
                    references::resolved_children(place.vdom(), entries, &facts)?,
                );
            }
        }
    }
    vdoms::mode_fits(&object, &facts)?;
    if table == &RADIUS_CLIENT {
        required(&object, "subnet", "the client's address or network")?;
        required(
            &object,
            "secret",
            "the secret that the client is configured with",
        )?;
    }
    if table == &LDAP {
        authserver::directory(&object)?;
    }
    if table == &RADIUS {
        authserver::upstream(&object)?;
    }
    let moved = if table == &ADMIN {
        administrators::changed(&object, token_before, facts, context)?
    } else {
        Plan::default()
    };
    Ok(Plan::of(Change::Object(object))
        .and(moved)
        .and(Plan::remarked(remarks)))
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
/// reads it as one word; a public key must be one; a cluster needs what is not there yet.
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
        "mode" if matches!(text, "a-a" | "a-p") => Some(
            "units of a cluster share a database, and this unit keeps its own; leave it at standalone"
                .into(),
        ),
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

pub(super) fn required(
    object: &Object,
    field: &'static str,
    why: &'static str,
) -> Result<(), AdminError> {
    let is_blank = match object.value(field) {
        Some(Value::Text(text) | Value::Sealed(text) | Value::Foreign(text)) => text.is_empty(),
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
    place: &Place,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let missing = || AdminError::NotFound {
        table: place.table(),
        key: place.key().into(),
    };
    let noted = Plan::noted(context.changed_at(place, "delete"));
    if place.table() == &VDOM {
        return Ok(noted.and(vdoms::remove(place, facts)?));
    }
    let mut uses = facts.uses.take();
    let plan = if place.table() == &LOCAL {
        let name = person(place).map_err(|_| missing())?;
        let user = facts.take_user(&name).ok_or_else(missing)?;
        let released = reassign(&name, in_use(&user), None, facts, context);
        Plan::of(Change::UserRemoved(name)).and(released)
    } else if place.table() == &FORTITOKEN {
        let serial = TokenSerial::parse(place.key()).map_err(|_| missing())?;
        let owned = facts.take_token_of(place.vdom(), serial);
        let owned = owned.ok_or_else(missing)?;
        uses = references::with_owner(uses, &owned);
        Plan::of(Change::TokenRemoved(serial))
    } else {
        let object = facts.object.take().ok_or_else(missing)?;
        let released = if place.table() == &ADMIN {
            administrators::removed(&object, facts, context)?
        } else {
            Plan::default()
        };
        Plan::of(Change::ObjectRemoved(object.place())).and(released)
    };
    match uses {
        Some(uses) => {
            let table = place.table();
            Err(AdminError::InUse { table, uses })
        }
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
            key: name.bare().into(),
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
        ..Plan::default()
    })
}

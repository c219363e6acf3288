//! `config`: creating, changing and deleting entries.

use ident::TokenSerial;
use zeroize::Zeroizing;

use super::administrators::{self, FixedGrants, profile_stays, reassign};
use super::{AdminError, Change, Context, Edit, Facts, Plan, Reads, Remark};
use super::{authserver, clients, contacts, form, groups, references, token_entry, users, vdoms};
use crate::audit::{Event, What};
use crate::name::{CanonicalName, NameError, Realm};
use crate::schema::{
    ADMIN, CERTIFICATE_LOCAL, FORTITOKEN, GROUP, LDAP, LOCAL, NTP_SERVER, RADIUS, RADIUS_CLIENT,
    SMS_SERVER, VDOM, VERIFICATION_CLIENT,
};
use crate::schema::{Access, Field, KeyForm, Object, Place, Value};

/// What an entry and its edits refer to. A key or reference that cannot exist reads nothing; the
/// decision then says why.
pub(super) fn reads(place: &Place, edits: &[Edit]) -> Reads {
    if place.table() == &LOCAL {
        Reads {
            users: person(place).into_iter().collect(),
            tokens: edits.iter().filter_map(assigned).collect(),
            named: references::named(place, edits),
            all: users::policies(place, edits),
            ..Reads::default()
        }
    } else if place.table() == &FORTITOKEN {
        Reads {
            claim: token_entry::claim(place, edits),
            seeded: token_entry::sealed(place, edits),
            ..Reads::tokens(TokenSerial::parse(place.key()))
        }
    } else {
        let is_administrator = place.table() == &ADMIN;
        Reads {
            object: Some(place.clone()),
            neighbours: clients::network(place, edits),
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
    contacts::permitted(&edits, context.profile)?;
    let noted = Plan::noted(context.changed_at(place, &summary(place, &edits, &facts)));
    let plan = if place.table() == &LOCAL {
        users::configure(place, edits, facts, context)?
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

/// The field, if it is set to what another unit sealed.
pub(super) fn foreign(edit: &Edit) -> Option<&'static Field> {
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
    let granted = FixedGrants::by(place, stored.as_ref());
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
                object.set(field, hashed(value, &facts, context)?);
            }
            Edit::Set(field, value) => {
                let value = references::resolved(
                    place.vdom(),
                    field,
                    form::formed(table, field, value)?,
                    &facts,
                )?;
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
        clients::complete(&object, &facts, context)?;
    }
    if table == &VERIFICATION_CLIENT {
        clients::application(&object)?;
    }
    if let Some(granted) = granted {
        granted.must_be(&object)?;
    }
    if table == &GROUP {
        groups::complete(&object)?;
    }
    if table == &CERTIFICATE_LOCAL && object.text("enroll-protocol") == "acme2" {
        required(&object, "acme-domain", "the names to certify")?;
    }
    if table == &LDAP {
        authserver::directory(&object)?;
    }
    if table == &RADIUS {
        authserver::upstream(&object)?;
    }
    if table == &SMS_SERVER {
        contacts::sms_server(&object)?;
    }
    for server in object.children(&NTP_SERVER) {
        required(server, "server", "its name or address")?;
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
fn hashed(value: Value, facts: &Facts, context: &Context<'_>) -> Result<Value, AdminError> {
    match value {
        Value::Secret(password) => {
            let hash = facts.hash_of(&password, context)?;
            Ok(Value::Secret(Zeroizing::new(hash.as_phc().to_owned())))
        }
        kept => Ok(kept),
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
        let released = reassign(&name, users::in_use(&user), None, facts, context)?;
        Plan::of(Change::UserRemoved(name)).and(released)
    } else if place.table() == &FORTITOKEN {
        let serial = TokenSerial::parse(place.key()).map_err(|_| missing())?;
        let owned = facts.take_token_of(place.vdom(), serial);
        let owned = owned.ok_or_else(missing)?;
        uses = references::with_owner(uses, &owned);
        Plan::of(Change::TokenRemoved(serial))
    } else {
        let object = facts.object.take().ok_or_else(missing)?;
        profile_stays(place)?;
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
    if facts.user(name).is_none() && facts.counted.as_ref() != Some(name) {
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

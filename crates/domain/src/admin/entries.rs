//! Entries as a whole: renaming and copying one, deleting all.

use std::collections::HashSet;

use ident::TokenSerial;

use super::administrators::{self, profile_stays};
use super::configure::{person, writable};
use super::references::with_owner;
use super::users::in_use;
use super::{AdminError, Change, Context, Facts, Named, Plan, Reads, clients, supply};
use crate::access::SUPER_ADMIN;
use crate::administrator;
use crate::audit::{Event, What};
use crate::name::{CanonicalName, UserName};
use crate::schema::{ACCPROFILE, ADMIN, FORTITOKEN, LOCAL, Object, Place, Table, VDOM};
use crate::user::User;
use crate::vdom::Vdom;

/// What renaming or copying an entry has to know: the entry, and what has the other key.
pub(super) fn reads(place: &Place, to: &str) -> Reads {
    let to = renamed(place, to);
    if place.table() == &LOCAL {
        let names = [place, &to].into_iter().map(person);
        let mut users: Vec<CanonicalName> = names.filter_map(Result::ok).collect();
        users.dedup();
        return Reads {
            users,
            ..Reads::default()
        };
    }
    Reads {
        object: Some(place.clone()),
        named: vec![Named::at(&to)],
        all: (place.table() == &ADMIN).then_some(administrators::ALL),
        ..Reads::default()
    }
}

/// The same entry under another key.
fn renamed(place: &Place, to: &str) -> Place {
    Place::new(place.vdom(), place.table(), to)
}

/// Refuses a key that another entry has.
pub(super) fn absent(place: &Place, object: Option<&Object>) -> Result<(), AdminError> {
    match object {
        Some(object) => Err(AdminError::Exists {
            table: place.table(),
            key: object.key.clone(),
        }),
        None => Ok(()),
    }
}

pub(super) fn purge(
    vdom: Vdom,
    table: &'static Table,
    facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let all = Place::new(vdom, table, "");
    if table == &VDOM {
        return Err(AdminError::RootVdom);
    }
    let mut plan = Plan::noted(context.changed_at(&all, "purge"));
    if let Some(uses) = facts.uses {
        return Err(AdminError::InUse { table, uses });
    }
    if table == &ADMIN {
        return Err(AdminError::LastSuperAdmin(SUPER_ADMIN.into()));
    }
    if table == &ACCPROFILE {
        return Err(AdminError::FixedProfile(SUPER_ADMIN.into()));
    }
    if table == &FORTITOKEN {
        let mut owned = facts.tokens.values();
        if let Some(uses) = owned.find_map(|owned| with_owner(None, owned)) {
            return Err(AdminError::InUse { table, uses });
        }
        let tokens = facts.tokens.keys().copied();
        plan.changes.extend(tokens.map(Change::TokenRemoved));
        return Ok(plan);
    }
    let given_back: HashSet<TokenSerial> = facts.users.iter().filter_map(in_use).collect();
    let names = facts.users.iter().map(|user| user.name.canonical().clone());
    plan.changes.extend(names.map(Change::UserRemoved));
    let tokens = facts.tokens.into_values().map(|owned| owned.token);
    let plan = tokens
        .filter(|token| given_back.contains(&token.serial))
        .fold(plan, |plan, token| plan.and(supply::released(token)));
    let objects = facts.all.into_iter();
    let removed = objects.map(|object| Change::ObjectRemoved(object.place()));
    Ok(plan.and(Plan {
        changes: removed.collect(),
        ..Plan::default()
    }))
}

pub(super) fn rename(
    place: Place,
    to: Box<str>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    if place.table() == &LOCAL {
        let (user, to) = vacant_user(&place, &to, &mut facts)?;
        let from = user.name.canonical().clone();
        let noted = same_person(&from, to.canonical(), context);
        return Ok(noted.and(Plan::of(Change::UserRenamed(from, to))));
    }
    vacant(&place, &to, &facts)?;
    profile_stays(&place)?;
    let noted = if place.table() == &ADMIN {
        let name = administrators::nobody_else(&to, Some(place.key()), &facts)?;
        let from = administrator::person(place.key()).map_err(|_| missing(&place))?;
        same_person(&from, name.canonical(), context)
    } else {
        Plan::noted(context.changed_at(&place, &format!("rename to {to}")))
    };
    Ok(noted.and(Plan::of(Change::ObjectRenamed { place, to })))
}

/// Token, spent steps and failures stay theirs: a start counts failures again from the events.
fn same_person(from: &CanonicalName, to: &CanonicalName, context: &Context<'_>) -> Plan {
    Plan::noted(Event {
        at: context.now,
        what: What::Renamed {
            actor: context.actor.clone(),
            from: from.clone(),
            to: to.clone(),
        },
    })
}

pub(super) fn copy(
    place: Place,
    to: Box<str>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let detail = format!("clone of {}", place.key());
    let noted = Plan::noted(context.changed_at(&renamed(&place, &to), &detail));
    let change = if place.table() == &LOCAL {
        let (user, name) = vacant_user(&place, &to, &mut facts)?;
        if name.canonical() == user.name.canonical() {
            return Err(AdminError::SamePerson {
                key: to,
                existing: user.name.as_written().into(),
            });
        }
        without_token(user.token, user.name.as_written())?;
        Change::User(User { name, ..user })
    } else {
        vacant(&place, &to, &facts)?;
        clients::not_copied(facts.object.as_ref(), context)?;
        if place.table() == &ADMIN {
            administrators::nobody_else(&to, None, &facts)?;
        }
        let token = facts
            .object
            .as_ref()
            .map(|object| object.text("fortitoken"));
        let token = token.and_then(|text| TokenSerial::parse(text).ok());
        without_token(token, place.key())?;
        Change::ObjectCopied { place, to }
    };
    Ok(noted.and(Plan::of(change)))
}

fn without_token(token: Option<TokenSerial>, owner: &str) -> Result<(), AdminError> {
    let owner = owner.into();
    token.map_or(Ok(()), |token| Err(AdminError::HasToken { token, owner }))
}

/// The user to rename or copy, and the name that nobody else has.
fn vacant_user(place: &Place, to: &str, facts: &mut Facts) -> Result<(User, UserName), AdminError> {
    let from = person(place).map_err(|_| missing(place))?;
    let user = facts.take_user(&from).ok_or_else(|| missing(place))?;
    let name = UserName::within(from.realm(), to).map_err(|error| AdminError::Name {
        key: to.into(),
        error,
    })?;
    match facts.take_user(name.canonical()) {
        Some(other) => Err(AdminError::SamePerson {
            key: to.into(),
            existing: other.name.as_written().into(),
        }),
        None => Ok((user, name)),
    }
}

/// Refuses to rename or copy what is not there, or to a key that is taken or cannot be one.
fn vacant(place: &Place, to: &str, facts: &Facts) -> Result<(), AdminError> {
    let table = place.table();
    let Some(form) = table
        .key()
        .map(|key| key.form)
        .filter(|_| table != &FORTITOKEN && table != &VDOM)
    else {
        return Err(AdminError::FixedKey(table));
    };
    if facts.object.is_none() {
        return Err(missing(place));
    }
    if facts.named.contains_key(&Named::at(&renamed(place, to))) {
        let key = to.into();
        return Err(AdminError::Exists { table, key });
    }
    clients::not_reserved(table, to)?;
    writable(to, form)
}

fn missing(place: &Place) -> AdminError {
    AdminError::NotFound {
        table: place.table(),
        key: place.key().into(),
    }
}

//! Entries as a whole: renaming and copying one, deleting all.

use std::collections::HashSet;

use ident::TokenSerial;

use super::configure::{in_use, writable};
use super::references::with_owner;
use super::{AdminError, Change, Context, Facts, Named, Plan, Reads, supply};
use crate::administrator;
use crate::audit::{Event, What};
use crate::name::{CanonicalName, UserName};
use crate::schema::{ADMIN, FORTITOKEN, LOCAL, Table};
use crate::user::User;

/// What renaming or copying an entry has to know: the entry, and what has the other key.
pub(super) fn reads(table: &'static Table, from: &str, to: &str) -> Reads {
    if table == &LOCAL {
        let names = [from, to].into_iter().map(CanonicalName::of);
        let mut users: Vec<CanonicalName> = names.filter_map(Result::ok).collect();
        users.dedup();
        return Reads {
            users,
            ..Reads::default()
        };
    }
    Reads {
        object: Some((table, from.into())),
        named: vec![Named::of(table, to)],
        ..Reads::default()
    }
}

pub(super) fn purge(
    table: &'static Table,
    facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let mut plan = Plan::noted(context.changed(&action(table), "", "purge"));
    if let Some(uses) = facts.uses {
        return Err(AdminError::InUse { table, uses });
    }
    if table == &FORTITOKEN {
        let mut owned = facts.tokens.iter();
        if let Some(uses) = owned.find_map(|owned| with_owner(None, owned)) {
            return Err(AdminError::InUse { table, uses });
        }
        let tokens = facts.tokens.iter().map(|owned| owned.token.serial);
        plan.changes.extend(tokens.map(Change::TokenRemoved));
        return Ok(plan);
    }
    let given_back: HashSet<TokenSerial> = facts.users.iter().filter_map(in_use).collect();
    let names = facts.users.iter().map(|user| user.name.canonical().clone());
    plan.changes.extend(names.map(Change::UserRemoved));
    let tokens = facts.tokens.into_iter().map(|owned| owned.token);
    let plan = tokens
        .filter(|token| given_back.contains(&token.serial))
        .fold(plan, |plan, token| plan.and(supply::released(token)));
    let objects = facts.all.into_iter();
    let removed = objects.map(|object| Change::ObjectRemoved(object.table, object.key));
    Ok(plan.and(Plan {
        changes: removed.collect(),
        ..Plan::default()
    }))
}

pub(super) fn rename(
    table: &'static Table,
    from: &str,
    to: &str,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    if table == &LOCAL {
        let (user, to) = vacant_user(from, to, &mut facts)?;
        let from = user.name.canonical().clone();
        let noted = same_person(&from, to.canonical(), context);
        return Ok(noted.and(Plan::of(Change::UserRenamed(from, to))));
    }
    vacant(table, from, to, &facts)?;
    let noted = match (administrator::person(from), administrator::person(to)) {
        (Ok(from), Ok(to)) if table == &ADMIN => same_person(&from, &to, context),
        _ => {
            let detail = format!("rename to {to}");
            Plan::noted(context.changed(&action(table), from, &detail))
        }
    };
    Ok(noted.and(Plan::of(Change::ObjectRenamed {
        table,
        from: from.into(),
        to: to.into(),
    })))
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
    table: &'static Table,
    from: &str,
    to: &str,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let detail = format!("clone of {from}");
    let noted = Plan::noted(context.changed(&action(table), to, &detail));
    let change = if table == &LOCAL {
        let (user, name) = vacant_user(from, to, &mut facts)?;
        without_token(user.token, user.name.as_written())?;
        Change::User(User { name, ..user })
    } else {
        vacant(table, from, to, &facts)?;
        let token = facts
            .object
            .as_ref()
            .map(|object| object.text("fortitoken"));
        without_token(token.and_then(|text| TokenSerial::parse(text).ok()), from)?;
        Change::ObjectCopied {
            table,
            from: from.into(),
            to: to.into(),
        }
    };
    Ok(noted.and(Plan::of(change)))
}

fn without_token(token: Option<TokenSerial>, owner: &str) -> Result<(), AdminError> {
    let owner = owner.into();
    token.map_or(Ok(()), |token| Err(AdminError::HasToken { token, owner }))
}

/// The user to rename or copy, and the name that nobody else has.
fn vacant_user(from: &str, to: &str, facts: &mut Facts) -> Result<(User, UserName), AdminError> {
    let missing = || missing(&LOCAL, from);
    let from = CanonicalName::of(from).map_err(|_| missing())?;
    let user = facts.take_user(&from).ok_or_else(missing)?;
    let name = UserName::parse(to).map_err(|error| AdminError::Name {
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
fn vacant(table: &'static Table, from: &str, to: &str, facts: &Facts) -> Result<(), AdminError> {
    let Some(form) = table
        .key()
        .map(|key| key.form)
        .filter(|_| table != &FORTITOKEN)
    else {
        return Err(AdminError::FixedKey(table));
    };
    if facts.object.is_none() {
        return Err(missing(table, from));
    }
    if facts.named.contains_key(&Named::of(table, to)) {
        let key = to.into();
        return Err(AdminError::Exists { table, key });
    }
    writable(to, form)
}

fn missing(table: &'static Table, key: &str) -> AdminError {
    AdminError::NotFound {
        table,
        key: key.into(),
    }
}

fn action(table: &Table) -> String {
    table.path.replace(' ', ".")
}

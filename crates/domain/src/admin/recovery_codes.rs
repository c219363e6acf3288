//! Recovery codes and passes: made anew, or taken back.

use super::{AdminError, Change, Context, Facts, Plan};
use crate::name::CanonicalName;
use crate::recovery::{Held, Kind};
use crate::schema::{LOCAL, Place};

/// What a person had of this kind is no more; what is held instead may be nothing.
pub(super) fn replace(
    person: CanonicalName,
    kind: Kind,
    held: Vec<Held>,
    facts: &Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    if facts.user(&person).is_none() {
        return Err(AdminError::NotFound {
            table: &LOCAL,
            key: person.bare().into(),
        });
    }
    let place = Place::new(person.realm().vdom(), &LOCAL, person.bare());
    let noted = Plan::noted(context.changed_at(&place, &summary(kind, &held)));
    Ok(noted.and(Plan::of(Change::Recovery { person, kind, held })))
}

fn summary(kind: Kind, held: &[Held]) -> String {
    let word = kind.word();
    match (held, held.iter().find_map(|it| it.ends)) {
        ([], _) => format!("{word} revoke"),
        (_, Some(ends)) => format!("{word} issue, good until {ends}"),
        (made, None) => format!("{word} generate, {} codes", made.len()),
    }
}

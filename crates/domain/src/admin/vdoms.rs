//! Virtual domains themselves: `config vdom`, and `vdom-mode`.

use std::fmt;

use super::{AdminError, Change, Facts, Operation, Plan};
use crate::schema::{GLOBAL, Object, Place, VDOM};
use crate::settings::VdomMode;
use crate::vdom::Vdom;

/// Virtual domains that one unit holds, the most that the described system is sold with.
pub const VDOMS_MAX: usize = 500;

/// What a virtual domain holds that its deletion would take from somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holds {
    /// Something of it.
    pub first: Held,
    /// How much there is.
    pub total: u64,
}

/// Something that a virtual domain holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Held {
    /// An entry of one of its tables.
    Entry {
        /// Path of the table.
        table: Box<str>,
        /// Its key.
        key: Box<str>,
    },
    /// A message in the outbox, by its number: its answer is taken in there.
    Message(i64),
    /// An entry that is not to be named.
    Unnamed,
}

/// Entries that are not to be named, by their number.
pub(super) struct Unnamed(pub(super) u64);

impl fmt::Display for Unnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 entry that you may not see"),
            total => write!(f, "{total} entries that you may not all see"),
        }
    }
}

/// `user local "alice" and 12 more`.
impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.first {
            Held::Unnamed => return write!(f, "{}", Unnamed(self.total)),
            Held::Entry { table, key } => write!(f, "{table} \"{key}\"")?,
            Held::Message(number) => write!(f, "message {number} of the outbox")?,
        }
        match self.total.saturating_sub(1) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Refuses what is meant for a virtual domain that does not exist.
pub(super) fn exists(operation: &Operation, facts: &Facts) -> Result<(), AdminError> {
    operation
        .vdom()
        .map_or(Ok(()), |vdom| is_there(vdom, facts))
}

/// Refuses a virtual domain that does not exist.
pub(super) fn is_there(vdom: Vdom, facts: &Facts) -> Result<(), AdminError> {
    if vdom.is_root() || facts.vdoms.contains(&vdom) {
        Ok(())
    } else {
        Err(AdminError::NoVdom(vdom))
    }
}

/// Makes a virtual domain, or leaves the one that is there as it is.
pub(super) fn create(place: &Place, facts: &Facts) -> Result<Plan, AdminError> {
    let vdom = Vdom::parse(place.key()).map_err(|error| AdminError::VdomName {
        key: place.key().into(),
        error,
    })?;
    if facts.vdoms.contains(&vdom) {
        return Ok(Plan::default());
    }
    if facts.vdom_mode == VdomMode::None {
        return Err(AdminError::VdomsOff);
    }
    if facts.vdoms.len() >= VDOMS_MAX {
        return Err(AdminError::TooManyVdoms);
    }
    Ok(Plan::of(Change::Object(Object::at(place))))
}

/// Deletes a virtual domain that nobody needs; its settings go with it.
pub(super) fn remove(place: &Place, facts: Facts) -> Result<Plan, AdminError> {
    let found = Vdom::parse(place.key()).ok();
    let found = found.filter(|vdom| facts.vdoms.contains(vdom));
    let Some(vdom) = found else {
        return Err(AdminError::NotFound {
            table: &VDOM,
            key: place.key().into(),
        });
    };
    if vdom.is_root() {
        return Err(AdminError::RootVdom);
    }
    match (facts.uses, facts.holds) {
        (Some(uses), _) => Err(AdminError::InUse { table: &VDOM, uses }),
        (None, Some(holds)) => Err(AdminError::VdomInUse { vdom, holds }),
        (None, None) => Ok(Plan::of(Change::VdomRemoved(vdom))),
    }
}

/// Without `vdom-mode`, nobody would see what stands in a virtual domain.
pub(super) fn mode_fits(object: &Object, facts: &Facts) -> Result<(), AdminError> {
    let other = facts.vdoms.iter().find(|vdom| !vdom.is_root());
    match other {
        Some(other) if object.table == &GLOBAL && object.text("vdom-mode") == "no-vdom" => {
            Err(AdminError::VdomsExist(*other))
        }
        _ => Ok(()),
    }
}

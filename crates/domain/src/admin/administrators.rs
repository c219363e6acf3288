//! `config system admin`: what an administrator must have, whose token it is, and that somebody is left
//! who may do everything.

use ident::TokenSerial;

use super::configure::required;
use super::{AdminError, Context, Facts, Manner, Owned, Owner, Plan, contacts, supply};
use crate::access::{BUILT_IN, FIXED, SUPER_ADMIN};
use crate::administrator::person;
use crate::contact::Contact;
use crate::name::{CanonicalName, Realm, UserName};
use crate::schema::{ACCPROFILE, ADMIN, FORTITOKEN, Object, Place, Table};
use crate::user::TwoFactor;
use crate::vdom::Vdom;

/// What has to be read besides the entry: who else there is, and may do everything.
pub(super) const ALL: (Vdom, &Table) = (Vdom::ROOT, &ADMIN);

/// Judges an entry that was changed, and moves its token.
pub(super) fn changed(
    object: &Object,
    before: Option<TokenSerial>,
    facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    required(object, "password", "the administrator's password")?;
    let why = "what the administrator may do, such as prof_admin";
    required(object, "accprofile", why)?;
    let two_factor = TwoFactor::parse(object.text("two-factor")).unwrap_or_default();
    contacts::reachable(two_factor, &Contact::of(object))?;
    let name = nobody_else(&object.key, None, &facts)?;
    if two_factor == TwoFactor::Fortitoken {
        let why = "the serial number of the administrator's token";
        required(object, "fortitoken", why)?;
    }
    if let Some(serial) = held(object) {
        free(serial, &name, &facts)?;
    }
    if object.text("accprofile") != SUPER_ADMIN {
        another_super_admin(&object.key, &facts)?;
    }
    let after = in_use(object);
    Ok(if before == after {
        Plan::default()
    } else {
        reassign(name.canonical(), before, after, facts, context)?
    })
}

/// Gives back the token of an administrator who is deleted.
pub(super) fn removed(
    object: &Object,
    facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    another_super_admin(&object.key, &facts)?;
    let name = name(&object.key)?;
    reassign(name.canonical(), in_use(object), None, facts, context)
}

/// What a profile grants that stays as it is.
pub(super) struct FixedGrants(Vec<Box<str>>);

impl FixedGrants {
    /// Notes what an entry grants before it is changed, if it is such a profile.
    pub(super) fn by(place: &Place, stored: Option<&Object>) -> Option<Self> {
        let is_fixed = place.table() == &ACCPROFILE && FIXED.contains(&place.key());
        is_fixed.then(|| Self(stored.map(texts).unwrap_or_default()))
    }

    /// Refuses to grant anything else. To say again what it says is no change: a saved configuration
    /// does.
    pub(super) fn must_be(self, object: &Object) -> Result<(), AdminError> {
        if texts(object) == self.0 {
            return Ok(());
        }
        Err(AdminError::FixedProfile(object.key.clone()))
    }
}

fn texts(object: &Object) -> Vec<Box<str>> {
    let fields = object.table.fields.iter();
    fields.map(|field| object.text(field.name).into()).collect()
}

/// Refuses to take away a profile that is there from the start.
pub(super) fn profile_stays(place: &Place) -> Result<(), AdminError> {
    if place.table() == &ACCPROFILE && BUILT_IN.contains(&place.key()) {
        return Err(AdminError::FixedProfile(place.key().into()));
    }
    Ok(())
}

/// The person of an entry, whom no other entry may name: they would share password, token and
/// failures. The entry that is renamed is none other.
pub(super) fn nobody_else(
    key: &str,
    renamed: Option<&str>,
    facts: &Facts,
) -> Result<UserName, AdminError> {
    let name = name(key)?;
    let is_other = |other: &&Object| *other.key != *key && Some(&*other.key) != renamed;
    let same_person = |other: &&Object| person(&other.key).as_ref() == Ok(name.canonical());
    let mut others = facts.all.iter().filter(is_other);
    match others.find(same_person) {
        Some(other) => Err(AdminError::SamePerson {
            key: key.into(),
            existing: other.key.clone(),
        }),
        None => Ok(name),
    }
}

fn name(key: &str) -> Result<UserName, AdminError> {
    UserName::within(Realm::Administrators, key).map_err(|error| AdminError::Name {
        key: key.into(),
        error,
    })
}

/// The token of an entry.
pub(super) fn held(object: &Object) -> Option<TokenSerial> {
    TokenSerial::parse(object.text("fortitoken")).ok()
}

/// The token whose codes the administrator needs.
pub(super) fn in_use(object: &Object) -> Option<TokenSerial> {
    held(object).filter(|_| object.text("two-factor") == "fortitoken")
}

/// A token belongs to one person; administrators have theirs from the root.
fn free(serial: TokenSerial, name: &UserName, facts: &Facts) -> Result<(), AdminError> {
    let owned = facts
        .token(serial)
        .filter(|owned| owned.token.vdom.is_root());
    let owned = owned.ok_or_else(|| AdminError::NotFound {
        table: &FORTITOKEN,
        key: serial.as_str().into(),
    })?;
    not_taken(owned, name)
}

/// Refuses a token that is somebody else's.
pub(super) fn not_taken(owned: &Owned, name: &UserName) -> Result<(), AdminError> {
    match &owned.owner {
        Some(Owner { name: owner, .. }) if owner.canonical() != name.canonical() => {
            Err(AdminError::TokenTaken {
                token: owned.token.serial,
                owner: owner.clone(),
            })
        }
        _ => Ok(()),
    }
}

/// Without one, nobody could ever change the rights of anybody over the network again.
fn another_super_admin(key: &str, facts: &Facts) -> Result<(), AdminError> {
    let is_super = |object: &&Object| object.text("accprofile") == SUPER_ADMIN;
    let was_super = facts
        .all
        .iter()
        .filter(is_super)
        .any(|object| *object.key == *key);
    let mut others = facts.all.iter().filter(is_super);
    if was_super && others.all(|object| *object.key == *key) {
        return Err(AdminError::LastSuperAdmin(key.into()));
    }
    Ok(())
}

/// Gives back the token that somebody had and provisions the one that the owner gets.
pub(super) fn reassign(
    owner: &CanonicalName,
    before: Option<TokenSerial>,
    after: Option<TokenSerial>,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let released = before
        .and_then(|serial| facts.take_token(serial))
        .map_or_else(Plan::default, |Owned { token, .. }| supply::released(token));
    let requested = match after.and_then(|serial| facts.take_token(serial)) {
        Some(Owned { token, .. }) if token.is_mobile() => match context.manner {
            Manner::Typed => {
                supply::not_withheld(&token)?;
                supply::requested(token, Some(owner.clone()), context)
            }
            // It came with the same configuration, and nobody else had it here.
            Manner::Restored if token.is_conveyed() => Plan::default(),
            Manner::Restored => supply::unprovisioned(token),
        },
        _ => Plan::default(),
    };
    Ok(released.and(requested))
}

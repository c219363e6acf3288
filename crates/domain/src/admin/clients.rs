//! RADIUS clients: which request is whose must not depend on their order, nor on what somebody configures
//! in another virtual domain.

use super::configure::required;
use super::{AdminError, Context, Edit, Facts};
use crate::client::LOGINCHECK;
use crate::schema::{Object, Place, RADIUS_CLIENT, Subnet, Table};
use crate::verification::PREFIX;

/// A RADIUS client beside the one that is configured.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// Its entry.
    pub client: Place,
    /// Where it asks from.
    pub subnet: Subnet,
}

/// The network that these edits give a client.
pub(super) fn network(place: &Place, edits: &[Edit]) -> Option<Subnet> {
    let subnet = edits.iter().rev().find_map(|edit| match edit {
        Edit::Set(field, value) if field.name == "subnet" => value.as_text(),
        _ => None,
    });
    subnet
        .filter(|_| place.table() == &RADIUS_CLIENT)
        .and_then(Subnet::parse)
}

/// A client has a secret, and a network that takes no request from another client.
pub(super) fn complete(
    object: &Object,
    facts: &Facts,
    context: &Context<'_>,
) -> Result<(), AdminError> {
    not_reserved(object.table, &object.key)?;
    required(object, "subnet", "the client's address or network")?;
    required(
        object,
        "secret",
        "the secret that the client is configured with",
    )?;
    let mut neighbours = facts.neighbours.iter();
    match neighbours.find(|other| is_in_the_way(other, object)) {
        Some(other) => Err(same_network(object, &other.client, context)),
        None => Ok(()),
    }
}

/// What clients over HTTPS are called in events is no RADIUS client's name.
pub(super) fn not_reserved(table: &Table, key: &str) -> Result<(), AdminError> {
    if table != &RADIUS_CLIENT {
        return Ok(());
    }
    if key == LOGINCHECK {
        return Err(AdminError::ReservedName(LOGINCHECK));
    }
    if key.starts_with(PREFIX) {
        return Err(AdminError::ReservedName(PREFIX));
    }
    Ok(())
}

/// An application has a network, and a secret unless its address is enough.
pub(super) fn application(object: &Object) -> Result<(), AdminError> {
    required(object, "subnet", "the application's address or network")?;
    if object.text("credentials") == "subnet" {
        return Ok(());
    }
    required(
        object,
        "secret",
        "the secret that the application is configured with",
    )
}

/// Within a virtual domain the longer prefix decides. Across two of them it would give the requests of
/// one to whoever names a smaller network in the other.
fn is_in_the_way(other: &Neighbour, object: &Object) -> bool {
    if other.client.vdom() != object.vdom {
        return true;
    }
    let is_same = Subnet::parse(object.text("subnet")) == Some(other.subnet);
    is_same && other.client != object.place()
}

/// A copy would have the network of the original.
pub(super) fn not_copied(
    original: Option<&Object>,
    context: &Context<'_>,
) -> Result<(), AdminError> {
    match original {
        Some(object) if object.table == &RADIUS_CLIENT => {
            Err(same_network(object, &object.place(), context))
        }
        _ => Ok(()),
    }
}

/// What stands in a virtual domain is named to nobody who has no part in it.
fn same_network(object: &Object, other: &Place, context: &Context<'_>) -> AdminError {
    let is_seen = context.realms.contain(other.vdom());
    AdminError::SameNetwork {
        subnet: object.text("subnet").into(),
        other: is_seen.then(|| other.clone()),
    }
}

/// What to do about a network that this client shares addresses with.
pub(super) fn next_step(other: Option<&Place>) -> String {
    let Some(other) = other else {
        return "it is none of yours: take another network, or ask who administers the unit".into();
    };
    let (path, key, vdom) = (other.table().path, other.key(), other.vdom());
    let place = if vdom.is_root() {
        String::new()
    } else {
        format!(" in vdom \"{vdom}\"")
    };
    format!("it is that of {path} \"{key}\"{place}: give each client a network of its own")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::VERIFICATION_CLIENT;

    #[test]
    fn no_radius_client_is_called_like_one_over_https() {
        for name in [LOGINCHECK, PREFIX, "rest:portal"] {
            assert!(not_reserved(&RADIUS_CLIENT, name).is_err(), "{name}");
            assert!(not_reserved(&VERIFICATION_CLIENT, name).is_ok(), "{name}");
        }
        assert!(not_reserved(&RADIUS_CLIENT, "rest").is_ok());
    }
}

//! RADIUS clients: which request is whose must not depend on their order.

use super::configure::required;
use super::{AdminError, Edit, Facts};
use crate::schema::{Object, Place, RADIUS_CLIENT};

/// The network that these edits give a client.
pub(super) fn network(place: &Place, edits: &[Edit]) -> Option<Box<str>> {
    let subnet = edits.iter().rev().find_map(|edit| match edit {
        Edit::Set(field, value) if field.name == "subnet" => value.as_text(),
        _ => None,
    });
    subnet
        .filter(|_| place.table() == &RADIUS_CLIENT)
        .map(Box::from)
}

/// A client has a network that no other client has, in whichever virtual domain, and a secret.
pub(super) fn complete(object: &Object, facts: &Facts) -> Result<(), AdminError> {
    required(object, "subnet", "the client's address or network")?;
    required(
        object,
        "secret",
        "the secret that the client is configured with",
    )?;
    let place = object.place();
    match facts.neighbours.iter().find(|other| **other != place) {
        Some(other) => Err(same_network(object, other.clone())),
        None => Ok(()),
    }
}

/// A copy would have the network of the original.
pub(super) fn not_copied(original: Option<&Object>) -> Result<(), AdminError> {
    match original {
        Some(object) if object.table == &RADIUS_CLIENT => Err(same_network(object, object.place())),
        _ => Ok(()),
    }
}

fn same_network(object: &Object, other: Place) -> AdminError {
    AdminError::SameNetwork {
        subnet: object.text("subnet").into(),
        other,
    }
}

/// What to do about a network that this client has.
pub(super) fn next_step(other: &Place) -> String {
    let (path, key, vdom) = (other.table().path, other.key(), other.vdom());
    let place = if vdom.is_root() {
        String::new()
    } else {
        format!(" in vdom \"{vdom}\"")
    };
    format!("{path} \"{key}\"{place} has it: give each client a network of its own")
}

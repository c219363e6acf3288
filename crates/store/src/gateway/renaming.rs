//! Entries under another key: the row, its secrets, and whatever names it, in one transaction.

use domain::name::{CanonicalName, UserName};
use domain::schema::{LOCAL, Object, Place, Value};
use domain::user::User;
use zeroize::Zeroizing;

use super::administer::{Touched, Update, administrator, put_object};
use super::directory::PersonEntry;
use super::entries;
use super::former;
use super::memory::Memory;
use super::people;
use super::references::{self, Renamed};
use crate::engine::{SqlError, Tx};

/// Gives a person another name.
pub(super) async fn user<T: Tx>(
    tx: &mut T,
    from: CanonicalName,
    to: UserName,
    touched: &mut Touched,
) -> Result<(), SqlError> {
    let Some(user) = people::person(tx, &from).await? else {
        return Err(SqlError::damaged("person", from.as_str(), "canonical"));
    };
    people::rename_person(tx, &from, &to).await?;
    let renamed = Renamed {
        vdom: from.realm().vdom(),
        table: &LOCAL,
        from: from.as_str(),
        to: to.canonical().as_str(),
        from_written: user.name.as_written(),
        to_written: to.as_written(),
    };
    carried(references::rename(tx, &renamed).await?, touched);
    let name = to.canonical().clone();
    touched.updates.push(Update::Renamed(from, name.clone()));
    // A directory knows the person by the name as written.
    let entry = PersonEntry::from(&User { name: to, ..user });
    touched.updates.push(Update::Person(name, entry));
    Ok(())
}

/// Gives an entry of another table another key.
pub(super) async fn object<T: Tx>(
    tx: &mut T,
    place: &Place,
    to: &str,
    memory: &Memory,
    touched: &mut Touched,
) -> Result<(), SqlError> {
    let (table, from) = (place.table(), place.key());
    copy(tx, place, to, memory, touched).await?;
    entries::remove_object(tx, place).await?;
    if let (Some(from), Some(to)) = (administrator(table, from), administrator(table, to)) {
        former::rename(tx, &from, &to).await?;
        touched.updates.push(Update::Renamed(from, to));
    }
    let renamed = Renamed {
        vdom: place.vdom(),
        table,
        from,
        to,
        from_written: from,
        to_written: to,
    };
    let places = references::rename(tx, &renamed).await?;
    people::rename_in_people(tx, place, to).await?;
    people(tx, &places, touched).await?;
    carried(places, touched);
    touched.object(place);
    Ok(())
}

/// The people among those who name the entry: they name it by its new key now.
async fn people<T: Tx>(
    tx: &mut T,
    places: &[Place],
    touched: &mut Touched,
) -> Result<(), SqlError> {
    for place in places.iter().filter(|place| place.table() == &LOCAL) {
        let name = CanonicalName::from_stored(place.key());
        if let Some(user) = people::person(tx, &name).await? {
            let entry = PersonEntry::from(&user);
            touched.updates.push(Update::Person(name, entry));
        }
    }
    Ok(())
}

/// What names the entry has another value now: memory has to learn it like any other change.
fn carried(places: Vec<Place>, touched: &mut Touched) {
    for place in places {
        touched.object(&place);
    }
}

/// Writes a copy of an entry. Its secrets are sealed anew, since each is bound to its entry.
pub(super) async fn copy<T: Tx>(
    tx: &mut T,
    place: &Place,
    to: &str,
    memory: &Memory,
    touched: &mut Touched,
) -> Result<(), SqlError> {
    let damaged = || SqlError::damaged("config", place.key(), "secret");
    let original = entries::object(tx, place).await?;
    let original = original.ok_or_else(damaged)?;
    let mut copied = opened(memory, &original, to);
    for child in place.table().children {
        let children = original.children(child);
        let children = children.map(|child| opened(memory, child, &child.key));
        copied.set_children(child, children.collect());
    }
    put_object(tx, copied, memory, touched).await
}

/// The fields of an entry under another key, its secrets open. One that another unit sealed opens under
/// no key here and stays as it is.
fn opened(memory: &Memory, original: &Object, key: &str) -> Object {
    let mut copied = Object::at(&Place::new(original.vdom, original.table, key));
    for (field, value) in original.values() {
        let value = match value {
            Value::Text(text) => Value::Text(text.clone()),
            Value::List(texts) => Value::List(texts.clone()),
            Value::Secret(plain) => Value::Secret(plain.clone()),
            Value::Sealed(sealed) | Value::Foreign(sealed) => memory
                .open_secret(original, field.name)
                .and_then(|secret| String::from_utf8(secret.expose().to_vec()).ok())
                .map_or_else(
                    || Value::Sealed(sealed.clone()),
                    |plain| Value::Secret(Zeroizing::new(plain)),
                ),
        };
        copied.set(field, value);
    }
    copied
}

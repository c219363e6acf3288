//! Entries of the configuration tables as rows, one for each field.

use data_encoding::BASE64;
use domain::admin::{Named, Neighbour};
use domain::schema::{Field, Kind, Object, Place, RADIUS_CLIENT, Subnet, Table, Value};
use domain::vdom::Vdom;
use zeroize::Zeroizing;

use super::references::{self, Reference};
use super::secrets::Secrets;
use crate::engine::{SqlError, Tx};
use crate::vals;

/// The entry of a table with this key. A single object exists always.
pub(super) async fn object<T: Tx>(tx: &mut T, place: &Place) -> Result<Option<Object>, SqlError> {
    let rows: Vec<(String, String)> = tx
        .rows(
            "SELECT field, value FROM config WHERE path = $1 AND vdom = $2 AND entry = $3 \
             ORDER BY field",
            &vals![place.table().path, place.vdom().as_str(), place.key()],
        )
        .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut object = Object::at(place);
    for (name, value) in rows {
        fill(&mut object, &name, value);
    }
    Ok(Some(object))
}

/// All entries of a table in a virtual domain, in the order of their keys.
pub(super) async fn objects<T: Tx>(
    tx: &mut T,
    vdom: Vdom,
    table: &'static Table,
) -> Result<Vec<Object>, SqlError> {
    let rows: Vec<EntryField> = tx
        .rows(
            "SELECT vdom, entry, field, value FROM config WHERE path = $1 AND vdom = $2 \
             ORDER BY entry, field",
            &vals![table.path, table.within(vdom).as_str()],
        )
        .await?;
    assembled(table, rows)
}

/// All entries of a table, in the order of their virtual domains and keys.
pub(super) async fn objects_everywhere<T: Tx>(
    tx: &mut T,
    table: &'static Table,
) -> Result<Vec<Object>, SqlError> {
    let rows: Vec<EntryField> = tx
        .rows(
            "SELECT vdom, entry, field, value FROM config WHERE path = $1 \
             ORDER BY vdom, entry, field",
            &vals![table.path],
        )
        .await?;
    assembled(table, rows)
}

/// Virtual domain, key, name of the field, value.
type EntryField = (String, String, String, String);

fn assembled(table: &'static Table, rows: Vec<EntryField>) -> Result<Vec<Object>, SqlError> {
    let mut objects: Vec<Object> = Vec::new();
    for (vdom, key, name, value) in rows {
        let vdom = parsed_vdom(&vdom)?;
        match objects
            .last_mut()
            .filter(|object| object.vdom == vdom && *object.key == *key)
        {
            Some(object) => fill(object, &name, value),
            None => {
                let mut object = Object::at(&Place::new(vdom, table, key));
                fill(&mut object, &name, value);
                objects.push(object);
            }
        }
    }
    Ok(objects)
}

/// The RADIUS clients that share addresses with this network.
pub(super) async fn clients_beside<T: Tx>(
    tx: &mut T,
    subnet: &Subnet,
) -> Result<Vec<Neighbour>, SqlError> {
    let rows: Vec<(String, String, String)> = tx
        .rows(
            "SELECT vdom, entry, value FROM config \
             WHERE path = $1 AND field = 'subnet' ORDER BY value",
            &vals![RADIUS_CLIENT.path],
        )
        .await?;
    let mut neighbours = Vec::new();
    for (vdom, key, other) in rows {
        let other = Subnet::parse(&other).filter(|other| other.overlaps(subnet));
        if let Some(subnet) = other {
            let client = Place::new(parsed_vdom(&vdom)?, &RADIUS_CLIENT, key);
            neighbours.push(Neighbour { client, subnet });
        }
    }
    Ok(neighbours)
}

/// All virtual domains, the root first.
pub(super) async fn vdoms<T: Tx>(tx: &mut T) -> Result<Vec<Vdom>, SqlError> {
    let rows: Vec<(String,)> = tx
        .rows(
            "SELECT entry FROM config WHERE path = 'vdom' AND vdom = 'root' AND field = '' \
             ORDER BY entry <> 'root', entry",
            &[],
        )
        .await?;
    rows.iter().map(|(name,)| parsed_vdom(name)).collect()
}

/// A virtual domain as a row names it.
pub(super) fn parsed_vdom(name: &str) -> Result<Vdom, SqlError> {
    Vdom::parse(name).map_err(|_| SqlError::damaged("config", name, "vdom"))
}

/// A field that this version does not declare is left alone in its row.
fn fill(object: &mut Object, name: &str, value: String) {
    if let Some(child) = ChildField::parse(name) {
        return child.fill(object, value);
    }
    if let Some(field) = object.table.field(name) {
        object.set(field, stored(field, value));
    }
}

fn stored(field: &'static Field, value: String) -> Value {
    match field.kind {
        _ if field.kind.is_secret() => Value::Sealed(value.into()),
        Kind::List(_) => Value::List(value.lines().map(Box::from).collect()),
        _ => Value::Text(value.into()),
    }
}

/// The row of a child entry's field is named `CHILD/PLACE/FIELD`; the one without a field has the
/// child's key. No table and no field has a `/` in its name.
struct ChildField<'a> {
    table: &'a str,
    place: usize,
    field: &'a str,
}

impl<'a> ChildField<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let (table, rest) = name.split_once('/')?;
        let (place, field) = rest.split_once('/')?;
        let place = place.parse().ok()?;
        Some(Self {
            table,
            place,
            field,
        })
    }

    /// Five digits put the rows of a listing into the order of the children.
    fn name(table: &Table, place: usize, field: &str) -> String {
        format!("{}/{place:05}/{field}", table.path)
    }

    fn fill(&self, object: &mut Object, value: String) {
        let Some(table) = object.table.child(self.table) else {
            return;
        };
        if self.field == EXISTS {
            object.add_child(Object::new(table, &value));
        } else if let (Some(field), Some(child)) =
            (table.field(self.field), object.child_mut(table, self.place))
        {
            child.set(field, stored(field, value));
        }
    }
}

/// The row that an entry without any set field leaves behind: it exists.
const EXISTS: &str = "";

pub(super) async fn put_object<T: Tx>(
    tx: &mut T,
    object: Object,
    secrets: &Secrets,
) -> Result<(), SqlError> {
    let place = object.place();
    references::put(tx, &place, &named_by(&object)).await?;
    clear(tx, &place).await?;
    put_field(tx, &place, EXISTS, "").await?;
    let (values, children) = object.into_parts();
    for (field, value) in values {
        let text = kept(&place, field, value, secrets)?;
        put_field(tx, &place, field.name, &text).await?;
    }
    for table in place.table().children {
        let children = children.iter().filter(|child| child.table == *table);
        for (position, child) in children.enumerate() {
            let name = ChildField::name(table, position, EXISTS);
            put_field(tx, &place, &name, &child.key).await?;
            for (field, value) in child.values() {
                let name = ChildField::name(table, position, field.name);
                put_field(tx, &place, &name, &value.texts().join("\n")).await?;
            }
        }
    }
    Ok(())
}

/// A value as its row holds it. No text of a list has line ends, so they part its texts.
fn kept(
    place: &Place,
    field: &'static Field,
    value: Value,
    secrets: &Secrets,
) -> Result<Zeroizing<String>, SqlError> {
    Ok(Zeroizing::new(match value {
        Value::Text(text) | Value::Sealed(text) | Value::Foreign(text) => text.into_string(),
        Value::List(texts) => texts.join("\n"),
        Value::Secret(plain) => {
            let sealed = secrets.seal_config(place, field.name, plain.as_bytes())?;
            BASE64.encode(&sealed)
        }
    }))
}

async fn put_field<T: Tx>(
    tx: &mut T,
    place: &Place,
    field: &str,
    value: &str,
) -> Result<(), SqlError> {
    let (path, vdom) = (place.table().path, place.vdom());
    tx.exec_one(
        "INSERT INTO config (path, vdom, entry, field, value) VALUES ($1, $2, $3, $4, $5)",
        &vals![path, vdom.as_str(), place.key(), field, value],
    )
    .await
}

/// What the values of an entry name, each with the name of its row.
fn named_by(object: &Object) -> Vec<Reference> {
    let own = object
        .values()
        .map(|(field, value)| (field.name.to_owned(), field, value));
    let of_children = object.table.children.iter().flat_map(|table| {
        let children = object.children(table).enumerate();
        children.flat_map(move |(position, child)| {
            let name = move |field: &Field| ChildField::name(table, position, field.name);
            child
                .values()
                .map(move |(field, value)| (name(field), field, value))
        })
    });
    let references = own.chain(of_children).flat_map(|(name, field, value)| {
        let tables = field.kind.references();
        let texts = value.texts().iter().filter(|_| !tables.is_empty());
        texts.map(move |key| Reference {
            field: name.clone(),
            named: Named {
                vdom: object.vdom,
                tables,
                key: key.clone(),
            },
        })
    });
    references.collect()
}

/// `match/00000/server-name` as an administrator reads it: `match server-name`.
pub(super) fn field_words(name: &str) -> String {
    match ChildField::parse(name) {
        Some(child) => format!("{} {}", child.table, child.field),
        None => name.to_owned(),
    }
}

pub(super) async fn remove_object<T: Tx>(tx: &mut T, place: &Place) -> Result<(), SqlError> {
    references::remove(tx, place).await?;
    clear(tx, place).await
}

async fn clear<T: Tx>(tx: &mut T, place: &Place) -> Result<(), SqlError> {
    tx.exec(
        "DELETE FROM config WHERE path = $1 AND vdom = $2 AND entry = $3",
        &vals![place.table().path, place.vdom().as_str(), place.key()],
    )
    .await
    .map(drop)
}

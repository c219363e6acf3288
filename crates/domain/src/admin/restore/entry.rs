//! One entry of a configuration beside the entry that is here.

use std::collections::HashSet;

use ident::TokenSerial;

use super::super::{Edit, Facts, Named, configure, references};
use super::Remark;
use crate::administrator;
use crate::schema::{ADMIN, Access, FORTITOKEN, Field, LOCAL, Object, Place, Shape, Table, Value};

/// How two keys are compared: names mean the same person in more than one spelling, and serial numbers
/// the same token.
pub(super) fn identity(place: &Place) -> Box<str> {
    let key = place.key();
    let person = match place.table() {
        table if table == &LOCAL => configure::person(place).ok(),
        table if table == &ADMIN => administrator::person(key).ok(),
        _ => None,
    };
    let token = TokenSerial::parse(key).ok();
    match (person, token.filter(|_| place.table() == &FORTITOKEN)) {
        (Some(person), _) => person.as_str().into(),
        (None, Some(token)) => token.as_str().into(),
        (None, None) => key.into(),
    }
}

/// What stays once names are left out that nothing has here. What would then mean more than the text said
/// stays as it is, and the entry is refused for it.
pub(super) fn without_strangers(
    place: &Place,
    edits: Vec<Edit>,
    facts: &Facts,
) -> (Vec<Edit>, Vec<Remark>) {
    let mut left_out = Vec::new();
    let mut strangers = HashSet::new();
    let lists = edits.into_iter().map(|edit| match edit {
        Edit::Set(field, Value::List(keys)) if !field.kind.references().is_empty() => {
            let (here, strange) = known_names(place, field, keys, facts);
            strangers.extend(strange.iter().map(|named| named.key.clone()));
            let strange = strange.into_iter();
            left_out.extend(strange.map(|named| Remark::NotNamed(field, named)));
            Edit::Set(field, Value::List(here))
        }
        edit => edit,
    });
    let edits: Vec<Edit> = lists.collect();
    let tables = edits.into_iter().map(|edit| match edit {
        Edit::Children(table, entries) => {
            let (here, strange) = known_children(place, entries, &strangers, facts);
            left_out.extend(strange);
            Edit::Children(table, here)
        }
        edit => edit,
    });
    let edits = tables.collect();
    (edits, left_out)
}

/// The names of a list that something has here, and the others.
fn known_names(
    place: &Place,
    field: &'static Field,
    keys: Vec<Box<str>>,
    facts: &Facts,
) -> (Vec<Box<str>>, Vec<Named>) {
    let named = |key: &str| Named {
        vdom: place.vdom(),
        tables: field.kind.references(),
        key: key.into(),
    };
    let is_here = |key: &str| facts.named.contains_key(&named(key));
    if bounds(place.table(), field) && !keys.iter().any(|key| is_here(key)) {
        return (keys, Vec::new());
    }
    let (here, strange): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| is_here(key));
    (here, strange.iter().map(|key| named(key)).collect())
}

/// The entries of a child table without those that name what nothing has here. One that bounds whom the
/// entry lets in stays, and is refused, unless what it bounds was left out as well: these `strangers`.
fn known_children(
    place: &Place,
    entries: Vec<Object>,
    strangers: &HashSet<Box<str>>,
    facts: &Facts,
) -> (Vec<Object>, Vec<Remark>) {
    let mut left_out = Vec::new();
    let here = entries.into_iter().filter(|entry| {
        let named = entry.values().flat_map(|(field, value)| {
            let names = references::names(place.vdom(), field, value);
            names.into_iter().map(move |named| (field, named))
        });
        let mut strange = named.filter(|(_, named)| !facts.named.contains_key(named));
        let Some((field, named)) = strange.next() else {
            return true;
        };
        if field.bounds_admission() && !strangers.contains(&named.key) {
            return true;
        }
        left_out.push(Remark::NotNamed(field, named));
        false
    });
    (here.collect(), left_out)
}

/// Whether a list says where an entry is bound to, so that an empty one means everywhere.
fn bounds(table: &Table, field: &Field) -> bool {
    table == &ADMIN && field.name == "vdom"
}

/// The edits of a whole configuration: what it does not set goes back to its default first.
pub(super) fn covering(table: &'static Table, edits: Vec<Edit>) -> Vec<Edit> {
    let is_set = |field: &Field| {
        let mut sets = edits.iter();
        sets.any(|edit| matches!(edit, Edit::Set(set, _) if set.name == field.name))
    };
    let fields = table.fields.iter();
    let unset = fields
        .filter(|field| field.access == Access::Administrator && !is_set(field))
        .map(Edit::Unset);
    let tables = table.children.iter();
    let emptied = tables.map(|table| Edit::Children(table, Vec::new()));
    let mut covering: Vec<Edit> = unset.chain(emptied).collect();
    covering.extend(edits);
    covering
}

/// What the entry holds now; nothing for a new one.
pub(super) fn before(place: &Place, facts: &Facts) -> Option<String> {
    if place.table() == &LOCAL {
        let user = facts.user(&configure::person(place).ok()?);
        return user.map(|user| written(&Object::from(user)));
    }
    if place.table() == &FORTITOKEN {
        let owned = facts.token(TokenSerial::parse(place.key()).ok()?)?;
        return Some(written(&owned.token.to_object(None)));
    }
    match (&facts.object, &place.table().shape) {
        (Some(object), _) => Some(written(object)),
        (None, Shape::Single) => Some(String::new()),
        (None, Shape::Keyed(_)) => None,
    }
}

/// All that an entry holds, as one text. A secret that is not sealed yet is like no other.
pub(super) fn written(object: &Object) -> String {
    let mut text = String::new();
    for (field, value) in object.values() {
        text += &format!("\n{}=", field.name);
        match value {
            Value::Text(_) | Value::List(_) => text += &value.texts().join("\t"),
            Value::Sealed(sealed) | Value::Foreign(sealed) => text += sealed,
            Value::Secret(_) => text.push('\0'),
        }
    }
    let tables = object.table.children.iter();
    for child in tables.flat_map(|table| object.children(table)) {
        text += &format!("\n\n{} {}{}", child.table.path, child.key, written(child));
    }
    text
}

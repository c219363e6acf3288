//! Entries of tables.

use super::{Field, Kind, Netmask, Place, Table, Value};
use crate::vdom::Vdom;

/// An entry of a table, as the command line and the store exchange it: only fields that were set.
#[derive(Clone, Debug)]
pub struct Object {
    /// The virtual domain; the root for a table that stands once.
    pub vdom: Vdom,
    /// The table.
    pub table: &'static Table,
    /// The key; empty for a single object.
    pub key: Box<str>,
    values: Vec<(&'static Field, Value)>,
    children: Vec<Object>,
}

impl Object {
    /// An entry of the root with nothing set.
    pub fn new(table: &'static Table, key: &str) -> Self {
        Self::at(&Place::new(Vdom::ROOT, table, key))
    }

    /// An entry with nothing set.
    pub fn at(place: &Place) -> Self {
        Self {
            vdom: place.vdom(),
            table: place.table(),
            key: Box::from(place.key()),
            values: Vec::new(),
            children: Vec::new(),
        }
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        Place::new(self.vdom, self.table, self.key.clone())
    }

    /// The fields that are set, in the table's order.
    pub fn values(&self) -> impl Iterator<Item = (&'static Field, &Value)> {
        self.table
            .fields
            .iter()
            .filter_map(|field| self.value(field.name).map(|value| (field, value)))
    }

    /// What a field was set to.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values
            .iter()
            .find(|(field, _)| field.name == name)
            .map(|(_, value)| value)
    }

    /// Whether a field holds this already. Of a secret it is told by its sealed form alone.
    pub fn is_set_to(&self, field: &Field, value: &Value) -> bool {
        match (self.value(field.name), value) {
            (Some(Value::Sealed(stored)), Value::Sealed(sealed)) => stored == sealed,
            // What the host has given an interface is an address in its network.
            (Some(Value::Text(stored)), Value::Text(text))
                if matches!(field.kind, Kind::Netmask) =>
            {
                Netmask::parse(stored) == Netmask::parse(text)
            }
            (_, Value::Text(text)) => self.text(field.name) == &**text,
            (_, Value::List(texts)) => self.list(field.name) == *texts,
            _ => false,
        }
    }

    /// What a field holds: as set, else its default. Secrets and lists are no text.
    pub fn text(&self, name: &str) -> &str {
        match self.value(name) {
            Some(value) => value.as_text().unwrap_or(""),
            None => self.table.field(name).map_or("", |field| field.default),
        }
    }

    /// What a number field holds.
    pub fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(0)
    }

    /// Whether an `enable | disable` field is enabled.
    pub fn is_enabled(&self, name: &str) -> bool {
        self.text(name) == "enable"
    }

    /// What a list field holds: as set, else its default.
    pub fn list(&self, name: &str) -> Vec<Box<str>> {
        match self.value(name) {
            Some(value) => value.texts().to_vec(),
            None => self
                .table
                .field(name)
                .map_or_else(Vec::new, |field| field.default_value().texts().to_vec()),
        }
    }

    /// Sets a field; a value equal to the default is not kept.
    pub fn set(&mut self, field: &'static Field, value: Value) {
        self.unset(field);
        if !field.is_default(&value) {
            self.values.push((field, value));
        }
    }

    /// Sets a field by name, where the table has it.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        if let (Some(field), Some(value)) = (self.table.field(name), value) {
            self.set(field, Value::Text(Box::from(value)));
        }
        self
    }

    /// Sets a field to a secret in the form in which it is kept.
    #[must_use]
    pub fn with_sealed(mut self, name: &str, value: Option<Box<str>>) -> Self {
        if let (Some(field), Some(value)) = (self.table.field(name), value) {
            self.set(field, Value::Sealed(value));
        }
        self
    }

    /// Puts a field back to its default.
    pub fn unset(&mut self, field: &'static Field) {
        self.values.retain(|(set, _)| set.name != field.name);
    }

    /// Entries of a child table, in their order.
    pub fn children(&self, table: &'static Table) -> impl Iterator<Item = &Object> {
        self.children
            .iter()
            .filter(move |child| child.table == table)
    }

    /// Puts these in place of all entries of a child table.
    pub fn set_children(&mut self, table: &'static Table, children: Vec<Object>) {
        self.children.retain(|child| child.table != table);
        self.children.extend(children);
    }

    /// Adds an entry of a child table behind those that are there.
    pub fn add_child(&mut self, child: Object) {
        self.children.push(child);
    }

    /// An entry of a child table by its place among them.
    pub fn child_mut(&mut self, table: &'static Table, place: usize) -> Option<&mut Object> {
        let mut children = self.children.iter_mut();
        children
            .by_ref()
            .filter(|child| child.table == table)
            .nth(place)
    }

    /// Hands fields and child entries over, for the store.
    pub fn into_parts(self) -> (Vec<(&'static Field, Value)>, Vec<Object>) {
        (self.values, self.children)
    }
}

//! Configuration tables, each declared once: fields, types, sizes, defaults, help.
//!
//! Parsing, completion, `show` and `get` of the command line come from these declarations, and so does
//! the reference manual; REST resources and web forms will.

use crate::access::Area;

mod example;
mod kind;
mod network;
mod object;
mod place;
mod records;
mod tables;

pub use kind::{Choice, Kind, LIST_MAX, REFERENCE_MAX, TEXTS_MAX, Value, ValueError};
pub use network::{Netmask, Subnet};
pub use object::Object;
pub use place::Place;
pub use tables::*;

/// A configuration table or a single settings object.
#[derive(Debug)]
pub struct Table {
    /// The words after `config`, separated by one blank. In a child table only its own word.
    pub path: &'static str,
    /// One line for `?`.
    pub help: &'static str,
    /// Whether each VDOM has its own.
    pub scope: Scope,
    /// Which right of an access profile it takes.
    pub area: Area,
    /// Whether it has entries.
    pub shape: Shape,
    /// Its fields, in the order of `show` and `get`.
    pub fields: &'static [Field],
    /// Tables inside an entry or settings object: `config match` in a group.
    pub children: &'static [&'static Table],
}

/// Where a table stands when there are virtual domains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Once, under `config global`.
    Global,
    /// Once in each VDOM.
    Vdom,
}

/// Whether a table has entries or is one object.
#[derive(Debug)]
pub enum Shape {
    /// One object: `config system global`.
    Single,
    /// Entries by key: `config user local`, `edit NAME`.
    Keyed(Key),
}

/// The key of a table's entries.
#[derive(Debug)]
pub struct Key {
    /// What `get` calls it.
    pub name: &'static str,
    /// One line for `?`.
    pub help: &'static str,
    /// What it may be.
    pub form: KeyForm,
}

/// What a key may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyForm {
    /// A name of at most this many characters.
    Name(u16),
    /// A number from 1 to this; `edit 0` takes the next free one.
    Number(u32),
}

/// One field of a table.
#[derive(Debug)]
pub struct Field {
    /// The word after `set`.
    pub name: &'static str,
    /// One line for `?`.
    pub help: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What it holds when not set; empty for nothing.
    pub default: &'static str,
    /// Who sets it.
    pub access: Access,
    /// Whether it does anything.
    pub effect: Effect,
    /// Whether it has a say in who is let in.
    pub bearing: Bearing,
    /// What it typically holds; empty where its kind tells enough, see [`Field::example`].
    pub sample: &'static str,
}

/// Who sets a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// The administrator.
    Administrator,
    /// The system; `set` refuses it.
    System,
    /// The system; `set` takes it back in the form in which it is shown, `ENC …`.
    Restored,
}

/// Whether a field does anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It does what its help says.
    InForce,
    /// It is kept and shown, so that configurations and scripts carry over, and does nothing: why.
    None(&'static str),
    /// It takes its default alone, so that nobody counts on what any other value would mean elsewhere: why.
    Fixed(&'static str),
}

/// Whether a field has a say in who is let in. An entry in which such a field is not as it was meant may
/// let in others than its administrator meant, so it is kept whole or not at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bearing {
    /// It says who gets in, how far, or who vouches for it.
    Admission,
    /// It says none of that.
    Other,
}

impl Table {
    /// The table with this path.
    pub fn at(path: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|table| table.path == path)
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The child table of this name.
    pub fn child(&self, name: &str) -> Option<&'static Self> {
        self.children
            .iter()
            .copied()
            .find(|child| child.path == name)
    }

    /// The last word of the path, as the prompt shows it.
    pub fn name(&self) -> &'static str {
        self.path.rsplit(' ').next().unwrap_or(self.path)
    }

    /// How its entries are named, if it has entries.
    pub fn key(&self) -> Option<&Key> {
        match &self.shape {
            Shape::Single => None,
            Shape::Keyed(key) => Some(key),
        }
    }
}

/// A table is its declaration: a child table's path alone does not tell it from another's child.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.fields.as_ptr() == other.fields.as_ptr()
    }
}

impl Eq for Table {}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_table() -> Vec<&'static Table> {
        let children = ALL.iter().flat_map(|table| table.children);
        ALL.iter().chain(children).copied().collect()
    }

    #[test]
    fn every_table_is_well_formed() {
        for table in ALL {
            assert_eq!(Table::at(table.path), Some(*table));
        }
        let children = ALL.iter().flat_map(|table| table.children);
        for field in children.flat_map(|child| child.fields) {
            // The store seals a secret under the entry that holds it.
            assert!(!field.kind.is_secret(), "{}", field.name);
        }
        for table in every_table() {
            assert!(!table.help.is_empty(), "{}", table.path);
            for field in table.fields {
                let name = format!("{} {}", table.path, field.name);
                assert!(!field.help.is_empty(), "{name}");
                assert!(field.default_is_valid(), "{name}");
                assert!(field.example_is_valid(), "{name}");
                let is_idle = field.effect != Effect::InForce;
                assert!(!(is_idle && field.bounds_admission()), "{name}");
                for path in field.kind.references() {
                    assert!(Table::at(path).is_some(), "{name} refers to {path}");
                }
            }
        }
    }

    #[test]
    fn what_bounds_admission_is_declared() {
        let bounding = |table: &'static Table| {
            let bounding = table.fields.iter().filter(|field| field.bounds_admission());
            bounding.map(|field| field.name).collect::<Vec<_>>()
        };
        // An administrator comes from where, may do what, and proves to be who by what.
        let administrator = bounding(&ADMIN);
        let trusted_hosts = administrator
            .iter()
            .filter(|name| name.contains("trusthost"));
        assert_eq!(trusted_hosts.count(), 20);
        for name in ["accprofile", "vdom", "two-factor", "fortitoken"] {
            assert!(administrator.contains(&name), "{name}");
        }
        for table in [&ACCPROFILE, &PASSWORD_POLICY] {
            for field in table.fields.iter().filter(|it| it.name != "comments") {
                let is_in_force = field.effect == Effect::InForce;
                assert_eq!(field.bounds_admission(), is_in_force, "{}", field.name);
            }
        }
    }

    #[test]
    fn a_field_of_one_value_refuses_others_and_says_why() {
        let words = |text: &str| vec![text.to_owned()];
        let port = GLOBAL.field("admin-sport").unwrap();
        assert!(port.parse(&words(port.default)).is_ok());
        assert_eq!(
            port.parse(&words("8443")).unwrap_err().to_string(),
            "admin-sport takes 443: the addresses and ports of HTTPS are those of symbolon.toml"
        );
        let interface = FTM_PUSH.field("interface").unwrap();
        assert_eq!(
            interface.parse(&words("port1")).unwrap_err().to_string(),
            "interface takes no value: phones are listened to at every address whose interface has 'set \
             allowaccess ftm'"
        );
    }

    #[test]
    fn a_refused_value_names_its_field_and_what_it_takes() {
        let words = |text: &str| vec![text.to_owned()];
        let expiry = GLOBAL.field("two-factor-ftm-expiry").unwrap();
        assert_eq!(
            expiry.parse(&words("169")).unwrap_err().to_string(),
            "two-factor-ftm-expiry takes a number from 1 to 168"
        );
        let status = LOCAL.field("status").unwrap();
        assert_eq!(
            status.parse(&words("maybe")).unwrap_err().to_string(),
            "status takes one of: enable, disable"
        );
        assert_eq!(
            status.parse(&words("dis")).unwrap().as_text(),
            Some("disable")
        );
        let code = FORTITOKEN.field("activation-code").unwrap();
        assert!(matches!(
            code.parse(&words("x")),
            Err(ValueError::System { .. })
        ));
    }
}

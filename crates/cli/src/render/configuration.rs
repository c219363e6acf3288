//! `show`, `show full-configuration` and `get`.

use domain::access::{Right, Rights};
use domain::query::Query;
use domain::schema::{ALL, Access, Field, KeyForm, Kind, Object, Shape, Table, Value};
use domain::time::Timestamp;
use domain::vdom::Vdom;

use super::status::{BUILD, BUILT, COMPATIBLE, MODEL};
use super::{Zone, not_found, printable};
use crate::session::Context;
use crate::words::quoted;

/// What an entry takes as text, most often.
const ENTRY_OCTETS: usize = 256;

/// How configuration is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum View {
    /// `show`: what was set, as text that can be typed.
    Show,
    /// `show full-configuration`: with defaults.
    Full,
    /// `get`: for people, with defaults; moments as dates.
    Get,
}

/// Configuration on its way to the terminal. For each of [`Listing::parts`] the shell prints the text,
/// or runs [`Listing::query`], hands each object to [`Listing::entry`] and ends with [`Listing::end`]:
///
/// ```
/// # use cli::render::{Listing, Part, Zone};
/// # use domain::schema::Object;
/// # use domain::vdom::Vdom;
/// # fn rows(_: domain::query::Query) -> Vec<Object> { Vec::new() }
/// fn shown(mut listing: Listing, vdoms: &[Vdom]) -> String {
///     let mut text = String::new();
///     for part in listing.parts(vdoms) {
///         match part {
///             Part::Text(part) => text += &part,
///             Part::Table(vdom, table) => {
///                 for object in rows(listing.query(vdom, table)) {
///                     text += &listing.entry(&object);
///                 }
///                 text += &listing.end(table);
///             }
///         }
///     }
///     text
/// }
/// ```
#[derive(Debug)]
pub struct Listing {
    view: View,
    scope: Scope,
    context: Context,
    rights: Rights,
    zone: Zone,
    /// Whether `config …` of the table at hand was printed.
    open: bool,
}

/// A part of a listing.
#[derive(Debug)]
pub enum Part {
    /// Text as it is; it ends in LF.
    Text(String),
    /// A table of this virtual domain, or of the unit.
    Table(Vdom, &'static Table),
}

/// What is listed.
#[derive(Debug)]
pub(crate) enum Scope {
    /// Everything.
    All,
    /// The tables whose path begins alike.
    Group(Vec<&'static Table>),
    /// One table.
    Table(&'static Table),
    /// One entry of it.
    Entry(&'static Table, Box<str>),
}

impl Listing {
    pub(crate) fn new(view: View, scope: Scope, zone: Zone) -> Self {
        Self {
            view,
            scope,
            context: Context::Unit,
            rights: Rights::ALL,
            zone,
            open: false,
        }
    }

    /// The listing as far as somebody sees it.
    pub(crate) fn seen_with(self, rights: Rights) -> Self {
        Self { rights, ..self }
    }

    /// The listing as it is asked for in a part of the unit.
    pub(crate) fn within(self, context: Context) -> Self {
        Self { context, ..self }
    }

    /// What the listing is made of, in this order. `vdoms` are all virtual domains, root first.
    pub fn parts(&self, vdoms: &[Vdom]) -> Vec<Part> {
        let here = self.context.vdom();
        let tables = match (&self.scope, self.context) {
            (Scope::All, Context::Top) => return self.whole_unit(vdoms),
            (Scope::All, context) => ALL
                .iter()
                .copied()
                .filter(|table| context.shows(table) && self.is_seen(table))
                .collect(),
            (Scope::Group(tables), _) => {
                let tables = tables.iter().copied();
                tables.filter(|table| self.is_seen(table)).collect()
            }
            (Scope::Table(table) | Scope::Entry(table, _), _) => vec![*table],
        };
        let parts = tables.into_iter().map(|table| Part::Table(here, table));
        parts.collect()
    }

    fn is_seen(&self, table: &Table) -> bool {
        self.rights.on(table.area) >= Right::Read
    }

    /// All virtual domains are made before anything is set in one of them, as FortiOS shows it.
    fn whole_unit(&self, vdoms: &[Vdom]) -> Vec<Part> {
        let tables = |context: Context| {
            let tables = ALL
                .iter()
                .copied()
                .filter(move |table| context.configures(table) && self.is_seen(table));
            tables.map(move |table| Part::Table(context.vdom(), table))
        };
        if self.view == View::Get {
            return tables(Context::Global).collect();
        }
        let made = vdoms.iter().map(|vdom| format!("edit {vdom}\nnext\n"));
        let made = format!("config vdom\n{}end\n\n", made.collect::<String>());
        let mut parts = vec![Part::Text(made), Part::Text("config global\n".to_owned())];
        parts.extend(tables(Context::Global));
        parts.push(Part::Text("end\n".to_owned()));
        for vdom in vdoms {
            parts.push(Part::Text(format!("\nconfig vdom\nedit {vdom}\n")));
            parts.extend(tables(Context::Vdom(*vdom)));
            parts.push(Part::Text("end\n".to_owned()));
        }
        parts
    }

    /// What to fetch of a table, as somebody in `vdom` sees it.
    pub fn query(&self, vdom: Vdom, table: &'static Table) -> Query {
        let key = match &self.scope {
            Scope::Entry(_, key) => Some(key.clone()),
            Scope::All | Scope::Group(_) | Scope::Table(_) => None,
        };
        Query::Entries {
            vdom: table.within(vdom),
            table,
            key,
        }
    }

    /// What stands above everything: the four lines by which a whole configuration is known, else
    /// nothing. `administrator` is who asked.
    pub fn head(&self, administrator: &str) -> String {
        if !matches!(
            (&self.scope, self.view),
            (Scope::All, View::Show | View::Full)
        ) {
            return String::new();
        }
        // Whether the unit has virtual domains, and whether the text is of all of it or of one of them.
        let (vdoms, part) = match self.context {
            Context::Unit => (0, "1".to_owned()),
            Context::Top | Context::Global => (1, "1".to_owned()),
            Context::Vdom(vdom) | Context::OwnVdom(vdom) => (1, format!("0:vd_name={vdom}")),
        };
        format!(
            "#config-version={MODEL}-{COMPATIBLE}-FW-build{BUILD}-{BUILT}:opmode=0:vdom={vdoms}:user={}\n\
             #conf_file_ver=0\n#buildno={BUILD}\n#global_vdom={part}\n",
            printable(administrator)
        )
    }

    /// An entry, or the single object.
    pub fn entry(&mut self, object: &Object) -> String {
        self.shown(&Shown::from(object))
    }

    pub(crate) fn shown(&mut self, shown: &Shown<'_>) -> String {
        match self.view {
            View::Get => self.lines_of_get(shown),
            View::Show if shown.is_empty() && self.leaves_out(shown.table) => String::new(),
            View::Show | View::Full => {
                let mut lines = String::with_capacity(ENTRY_OCTETS);
                self.open(shown.table, &mut lines);
                self.write_block(shown, 1, &mut lines);
                lines
            }
        }
    }

    /// The table has no more entries.
    pub fn end(&mut self, table: &'static Table) -> String {
        let was_open = std::mem::replace(&mut self.open, false);
        match (&self.scope, self.view) {
            (Scope::Entry(_, key), _) if !was_open => no_entry(table, key),
            (_, View::Get) => String::new(),
            (Scope::Table(_), _) if !was_open => format!("config {}\nend\n", table.path),
            _ if was_open => "end\n".to_owned(),
            _ => String::new(),
        }
    }

    /// A whole configuration leaves out the settings in which nothing was set.
    fn leaves_out(&self, table: &Table) -> bool {
        let of_many = matches!(self.scope, Scope::All | Scope::Group(_));
        of_many && matches!(table.shape, Shape::Single)
    }

    fn open(&mut self, table: &Table, lines: &mut String) {
        if !std::mem::replace(&mut self.open, true) {
            write_line(0, &["config ", table.path], lines);
        }
    }

    /// `depth` is how deep the entry stands, in steps of four blanks.
    fn write_block(&self, shown: &Shown<'_>, depth: usize, lines: &mut String) {
        let Some(key) = shown.table.key() else {
            return self.write_settings(shown, depth, lines);
        };
        match key.form {
            KeyForm::Name(_) => write_line(depth, &["edit ", &quoted(shown.key)], lines),
            KeyForm::Number(_) => write_line(depth, &["edit ", shown.key], lines),
        }
        self.write_settings(shown, depth + 1, lines);
        write_line(depth, &["next"], lines);
    }

    fn write_settings(&self, shown: &Shown<'_>, depth: usize, lines: &mut String) {
        for field in shown.table.fields {
            match (shown.value(field), self.view) {
                (Some(value), _) => {
                    let typed = typed(field, value);
                    write_line(depth, &["set ", field.name, " ", &typed], lines);
                }
                (None, View::Full) if field.access == Access::Administrator => {
                    write_line(depth, &[&default_line(field)], lines);
                }
                (None, _) => {}
            }
        }
        for table in shown.table.children {
            let mut entries = shown.children(table).peekable();
            if entries.peek().is_none() {
                continue;
            }
            write_line(depth, &["config ", table.path], lines);
            for entry in entries {
                self.write_block(&entry, depth + 1, lines);
            }
            write_line(depth, &["end"], lines);
        }
    }

    fn lines_of_get(&mut self, shown: &Shown<'_>) -> String {
        self.open = true;
        match (&self.scope, &shown.table.shape) {
            (Scope::Entry(..), Shape::Keyed(key)) => {
                pair(key.name, shown.key) + &self.values(shown)
            }
            (_, Shape::Keyed(key)) => {
                let entry = printable(shown.key);
                format!("== [ {entry} ]\n{}: {entry}\n", key.name)
            }
            (Scope::All | Scope::Group(_), Shape::Single) => {
                format!("== [ {} ]\n{}", shown.table.path, self.values(shown))
            }
            (Scope::Table(_) | Scope::Entry(..), Shape::Single) => self.values(shown),
        }
    }

    fn values(&self, shown: &Shown<'_>) -> String {
        let fields = shown.table.fields.iter();
        let lines: String = fields
            .filter_map(|field| {
                let text = match (shown.value(field), &field.kind) {
                    (None, kind) if kind.is_secret() => return None,
                    (Some(Value::Secret(_) | Value::Sealed(_) | Value::Foreign(_)), _) => {
                        "*".to_owned()
                    }
                    (Some(Value::Text(text)), Kind::Moment) => self.date(text),
                    (None, Kind::Moment) => self.date(field.default),
                    // A line for each field; 'show' has the text as it is.
                    (Some(Value::Text(text)), Kind::Pem(_)) => printable(&text.replace('\n', " ")),
                    (Some(Value::Text(text)), _) => printable(text),
                    (Some(Value::List(texts)), kind) => listed(kind, texts),
                    (None, _) => field.default.to_owned(),
                };
                Some(pair(field.name, &text))
            })
            .collect();
        let children = shown.table.children.iter();
        lines
            + &children
                .map(|table| child_values(shown, table))
                .collect::<String>()
    }

    /// No moment is an empty line, not the year 1970.
    fn date(&self, epoch: &str) -> String {
        match epoch.parse::<i64>() {
            Ok(0) | Err(_) => String::new(),
            Ok(seconds) => self.zone.long(Timestamp::from_secs(seconds)),
        }
    }
}

fn child_values(shown: &Shown<'_>, table: &'static Table) -> String {
    let mut text = format!("{}:\n", table.path);
    for entry in shown.children(table) {
        let name = table.key().map_or("", |key| key.name);
        text += &format!("    == [ {0} ]\n    {name}: {0}\n", printable(entry.key));
    }
    text
}

/// Clients find a value by its name at the beginning of the line and the colon after column 20.
pub(super) fn pair(name: &str, value: &str) -> String {
    format!("{name:<20}: {value}\n")
}

fn no_entry(table: &Table, key: &str) -> String {
    not_found(&format!(
        "there is no '{}' in {path}; 'show {path}' lists what there is",
        printable(key),
        path = table.path
    ))
}

/// A value as [`Field::parse`] takes it. A secret that was typed and not saved yet has no sealed form.
pub(crate) fn typed(field: &Field, value: &Value) -> String {
    match value {
        Value::Sealed(sealed) | Value::Foreign(sealed) => format!("ENC {sealed}"),
        Value::Secret(_) => "ENC *".to_owned(),
        Value::Text(_) | Value::List(_) => listed(&field.kind, value.texts()),
    }
}

fn listed(kind: &Kind, texts: &[Box<str>]) -> String {
    if let [text] = texts {
        return typed_text(kind, text);
    }
    let typed = texts.iter().map(|text| typed_text(kind, text));
    typed.collect::<Vec<_>>().join(" ")
}

fn typed_text(kind: &Kind, text: &str) -> String {
    if kind.is_quoted() {
        quoted(text)
    } else {
        text.to_owned()
    }
}

fn write_line(depth: usize, parts: &[&str], lines: &mut String) {
    for _ in 0..depth {
        lines.push_str("    ");
    }
    for part in parts {
        lines.push_str(part);
    }
    lines.push('\n');
}

/// What stands in a full configuration for a field that was not set.
fn default_line(field: &Field) -> String {
    match (&field.kind, field.default) {
        (Kind::Text(_) | Kind::Reference(_) | Kind::Host(_), "") => {
            format!("set {} ''", field.name)
        }
        (_, "") => format!("unset {}", field.name),
        (kind, _) => {
            let default = field.default_value();
            format!("set {} {}", field.name, listed(kind, default.texts()))
        }
    }
}

/// An entry as it is shown: its fields that are set, saved or not.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) table: &'static Table,
    pub(crate) key: &'a str,
    pub(crate) values: Vec<(&'static Field, &'a Value)>,
    /// Entries of all its child tables.
    pub(crate) children: Vec<&'a Object>,
}

impl<'a> Shown<'a> {
    fn value(&self, field: &Field) -> Option<&'a Value> {
        let mut values = self.values.iter();
        // A field is declared in one place.
        values
            .find(|(set, _)| std::ptr::eq(*set, field))
            .map(|(_, value)| *value)
    }

    fn children(&self, table: &'static Table) -> impl Iterator<Item = Shown<'a>> {
        let children = self.children.iter().copied();
        children
            .filter(move |child| child.table == table)
            .map(Self::from)
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.children.is_empty()
    }
}

impl<'a> From<&'a Object> for Shown<'a> {
    fn from(object: &'a Object) -> Self {
        let tables = object.table.children.iter();
        Self {
            table: object.table,
            key: &object.key,
            values: object.values().collect(),
            children: tables.flat_map(|table| object.children(table)).collect(),
        }
    }
}

//! One administrator's session: where it stands, what was set and not saved, what each line means.

use domain::admin::{AdminError, Edit, Operation};
use domain::query::{Logins, Query, Whose};
use domain::schema::{
    self, Access, Field, Key, KeyForm, Kind, Object, Shape, Table, Value, ValueError,
};

use crate::complaint::{Complaint, Refused};
use crate::complete::{self, Completion};
use crate::debug::{Change, Line as DebugLine, Source, Switches};
use crate::filter::{Filter, Output};
use crate::render::{Listing, Scope as Listed, View, Zone, printable};
use crate::tree::Verb;
use crate::walk::{Invocation, Scope, Walk};
use crate::words::{self, Line};

mod action;
mod arguments;
mod entry;
mod step;

pub use action::{Action, Family, Host, Ping, PingOptions};
use entry::Entry;
pub use step::{Command, Step, Synchronise};

/// Logins that are shown when no number is asked for.
const LOGINS_SHOWN: u32 = 20;

/// A session of the command line. It does nothing by itself: lines go in, [`Step`]s come out.
#[derive(Debug)]
pub struct Session {
    zone: Zone,
    place: Place,
    awaited: Option<Awaited>,
    debug: Switches,
    ping: PingOptions,
}

/// Where the session stands.
#[derive(Debug)]
enum Place {
    Top,
    Table(&'static Table),
    Entry(Entry),
}

/// What the shell was asked for.
#[derive(Debug)]
enum Awaited {
    /// The entry to open.
    Entry(&'static Table, Box<str>),
    /// The entry that a value names.
    Reference {
        field: &'static Field,
        value: Value,
        table: &'static Table,
    },
    /// What became of the open entry; then the session goes on there.
    Commit(Leave),
    /// What became of another change.
    Change,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leave {
    ToTable,
    ToTop,
}

impl Session {
    /// A session at the top. `zone` is the administrator's clock.
    pub fn new(zone: Zone) -> Self {
        Self {
            zone,
            place: Place::Top,
            awaited: None,
            debug: Switches::default(),
            ping: PingOptions::default(),
        }
    }

    /// The prompt: `HOST # `, `HOST (fortitoken) # `, `HOST (FTKMOB99C7D975DF) # `. Automation reads
    /// the word in brackets as letters, digits, `-` and `_`; what else a key has becomes `_`.
    pub fn prompt(&self, hostname: &str) -> String {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let word = |text: &str| -> String {
            text.chars()
                .map(|c| if is_word(c) { c } else { '_' })
                .collect()
        };
        match &self.place {
            Place::Top => format!("{hostname} # "),
            Place::Entry(entry) if !entry.key.is_empty() => {
                format!("{hostname} ({}) # ", word(&entry.key))
            }
            Place::Table(table) | Place::Entry(Entry { table, .. }) => {
                format!("{hostname} ({}) # ", word(table.name()))
            }
        }
    }

    /// Takes a line. A line that comes while an answer is awaited gives that answer up.
    pub fn feed(&mut self, line: &str) -> Step {
        self.awaited = None;
        self.understood(line)
            .unwrap_or_else(|complaint| Step::Refuse(complaint.to_string()))
    }

    /// The answer to [`Command::Fetch`].
    pub fn fetched(&mut self, entry: Option<Object>) -> Step {
        match self.awaited.take() {
            Some(Awaited::Entry(table, key)) => self.open(table, key, entry),
            Some(Awaited::Reference {
                field,
                value,
                table,
            }) => match entry {
                Some(_) => self.keep(Edit::Set(field, value)),
                None => refuse(&no_reference(table, &value)),
            },
            Some(Awaited::Commit(_) | Awaited::Change) | None => Step::Nothing,
        }
    }

    /// The answer to [`Command::Configure`]. What was set and is refused is discarded: lines pasted
    /// behind it must not end up in the wrong entry.
    pub fn applied(&mut self, result: Result<(), AdminError>) -> Step {
        let what = match self.awaited.take() {
            Some(Awaited::Commit(leave)) => {
                self.leave(leave);
                Refused::Setting
            }
            _ => Refused::Command,
        };
        match result {
            Ok(()) => Step::Nothing,
            Err(error) => refuse(&Complaint::change(error, what)),
        }
    }

    /// The answer to any command that could not be carried out, such as when the store does not answer.
    pub fn failed(&mut self, why: &str) -> Step {
        let next_step = match self.awaited.take() {
            Some(Awaited::Commit(leave)) => {
                self.leave(leave);
                "it is not known whether the change was saved: look at it with 'show'"
            }
            Some(Awaited::Change) => "it is not known whether it was done: look with 'show'",
            Some(Awaited::Entry(..) | Awaited::Reference { .. }) | None => "try again",
        };
        Step::Refuse(format!(
            "{}\nCommand fail. Return code -1\n{next_step}\n",
            printable(why)
        ))
    }

    /// What Tab does at the end of this beginning of a line.
    pub fn complete(&self, line_before_cursor: &str) -> Completion {
        complete::completion(self.scope(), line_before_cursor)
    }

    /// What `?` shows at the end of this beginning of a line.
    pub fn help(&self, line_before_cursor: &str) -> String {
        complete::help(self.scope(), line_before_cursor)
    }

    /// Whether the line belongs into no history: it sets a password or secret, or may have been meant to.
    pub fn is_secret(&self, line: &str) -> bool {
        let words = words::leniently(line);
        let [verb, name, ..] = &words[..] else {
            return false;
        };
        let table = match &self.place {
            Place::Entry(entry) => Some(entry.table),
            Place::Top | Place::Table(_) => None,
        };
        let fields = schema::ALL
            .iter()
            .filter(|other| table.is_none_or(|table| *other == &table))
            .flat_map(|table| table.fields);
        let is_secret = |field: &Field| matches!(field.kind, Kind::Secret(_));
        let mut meant = fields.filter(|field| field.name.starts_with(name.as_str()));
        "set".starts_with(verb.as_str()) && meant.any(is_secret)
    }

    /// The debug line as this session shows it, ended by LF, if it asked for it.
    pub fn debug_line(&self, line: &DebugLine) -> Option<String> {
        self.debug.show(line, self.zone)
    }

    /// Whether lines from there are wanted, so that others need not be made.
    pub fn wants_debug(&self, source: Source) -> bool {
        self.debug.wants(source)
    }

    fn scope(&self) -> Scope {
        match &self.place {
            Place::Top => Scope::Top,
            Place::Table(table) => Scope::Table(table),
            Place::Entry(entry) => Scope::Entry(entry.table),
        }
    }

    fn understood(&mut self, line: &str) -> Result<Step, Complaint> {
        let Line { words, pipe } = Line::parse(line)?;
        // The header of a pasted configuration is a comment.
        if line.trim_start().starts_with('#') || (words.is_empty() && pipe.is_none()) {
            return Ok(Step::Nothing);
        }
        let invocation = Walk::along(self.scope(), &words)?;
        let filter = match pipe {
            Some(_) if !invocation.verb.prints() => {
                return Err(Complaint::command(
                    "|",
                    "this command prints nothing to filter",
                ));
            }
            Some(pipe) => Some(Filter::parse(&pipe)?),
            None => None,
        };
        let free = words.get(words.len() - invocation.free..).unwrap_or(&[]);
        self.run(&invocation, free, Output::through(filter))
    }

    fn run(
        &mut self,
        invocation: &Invocation,
        words: &[String],
        output: Output,
    ) -> Result<Step, Complaint> {
        let word = words.first().map_or("", String::as_str);
        let command = match invocation.verb {
            Verb::Config => return Ok(self.config(&invocation.tables)),
            Verb::Edit => return self.edit(word),
            Verb::Delete => return Ok(self.delete(word)),
            Verb::Set => return self.set(invocation.field, words),
            Verb::Unset => return self.unset(invocation.field),
            Verb::Next => return Ok(self.save(Leave::ToTable)),
            Verb::End => return Ok(self.save(Leave::ToTop)),
            Verb::Abort => return Ok(self.leave(Leave::ToTop)),
            Verb::Exit => return Ok(Step::Close),
            Verb::List(view) => return Ok(self.list(view, invocation, word, output)),
            Verb::Debug(change) => return Ok(self.debug(change, output)),
            Verb::DebugLevel(application) => {
                return Ok(self.debug(Change::Level(application, arguments::level(word)?), output));
            }
            Verb::DebugCli => {
                return Ok(self.debug(Change::Cli(arguments::cli_level(word)?), output));
            }
            Verb::DebugInfo => return Ok(print(&self.debug.to_string(), output)),
            Verb::SystemStatus => Command::Ask(Query::SystemStatus),
            Verb::Import => Command::Execute(Operation::Import(arguments::licence_code(word)?)),
            Verb::Provision => Command::Execute(Operation::Provision(arguments::serial(word)?)),
            Verb::Renew => Command::Execute(Operation::Renew(arguments::serial(word)?)),
            Verb::Poll => Command::Poll,
            Verb::Sync => Command::Synchronise(arguments::synchronise(words)?),
            Verb::TokenInfo => {
                let serial = words
                    .first()
                    .map(|word| arguments::serial(word))
                    .transpose()?;
                Command::Ask(Query::TokenInfo { serial })
            }
            Verb::LoginsOfAnyone => logins(Whose::Anyone, LOGINS_SHOWN),
            Verb::LoginsOfUser => logins(Whose::Person(arguments::person(word)?), LOGINS_SHOWN),
            Verb::LoginsOfClient => logins(Whose::Client(word.into()), LOGINS_SHOWN),
            Verb::LastLogins => logins(Whose::Anyone, arguments::count(word)?),
            Verb::Unlock => Command::Execute(Operation::Unlock(arguments::person(word)?)),
            Verb::Outbox => Command::Ask(Query::Outbox),
            Verb::Act(act) => return self.act(act, words, output),
        };
        if matches!(command, Command::Execute(_) | Command::Synchronise(_)) {
            self.awaited = Some(Awaited::Change);
        }
        Ok(Step::Run { command, output })
    }

    fn config(&mut self, tables: &[&'static Table]) -> Step {
        match tables {
            [table] if matches!(table.shape, Shape::Keyed(_)) => {
                self.place = Place::Table(table);
                Step::Nothing
            }
            [table] => self.fetch_entry(table, ""),
            _ => Step::Nothing,
        }
    }

    fn edit(&mut self, key: &str) -> Result<Step, Complaint> {
        let Place::Table(table) = self.place else {
            return Ok(Step::Nothing);
        };
        let got = key.chars().count();
        match &table.shape {
            Shape::Keyed(Key {
                name,
                form: KeyForm::Name(max),
                ..
            }) if got == 0 || got > usize::from(*max) => {
                let plain = format!("{name} has 1 to {max} characters, and this has {got}");
                Err(Complaint::value(key, plain))
            }
            Shape::Keyed(_) | Shape::Single => Ok(self.fetch_entry(table, key)),
        }
    }

    fn fetch_entry(&mut self, table: &'static Table, key: &str) -> Step {
        self.awaited = Some(Awaited::Entry(table, key.into()));
        run(Command::Fetch {
            table,
            key: key.into(),
        })
    }

    fn open(&mut self, table: &'static Table, key: Box<str>, stored: Option<Object>) -> Step {
        if let Some(existing) = stored.as_ref().filter(|stored| stored.key != key) {
            let error = AdminError::SamePerson {
                key,
                existing: existing.key.clone(),
            };
            return refuse(&Complaint::change(error, Refused::Command));
        }
        let is_new = stored.is_none() && !key.is_empty();
        let said = if is_new {
            Step::Print(format!("new entry '{key}' added\n"))
        } else {
            Step::Nothing
        };
        self.place = Place::Entry(Entry {
            table,
            key,
            stored,
            edits: Vec::new(),
        });
        said
    }

    fn delete(&mut self, key: &str) -> Step {
        let Place::Table(table) = self.place else {
            return Step::Nothing;
        };
        self.awaited = Some(Awaited::Change);
        run(Command::Configure(Operation::Remove {
            table,
            key: key.into(),
        }))
    }

    /// A value that names an entry is looked up before it is kept.
    fn set(&mut self, field: Option<&'static Field>, words: &[String]) -> Result<Step, Complaint> {
        let Some(field) = field else {
            return Ok(Step::Nothing);
        };
        let value = field
            .parse(words)
            .map_err(|error| bad_value(field, words, &error))?;
        let named = value.as_text().filter(|key| !key.is_empty()).map(Box::from);
        let table = match field.kind {
            Kind::Reference([path, ..]) => Table::at(path),
            _ => None,
        };
        match (table, named) {
            (Some(table), Some(key)) => {
                self.awaited = Some(Awaited::Reference {
                    field,
                    value,
                    table,
                });
                Ok(run(Command::Fetch { table, key }))
            }
            _ => Ok(self.keep(Edit::Set(field, value))),
        }
    }

    fn unset(&mut self, field: Option<&'static Field>) -> Result<Step, Complaint> {
        match field {
            Some(field) if field.access == Access::System => {
                let error = ValueError::System { field: field.name };
                Err(Complaint::command(field.name, error.to_string()))
            }
            Some(field) => Ok(self.keep(Edit::Unset(field))),
            None => Ok(Step::Nothing),
        }
    }

    fn keep(&mut self, edit: Edit) -> Step {
        if let Place::Entry(entry) = &mut self.place {
            entry.edits.push(edit);
        }
        Step::Nothing
    }

    /// Saves the open entry, if there is something to save, and goes on from there.
    fn save(&mut self, leave: Leave) -> Step {
        match &mut self.place {
            Place::Entry(entry) if entry.is_changed() => {
                let edits = std::mem::take(&mut entry.edits);
                let (table, key) = (entry.table, entry.key.clone());
                self.awaited = Some(Awaited::Commit(leave));
                run(Command::Configure(Operation::Configure {
                    table,
                    key,
                    edits,
                }))
            }
            _ => self.leave(leave),
        }
    }

    fn leave(&mut self, leave: Leave) -> Step {
        self.place = match (&self.place, leave) {
            (Place::Entry(entry), Leave::ToTable) => Place::Table(entry.table),
            _ => Place::Top,
        };
        Step::Nothing
    }

    fn list(&self, view: View, invocation: &Invocation, key: &str, output: Output) -> Step {
        let scope = match &self.place {
            Place::Entry(entry) => return print(&entry.list(view, self.zone), output),
            Place::Table(table) => Listed::Table(table),
            Place::Top => listed(&invocation.path, &invocation.tables, key),
        };
        run_into(Command::List(Listing::new(view, scope, self.zone)), output)
    }

    fn debug(&mut self, change: Change, output: Output) -> Step {
        print(self.debug.change(change), output)
    }
}

/// `show` without a path is everything; a path that ends early is all tables below it.
fn listed(path: &[&'static str], tables: &[&'static Table], key: &str) -> Listed {
    match (path, tables) {
        ([], _) => Listed::All,
        (_, [table]) if table.path == path.join(" ") => match key {
            "" => Listed::Table(table),
            key => Listed::Entry(table, key.into()),
        },
        (_, tables) => Listed::Group(tables.to_vec()),
    }
}

fn run(command: Command) -> Step {
    run_into(command, Output::through(None))
}

fn run_into(command: Command, output: Output) -> Step {
    Step::Run { command, output }
}

fn refuse(complaint: &Complaint) -> Step {
    Step::Refuse(complaint.to_string())
}

fn print(text: &str, output: Output) -> Step {
    match output.whole(text) {
        nothing if nothing.is_empty() => Step::Nothing,
        text => Step::Print(text),
    }
}

fn logins(of: Whose, last: u32) -> Command {
    Command::Ask(Query::Logins(Logins { of, last }))
}

/// A secret is not repeated on the terminal.
fn bad_value(field: &Field, words: &[String], error: &ValueError) -> Complaint {
    let word = match field.kind {
        Kind::Secret(_) => "***",
        _ => words.last().map_or("", String::as_str),
    };
    match error {
        ValueError::System { .. } => Complaint::command(field.name, error.to_string()),
        ValueError::Missing { .. } if words.len() > 1 => {
            Complaint::value(word, format!("{error}; put quotes around blanks"))
        }
        _ => Complaint::value(word, error.to_string()),
    }
}

fn no_reference(table: &'static Table, value: &Value) -> Complaint {
    let key = value.as_text().unwrap_or("");
    let error = AdminError::NotFound {
        table,
        key: key.into(),
    };
    Complaint::reference(key, error.next_step())
}

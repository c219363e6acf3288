//! The way of a line through the tree: what each word is, and what may come next.

use domain::schema::{self, Access, Field, Shape, Table};

use crate::complaint::Complaint;
use crate::tree::{self, Argument, GROUPS, Kind, Need, Node, REPORTS, Verb};

/// Where a line is typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// At the top.
    Top,
    /// After `config PATH` of a table with entries.
    Table(&'static Table),
    /// After `edit KEY`, or after `config PATH` of a single object.
    Entry(&'static Table),
}

impl Scope {
    fn nodes(self) -> &'static [Node] {
        match self {
            Self::Top => tree::TOP,
            Self::Table(_) => tree::TABLE,
            Self::Entry(Table {
                shape: Shape::Keyed(_),
                ..
            }) => tree::ENTRY,
            Self::Entry(Table {
                shape: Shape::Single,
                ..
            }) => tree::SETTINGS,
        }
    }

    /// The table at hand.
    fn table(self) -> Option<&'static Table> {
        match self {
            Self::Top => None,
            Self::Table(table) | Self::Entry(table) => Some(table),
        }
    }
}

/// A command that is complete.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) verb: Verb,
    /// The words of its path, unabbreviated.
    pub(crate) path: Vec<&'static str>,
    /// The tables whose path is that or begins so, in the order of a full configuration.
    pub(crate) tables: Vec<&'static Table>,
    pub(crate) field: Option<&'static Field>,
    /// How many of the words are arguments that the tree does not interpret; they are the last ones.
    pub(crate) free: usize,
}

/// A line on its way.
#[derive(Debug)]
pub(crate) struct Walk {
    scope: Scope,
    node: Option<&'static Node>,
    /// How many of the node's arguments are complete.
    arguments: usize,
    /// The words of a path so far, unabbreviated.
    path: Vec<&'static str>,
    field: Option<&'static Field>,
    free: usize,
}

/// A word that may come next.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) word: &'static str,
    pub(crate) help: &'static str,
    leads: Leads,
}

#[derive(Clone, Debug)]
enum Leads {
    To(&'static Node),
    Deeper,
    Field(&'static Field),
    /// To nothing that the walk knows: the word is one value among those that fit.
    Value,
}

/// What may come next.
#[derive(Debug)]
pub(crate) struct Expected {
    /// These words.
    pub(crate) choices: Vec<Choice>,
    /// Or free text.
    pub(crate) argument: Option<&'static Argument>,
    /// Or the key of an entry of this table.
    pub(crate) keys: Option<&'static Table>,
    /// Or nothing.
    pub(crate) end: bool,
}

impl Walk {
    pub(crate) fn from(scope: Scope) -> Self {
        Self {
            scope,
            node: None,
            arguments: 0,
            path: Vec::new(),
            field: None,
            free: 0,
        }
    }

    /// A whole command.
    pub(crate) fn along(scope: Scope, words: &[String]) -> Result<Invocation, Complaint> {
        let mut walk = Self::from(scope);
        for word in words {
            walk.step(word)?;
        }
        walk.finish()
    }

    /// Takes the next word.
    pub(crate) fn step(&mut self, word: &str) -> Result<(), Complaint> {
        let choices = self.choices();
        match pick(&choices, word) {
            Pick::One(choice) => {
                self.take(choice);
                Ok(())
            }
            Pick::None if self.is_free() => {
                self.take_free();
                Ok(())
            }
            Pick::None => Err(self.unknown(word, &choices)),
            Pick::Many(words) => {
                let plain = format!("it may mean {}: type more of it", words.join(", "));
                Err(Complaint::ambiguous(word, plain))
            }
        }
    }

    /// The command, if it may end here.
    pub(crate) fn finish(self) -> Result<Invocation, Complaint> {
        if !self.may_end() {
            return Err(Complaint::incomplete(self.missing()));
        }
        let verb = self
            .verb()
            .ok_or_else(|| Complaint::incomplete(self.missing()))?;
        let tables = below(&self.path).collect();
        Ok(Invocation {
            verb,
            path: self.path,
            tables,
            field: self.field,
            free: self.free,
        })
    }

    /// What may come next.
    pub(crate) fn expected(&self) -> Expected {
        let mut choices = self.choices();
        choices.retain(Choice::is_offered);
        if let (Some(Kind::Value), Some(field)) = (self.kind(), self.field)
            && let schema::Kind::Choice(words) = &field.kind
            && self.free == 0
        {
            choices.extend(words.iter().map(|choice| Choice {
                word: choice.word,
                help: choice.help,
                leads: Leads::Value,
            }));
        }
        let argument = self
            .argument()
            .filter(|_| self.is_free() && self.wants_more());
        Expected {
            choices,
            argument,
            keys: self.keys(),
            end: self.may_end(),
        }
    }

    /// The field whose value comes next.
    pub(crate) fn field(&self) -> Option<&'static Field> {
        self.field
    }

    fn argument(&self) -> Option<&'static Argument> {
        self.node?.arguments.get(self.arguments)
    }

    fn kind(&self) -> Option<Kind> {
        self.argument().map(|argument| argument.kind)
    }

    /// The table whose key comes next.
    fn keys(&self) -> Option<&'static Table> {
        match self.kind()? {
            Kind::Key => self.scope.table(),
            Kind::KeyOfPath => self.keyed_table(),
            Kind::Entry(table) => Some(table),
            Kind::Value if self.free == 0 => match self.field?.kind {
                schema::Kind::Reference([path, ..]) => Table::at(path),
                _ => None,
            },
            _ => None,
        }
    }

    /// The table of a path that is complete, if it has entries.
    fn keyed_table(&self) -> Option<&'static Table> {
        let table = Table::at(&self.path.join(" "))?;
        matches!(table.shape, Shape::Keyed(_)).then_some(table)
    }

    fn choices(&self) -> Vec<Choice> {
        let Some(node) = self.node else {
            return nodes(self.scope.nodes()).collect();
        };
        let is_fresh = self.arguments == 0 && self.path.is_empty();
        let words = nodes(if is_fresh { node.words } else { &[] });
        match self.kind() {
            Some(Kind::Path | Kind::AnyPath) => words.chain(self.deeper(false)).collect(),
            Some(Kind::PathOrReport) => words.chain(self.deeper(true)).collect(),
            Some(Kind::Field) => words.chain(self.fields()).collect(),
            _ => words.collect(),
        }
    }

    fn fields(&self) -> impl Iterator<Item = Choice> {
        let fields = self.scope.table().map_or(&[][..], |table| table.fields);
        fields.iter().map(|field| Choice {
            word: field.name,
            help: field.help,
            leads: Leads::Field(field),
        })
    }

    /// The words that lead on from the path so far.
    fn deeper(&self, and_reports: bool) -> Vec<Choice> {
        let tables = below(&self.path).map(|table| (table.path, table.help));
        let reports = REPORTS
            .iter()
            .filter(|report| and_reports && is_below(report.path, &self.path))
            .map(|report| (report.path, report.help));
        let mut choices: Vec<Choice> = Vec::new();
        for (path, help) in tables.chain(reports) {
            let mut rest = path.split(' ').skip(self.path.len());
            let Some(word) = rest.next() else { continue };
            let group = rest
                .next()
                .and_then(|_| GROUPS.iter().find(|(name, _)| *name == word));
            if choices.iter().all(|choice| choice.word != word) {
                let help = group.map_or(help, |(_, help)| *help);
                choices.push(Choice {
                    word,
                    help,
                    leads: Leads::Deeper,
                });
            }
        }
        choices
    }

    fn take(&mut self, choice: &Choice) {
        match choice.leads {
            Leads::To(node) => (self.node, self.arguments) = (Some(node), 0),
            Leads::Field(field) => {
                self.field = Some(field);
                self.arguments += 1;
            }
            Leads::Deeper => {
                self.path.push(choice.word);
                if self.is_whole_path() {
                    self.arguments += 1;
                }
            }
            Leads::Value => self.take_free(),
        }
    }

    fn is_whole_path(&self) -> bool {
        let path = self.path.join(" ");
        Table::at(&path).is_some() || REPORTS.iter().any(|report| report.path == path)
    }

    /// Whether any word is taken here.
    fn is_free(&self) -> bool {
        match self.kind() {
            Some(Kind::Key | Kind::Entry(_) | Kind::Word | Kind::Value) => true,
            Some(Kind::KeyOfPath) => self.keyed_table().is_some(),
            Some(Kind::Path | Kind::AnyPath | Kind::PathOrReport | Kind::Field) | None => false,
        }
    }

    /// A value may have several words; whether it may is for its field to say.
    fn take_free(&mut self) {
        self.free += 1;
        if self.kind() != Some(Kind::Value) {
            self.arguments += 1;
        }
    }

    /// Whether `?` still has something to say of the argument.
    fn wants_more(&self) -> bool {
        self.kind() != Some(Kind::Value) || self.free == 0
    }

    fn may_end(&self) -> bool {
        let Some(node) = self.node else { return false };
        let rest = node.arguments.get(self.arguments..).unwrap_or(&[]);
        let is_missing = |argument: &Argument| {
            argument.need == Need::Required && !(argument.kind == Kind::Value && self.free > 0)
        };
        node.verb.is_some() && !rest.iter().any(is_missing)
    }

    /// A report's path is only ever reached where reports may be asked for.
    fn verb(&self) -> Option<Verb> {
        let path = self.path.join(" ");
        let report = REPORTS.iter().find(|report| report.path == path);
        report.map(|report| report.verb).or(self.node?.verb)
    }

    fn missing(&self) -> String {
        match (self.argument(), self.field) {
            (
                Some(Argument {
                    kind: Kind::Value, ..
                }),
                Some(field),
            ) => {
                format!("a value must follow: {}", field.help)
            }
            (Some(argument), _) if self.is_free() => {
                format!("<{}> must follow: {}", argument.name, argument.help)
            }
            _ => format!("one of these must follow: {}", offered(&self.choices())),
        }
    }

    fn unknown(&self, word: &str, choices: &[Choice]) -> Complaint {
        if self.node.is_none() {
            let plain = format!(
                "no command here begins like this; there is: {}",
                offered(choices)
            );
            return Complaint::action(plain);
        }
        let plain = match offered(choices) {
            none if none.is_empty() => "the command takes no more words".to_owned(),
            words => format!("what may stand here: {words}"),
        };
        Complaint::command(word, plain)
    }
}

impl Choice {
    /// What only the system sets is not offered.
    fn is_offered(&self) -> bool {
        !matches!(
            self.leads,
            Leads::Field(Field {
                access: Access::System,
                ..
            })
        )
    }
}

fn offered(choices: &[Choice]) -> String {
    let words = choices
        .iter()
        .filter(|choice| choice.is_offered())
        .map(|choice| choice.word);
    words.collect::<Vec<_>>().join(", ")
}

fn nodes(nodes: &'static [Node]) -> impl Iterator<Item = Choice> {
    nodes.iter().map(|node| Choice {
        word: node.word,
        help: node.help,
        leads: Leads::To(node),
    })
}

/// The tables whose path is, or begins with, these words.
fn below(path: &[&str]) -> impl Iterator<Item = &'static Table> {
    schema::ALL
        .iter()
        .copied()
        .filter(move |table| is_below(table.path, path))
}

fn is_below(path: &str, beginning: &[&str]) -> bool {
    let mut words = path.split(' ');
    beginning.iter().all(|word| words.next() == Some(word))
}

enum Pick<'a> {
    One(&'a Choice),
    None,
    Many(Vec<&'static str>),
}

/// A word may be abbreviated as long as one choice alone begins like it; in full it always counts.
fn pick<'a>(choices: &'a [Choice], word: &str) -> Pick<'a> {
    if let Some(exact) = choices.iter().find(|choice| choice.word == word) {
        return Pick::One(exact);
    }
    let begun = |choice: &&Choice| !word.is_empty() && choice.word.starts_with(word);
    let matches: Vec<&Choice> = choices.iter().filter(begun).collect();
    match matches[..] {
        [] => Pick::None,
        [only] => Pick::One(only),
        _ => Pick::Many(matches.iter().map(|choice| choice.word).collect()),
    }
}

//! The way of a line through the tree: what each word is, and what may come next.

use domain::schema::{self, Access, FORTITOKEN, Field, Shape, Table, VDOM, ValueError};

use crate::complaint::Complaint;
use crate::permission::Permission;
use crate::session::Context;
use crate::tree::{self, Argument, GROUPS, Keyword, Kind, Need, Node, REPORTS, Report, Verb};

/// Where a line is typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// Where no table is open.
    Top(Context),
    /// After `config vdom`.
    Vdoms,
    /// After `config PATH` of a table with entries.
    Table(&'static Table),
    /// After `edit KEY`, or after `config PATH` of a single object.
    Entry(&'static Table),
}

impl Scope {
    fn nodes(self) -> impl Iterator<Item = &'static Node> {
        let nodes = match self {
            Self::Top(Context::Unit | Context::Top) => tree::TOP,
            Self::Top(Context::Global) => tree::GLOBAL,
            Self::Top(Context::Vdom(_) | Context::OwnVdom(_)) => tree::VDOM,
            Self::Vdoms => tree::VDOMS,
            Self::Table(table) if is_child(table) => tree::CHILD_TABLE,
            Self::Table(_) => tree::TABLE,
            Self::Entry(Table {
                shape: Shape::Keyed(_),
                ..
            }) => tree::ENTRY,
            Self::Entry(Table {
                shape: Shape::Single,
                ..
            }) => tree::SETTINGS,
        };
        nodes.iter().filter(move |node| self.has(node))
    }

    /// Lists and child tables have commands of their own, where there are any.
    fn has(self, node: &Node) -> bool {
        let Self::Entry(table) = self else {
            return true;
        };
        match node.verb {
            Some(Verb::Child) => !table.children.is_empty(),
            Some(Verb::Append | Verb::Unselect) => table.fields.iter().any(is_list),
            _ => true,
        }
    }

    /// The table at hand.
    fn table(self) -> Option<&'static Table> {
        match self {
            Self::Top(_) => None,
            Self::Vdoms => Some(&VDOM),
            Self::Table(table) | Self::Entry(table) => Some(table),
        }
    }

    /// Which part of the unit paths lead into; tables that are open need none.
    fn context(self) -> Context {
        match self {
            Self::Top(context) => context,
            Self::Vdoms | Self::Table(_) | Self::Entry(_) => Context::Unit,
        }
    }
}

/// Whether a table stands inside entries of another.
pub(crate) fn is_child(table: &'static Table) -> bool {
    Table::at(table.path) != Some(table)
}

fn is_list(field: &Field) -> bool {
    matches!(field.kind, schema::Kind::List(_))
}

/// The place of what a unit with virtual domains has once.
pub(crate) const GLOBAL_PLACE: &str = "global";

/// A command that is complete.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) verb: Verb,
    /// The first word, unabbreviated.
    pub(crate) first: &'static str,
    /// The words of its path, unabbreviated.
    pub(crate) path: Vec<&'static str>,
    /// The tables whose path is that or begins so, in the order of a full configuration.
    pub(crate) tables: Vec<&'static Table>,
    pub(crate) field: Option<&'static Field>,
    /// The child table that was named.
    pub(crate) child: Option<&'static Table>,
    /// How many of the words are arguments that the tree does not interpret; they are the last ones.
    pub(crate) free: usize,
}

/// A line on its way.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    scope: Scope,
    /// What is not permitted is understood, so that it can be refused, and named to nobody.
    permission: &'a Permission,
    first: &'static str,
    node: Option<&'static Node>,
    /// How many of the node's arguments are complete.
    arguments: usize,
    /// The words of a path so far, unabbreviated.
    path: Vec<&'static str>,
    field: Option<&'static Field>,
    child: Option<&'static Table>,
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
    Child(&'static Table),
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
    /// Or the key of an entry of these tables.
    pub(crate) keys: Vec<&'static Table>,
    /// Or nothing.
    pub(crate) end: bool,
}

impl<'a> Walk<'a> {
    pub(crate) fn from(scope: Scope, permission: &'a Permission) -> Self {
        Self {
            scope,
            permission,
            first: "",
            node: None,
            arguments: 0,
            path: Vec::new(),
            field: None,
            child: None,
            free: 0,
        }
    }

    /// A whole command.
    pub(crate) fn along(
        scope: Scope,
        permission: &'a Permission,
        words: &[String],
    ) -> Result<Invocation, Complaint> {
        let mut walk = Self::from(scope, permission);
        for word in words {
            walk.step(word)?;
        }
        walk.finish()
    }

    /// The command that a line begins with, whatever stands behind it.
    pub(crate) fn along_beginning(
        scope: Scope,
        permission: &'a Permission,
        words: &[String],
    ) -> Result<Invocation, Complaint> {
        let mut walk = Self::from(scope, permission);
        for word in words {
            if walk.step(word).is_err() {
                break;
            }
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
            Pick::Many(meant) => {
                let plain = match &self.offered(&meant)[..] {
                    words @ [_, _, ..] => {
                        format!("it may mean {}: type more of it", words.join(", "))
                    }
                    _ => "it may mean more than one: type more of it".to_owned(),
                };
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
        let tables = self.below().collect();
        Ok(Invocation {
            verb,
            first: self.first,
            path: self.path,
            tables,
            field: self.field,
            child: self.child,
            free: self.free,
        })
    }

    /// What may come next, as far as the administrator may use it.
    pub(crate) fn expected(&self) -> Expected {
        let mut choices = self.choices();
        choices.retain(|choice| self.offers(choice));
        choices.extend(self.values());
        let argument = self
            .argument()
            .filter(|_| self.is_free() && self.wants_more());
        Expected {
            choices,
            argument,
            keys: self.visible_keys(),
            end: self.may_end(),
        }
    }

    fn offers(&self, choice: &Choice) -> bool {
        choice.is_offered() && self.permits(choice)
    }

    fn permits(&self, choice: &Choice) -> bool {
        let permission = self.permission;
        match choice.leads {
            Leads::To(node) => permission.offers(node, self.node.is_none(), self.scope.table()),
            Leads::Deeper => {
                let mut path = self.path.clone();
                path.push(choice.word);
                let reports = if self.may_report() { REPORTS } else { &[] };
                let mut reports = reports.iter().map(|report| report.path);
                // Virtual domains are places: who may go there is asked by name.
                below(&path).any(|table| permission.sees(table) || table == &VDOM)
                    || (path == [GLOBAL_PLACE] && permission.home().is_none())
                    || reports.any(|report| is_below(report, &path) && permission.reports(report))
            }
            Leads::Field(_) | Leads::Child(_) | Leads::Value => true,
        }
    }

    fn visible_keys(&self) -> Vec<&'static Table> {
        let permission = self.permission;
        let mut keys = self.keys();
        let has_own = |table: &Table| table == &VDOM && permission.home().is_some();
        keys.retain(|table| permission.sees(table) || has_own(table));
        keys
    }

    /// Whether the command may end here and prints something that a pipe can filter.
    pub(crate) fn prints(&self) -> bool {
        self.may_end() && self.verb().is_some_and(Verb::prints)
    }

    /// The field whose value comes next.
    pub(crate) fn field(&self) -> Option<&'static Field> {
        self.field
    }

    /// Whether the field takes the value that stands at the end of these words, if it is there.
    pub(crate) fn check_value(&self, words: &[String]) -> Result<(), ValueError> {
        let value = words.get(words.len().saturating_sub(self.free)..);
        match (self.field, value) {
            (Some(field), Some(value)) if self.free > 0 => field.parse(value).map(drop),
            _ => Ok(()),
        }
    }

    fn argument(&self) -> Option<&'static Argument> {
        self.node?.arguments.get(self.arguments)
    }

    fn kind(&self) -> Option<Kind> {
        self.argument().map(|argument| argument.kind)
    }

    /// The tables whose key comes next.
    fn keys(&self) -> Vec<&'static Table> {
        match self.kind() {
            Some(Kind::Key) => self.scope.table().into_iter().collect(),
            Some(Kind::KeyOfPath) => self.keyed_table().into_iter().collect(),
            Some(Kind::Entry(table)) => vec![table],
            Some(Kind::Token(_)) => vec![&FORTITOKEN],
            Some(Kind::Value) if self.takes_value() => {
                let paths = self.field.map_or(&[][..], |field| field.kind.references());
                paths.iter().filter_map(|path| Table::at(path)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The words that a field takes.
    fn values(&self) -> Vec<Choice> {
        let field = self
            .field
            .filter(|_| self.kind() == Some(Kind::Value) && self.takes_value());
        let words = match field.map(|field| &field.kind) {
            Some(schema::Kind::Choice(words) | schema::Kind::List(schema::Kind::Choice(words))) => {
                *words
            }
            _ => &[],
        };
        let value = |choice: &'static schema::Choice| Choice {
            word: choice.word,
            help: choice.help,
            leads: Leads::Value,
        };
        words.iter().map(value).collect()
    }

    /// A list takes any number of values.
    fn takes_value(&self) -> bool {
        self.free == 0 || self.field.is_some_and(is_list)
    }

    /// The table of a path that is complete, if it has entries.
    fn keyed_table(&self) -> Option<&'static Table> {
        let table = Table::at(&self.path.join(" "))?;
        matches!(table.shape, Shape::Keyed(_)).then_some(table)
    }

    fn choices(&self) -> Vec<Choice> {
        let Some(node) = self.node else {
            return self.scope.nodes().map(Choice::of_node).collect();
        };
        let is_fresh = self.arguments == 0 && self.path.is_empty();
        let words = if is_fresh { node.words } else { &[] };
        let words = words.iter().map(Choice::of_node);
        match self.kind() {
            Some(Kind::Path) => words.chain(self.deeper(Context::configures, &[])).collect(),
            Some(Kind::AnyPath) => words.chain(self.deeper(Context::shows, &[])).collect(),
            Some(Kind::PathOrReport) => words.chain(self.deeper(Context::shows, REPORTS)).collect(),
            // `get system admin list` stands where the name of an administrator may.
            Some(Kind::KeyOfPath) if self.may_report() => {
                words.chain(self.deeper(Context::shows, REPORTS)).collect()
            }
            Some(Kind::Field) => words.chain(self.fields(|_| true)).collect(),
            Some(Kind::ListField) => words.chain(self.fields(is_list)).collect(),
            Some(Kind::Child) => words.chain(self.children()).collect(),
            Some(Kind::Keyword(keywords)) => keywords.iter().map(Choice::of_keyword).collect(),
            _ => words.collect(),
        }
    }

    fn may_report(&self) -> bool {
        let arguments = self.node.map_or(&[][..], |node| node.arguments);
        arguments
            .iter()
            .any(|argument| argument.kind == Kind::PathOrReport)
    }

    fn fields(&self, wanted: fn(&Field) -> bool) -> impl Iterator<Item = Choice> {
        let fields = self.scope.table().map_or(&[][..], |table| table.fields);
        let wanted = fields.iter().filter(move |field| wanted(field));
        wanted.map(|field| Choice {
            word: field.name,
            help: field.help,
            leads: Leads::Field(field),
        })
    }

    fn children(&self) -> impl Iterator<Item = Choice> {
        let children = self.scope.table().map_or(&[][..], |table| table.children);
        children.iter().map(|child| Choice {
            word: child.path,
            help: child.help,
            leads: Leads::Child(child),
        })
    }

    /// The words that lead on from the path so far.
    fn deeper(
        &self,
        leads_to: fn(Context, &Table) -> bool,
        reports: &'static [Report],
    ) -> Vec<Choice> {
        let context = self.scope.context();
        let tables = below(&self.path)
            .filter(|table| leads_to(context, table))
            .map(|table| (table.path, table.help));
        let reports = reports
            .iter()
            .filter(|report| is_below(report.path, &self.path))
            .map(|report| (report.path, report.help));
        let global = (self.kind() == Some(Kind::Path) && context == Context::Top)
            .then_some((GLOBAL_PLACE, "Configure what the unit has once."))
            .filter(|(path, _)| is_below(path, &self.path));
        let mut choices: Vec<Choice> = Vec::new();
        for (path, help) in global.into_iter().chain(tables).chain(reports) {
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
            Leads::To(node) => {
                if self.node.is_none() {
                    self.first = node.word;
                }
                (self.node, self.arguments) = (Some(node), 0);
            }
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
            Leads::Child(table) => {
                self.child = Some(table);
                self.arguments += 1;
            }
            Leads::Value => self.take_free(),
        }
    }

    /// The tables whose path is, or begins with, the path so far.
    fn below(&self) -> impl Iterator<Item = &'static Table> {
        let context = self.scope.context();
        below(&self.path).filter(move |table| context.shows(table) || context.configures(table))
    }

    fn is_whole_path(&self) -> bool {
        let path = self.path.join(" ");
        path == GLOBAL_PLACE
            || Table::at(&path).is_some()
            || REPORTS.iter().any(|report| report.path == path)
    }

    /// Whether any word is taken here.
    fn is_free(&self) -> bool {
        match self.kind() {
            Some(Kind::Key | Kind::Entry(_) | Kind::Token(_) | Kind::Word | Kind::Value) => true,
            Some(Kind::KeyOfPath) => self.keyed_table().is_some(),
            Some(
                Kind::Path
                | Kind::AnyPath
                | Kind::PathOrReport
                | Kind::Field
                | Kind::ListField
                | Kind::Child
                | Kind::Keyword(_),
            )
            | None => false,
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
        self.kind() != Some(Kind::Value) || self.takes_value()
    }

    fn may_end(&self) -> bool {
        let Some(node) = self.node else { return false };
        let rest = node.arguments.get(self.arguments..).unwrap_or(&[]);
        let is_missing = |argument: &Argument| {
            argument.need == Need::Required && !(argument.kind == Kind::Value && self.free > 0)
        };
        node.verb.is_some() && !rest.iter().any(is_missing) && !self.leads_to_reports_only()
    }

    /// A path that no table begins with is none until it is a report's.
    fn leads_to_reports_only(&self) -> bool {
        !self.path.is_empty() && !self.is_whole_path() && below(&self.path).next().is_none()
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
            _ => {
                let words = self.offered(&self.choices()).join(", ");
                format!("one of these must follow: {words}")
            }
        }
    }

    fn unknown(&self, word: &str, choices: &[Choice]) -> Complaint {
        if self.node.is_none() {
            let plain = format!(
                "no command here begins like this; there is: {}",
                self.offered(choices).join(", ")
            );
            return Complaint::action(plain);
        }
        let plain = match self.offered(choices) {
            _ if choices.is_empty() => "the command takes no more words".to_owned(),
            none if none.is_empty() => "nothing that you may do stands here".to_owned(),
            words => format!("what may stand here: {}", words.join(", ")),
        };
        Complaint::command(word, plain)
    }

    /// The words of those choices that are named to the administrator.
    fn offered(&self, choices: &[Choice]) -> Vec<&'static str> {
        let offered = choices.iter().filter(|choice| self.offers(choice));
        offered.map(|choice| choice.word).collect()
    }
}

impl Choice {
    fn of_node(node: &'static Node) -> Self {
        Self {
            word: node.word,
            help: node.help,
            leads: Leads::To(node),
        }
    }

    fn of_keyword(keyword: &'static Keyword) -> Self {
        Self {
            word: keyword.word,
            help: keyword.help,
            leads: Leads::Value,
        }
    }

    /// What only the system sets is not offered.
    fn is_offered(&self) -> bool {
        !matches!(
            self.leads,
            Leads::Field(Field {
                access: Access::System | Access::Restored,
                ..
            })
        )
    }
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
    Many(Vec<Choice>),
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
        _ => Pick::Many(matches.into_iter().cloned().collect()),
    }
}

//! One administrator's session: where it stands, what was set and not saved, what each line means.

use domain::access::Authority;
use domain::admin::{AdminError, Operation};
use domain::query::{Logins, Query, Whose};
use domain::schema::{self, Field, Object, Table, ValueError};
use domain::settings::VdomMode;
use domain::vdom::Vdom;

use crate::complaint::{Complaint, Refused};
use crate::complete::{self, Completion, Keys};
use crate::debug::{Change, Line as DebugLine, Source, Switches};
use crate::filter::{Filter, Output};
use crate::permission::Permission;
use crate::render::{Listing, Scope as Listed, View, Zone, printable};
use crate::tree::Verb;
use crate::walk::{GLOBAL_PLACE, Invocation, Scope, Walk, is_child};
use crate::words::{self, Line};

mod action;
mod arguments;
mod authserver;
mod certificate;
mod children;
mod configuring;
mod entry;
mod guarded;
mod intake;
mod keeping;
mod log;
mod login_test;
mod moving;
mod passing;
mod place;
mod recovery;
mod references;
mod step;
mod unfinished;

pub use action::{Action, Family, Host, Ping, PingOptions};
pub use certificate::{CertificateAction, NewKey, Requested};
pub use intake::{SeedKey, TakeIn, Told};
pub use keeping::{
    Backup, BackupPassword, Destination, Extent, FileName, Remote, Restore, Source as RestoreSource,
};
pub use moving::{MoveStep, MoveTokens};
pub use recovery::{Recovery, RecoveryStep};

pub use authserver::TestAuthserver;
use log::LogFilter;
pub use login_test::TestLogin;
use login_test::Untyped;
use passing::Passing;
pub(crate) use place::Context;
use place::{Base, Level, Place};
use references::Pending;
pub use step::{CheckLogin, Command, Step, Synchronise, TestToken};
use unfinished::Unfinished;

/// Logins that are shown when no number is asked for.
const LOGINS_SHOWN: u32 = 20;

/// What stands in place of the prompt while a confirmation is awaited.
const QUESTION: &str = "Do you want to continue? (y/n)";

/// What stands in place of the prompt while a quote is open.
const CONTINUATION: &str = "> ";

/// A session of the command line. It does nothing by itself: lines go in, [`Step`]s come out.
#[derive(Debug)]
pub struct Session {
    zone: Zone,
    vdom_mode: VdomMode,
    permission: Permission,
    place: Place,
    awaited: Option<Awaited>,
    /// What is done if the administrator confirms it.
    asked: Option<Asked>,
    /// The command that asks.
    asked_for: Option<Invocation>,
    /// What waits for a password or code.
    untyped: Option<Untyped>,
    /// A line whose quote is open.
    unfinished: Option<Unfinished>,
    /// A block of a pasted configuration that is not for this unit.
    passing: Option<Passing>,
    /// The virtual domain in which the session stood and may not any more; the next line was meant for it,
    /// up to the end of a quote that is open.
    withdrawn: Option<Vdom>,
    debug: Switches,
    ping: PingOptions,
    log_filter: LogFilter,
}

/// What the shell was asked for.
#[derive(Debug)]
enum Awaited {
    /// The entry to open.
    Entry(&'static Table, Box<str>),
    /// The virtual domain to go into, if it exists.
    Vdom(Vdom),
    /// What became of creating it.
    NewVdom(Vdom),
    /// An entry that a value names.
    Reference(Pending),
    /// What became of the open entry; then the session goes on there.
    Commit(Leave),
    /// What became of another change.
    Change,
}

/// What waits for a `y`.
#[derive(Debug)]
enum Asked {
    /// A step of the shell.
    Run(Box<(Step, Option<Awaited>)>),
    /// The open child table is cleared.
    PurgeChildren(&'static Table),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leave {
    ToTable,
    OutOfTable,
}

impl Session {
    /// A session at the top, of somebody who may do everything. `zone` is the administrator's clock.
    pub fn new(zone: Zone) -> Self {
        let anybody = Authority::system("");
        Self {
            zone,
            vdom_mode: VdomMode::default(),
            permission: Permission::from(&anybody),
            place: Place::top(),
            awaited: None,
            asked: None,
            asked_for: None,
            untyped: None,
            unfinished: None,
            passing: None,
            withdrawn: None,
            debug: Switches::default(),
            ping: PingOptions::default(),
            log_filter: LogFilter::default(),
        }
    }

    /// Tells whether the unit has virtual domains now; before each line. A session that stands in one
    /// goes back to the top when there are none any more.
    pub fn set_vdom_mode(&mut self, mode: VdomMode) {
        if mode == VdomMode::None && self.place.base != Base::Top {
            self.place = Place::top();
        }
        self.vdom_mode = mode;
    }

    /// Tells what the administrator may do now; before each line, after [`Session::set_vdom_mode`].
    pub fn set_authority(&mut self, authority: &Authority) {
        self.permission = Permission::from(authority);
        if !self.permission.debugs() {
            self.debug = Switches::default();
        }
        if let Base::Vdom(vdom) = self.place.base
            && !self.permission.works_in(vdom)
        {
            self.withdrawn = Some(vdom);
            self.place = Place::top();
        }
        self.go_home();
    }

    /// Who may work in some virtual domains only never stands outside of them. Tells where the session
    /// stands now, if it had to move.
    fn go_home(&mut self) -> Option<Vdom> {
        let is_outside = matches!(self.place.base, Base::Top | Base::Global);
        let home = self.permission.home();
        let home = home.filter(|_| is_outside && self.vdom_mode == VdomMode::Multi)?;
        self.place.base = Base::Vdom(home);
        self.place.levels.clear();
        Some(home)
    }

    /// The virtual domain that commands are about: `root` outside of any.
    pub fn vdom(&self) -> Vdom {
        self.context().vdom()
    }

    /// The prompt: `HOST # `, `HOST (fortitoken) # `, `HOST (FTKMOB99C7D975DF) # `. Automation reads
    /// the word in brackets as letters, digits, `-` and `_`; what else a key has becomes `_`. Who may
    /// change nothing has `$` in place of `#`.
    ///
    /// While a confirmation is awaited it is the question, see [`Session::is_asking`], and so while a secret is, see
    /// [`Session::asks_secret`]; while a quote is open, see [`Session::open_quote`], it is `> `.
    pub fn prompt(&self, hostname: &str) -> String {
        if self.is_asking() {
            return QUESTION.to_owned();
        }
        if let Some(untyped) = &self.untyped {
            return untyped.question().to_owned();
        }
        if self.unfinished.is_some() {
            return CONTINUATION.to_owned();
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let word = |text: &str| -> String {
            text.chars()
                .map(|c| if is_word(c) { c } else { '_' })
                .collect()
        };
        let end = if self.permission.writes() { '#' } else { '$' };
        match self.place.name() {
            None => format!("{hostname} {end} "),
            Some(name) => format!("{hostname} ({}) {end} ", word(name)),
        }
    }

    /// Whether the next line is the answer to a question: `y` does what was asked for, an empty line lets
    /// the question stand, anything else leaves it.
    pub fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether the next line is a password or code, which a terminal does not show.
    pub fn asks_secret(&self) -> bool {
        self.untyped.is_some()
    }

    /// Whether the next line is an answer, and no command.
    pub fn awaits_answer(&self) -> bool {
        self.is_asking() || self.asks_secret()
    }

    /// Takes a line. A line that comes while an answer is awaited gives that answer up.
    pub fn feed(&mut self, line: &str) -> Step {
        self.awaited = None;
        if self.withdrawn.is_some() {
            (self.asked, self.asked_for, self.passing) = (None, None, None);
            self.untyped = None;
        }
        if let Some(asked) = self.asked.take() {
            return self.answered(asked, line);
        }
        if let Some(untyped) = self.untyped.take() {
            return self.secret_typed(untyped, line);
        }
        self.gather(line)
    }

    /// Takes a line whose quotes are closed.
    fn take(&mut self, line: &str) -> Step {
        if let Some(vdom) = self.withdrawn.take() {
            return refuse(&Complaint::denied(format!(
                "VDOM {vdom} is none of yours any more, and you stand in another: the line was not run"
            )));
        }
        if let Some(step) = self.pass_over(line) {
            return step;
        }
        let before = self.place.base;
        let step = match self.understood(line) {
            Ok(step) => step,
            Err(complaint) if self.passes_block_of(line) => {
                let noted = "what stands in it is passed over, up to its 'end'";
                Step::Refuse(format!("{complaint}{noted}\n"))
            }
            Err(complaint) => {
                self.spoil_by(line);
                refuse(&complaint)
            }
        };
        match (self.go_home(), step) {
            (Some(home), Step::Nothing) if before != Base::Vdom(home) => moved_home(home),
            (_, step) => step,
        }
    }

    /// Takes a question back, and a line whose quote is open: Ctrl-C is no answer and no end of a line.
    pub fn withdraw(&mut self) {
        (self.asked, self.asked_for) = (None, None);
        (self.untyped, self.unfinished) = (None, None);
    }

    fn answered(&mut self, asked: Asked, answer: &str) -> Step {
        let asked_for = self.asked_for.take();
        match answer.trim() {
            "y" | "Y" | "yes" => {}
            "n" | "N" | "no" => return Step::Nothing,
            "" => {
                (self.asked, self.asked_for) = (Some(asked), asked_for);
                return Step::Nothing;
            }
            // A script that did not know of the question.
            other => {
                let plain = "that is no answer to the question above, y or n: nothing was done";
                return refuse(&Complaint::value(other, plain));
            }
        }
        if let Err(complaint) = self.still_permitted(asked_for.as_ref()) {
            return refuse(&complaint);
        }
        match asked {
            Asked::Run(run) => {
                let (step, awaited) = *run;
                self.awaited = awaited;
                step
            }
            Asked::PurgeChildren(table) => {
                self.put_siblings(table, Vec::new());
                Step::Nothing
            }
        }
    }

    fn secret_typed(&mut self, untyped: Untyped, secret: &str) -> Step {
        let asked_for = self.asked_for.take();
        if let Err(complaint) = self.still_permitted(asked_for.as_ref()) {
            return refuse(&complaint);
        }
        let step = self.typed_secret(untyped, secret);
        self.asked_for = asked_for.filter(|_| self.asks_secret());
        step
    }

    /// The right may have been withdrawn while the question stood.
    fn still_permitted(&self, asked_for: Option<&Invocation>) -> Result<(), Complaint> {
        asked_for.map_or(Ok(()), |invocation| self.permit(invocation))
    }

    /// Asks before a step is done; `notice` says what it will do, in whole lines.
    fn ask(&mut self, notice: &str, step: Step) -> Step {
        let awaited = self.awaited.take();
        self.confirm(notice, Asked::Run(Box::new((step, awaited))))
    }

    fn confirm(&mut self, notice: &str, asked: Asked) -> Step {
        self.asked = Some(asked);
        Step::Ask(notice.to_owned())
    }

    /// The answer to [`Command::Fetch`].
    pub fn fetched(&mut self, entry: Option<Object>) -> Step {
        match self.awaited.take() {
            Some(Awaited::Entry(table, key)) => self.open(table, key, entry),
            Some(Awaited::Vdom(vdom)) => match entry {
                Some(_) => self.enter(vdom),
                None => self.create(vdom),
            },
            Some(Awaited::Reference(pending)) => self.resolved(pending, entry.as_ref()),
            Some(Awaited::NewVdom(_) | Awaited::Commit(_) | Awaited::Change) | None => {
                Step::Nothing
            }
        }
    }

    /// The answer to [`Command::Configure`]. What was set and is refused is discarded: lines pasted
    /// behind it must not end up in the wrong entry.
    pub fn applied(&mut self, result: Result<(), AdminError>) -> Step {
        let (what, entered) = match self.awaited.take() {
            Some(Awaited::Commit(leave)) => {
                self.leave(leave);
                self.go_home();
                (Refused::Setting, None)
            }
            Some(Awaited::NewVdom(vdom)) => (Refused::Command, Some(vdom)),
            _ => (Refused::Command, None),
        };
        match (result, entered) {
            (Ok(()), Some(vdom)) => self.enter(vdom),
            (Ok(()), None) => Step::Nothing,
            (Err(error), _) => refuse(&Complaint::change(error, what)),
        }
    }

    /// The answer to any command that could not be carried out, such as when the store does not answer.
    pub fn failed(&mut self, why: &str) -> Step {
        let next_step = match self.awaited.take() {
            Some(Awaited::Commit(leave)) => {
                self.leave(leave);
                "it is not known whether the change was saved: look at it with 'show'"
            }
            Some(Awaited::Change | Awaited::NewVdom(_)) => {
                "it is not known whether it was done: look with 'show'"
            }
            Some(Awaited::Entry(..) | Awaited::Vdom(_) | Awaited::Reference(_)) | None => {
                "try again"
            }
        };
        Step::Refuse(format!(
            "{}\nCommand fail. Return code -1\n{next_step}\n",
            printable(why)
        ))
    }

    /// What Tab does at the end of this beginning of a line.
    pub fn complete(&self, line_before_cursor: &str) -> Completion {
        if self.unfinished.is_some() {
            return Completion::Nothing;
        }
        let completion = complete::completion(
            self.vdom(),
            self.scope(),
            &self.permission,
            line_before_cursor,
        );
        match completion {
            Completion::Keys(keys) => match self.keys_known_here(&keys) {
                Some(siblings) => keys.complete(&siblings),
                None => Completion::Keys(keys),
            },
            other => other,
        }
    }

    /// What `?` shows at the end of this beginning of a line. Where the keys of a table may follow, as
    /// [`Session::complete`] tells, the shell fetches them and adds [`Keys::list`].
    pub fn help(&self, line_before_cursor: &str) -> String {
        if self.unfinished.is_some() {
            return String::new();
        }
        let help = complete::help(self.scope(), &self.permission, line_before_cursor);
        let completion = complete::completion(
            self.vdom(),
            self.scope(),
            &self.permission,
            line_before_cursor,
        );
        match completion {
            Completion::Keys(keys) => match self.keys_known_here(&keys) {
                Some(siblings) => help + &keys.list(&siblings),
                None => help,
            },
            _ => help,
        }
    }

    /// Whether the line belongs into no history: it is or sets a password or secret, or may have been meant to, or
    /// it is part of a longer one.
    pub fn is_secret(&self, line: &str) -> bool {
        if self.unfinished.is_some() || self.asks_secret() {
            return true;
        }
        let words = words::leniently(line);
        if tries_a_password(&words) {
            return true;
        }
        let [verb, name, ..] = &words[..] else {
            return false;
        };
        let (scope, permission) = (self.scope(), &self.permission);
        let is_secret_there = keeping::has_password(scope, permission, &words)
            || intake::has_key(scope, permission, &words);
        if is_secret_there {
            return true;
        }
        let table = self.place.entry().map(|entry| entry.table);
        let fields = schema::ALL
            .iter()
            .filter(|other| table.is_none_or(|table| *other == &table))
            .flat_map(|table| table.fields);
        let is_secret = |field: &Field| field.kind.is_secret();
        let mut meant = fields.filter(|field| field.name.starts_with(name.as_str()));
        "set".starts_with(verb.as_str()) && meant.any(is_secret)
    }

    /// The debug line as this session shows it, ended by LF, if it asked for it.
    pub fn debug_line(&self, line: &DebugLine) -> Option<String> {
        self.debug.show(line, self.zone)
    }

    /// The shell gave the command up on the way, as Ctrl-C has it. Of a change nobody knows then whether it
    /// was made.
    pub fn interrupted(&mut self) -> Step {
        match &self.awaited {
            Some(Awaited::Commit(_) | Awaited::Change | Awaited::NewVdom(_)) => {
                self.failed("interrupted")
            }
            Some(Awaited::Entry(..) | Awaited::Vdom(_) | Awaited::Reference(_)) | None => {
                self.awaited = None;
                Step::Nothing
            }
        }
    }

    /// Whether the administrator may see debug lines at all.
    pub fn debugs(&self) -> bool {
        self.permission.debugs()
    }

    /// Whether lines from there are asked for, so that others need not be made.
    pub fn asks_debug(&self, source: Source) -> bool {
        self.debug.asks(source)
    }

    /// Whether the lines that are asked for are printed: `diagnose debug enable`.
    pub fn prints_debug(&self) -> bool {
        self.debug.prints()
    }

    fn context(&self) -> Context {
        match (self.place.base, self.vdom_mode) {
            (_, VdomMode::None) => Context::Unit,
            (Base::Vdom(vdom), VdomMode::Multi) => match self.permission.home() {
                Some(_) => Context::OwnVdom(vdom),
                None => Context::Vdom(vdom),
            },
            (Base::Global, VdomMode::Multi) => Context::Global,
            (Base::Top | Base::Vdoms, VdomMode::Multi) => Context::Top,
        }
    }

    fn scope(&self) -> Scope {
        self.place.scope(self.context())
    }

    fn understood(&mut self, line: &str) -> Result<Step, Complaint> {
        let Line { words, pipe } = Line::parse(line)?;
        if words.is_empty() && pipe.is_none() {
            return Ok(Step::Nothing);
        }
        let invocation = Walk::along(self.scope(), &self.permission, &words)?;
        self.permit(&invocation)?;
        // The fields' own declarations refuse it by the field's name.
        let takes_value = matches!(invocation.verb, Verb::Set | Verb::Append | Verb::Unselect);
        let all = words.iter().chain(pipe.iter().flat_map(|pipe| pipe.iter()));
        if let Some(word) = all
            .filter(|word| word.contains('\n'))
            .find(|_| !takes_value)
        {
            return Err(Complaint::value(
                word,
                "no word here goes over several lines",
            ));
        }
        if invocation.verb.is_of_a_vdom()
            && matches!(self.context(), Context::Top | Context::Global)
        {
            let first = words.first().map_or("", String::as_str);
            let plain = "tokens and users stand in a VDOM: first 'config vdom', 'edit NAME'";
            return Err(Complaint::command(first, plain));
        }
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
        let step = self.run(&invocation, free, Output::through(filter))?;
        self.asked_for = self.awaits_answer().then_some(invocation);
        Ok(step)
    }

    /// Refuses what the administrator may not do.
    fn permit(&self, invocation: &Invocation) -> Result<(), Complaint> {
        let Invocation {
            verb, first, path, ..
        } = invocation;
        let table = if path.is_empty() {
            // Entries of `config vdom` are places: who may go there is asked by name.
            let vdoms = (*verb != Verb::Edit).then_some(&schema::VDOM);
            match self.scope() {
                Scope::Table(table) | Scope::Entry(table) => Some(table),
                Scope::Vdoms => vdoms,
                Scope::Top(_) => None,
            }
        } else {
            Table::at(&path.join(" ")).filter(|table| *table != &schema::VDOM)
        };
        if path[..] == [GLOBAL_PLACE] {
            self.permission.enter_unit()?;
        }
        self.permission.check(first, *verb, table)
    }

    fn run(
        &mut self,
        invocation: &Invocation,
        words: &[String],
        output: Output,
    ) -> Result<Step, Complaint> {
        let word = words.first().map_or("", String::as_str);
        let vdom = self.vdom();
        let command = match invocation.verb {
            Verb::Config => return Ok(self.config(invocation)),
            Verb::Child => return Ok(self.config_child(invocation)),
            Verb::Edit => return self.edit(word),
            Verb::Delete => return self.delete(word),
            Verb::Purge => return Ok(self.purge()),
            Verb::Rename => return self.rename(words),
            Verb::Move => return self.move_entry(words),
            Verb::Clone => return self.clone_entry(words),
            Verb::Set => return self.set(invocation.field, words),
            Verb::Append => return self.append(invocation.field, words),
            Verb::Unselect => return self.unselect(invocation.field, words),
            Verb::Unset => return self.unset(invocation.field),
            Verb::Next => return Ok(self.save(Leave::ToTable)),
            Verb::End => return Ok(self.save(Leave::OutOfTable)),
            Verb::Abort => {
                self.place.leave_all();
                return Ok(Step::Nothing);
            }
            Verb::Exit => return Ok(Step::Close),
            Verb::List(view) => return self.list(view, invocation, word, output),
            Verb::Debug(change) => return Ok(self.debug(change, output)),
            Verb::DebugLevel(application) => {
                return Ok(self.debug(Change::Level(application, arguments::level(word)?), output));
            }
            Verb::DebugCli => {
                return Ok(self.debug(Change::Cli(arguments::cli_level(word)?), output));
            }
            Verb::DebugInfo => return Ok(print(&self.debug.to_string(), output)),
            Verb::SystemStatus => Command::Ask(Query::SystemStatus(self.vdom())),
            Verb::Import => {
                let code = arguments::licence_code(word)?;
                Command::Execute(Operation::Import { vdom, code })
            }
            Verb::Provision => {
                let token = arguments::serial(word)?;
                Command::Execute(Operation::Provision { vdom, token })
            }
            Verb::Renew => {
                let token = arguments::serial(word)?;
                Command::Execute(Operation::Renew { vdom, token })
            }
            Verb::SendActivation => {
                let token = arguments::serial(word)?;
                let by = words.get(1).and_then(|word| arguments::method(word));
                Command::Execute(Operation::SendActivation { vdom, token, by })
            }
            Verb::Poll => Command::Poll(vdom),
            Verb::Sync => Command::Synchronise(arguments::synchronise(vdom, words)?),
            Verb::ActivateTokens => {
                let tokens = words.iter().map(|word| arguments::serial(word));
                let tokens = tokens.collect::<Result<_, _>>()?;
                Command::Execute(Operation::ActivateHardware { vdom, tokens })
            }
            Verb::TakeIn(intake) => self.take_in(intake, words)?,
            Verb::MoveTokens(moving) => self.move_tokens(moving, words)?,
            Verb::TestAuthserver(kind) => {
                Command::TestAuthserver(authserver::test(vdom, kind, words)?)
            }
            Verb::TestLogin => return self.test_login(vdom, words, output),
            Verb::CheckLogin => self.check_login(words)?,
            Verb::TestToken => Command::TestToken(arguments::test_token(vdom, words)?),
            Verb::TokenInfo => {
                let serial = words
                    .first()
                    .map(|word| arguments::serial(word))
                    .transpose()?;
                Command::Ask(Query::TokenInfo { vdom, serial })
            }
            Verb::LoginsOfAnyone => self.logins(Whose::Anyone, LOGINS_SHOWN),
            Verb::LoginsOfUser => {
                let person = arguments::person(vdom, word)?;
                self.logins(Whose::Person(person), LOGINS_SHOWN)
            }
            Verb::LoginsOfClient => self.logins(Whose::Client(word.into()), LOGINS_SHOWN),
            Verb::LastLogins => self.logins(Whose::Anyone, arguments::count(word)?),
            Verb::Unlock => Command::Execute(Operation::Unlock(arguments::person(vdom, word)?)),
            Verb::Outbox => {
                let vdom = self.context().only();
                Command::Ask(Query::Outbox { vdom })
            }
            Verb::Deliveries => {
                let vdom = self.context().only();
                let last = words.first().map(|word| arguments::count(word));
                let last = last.transpose()?.unwrap_or(LOGINS_SHOWN);
                Command::Ask(Query::Deliveries { vdom, last })
            }
            Verb::Act(act) => return self.act(act, words, output),
            Verb::Log(log) => return self.log(log, words, output),
            Verb::Keep(keeping) => return self.keep_away(keeping, words, output),
        };
        if matches!(command, Command::Execute(_) | Command::Synchronise(_)) {
            self.awaited = Some(Awaited::Change);
        }
        Ok(Step::Run { command, output })
    }

    fn list(
        &self,
        view: View,
        invocation: &Invocation,
        key: &str,
        output: Output,
    ) -> Result<Step, Complaint> {
        let scope = match (self.place.levels.last(), self.place.base) {
            (Some(Level::Entry(entry)), _) => {
                return Ok(print(&entry.list(view, self.zone), output));
            }
            (Some(Level::Table(table)), _) if is_child(table) => {
                let text = self.child_listing(view, table, key)?;
                return Ok(print(&text, output));
            }
            (Some(Level::Table(table)), _) => entries_of(table, key),
            (None, Base::Vdoms) => Listed::Table(&schema::VDOM),
            (None, _) => listed(&invocation.path, &invocation.tables, key),
        };
        let listing = Listing::new(view, scope, self.zone)
            .within(self.context())
            .seen_with(self.permission.rights());
        Ok(run_into(Command::List(listing), output))
    }

    fn check_login(&self, words: &[String]) -> Result<Command, Complaint> {
        let typed = words.first().map_or("", String::as_str);
        let vdom = match words.get(1) {
            Some(name) => arguments::vdom(name)?,
            None => self.vdom(),
        };
        self.permission.enter(vdom)?;
        Ok(Command::CheckLogin(CheckLogin {
            typed: typed.into(),
            person: arguments::person(vdom, typed)?,
        }))
    }

    fn logins(&self, of: Whose, last: u32) -> Command {
        let vdom = self.context().only();
        Command::Ask(Query::Logins(Logins { vdom, of, last }))
    }

    fn debug(&mut self, change: Change, output: Output) -> Step {
        print(self.debug.change(change), output)
    }
}

/// `show` without a path is everything; a path that ends early is all tables below it.
fn listed(path: &[&'static str], tables: &[&'static Table], key: &str) -> Listed {
    match (path, tables) {
        ([], _) => Listed::All,
        (_, [table]) if table.path == path.join(" ") => entries_of(table, key),
        (_, tables) => Listed::Group(tables.to_vec()),
    }
}

fn entries_of(table: &'static Table, key: &str) -> Listed {
    match key {
        "" => Listed::Table(table),
        key => Listed::Entry(table, key.into()),
    }
}

/// Whether the words are, or begin, a line that carries a password to try.
fn tries_a_password(words: &[String]) -> bool {
    const COMMANDS: [[&str; 3]; 2] = [
        ["diagnose", "test", "authserver"],
        ["diagnose", "login", "test"],
    ];
    COMMANDS.iter().any(|command| {
        let mut pairs = command.iter().zip(words);
        words.len() > command.len() && pairs.all(|(word, typed)| word.starts_with(typed.as_str()))
    })
}

fn run(command: Command) -> Step {
    run_into(command, Output::through(None))
}

fn run_into(command: Command, output: Output) -> Step {
    Step::Run { command, output }
}

/// What somebody reads who left a virtual domain and has no place above it.
fn moved_home(home: Vdom) -> Step {
    Step::Print(format!(
        "current vf={home}\nyou work in virtual domains, and stand in the first of yours now: 'config vdom', \
         'edit NAME' leads to the others\n"
    ))
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

/// A secret is not repeated on the terminal.
fn bad_value(field: &Field, words: &[String], error: &ValueError) -> Complaint {
    let word = match words.last() {
        Some(_) if field.kind.is_secret() => "***",
        Some(word) => word,
        None => "",
    };
    match error {
        ValueError::System { .. } => Complaint::command(field.name, error.to_string()),
        // A word that is none of a field's is a word that no command has there.
        ValueError::NoChoice { .. } => Complaint::command(word, error.to_string()),
        ValueError::Missing { .. } if words.len() > 1 => {
            let plain = format!("{error}; put quotes around blanks");
            Complaint::field(field.name, word, plain)
        }
        _ => Complaint::field(field.name, word, error.to_string()),
    }
}

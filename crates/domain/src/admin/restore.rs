//! Taking a configuration in: entry after entry, in one transaction.
//!
//! The store asks [`Restoring::reads`] what to fetch, hands the facts to [`Restoring::decide`], writes the
//! plan and asks again. An entry that cannot be taken is left out and told; the others are taken.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use ident::{TokenKind, TokenSerial};

mod entry;

use super::configure;
use super::{AdminError, Change, Context, Edit, Entropy, Facts, Manner, Named, vdoms};
use super::{Operation, Plan, Reads, rights};
use crate::access::Authority;
use crate::audit::Event;
use crate::schema::{self, FORTITOKEN, Field, INTERFACE, Object, Place, Scope, Shape, Table, VDOM};
use crate::time::Timestamp;
use crate::vdom::Vdom;

/// A configuration to take in.
#[derive(Debug)]
pub struct Restore {
    /// Where it comes from, for the audit log.
    pub origin: Box<str>,
    /// How much of the unit it is.
    pub coverage: Coverage,
    /// Its entries, in its order.
    pub entries: Vec<Incoming>,
}

/// How much of a unit a configuration is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coverage {
    /// All of it: what it does not name goes, and what it does not set goes back to its default. Tokens
    /// and interfaces stay: they belong to their licences and to the host.
    Whole,
    /// Some entries, as if they were typed.
    Part,
}

/// An entry as a configuration names it.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Where it stands.
    pub place: Place,
    /// What is set there, what the system set among it.
    pub edits: Vec<Edit>,
    /// How much of what the configuration says of it that is.
    pub understood: Understood,
}

/// How much of an entry was understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Understood {
    /// All.
    Whole,
    /// A part: what is not set stays as it is, in a whole configuration too.
    Partly,
    /// Too little: the entry is left out, and whoever read it has told why.
    TooLittle,
}

/// What became of a configuration.
#[derive(Debug, Default)]
pub struct Report {
    /// Entries that are new.
    pub added: u32,
    /// Entries that have changed.
    pub changed: u32,
    /// Entries that were like this before.
    pub unchanged: u32,
    /// Mobile tokens that came in with their phones, of the added or changed entries.
    pub conveyed: u32,
    /// Entries that went, because a whole configuration does not name them.
    pub deleted: u32,
    /// Paths of tables of which a whole configuration would have changed something that the authority may
    /// not change.
    pub foreign: Vec<&'static str>,
    /// What has to be said of single entries, in their order.
    pub remarks: Vec<(About, Remark)>,
}

/// Which entry a remark is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum About {
    /// One of the configuration, by its place there.
    Incoming(usize),
    /// One that it does not name.
    Here(Place),
}

/// What has to be said of an entry that comes from elsewhere.
#[derive(Clone, Debug)]
pub enum Remark {
    /// It is left out.
    LeftOut(AdminError),
    /// It is left out: another entry of the configuration, here by its place, means the same one, and
    /// which of them holds nobody can say.
    Twice(usize),
    /// It is left out, and nothing is said of it: the authority may not even see it.
    Unseen,
    /// It is deleted: a whole configuration does not name it.
    Deleted,
    /// It stays although the configuration does not name it.
    Stays(AdminError),
    /// A name that nothing has here was left out of a list.
    NotNamed(&'static Field, Named),
    /// The system sets this field; it stays as it is.
    System(&'static Field),
    /// A secret that another unit sealed is kept, and opens nothing here.
    Foreign(&'static Field),
    /// A secret that another unit sealed is not taken: the one that is here opens.
    Kept(&'static Field),
    /// A mobile token comes in as `new`: its seed is on the other unit and its phone.
    New(TokenSerial),
    /// A user's mobile token has to be provisioned before that user can log in.
    Unprovisioned(TokenSerial),
    /// A token of an imported licence stays in the virtual domain that has it.
    Elsewhere(TokenSerial),
    /// A token of an imported licence is here already.
    Here(TokenSerial),
    /// A token of another gateway's has another phone by now than the one with which it came.
    OtherPhone(TokenSerial),
}

impl Remark {
    /// Whether the entry is left out.
    pub fn leaves_out(&self) -> bool {
        matches!(self, Self::LeftOut(_) | Self::Twice(_) | Self::Unseen)
    }

    pub(super) fn of_foreign(field: &'static Field, is_here: bool) -> Self {
        if is_here {
            Self::Kept(field)
        } else {
            Self::Foreign(field)
        }
    }
}

/// How often entries that name others are put back until those are there. Tables name each other no
/// deeper than this.
const ROUNDS_MAX: u32 = 16;

/// What a configuration names in each table, with the place in which it does first.
type Keys = HashMap<(Vdom, &'static str), HashMap<Box<str>, usize>>;

/// A configuration that is being taken in.
#[derive(Debug)]
pub struct Restoring {
    origin: Box<str>,
    coverage: Coverage,
    waiting: VecDeque<Task>,
    postponed: VecDeque<Task>,
    current: Option<Task>,
    round: u32,
    /// Whether something was done in this round.
    moved: bool,
    /// What the configuration names.
    named: Keys,
    report: Report,
    by: Authority,
    /// Paths of tables in which something would go or be set back, if the authority might.
    foreign: BTreeSet<&'static str>,
}

/// One thing to do.
#[derive(Debug)]
enum Task {
    Take(About, Incoming),
    /// Look for entries of a table that the configuration does not name.
    Survey(Vdom, &'static Table),
    Delete(Place),
}

impl Restoring {
    /// Begins, with the rights of this authority: what it may not change is neither looked at nor named.
    pub fn new(restore: Restore, by: Authority) -> Self {
        let Restore {
            origin,
            coverage,
            entries,
        } = restore;
        let (named, twice) = identities(&entries);
        let remarks = remarks_on(&twice, &entries, &by);
        let tasks = entries.into_iter().enumerate();
        let tasks = tasks.filter(|(at, entry)| {
            entry.understood != Understood::TooLittle && !twice.contains_key(at)
        });
        let waiting = tasks.map(|(at, entry)| Task::Take(About::Incoming(at), entry));
        let mut restoring = Self {
            origin,
            coverage,
            waiting: waiting.collect(),
            postponed: VecDeque::new(),
            current: None,
            round: 0,
            moved: false,
            named,
            report: Report {
                remarks,
                ..Report::default()
            },
            by,
            foreign: BTreeSet::new(),
        };
        if coverage == Coverage::Whole {
            // Its virtual domains are all there by then.
            let survey = Task::Survey(Vdom::ROOT, &VDOM);
            restoring.waiting.push_back(survey);
            restoring.cover(Vdom::ROOT, Scope::Global);
        }
        restoring
    }

    /// What a whole configuration does not name: settings go back to their defaults, entries go.
    fn cover(&mut self, vdom: Vdom, scope: Scope) {
        let tables = schema::ALL.iter().copied();
        for table in tables.filter(|table| table.scope == scope && *table != &VDOM) {
            let is_named = self.named.contains_key(&(vdom, table.path));
            let is_foreign = !self.by.may_change(table, vdom);
            match table.shape {
                Shape::Single if is_named => {}
                Shape::Keyed(_) if [&FORTITOKEN, &INTERFACE].contains(&table) => {}
                _ if is_foreign => {
                    self.foreign.insert(table.path);
                }
                Shape::Single => {
                    let place = Place::new(vdom, table, "");
                    let about = About::Here(place.clone());
                    let settings = Incoming {
                        place,
                        edits: Vec::new(),
                        understood: Understood::Whole,
                    };
                    self.waiting.push_back(Task::Take(about, settings));
                }
                Shape::Keyed(_) => self.waiting.push_back(Task::Survey(vdom, table)),
            }
        }
    }

    /// What to fetch for the next entry; nothing when all are done.
    pub fn reads(&mut self) -> Option<Reads> {
        let task = self.waiting.pop_front().or_else(|| self.next_round())?;
        let reads = match &task {
            Task::Take(_, incoming) => configure::reads(&incoming.place, &incoming.edits),
            Task::Survey(vdom, table) => Reads {
                all: Some((*vdom, table)),
                ..Reads::default()
            },
            Task::Delete(place) => {
                let place = place.clone();
                Operation::Remove { place }.reads()
            }
        };
        self.current = Some(task);
        Some(reads)
    }

    fn next_round(&mut self) -> Option<Task> {
        self.round = match self.moved {
            true if self.round < ROUNDS_MAX => self.round + 1,
            _ if self.round <= ROUNDS_MAX => LAST_ROUND,
            _ => return None,
        };
        self.moved = false;
        self.waiting = std::mem::take(&mut self.postponed);
        self.waiting.pop_front()
    }

    fn is_last_round(&self) -> bool {
        self.round == LAST_ROUND
    }

    /// What to write for the entry that was asked for.
    pub fn decide(&mut self, facts: Facts, entropy: &Entropy, now: Timestamp) -> Plan {
        let by = self.by.clone();
        let context = Context::new(&facts, entropy, &by, now, Manner::Restored);
        match self.current.take() {
            Some(Task::Take(about, incoming)) => match rights::change(&incoming.place, &self.by) {
                Ok(()) => self.take(about, incoming, facts, &context),
                Err(denied) => {
                    self.deny(&about, &incoming.place, denied);
                    Plan::default()
                }
            },
            Some(Task::Survey(vdom, table)) => {
                self.survey(vdom, table, &facts);
                Plan::default()
            }
            Some(Task::Delete(place)) => self.delete(place, facts, &context),
            None => Plan::default(),
        }
    }

    fn deny(&mut self, about: &About, place: &Place, denied: AdminError) {
        let remark = if self.by.may_read(place.table(), place.vdom()) {
            Remark::LeftOut(denied)
        } else {
            self.foreign.insert(place.table().path);
            Remark::Unseen
        };
        self.remark(about, vec![remark]);
    }

    fn take(
        &mut self,
        about: About,
        incoming: Incoming,
        facts: Facts,
        context: &Context<'_>,
    ) -> Plan {
        let again = (!self.is_last_round()).then(|| incoming.clone());
        let Incoming {
            place,
            edits,
            understood,
        } = incoming;
        let (edits, left_out) = match again {
            Some(_) => (edits, Vec::new()),
            None => entry::without_strangers(&place, edits, &facts),
        };
        let edits = match self.coverage {
            Coverage::Whole if understood == Understood::Whole => {
                entry::covering(place.table(), edits)
            }
            Coverage::Whole | Coverage::Part => edits,
        };
        let before = entry::before(&place, &facts);
        let known = vdoms::is_there(place.vdom(), &facts);
        let decided = known.and_then(|()| configure::configure(&place, edits, facts, context));
        match (decided, again) {
            (Ok(mut plan), _) => {
                self.moved = true;
                let remarks = std::mem::take(&mut plan.remarks);
                self.remark(&about, remarks.into_iter().chain(left_out).collect());
                self.count(&about, before.as_deref(), plan)
            }
            // What it names may come later, and whoever has its token may give it back.
            (Err(_), Some(again)) => {
                self.postponed.push_back(Task::Take(about, again));
                Plan::default()
            }
            (Err(error), None) => {
                self.remark(&about, vec![Remark::LeftOut(error.told_to(&self.by))]);
                Plan::default()
            }
        }
    }

    fn remark(&mut self, about: &About, remarks: Vec<Remark>) {
        let remarks = remarks.into_iter().map(|remark| (about.clone(), remark));
        self.report.remarks.extend(remarks);
    }

    /// What is as it was is not written again. One event tells of the whole configuration.
    fn count(&mut self, about: &About, before: Option<&str>, plan: Plan) -> Plan {
        let after = plan.changes.iter().find_map(|change| match change {
            Change::User(user) => Some(entry::written(&Object::from(user))),
            Change::Token(token) => Some(entry::written(&token.to_object(None))),
            Change::Object(object) => Some(entry::written(object)),
            _ => None,
        });
        let is_alone = plan.changes.len() == 1 && before == after.as_deref();
        // Nobody is provisioned by a restore: a mobile token's seed is one that came along.
        let conveyed = plan.changes.iter().any(|change| {
            matches!(change, Change::Seed(serial, Some(_)) if serial.kind() == TokenKind::Mobile)
        });
        match before {
            None => self.report.added += 1,
            Some(_) if is_alone || plan.changes.is_empty() => {
                self.report.unchanged += u32::from(matches!(about, About::Incoming(_)));
                return Plan::default();
            }
            Some(_) => self.report.changed += 1,
        }
        self.report.conveyed += u32::from(conveyed);
        Plan {
            events: Vec::new(),
            ..plan
        }
    }

    fn survey(&mut self, vdom: Vdom, table: &'static Table, facts: &Facts) {
        let users = facts.users.iter().map(|user| user.name.as_written());
        let others = facts.all.iter().map(|object| &*object.key);
        let keys: BTreeSet<&str> = users.chain(others).collect();
        let places = keys.into_iter().map(|key| Place::new(vdom, table, key));
        let places: Vec<Place> = places.collect();
        if table == &VDOM {
            let names = places
                .iter()
                .filter_map(|place| Vdom::parse(place.key()).ok());
            let vdoms: HashSet<Vdom> = names.chain([Vdom::ROOT]).collect();
            for vdom in vdoms {
                self.cover(vdom, Scope::Vdom);
            }
        }
        if !self.by.may_change(table, vdom) {
            self.foreign.insert(table.path);
            return;
        }
        let named = self.named.get(&(vdom, table.path));
        let is_named =
            |place: &Place| named.is_some_and(|named| named.contains_key(&entry::identity(place)));
        let stays = |place: &Place| is_named(place) || is_root(place);
        let gone = places.into_iter().filter(|place| !stays(place));
        self.postponed.extend(gone.map(Task::Delete));
        self.moved = true;
    }

    fn delete(&mut self, place: Place, facts: Facts, context: &Context<'_>) -> Plan {
        match configure::remove(&place, facts, context) {
            Ok(plan) => {
                self.moved = true;
                self.report.deleted += 1;
                self.remark(&About::Here(place), vec![Remark::Deleted]);
                Plan {
                    events: Vec::new(),
                    ..plan
                }
            }
            // Whoever names it may go as well.
            Err(_) if !self.is_last_round() => {
                self.postponed.push_back(Task::Delete(place));
                Plan::default()
            }
            Err(error) => {
                let stays = Remark::Stays(error.told_to(&self.by));
                self.remark(&About::Here(place), vec![stays]);
                Plan::default()
            }
        }
    }

    /// The event that tells of it, and the report.
    pub fn finish(self, now: Timestamp) -> (Event, Report) {
        let mut report = self.report;
        report.foreign = self.foreign.into_iter().collect();
        // Later rounds put remarks behind those of entries that stand farther down.
        report.remarks.sort_by_key(|(about, _)| match about {
            About::Incoming(place) => *place,
            About::Here(_) => usize::MAX,
        });
        let left_out = report.remarks.iter();
        let left_out = left_out.filter(|(_, remark)| remark.leaves_out());
        let detail = format!(
            "{} added, {} changed, {} deleted, {} left out",
            report.added,
            report.changed,
            report.deleted,
            left_out.count()
        );
        let event = Event::changed(
            &self.by.actor,
            Vdom::ROOT,
            "config.restore",
            &self.origin,
            &detail,
            now,
        );
        (event, report)
    }
}

/// What a configuration names, and of what it names more than once each with another place of it. A
/// virtual domain is named again where it is filled.
fn identities(entries: &[Incoming]) -> (Keys, BTreeMap<usize, usize>) {
    let (mut keys, mut twice) = (Keys::new(), BTreeMap::new());
    for (at, Incoming { place, .. }) in entries.iter().enumerate() {
        let table = keys.entry((place.vdom(), place.table().path)).or_default();
        let first = *table.entry(entry::identity(place)).or_insert(at);
        if first != at && place.table() != &VDOM {
            twice.insert(at, first);
            twice.entry(first).or_insert(at);
        }
    }
    (keys, twice)
}

/// What is said of entries that are left out because there is another. Those that nobody understood are
/// told of already.
fn remarks_on(
    twice: &BTreeMap<usize, usize>,
    entries: &[Incoming],
    by: &Authority,
) -> Vec<(About, Remark)> {
    let understood = |at: &usize| entries[*at].understood != Understood::TooLittle;
    let told = twice.iter().filter(|(at, _)| understood(at));
    let remarks = told.map(|(at, other)| {
        let place = &entries[*at].place;
        let remark = if by.may_read(place.table(), place.vdom()) {
            Remark::Twice(*other)
        } else {
            Remark::Unseen
        };
        (About::Incoming(*at), remark)
    });
    remarks.collect()
}

const LAST_ROUND: u32 = ROUNDS_MAX + 1;

/// The virtual domain that is always there.
fn is_root(place: &Place) -> bool {
    place.table() == &VDOM && place.key() == Vdom::ROOT.as_str()
}

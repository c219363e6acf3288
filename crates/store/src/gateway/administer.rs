//! Administrative operations: facts, decision and writes in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use domain::access::Authority;
use domain::admin::{
    self, AdminError, Change, Entropy, Facts, Operation, Owned, Plan, Prepared, Reads, Remark,
};
use domain::administrator;
use domain::audit::{Event, What};
use domain::backend::Kind;
use domain::interface::AllowAccess;
use domain::name::{CanonicalName, Realm};
use domain::recovery;
use domain::schema::{
    ADMIN, CONSOLE, FORTITOKEN, FTM_PUSH, GLOBAL, GROUP, INTERFACE, LOCAL, Object, PASSWORD_POLICY,
    Place, RADIUS_CLIENT, SECURITY, SETTING, SETTINGS, Shape, Table, VDOM, VERIFICATION_CLIENT,
};
use domain::settings::VdomSettings;
use domain::time::Timestamp;
use domain::user::User;
use domain::vdom::Vdom;
use ident::TokenSerial;

use super::directory::{PersonEntry, TokenEntry};
use super::entries;
use super::events::{Link, Tally};
use super::former;
use super::loading::Whole;
use super::memberships::Group;
use super::memory::{self, Memory};
use super::outbox;
use super::people::{self, PersonRow};
use super::tokens;
use super::{references, renaming, transfers, vdoms};
use crate::engine::{Failure, SqlError, Tx, Work};

/// One operation as one transaction.
pub(super) struct Administer {
    pub(super) memory: Arc<Memory>,
    pub(super) _whole: Whole,
    pub(super) operation: Operation,
    pub(super) entropy: Entropy,
    /// What was computed of a new password.
    pub(super) prepared: Option<Prepared>,
    pub(super) by: Authority,
    pub(super) now: Timestamp,
    /// The outbox messages that this operation answers; they are settled with it.
    pub(super) settles: Vec<i64>,
}

/// What an operation did.
#[derive(Debug, Default)]
pub struct Done {
    /// Messages that are now in the outbox, by number.
    pub messages: Vec<i64>,
    /// What has to be said of it.
    pub remarks: Vec<Remark>,
    updates: Vec<Update>,
    /// Tokens that have another seed.
    reseeded: Vec<TokenSerial>,
    link: Option<Link>,
    at: Timestamp,
}

/// What memory takes over after the commit.
#[derive(Debug)]
pub(super) enum Update {
    Person(CanonicalName, PersonEntry),
    PersonRemoved(CanonicalName),
    Token(TokenSerial, Box<tokens::TokenRow>),
    TokenRemoved(TokenSerial),
    Group(Group),
    Administrators(Vec<Object>),
    Clients(Vec<Object>),
    Backends(Vec<Object>),
    Settings(VdomSettings),
    Policies(Vec<Object>),
    AllowAccess(Arc<AllowAccess>),
    Vdoms(HashSet<Vdom>),
    Cleared(CanonicalName),
    Recovery(CanonicalName, Vec<recovery::Held>),
    Renamed(CanonicalName, CanonicalName),
}

impl Work for Administer {
    type Out = Done;
    type Err = AdminError;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Done, Failure<AdminError>> {
        let operation = self.memory.secrets.understood(self.operation);
        let Some(operation) = outbox::still_asked(tx, operation, &self.settles).await? else {
            return Ok(Done::default());
        };
        let standing = Standing::read(tx).await?;
        let facts = gather(tx, operation.reads(), &self.memory, &standing).await?;
        let counted = match &operation {
            Operation::Unlock(name) if self.memory.counters().counts(name) => Some(name.clone()),
            _ => None,
        };
        let facts = Facts {
            prepared: self.prepared,
            counted,
            ..facts
        };
        let plan = admin::apply(operation, facts, &self.entropy, &self.by, self.now)
            .map_err(Failure::Refused)?;
        let done = write(tx, plan, &self.memory, self.now).await?;
        for message in self.settles {
            outbox::settle(tx, message).await?;
        }
        self.memory.reseeding().extend(&done.reseeded);
        Ok(done)
    }
}

impl Done {
    /// Brings memory up to what was just committed. Runs on the writer thread.
    pub(super) fn apply(&self, memory: &Memory) {
        {
            let mut directory = memory.write();
            let mut counters = memory.counters();
            for update in &self.updates {
                match update {
                    Update::Person(name, entry) => {
                        directory.put_person(name.clone(), entry.clone());
                    }
                    Update::PersonRemoved(name) => directory.remove_person(name),
                    Update::Token(serial, row) => {
                        directory.put_token(*serial, TokenEntry::from(&**row));
                    }
                    Update::TokenRemoved(serial) => directory.remove_token(*serial),
                    Update::Group(group) => directory.put_group(group.clone()),
                    Update::Administrators(objects) => {
                        directory.set_administrators(memory.open_administrators(objects));
                    }
                    Update::Clients(objects) => {
                        directory.set_clients(memory.open_clients(objects));
                        directory.set_applications(memory.open_applications(objects));
                    }
                    Update::Policies(entries) => directory.set_policies(entries),
                    Update::AllowAccess(access) => {
                        directory.set_allow_access(Arc::clone(access));
                    }
                    Update::Backends(objects) => {
                        directory.set_backends(memory.open_backends(objects));
                    }
                    Update::Settings(settings) => directory.set_settings(settings.clone()),
                    Update::Vdoms(vdoms) => directory.set_vdoms(vdoms.clone()),
                    Update::Renamed(from, to) => {
                        directory.rename_person(from, to.clone());
                        counters.rename(from, to);
                    }
                    Update::Recovery(name, held) => {
                        directory.put_recovery(name.clone(), held.clone());
                    }
                    Update::Cleared(name) => {
                        counters.forget_codes(name);
                        counters.forget_passwords(name);
                    }
                }
            }
        }
        if !self.reseeded.is_empty() {
            let mut reseeding = memory.reseeding();
            self.reseeded.iter().for_each(|serial| {
                reseeding.remove(serial);
            });
        }
        if let Some(link) = self.link {
            memory.committed(link, self.at);
        }
    }
}

/// What every operation has to know. A unit may have hundreds of virtual domains: of many operations in
/// one transaction, only those that change it have it read again.
pub(super) struct Standing {
    settings: VdomSettings,
    vdoms: Vec<Vdom>,
}

impl Standing {
    pub(super) async fn read<T: Tx>(tx: &mut T) -> Result<Self, SqlError> {
        Ok(Self {
            settings: memory::settings(tx).await?,
            vdoms: entries::vdoms(tx).await?,
        })
    }

    /// Whether it may be another after this change.
    pub(super) fn depends_on(change: &Change) -> bool {
        match change {
            Change::Object(object) => {
                object.table == &VDOM || matches!(object.table.shape, Shape::Single)
            }
            Change::VdomRemoved(_) => true,
            _ => false,
        }
    }
}

/// Fetches what an operation has to know.
pub(super) async fn gather<T: Tx>(
    tx: &mut T,
    reads: Reads,
    memory: &Memory,
    standing: &Standing,
) -> Result<Facts, SqlError> {
    let of_policies = standing
        .settings
        .of(reads.all.map_or(Vdom::ROOT, |(vdom, _)| vdom));
    let default_policy = of_policies.default_password_policy.clone();
    let settings = standing.settings.of(Vdom::ROOT);
    let mut users = Vec::new();
    let mut serials = reads.tokens;
    for name in &reads.users {
        if let Some(user) = people::person(tx, name).await? {
            serials.extend(user.token);
            users.push(user);
        }
    }
    let object = match &reads.object {
        Some(place) => entries::object(tx, place).await?,
        None => None,
    };
    if let Some(administrator) = object.as_ref().filter(|object| object.table == &ADMIN) {
        serials.extend(TokenSerial::parse(administrator.text("fortitoken")));
    }
    serials.sort_unstable();
    serials.dedup();
    let mut tokens = BTreeMap::new();
    for serial in serials {
        if let Some(owned) = token(tx, serial, memory).await? {
            tokens.insert(serial, owned);
        }
    }
    let mut all = Vec::new();
    if let Some((vdom, table)) = reads.all {
        let whole = whole(tx, vdom, table, memory).await?;
        users.extend(whole.0);
        tokens.extend(whole.1.into_iter().map(|owned| (owned.token.serial, owned)));
        all = whole.2;
    }
    let uses = match &reads.uses {
        Some(of) => references::uses(tx, of).await?,
        None => None,
    };
    let mut named = HashMap::with_capacity(reads.named.len());
    for name in reads.named {
        if let Some(written) = references::written(tx, &name).await? {
            named.insert(name, written);
        }
    }
    let holds = match reads.holds {
        Some(vdom) => vdoms::holds(tx, vdom).await?,
        None => None,
    };
    let neighbours = match &reads.neighbours {
        Some(subnet) => entries::clients_beside(tx, subnet).await?,
        None => Vec::new(),
    };
    let transfers_begun = match reads.transfers_begun {
        Some(serial) => transfers::begun(tx, serial).await?,
        None => Vec::new(),
    };
    let is_licensed = match &reads.claim {
        Some(claim) => tokens::is_licensed(tx, claim).await?,
        None => false,
    };
    let was_seeded = match reads.seeded {
        Some(serial) => tokens::was_seeded(tx, serial).await?,
        None => false,
    };
    let is_file_taken = match &reads.file {
        Some(file) => super::moves::is_taken(tx, file).await?,
        None => false,
    };
    Ok(Facts {
        users,
        tokens,
        object,
        all,
        uses,
        named,
        vdoms: standing.vdoms.clone(),
        holds,
        is_licensed,
        was_seeded,
        is_file_taken,
        neighbours,
        vdom_mode: settings.vdom_mode,
        prepared: None,
        default_policy,
        code_lifetime: settings.code_lifetime,
        profile: settings.profile,
        push: Arc::clone(&settings.push),
        transfers_begun,
        counted: None,
    })
}

/// Rows that are read at once when a whole table is asked for.
const PAGE: i64 = 1_000;

/// All entries of a table in a virtual domain; with users come their tokens.
async fn whole<T: Tx>(
    tx: &mut T,
    vdom: Vdom,
    table: &'static Table,
    memory: &Memory,
) -> Result<(Vec<User>, Vec<Owned>, Vec<Object>), SqlError> {
    let (mut users, mut tokens, mut after) = (Vec::new(), Vec::new(), String::new());
    if table == &LOCAL {
        loop {
            let page = people::people_after(tx, Realm::Vdom(vdom), &after, PAGE).await?;
            let Some(PersonRow(last)) = page.last() else {
                break;
            };
            last.name.canonical().as_str().clone_into(&mut after);
            for PersonRow(user) in page {
                if let Some(serial) = user.token {
                    tokens.extend(token(tx, serial, memory).await?);
                }
                users.push(user);
            }
        }
        return Ok((users, tokens, Vec::new()));
    }
    if table == &FORTITOKEN {
        loop {
            let page = tokens::owned_tokens_after(tx, vdom, &after, PAGE).await?;
            let Some(last) = page.last() else {
                break;
            };
            last.serial.as_str().clone_into(&mut after);
            for row in page {
                tokens.push(row.open(&memory.secrets)?);
            }
        }
        return Ok((users, tokens, Vec::new()));
    }
    Ok((users, tokens, entries::objects(tx, vdom, table).await?))
}

async fn token<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
    memory: &Memory,
) -> Result<Option<Owned>, SqlError> {
    let row = tokens::token(tx, serial).await?;
    row.map(|row| row.open(&memory.secrets)).transpose()
}

async fn write<T: Tx>(
    tx: &mut T,
    plan: Plan,
    memory: &Memory,
    now: Timestamp,
) -> Result<Done, SqlError> {
    let mut touched = Touched::default();
    carry_out_all(tx, plan.changes, memory, &mut touched, now).await?;
    let mut done = conclude(tx, touched, &plan.events, now).await?;
    for message in &plan.messages {
        done.messages
            .push(outbox::put(tx, message, &memory.secrets, now).await?);
    }
    done.remarks = plan.remarks;
    Ok(done)
}

/// Puts events into the chain, and reads back what memory has to learn.
pub(super) async fn conclude<T: Tx>(
    tx: &mut T,
    mut touched: Touched,
    events: &[Event],
    now: Timestamp,
) -> Result<Done, SqlError> {
    let mut done = Done {
        at: now,
        reseeded: std::mem::take(&mut touched.reseeded),
        updates: touched.updates(tx).await?,
        ..Done::default()
    };
    let mut link = Link::last(tx).await?;
    for event in events {
        let tally = match event.what {
            What::Unlocked { .. } => Some(Tally::Cleared),
            What::Renamed { .. } => Some(Tally::Renamed),
            _ => None,
        };
        link.append(tx, event, tally).await?;
        done.link = Some(link);
    }
    Ok(done)
}

/// What a plan touched: memory reads it back once the rows are final.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) updates: Vec<Update>,
    tokens: Vec<TokenSerial>,
    reseeded: Vec<TokenSerial>,
    groups: BTreeSet<(Vdom, Box<str>)>,
    parts: BTreeSet<Part>,
}

/// What memory keeps of the configuration as a whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Administrators,
    Clients,
    Policies,
    Interfaces,
    Backends,
    Settings,
    Vdoms,
}

/// Carries out a plan's changes; what they take from people is kept for explanations.
pub(super) async fn carry_out_all<T: Tx>(
    tx: &mut T,
    changes: Vec<Change>,
    memory: &Memory,
    touched: &mut Touched,
    now: Timestamp,
) -> Result<(), SqlError> {
    for change in &changes {
        former::keep(tx, change, memory, now).await?;
    }
    for change in changes {
        carry_out(tx, change, memory, touched).await?;
    }
    Ok(())
}

async fn carry_out<T: Tx>(
    tx: &mut T,
    change: Change,
    memory: &Memory,
    touched: &mut Touched,
) -> Result<(), SqlError> {
    match change {
        Change::User(user) => {
            let user = memory.secrets.sealed_user(user)?;
            people::put_person(tx, &user).await?;
            let entry = PersonEntry::from(&user);
            touched
                .updates
                .push(Update::Person(user.name.canonical().clone(), entry));
        }
        Change::UserRemoved(name) => {
            people::remove_person(tx, &name).await?;
            touched.updates.push(Update::PersonRemoved(name));
        }
        Change::Token(token) => {
            tokens::put_token(tx, &token, &memory.secrets).await?;
            touched.tokens.push(token.serial);
        }
        Change::TokenRemoved(serial) => {
            tokens::remove_token(tx, serial).await?;
            touched.updates.push(Update::TokenRemoved(serial));
        }
        Change::Seed(serial, seed) => {
            tokens::put_seed(tx, serial, seed.as_ref(), &memory.secrets).await?;
            settle_progress(tx, serial, memory).await?;
            touched.reseeded.push(serial);
            touched.tokens.push(serial);
        }
        Change::NextSeed(serial, seed) => {
            transfers::put_next_seed(tx, serial, seed.as_ref(), &memory.secrets).await?;
        }
        Change::SeedTaken(serial) => {
            let since = Link::last(tx).await?.id + 1;
            transfers::take_seed(tx, serial, since).await?;
            touched.reseeded.push(serial);
            touched.tokens.push(serial);
        }
        Change::Left(serial, phone) => transfers::leave(tx, serial, phone).await?,
        Change::TransferBegun(serial, at) => transfers::note_begun(tx, serial, at).await?,
        Change::Recovered(person) => super::recovery::served(tx, &person).await?,
        Change::Spent(serial, step) => {
            tokens::put_spent(tx, serial, step).await?;
            touched.tokens.push(serial);
        }
        Change::FileGiven(vdom, licence, file) => {
            super::moves::put_given(tx, vdom, licence, &file).await?;
        }
        Change::FileTaken(file) => super::moves::put_file(tx, &file).await?,
        Change::Object(object) => put_object(tx, object, memory, touched).await?,
        Change::ObjectRemoved(place) => {
            touched.object(&place);
            if let Some(person) = administrator(place.table(), place.key()) {
                former::forget_person(tx, &person).await?;
            }
            entries::remove_object(tx, &place).await?;
        }
        Change::VdomRemoved(vdom) => {
            touched.parts.extend([Part::Settings, Part::Vdoms]);
            vdoms::remove(tx, vdom).await?;
        }
        Change::UserRenamed(from, to) => renaming::user(tx, from, to, touched).await?,
        Change::ObjectRenamed { place, to } => {
            renaming::object(tx, &place, &to, memory, touched).await?;
        }
        Change::ObjectCopied { place, to } => {
            renaming::copy(tx, &place, &to, memory, touched).await?;
        }
        Change::Recovery { person, kind, held } => {
            super::recovery::replace(tx, &person, kind, &held).await?;
            let held = super::recovery::of(tx, &person).await?;
            touched.updates.push(Update::Recovery(person, held));
        }
        Change::FailuresCleared(name) => touched.updates.push(Update::Cleared(name)),
    }
    Ok(())
}

pub(super) async fn put_object<T: Tx>(
    tx: &mut T,
    object: Object,
    memory: &Memory,
    touched: &mut Touched,
) -> Result<(), SqlError> {
    touched.object(&object.place());
    entries::put_object(tx, object, &memory.secrets).await
}

/// Logins so far are of the seed before: a rebuild finds them in the row and takes no drift from their events.
pub(super) async fn settle_progress<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
    memory: &Memory,
) -> Result<(), SqlError> {
    match memory.progress(serial) {
        Some(progress) => tokens::put_progress(tx, progress).await,
        None => Ok(()),
    }
}

/// By what name logins know the administrator of this entry, if it is one.
pub(super) fn administrator(table: &'static Table, key: &str) -> Option<CanonicalName> {
    (table == &ADMIN)
        .then(|| administrator::person(key).ok())
        .flatten()
}

impl Touched {
    pub(super) fn object(&mut self, place: &Place) {
        let table = place.table();
        if table == &GROUP {
            self.groups.insert((place.vdom(), place.key().into()));
        }
        let parts = [
            (Part::Administrators, table == &ADMIN),
            (
                Part::Clients,
                [&RADIUS_CLIENT, &VERIFICATION_CLIENT, &SETTINGS].contains(&table),
            ),
            (Part::Policies, table == &PASSWORD_POLICY),
            (Part::Interfaces, table == &INTERFACE),
            (Part::Backends, Kind::of_table(table).is_some()),
            (
                Part::Settings,
                [&GLOBAL, &SETTING, &CONSOLE, &SECURITY, &FTM_PUSH].contains(&table),
            ),
            (Part::Vdoms, table == &VDOM),
        ];
        let touched = parts.into_iter().filter(|(_, is_touched)| *is_touched);
        self.parts.extend(touched.map(|(part, _)| part));
    }

    async fn updates<T: Tx>(mut self, tx: &mut T) -> Result<Vec<Update>, SqlError> {
        self.tokens.sort_unstable();
        self.tokens.dedup();
        for serial in std::mem::take(&mut self.tokens) {
            if let Some(row) = tokens::token(tx, serial).await? {
                self.updates.push(Update::Token(serial, Box::new(row)));
            }
        }
        for (vdom, key) in std::mem::take(&mut self.groups) {
            let place = Place::new(vdom, &GROUP, key);
            let object = entries::object(tx, &place).await?;
            let group = memory::group(tx, &place, object.as_ref()).await?;
            self.updates.push(Update::Group(group));
        }
        for part in self.parts {
            self.updates.push(match part {
                Part::Administrators => Update::Administrators(memory::administrators(tx).await?),
                Part::Clients => Update::Clients(memory::clients(tx).await?),
                Part::Policies => Update::Policies(memory::policies(tx).await?),
                Part::Interfaces => Update::AllowAccess(memory::allow_access(tx).await?),
                Part::Backends => Update::Backends(memory::backends(tx).await?),
                Part::Settings => Update::Settings(memory::settings(tx).await?),
                Part::Vdoms => Update::Vdoms(entries::vdoms(tx).await?.into_iter().collect()),
            });
        }
        Ok(self.updates)
    }
}

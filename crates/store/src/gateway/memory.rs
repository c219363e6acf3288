//! The gateway's memory and how it is built from the file.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use domain::administrator;
use domain::audit::{Event, What};
use domain::backend::{Backend, Kind};
use domain::client::{Client, Secret};
use domain::interface::AllowAccess;
use domain::name::CanonicalName;
use domain::password::PasswordHash;
use domain::remote::GroupServer;
use domain::schema::{
    ADMIN, CONSOLE, FTM_PUSH, GLOBAL, GROUP, INTERFACE, LDAP, LOCAL, Object, PASSWORD_POLICY,
    Place, RADIUS, RADIUS_CLIENT, SECURITY, SETTING, SETTINGS, Table, VERIFICATION_CLIENT, Value,
};
use domain::settings::VdomSettings;
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;
use domain::verification::VerificationClient;
use ident::TokenSerial;
use otp::Step;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::approvals::Approvals;
use super::counters::Counters;
use super::directory::{Directory, PersonEntry, Progress, Spent};
use super::entries;
use super::events::{self, Link, Tally};
use super::head::{Head, HeadFile};
use super::loading::{self, Reading, Whole};
use super::memberships::Group;
use super::recovery;
use super::references;
use super::secrets::Secrets;
use crate::engine::{FromRow, Hooks, Row, SqlError, SqliteTx, Tx, Undecided, poll_ready};
use crate::vals;

/// Rows that are read at once when the memory is built: few statements, and a megabyte of what is read, which the
/// allocator may keep.
pub(super) const PAGE: i64 = 1_000;

/// How far the wall clock may go back without being distrusted: NTP corrects by less.
const CLOCK_TOLERANCE: Span = Span::from_secs(5);

/// What the gateway keeps in memory beside its database.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) secrets: Secrets,
    pub(super) directory: RwLock<Directory>,
    pub(super) counters: Mutex<Counters>,
    /// Steps that an open transaction spends: taken, and not yet durable.
    pub(super) reserved: Mutex<HashMap<TokenSerial, Spent>>,
    /// Tokens that have another seed in an open transaction.
    reseeding: Mutex<HashSet<TokenSerial>>,
    approvals: Mutex<Approvals>,
    head: HeadFile,
    /// The last event, if it is committed and not known to be on disk.
    unsynced: Mutex<Option<Link>>,
    latest: AtomicI64,
    /// The beginning of the latest step that was spent.
    reach: AtomicI64,
    /// The last event that memory has learned of, for those who wait for the next.
    learned: watch::Sender<i64>,
    /// For those who wait for all people and tokens.
    reading: watch::Sender<Reading>,
}

impl Memory {
    pub(super) fn new(secrets: Secrets, head: HeadFile, found: Option<Head>) -> Self {
        Self {
            secrets,
            directory: RwLock::default(),
            counters: Mutex::default(),
            reserved: Mutex::default(),
            reseeding: Mutex::default(),
            approvals: Mutex::default(),
            head,
            unsynced: Mutex::default(),
            latest: AtomicI64::new(found.map_or(0, |head| head.latest.micros())),
            reach: AtomicI64::new(found.map_or(0, |head| head.reach.micros())),
            learned: watch::Sender::new(0),
            reading: watch::Sender::new(Reading::Underway),
        }
    }

    pub(super) fn read(&self) -> std::sync::RwLockReadGuard<'_, Directory> {
        self.directory
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> std::sync::RwLockWriteGuard<'_, Directory> {
        self.directory
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reserved(&self) -> MutexGuard<'_, HashMap<TokenSerial, Spent>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reseeding(&self) -> MutexGuard<'_, HashSet<TokenSerial>> {
        self.reseeding
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn approvals(&self) -> MutexGuard<'_, Approvals> {
        self.approvals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How far a token has come, with what the open transaction has taken of it.
    pub(super) fn progress(&self, serial: TokenSerial) -> Option<Progress> {
        let directory = self.read();
        let taken = self.reserved().get(&serial).copied();
        directory.progress(serial, taken)
    }

    /// The latest moment known, if the clock went back behind it.
    pub(super) fn clock_stepped_back(&self, now: Timestamp) -> Option<Timestamp> {
        let latest = Timestamp::from_micros(self.latest.load(Ordering::Relaxed));
        (now.after(CLOCK_TOLERANCE) < latest).then_some(latest)
    }

    /// The end of what may have been spent, as far as anything tells.
    pub(super) fn horizon(&self, now: Timestamp) -> Timestamp {
        let latest = self.latest.load(Ordering::Relaxed);
        let reach = self.reach.load(Ordering::Relaxed);
        now.max(Timestamp::from_micros(latest.max(reach)))
    }

    /// The last event that memory has learned of.
    pub(super) fn learned(&self) -> i64 {
        *self.learned.borrow()
    }

    /// The same, and how it goes on.
    pub(super) fn news(&self) -> watch::Receiver<i64> {
        self.learned.subscribe()
    }

    /// Waits until all people and tokens are here.
    pub(super) async fn whole(&self) -> Result<Whole, Undecided> {
        let mut reading = self.reading.subscribe();
        let ended = |reading: &Reading| !matches!(reading, Reading::Underway);
        match reading.wait_for(ended).await.as_deref() {
            Ok(Reading::Failed(why)) => Err(why.clone()),
            Ok(reading) => reading.whole().ok_or(Undecided::Stopped),
            Err(_) => Err(Undecided::Stopped),
        }
    }

    /// Whether they are, for who does not wait.
    pub(super) fn is_whole(&self) -> Option<Whole> {
        self.reading.borrow().whole()
    }

    /// All people and tokens have been read.
    pub(super) fn complete(&self) {
        let mut directory = self.write();
        directory.complete();
        raise(&self.reach, directory.reach());
        drop(directory);
        self.reading.send_replace(Reading::Whole);
    }

    /// What is left of them will not be read.
    pub(super) fn gave_up(&self, why: &Undecided) {
        self.reading.send_if_modified(|reading| {
            let is_underway = matches!(reading, Reading::Underway);
            if is_underway {
                *reading = Reading::Failed(why.clone());
            }
            is_underway
        });
    }

    /// Brings the head record onto the disk.
    pub(super) fn sync_head(&self) -> std::io::Result<()> {
        self.head.sync()
    }

    /// Notes that this much is learned and will be durable.
    pub(super) fn noted(&self, link: Link, at: Timestamp) {
        self.learned.send_replace(link.id);
        raise(&self.latest, at);
        *self.unsynced() = Some(link);
    }

    /// Notes that this much is durable and learned.
    pub(super) fn committed(&self, link: Link, at: Timestamp) {
        self.learned.send_replace(link.id);
        raise(&self.latest, at);
        *self.unsynced() = None;
        self.write_head(link);
    }

    /// Notes that all that was noted is durable. The head record follows what is on disk and nothing else: were it ahead,
    /// a power failure would look like a store that went back, and so would, were it behind, old events that are removed.
    fn synced(&self) {
        let link = self.unsynced().take();
        if let Some(link) = link {
            self.write_head(link);
        }
    }

    fn unsynced(&self) -> MutexGuard<'_, Option<Link>> {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_head(&self, link: Link) {
        let reach = self.read().reach();
        let head = Head {
            link,
            latest: Timestamp::from_micros(self.latest.load(Ordering::Relaxed)),
            reach: raise(&self.reach, reach),
        };
        if let Err(error) = self.head.write(head) {
            tracing::warn!(%error, "the head record cannot be written: a copy put back goes unnoticed");
        }
    }

    /// Takes the clock as it is: an administrator says that it is right.
    pub(super) fn trust_clock(&self, now: Timestamp) {
        self.latest.store(now.micros(), Ordering::Relaxed);
    }

    /// The RADIUS clients among these, with their secrets open.
    pub(super) fn open_clients(&self, objects: &[Object]) -> Vec<Client> {
        self.opened(objects, &RADIUS_CLIENT, |object, secret| {
            Client::from_object(object, secret?)
        })
    }

    /// The applications among these, with their secrets open.
    pub(super) fn open_applications(&self, objects: &[Object]) -> Vec<VerificationClient> {
        self.opened(
            objects,
            &VERIFICATION_CLIENT,
            VerificationClient::from_object,
        )
    }

    fn opened<C>(
        &self,
        objects: &[Object],
        table: &'static Table,
        read: impl Fn(&Object, Option<Secret>) -> Option<C>,
    ) -> Vec<C> {
        let opened = objects.iter().filter(|object| object.table == table);
        let opened = opened.filter_map(|object| {
            let client = read(object, self.open_secret(object, "secret"));
            if client.is_none() {
                tracing::error!(client = %object.key, "secret cannot be opened: set it again");
            }
            client
        });
        opened.collect()
    }

    /// The directories and RADIUS servers that know passwords, with their secrets open.
    pub(super) fn open_backends(&self, objects: &[Object]) -> Vec<Backend> {
        let opened = objects.iter().filter_map(|object| {
            let open = |field: &str| self.open_secret(object, field);
            let backend = Backend::from_object(object, open);
            if backend.is_none() {
                let (table, entry) = (object.table.path, &object.key);
                tracing::error!(%table, %entry, "a secret cannot be opened: set it again");
            }
            backend
        });
        opened.collect()
    }

    /// A configured secret, opened.
    pub(super) fn open_secret(&self, object: &Object, field: &str) -> Option<Secret> {
        match object.value(field)? {
            Value::Sealed(enc) => self.secrets.open_config(&object.place(), field, enc),
            Value::Secret(plain) => Some(Secret::new(Zeroizing::new(plain.as_bytes().to_vec()))),
            Value::Text(_) | Value::List(_) | Value::Foreign(_) => None,
        }
    }
}

/// Moves a moment forward, never back.
fn raise(moment: &AtomicI64, to: Timestamp) -> Timestamp {
    let before = moment.fetch_max(to.micros(), Ordering::Relaxed);
    to.max(Timestamp::from_micros(before))
}

/// Builds the memory from the file. At the start people and tokens come later; after a failed write, when logins are under
/// way that memory has to know, they are read before anything else is answered.
pub(super) struct Rebuild {
    memory: Arc<Memory>,
    extent: Extent,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    WithoutPeople,
    Everything,
}

impl Rebuild {
    pub(super) fn of(memory: Arc<Memory>) -> Self {
        Self {
            memory,
            extent: Extent::WithoutPeople,
        }
    }
}

impl Hooks for Rebuild {
    fn rebuild(&mut self, tx: &mut SqliteTx<'_>) -> Result<(), SqlError> {
        poll_ready(self.memory.rebuild(tx, self.extent))?;
        self.extent = Extent::Everything;
        Ok(())
    }

    fn synced(&self) {
        self.memory.synced();
    }
}

impl Memory {
    async fn rebuild<T: Tx>(&self, tx: &mut T, extent: Extent) -> Result<(), SqlError> {
        let mut directory = Directory::default();
        if extent == Extent::Everything {
            loading::read_all(tx, &mut directory).await?;
        }
        self.load_config(tx, &mut directory).await?;
        directory.set_floor(mark(tx, FLOOR).await?.map(Timestamp::from_micros));
        let (last, latest) = replay(tx, &mut directory).await?;
        let counters = count_again(tx, &mut directory).await?;
        raise(&self.latest, latest);
        raise(&self.reach, directory.reach());
        *self.write() = directory;
        self.counters().recount(counters);
        self.reserved().clear();
        *self.unsynced() = None;
        self.reseeding().clear();
        self.learned.send_replace(last.id);
        if extent == Extent::Everything {
            self.reading.send_replace(Reading::Whole);
        }
        Ok(())
    }

    /// The administrators with their passwords open. Entries that name one person let nobody in: the
    /// password of one would give the rights of another.
    pub(super) fn open_administrators(
        &self,
        objects: &[Object],
    ) -> HashMap<CanonicalName, PersonEntry> {
        let mut administrators = HashMap::with_capacity(objects.len());
        let mut shared = HashSet::new();
        for object in objects {
            let Ok(name) = administrator::person(&object.key) else {
                tracing::error!(administrator = %object.key, "this name can be nobody's: rename it");
                continue;
            };
            let entry = self.administrator(object);
            if administrators.insert(name.clone(), entry).is_some() {
                tracing::error!(administrator = %object.key, "another administrator has this name: rename one, or neither gets in");
                shared.insert(name);
            }
        }
        administrators.retain(|name, _| !shared.contains(name));
        administrators
    }

    /// An administrator as the login path knows people. A password that cannot be opened is none.
    fn administrator(&self, object: &Object) -> PersonEntry {
        let phc = self.open_secret(object, "password");
        let password = phc.as_ref().and_then(|phc| {
            let phc = std::str::from_utf8(phc.expose()).ok()?;
            PasswordHash::from_phc(phc).ok()
        });
        if password.is_none() {
            tracing::error!(administrator = %object.key, "password cannot be opened: set it again");
        }
        PersonEntry::administrator(object, password)
    }

    pub(super) async fn load_config<T: Tx>(
        &self,
        tx: &mut T,
        directory: &mut Directory,
    ) -> Result<(), SqlError> {
        let administrators = administrators(tx).await?;
        directory.set_administrators(self.open_administrators(&administrators));
        for keeping in recovery::all(tx).await? {
            let mut held = directory.recovery(&keeping.person).into_vec();
            held.push(keeping.held);
            directory.put_recovery(keeping.person, held);
        }
        let clients = clients(tx).await?;
        directory.set_clients(self.open_clients(&clients));
        directory.set_applications(self.open_applications(&clients));
        for object in entries::objects_everywhere(tx, &GROUP).await? {
            directory.put_group(group(tx, &object.place(), Some(&object)).await?);
        }
        directory.set_policies(&policies(tx).await?);
        directory.set_allow_access(allow_access(tx).await?);
        directory.set_backends(self.open_backends(&backends(tx).await?));
        directory.set_settings(settings(tx).await?);
        directory.set_vdoms(entries::vdoms(tx).await?.into_iter().collect());
        directory.set_authenticating(authenticating(tx).await?);
        Ok(())
    }
}

/// The administrators.
pub(super) async fn administrators<T: Tx>(tx: &mut T) -> Result<Vec<Object>, SqlError> {
    entries::objects(tx, Vdom::ROOT, &ADMIN).await
}

/// The RADIUS clients and applications of all virtual domains that are not disabled.
pub(super) async fn clients<T: Tx>(tx: &mut T) -> Result<Vec<Object>, SqlError> {
    let settings = entries::objects_everywhere(tx, &SETTINGS).await?;
    let disabled: Vec<Vdom> = settings
        .iter()
        .filter(|settings| !settings.is_enabled("status"))
        .map(|settings| settings.vdom)
        .collect();
    let mut clients = entries::objects_everywhere(tx, &RADIUS_CLIENT).await?;
    clients.extend(entries::objects_everywhere(tx, &VERIFICATION_CLIENT).await?);
    clients.retain(|client| !disabled.contains(&client.vdom));
    Ok(clients)
}

/// The password policies of all virtual domains.
pub(super) async fn policies<T: Tx>(tx: &mut T) -> Result<Vec<Object>, SqlError> {
    entries::objects_everywhere(tx, &PASSWORD_POLICY).await
}

/// What the interfaces' entries allow.
pub(super) async fn allow_access<T: Tx>(tx: &mut T) -> Result<Arc<AllowAccess>, SqlError> {
    let entries = entries::objects_everywhere(tx, &INTERFACE).await?;
    Ok(Arc::new(AllowAccess::from_objects(&entries)))
}

/// The entries of `config user ldap` and `config user radius`.
pub(super) async fn backends<T: Tx>(tx: &mut T) -> Result<Vec<Object>, SqlError> {
    let mut backends = entries::objects_everywhere(tx, &LDAP).await?;
    backends.extend(entries::objects_everywhere(tx, &RADIUS).await?);
    Ok(backends)
}

/// The settings of all virtual domains.
pub(super) async fn settings<T: Tx>(tx: &mut T) -> Result<VdomSettings, SqlError> {
    let global = of_unit(tx, &GLOBAL).await?;
    let console = of_unit(tx, &CONSOLE).await?;
    let security = of_unit(tx, &SECURITY).await?;
    let push = of_unit(tx, &FTM_PUSH).await?;
    let of_vdoms = entries::objects_everywhere(tx, &SETTING).await?;
    Ok(VdomSettings::from_objects(
        &global, &console, &security, &push, &of_vdoms,
    ))
}

/// A single object that stands once, set or not.
async fn of_unit<T: Tx>(tx: &mut T, table: &'static Table) -> Result<Object, SqlError> {
    let place = Place::of_unit(table);
    let object = entries::object(tx, &place).await?;
    Ok(object.unwrap_or_else(|| Object::at(&place)))
}

/// A group as logins need it; one that is gone, or that clients are not told of, has no members.
pub(super) async fn group<T: Tx>(
    tx: &mut T,
    place: &Place,
    object: Option<&Object>,
) -> Result<Group, SqlError> {
    let in_force = object.filter(|object| object.text("group-type") == "firewall");
    let (members, servers) = match in_force {
        Some(object) => (
            references::targets(tx, place, "member", &LOCAL).await?,
            servers(tx, object).await?,
        ),
        None => Default::default(),
    };
    Ok(Group {
        vdom: place.vdom(),
        name: place.key().into(),
        members: members
            .iter()
            .map(|member| CanonicalName::from_stored(member))
            .collect(),
        servers,
    })
}

/// The servers among a group's members. What a name means is what it meant when it was set.
async fn servers<T: Tx>(tx: &mut T, group: &Object) -> Result<Box<[GroupServer]>, SqlError> {
    let place = group.place();
    let directories = references::targets(tx, &place, "member", &LDAP).await?;
    let upstreams = references::targets(tx, &place, "member", &RADIUS).await?;
    let is_in = |names: &[String], name: &str| names.iter().any(|it| it == name);
    Ok(GroupServer::of(group, |name| {
        if is_in(&directories, name) {
            Some(Kind::Ldap)
        } else if is_in(&upstreams, name) {
            Some(Kind::Radius)
        } else {
            None
        }
    }))
}

pub(super) async fn authenticating<T: Tx>(tx: &mut T) -> Result<HashSet<IpAddr>, SqlError> {
    let rows: Vec<(String,)> = tx.rows("SELECT address FROM authenticator", &[]).await?;
    Ok(rows
        .iter()
        .filter_map(|(address,)| address.parse().ok())
        .collect())
}

/// Name of the mark up to which the rows have what the events say.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// Name of the mark before which everything is spent, in microseconds.
pub(super) const FLOOR: &str = "floor";

pub(super) async fn mark<T: Tx>(tx: &mut T, name: &str) -> Result<Option<i64>, SqlError> {
    let row: Option<(i64,)> = tx
        .row("SELECT value FROM mark WHERE name = $1", &vals![name])
        .await?;
    Ok(row.map(|(value,)| value))
}

pub(super) async fn set_mark<T: Tx>(tx: &mut T, name: &str, value: i64) -> Result<(), SqlError> {
    tx.exec_one(
        "INSERT INTO mark (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
        &vals![name, value],
    )
    .await
}

pub(super) async fn remove_mark<T: Tx>(tx: &mut T, name: &str) -> Result<(), SqlError> {
    tx.exec("DELETE FROM mark WHERE name = $1", &vals![name])
        .await
        .map(drop)
}

/// Brings the directory from the rows up to the last event, and checks the chain on the way. Returns
/// that event's link and moment.
async fn replay<T: Tx>(
    tx: &mut T,
    directory: &mut Directory,
) -> Result<(Link, Timestamp), SqlError> {
    let checkpoint = mark(tx, CHECKPOINT).await?.unwrap_or(0);
    let (mut link, mut at) = match events::at(tx, checkpoint).await? {
        Some(recorded) => (recorded.link(), recorded.event.at),
        None if checkpoint == 0 => (Link::FIRST, Timestamp::default()),
        None => return Err(SqlError::damaged("event", checkpoint.to_string(), "id")),
    };
    loop {
        let page = events::replayed_after(tx, link.id, PAGE).await?;
        if page.is_empty() {
            return Ok((link, at));
        }
        for mut event in page {
            let next = event.follows(&link);
            link = next.ok_or_else(|| SqlError::damaged("event", event.id.to_string(), "hash"))?;
            at = event.at;
            if let Some((token, step, drift)) = event.spent {
                directory.spend(token, Spent { step, by: event.id }, drift);
            }
        }
    }
}

/// An event that bears on the counters.
struct TallyRow {
    id: i64,
    at: i64,
    person: Option<String>,
    tally: Option<i64>,
    /// The new name of a person who was renamed.
    object: Option<String>,
    /// The step whose code asked for the next one, and its token.
    held: Option<(TokenSerial, Step)>,
}

impl FromRow for TallyRow {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        Ok(Self {
            id: row.get(0)?,
            at: row.get(1)?,
            person: row.get(2)?,
            tally: row.get(3)?,
            object: row.get(4)?,
            held: held(row)?,
        })
    }
}

fn held(row: &Row<'_>) -> Result<Option<(TokenSerial, Step)>, SqlError> {
    let (token, step) = (row.get::<Option<String>>(5)?, row.get::<Option<i64>>(6)?);
    let token = token.and_then(|token| TokenSerial::parse(&token).ok());
    let step = step.and_then(|step| u64::try_from(step).ok());
    Ok(token.zip(step.map(Step)))
}

/// How far back wrong codes count: the 31 days of the limit, and a day for clocks that were set.
pub(super) const COUNTED: Span = Span::from_days(32);

/// Counts wrong codes again from the events that bear on the counters, and holds those again that asked for the next.
async fn count_again<T: Tx>(tx: &mut T, directory: &mut Directory) -> Result<Counters, SqlError> {
    let mut counters = Counters::default();
    let latest: Option<(i64,)> = tx
        .row("SELECT at FROM event ORDER BY id DESC LIMIT 1", &[])
        .await?;
    let latest = latest.map_or(0, |(at,)| at);
    let since = Timestamp::from_micros(latest).before(COUNTED);
    // Blocks, and what clears them, do not age.
    let rows: Vec<TallyRow> = tx
        .rows(
            "SELECT id, at, person, kind, object, token, step FROM (\
             SELECT event AS id, at, person, kind, NULL AS object, NULL AS token, NULL AS step FROM tally \
             UNION ALL SELECT id, at, person, tally, object, token, step FROM event \
             WHERE tally IS NOT NULL) \
             WHERE (kind IN (1, 2, 6, 7) AND at > $1) OR kind IN (3, 4, 5, 8) ORDER BY id",
            &vals![since],
        )
        .await?;
    for TallyRow {
        id,
        at,
        person,
        tally,
        object,
        held,
    } in rows
    {
        let (Some(person), Some(tally)) = (person, tally.and_then(Tally::from_number)) else {
            continue;
        };
        let name = CanonicalName::from_stored(&person);
        if let (Tally::Failed | Tally::Blocked, Some((token, step))) = (tally, held) {
            directory.hold(token, step, id);
        }
        match tally {
            Tally::Failed => {
                let counter = counters.codes.entry(name).or_default();
                counter.failed(Timestamp::from_micros(at));
            }
            Tally::Succeeded => {
                if let Some(counter) = counters.codes.get_mut(&name) {
                    counter.succeeded();
                }
            }
            Tally::Cleared => {
                counters.forget_codes(&name);
            }
            Tally::FailedAtClient => {
                let counter = counters.codes_alone.entry(name).or_default();
                counter.failed(Timestamp::from_micros(at));
            }
            Tally::SucceededAtClient => {
                if let Some(counter) = counters.codes_alone.get_mut(&name) {
                    counter.succeeded();
                }
            }
            Tally::Blocked => {
                let counter = counters.codes.entry(name).or_default();
                counter.failed(Timestamp::from_micros(at));
                counter.block();
            }
            Tally::BlockedAtClients => {
                let counter = counters.codes_alone.entry(name).or_default();
                counter.failed(Timestamp::from_micros(at));
                counter.block();
            }
            Tally::Renamed => {
                if let Some(to) = object {
                    counters.rename(&name, &CanonicalName::from_stored(&to));
                }
            }
        }
    }
    Ok(counters)
}

/// What the head record says of a database that was just opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// The database has everything that the head record knows of.
    Whole,
    /// The database is behind the head record, or another one: it was copied back or replaced.
    WentBack,
    /// There are events and no head record: nobody can tell.
    Unknown,
}

pub(super) async fn standing<T: Tx>(tx: &mut T, head: Option<Head>) -> Result<Standing, SqlError> {
    let Some(head) = head else {
        let last = Link::last(tx).await?;
        return Ok(if last == Link::FIRST {
            Standing::Whole
        } else {
            Standing::Unknown
        });
    };
    let recorded = events::at(tx, head.link.id).await?;
    Ok(match recorded {
        Some(recorded) if recorded.link() == head.link => Standing::Whole,
        None if head.link == Link::FIRST => Standing::Whole,
        _ => Standing::WentBack,
    })
}

/// The event that says why everything counts as spent.
pub(super) fn floor_raised(cause: &str, now: Timestamp) -> Event {
    Event {
        at: now,
        what: What::FloorRaised {
            cause: Box::from(cause),
        },
    }
}

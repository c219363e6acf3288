//! What the gateway remembers: users, tokens, configuration, the audit chain and the outbox.
//!
//! Logins are decided from memory ([`GatewayStore::facts`]) and become real in
//! [`GatewayStore::consume`]; everything else is an [`Operation`] in one transaction
//! ([`GatewayStore::administer`]).

mod administer;
mod approvals;
mod consume;
mod contacts;
mod counters;
mod directory;
mod entries;
mod events;
mod former;
mod head;
mod known;
mod loading;
mod log;
mod maintenance;
mod memberships;
mod memory;
mod moves;
mod outbox;
mod people;
mod queries;
mod recovery;
mod references;
mod renaming;
mod restore;
mod retention;
mod schema;
mod secrets;
mod sent;
mod text;
mod tokens;
mod transfers;
mod vdoms;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::access::Authority;
use domain::admin::{AdminError, Entropy, Operation, Owned, Prepared};
use domain::audit::{Actor, Event, What};
use domain::backend::{Backend, BackendName};
use domain::client::{Client, Secret};
use domain::code_only::Vouched;
use domain::explain::FirstUse;
use domain::interface::AllowAccess;
use domain::legacy::Opened;
use domain::login::trial::Counting;
use domain::login::{CodePosition, Facts, Refusal};
use domain::name::{CanonicalName, Realm};
use domain::password::{Check, Evaluation, HashDigest, PasswordHash, Rehash};
use domain::password_policy::PasswordPolicy;
use domain::password_renewal::Renewed;
use domain::recovery::Held;
use domain::remote::Source;
use domain::schema::{Object, Place, Table};
use domain::settings::Settings;
use domain::source::Network;
use domain::throttle::{Charge, CodeCounter, Guess, ProvenBy};
use domain::time::Timestamp;
use domain::token::{Token, Verifier};
use domain::user::User;
use domain::vdom::Vdom;
use domain::verification::VerificationClient;
use ident::{RegistrationId, TokenSerial};
use otp::{Drift, Step};

pub use administer::Done;
pub use consume::{Decision, Granted, Outcome, Refused};
pub use directory::Welcome;
pub use events::{LOOKED_AT, Recorded};
pub use loading::Rest;
pub use log::{LogBounds, Verified};
pub use moves::Leaving;
pub use outbox::{Lane, Waiting};
pub use recovery::Recovered;
pub use restore::Extent;
pub use retention::Removed;
pub use sent::SentRequest;
pub use transfers::{Holder, Phones, SeedToProvision, Told};

use crate::engine::{Database, Failure, Health, OpenError, SqlError, Undecided};
use crate::sealing::{RootKey, SealError};
use administer::Administer;
use consume::ConsumeJob;
use directory::{Directory, Unread};
use events::{Link, Tally};
use head::HeadFile;
use loading::Find;
use maintenance::{Forget, Learn, Postpone, RaiseFloor, Record, Stand, Unwritten};
use memory::{Memory, Rebuild, Standing};
use people::{Changed, RehashPassword, RenewPassword};
use queries::Never;
use secrets::Secrets;

/// Why the gateway's store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The root key.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The head record.
    #[error("the head record {path} cannot be opened: {source}")]
    Head {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Reading it.
    #[error(transparent)]
    Undecided(#[from] Undecided),
    /// Reading the rows of people and tokens.
    #[error("{}: {source}", path.display())]
    Row {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        source: Arc<SqlError>,
    },
}

/// Where the store lies and what is to be trusted.
#[derive(Clone, Debug)]
pub struct Location {
    /// The database file.
    pub database: PathBuf,
    /// The head record; on another disk it also tells when the whole directory was put back.
    pub head: PathBuf,
    /// Whether a clock behind the last record is to be believed.
    pub clock: ClockTrust,
}

/// What to do with a clock that is behind the last record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockTrust {
    /// Refuse logins until it has caught up.
    Records,
    /// Take it as right: everything up to now counts as spent.
    Clock,
}

/// No login is decided: the clock is behind what was recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the clock went back: the last record is of {latest}; set the clock right, or start once with \
     `symbolon up --accept-clock`"
)]
pub struct ClockSteppedBack {
    /// The latest moment on record.
    pub latest: Timestamp,
}

/// There are no facts to decide a login on.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoFacts {
    /// Nobody knows when it is.
    #[error(transparent)]
    Clock(#[from] ClockSteppedBack),
    /// They could not be read.
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

/// How a checked password ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasswordOutcome {
    /// It was right.
    Right,
    /// It could not be decided; it does not count.
    Undecided,
}

/// The gateway's store.
#[derive(Debug)]
pub struct GatewayStore {
    database: Database,
    memory: Arc<Memory>,
    checkpointing: tokio::sync::Mutex<i64>,
}

impl GatewayStore {
    /// Opens or creates the store and builds its memory. Blocks until all people and tokens are in it.
    pub async fn open(
        location: &Location,
        root: &RootKey,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let (store, rest) = Self::begin(location, root, now).await?;
        rest.read()?;
        Ok(store)
    }

    /// As [`open`](Self::open), for whoever reads the rest beside: logins are decided from now on, each of somebody who is
    /// not in memory yet after one read, and all else waits.
    pub async fn begin(
        location: &Location,
        root: &RootKey,
        now: Timestamp,
    ) -> Result<(Self, Rest), StoreError> {
        let (head_file, head) = open_head(&location.head)?;
        let memory = Arc::new(Memory::new(Secrets::new(root)?, head_file, head));
        let database = Database::open(
            &location.database,
            schema::MIGRATIONS,
            Rebuild::of(Arc::clone(&memory)),
        )?;
        let store = Self {
            database,
            memory,
            checkpointing: tokio::sync::Mutex::default(),
        };
        store.check_key().await?;
        let rest = Rest {
            memory: Arc::clone(&store.memory),
            reads: store.database.reads(),
            path: location.database.clone(),
        };
        store.stand(head, location.clock, now, &rest).await?;
        Ok((store, rest))
    }

    async fn check_key(&self) -> Result<(), StoreError> {
        let id = self.memory.secrets.key_id();
        match self.database.write(maintenance::CheckKey { id }).await {
            Ok(()) => Ok(()),
            Err(Failure::Refused(other)) => Err(other.into()),
            Err(Failure::Undecided(why)) => Err(why.into()),
        }
    }

    /// Raises the floor where the store may have gone back behind what was accepted.
    async fn stand(
        &self,
        head: Option<head::Head>,
        clock: ClockTrust,
        now: Timestamp,
        rest: &Rest,
    ) -> Result<(), StoreError> {
        let standing = self.read(Stand { head }).await?;
        if standing != Standing::Whole {
            // Any token may have been used later than all that the record knows of.
            rest.read()?;
        }
        let horizon = self.memory.horizon(now);
        let (cause, floor) = match (standing, clock, self.memory.clock_stepped_back(now)) {
            (Standing::WentBack, _, _) => (
                "the database is behind its head record: an older copy was put back",
                horizon,
            ),
            (Standing::Unknown, _, _) => (
                "the head record is missing: nobody can tell whether the database went back",
                horizon,
            ),
            (Standing::Whole, ClockTrust::Clock, Some(_)) => (
                "an administrator took the clock as right although it went back",
                now,
            ),
            (Standing::Whole, ClockTrust::Records, Some(latest)) => {
                tracing::warn!("no login is decided: {}", ClockSteppedBack { latest });
                return Ok(());
            }
            (Standing::Whole, _, None) => return Ok(()),
        };
        tracing::warn!(cause, "everything up to now counts as spent");
        let event = memory::floor_raised(cause, now);
        // What was used of them since is not known.
        let went_back = standing != Standing::Whole;
        let raise = RaiseFloor {
            event,
            floor,
            went_back,
        };
        let memory = Arc::clone(&self.memory);
        let raised = self
            .database
            .write_then(raise, move |link| {
                if clock == ClockTrust::Clock {
                    memory.trust_clock(now);
                }
                let mut directory = memory.write();
                directory.set_floor(Some(floor));
                if went_back {
                    directory.forget_recovery();
                }
                drop(directory);
                memory.committed(*link, now);
            })
            .await;
        raised.map(drop).map_err(undecided)?;
        Ok(())
    }

    /// What memory says, once it knows all that the question is about. Blocks for a read where that is not in memory yet.
    fn known<R>(&self, question: impl Fn(&Directory) -> Result<R, Unread>) -> Result<R, Undecided> {
        loop {
            let unread = match question(&self.memory.read()) {
                Ok(answer) => return Ok(answer),
                Err(unread) => unread,
            };
            let found = self.database.read_blocking(Find { unread });
            // What has no row and cannot be kept in mind is as unknown as before.
            if !self.memory.write().take_found(found.map_err(undecided)?) {
                return Err(Undecided::Busy);
            }
        }
    }

    /// All that the decision about one login reads, at one moment.
    pub fn facts(
        &self,
        name: CanonicalName,
        position: CodePosition,
        now: Timestamp,
    ) -> Result<Facts, NoFacts> {
        if let Some(latest) = self.memory.clock_stepped_back(now) {
            return Err(ClockSteppedBack { latest }.into());
        }
        let secrets = &self.memory.secrets;
        let facts = self.known(|directory| directory.facts(&name, position, secrets, now))?;
        Ok(Facts { name, ..facts })
    }

    /// What it takes to check a password now: [`Self::password_hash`] says with which hash.
    pub fn evaluation(&self, check: &Check) -> Result<Evaluation, Undecided> {
        Ok(check.against(self.password_hash(check.person())?))
    }

    /// The hash of a person's password, for a thread that is to compute it. Blocks: a user's is read from the row, and
    /// for a name that is nobody's another row is, since the time must not tell who is one.
    pub fn password_hash(&self, name: &CanonicalName) -> Result<Option<PasswordHash>, Undecided> {
        match name.realm() {
            Realm::Administrators => Ok(self.memory.read().administrator_hash(name)),
            Realm::Vdom(_) => {
                let question = queries::PasswordOf { name: name.clone() };
                self.database.read_blocking(question).map_err(undecided)
            }
        }
    }

    /// The password itself, where one is kept beside this hash of a person's for methods that need it. The hash is of
    /// [`Self::facts`].
    pub fn kept_password(&self, name: &CanonicalName, digest: HashDigest) -> Option<Opened> {
        let directory = self.memory.read();
        directory.kept_password(name, digest, &self.memory.secrets)
    }

    /// The servers whose word lets somebody without a record in through a client; none for a name that has
    /// one.
    pub fn sources(&self, name: &CanonicalName, client: &str) -> Result<Vec<Source>, Undecided> {
        self.known(|directory| directory.sources(name, client))
    }

    /// A server with all groups of which it is a member; nothing if it is one of none.
    pub fn source(&self, backend: &BackendName) -> Option<Source> {
        self.memory.read().source(backend)
    }

    /// The attributes by which the directories of a virtual domain know people (`set cnid`), in small letters.
    pub fn login_attributes(&self, vdom: Vdom) -> BTreeSet<String> {
        self.memory.read().login_attributes(vdom)
    }

    /// The virtual domain of this name, if there is one.
    pub fn vdom(&self, name: &str) -> Option<Vdom> {
        let vdom = Vdom::parse(name).ok()?;
        self.memory.read().has_vdom(vdom).then_some(vdom)
    }

    /// Whether there is a record of this name.
    pub fn has_record(&self, name: &CanonicalName) -> Result<bool, Undecided> {
        self.known(|directory| directory.has_record(name))
    }

    /// Counts a password attempt before it is evaluated, or says why none is and until when.
    pub fn reserve_password(
        &self,
        name: &CanonicalName,
        source: Network,
        now: Timestamp,
    ) -> Result<Charge, Refusal> {
        self.reserve(name, source, None, now)
    }

    /// The same of a password that several servers may know: what [`Self::keep_open`] keeps counts once.
    pub fn reserve_guess(
        &self,
        name: &CanonicalName,
        source: Network,
        guess: &Guess,
        now: Timestamp,
    ) -> Result<Charge, Refusal> {
        self.reserve(name, source, Some(guess), now)
    }

    fn reserve(
        &self,
        name: &CanonicalName,
        source: Network,
        guess: Option<&Guess>,
        now: Timestamp,
    ) -> Result<Charge, Refusal> {
        let vdom = name.realm().vdom();
        let settings = self.settings(vdom);
        let mut counters = self.memory.counters();
        counters.listens_to(vdom, source, now)?;
        counters.reserve(name, source, guess, &settings, now)
    }

    /// Whether the source is listened to now: too many others of its logins may have gone wrong since this
    /// one began.
    pub fn listens_to(
        &self,
        name: &CanonicalName,
        source: Network,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let counters = self.memory.counters();
        counters.listens_to(name.realm().vdom(), source, now)
    }

    /// Keeps a reserved guess open that one server took for wrong, while another that may know it was silent.
    /// Clients repeat what nobody answers: until somebody decides it counts as one wrong password and as one
    /// wrong login of its source, however often it comes.
    pub fn keep_open(
        &self,
        name: &CanonicalName,
        source: Network,
        guess: Guess,
        charge: Charge,
        now: Timestamp,
    ) {
        let limit = self.settings(name.realm().vdom()).blackout;
        let mut counters = self.memory.counters();
        counters.keep_open(name, source, (guess, charge), limit, now);
    }

    /// Settles a reserved guess that was right: that it was open before tells nothing of its source any more.
    pub fn settle_guess(
        &self,
        name: &CanonicalName,
        source: Network,
        guess: &Guess,
        charge: Charge,
        now: Timestamp,
    ) {
        let mut counters = self.memory.counters();
        counters.forgive(name, source, guess);
        counters.succeeded(name, source, charge, now);
    }

    /// Settles a reserved attempt that was no failure.
    pub fn settle_password(
        &self,
        name: &CanonicalName,
        source: Network,
        charge: Charge,
        outcome: PasswordOutcome,
        now: Timestamp,
    ) {
        let mut counters = self.memory.counters();
        match outcome {
            PasswordOutcome::Right => counters.succeeded(name, source, charge, now),
            PasswordOutcome::Undecided => counters.release(name, source, charge),
        }
    }

    /// Lets a decision look at, and raise, the count of a person's wrong codes.
    pub fn with_code_counter<R>(
        &self,
        name: &CanonicalName,
        now: Timestamp,
        decide: impl FnOnce(&mut CodeCounter) -> R,
    ) -> R {
        let counters = &mut *self.memory.counters();
        let (own, other) = (&mut counters.codes, &counters.codes_alone);
        counted(own, other, ProvenBy::Unit, name, now, decide)
    }

    /// The same of a person at clients that check first factors themselves.
    pub fn with_code_counter_at<R>(
        &self,
        vouched: &Vouched,
        now: Timestamp,
        decide: impl FnOnce(&mut CodeCounter) -> R,
    ) -> R {
        let counters = &mut *self.memory.counters();
        let (own, other) = (&mut counters.codes_alone, &counters.codes);
        counted(own, other, ProvenBy::Client, vouched.person(), now, decide)
    }

    /// Records decisions and spends their steps; `answer` gets an outcome for each, in order, once
    /// they are durable, or committed where nothing rests on it. This is the one way to spend a step and to get a [`Granted`].
    ///
    /// `answer` runs on the writer thread: it hands on and does not wait.
    pub fn consume(
        &self,
        decisions: Vec<Decision>,
        answer: impl FnOnce(Vec<Outcome>) + Send + 'static,
    ) {
        let job = ConsumeJob::new(Arc::clone(&self.memory), decisions, answer);
        if let Err(rejected) = self.database.submit(Box::new(job)) {
            rejected.job.complete(Err(rejected.why));
        }
    }

    /// Carries out an administrative operation: state, events and messages in one transaction. The
    /// messages `settles` of the outbox are answered by it.
    pub async fn administer(
        &self,
        operation: Operation,
        entropy: Entropy,
        by: Authority,
        now: Timestamp,
        settles: impl IntoIterator<Item = i64>,
    ) -> Result<Done, Failure<AdminError>> {
        let settles = settles.into_iter().collect();
        let prepared = self.prepared(&operation, &entropy).await?;
        let whole = self.memory.whole().await?;
        let memory = Arc::clone(&self.memory);
        let work = Administer {
            memory: Arc::clone(&self.memory),
            _whole: whole,
            operation,
            entropy,
            prepared,
            by,
            now,
            settles,
        };
        self.database
            .write_then(work, move |done: &Done| done.apply(&memory))
            .await
    }

    /// What takes long of a new password, computed beside the writer. Administrators are few: this needs no bound of
    /// its own.
    async fn prepared(
        &self,
        operation: &Operation,
        entropy: &Entropy,
    ) -> Result<Option<Prepared>, Undecided> {
        let Some(new) = operation.new_password() else {
            return Ok(None);
        };
        let user = match new.user() {
            Some(user) => self.person(user.clone()).await?,
            None => None,
        };
        let salt = entropy.salt;
        let prepared = tokio::task::spawn_blocking(move || new.prepare(user.as_ref(), salt));
        // What was not computed is where it is needed.
        Ok(prepared.await.ok().flatten())
    }

    /// Appends an event of its own, such as a login that was tried out. One that counts as a wrong code has
    /// raised the counter in memory already.
    pub async fn record(&self, event: Event) -> Result<(), Undecided> {
        let (tally, held) = match &event.what {
            What::LoginTested {
                person,
                counting: Counting::AsWrongCode,
                held,
                ..
            } => {
                let tally = self.memory.counters().tally_of_failure(person);
                (Some(tally), *held)
            }
            _ => (None, None),
        };
        self.append(vec![(event, tally)], held).await
    }

    /// Appends events that count as nothing and on which nothing rests, such as what refusals turned out to be, in
    /// order and in one transaction. They are committed when this returns, and on disk soon.
    pub async fn note_all(&self, events: Vec<Event>) -> Result<(), Undecided> {
        let Some(at) = events.last().map(|event| event.at) else {
            return Ok(());
        };
        let memory = Arc::clone(&self.memory);
        let events = events.into_iter().map(|event| (event, None)).collect();
        let note = self.database.note_then(Record { events }, move |link| {
            memory.noted(*link, at);
        });
        note.await.map(drop).map_err(undecided)
    }

    /// Appends events, each with the counter of wrong codes after it, if it counts as one. A step that is `held`
    /// is so from the last of them on.
    async fn append(
        &self,
        events: Vec<(Event, Option<Tally>)>,
        held: Option<(TokenSerial, Step)>,
    ) -> Result<(), Undecided> {
        let Some(at) = events.last().map(|(event, _)| event.at) else {
            return Ok(());
        };
        let memory = Arc::clone(&self.memory);
        let write = self.database.write_then(Record { events }, move |link| {
            if let Some((token, step)) = held {
                memory.write().hold(token, step, link.id);
            }
            memory.committed(*link, at);
        });
        write.await.map(drop).map_err(undecided)
    }

    /// What a person who is let in is to be told.
    pub fn welcome(&self, person: &CanonicalName, now: Timestamp) -> Welcome {
        self.memory.read().welcome(person, now)
    }

    /// The settings in force in a virtual domain; what is global is the same in all.
    pub fn settings(&self, vdom: Vdom) -> Arc<Settings> {
        self.memory.read().settings(vdom)
    }

    /// What the entries of `config system interface` allow.
    pub fn allow_access(&self) -> Arc<AllowAccess> {
        self.memory.read().allow_access()
    }

    /// The RADIUS clients in force.
    pub fn clients(&self) -> Arc<[Client]> {
        self.memory.read().clients()
    }

    /// What a person has of recovery codes and passes.
    pub fn recovery(&self, person: &CanonicalName) -> Box<[Held]> {
        self.memory.read().recovery(person)
    }

    /// The applications in force that have logins checked over HTTPS.
    pub fn applications(&self) -> Arc<[VerificationClient]> {
        self.memory.read().applications()
    }

    /// A directory or RADIUS server that knows passwords.
    pub fn backend(&self, name: &BackendName) -> Option<Arc<Backend>> {
        self.memory.read().backend(name)
    }

    /// Addresses that have sent a valid Message-Authenticator.
    pub fn authenticating(&self) -> Arc<HashSet<IpAddr>> {
        self.memory.read().authenticating()
    }

    /// Has another hash of a password take the place of the one that was right; nobody waits for it. Where it
    /// fails, or comes before all people are in memory, the next login does the same.
    pub fn rehash_password(&self, rehash: Rehash, now: Timestamp) {
        let Some(whole) = self.memory.is_whole() else {
            return;
        };
        let memory = Arc::clone(&self.memory);
        let learnt = rehash.clone();
        let posted = self.database.post(
            RehashPassword {
                _whole: whole,
                rehash,
                now,
            },
            move |changed: &Option<Changed>| {
                if let Some((_, entry, link)) = changed {
                    memory.write().rehash_person(learnt, entry.clone(), now);
                    memory.committed(*link, now);
                }
            },
        );
        if let Err(why) = posted {
            tracing::debug!(%why, "a password's hash is not renewed now");
        }
    }

    /// A password that its owner set in the place of one that has expired takes its place. `false` if anything
    /// that it was judged by is another by now; then nothing is changed.
    pub async fn renew_password(&self, renewed: Renewed, event: Event) -> Result<bool, Undecided> {
        let (memory, now) = (Arc::clone(&self.memory), event.at);
        let work = RenewPassword {
            memory: Arc::clone(&self.memory),
            _whole: self.memory.whole().await?,
            renewed,
            event,
        };
        let written = self
            .database
            .write_then(work, move |changed: &Option<Changed>| {
                if let Some((name, entry, link)) = changed {
                    memory.write().put_person(name.clone(), entry.clone());
                    memory.committed(*link, now);
                }
            });
        Ok(written.await.map_err(undecided)?.is_some())
    }

    /// Keeps that this address sends a valid Message-Authenticator.
    pub async fn learn_authenticating(
        &self,
        address: IpAddr,
        client: &str,
        now: Timestamp,
    ) -> Result<(), Undecided> {
        let memory = Arc::clone(&self.memory);
        let work = Learn {
            address,
            client: Box::from(client),
            now,
        };
        let learned = self
            .database
            .write_then(work, move |addresses: &HashSet<IpAddr>| {
                memory.write().set_authenticating(addresses.clone());
            });
        learned.await.map(drop).map_err(undecided)
    }

    /// Lets this address leave the Message-Authenticator out again. `false` if it had sent none.
    pub async fn forget_authenticating(
        &self,
        address: IpAddr,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, Undecided> {
        let memory = Arc::clone(&self.memory);
        let object = address.to_string();
        let event = Event::changed(
            actor,
            Vdom::ROOT,
            "radius.reset-authenticator",
            &object,
            "",
            now,
        );
        let forgotten = self.database.write_then(
            Forget { address, event },
            move |forgotten: &Option<(HashSet<IpAddr>, Link)>| {
                if let Some((addresses, link)) = forgotten {
                    memory.write().set_authenticating(addresses.clone());
                    memory.committed(*link, now);
                }
            },
        );
        let forgotten = forgotten.await.map_err(undecided)?;
        Ok(forgotten.is_some())
    }

    /// What checks the codes of a token, for a resynchronisation.
    pub fn verifier(&self, serial: TokenSerial) -> Result<Option<Verifier>, Undecided> {
        let secrets = &self.memory.secrets;
        let verifier = self.known(|directory| directory.verifier(serial, secrets))?;
        Ok(verifier.map(|(verifier, _)| verifier))
    }

    /// What checks the codes of a person's token, for an explanation.
    pub fn verifier_of(&self, name: &CanonicalName) -> Result<Option<Verifier>, Undecided> {
        match self.token_of(name)? {
            Some(serial) => self.verifier(serial),
            None => Ok(None),
        }
    }

    /// The login that spent this very step, if it is still known.
    pub async fn first_use(
        &self,
        serial: TokenSerial,
        step: Step,
    ) -> Result<Option<FirstUse>, Undecided> {
        let spent = self.known(|directory| directory.spent(serial))?;
        let spent = spent.filter(|spent| spent.step == step);
        let Some(spent) = spent else { return Ok(None) };
        self.read(log::FirstUseOf {
            token: serial,
            event: spent.by,
        })
        .await
    }

    /// The clock difference that a token has shown so far.
    pub fn drift(&self, serial: TokenSerial) -> Result<Option<Drift>, Undecided> {
        self.known(|directory| directory.drift(serial))
    }

    /// Users and tokens in memory, once all are.
    pub async fn sizes(&self) -> Result<(usize, usize), Undecided> {
        self.memory.whole().await?;
        Ok(self.memory.read().sizes())
    }

    /// Whether writes get through.
    pub fn health(&self) -> Health {
        self.database.health()
    }

    /// Takes nothing new, finishes what waits and closes. Blocks.
    pub fn shutdown(&self) {
        self.database.shutdown();
    }

    /// A configured secret, opened.
    pub fn open_secret(&self, object: &Object, field: &str) -> Option<Secret> {
        self.memory.open_secret(object, field)
    }

    /// The next `limit` tokens of a virtual domain after the serial `after`.
    pub async fn tokens_after(
        &self,
        vdom: Vdom,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Token>, Undecided> {
        self.memory.whole().await?;
        let mut page = self.configured_tokens_after(vdom, after, limit).await?;
        let directory = self.memory.read();
        for token in &mut page {
            learn_drift(directory.drift(token.serial).ok().flatten(), token);
        }
        Ok(page)
    }

    /// The same for who wants what is configured of them: drift that was learned since the last
    /// checkpoint is not looked up, which takes as long as all the rest.
    pub async fn configured_tokens_after(
        &self,
        vdom: Vdom,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Token>, Undecided> {
        let (memory, after) = (Arc::clone(&self.memory), after.to_owned());
        let question = queries::TokensAfter {
            memory,
            vdom,
            after,
            limit,
        };
        self.read(question).await
    }

    /// One token with its owner.
    pub async fn token(&self, serial: TokenSerial) -> Result<Option<Owned>, Undecided> {
        let memory = Arc::clone(&self.memory);
        let mut owned = self.read(queries::OneToken { memory, serial }).await?;
        if let Some(owned) = &mut owned {
            learn_drift(self.drift(serial)?, &mut owned.token);
        }
        Ok(owned)
    }

    /// Activated hardware tokens: of a virtual domain, and of all.
    pub async fn activated(&self, vdom: Vdom) -> Result<(u64, u64), Undecided> {
        self.read(queries::Activated { vdom }).await
    }

    /// The next `limit` users of a realm after the canonical name `after`.
    pub async fn people_after(
        &self,
        realm: Realm,
        after: &str,
        limit: i64,
    ) -> Result<Vec<User>, Undecided> {
        self.read(queries::PeopleAfter {
            realm,
            after: after.to_owned(),
            limit,
        })
        .await
    }

    /// One user.
    pub async fn person(&self, name: CanonicalName) -> Result<Option<User>, Undecided> {
        self.read(queries::OnePerson { name }).await
    }

    /// One user, and the policy that judges the user's passwords, if there is one.
    pub async fn person_with_policy(
        &self,
        name: CanonicalName,
    ) -> Result<Option<(User, Option<PasswordPolicy>)>, Undecided> {
        self.read(queries::OneWithPolicy { name }).await
    }

    /// All virtual domains, the root first.
    pub async fn vdoms(&self) -> Result<Vec<Vdom>, Undecided> {
        self.read(queries::Vdoms {}).await
    }

    /// All entries of a table other than users and tokens, as somebody in `vdom` sees them.
    pub async fn objects(
        &self,
        vdom: Vdom,
        table: &'static Table,
    ) -> Result<Vec<Object>, Undecided> {
        self.read(queries::Objects { vdom, table }).await
    }

    /// One entry of a table other than users and tokens.
    pub async fn object(&self, place: Place) -> Result<Option<Object>, Undecided> {
        self.read(queries::OneObject { place }).await
    }

    /// One event.
    pub async fn event(&self, id: i64) -> Result<Option<Recorded>, Undecided> {
        self.read(queries::OneEvent { id }).await
    }

    /// Up to `limit` logins with numbers below `before`, newest first.
    pub async fn logins_before(&self, before: i64, limit: i64) -> Result<Vec<Recorded>, Undecided> {
        let limit = usize::try_from(limit).unwrap_or(0);
        let (mut found, mut next) = (Vec::new(), Some(before));
        while let Some(before) = next
            && found.len() < limit
        {
            let (logins, more) = self.some_logins_before(before).await?;
            found.extend(logins);
            next = more;
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Logins among the latest [`LOOKED_AT`] events with numbers below `before`, newest first, and below which number the
    /// next ones are, if there are any.
    pub async fn some_logins_before(
        &self,
        before: i64,
    ) -> Result<(Vec<Recorded>, Option<i64>), Undecided> {
        self.read(queries::SomeLoginsBefore { before }).await
    }

    /// Up to `limit` events with numbers below `before` that say what became of messages to people,
    /// newest first; only the latest `looked_at` events are looked at.
    pub async fn deliveries_before(
        &self,
        before: i64,
        looked_at: i64,
        limit: i64,
    ) -> Result<Vec<Recorded>, Undecided> {
        self.read(queries::DeliveriesBefore {
            before,
            looked_at,
            limit,
        })
        .await
    }

    /// What the refusals with numbers from `from` to `to` turned out to be.
    pub async fn explanations(&self, from: i64, to: i64) -> Result<Vec<Recorded>, Undecided> {
        self.read(queries::Explanations { from, to }).await
    }

    /// Mobile tokens after a serial whose state at the token server matters: those of a virtual domain,
    /// or all.
    pub async fn pollable_after(
        &self,
        vdom: Option<Vdom>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<TokenSerial>, Undecided> {
        self.read(queries::PollableAfter {
            vdom,
            after: after.to_owned(),
            limit,
        })
        .await
    }

    /// The next `limit` people after the canonical name `after` who logged in with a recovery code or pass while
    /// `token-recovery` was on, and for whom no transfer is begun yet.
    pub async fn recovered(&self, after: &str, limit: i64) -> Result<Vec<Recovered>, Undecided> {
        let after = after.into();
        self.read(queries::RecoveredAfter { after, limit }).await
    }

    /// No transfer is begun for such a login.
    pub async fn forget_recovered(&self, login: Recovered) -> Result<(), Undecided> {
        let forgotten = self.database.write(recovery::Forget { login }).await;
        forgotten.map_err(undecided)
    }

    /// The token of a person.
    pub fn token_of(&self, name: &CanonicalName) -> Result<Option<TokenSerial>, Undecided> {
        self.known(|directory| directory.token_of(name))
    }

    /// The next `limit` tokens after the serial `after` whose code may be taken by another phone at any time.
    pub async fn open_transfers(
        &self,
        after: &str,
        limit: i64,
    ) -> Result<Vec<TokenSerial>, Undecided> {
        let after = after.into();
        self.read(queries::OpenTransfers { after, limit }).await
    }

    /// Who may wish something for a token, and whether `device` had it before it went to another.
    pub async fn phones(
        &self,
        serial: TokenSerial,
        device: RegistrationId,
    ) -> Result<Phones, Undecided> {
        let memory = Arc::clone(&self.memory);
        let question = queries::PhonesOf {
            memory,
            serial,
            device,
        };
        self.read(question).await
    }

    /// Whether the token server may have an address of this unit for transfers, told before a restart or since.
    pub async fn is_transfer_address_told(&self) -> Result<bool, Undecided> {
        self.read(queries::AddressTold {}).await
    }

    /// Keeps what the token server may know of this unit's address for transfers.
    pub async fn tell_transfer_address(&self, address: Told) -> Result<(), Undecided> {
        self.database
            .write(transfers::TellAddress { address })
            .await
            .map_err(undecided)
    }

    /// The seed that the token server is to seal to a phone, if the token waits for a code.
    pub async fn to_provision(
        &self,
        serial: TokenSerial,
    ) -> Result<Option<SeedToProvision>, Undecided> {
        let memory = Arc::clone(&self.memory);
        self.read(queries::ToProvision { memory, serial }).await
    }

    /// Messages of a lane that are to be sent by `now`, oldest first.
    pub async fn due(
        &self,
        lane: Lane,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Waiting>, Undecided> {
        let memory = Arc::clone(&self.memory);
        self.read(queries::Due {
            memory,
            lane,
            by: now,
            limit,
        })
        .await
    }

    /// A message of a lane, if it still waits.
    pub async fn waiting(&self, lane: Lane, id: i64) -> Result<Option<Waiting>, Undecided> {
        let memory = Arc::clone(&self.memory);
        self.read(queries::OneWaiting { memory, lane, id }).await
    }

    /// What waits in a lane until later than `now` is due: its peer is back.
    pub async fn take_up(&self, lane: Lane, now: Timestamp) -> Result<(), Undecided> {
        let work = maintenance::TakeUp { lane, now };
        self.database.write(work).await.map_err(undecided)
    }

    /// A request is about to leave for messages: until they are settled, or it is known to be undone, it is
    /// what is repeated.
    pub async fn sending(
        &self,
        request: &str,
        body: &[u8],
        messages: Vec<i64>,
    ) -> Result<(), Undecided> {
        let work = sent::Sending {
            memory: Arc::clone(&self.memory),
            request: request.to_owned(),
            body: body.to_vec().into(),
            messages,
        };
        self.database.write(work).await.map_err(undecided)
    }

    /// A request that left and may have been answered.
    pub async fn sent(&self, request: &str) -> Result<Option<SentRequest>, Undecided> {
        let memory = Arc::clone(&self.memory);
        let request = request.to_owned();
        self.read(queries::OneSent { memory, request }).await
    }

    /// A request was certainly not done.
    pub async fn undone(&self, request: &str) -> Result<(), Undecided> {
        let request = request.to_owned();
        let work = sent::Undone { request };
        self.database.write(work).await.map_err(undecided)
    }

    /// Gives a message another identity for the token server, which has the one before for something else.
    pub async fn renamed(&self, message: i64) -> Result<String, Undecided> {
        let memory = Arc::clone(&self.memory);
        let work = sent::Rename { memory, message };
        self.database.write(work).await.map_err(undecided)
    }

    /// Messages in the outbox, the oldest first: of a virtual domain, or of all.
    pub async fn outbox(&self, vdom: Option<Vdom>, limit: i64) -> Result<Vec<Waiting>, Undecided> {
        let memory = Arc::clone(&self.memory);
        self.read(queries::Outbox {
            memory,
            vdom,
            limit,
        })
        .await
    }

    /// A message was answered and nothing else changes.
    pub async fn settle(&self, message: i64) -> Result<(), Undecided> {
        self.database
            .write(maintenance::Settle { message })
            .await
            .map_err(undecided)
    }

    /// Messages could not be delivered: they are tried again at `due`.
    pub async fn postpone(
        &self,
        messages: Vec<i64>,
        due: Timestamp,
        error: &str,
    ) -> Result<(), Undecided> {
        let work = Postpone {
            messages,
            due,
            error: error.to_owned(),
        };
        self.database.write(work).await.map_err(undecided)
    }

    /// Brings the rows of tokens up to what memory knows, and moves the checkpoint. A caller that
    /// stops waiting leaves the rest to the next call.
    pub async fn checkpoint(&self) -> Result<(), Undecided> {
        // Tokens that are not read yet may be behind what events say, and none of those is marked.
        let whole = self.memory.whole().await?;
        // The mark must not pass a token that another call has taken and not yet written.
        let mut mark = self.checkpointing.lock().await;
        // Taken first: memory has learned of every event up to this one.
        let learned = self.memory.learned();
        if learned == *mark {
            return Ok(());
        }
        let mut unwritten = Unwritten::take(&self.memory, whole);
        while !unwritten.is_empty() {
            let rows = unwritten.chunk();
            self.database
                .write(maintenance::Rows { rows })
                .await
                .map_err(undecided)?;
            unwritten.written();
        }
        self.database
            .write(maintenance::Checkpoint { learned })
            .await
            .map_err(undecided)?;
        *mark = learned;
        Ok(())
    }

    async fn read<W: crate::engine::Work<Err = Never>>(
        &self,
        work: W,
    ) -> Result<W::Out, Undecided> {
        self.database.read(work).await.map_err(undecided)
    }
}

fn undecided(failure: Failure<Never>) -> Undecided {
    match failure {
        Failure::Undecided(why) => why,
        Failure::Refused(never) => match never {},
    }
}

/// Keeps the counter of somebody who had none, if the decision left anything to keep.
fn counted<R>(
    counters: &mut HashMap<CanonicalName, CodeCounter>,
    other: &HashMap<CanonicalName, CodeCounter>,
    proven_by: ProvenBy,
    name: &CanonicalName,
    now: Timestamp,
    decide: impl FnOnce(&mut CodeCounter) -> R,
) -> R {
    let elsewhere = other.get(name).map_or(0, |other| other.failures(now));
    if let Some(counter) = counters.get_mut(name) {
        counter.count_along(elsewhere, proven_by);
        return decide(counter);
    }
    let mut counter = CodeCounter::default();
    counter.count_along(elsewhere, proven_by);
    let decided = decide(&mut counter);
    if !counter.is_clear(now) {
        counters.insert(name.clone(), counter);
    }
    decided
}

fn open_head(path: &Path) -> Result<(HeadFile, Option<head::Head>), StoreError> {
    HeadFile::open(path).map_err(|source| StoreError::Head {
        path: path.to_owned(),
        source,
    })
}

/// Memory learns with every login, the row at the next checkpoint.
fn learn_drift(learned: Option<Drift>, token: &mut Token) {
    if let Some(drift) = learned {
        token.drift = drift;
    }
}

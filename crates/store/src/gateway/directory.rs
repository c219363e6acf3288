//! What logins are decided from: people, tokens and clients in memory.
//!
//! For an embedded store this memory is the authority on spent steps. It is built from the rows and
//! the events after the last checkpoint, and follows every commit on the writer thread.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use aws_lc_rs::digest;
use domain::administrator;
use domain::backend::{self, Account, Backend, BackendName, Protocol};
use domain::bounded::Bounded;
use domain::client::{Client, LOGINCHECK};
use domain::contact::{Address, Contact};
use domain::explain::FirstUse;
use domain::interface::AllowAccess;
use domain::legacy::Opened;
use domain::login::{CodePosition, Consume, Factor, Facts, Origin, Person, Spend};
use domain::name::{CanonicalName, Realm};
use domain::password::{Credential, HashDigest, PasswordHash, Rehash};
use domain::password_policy::{Policies, Validity};
use domain::public_key::PublicKey;
use domain::recovery::{Digest, Held};
use domain::remote::{self, Source};
use domain::schema::Object;
use domain::settings::{SecondFactor, Settings, VdomSettings};
use domain::time::{Span, Timestamp};
use domain::token::{SeedVersion, Usability, Verifier};
use domain::user::{Keeper, Switch, TwoFactor, User};
use domain::vdom::Vdom;
use domain::verification::{PREFIX, VerificationClient};
use ident::{RegistrationId, TokenSerial};
use otp::{Drift, Kind, Parameters, Step, Window};

mod partial;
mod rows;

use super::events::step_from;
use super::memberships::{Group, Memberships};
use super::people::sealed_legacy;
use super::secrets::Secrets;
use super::tokens::TokenRow;
use crate::sealing::sealed_len;
use partial::Partial;
pub(super) use partial::Unread;
pub(super) use rows::{Found, Page, PersonColumns, TokenColumns, find, people_after, tokens_after};

/// A person, as a login needs it: 48 octets, and 24 of the name. There may be a million, so a hash lies in its row alone,
/// and what few have lies apart.
#[derive(Clone, Debug)]
pub(super) struct PersonEntry {
    status: Switch,
    two_factor: TwoFactor,
    token: Option<TokenSerial>,
    /// Of the hash of the password, where this unit knows that.
    password: Option<HashDigest>,
    password_set: Option<Second>,
    seldom: Option<Box<Seldom>>,
}

/// What few people have.
#[derive(Clone, Debug, Default)]
struct Seldom {
    administrator: Option<Box<Administrator>>,
    /// Another password policy than that of all users.
    policy: Option<Arc<str>>,
    /// For methods that need the password itself.
    legacy: Option<Box<Legacy>>,
    /// Where a backend knows the password.
    login: Option<Box<Login>>,
    /// Where codes are sent.
    sent_to: Option<Box<Address>>,
}

/// What administrators alone have.
#[derive(Clone, Debug)]
struct Administrator {
    keys: Box<[PublicKey]>,
    /// Their entries have it sealed, and memory open.
    hash: Option<PasswordHash>,
}

/// A password itself, sealed, and the hash to which it is bound.
#[derive(Clone, Debug)]
struct Legacy {
    sealed: Box<[u8]>,
    hash: PasswordHash,
}

/// By what name a backend knows a person.
#[derive(Clone, Debug)]
struct Login {
    backend: BackendName,
    name: Box<str>,
}

impl Seldom {
    fn kept(self) -> Option<Box<Self>> {
        let Self {
            administrator,
            policy,
            legacy,
            login,
            sent_to,
        } = &self;
        let is_empty = administrator.is_none()
            && policy.is_none()
            && legacy.is_none()
            && login.is_none()
            && sent_to.is_none();
        (!is_empty).then(|| Box::new(self))
    }
}

impl Legacy {
    fn of(sealed: &[u8], hash: &PasswordHash) -> Self {
        Self {
            sealed: sealed.into(),
            hash: hash.clone(),
        }
    }
}

impl Login {
    /// Of the person with this name, as it was `written`, and these entries for LDAP and RADIUS.
    fn of(
        keeper: Keeper,
        name: &CanonicalName,
        (ldap, radius): (Option<&str>, Option<&str>),
        written: &str,
    ) -> Option<Self> {
        let Keeper::Backend(kind) = keeper else {
            return None;
        };
        let server = match kind {
            backend::Kind::Ldap => ldap,
            backend::Kind::Radius => radius,
        };
        let backend = BackendName {
            kind,
            vdom: name.realm().vdom(),
            name: server.unwrap_or_default().into(),
        };
        Some(Self {
            backend,
            name: written.into(),
        })
    }
}

impl From<&User> for PersonEntry {
    fn from(user: &User) -> Self {
        let servers = (user.ldap_server.as_deref(), user.radius_server.as_deref());
        let (name, written) = (user.name.canonical(), user.name.as_written());
        let legacy = sealed_legacy(user).zip(user.password.as_ref());
        Self {
            status: user.status,
            two_factor: user.two_factor,
            token: user.token,
            password: user.password.as_ref().map(PasswordHash::digest),
            password_set: user.password_set.map(Second::of),
            seldom: Seldom {
                administrator: None,
                policy: user.policy.as_deref().map(Arc::from),
                legacy: legacy.map(|(sealed, hash)| Box::new(Legacy::of(sealed, hash))),
                login: Login::of(user.keeper, name, servers, written).map(Box::new),
                sent_to: sent_to(user.two_factor, &user.contact),
            }
            .kept(),
        }
    }
}

impl PersonEntry {
    /// An administrator, with the password opened.
    pub(super) fn administrator(object: &Object, hash: Option<PasswordHash>) -> Self {
        let two_factor = TwoFactor::parse(object.text("two-factor")).unwrap_or_default();
        Self {
            status: Switch::Enable,
            two_factor,
            token: TokenSerial::parse(object.text("fortitoken")).ok(),
            password: hash.as_ref().map(PasswordHash::digest),
            password_set: None,
            seldom: Seldom {
                administrator: Some(Box::new(Administrator {
                    keys: administrator::public_keys(object).into(),
                    hash,
                })),
                sent_to: sent_to(two_factor, &Contact::of(object)),
                ..Seldom::default()
            }
            .kept(),
        }
    }

    fn keys(&self) -> &[PublicKey] {
        let administrator = self.as_administrator();
        administrator.map_or(&[], |administrator| &administrator.keys)
    }

    fn policy(&self) -> Option<&str> {
        self.seldom()?.policy.as_deref()
    }

    fn legacy(&self) -> Option<&Legacy> {
        self.seldom()?.legacy.as_deref()
    }

    fn login(&self) -> Option<&Login> {
        self.seldom()?.login.as_deref()
    }

    fn sent_to(&self) -> Option<&Address> {
        self.seldom()?.sent_to.as_deref()
    }

    fn as_administrator(&self) -> Option<&Administrator> {
        self.seldom()?.administrator.as_deref()
    }

    fn seldom(&self) -> Option<&Seldom> {
        self.seldom.as_deref()
    }
}

fn sent_to(two_factor: TwoFactor, contact: &Contact) -> Option<Box<Address>> {
    match two_factor {
        TwoFactor::Sent(channel) => contact.at(channel).map(Box::new),
        TwoFactor::Disable | TwoFactor::Fortitoken => None,
    }
}

/// Hashes of which others of the same password took the place, and until when logins may be under way that began with
/// them.
#[derive(Debug)]
struct Rehashed(Bounded<CanonicalName, Former>);

#[derive(Debug)]
struct Former {
    hash: HashDigest,
    gave_way_to: HashDigest,
    until: Timestamp,
}

/// People whose former hashes are known at most: as many as challenges are open. Who is beyond logs in once more.
const REHASHED_MAX: usize = 65_536;

/// How long a login is under way: no challenge is open for more than 600 s (`two-factor-ftk-expiry`), and the next
/// code is asked for once.
const UNDER_WAY: Span = Span::from_mins(15);

impl Default for Rehashed {
    fn default() -> Self {
        Self(Bounded::new(REHASHED_MAX))
    }
}

/// A moment to the second, rounded down, in half of the octets, with or without [`Option`]. It ends in 2106, and the
/// first second of 1970 counts as the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Second(NonZeroU32);

impl Second {
    pub(super) fn of(moment: Timestamp) -> Self {
        let seconds = moment.unix().try_into().unwrap_or(u32::MAX);
        Self(NonZeroU32::new(seconds).unwrap_or(NonZeroU32::MIN))
    }

    fn moment(self) -> Timestamp {
        Timestamp::from_secs(self.0.get().into())
    }
}

/// Whether codes of a token are looked at, as far as it does not depend on the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Usable {
    Always,
    Until(Second),
    Never,
    Withheld,
    Locked,
}

impl Usable {
    fn at(self, now: Timestamp) -> Usability {
        match self {
            Self::Always => Usability::Usable,
            Self::Until(expires) if expires.moment() > now => Usability::Usable,
            Self::Until(_) => Usability::ProvisionTimeout,
            Self::Never => Usability::NotActivated,
            Self::Withheld => Usability::OfAnotherUnit,
            Self::Locked => Usability::Locked,
        }
    }
}

/// A token, as a login needs it; its seed stays sealed. There may be a million: 120 octets, and 16 of the serial number.
#[derive(Debug)]
pub(super) struct TokenEntry {
    seed: Option<Sealed>,
    seed_version: u32,
    /// The first event that can be of this seed's codes.
    seed_since: i64,
    parameters: Parameters,
    usable: Usable,
    /// The phone that has it.
    phone: Phone,
    drift: Drift,
    latest: Latest,
}

/// The phone that has a token, if one has it: an [`Option`] takes another octet, and eight with it.
#[derive(Clone, Copy, Debug)]
struct Phone(PhoneDigest);

impl Phone {
    /// No registration id has a digest of zeros.
    const NONE: Self = Self(PhoneDigest([0; 16]));

    fn is(self, phone: PhoneDigest) -> bool {
        self.0 == phone && phone != Self::NONE.0
    }
}

impl From<Option<PhoneDigest>> for Phone {
    fn from(phone: Option<PhoneDigest>) -> Self {
        phone.map_or(Self::NONE, Self)
    }
}

/// The highest step that was spent, if one was: an [`Option`] takes half as much again.
#[derive(Clone, Copy, Debug)]
struct Latest(Spent);

impl Latest {
    /// No clock and no counter comes to it.
    const NONE: Step = Step(u64::MAX);

    fn get(self) -> Option<Spent> {
        (self.0.step != Self::NONE).then_some(self.0)
    }
}

impl From<Option<Spent>> for Latest {
    fn from(spent: Option<Spent>) -> Self {
        Self(spent.unwrap_or(Spent {
            step: Self::NONE,
            by: 0,
        }))
    }
}

/// Octets of a sealed seed of 20 octets, as phones and most devices have them.
const USUAL_LEN: usize = sealed_len(20);

/// A sealed seed, without an allocation of its own where it is of the usual length.
#[derive(Debug)]
enum Sealed {
    Usual([u8; USUAL_LEN]),
    Other(Box<[u8]>),
}

impl From<&[u8]> for Sealed {
    fn from(sealed: &[u8]) -> Self {
        match sealed.try_into() {
            Ok(usual) => Self::Usual(usual),
            Err(_) => Self::Other(sealed.into()),
        }
    }
}

impl Sealed {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Usual(sealed) => sealed,
            Self::Other(sealed) => sealed,
        }
    }
}

/// By what a phone is known to be the one that has a token: half of the SHA-256 of its registration id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct PhoneDigest([u8; 16]);

impl PhoneDigest {
    fn of(registration: RegistrationId) -> Self {
        let digest = digest::digest(&digest::SHA256, &registration.to_bytes());
        let mut half = [0; 16];
        half.copy_from_slice(&digest.as_ref()[..16]);
        Self(half)
    }
}

/// Steps of one token that are held: each was a wrong code of its person, whom thirty of them block.
const HELD_MAX: usize = 30;

/// The highest step that was spent, and the event that spent it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spent {
    pub(super) step: Step,
    pub(super) by: i64,
}

/// What an event says of a token.
#[derive(Clone, Copy, Debug)]
enum Missed {
    Spent(Spent, Drift),
    /// A step is held, by the event of this number.
    Held(Step, i64),
}

/// How far a token has come, for its row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub(super) serial: TokenSerial,
    pub(super) spent: Spent,
    pub(super) drift: Drift,
    /// The seed that showed this drift.
    pub(super) seed_version: u32,
}

impl TokenEntry {
    fn has(&self, seed: SeedVersion) -> bool {
        SeedVersion(self.seed_version) == seed
    }

    /// The beginning of the latest step that was spent.
    fn reach(&self) -> Timestamp {
        let latest = self.latest.get();
        latest.map_or_else(Timestamp::default, |spent| {
            beginning(self.parameters, spent.step)
        })
    }
}

impl From<&TokenRow> for TokenEntry {
    fn from(row: &TokenRow) -> Self {
        Self {
            usable: row.usable(),
            phone: row.registration.map(PhoneDigest::of).into(),
            seed_version: row.seed_version,
            seed_since: row.seed_since,
            parameters: row.parameters,
            drift: row.drift,
            latest: row
                .spent
                .map(|step| Spent {
                    step: step_from(step),
                    by: row.spent_by.unwrap_or(0),
                })
                .into(),
            seed: row.seed.as_deref().map(Sealed::from),
        }
    }
}

/// What a person who is let in is to be told.
#[derive(Debug)]
pub struct Welcome {
    /// The groups of the person, in the order of their names.
    pub groups: Vec<Arc<str>>,
    /// In how many days the password expires, if that is soon.
    pub password_days_left: Option<i64>,
}

/// The memory of the login path.
#[derive(Debug, Default)]
pub(super) struct Directory {
    people: Partial<CanonicalName, PersonEntry>,
    /// Apart from the people, since any change replaces all of them.
    administrators: HashMap<CanonicalName, PersonEntry>,
    tokens: Partial<TokenSerial, TokenEntry>,
    /// What events say of tokens whose rows are not here yet, in the order of the events.
    missed: HashMap<TokenSerial, Vec<Missed>>,
    memberships: Memberships,
    /// Recovery codes and passes of those who have any.
    recovery: HashMap<CanonicalName, Box<[Held]>>,
    clients: Arc<[Client]>,
    applications: Arc<[VerificationClient]>,
    allow_access: Arc<AllowAccess>,
    policies: Policies,
    backends: HashMap<BackendName, Arc<Backend>>,
    settings: VdomSettings,
    vdoms: HashSet<Vdom>,
    /// Addresses that must go on sending a Message-Authenticator.
    authenticating: Arc<HashSet<IpAddr>>,
    /// Before this moment everything counts as spent: the store may have gone back.
    floor: Option<Timestamp>,
    /// The beginning of the latest step that was spent.
    reach: Timestamp,
    /// Where those of `tokens` are whose row is behind their memory. They keep their places: none is taken out.
    dirty: Places,
    /// Steps whose codes asked for the next one, oldest first. They are the token's: no counter of a person or of a
    /// client, and nothing that clears one, lets them in.
    held: HashMap<TokenSerial, Vec<Step>>,
    rehashed: Rehashed,
}

impl Directory {
    /// Makes room for all people and tokens.
    pub(super) fn reserve(&mut self, people: i64, tokens: i64) {
        let count = |count: i64| usize::try_from(count).unwrap_or(0);
        self.people.reserve(count(people));
        self.tokens.reserve(count(tokens));
    }

    /// Whether all people and tokens are here.
    pub(super) fn is_whole(&self) -> bool {
        self.people.is_whole() && self.tokens.is_whole()
    }

    /// All people and tokens are here. What events say of others is of tokens that there are not.
    pub(super) fn complete(&mut self) {
        self.people.complete();
        self.tokens.complete();
        self.missed = HashMap::new();
    }

    /// Takes people as they were read; who is here already stays as is.
    pub(super) fn read_people(&mut self, rows: Vec<PersonColumns>) {
        for PersonColumns { name, entry, .. } in rows {
            self.people.read(name, entry);
        }
    }

    /// The same with tokens; what events say of them comes on top.
    pub(super) fn read_tokens(&mut self, rows: Vec<TokenColumns>) {
        for TokenColumns { serial, entry, .. } in rows {
            self.read_token(serial, entry);
        }
    }

    fn read_token(&mut self, serial: TokenSerial, entry: TokenEntry) {
        self.reach = self.reach.max(entry.reach());
        if self.tokens.read(serial, entry) {
            self.catch_up(serial);
        }
    }

    /// Takes what somebody looked for. `false` if there is no room for that it was not found: nobody knows it then.
    pub(super) fn take_found(&mut self, found: Found) -> bool {
        let Found { person, token } = found;
        let person = match person {
            Some((name, Some(entry))) => {
                self.people.read(name, entry);
                Ok(())
            }
            Some((name, None)) => self.people.miss(name),
            None => Ok(()),
        };
        let token = match token {
            Some((serial, Some(entry))) => {
                self.read_token(serial, entry);
                Ok(())
            }
            Some((serial, None)) => self.tokens.miss(serial),
            None => Ok(()),
        };
        person.and(token).is_ok()
    }

    fn catch_up(&mut self, serial: TokenSerial) {
        for missed in self.missed.remove(&serial).into_iter().flatten() {
            match missed {
                Missed::Spent(spent, drift) => self.spend(serial, spent, drift),
                Missed::Held(step, by) => self.hold(serial, step, by),
            }
        }
    }

    /// Keeps what an event says of a token for when its row comes in. A later step of a later event says all that the one
    /// before did.
    fn miss(&mut self, serial: TokenSerial, news: Missed) {
        let missed = self.missed.entry(serial).or_default();
        match (missed.last_mut(), news) {
            (Some(Missed::Spent(before, known)), Missed::Spent(spent, drift))
                if spent.step > before.step && spent.by > before.by =>
            {
                (*before, *known) = (spent, drift);
            }
            _ => missed.push(news),
        }
    }

    pub(super) fn put_person(&mut self, name: CanonicalName, entry: PersonEntry) {
        self.people.put(name, entry);
    }

    /// A person has another hash of the same password: logins that began with the one before go on.
    pub(super) fn rehash_person(&mut self, rehash: Rehash, entry: PersonEntry, now: Timestamp) {
        let Rehash { person, from, to } = rehash;
        let former = Former {
            hash: from.digest(),
            gave_way_to: to.digest(),
            until: now.after(UNDER_WAY),
        };
        self.put_person(person.clone(), entry);
        let Rehashed(rehashed) = &mut self.rehashed;
        rehashed.remove(&person);
        // A table without room forgets nobody whose time is not over.
        let _ = rehashed.entry_or(person, |it| it.until <= now, || former);
    }

    /// The hash before, where the person has the one that took its place still.
    fn former(
        &self,
        name: &CanonicalName,
        entry: &PersonEntry,
        now: Timestamp,
    ) -> Option<HashDigest> {
        let former = self.rehashed.0.get(name)?;
        let stands = entry.login().is_none() && entry.password == Some(former.gave_way_to);
        (stands && now < former.until).then_some(former.hash)
    }

    pub(super) fn rename_person(&mut self, from: &CanonicalName, to: CanonicalName) {
        if let Some(entry) = self.people.remove(from) {
            self.people.put(to.clone(), entry);
        }
        if let Some(held) = self.recovery.remove(from) {
            self.recovery.insert(to, held);
        }
    }

    pub(super) fn remove_person(&mut self, name: &CanonicalName) {
        self.people.remove(name);
        self.recovery.remove(name);
    }

    pub(super) fn set_administrators(
        &mut self,
        administrators: HashMap<CanonicalName, PersonEntry>,
    ) {
        self.administrators = administrators;
    }

    fn person(&self, name: &CanonicalName) -> Result<Option<&PersonEntry>, Unread> {
        Ok(self.person_of(name)?.map(|(_, entry)| entry))
    }

    /// Names of different realms never meet.
    fn person_of(
        &self,
        name: &CanonicalName,
    ) -> Result<Option<(&CanonicalName, &PersonEntry)>, Unread> {
        Ok(match name.realm() {
            Realm::Administrators => self.administrators.get_key_value(name),
            Realm::Vdom(_) => {
                let user = self.people.entry_of(name)?;
                user.map(|(name, entry)| (name, entry))
            }
        })
    }

    /// Takes a token's row. What memory knows to be spent stays spent, unless its seed is one that nobody had before.
    pub(super) fn put_token(&mut self, serial: TokenSerial, mut entry: TokenEntry) {
        if let Ok(Some(before)) = self.tokens.get(&serial) {
            let same_seed = before.seed_version == entry.seed_version;
            entry.drift = if same_seed { before.drift } else { entry.drift };
            if before.seed_since == entry.seed_since {
                entry.latest = later(entry.latest.get(), before.latest.get()).into();
            } else {
                self.held.remove(&serial);
            }
        }
        self.reach = self.reach.max(entry.reach());
        self.tokens.put(serial, entry);
        self.catch_up(serial);
    }

    pub(super) fn remove_token(&mut self, serial: TokenSerial) {
        // What was spent is needed again if the token comes back.
        if let Ok(Some(place)) = self.tokens.place(&serial)
            && let Some(entry) = self.tokens.at_mut(place)
        {
            entry.seed = None;
            entry.usable = Usable::Never;
            entry.phone = Phone::NONE;
        }
    }

    /// What a person has of recovery codes and passes.
    pub(super) fn recovery(&self, name: &CanonicalName) -> Box<[Held]> {
        self.recovery.get(name).cloned().unwrap_or_default()
    }

    pub(super) fn put_recovery(&mut self, name: CanonicalName, held: Vec<Held>) {
        if held.is_empty() {
            self.recovery.remove(&name);
        } else {
            self.recovery.insert(name, held.into());
        }
    }

    /// A recovery code or pass is used from now on.
    pub(super) fn use_recovery(&mut self, name: &CanonicalName, digest: &Digest, by: &FirstUse) {
        let mut held = self.recovery.get_mut(name).into_iter().flatten();
        if let Some(one) = held.find(|one| one.digest == *digest) {
            one.used = Some(by.clone());
        }
    }

    /// Nobody's are good any more.
    pub(super) fn forget_recovery(&mut self) {
        self.recovery.clear();
    }

    pub(super) fn put_group(&mut self, group: Group) {
        self.memberships.put(group);
    }

    pub(super) fn set_clients(&mut self, clients: Vec<Client>) {
        self.clients = clients.into();
    }

    pub(super) fn set_applications(&mut self, applications: Vec<VerificationClient>) {
        self.applications = applications.into();
    }

    pub(super) fn set_backends(&mut self, backends: Vec<Backend>) {
        let named = |backend: Backend| (backend.name.clone(), Arc::new(backend));
        self.backends = backends.into_iter().map(named).collect();
    }

    pub(super) fn backend(&self, name: &BackendName) -> Option<Arc<Backend>> {
        self.backends.get(name).cloned()
    }

    /// The attributes by which directories of a virtual domain know people, in small letters.
    pub(super) fn login_attributes(&self, vdom: Vdom) -> BTreeSet<String> {
        let here = self.backends.values().filter(|it| it.name.vdom == vdom);
        here.filter_map(|backend| match &backend.protocol {
            Protocol::Ldap(directory) => Some(directory.attribute.to_ascii_lowercase()),
            Protocol::Radius(_) => None,
        })
        .collect()
    }

    pub(super) fn set_settings(&mut self, settings: VdomSettings) {
        self.settings = settings;
    }

    pub(super) fn set_vdoms(&mut self, vdoms: HashSet<Vdom>) {
        self.vdoms = vdoms;
    }

    pub(super) fn has_vdom(&self, vdom: Vdom) -> bool {
        self.vdoms.contains(&vdom)
    }

    pub(super) fn set_floor(&mut self, floor: Option<Timestamp>) {
        self.floor = self.floor.max(floor);
    }

    pub(super) fn set_authenticating(&mut self, addresses: HashSet<IpAddr>) {
        self.authenticating = Arc::new(addresses);
    }

    pub(super) fn set_policies(&mut self, entries: &[Object]) {
        self.policies = Policies::from_objects(entries);
    }

    pub(super) fn set_allow_access(&mut self, access: Arc<AllowAccess>) {
        self.allow_access = access;
    }

    pub(super) fn allow_access(&self) -> Arc<AllowAccess> {
        Arc::clone(&self.allow_access)
    }

    pub(super) fn clients(&self) -> Arc<[Client]> {
        Arc::clone(&self.clients)
    }

    pub(super) fn applications(&self) -> Arc<[VerificationClient]> {
        Arc::clone(&self.applications)
    }

    /// Whether the client that events call so checks first factors itself.
    pub(super) fn is_code_only(&self, vdom: Vdom, label: &str) -> bool {
        let position = match label.strip_prefix(PREFIX) {
            Some(name) => {
                let mut all = self.applications.iter();
                all.find(|it| it.vdom == vdom && *it.name == *name)
                    .map(|it| it.position)
            }
            None => {
                let mut all = self.clients.iter();
                all.find(|it| it.vdom == vdom && *it.name == *label)
                    .map(|it| it.position)
            }
        };
        position == Some(CodePosition::CodeOnly)
    }

    pub(super) fn settings(&self, vdom: Vdom) -> Arc<Settings> {
        Arc::clone(self.settings.of(vdom))
    }

    pub(super) fn authenticating(&self) -> Arc<HashSet<IpAddr>> {
        Arc::clone(&self.authenticating)
    }

    pub(super) fn sizes(&self) -> (usize, usize) {
        let people = self.people.len() + self.administrators.len();
        (people, self.tokens.len())
    }

    /// All that the decision about one login reads.
    pub(super) fn facts(
        &self,
        name: &CanonicalName,
        position: CodePosition,
        secrets: &Secrets,
        now: Timestamp,
    ) -> Result<Facts, Unread> {
        let person = match self.person_of(name)? {
            Some((name, entry)) => Some(Person {
                // The name as it is kept: what remembers the login shares it.
                name: name.clone(),
                status: entry.status,
                validity: self.validity(name, entry),
                password: self.credential(entry),
                former: self.former(name, entry, now),
                keys: entry.keys().into(),
                factor: self.factor(entry, secrets, now)?,
                recovery: self.recovery(name),
            }),
            None => None,
        };
        Ok(Facts {
            name: name.clone(),
            person,
            sources: Vec::new(),
            position,
        })
    }

    /// The hash of an administrator's password.
    pub(super) fn administrator_hash(&self, name: &CanonicalName) -> Option<PasswordHash> {
        let entry = self.administrators.get(name)?;
        entry.as_administrator()?.hash.clone()
    }

    /// The password that was kept beside a hash of the person's, whom [`Self::facts`] knew.
    pub(super) fn kept_password(
        &self,
        name: &CanonicalName,
        digest: HashDigest,
        secrets: &Secrets,
    ) -> Option<Opened> {
        let Legacy { sealed, hash } = self.person(name).ok()??.legacy()?;
        let is_of_it = hash.digest() == digest;
        is_of_it.then(|| secrets.open_legacy(hash, sealed))?
    }

    /// The servers whose word lets somebody in through a client without a record. A name that has one is
    /// nobody's whom a server may vouch for.
    pub(super) fn sources(
        &self,
        name: &CanonicalName,
        client: &str,
    ) -> Result<Vec<Source>, Unread> {
        let Realm::Vdom(vdom) = name.realm() else {
            return Ok(Vec::new());
        };
        let takes_them = self.second_factor() == SecondFactor::Optional
            && self.settings.of(Vdom::ROOT).profile.takes_remote_users();
        let mut clients = self.clients.iter();
        let client = clients.find(|it| it.vdom == vdom && *it.name == *client);
        let client = client.filter(|it| *it.name != *LOGINCHECK && !it.name.starts_with(PREFIX));
        Ok(match client {
            Some(client) if takes_them && !self.has_record(name)? => remote::sources(
                client
                    .remote_groups
                    .iter()
                    .filter_map(|group| self.memberships.servers(vdom, group)),
                |backend| self.backend(backend),
            ),
            _ => Vec::new(),
        })
    }

    /// A server with all groups of which it is a member; nothing if it is one of none.
    pub(super) fn source(&self, backend: &BackendName) -> Option<Source> {
        let groups = self.memberships.with_servers(backend.vdom);
        let mut sources = remote::sources(groups.into_iter(), |name| self.backend(name));
        let at = sources.iter().position(|it| it.backend == *backend)?;
        Some(sources.swap_remove(at))
    }

    /// Whether there is a record of this name.
    pub(super) fn has_record(&self, name: &CanonicalName) -> Result<bool, Unread> {
        Ok(self.person(name)?.is_some())
    }

    /// How long a person's password is good, by the person's policy or else by that of all users.
    fn validity(&self, name: &CanonicalName, entry: &PersonEntry) -> Option<Validity> {
        let (None, Realm::Vdom(vdom)) = (entry.login(), name.realm()) else {
            return None;
        };
        let default = || self.settings.of(vdom).default_password_policy.as_deref();
        let policy = entry.policy().or_else(default)?;
        let policy = self.policies.named(vdom, policy)?;
        policy.validity(entry.password_set?.moment())
    }

    /// What a person who is let in is to be told; [`Self::facts`] knew who it is.
    pub(super) fn welcome(&self, name: &CanonicalName, now: Timestamp) -> Welcome {
        let entry = self.person(name).ok().flatten();
        let validity = entry.and_then(|entry| self.validity(name, entry));
        Welcome {
            groups: self.memberships.of(name),
            password_days_left: validity.and_then(|validity| validity.days_left(now)),
        }
    }

    fn credential(&self, entry: &PersonEntry) -> Option<Credential> {
        match entry.login() {
            None => entry.password.map(Credential::Stored),
            Some(login) => Some(Credential::Backend(Account {
                backend: login.backend.clone(),
                revision: self.backend(&login.backend).map(|backend| backend.revision),
                login: login.name.clone(),
            })),
        }
    }

    fn factor(
        &self,
        entry: &PersonEntry,
        secrets: &Secrets,
        now: Timestamp,
    ) -> Result<Factor, Unread> {
        Ok(match (entry.two_factor, entry.token) {
            (TwoFactor::Disable, _) => match self.second_factor() {
                SecondFactor::Optional => Factor::None,
                SecondFactor::Mandatory => Factor::Required,
            },
            (TwoFactor::Fortitoken, None) => Factor::TokenMissing,
            (TwoFactor::Fortitoken, Some(serial)) => match self.verifier(serial, secrets)? {
                Some((verifier, usable)) => Factor::Token {
                    verifier,
                    usability: usable.at(now),
                },
                None if self.tokens.get(&serial)?.is_some() => Factor::TokenWithoutSeed(serial),
                None => Factor::TokenMissing,
            },
            (TwoFactor::Sent(_), _) if !self.takes_sent_codes() => Factor::SentCodesRefused,
            (TwoFactor::Sent(_), _) => match entry.sent_to() {
                Some(to) => Factor::Sent(to.clone()),
                None => Factor::AddressMissing,
            },
        })
    }

    /// The unit's word too.
    fn takes_sent_codes(&self) -> bool {
        self.settings.of(Vdom::ROOT).profile.takes_sent_codes()
    }

    /// The unit's word: it holds in every virtual domain.
    fn second_factor(&self) -> SecondFactor {
        self.settings.of(Vdom::ROOT).second_factor
    }

    /// What checks a token's codes, if its seed is here and opens.
    pub(super) fn verifier(
        &self,
        serial: TokenSerial,
        secrets: &Secrets,
    ) -> Result<Option<(Verifier, Usable)>, Unread> {
        let entry = self.tokens.get(&serial)?;
        Ok(entry.and_then(|entry| self.verifier_of(serial, entry, secrets)))
    }

    fn verifier_of(
        &self,
        serial: TokenSerial,
        entry: &TokenEntry,
        secrets: &Secrets,
    ) -> Option<(Verifier, Usable)> {
        let seed =
            secrets.open_seed(serial, entry.seed_version, entry.seed.as_ref()?.as_bytes())?;
        let verifier = Verifier {
            serial,
            seed,
            seed_version: SeedVersion(entry.seed_version),
            parameters: entry.parameters,
            drift: entry.drift,
            spent: self.spent_of(entry).map(|spent| spent.step),
            held: self
                .held
                .get(&serial)
                .map_or_else(Box::default, |held| Box::from(&**held)),
        };
        Some((verifier, entry.usable))
    }

    /// Whether what a login was decided on still stands: an administrator's change that was
    /// acknowledged meanwhile must hold. [`Self::facts`] knew all that it was decided on; on what is unread
    /// nothing stands.
    pub(super) fn stands(&self, consume: &Consume, origin: &Origin) -> bool {
        self.is_standing(consume, origin).unwrap_or(false)
    }

    fn is_standing(&self, consume: &Consume, origin: &Origin) -> Result<bool, Unread> {
        if let Some(verified) = consume.remote() {
            let sources = self.sources(consume.person(), &origin.client)?;
            return Ok(consume.spend() == Spend::Nothing && verified.holds(&sources));
        }
        let Some(person) = self.person(consume.person())? else {
            return Ok(false);
        };
        let is_shut_out = person.status == Switch::Disable || !self.first_stands(consume, person);
        if is_shut_out {
            return Ok(false);
        }
        let at = consume.at();
        Ok(match (consume.spend(), person.two_factor) {
            (Spend::Nothing, two_factor) => {
                two_factor == TwoFactor::Disable && self.second_factor() == SecondFactor::Optional
            }
            (Spend::Step { token, .. } | Spend::Push { token, .. }, TwoFactor::Fortitoken) => {
                let is_good = |entry: &TokenEntry| {
                    // A code of another seed, or what another phone approved, is worth nothing once the token has
                    // left it.
                    entry.usable.at(at) == Usability::Usable
                        && consume.seed().is_none_or(|seed| entry.has(seed))
                        && consume
                            .phone()
                            .is_none_or(|phone| entry.phone.is(PhoneDigest::of(*phone)))
                };
                person.token == Some(token) && self.tokens.get(&token)?.is_some_and(is_good)
            }
            (Spend::Sent(channel), TwoFactor::Sent(set)) => {
                channel == set && self.takes_sent_codes() && consume.sent_to() == person.sent_to()
            }
            (Spend::Recovery(_), two_factor) => two_factor == TwoFactor::Fortitoken,
            (Spend::Step { .. } | Spend::Push { .. } | Spend::Sent(_), _) => false,
        })
    }

    /// Whether the first factor of a login is still one.
    fn first_stands(&self, consume: &Consume, person: &PersonEntry) -> bool {
        let name = consume.person();
        if let Some(vouched) = consume.client() {
            let vdom = name.realm().vdom();
            return consume.spend() != Spend::Nothing && self.is_code_only(vdom, vouched.client());
        }
        let validity = self.validity(name, person);
        let is_over = validity.is_some_and(|validity| validity.ends <= consume.at());
        let former = self.former(name, person, consume.at());
        let began_before =
            |former| consume.began_with(Some(&Credential::Stored(former)), person.keys());
        let began = consume.began_with(self.credential(person).as_ref(), person.keys())
            || former.is_some_and(began_before);
        !is_over && began
    }

    /// Whether a token has this seed still; of one that is unread nobody knows.
    pub(super) fn has_seed(&self, serial: TokenSerial, seed: SeedVersion) -> bool {
        let entry = self.tokens.get(&serial);
        entry.is_ok_and(|entry| entry.is_some_and(|entry| entry.has(seed)))
    }

    /// The token of a person, whatever its state.
    pub(super) fn token_of(&self, name: &CanonicalName) -> Result<Option<TokenSerial>, Unread> {
        Ok(self.person(name)?.and_then(|person| person.token))
    }

    /// The highest step of a token that nothing may use again.
    pub(super) fn spent(&self, serial: TokenSerial) -> Result<Option<Spent>, Unread> {
        let entry = self.tokens.get(&serial)?;
        Ok(entry.and_then(|entry| self.spent_of(entry)))
    }

    fn spent_of(&self, entry: &TokenEntry) -> Option<Spent> {
        later(entry.latest.get(), self.floor_of(entry))
    }

    /// Whether a step comes after all that are spent; of a token that is not known none does, nor of one that is unread.
    pub(super) fn is_fresh(&self, serial: TokenSerial, step: Step) -> bool {
        let entry = self.tokens.get(&serial).ok().flatten();
        entry.is_some_and(|entry| self.spent_of(entry).is_none_or(|spent| step > spent.step))
    }

    /// The floor as a step of this token's clock: everything that its window could accept at that
    /// moment is spent. A slow clock may have been set right in what was lost, so it lowers nothing.
    fn floor_of(&self, entry: &TokenEntry) -> Option<Spent> {
        let (Some(floor), Kind::Totp(period)) = (self.floor, entry.parameters.kind) else {
            return None;
        };
        let ahead = Drift(entry.drift.0.max(0));
        let Step(centre) = otp::centre(period, floor.unix(), ahead);
        Some(Spent {
            step: Step(centre + u64::from(Window::LOGIN.ahead)),
            by: 0,
        })
    }

    /// The beginning of the latest step that was spent.
    pub(super) fn reach(&self) -> Timestamp {
        self.reach
    }

    /// Takes over what an event spent. One that spends nothing new is in the row already, and what it
    /// taught may be the drift of an earlier seed; one from before the seed is nothing to it.
    pub(super) fn spend(&mut self, serial: TokenSerial, spent: Spent, drift: Drift) {
        let Ok(place) = self.tokens.place(&serial) else {
            return self.miss(serial, Missed::Spent(spent, drift));
        };
        if let Some(place) = place
            && let Some(entry) = self.tokens.at_mut(place)
            && spent.by >= entry.seed_since
            && entry
                .latest
                .get()
                .is_none_or(|known| spent.step > known.step)
        {
            entry.latest = Some(spent).into();
            entry.drift = drift;
            self.reach = self.reach.max(beginning(entry.parameters, spent.step));
            self.dirty.put(place);
        }
    }

    /// Takes note that the rows of these tokens are being brought up to date.
    pub(super) fn take_dirty(&mut self) -> Vec<TokenSerial> {
        let dirty = std::mem::take(&mut self.dirty);
        let serials = dirty.iter().filter_map(|place| self.tokens.key_at(place));
        serials.copied().collect()
    }

    /// Holds a step whose code asked for the next one, as the event `by` says.
    pub(super) fn hold(&mut self, serial: TokenSerial, step: Step, by: i64) {
        let Ok(entry) = self.tokens.get(&serial) else {
            return self.miss(serial, Missed::Held(step, by));
        };
        let Some(entry) = entry.filter(|entry| by >= entry.seed_since) else {
            return;
        };
        let spent = self.spent_of(entry).map(|spent| spent.step);
        let held = self.held.entry(serial).or_default();
        held.retain(|before| Some(*before) > spent && *before != step);
        if held.len() == HELD_MAX {
            held.remove(0);
        }
        held.push(step);
    }

    /// What belongs into a token's row; `taken` is what was spent and is not learned yet.
    /// Those who write rows wait until all are read.
    pub(super) fn progress(&self, serial: TokenSerial, taken: Option<Spent>) -> Option<Progress> {
        let entry = self.tokens.get(&serial).ok().flatten()?;
        Some(Progress {
            serial,
            spent: later(entry.latest.get(), taken)?,
            drift: entry.drift,
            seed_version: entry.seed_version,
        })
    }

    /// The clock difference learned so far.
    pub(super) fn drift(&self, serial: TokenSerial) -> Result<Option<Drift>, Unread> {
        Ok(self.tokens.get(&serial)?.map(|entry| entry.drift))
    }

    pub(super) fn mark_dirty(&mut self, serials: impl IntoIterator<Item = TokenSerial>) {
        for serial in serials {
            if let Ok(Some(place)) = self.tokens.place(&serial) {
                self.dirty.put(place);
            }
        }
    }
}

/// Places in a table, a bit for each.
#[derive(Debug, Default)]
struct Places(Vec<u64>);

impl Places {
    fn put(&mut self, place: usize) {
        let (word, bit) = (place / 64, place % 64);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << bit;
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        let words = self.0.iter().enumerate();
        words.flat_map(|(at, word)| {
            let bits = (0..64).filter(move |bit| word >> bit & 1 == 1);
            bits.map(move |bit| at * 64 + bit)
        })
    }
}

/// When a step begins by a clock that is right; a counter has no such moment.
fn beginning(parameters: Parameters, step: Step) -> Timestamp {
    let Kind::Totp(period) = parameters.kind else {
        return Timestamp::default();
    };
    let seconds = step.0.saturating_mul(period.secs().into());
    Timestamp::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn later(one: Option<Spent>, other: Option<Spent>) -> Option<Spent> {
    match (one, other) {
        (Some(one), Some(other)) if other.step > one.step => Some(other),
        (None, other) => other,
        (one, _) => one,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_entries_take_as_little_as_they_say() {
        assert_eq!(size_of::<(CanonicalName, PersonEntry)>(), 24 + 48);
        assert_eq!(size_of::<(TokenSerial, TokenEntry)>(), 16 + 120);
    }

    /// A token whose seed came with an event.
    fn seeded(since: i64) -> TokenEntry {
        TokenEntry {
            seed: None,
            seed_version: 2,
            seed_since: since,
            parameters: Parameters::default(),
            usable: Usable::Always,
            phone: Phone::NONE,
            drift: Drift(0),
            latest: None.into(),
        }
    }

    #[test]
    fn a_row_that_comes_after_the_events_says_what_it_says_before_them() {
        let token = TokenSerial::mobile([1; 5]);
        let events = [(90, 4), (91, 5), (20, 7), (22, 8), (21, 9)];
        let spend = |directory: &mut Directory| {
            for (step, by) in events {
                let spent = Spent {
                    step: Step(step),
                    by,
                };
                directory.spend(token, spent, Drift(i32::try_from(by).unwrap()));
            }
            directory.hold(token, Step(25), 10);
        };
        // Of the seed in force are all of them, those from the third on, the last two, or none.
        for (since, step) in [(0, Some(91)), (6, Some(22)), (8, Some(22)), (10, None)] {
            let mut before = Directory::default();
            before.put_token(token, seeded(since));
            spend(&mut before);
            let mut after = Directory::default();
            spend(&mut after);
            after.read_token(token, seeded(since));
            for directory in [&mut before, &mut after] {
                let spent = directory.spent(token).unwrap();
                assert_eq!(spent.map(|spent| spent.step), step.map(Step), "{since}");
                assert_eq!(directory.held.get(&token), Some(&vec![Step(25)]));
            }
            let drifts = [&before, &after].map(|it| it.drift(token).unwrap());
            assert_eq!(drifts[0], drifts[1], "{since}");
            assert_eq!(before.take_dirty(), after.take_dirty(), "{since}");
            assert_eq!(before.reach(), after.reach(), "{since}");
        }
    }

    #[test]
    fn places_are_those_that_were_put() {
        let mut places = Places::default();
        for place in [64, 0, 63, 1_000, 64] {
            places.put(place);
        }
        assert_eq!(places.iter().collect::<Vec<_>>(), [0, 63, 64, 1_000]);
    }
}

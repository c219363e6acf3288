//! Who is logged in: the sessions of administrators, to be listed, to be ended, and to be found idle.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use domain::access::{Authority, Realms, SUPER_ADMIN};
use domain::audit::{Actor, Leave};
use domain::query::AdminSession;
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;
use tokio::sync::watch;

use crate::clock;

/// One administrator's sessions over the network in any case: several windows and some scripts. Of more than
/// twice as many places one has half: automation runs many at once, and others must find a place beside it.
const OWN_SESSIONS_MIN: usize = 8;

/// Places that only those take who may do everything, of few places half: somebody must get in who can end
/// sessions.
const SUPER_ADMIN_PLACES: usize = 4;

/// Through what an administrator came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Via {
    Console,
    Ssh {
        /// The address here.
        local: SocketAddr,
        /// The administrator's.
        remote: SocketAddr,
    },
}

impl Via {
    /// The protocol's word in events.
    pub(crate) fn protocol(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Ssh { .. } => "ssh",
        }
    }
}

/// `console`, `ssh(192.0.2.1)`.
impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Console => f.write_str(self.protocol()),
            Self::Ssh { remote, .. } => write!(f, "{}({})", self.protocol(), remote.ip()),
        }
    }
}

/// No more sessions over the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Full {
    /// For this administrator.
    #[error(
        "the administrator has {0} sessions open over the network, half of what admin-login-max allows or \
         {OWN_SESSIONS_MIN}"
    )]
    Own(usize),
    /// For anybody but those who may do everything.
    #[error("the last sessions over the network are for super_admin")]
    Reserved,
    /// For anybody.
    #[error("{0} sessions are open over the network, as many as admin-login-max allows")]
    All(usize),
}

/// The open sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    last: u64,
    by_number: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    authority: Current,
    via: Via,
    since: Timestamp,
    activity: Arc<Activity>,
    end: watch::Sender<Option<Leave>>,
}

/// What an administrator may do: it changes while the session goes on.
type Current = Arc<RwLock<Arc<Authority>>>;

fn current(authority: &Current) -> Arc<Authority> {
    Arc::clone(&authority.read().unwrap_or_else(PoisonError::into_inner))
}

impl Entry {
    fn row(&self, number: u64) -> AdminSession {
        let (local, remote) = match self.via {
            Via::Console => ("console".into(), "".into()),
            Via::Ssh { local, remote } => (local.to_string().into(), remote.to_string().into()),
        };
        let authority = current(&self.authority);
        let vdom = match &authority.realms {
            Realms::All => Vdom::ROOT,
            Realms::These(vdoms) => vdoms.first().copied().unwrap_or_default(),
        };
        let idle = i64::try_from(self.activity.idle().as_millis()).unwrap_or(i64::MAX);
        AdminSession {
            number,
            name: authority.actor.name.clone(),
            protocol: self.via.protocol().into(),
            local,
            remote,
            vdom: vdom.as_str().into(),
            profile: authority.profile.name.clone(),
            since: self.since,
            idle: Span::from_millis(idle),
        }
    }
}

impl Open {
    /// Whether one more may come over the network, where there are so many places.
    fn has_place(&self, authority: &Authority, places: usize) -> Result<(), Full> {
        let taken: Vec<Arc<Authority>> = self
            .by_number
            .values()
            .filter(|entry| entry.via != Via::Console)
            .map(|entry| current(&entry.authority))
            .collect();
        let is_super = |authority: &Authority| &*authority.profile.name == SUPER_ADMIN;
        let own = taken
            .iter()
            .filter(|other| other.actor.name == authority.actor.name);
        let others = taken.iter().filter(|other| !is_super(other));
        let own_max = own_max(places);
        if own.count() >= own_max {
            return Err(Full::Own(own_max));
        }
        if taken.len() >= places {
            return Err(Full::All(places));
        }
        let kept = SUPER_ADMIN_PLACES.min(places / 2);
        if !is_super(authority) && others.count() >= places - kept {
            return Err(Full::Reserved);
        }
        Ok(())
    }
}

/// One administrator's share of the places.
fn own_max(places: usize) -> usize {
    (places / 2).max(OWN_SESSIONS_MIN)
}

impl Sessions {
    /// Opens a session; it is open until the last clone of what this returns is dropped. Over the network
    /// there are so many `places`; nobody is kept from the console by them.
    pub(crate) fn open(
        self: &Arc<Self>,
        authority: Authority,
        via: Via,
        places: usize,
        now: Timestamp,
    ) -> Result<Arc<LoggedIn>, Full> {
        let mut open = self.lock();
        if via != Via::Console {
            open.has_place(&authority, places)?;
        }
        open.last += 1;
        let number = open.last;
        let activity = Arc::new(Activity::default());
        let (end, ended) = watch::channel(None);
        let actor = authority.actor.clone();
        let authority = Arc::new(RwLock::new(Arc::new(authority)));
        let entry = Entry {
            authority: Arc::clone(&authority),
            via,
            since: now,
            activity: Arc::clone(&activity),
            end,
        };
        open.by_number.insert(number, entry);
        Ok(Arc::new(LoggedIn {
            number,
            actor,
            authority,
            activity,
            ended,
            done: AtomicBool::new(false),
            conversations: AtomicUsize::new(0),
            sessions: Arc::clone(self),
        }))
    }

    /// All open sessions, oldest first.
    pub(crate) fn list(&self) -> Vec<AdminSession> {
        let open = self.lock();
        let rows = open.by_number.iter();
        rows.map(|(number, entry)| entry.row(*number)).collect()
    }

    /// One open session.
    pub(crate) fn row(&self, number: u64) -> Option<AdminSession> {
        let open = self.lock();
        open.by_number.get(&number).map(|entry| entry.row(number))
    }

    /// Ends a session; whether there was one of this number.
    pub(crate) fn end(&self, number: u64, cause: Leave) -> bool {
        let open = self.lock();
        // Nobody listens only if the session is about to go by itself.
        open.by_number
            .get(&number)
            .is_some_and(|entry| entry.end.send(Some(cause)).is_ok())
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One administrator who is logged in.
#[derive(Debug)]
pub(crate) struct LoggedIn {
    number: u64,
    actor: Actor,
    authority: Current,
    activity: Arc<Activity>,
    ended: watch::Receiver<Option<Leave>>,
    done: AtomicBool,
    conversations: AtomicUsize,
    sessions: Arc<Sessions>,
}

impl LoggedIn {
    /// By which number it is listed.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Who acts in this session.
    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What the administrator may do, as it is now.
    pub(crate) fn authority(&self) -> Arc<Authority> {
        current(&self.authority)
    }

    /// The administrator may do more, or less, from now on.
    pub(crate) fn set_authority(&self, authority: Authority) {
        let mut current = self
            .authority
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(authority);
    }

    /// The administrator did something, or a command is at work.
    pub(crate) fn touch(&self) {
        self.activity.touch();
    }

    /// For how long nothing happened.
    pub(crate) fn idle(&self) -> Duration {
        self.activity.idle()
    }

    /// A conversation is held in this session until what this returns is dropped.
    pub(crate) fn converse(self: &Arc<Self>) -> Conversation {
        self.conversations.fetch_add(1, Ordering::Relaxed);
        Conversation(Arc::clone(self))
    }

    /// Whether any conversation is held.
    pub(crate) fn is_conversing(&self) -> bool {
        self.conversations.load(Ordering::Relaxed) > 0
    }

    /// The administrator has done all that was to be done: what follows is no breakdown.
    pub(crate) fn done(&self) {
        self.done.store(true, Ordering::Relaxed);
    }

    /// Whether the administrator was done.
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// Ends the session.
    pub(crate) fn end(&self, cause: Leave) {
        self.sessions.end(self.number, cause);
    }

    /// Waits until somebody ends the session.
    pub(crate) async fn ended(&self) -> Leave {
        let mut ended = self.ended.clone();
        let cause = ended.wait_for(Option::is_some).await;
        cause.ok().and_then(|cause| *cause).unwrap_or(Leave::Server)
    }
}

impl Drop for LoggedIn {
    fn drop(&mut self) {
        self.sessions.lock().by_number.remove(&self.number);
    }
}

/// A conversation that is held; how long a session may be without one counts from its end.
#[derive(Debug)]
pub(crate) struct Conversation(Arc<LoggedIn>);

impl Drop for Conversation {
    fn drop(&mut self) {
        self.0.touch();
        self.0.conversations.fetch_sub(1, Ordering::Relaxed);
    }
}

/// When a session last did something.
#[derive(Debug)]
struct Activity(AtomicU64);

impl Default for Activity {
    fn default() -> Self {
        let activity = Self(AtomicU64::new(0));
        activity.touch();
        activity
    }
}

impl Activity {
    fn touch(&self) {
        self.0
            .store(clock::monotonic(Instant::now()).0, Ordering::Relaxed);
    }

    fn idle(&self) -> Duration {
        let now = clock::monotonic(Instant::now()).0;
        Duration::from_micros(now.saturating_sub(self.0.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use domain::access::Profile;
    use domain::schema::{ACCPROFILE, Object};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const PLACES: usize = 32;

    fn log_in(sessions: &Arc<Sessions>, via: Via) -> Result<Arc<LoggedIn>, Full> {
        sessions.open(super_admin("admin"), via, PLACES, NOW)
    }

    fn super_admin(name: &str) -> Authority {
        Authority::unlimited(Actor {
            name: name.into(),
            interface: "test".into(),
        })
    }

    fn reader(name: &str) -> Authority {
        let object = Object::new(&ACCPROFILE, "readers");
        Authority {
            profile: Profile::from_object(&object),
            ..super_admin(name)
        }
    }

    fn ssh() -> Via {
        Via::Ssh {
            local: "192.0.2.1:22".parse().unwrap(),
            remote: "192.0.2.2:50000".parse().unwrap(),
        }
    }

    #[tokio::test]
    async fn a_session_is_listed_until_it_is_dropped_and_can_be_ended() {
        let sessions = Arc::new(Sessions::default());
        let session = log_in(&sessions, Via::Console).unwrap();
        let listed = sessions.list();
        let [row] = listed.as_slice() else {
            panic!("one session is open")
        };
        assert!(sessions.end(row.number, Leave::Killed));
        assert_eq!(session.ended().await, Leave::Killed);
        drop(session);
        assert!(sessions.list().is_empty());
        assert!(!sessions.end(row.number, Leave::Killed));
    }

    #[test]
    fn a_full_network_leaves_the_console() {
        let sessions = Arc::new(Sessions::default());
        let open: Vec<_> = (0..PLACES)
            .map(|number| {
                let authority = super_admin(&format!("admin{number}"));
                sessions.open(authority, ssh(), PLACES, NOW).unwrap()
            })
            .collect();
        assert_eq!(log_in(&sessions, ssh()).map(drop), Err(Full::All(PLACES)));
        assert!(log_in(&sessions, Via::Console).is_ok());
        drop(open);
        assert!(log_in(&sessions, ssh()).is_ok());
    }

    #[test]
    fn one_administrator_takes_a_share_and_super_admin_has_places_kept() {
        let sessions = Arc::new(Sessions::default());
        let come = |authority| sessions.open(authority, ssh(), PLACES, NOW);
        let own = PLACES / 2;
        let mut open: Vec<_> = (0..own).map(|_| come(reader("eve")).unwrap()).collect();
        assert_eq!(come(reader("eve")).map(drop), Err(Full::Own(own)));
        let others = PLACES - SUPER_ADMIN_PLACES - own;
        open.extend((0..others).map(|number| come(reader(&format!("reader{number}"))).unwrap()));
        assert_eq!(come(reader("bob")).map(drop), Err(Full::Reserved));
        assert!(come(super_admin("admin")).is_ok());
    }

    #[test]
    fn of_few_places_one_administrator_has_eight() {
        for (places, own) in [(100, 50), (17, 8), (8, 8), (1, 8)] {
            assert_eq!(own_max(places), own, "{places}");
        }
    }

    #[test]
    fn a_session_without_a_conversation_is_told_from_one_that_has_one() {
        let sessions = Arc::new(Sessions::default());
        let session = log_in(&sessions, ssh()).unwrap();
        assert!(!session.is_conversing());
        let conversations = [session.converse(), session.converse()];
        assert!(session.is_conversing());
        drop(conversations);
        assert!(!session.is_conversing());
    }
}

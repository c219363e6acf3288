//! What is outstanding: one request for each person who is asked.

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use domain::name::CanonicalName;
use domain::push::{NotAsked, Number, Outstanding, Said, Session};
use domain::source::LoginSource;
use domain::throttle::ProvenBy;
use domain::time::Timestamp;
use ident::RegistrationId;
use softtoken::push::LoginRequest;
use tokio::sync::watch;

use crate::clock::{self, NoEntropy};
use crate::login::{Answered, FirstProven, Standing, State, Wanted};

/// Requests that are outstanding at most, at some 1 KiB each: 250 a second that nobody answers in the default
/// minute.
const OPEN_MAX: usize = 16_384;

/// Octets of chance in a state: another than the session, which the relay and the phone know.
type Key = [u8; 16];

fn key(state: &[u8]) -> Option<Key> {
    HEXLOWER.decode(state).ok()?.try_into().ok()
}

/// A request with all that its answer needs.
pub(crate) struct Open {
    pub(super) first: FirstProven,
    pub(super) client: Box<str>,
    pub(super) source: LoginSource,
    pub(super) login: LoginRequest,
    pub(super) outstanding: Outstanding,
}

/// How a request stands, for those who wait for it.
#[derive(Clone, Copy, Debug, Default)]
struct News {
    said: Option<Said>,
    /// Who waits: the last one who came.
    turn: u64,
}

struct Entry {
    person: CanonicalName,
    proven_by: ProvenBy,
    expires: Timestamp,
    /// Nothing before it is about to be sent.
    asked: Option<(Key, Box<Open>)>,
    news: watch::Sender<News>,
}

/// All requests.
#[derive(Default)]
pub(crate) struct Table {
    by_session: HashMap<Session, Entry>,
    by_state: HashMap<Key, Session>,
    of_person: HashMap<CanonicalName, Session>,
}

/// A place among those who wait for a word.
pub(crate) struct Joined {
    pub(crate) session: Session,
    pub(super) expires: Timestamp,
    number: Option<Number>,
    news: watch::Receiver<News>,
    turn: u64,
}

/// What waiting came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Word {
    /// What the person said; nothing in time.
    Said(Option<Said>),
    /// Somebody else waits now.
    Superseded,
}

impl Joined {
    /// Whether the person has said nothing yet.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.news.borrow().said.is_none()
    }

    /// What the person is asked meanwhile.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted::on_phone(self.number)
    }

    pub(super) async fn word(&mut self) -> Word {
        let turn = self.turn;
        let news = self
            .news
            .wait_for(|news| news.said.is_some() || news.turn != turn)
            .await;
        match news {
            Ok(news) if news.turn == turn => Word::Said(news.said),
            // Gone: somebody else judges it.
            Ok(_) | Err(_) => Word::Superseded,
        }
    }
}

impl Table {
    /// Until when each of a person's requests can be answered that gives way to no other: what was asked where
    /// nothing was proven here gives way to who has proven the first factor.
    pub(super) fn outstanding(
        &self,
        person: &CanonicalName,
        proven_by: ProvenBy,
    ) -> Vec<Timestamp> {
        let session = self.of_person.get(person);
        let entry = session.and_then(|session| self.by_session.get(session));
        let stays = |entry: &&Entry| {
            !matches!(
                (entry.proven_by, proven_by),
                (ProvenBy::Client, ProvenBy::Unit)
            )
        };
        let stays = entry.filter(stays);
        stays.map(|entry| entry.expires).into_iter().collect()
    }

    /// Takes a person's place, before anything is sent. What comes back is what gives way, if that has no answer:
    /// it is nothing for its phone any more.
    pub(super) fn reserve(
        &mut self,
        person: CanonicalName,
        proven_by: ProvenBy,
        session: Session,
        expires: Timestamp,
    ) -> Result<Option<(RegistrationId, Session)>, NotAsked> {
        let before = self.of_person.get(&person).copied();
        if before.is_none() && self.by_session.len() >= OPEN_MAX {
            return Err(NotAsked::Full);
        }
        let unanswered = before.and_then(|before| Some((self.unanswered(before)?, before)));
        if let Some(before) = before {
            self.remove(before);
        }
        self.of_person.insert(person.clone(), session);
        let entry = Entry {
            person,
            proven_by,
            expires,
            asked: None,
            news: watch::Sender::default(),
        };
        self.by_session.insert(session, entry);
        Ok(unanswered)
    }

    /// A request is about to be sent: answers to it are taken from now on, and it is waited for under the state.
    /// That is the transaction's, if it goes on in one.
    pub(super) fn open(
        &mut self,
        session: Session,
        transaction: Option<&Answered>,
        open: Open,
    ) -> Result<State, NoEntropy> {
        let transaction = transaction.and_then(|it| key(it.state.as_bytes()));
        let state = transaction.map_or_else(clock::random, Ok)?;
        if let Some(entry) = self.by_session.get_mut(&session) {
            entry.asked = Some((state, Box::new(open)));
            self.by_state.insert(state, session);
        }
        Ok(HEXLOWER.encode(&state))
    }

    /// Whether it was asked here, and nobody has judged it yet.
    pub(super) fn is_open(&self, session: Session) -> bool {
        let entry = self.by_session.get(&session);
        entry.is_some_and(|entry| entry.asked.is_some())
    }

    /// What was asked, and which phone; nothing once there is an answer.
    pub(super) fn asked(&self, session: Session) -> Option<(LoginRequest, RegistrationId)> {
        let entry = self.by_session.get(&session)?;
        let (_, open) = entry.asked.as_ref()?;
        let is_open = entry.news.borrow().said.is_none();
        is_open.then(|| (open.login.clone(), open.outstanding.device))
    }

    /// The phone that was asked and has not answered.
    pub(super) fn unanswered(&self, session: Session) -> Option<RegistrationId> {
        self.asked(session).map(|(_, device)| device)
    }

    /// Keeps the person's word for whoever waits. A denial that nobody waits for comes back, to be recorded.
    pub(super) fn say(&mut self, session: Session, said: Said) -> Option<Box<Open>> {
        let entry = self.by_session.get(&session)?;
        if entry.news.borrow().said.is_some() {
            return None;
        }
        if entry.news.receiver_count() == 0 && !matches!(said, Said::Approve(_)) {
            return self.remove(session).map(Box::new);
        }
        entry.news.send_modify(|news| news.said = Some(said));
        None
    }

    pub(super) fn join(
        &mut self,
        state: &[u8],
        person: &CanonicalName,
        client: &str,
        now: Timestamp,
    ) -> Option<Joined> {
        let session = self.session(state)?;
        let (entry, open) = self.of_client(session, client, now)?;
        if entry.person != *person {
            return None;
        }
        entry.news.send_modify(|news| news.turn += 1);
        let news = entry.news.subscribe();
        let turn = news.borrow().turn;
        Some(Joined {
            session,
            expires: entry.expires,
            number: open.outstanding.number,
            news,
            turn,
        })
    }

    /// How the request under a client's state stands.
    pub(super) fn standing(&self, state: &[u8], client: &str, now: Timestamp) -> Option<Standing> {
        let (entry, open) = self.of_client(self.session(state)?, client, now)?;
        Some(match entry.news.borrow().said {
            None => Standing::Pending,
            Some(said) if open.outstanding.is_approved_by(said) => Standing::Approved,
            Some(_) => Standing::Over,
        })
    }

    /// The request that is waited for under a state.
    fn session(&self, state: &[u8]) -> Option<Session> {
        self.by_state.get(&key(state)?).copied()
    }

    fn of_client(&self, session: Session, client: &str, now: Timestamp) -> Option<(&Entry, &Open)> {
        let entry = self.by_session.get(&session)?;
        let (_, open) = entry.asked.as_ref()?;
        let fits = *open.client == *client && entry.expires > now;
        fits.then_some((entry, &**open))
    }

    /// Forgets a request; what was asked, if anything was.
    pub(super) fn remove(&mut self, session: Session) -> Option<Open> {
        let entry = self.by_session.remove(&session)?;
        if self.of_person.get(&entry.person) == Some(&session) {
            self.of_person.remove(&entry.person);
        }
        let (state, open) = entry.asked?;
        self.by_state.remove(&state);
        Some(*open)
    }

    /// Takes out what is too late and nobody waits for.
    pub(super) fn late(&mut self, now: Timestamp) -> Vec<Open> {
        let is_late = |entry: &Entry| entry.expires <= now && entry.news.receiver_count() == 0;
        let late: Vec<Session> = self
            .by_session
            .iter()
            .filter(|(_, entry)| is_late(entry))
            .map(|(session, _)| *session)
            .collect();
        late.into_iter()
            .filter_map(|session| self.remove(session))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const LATER: Timestamp = Timestamp::from_secs(1_800_000_060);

    #[test]
    fn what_a_client_vouches_for_gives_way_to_what_is_proven_and_to_nothing_else() {
        let alice = CanonicalName::of("alice").unwrap();
        let [first, second, third] = [1, 2, 3].map(|octet| Session::new([octet; 16]));
        let mut table = Table::default();
        let reserved = table.reserve(alice.clone(), ProvenBy::Client, first, LATER);
        assert!(matches!(reserved, Ok(None)));
        let others = |table: &Table, by| table.outstanding(&alice, by);
        assert_eq!(others(&table, ProvenBy::Client), [LATER]);
        assert_eq!(others(&table, ProvenBy::Unit), []);
        let reserved = table.reserve(alice.clone(), ProvenBy::Unit, second, LATER);
        assert!(matches!(reserved, Ok(None)));
        for by in [ProvenBy::Unit, ProvenBy::Client] {
            assert_eq!(others(&table, by), [LATER]);
        }
        assert_eq!((table.by_session.len(), table.of_person.len()), (1, 1));
        table.remove(second);
        let reserved = table.reserve(alice, ProvenBy::Client, third, NOW);
        assert!(matches!(reserved, Ok(None)));
    }
}

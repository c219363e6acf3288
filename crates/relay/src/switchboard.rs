//! Who listens now, and what waits for them.
//!
//! A request is kept until it expires or is withdrawn, also after it went out: whoever opens the app a little later, or
//! whose connection was dead, still gets it. Answers wait for a gateway that is away for a moment.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use ident::RegistrationId;
use softtoken::push::{
    Addressed, MailboxId, PushAnswerRequest, PushLoginRequest, PushRequest, PushSession,
    PushWithdrawRequest,
};
use tokio::sync::mpsc;

/// Streams of one device, or of one gateway: an app that is open twice, or whose dead connection is not
/// noticed yet.
const STREAMS_MAX: usize = 4;
/// Requests that wait for one device. A gateway has one outstanding for each of its users; few people have
/// tokens of more gateways on a phone.
const REQUESTS_MAX: usize = 8;
/// Answers that wait for one gateway that is away: a second of a very busy one.
const ANSWERS_MAX: usize = 1_024;
/// Events that wait in all, at some 3 KiB each.
const WAITING_MAX: usize = 20_000;
/// The longest that a login waits (a client's 300 s); what claims to be good for longer is kept no longer.
const KEPT_S: u64 = 300;
/// How long answers wait for a gateway that collects again in a moment.
const AWAY_S: u64 = 60;

/// One event, written once for all streams.
pub(crate) type Event = Arc<str>;

/// No room for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

/// Nobody ever listened there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotCarried {
    Full,
    Unknown,
}

/// All lines.
#[derive(Default)]
pub(crate) struct Switchboard(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    devices: HashMap<RegistrationId, Line>,
    gateways: HashMap<MailboxId, Line>,
    waiting: usize,
}

/// Those who listen under one name, and what waits for them.
#[derive(Default)]
struct Line {
    streams: Vec<mpsc::Sender<Event>>,
    waiting: VecDeque<Waiting>,
    /// Until when somebody who is away is waited for.
    kept_until: u64,
}

/// An event that waits, or may have to be sent again.
struct Waiting {
    session: PushSession,
    expires: u64,
    event: Event,
}

impl Line {
    /// Drops what is too late; how much.
    fn expire(&mut self, now: u64) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(|it| it.expires > now);
        self.streams.retain(|stream| !stream.is_closed());
        before - self.waiting.len()
    }

    fn is_idle(&self, now: u64) -> bool {
        self.streams.is_empty() && self.waiting.is_empty() && self.kept_until <= now
    }

    /// Whether any stream took it.
    fn send(&self, event: &Event) -> bool {
        let send = |taken, stream: &mpsc::Sender<Event>| {
            stream.try_send(Arc::clone(event)).is_ok() | taken
        };
        self.streams.iter().fold(false, send)
    }

    /// A stream, with what waits in it already.
    fn open(&mut self) -> Result<mpsc::Receiver<Event>, Full> {
        if self.streams.len() >= STREAMS_MAX {
            return Err(Full);
        }
        let (stream, events) = mpsc::channel(REQUESTS_MAX + self.waiting.len());
        for waiting in &self.waiting {
            // There is room for all that waits.
            let _ = stream.try_send(Arc::clone(&waiting.event));
        }
        self.streams.push(stream);
        Ok(events)
    }
}

impl Switchboard {
    /// The requests for a device, from those that wait on.
    pub(crate) fn listen(&self, device: RegistrationId, now: u64) -> Result<Stream, Full> {
        let mut lines = self.lines();
        let line = lines.devices.entry(device).or_default();
        let late = line.expire(now);
        let events = line.open();
        lines.waiting -= late;
        Ok(Stream(events?))
    }

    /// The answers for a gateway, each once.
    pub(crate) fn collect(&self, mailbox: MailboxId, now: u64) -> Result<Stream, Full> {
        let mut lines = self.lines();
        let line = lines.gateways.entry(mailbox).or_default();
        let late = line.expire(now);
        line.kept_until = now + KEPT_S;
        let events = line.open();
        let given = events
            .as_ref()
            .map_or(0, |_| line.waiting.drain(..).count());
        lines.waiting -= late + given;
        Ok(Stream(events?))
    }

    /// Sends a request to its device, and keeps it for a stream that opens before it expires.
    pub(crate) fn login(&self, request: PushLoginRequest, now: u64) -> Result<(), Full> {
        let Addressed {
            device,
            session,
            expires_unix,
        } = request.addressed;
        let expires = expires_unix.min(now + KEPT_S);
        if expires <= now {
            return Ok(());
        }
        let mut lines = self.lines();
        let is_full = lines.waiting >= WAITING_MAX;
        let line = lines.devices.entry(device).or_default();
        let late = line.expire(now);
        let has_room = line.waiting.len() < REQUESTS_MAX && !is_full;
        if has_room {
            let event = written(&request.into());
            line.send(&event);
            line.waiting.push_back(Waiting {
                session,
                expires,
                event,
            });
        }
        lines.waiting -= late;
        lines.waiting += usize::from(has_room);
        if has_room { Ok(()) } else { Err(Full) }
    }

    /// Forgets a request, and tells whoever may show it.
    pub(crate) fn withdraw(&self, request: PushWithdrawRequest) {
        let mut lines = self.lines();
        let Some(line) = lines.devices.get_mut(&request.device) else {
            return;
        };
        let before = line.waiting.len();
        line.waiting.retain(|it| it.session != request.session);
        let withdrawn = before - line.waiting.len();
        if withdrawn > 0 {
            line.send(&written(&request.into()));
        }
        lines.waiting -= withdrawn;
    }

    /// Sends an answer to its gateway, or keeps it for one that is away for a moment.
    pub(crate) fn answer(&self, answer: PushAnswerRequest, now: u64) -> Result<(), NotCarried> {
        let mut lines = self.lines();
        let is_full = lines.waiting >= WAITING_MAX;
        let line = lines.gateways.get_mut(&answer.mailbox);
        let line = line.ok_or(NotCarried::Unknown)?;
        let late = line.expire(now);
        let session = answer.session;
        let event = written(&answer.into());
        let outcome = if line.send(&event) {
            Ok(0)
        } else if line.kept_until <= now {
            Err(NotCarried::Unknown)
        } else if is_full || line.waiting.len() >= ANSWERS_MAX {
            Err(NotCarried::Full)
        } else {
            line.waiting.push_back(Waiting {
                session,
                expires: now + AWAY_S,
                event,
            });
            Ok(1)
        };
        lines.waiting -= late;
        lines.waiting += outcome?;
        Ok(())
    }

    /// Forgets what is too late and who is gone.
    pub(crate) fn sweep(&self, now: u64) {
        let mut lines = self.lines();
        let Lines {
            devices,
            gateways,
            waiting,
        } = &mut *lines;
        *waiting -= swept(devices, now) + swept(gateways, now);
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn swept<K: Eq + Hash>(lines: &mut HashMap<K, Line>, now: u64) -> usize {
    let late = lines.values_mut().map(|line| line.expire(now)).sum();
    for line in lines.values_mut().filter(|line| !line.streams.is_empty()) {
        line.kept_until = now + AWAY_S;
    }
    lines.retain(|_, line| !line.is_idle(now));
    late
}

fn written(message: &PushRequest) -> Event {
    format!("data: {}\n\n", message.to_json().as_str()).into()
}

/// What one listener gets.
pub(crate) struct Stream(pub(crate) mpsc::Receiver<Event>);

#[cfg(test)]
mod tests {
    use softtoken::push::SealedPush;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn sealed() -> SealedPush {
        SealedPush::parse(&"A".repeat(200)).unwrap()
    }

    fn request(session: u8, expires_unix: u64) -> PushLoginRequest {
        PushLoginRequest {
            addressed: Addressed {
                device: RegistrationId::from_bytes([1; 32]),
                session: PushSession::from_bytes([session; 16]),
                expires_unix,
            },
            sealed: sealed(),
        }
    }

    fn answer(session: u8) -> PushAnswerRequest {
        PushAnswerRequest {
            mailbox: MailboxId::from_bytes([2; 32]),
            session: PushSession::from_bytes([session; 16]),
            sealed: sealed(),
        }
    }

    fn device() -> RegistrationId {
        RegistrationId::from_bytes([1; 32])
    }

    #[test]
    fn a_request_waits_for_its_device_until_it_expires() {
        let board = Switchboard::default();
        board.login(request(1, NOW + 60), NOW).unwrap();
        board.login(request(2, NOW + 10), NOW).unwrap();
        let mut late = board.listen(device(), NOW + 30).unwrap().0;
        assert!(late.try_recv().is_ok() && late.try_recv().is_err());
        board.login(request(3, NOW + 60), NOW + 30).unwrap();
        assert!(late.try_recv().unwrap().starts_with("data: {\"d\":"));
        drop(late);
        board.sweep(NOW + 60);
        assert_eq!(board.lines().waiting, 0);
        assert!(board.lines().devices.is_empty());
    }

    #[test]
    fn a_request_that_is_withdrawn_is_told_of_and_forgotten() {
        let board = Switchboard::default();
        let mut first = board.listen(device(), NOW).unwrap().0;
        board.login(request(1, NOW + 60), NOW).unwrap();
        let withdraw = PushWithdrawRequest {
            device: device(),
            session: PushSession::from_bytes([1; 16]),
        };
        board.withdraw(withdraw);
        board.withdraw(withdraw);
        assert!(first.try_recv().unwrap().contains("PushLoginRequest"));
        assert!(first.try_recv().unwrap().contains("PushWithdrawRequest"));
        assert!(first.try_recv().is_err());
        assert!(board.listen(device(), NOW).unwrap().0.try_recv().is_err());
        assert_eq!(board.lines().waiting, 0);
    }

    #[test]
    fn no_device_has_more_than_its_share() {
        let board = Switchboard::default();
        for session in 0..8 {
            assert_eq!(board.login(request(session, NOW + 60), NOW), Ok(()));
        }
        assert_eq!(board.login(request(9, NOW + 60), NOW), Err(Full));
        assert_eq!(board.login(request(9, NOW + 99), NOW + 60), Ok(()));
        let streams: Vec<_> = (0..4).map(|_| board.listen(device(), NOW)).collect();
        assert!(streams.iter().all(Result::is_ok));
        assert!(board.listen(device(), NOW).is_err());
    }

    #[test]
    fn an_answer_goes_to_who_collects_once_and_to_nobody_else() {
        let board = Switchboard::default();
        assert_eq!(board.answer(answer(1), NOW), Err(NotCarried::Unknown));
        let mailbox = MailboxId::from_bytes([2; 32]);
        let mut first = board.collect(mailbox, NOW).unwrap().0;
        assert_eq!(board.answer(answer(1), NOW), Ok(()));
        assert!(first.try_recv().is_ok());
        drop(first);
        assert_eq!(board.answer(answer(2), NOW), Ok(()));
        let mut second = board.collect(mailbox, NOW + 1).unwrap().0;
        assert!(second.try_recv().is_ok() && second.try_recv().is_err());
        drop(second);
        assert_eq!(board.lines().waiting, 0);
        assert_eq!(
            board.answer(answer(3), NOW + 1_000),
            Err(NotCarried::Unknown)
        );
    }
}

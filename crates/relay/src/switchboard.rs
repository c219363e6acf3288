//! Who listens now, and what waits for them.
//!
//! A request is kept until it expires or is withdrawn, also after it went out: whoever opens the app a little later, or
//! whose connection was dead, still gets it. Answers wait for a gateway that is away for a moment.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use ident::{ProductSerial, RegistrationId};
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
/// What a device's stream holds beyond what waits: its requests come, and are withdrawn, while it reads none.
const DEVICE_EVENTS: usize = 2 * REQUESTS_MAX;
/// Answers that wait for one gateway that is away, or that its stream holds while it reads none: a second of a
/// very busy one.
const ANSWERS_MAX: usize = 1_024;
/// Events that wait in all, at some 3 KiB each.
const WAITING_MAX: usize = 20_000;
/// Those of one gateway: whoever has taken one over leaves room for the others.
const OF_GATEWAY_MAX: usize = 10_000;
/// Where one gateway collects: its process has one secret, and what ended before it is remembered for a while.
const MAILBOXES_MAX: usize = 16;
/// The longest that a login waits (a client's 300 s); what claims to be good for longer is kept no longer.
pub(crate) const KEPT_S: u64 = 300;
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
    mailboxes: HashMap<MailboxId, Mailbox>,
    /// Whose requests wait.
    senders: HashMap<ProductSerial, Room>,
    room: Room,
}

/// A count of places: there are as many as there are copies.
#[derive(Clone, Default)]
struct Room(Arc<()>);

impl Room {
    fn taken(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

/// Where a gateway collects.
struct Mailbox {
    gateway: ProductSerial,
    line: Line,
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
    /// Given back when this is dropped.
    _places: [Option<Room>; 2],
    from: Option<ProductSerial>,
}

impl Line {
    /// Drops what is too late.
    fn expire(&mut self, now: u64) {
        self.waiting.retain(|it| it.expires > now);
        self.streams.retain(|stream| !stream.is_closed());
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

    /// Sends what waits, in its order, for as long as a stream takes it.
    fn drain(&mut self) {
        while let Some(first) = self.waiting.front() {
            if !self.send(&first.event) {
                return;
            }
            self.waiting.pop_front();
        }
    }

    /// A stream with room for so many events beyond those that wait.
    fn open(&mut self, room: usize) -> Result<mpsc::Receiver<Event>, Full> {
        if self.streams.len() >= STREAMS_MAX {
            return Err(Full);
        }
        let (stream, events) = mpsc::channel(room + self.waiting.len());
        self.streams.push(stream);
        Ok(events)
    }
}

impl Lines {
    /// A place for one more event, of a gateway's own if it is one of its requests.
    fn places(&mut self, from: Option<ProductSerial>) -> Result<[Option<Room>; 2], Full> {
        if self.room.taken() >= WAITING_MAX {
            return Err(Full);
        }
        let own = from.map(|gateway| self.senders.entry(gateway).or_default());
        if own
            .as_ref()
            .is_some_and(|own| own.taken() >= OF_GATEWAY_MAX)
        {
            return Err(Full);
        }
        Ok([Some(self.room.clone()), own.cloned()])
    }
}

impl Switchboard {
    /// The requests for a device, from those that wait on.
    pub(crate) fn listen(&self, device: RegistrationId, now: u64) -> Result<Stream, Full> {
        let mut lines = self.lines();
        let line = lines.devices.entry(device).or_default();
        line.expire(now);
        let events = line.open(DEVICE_EVENTS)?;
        let opened = line.streams.last();
        for waiting in &line.waiting {
            // There is room for all that waits.
            let _ = opened.map(|stream| stream.try_send(Arc::clone(&waiting.event)));
        }
        Ok(Stream {
            events,
            refill: None,
        })
    }

    /// The answers for a gateway, each once.
    pub(crate) fn collect(
        self: &Arc<Self>,
        id: MailboxId,
        gateway: ProductSerial,
        now: u64,
    ) -> Result<Stream, Full> {
        let mut lines = self.lines();
        if !lines.mailboxes.contains_key(&id) {
            let own = lines.mailboxes.values().filter(|it| it.gateway == gateway);
            if own.count() >= MAILBOXES_MAX {
                return Err(Full);
            }
        }
        let mailbox = lines.mailboxes.entry(id).or_insert_with(|| Mailbox {
            gateway,
            line: Line::default(),
        });
        let line = &mut mailbox.line;
        line.expire(now);
        line.kept_until = now + KEPT_S;
        let events = line.open(ANSWERS_MAX)?;
        line.drain();
        Ok(Stream {
            events,
            refill: Some((Arc::clone(self), id)),
        })
    }

    /// Sends a gateway's request to its device, and keeps it for a stream that opens before it expires.
    pub(crate) fn login(
        &self,
        request: PushLoginRequest,
        from: ProductSerial,
        now: u64,
    ) -> Result<(), Full> {
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
        let places = lines.places(Some(from))?;
        let line = lines.devices.entry(device).or_default();
        line.expire(now);
        if line.waiting.len() >= REQUESTS_MAX {
            return Err(Full);
        }
        let event = written(&request.into());
        line.send(&event);
        line.waiting.push_back(Waiting {
            session,
            expires,
            event,
            _places: places,
            from: Some(from),
        });
        Ok(())
    }

    /// Whether a request still waits for its device.
    pub(crate) fn keeps(&self, device: &RegistrationId, session: &PushSession, now: u64) -> bool {
        let lines = self.lines();
        let line = lines.devices.get(device);
        let is_it = |it: &Waiting| it.session == *session && it.expires > now;
        line.is_some_and(|line| line.waiting.iter().any(is_it))
    }

    /// Forgets a request of the same gateway, and tells whoever may show it.
    pub(crate) fn withdraw(&self, request: PushWithdrawRequest, from: ProductSerial) {
        let mut lines = self.lines();
        let Some(line) = lines.devices.get_mut(&request.device) else {
            return;
        };
        let before = line.waiting.len();
        let is_it = |it: &Waiting| it.session == request.session && it.from == Some(from);
        line.waiting.retain(|it| !is_it(it));
        if line.waiting.len() < before {
            line.send(&written(&request.into()));
        }
    }

    /// Sends an answer to its gateway, or keeps it for one that is away for a moment or does not read.
    pub(crate) fn answer(&self, answer: PushAnswerRequest, now: u64) -> Result<(), NotCarried> {
        let mut lines = self.lines();
        let places = lines.places(None);
        let mailbox = lines.mailboxes.get_mut(&answer.mailbox);
        let line = &mut mailbox.ok_or(NotCarried::Unknown)?.line;
        line.expire(now);
        line.drain();
        let session = answer.session;
        let event = written(&answer.into());
        // What came before goes before.
        if line.waiting.is_empty() && line.send(&event) {
            return Ok(());
        }
        if line.streams.is_empty() && line.kept_until <= now {
            return Err(NotCarried::Unknown);
        }
        let places = places.map_err(|Full| NotCarried::Full)?;
        if line.waiting.len() >= ANSWERS_MAX {
            return Err(NotCarried::Full);
        }
        line.waiting.push_back(Waiting {
            session,
            expires: now + AWAY_S,
            event,
            _places: places,
            from: None,
        });
        Ok(())
    }

    /// Forgets what is too late and who is gone, and sends on what waits for who reads again.
    pub(crate) fn sweep(&self, now: u64) {
        let mut lines = self.lines();
        lines.devices.retain(|_, line| {
            line.expire(now);
            !line.is_idle(now)
        });
        lines.mailboxes.retain(|_, Mailbox { line, .. }| {
            line.expire(now);
            line.drain();
            if !line.streams.is_empty() {
                line.kept_until = now + AWAY_S;
            }
            !line.is_idle(now)
        });
        lines.senders.retain(|_, room| room.taken() > 0);
    }

    /// Sends on what waits for a gateway that has read.
    fn refill(&self, mailbox: &MailboxId) {
        if let Some(Mailbox { line, .. }) = self.lines().mailboxes.get_mut(mailbox) {
            line.drain();
        }
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn written(message: &PushRequest) -> Event {
    format!("data: {}\n\n", message.to_json().as_str()).into()
}

/// What one listener gets.
pub(crate) struct Stream {
    events: mpsc::Receiver<Event>,
    /// What a gateway read makes room for what waits.
    refill: Option<(Arc<Switchboard>, MailboxId)>,
}

impl Stream {
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let event = self.events.poll_recv(context);
        if let (Poll::Ready(Some(_)), Some((board, mailbox)), true) =
            (&event, &self.refill, self.events.is_empty())
        {
            board.refill(mailbox);
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use softtoken::push::SealedPush;

    use std::task::Waker;

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

    fn gateway(number: u8) -> ProductSerial {
        ProductSerial::parse(&format!("FGT00000000000{number:02}")).unwrap()
    }

    impl Stream {
        /// What is there already.
        fn now(&mut self) -> Option<Event> {
            match self.poll_next(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(event) => event,
                Poll::Pending => None,
            }
        }
    }

    #[test]
    fn a_request_waits_for_its_device_until_it_expires() {
        let board = Arc::new(Switchboard::default());
        board.login(request(1, NOW + 60), gateway(1), NOW).unwrap();
        board.login(request(2, NOW + 10), gateway(1), NOW).unwrap();
        let mut late = board.listen(device(), NOW + 30).unwrap();
        assert!(late.now().is_some() && late.now().is_none());
        board
            .login(request(3, NOW + 60), gateway(1), NOW + 30)
            .unwrap();
        assert!(late.now().unwrap().starts_with("data: {\"d\":"));
        drop(late);
        board.sweep(NOW + 60);
        assert_eq!(board.lines().room.taken(), 0);
        assert!(board.lines().devices.is_empty());
    }

    #[test]
    fn a_request_that_is_withdrawn_is_told_of_and_forgotten() {
        let board = Arc::new(Switchboard::default());
        let mut first = board.listen(device(), NOW).unwrap();
        board.login(request(1, NOW + 60), gateway(1), NOW).unwrap();
        let withdraw = PushWithdrawRequest {
            device: device(),
            session: PushSession::from_bytes([1; 16]),
        };
        board.withdraw(withdraw, gateway(1));
        board.withdraw(withdraw, gateway(1));
        assert!(first.now().unwrap().contains("PushLoginRequest"));
        assert!(first.now().unwrap().contains("PushWithdrawRequest"));
        assert!(first.now().is_none());
        assert!(board.listen(device(), NOW).unwrap().now().is_none());
        assert_eq!(board.lines().room.taken(), 0);
    }

    #[test]
    fn no_device_has_more_than_its_share() {
        let board = Arc::new(Switchboard::default());
        for session in 0..8 {
            assert_eq!(
                board.login(request(session, NOW + 60), gateway(1), NOW),
                Ok(())
            );
        }
        assert_eq!(
            board.login(request(9, NOW + 60), gateway(1), NOW),
            Err(Full)
        );
        assert_eq!(
            board.login(request(9, NOW + 99), gateway(1), NOW + 60),
            Ok(())
        );
        let streams: Vec<_> = (0..4).map(|_| board.listen(device(), NOW)).collect();
        assert!(streams.iter().all(Result::is_ok));
        assert!(board.listen(device(), NOW).is_err());
    }

    #[test]
    fn an_answer_goes_to_who_collects_once_and_to_nobody_else() {
        let board = Arc::new(Switchboard::default());
        assert_eq!(board.answer(answer(1), NOW), Err(NotCarried::Unknown));
        let mailbox = MailboxId::from_bytes([2; 32]);
        let mut first = board.collect(mailbox, gateway(1), NOW).unwrap();
        assert_eq!(board.answer(answer(1), NOW), Ok(()));
        assert!(first.now().is_some());
        drop(first);
        assert_eq!(board.answer(answer(2), NOW), Ok(()));
        let mut second = board.collect(mailbox, gateway(1), NOW + 1).unwrap();
        assert!(second.now().is_some() && second.now().is_none());
        drop(second);
        assert_eq!(board.lines().room.taken(), 0);
        assert_eq!(
            board.answer(answer(3), NOW + 1_000),
            Err(NotCarried::Unknown)
        );
    }

    #[test]
    fn a_gateway_that_reads_slowly_gets_every_answer_in_its_order() {
        let board = Arc::new(Switchboard::default());
        let mailbox = MailboxId::from_bytes([2; 32]);
        let mut slow = board.collect(mailbox, gateway(1), NOW).unwrap();
        let posted = |number: u16| {
            let mut session = [0; 16];
            session[..2].copy_from_slice(&number.to_be_bytes());
            PushAnswerRequest {
                session: PushSession::from_bytes(session),
                ..answer(0)
            }
        };
        let written = |number| written(&posted(number).into());
        // Beyond what its stream holds.
        let many = u16::try_from(ANSWERS_MAX + 100).unwrap();
        for number in 0..many {
            assert_eq!(board.answer(posted(number), NOW), Ok(()), "{number}");
        }
        for number in 0..many {
            assert_eq!(slow.now(), Some(written(number)), "{number}");
        }
        assert!(slow.now().is_none());
        assert_eq!(board.lines().room.taken(), 0);
    }

    #[test]
    fn a_gateway_takes_its_share_of_the_room_and_withdraws_its_own() {
        let board = Arc::new(Switchboard::default());
        let to = |number: usize| {
            let mut device = [0; 32];
            device[..8].copy_from_slice(&number.to_be_bytes());
            let mut request = request(1, NOW + 60);
            request.addressed.device = RegistrationId::from_bytes(device);
            request
        };
        for number in 0..OF_GATEWAY_MAX {
            assert_eq!(board.login(to(number), gateway(1), NOW), Ok(()));
        }
        assert_eq!(board.login(to(0), gateway(1), NOW), Err(Full));
        assert_eq!(board.login(to(OF_GATEWAY_MAX), gateway(2), NOW), Ok(()));
        let withdraw = PushWithdrawRequest {
            device: to(0).addressed.device,
            session: to(0).addressed.session,
        };
        board.withdraw(withdraw, gateway(2));
        assert_eq!(board.login(to(0), gateway(1), NOW), Err(Full));
        board.withdraw(withdraw, gateway(1));
        assert_eq!(board.login(to(0), gateway(1), NOW), Ok(()));
        for number in 0..MAILBOXES_MAX {
            let mailbox = MailboxId::from_bytes([u8::try_from(number).unwrap(); 32]);
            assert!(board.collect(mailbox, gateway(1), NOW).is_ok());
        }
        let one_more = MailboxId::from_bytes([99; 32]);
        assert!(board.collect(one_more, gateway(1), NOW).is_err());
        assert!(board.collect(one_more, gateway(2), NOW).is_ok());
        board.sweep(NOW + 1_000);
        assert_eq!(board.lines().room.taken(), 0);
        assert!(board.lines().senders.is_empty() && board.lines().mailboxes.is_empty());
    }
}

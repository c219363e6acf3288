//! The screen's life: what its states wish is done here, and what happens is told to them.

use super::attendant::{News, Said};
use super::desk::{Codes, Desk};
use super::effect::Effect;
use super::errand::{Arrival, Errand, Outcome, Sealed, Stranger};
use super::key::Key;
use super::lines::Lines;
use super::lock::{Lock, LockStep};
use super::terminal::{Screen, colours};
use super::view::{Sight, draw_desk, draw_lock};
use crate::activation::take_in;
use crate::args::Live;
use crate::contents::{ReceiptState, TakenIn, TokenName};
use crate::error::AppError;
use crate::pin::Pin;
use crate::run::{PinSource, Surroundings};
use crate::transfer::TransferFailure;
use crate::vault::{Folder, Found, OpenVault, Places, VaultError, Verdict};
use jiff::tz::TimeZone;
use softtoken::device::AnswerHash;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinHandle, spawn_blocking};

/// How often time is looked at: a code changes within this of its second.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Shows the screen until it is left.
pub(crate) async fn run(
    live: Live,
    places: Places,
    pins: &PinSource,
    world: &Surroundings<'_>,
) -> Result<(), AppError> {
    let mut session = Session::begin(live, places, pins, world)?;
    let mut screen = Screen::take()?;
    let mut signals = Signals::new()?;
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    let mut due = Due::Now;
    loop {
        if due == Due::Now {
            screen.draw(|frame| session.draw(frame))?;
        }
        due = Due::Now;
        let goes = tokio::select! {
            key = screen.keys.recv() => match key {
                Some(Some(key)) => session.key(key, &mut screen)?,
                Some(None) => Goes::On,
                // The terminal is gone.
                None => Goes::End,
            },
            _ = ticks.tick() => {
                due = session.due();
                session.tick(&mut screen)?
            }
            happened = session.state.happening() => session.happened(happened, &mut screen)?,
            () = signals.any() => Goes::End,
        };
        if goes == Goes::End {
            return Ok(());
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Goes {
    On,
    End,
}

/// Whether there may be something new to draw. A line that is slow is not kept busy with the same again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    Now,
    Later,
}

struct Session<'a> {
    live: Live,
    places: Places,
    now_unix: &'a (dyn Fn() -> u64 + Sync),
    sight: Sight,
    state: State<'a>,
}

/// A vault is open, and kept from other commands, only while the screen is.
enum State<'a> {
    Locked(Lock),
    Opening(Lock, JoinHandle<Result<OpenVault, AppError>>),
    Open(Box<Open<'a>>),
    /// Locked, while a PIN is tried that is counted already: a right one is not to be taken for a wrong one.
    Closing(Lock, Box<Open<'a>>),
}

struct Open<'a> {
    desk: Desk,
    vault: OpenVault,
    lines: Lines<'a>,
    errand: Errand<'a>,
    /// The token server that the person is asked about.
    stranger: Option<Stranger>,
    proving: Proving,
}

/// A PIN that is being tried, if one is.
struct Proving(Option<JoinHandle<Result<Verdict, VaultError>>>);

enum Happened {
    Tried(Box<Result<OpenVault, AppError>>),
    News(News),
    Done(Box<Outcome>),
    Proven(Result<Verdict, AppError>),
}

impl<'a> Session<'a> {
    /// What keeps the vault closed for good is told before the screen is taken.
    fn begin(
        live: Live,
        places: Places,
        pins: &PinSource,
        world: &Surroundings<'a>,
    ) -> Result<Self, AppError> {
        let now_unix = world.now_unix;
        let vault = match (Folder::lock(places.clone())?.look()?, pins.is_file()) {
            (Found::Nothing(_), _) => return Err(AppError::NoVault),
            (Found::Vault(_), false) => None,
            (Found::Vault(vault), true) => Some(vault.open(&pins.ask("PIN")?)?),
        };
        let state = match vault {
            None => State::Locked(Lock::new(None)),
            Some(vault) => State::Open(Box::new(Open::new(vault, live, now_unix)?)),
        };
        Ok(Self {
            live,
            places,
            now_unix,
            sight: Sight {
                now_unix: now_unix(),
                zone: TimeZone::system(),
                colours: colours(),
            },
            state,
        })
    }

    /// Time alone changes the screen once a second.
    fn due(&self) -> Due {
        if (self.now_unix)() == self.sight.now_unix {
            Due::Later
        } else {
            Due::Now
        }
    }

    fn draw(&mut self, frame: &mut ratatui::Frame<'_>) {
        self.sight.now_unix = (self.now_unix)();
        match &self.state {
            State::Locked(lock) | State::Opening(lock, _) | State::Closing(lock, _) => {
                draw_lock(frame, lock, &self.sight);
            }
            State::Open(open) => draw_desk(frame, &open.desk, &open.vault.contents, &self.sight),
        }
    }

    fn key(&mut self, key: Key, screen: &mut Screen) -> Result<Goes, AppError> {
        let now_unix = (self.now_unix)();
        let step = match &mut self.state {
            State::Locked(lock) | State::Opening(lock, _) => lock.key(key),
            State::Open(open) => {
                let effect = open.desk.key(key, &open.vault.contents, now_unix);
                return self.apply(effect, screen);
            }
            State::Closing(..) if matches!(key, Key::Ctrl('c' | 'q')) => LockStep::Quit,
            State::Closing(..) => LockStep::Stay,
        };
        match step {
            LockStep::Stay => Ok(Goes::On),
            LockStep::Quit => Ok(Goes::End),
            LockStep::Try(pin) => {
                self.try_pin(pin);
                Ok(Goes::On)
            }
        }
    }

    fn tick(&mut self, screen: &mut Screen) -> Result<Goes, AppError> {
        let now_unix = (self.now_unix)();
        let effect = match &mut self.state {
            State::Open(open) => open.desk.tick(now_unix),
            State::Locked(_) | State::Opening(..) | State::Closing(..) => None,
        };
        self.apply(effect, screen)
    }

    /// The key of a vault takes long to compute: the screen goes on meanwhile.
    fn try_pin(&mut self, pin: Pin) {
        let places = self.places.clone();
        let work = spawn_blocking(move || match Folder::lock(places)?.look()? {
            Found::Nothing(_) => Err(AppError::NoVault),
            Found::Vault(vault) => Ok(vault.open(&pin)?),
        });
        if let State::Locked(lock) = self.take_state() {
            self.state = State::Opening(lock, work);
        }
    }

    fn take_state(&mut self) -> State<'a> {
        std::mem::replace(&mut self.state, State::Locked(Lock::new(None)))
    }

    fn happened(&mut self, happened: Happened, screen: &mut Screen) -> Result<Goes, AppError> {
        match happened {
            Happened::Tried(outcome) => self.tried(*outcome).map(|()| Goes::On),
            Happened::News(News::Settled(receipt, state)) => {
                self.settle(&receipt, state);
                Ok(Goes::On)
            }
            Happened::Done(outcome) => {
                self.done(*outcome);
                Ok(Goes::On)
            }
            Happened::Proven(verdict) => self.proven(verdict?, screen),
            Happened::News(news) => {
                let now_unix = (self.now_unix)();
                let effect = match &mut self.state {
                    State::Open(open) => heard(&mut open.desk, news, now_unix),
                    State::Locked(_) | State::Opening(..) | State::Closing(..) => None,
                };
                self.apply(effect, screen)
            }
        }
    }

    fn settle(&mut self, receipt: &AnswerHash, state: ReceiptState) {
        if let State::Open(open) = &mut self.state {
            open.vault.contents.settle_receipt(receipt, state);
            if let Err(error) = open.vault.save() {
                self.not_changed(error.into());
            }
        }
    }

    fn done(&mut self, outcome: Outcome) {
        let now_unix = (self.now_unix)();
        let State::Open(open) = &mut self.state else {
            return;
        };
        let told = |error: AppError| format!("{error}. {}", error.next_step());
        match outcome {
            Outcome::Answered(token, Ok(answered)) => {
                open.desk.stands(&token, answered, now_unix);
            }
            Outcome::Answered(
                token,
                Err(error @ AppError::Transfer(TransferFailure::Refused(_))),
            ) => open.desk.refused(&token, told(error), now_unix),
            Outcome::Answered(token, Err(error)) => {
                open.desk.not_asked(&token, told(error), now_unix);
            }
            Outcome::Strange(stranger) => {
                open.desk.asks_about(stranger.url(), now_unix);
                open.stranger = Some(*stranger);
            }
            Outcome::Came(came) => match came.and_then(|it| open.take_in(it, self.now_unix)) {
                Ok(()) => {}
                Err(error @ (AppError::Vault(_) | AppError::Disk(_))) => self.not_changed(error),
                Err(error) => open.desk.not_added(told(error), now_unix),
            },
        }
    }

    /// A wrong PIN, or a vault that another command has for a moment, may be tried again. Anything else ends
    /// the screen: it is told where it stays to be read.
    fn tried(&mut self, outcome: Result<OpenVault, AppError>) -> Result<(), AppError> {
        match outcome {
            Ok(vault) => {
                let open = Open::new(vault, self.live, self.now_unix)?;
                self.state = State::Open(Box::new(open));
            }
            Err(error @ AppError::Vault(VaultError::WrongPin { .. } | VaultError::Busy { .. })) => {
                let mut lock = Lock::new(None);
                lock.refused(format!("{error}. {}", error.next_step()));
                self.state = State::Locked(lock);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn apply(&mut self, effect: Option<Effect>, screen: &mut Screen) -> Result<Goes, AppError> {
        let now_unix = (self.now_unix)();
        let State::Open(open) = &mut self.state else {
            return Ok(Goes::On);
        };
        match effect {
            None => {}
            Some(Effect::Quit) => return Ok(Goes::End),
            Some(Effect::Lock(told)) => self.lock(Lock::new(told)),
            Some(Effect::Ring) => screen.ring()?,
            Some(Effect::Copy(code)) => {
                screen.copy(&code)?;
                open.desk.copied(now_unix);
            }
            Some(Effect::Answer(request, decision)) => {
                open.lines.say(Said { request, decision });
            }
            Some(Effect::Prove(pin)) => {
                let proof = open.vault.begin_proof(pin)?;
                open.proving = Proving(Some(spawn_blocking(|| proof.verdict())));
            }
            Some(effect) => {
                if let Err(error) = open.change(effect, self.now_unix) {
                    self.not_changed(error);
                }
            }
        }
        Ok(Goes::On)
    }

    fn lock(&mut self, lock: Lock) {
        self.state = match self.take_state() {
            State::Open(open) if open.desk.is_proving() => State::Closing(lock, open),
            _ => State::Locked(lock),
        };
    }

    /// A wrong PIN is told, and counts as any other.
    fn proven(&mut self, verdict: Verdict, screen: &mut Screen) -> Result<Goes, AppError> {
        match &mut self.state {
            State::Open(open) => {
                let effect = match wrong_pin(open.vault.end_proof(verdict))? {
                    None => open.desk.proven(),
                    Some(why) => {
                        open.desk.not_proven(why, (self.now_unix)());
                        None
                    }
                };
                return self.apply(effect, screen);
            }
            State::Closing(_, open) => {
                let why = wrong_pin(open.vault.end_proof(verdict))?;
                if let State::Closing(mut lock, _) = self.take_state() {
                    if let Some(why) = why {
                        lock.refused(why);
                    }
                    self.state = State::Locked(lock);
                }
            }
            State::Locked(_) | State::Opening(..) => {}
        }
        Ok(Goes::On)
    }

    /// What the tokens refuse is told. What the disk refuses closes the vault: the file says what is true.
    fn not_changed(&mut self, error: AppError) {
        let now_unix = (self.now_unix)();
        match (&mut self.state, error) {
            (State::Open(open), AppError::Contents(error)) => {
                open.desk.failed(error.to_string(), now_unix);
            }
            (_, error) => {
                let told = format!("Nothing was changed: {error}. {}", error.next_step());
                self.lock(Lock::new(Some(told)));
            }
        }
    }
}

impl<'a> Open<'a> {
    fn new(
        vault: OpenVault,
        live: Live,
        now_unix: &'a (dyn Fn() -> u64 + Sync),
    ) -> Result<Self, AppError> {
        let codes = if live.hidden {
            Codes::Hidden
        } else {
            Codes::Shown
        };
        let lock_after_s = u64::from(live.lock_after) * 60;
        Ok(Self {
            desk: Desk::new(&vault.contents, codes, lock_after_s, now_unix()),
            lines: Lines::open(&vault.contents, now_unix)?,
            errand: Errand::none(),
            stranger: None,
            proving: Proving(None),
            vault,
        })
    }

    /// Changes the vault, and the screen once it is on the disk.
    fn change(
        &mut self,
        effect: Effect,
        now_unix: &'a (dyn Fn() -> u64 + Sync),
    ) -> Result<(), AppError> {
        match effect {
            Effect::Advance(token) => {
                let step = self.vault.contents.advance(token.as_str())?;
                self.vault.save()?;
                self.desk.advanced(token, step, now_unix());
            }
            Effect::Rename { token, to } => {
                self.vault.contents.rename(token.as_str(), to.clone())?;
                self.vault.save()?;
                self.desk.renamed(to, now_unix());
            }
            Effect::Move { token, place } => {
                self.vault.contents.move_to(token.as_str(), place)?;
                self.vault.save()?;
            }
            Effect::Remove(token) => self.remove(&token, now_unix)?,
            Effect::Add => {
                let contents = self.vault.contents.twin().map_err(VaultError::from)?;
                self.errand = Errand::add(self.desk.offer(), contents, now_unix);
            }
            Effect::Believe => {
                let contents = self.vault.contents.twin().map_err(VaultError::from)?;
                if let Some(stranger) = self.stranger.take() {
                    self.errand = Errand::believe(stranger, contents, now_unix);
                }
            }
            Effect::Transfer(token, action) => {
                let contents = self.vault.contents.twin().map_err(VaultError::from)?;
                self.errand = Errand::ask(token, action, contents);
            }
            Effect::Quit
            | Effect::Lock(_)
            | Effect::Copy(_)
            | Effect::Ring
            | Effect::Prove(_)
            | Effect::Answer(..) => {}
        }
        Ok(())
    }

    /// Takes in what has arrived. The next line to the relay tells its token server so.
    fn take_in(
        &mut self,
        arrival: Arrival,
        now_unix: &'a (dyn Fn() -> u64 + Sync),
    ) -> Result<(), AppError> {
        let taken_in = match arrival {
            Arrival::Sealed(sealed) => {
                let Sealed {
                    registry,
                    authority,
                    token,
                } = *sealed;
                let vault = &mut self.vault;
                let token = take_in(vault, &registry, None, authority, &token, now_unix())?;
                TakenIn {
                    added: vec![token.name],
                    progress: None,
                }
            }
            Arrival::Foreign(code) => {
                let contents = &mut self.vault.contents;
                let taken_in = contents.put_all_foreign(code, None, now_unix())?;
                self.vault.save()?;
                taken_in
            }
        };
        self.desk.added(taken_in, now_unix());
        self.reopen(now_unix)
    }

    fn remove(
        &mut self,
        token: &TokenName,
        now_unix: &'a (dyn Fn() -> u64 + Sync),
    ) -> Result<(), AppError> {
        let removed = self.vault.contents.remove(token.as_str())?;
        self.vault.save()?;
        self.desk.removed(&removed, now_unix());
        self.reopen(now_unix)
    }

    /// Tells the relays what is here now. A line that goes on has nothing new to say of how it stands.
    fn reopen(&mut self, now_unix: &'a (dyn Fn() -> u64 + Sync)) -> Result<(), AppError> {
        let dropped = self.lines.reopen(&self.vault.contents, now_unix)?;
        self.desk.set_pushing(self.lines.pushing());
        self.desk.set_clock(self.lines.clock());
        self.desk.unsent(&dropped, now_unix());
        Ok(())
    }
}

impl State<'_> {
    /// What happens without a key.
    async fn happening(&mut self) -> Happened {
        match self {
            Self::Locked(_) => std::future::pending().await,
            Self::Opening(_, work) => {
                let outcome = work.await.map_err(io::Error::other);
                Happened::Tried(Box::new(outcome.unwrap_or_else(|error| Err(error.into()))))
            }
            Self::Open(open) => tokio::select! {
                news = open.lines.next() => Happened::News(news),
                outcome = open.errand.done() => Happened::Done(Box::new(outcome)),
                verdict = open.proving.done() => Happened::Proven(verdict),
            },
            Self::Closing(_, open) => Happened::Proven(open.proving.done().await),
        }
    }
}

impl Proving {
    /// Waits for it, if there is one.
    async fn done(&mut self) -> Result<Verdict, AppError> {
        let Some(work) = &mut self.0 else {
            return std::future::pending().await;
        };
        let verdict = work.await.map_err(io::Error::other);
        self.0 = None;
        Ok(verdict??)
    }
}

/// What is told of a wrong PIN; anything else ends the screen.
fn wrong_pin(outcome: Result<(), VaultError>) -> Result<Option<String>, AppError> {
    match outcome.map_err(AppError::from) {
        Ok(()) => Ok(None),
        Err(error @ AppError::Vault(VaultError::WrongPin { .. })) => {
            Ok(Some(format!("{error}. {}", error.next_step())))
        }
        Err(error) => Err(error),
    }
}

fn heard(desk: &mut Desk, news: News, now_unix: u64) -> Option<Effect> {
    match news {
        // The vault's, and nothing to see.
        News::Settled(..) => {}
        News::Pushing(pushing) => desk.set_pushing(pushing),
        News::Clock(wrong) => desk.set_clock(wrong),
        News::Login(request, closes_unix) => return desk.login_came(*request, closes_unix),
        News::Withdrawn(session) => desk.login_withdrawn(session, now_unix),
        News::Answered(session, decision) => desk.answered(session, decision, now_unix),
        News::Unanswered(session, why) => desk.unanswered(session, why, now_unix),
    }
    None
}

/// The signals that end a program.
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> io::Result<Self> {
        let [terminate, interrupt, hangup] = [
            SignalKind::terminate(),
            SignalKind::interrupt(),
            SignalKind::hangup(),
        ]
        .map(signal);
        Ok(Self([terminate?, interrupt?, hangup?]))
    }

    async fn any(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and this one touches files"
)]
mod tests {
    use super::super::{desk::Pushing, samples};
    use super::*;
    use crate::contents::{Contents, NewToken};
    use crate::device::Device;
    use crate::transfer::Answered;
    use crate::vault::Effort;
    use softtoken::transfer::Standing;
    use std::net::TcpListener;
    use std::path::Path;

    /// A token of a server at this address.
    fn token(number: u8, name: &str, url: &str) -> NewToken {
        NewToken {
            name: TokenName::parse(name).unwrap(),
            ..samples::token(number, samples::server(url))
        }
    }

    fn places(home: &Path) -> Places {
        Places {
            data: home.join("data"),
            secrets: home.join("secrets"),
            machine_id: home.join("machine-id"),
        }
    }

    /// A new vault with these tokens.
    fn vault(places: Places, tokens: impl IntoIterator<Item = NewToken>) -> OpenVault {
        let Found::Nothing(empty) = Folder::lock(places).unwrap().look().unwrap() else {
            panic!("a vault before it was made");
        };
        let mut contents = Contents::new(Device::generate().unwrap());
        for token in tokens {
            contents.put(token).unwrap();
        }
        let pin = Pin::parse("135790").unwrap();
        empty.create(&pin, Effort::CHEAP, contents).unwrap()
    }

    /// Types a PIN before a transfer; what the screen wishes then.
    fn proves(open: &mut Open<'_>, pin: &str) -> Option<Effect> {
        let contents = &open.vault.contents;
        let name = contents.tokens()[0].name().clone();
        open.desk.key(Key::Char('t'), contents, 0);
        let here = Answered::Stands(Standing::None);
        open.desk.stands(&name, here, 0);
        open.desk.key(Key::Char('m'), contents, 0);
        for digit in pin.chars() {
            open.desk.key(Key::Char(digit), contents, 0);
        }
        open.desk.key(Key::Enter, contents, 0)
    }

    #[test]
    fn a_disk_that_fails_closes_the_vault_only_once_the_pin_that_is_tried_has_its_verdict() {
        let home = tempfile::tempdir().unwrap();
        let places = places(home.path());
        let work = token(1, "work", "https://tokens.example.org");
        let vault = vault(places.clone(), [work]);
        let now_unix = || 0;
        let live = Live::default();
        let mut open = Box::new(Open::new(vault, live, &now_unix).unwrap());
        let Some(Effect::Prove(_)) = proves(&mut open, "135790") else {
            panic!("no PIN is tried");
        };
        let mut session = Session {
            live,
            places,
            now_unix: &now_unix,
            sight: Sight {
                now_unix: 0,
                zone: TimeZone::UTC,
                colours: colours(),
            },
            state: State::Open(open),
        };
        session.not_changed(io::Error::other("the disk is full").into());
        let State::Closing(lock, _) = session.state else {
            panic!("the verdict is dropped");
        };
        assert!(lock.told().unwrap().contains("the disk is full"));
    }

    #[tokio::test]
    async fn a_token_server_without_tokens_is_not_told_of_any_more() {
        let home = tempfile::tempdir().unwrap();
        // Nobody listens there any more.
        let listeners = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [work, club] = listeners.map(|it| it.local_addr().unwrap().to_string());
        let tokens = [(1, "work", &work), (2, "club", &club)]
            .map(|(number, name, at)| token(number, name, &format!("https://{at}")));
        let vault = vault(places(home.path()), tokens);
        let now_unix = || 0;
        let mut open = Open::new(vault, Live::default(), &now_unix).unwrap();
        let why = loop {
            heard(&mut open.desk, open.lines.next().await, 0);
            if let Pushing::Off(why) = open.desk.pushing() {
                break why.clone();
            }
        };
        assert!(why.contains(&work) && why.contains(&club), "{why}");
        open.desk.set_clock(Some("as the club sees it".to_owned()));

        let club_token = TokenName::parse("club").unwrap();
        open.change(Effect::Remove(club_token), &now_unix).unwrap();
        let Pushing::Off(why) = open.desk.pushing() else {
            panic!("{:?}", open.desk.pushing());
        };
        assert!(why.contains(&work) && !why.contains(&club), "{why}");
        assert_eq!(open.desk.clock(), None);
    }
}

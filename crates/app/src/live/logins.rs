//! Logins that wait for the person's word: one is shown, the others wait behind it.

use super::key::Key;
use ident::TokenSerial;
use softtoken::push::{Approval, Decision, LoginRequest, PushNumber, PushSession};
use std::collections::VecDeque;

/// Sessions that came before: more than a relay keeps, which tells them again on a new stream.
const KNOWN_MAX: usize = 64;
/// Logins that wait at once. A gateway lets one wait for a person, and a device serves few persons.
const WAITING_MAX: usize = 16;

/// A login and what the person has said to it so far.
#[derive(Debug)]
pub struct Login {
    /// What is asked.
    pub request: LoginRequest,
    /// When it is too late, by this computer's clock.
    pub closes_unix: u64,
    number: String,
    choice: Option<Choice>,
    progress: Progress,
}

/// What can be said to a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Let it in.
    Approve,
    /// Keep it out.
    Deny,
    /// Keep it out, and warn the administrator.
    NotMe,
}

/// How far an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The person is asked.
    Asked,
    /// The answer is on its way.
    Sent,
}

/// What a key comes to while a login is shown.
#[derive(Debug)]
pub enum LoginStep {
    /// Nothing yet.
    Stay,
    /// Something is missing.
    Hint(&'static str),
    /// The person has answered.
    Answer(Box<LoginRequest>, Decision),
}

/// The logins that wait, the one that came first before the others.
#[derive(Debug, Default)]
pub struct Logins {
    waiting: VecDeque<Login>,
    known: VecDeque<PushSession>,
}

impl Choice {
    /// In the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Approve, Self::Deny, Self::NotMe];

    fn after(choice: Option<Self>) -> Self {
        match choice {
            None | Some(Self::NotMe) => Self::Approve,
            Some(Self::Approve) => Self::Deny,
            Some(Self::Deny) => Self::NotMe,
        }
    }

    fn before(choice: Option<Self>) -> Self {
        match choice {
            None | Some(Self::Approve) => Self::NotMe,
            Some(Self::Deny) => Self::Approve,
            Some(Self::NotMe) => Self::Deny,
        }
    }
}

impl Login {
    fn new(request: LoginRequest, closes_unix: u64) -> Self {
        // Where a number is needed, Enter alone approves nothing. Where a tap is enough nothing is chosen yet: a
        // key that was meant for what was shown before must not let anybody in.
        let choice = match request.approval {
            Approval::Number => Some(Choice::Approve),
            Approval::Tap => None,
        };
        Self {
            request,
            closes_unix,
            number: String::new(),
            choice,
            progress: Progress::Asked,
        }
    }

    /// The digits that were typed.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// What Enter would say.
    pub fn choice(&self) -> Option<Choice> {
        self.choice
    }

    /// How far the answer is.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Takes a key.
    pub fn key(&mut self, key: Key) -> LoginStep {
        if self.progress == Progress::Sent {
            return LoginStep::Stay;
        }
        match key {
            Key::Char(digit) if self.takes(digit) => {
                self.number.push(digit);
                self.choice = Some(Choice::Approve);
            }
            Key::Backspace => {
                self.number.pop();
            }
            Key::Right | Key::Tab => self.choice = Some(Choice::after(self.choice)),
            Key::Left => self.choice = Some(Choice::before(self.choice)),
            Key::Enter => return self.enter(),
            _ => {}
        }
        LoginStep::Stay
    }

    fn takes(&self, c: char) -> bool {
        self.request.approval == Approval::Number && self.number.len() < 2 && c.is_ascii_digit()
    }

    fn enter(&mut self) -> LoginStep {
        let decision = match (self.choice, self.request.approval) {
            (None, _) => return LoginStep::Hint("Choose with ← and →, then press Enter."),
            (Some(Choice::Deny), _) => Decision::Deny,
            (Some(Choice::NotMe), _) => Decision::NotMe,
            (Some(Choice::Approve), Approval::Tap) => Decision::Approve(None),
            (Some(Choice::Approve), Approval::Number) => match PushNumber::parse(&self.number) {
                Ok(number) => Decision::Approve(Some(number)),
                Err(_) => return LoginStep::Hint("Type the two digits that the login shows."),
            },
        };
        self.progress = Progress::Sent;
        LoginStep::Answer(Box::new(self.request.clone()), decision)
    }
}

impl Logins {
    /// The login that is shown.
    pub fn first(&self) -> Option<&Login> {
        self.waiting.front()
    }

    pub(super) fn first_mut(&mut self) -> Option<&mut Login> {
        self.waiting.front_mut()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes one in that was not there before; says whether it was.
    pub(super) fn came(&mut self, request: LoginRequest, closes_unix: u64) -> Coming {
        if self.known.contains(&request.session) || self.waiting.len() == WAITING_MAX {
            return Coming::PassedOver;
        }
        if self.known.len() == KNOWN_MAX {
            self.known.pop_front();
        }
        self.known.push_back(request.session);
        self.waiting.push_back(Login::new(request, closes_unix));
        Coming::Waits
    }

    /// Takes one out; says whether it was the one that is shown.
    pub(super) fn gone(&mut self, session: PushSession) -> Going {
        let is_it = |login: &Login| login.request.session == session;
        let was_shown = self.waiting.front().is_some_and(is_it);
        self.waiting.retain(|login| !is_it(login));
        if was_shown {
            Going::Shown
        } else {
            Going::Behind
        }
    }

    /// The answer to one did not arrive: the person may try again.
    pub(super) fn failed(&mut self, session: PushSession) {
        let mut waiting = self.waiting.iter_mut();
        if let Some(login) = waiting.find(|login| login.request.session == session) {
            login.progress = Progress::Asked;
        }
    }

    /// Answers that were on their way for logins of these tokens are not any more: the person may answer again. Says
    /// whether there were any.
    pub(super) fn unsent(&mut self, tokens: &[TokenSerial]) -> bool {
        let mut any = false;
        for login in &mut self.waiting {
            if login.progress == Progress::Sent && tokens.contains(&login.request.token) {
                login.progress = Progress::Asked;
                any = true;
            }
        }
        any
    }

    /// Takes out those of a token.
    pub(super) fn gone_with(&mut self, token: &TokenSerial) {
        self.waiting.retain(|login| login.request.token != *token);
    }

    /// Takes out what is too late; says whether the one that was shown went with it.
    pub(super) fn expire(&mut self, now_unix: u64) -> Going {
        let is_late = |login: &Login| login.closes_unix <= now_unix;
        let was_shown = self.waiting.front().is_some_and(is_late);
        self.waiting.retain(|login| !is_late(login));
        if was_shown {
            Going::Shown
        } else {
            Going::Behind
        }
    }
}

/// What becomes of a login that comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Coming {
    Waits,
    PassedOver,
}

/// Where a login stood that goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Going {
    Shown,
    Behind,
}

//! Hears the push relay while the screen is open, and sends what the person says.

use super::desk::Pushing;
use crate::activation::Receipts;
use crate::contents::{Contents, ReceiptState};
use crate::following::{Followed, Following};
use crate::push::{Heard, Relay};
use softtoken::device::AnswerHash;
use softtoken::push::{Decision, LoginRequest, PushSession};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::join;
use tokio::sync::mpsc::{Receiver, Sender};

/// What the attendant tells the screen.
pub(super) enum News {
    /// How it stands.
    Pushing(Pushing),
    /// What the token server says of this computer's clock.
    Clock(Option<String>),
    /// A login waits, until this second of this computer's clock.
    Login(Box<LoginRequest>, u64),
    /// It needs no answer any more.
    Withdrawn(PushSession),
    /// What became of a token's receipt.
    Settled(AnswerHash, ReceiptState),
    /// An answer has arrived.
    Answered(PushSession, Decision),
    /// It has not, and why.
    Unanswered(PushSession, String),
}

/// What the person said to a login.
pub(super) struct Said {
    pub(super) request: Box<LoginRequest>,
    pub(super) decision: Decision,
}

/// Between the relay and the screen. It has contents of its own: those of the screen change.
pub(super) struct Attendant<'a> {
    pub(super) contents: Contents,
    pub(super) news: Sender<News>,
    pub(super) now_unix: &'a (dyn Fn() -> u64 + Sync),
}

impl Attendant<'_> {
    /// Attends until it is dropped, and passes on what is said.
    pub(super) async fn attend(self, said: Receiver<Said>) -> Infallible {
        // A token that moves is not here before, and has no logins.
        let mut receipts = Receipts::owed_by(&self.contents);
        self.confirm(&mut receipts).await;
        let (never, ()) = join!(self.hear(said), self.confirm_again(receipts));
        never
    }

    /// Tells registries what they have not heard yet.
    async fn confirm(&self, receipts: &mut Receipts) {
        for (receipt, state) in receipts.send(&self.contents).await {
            self.tell(News::Settled(receipt, state)).await;
        }
    }

    /// Whether there is a relay or not.
    async fn confirm_again(&self, mut receipts: Receipts) {
        while let Some(()) = receipts.are_due().await {
            self.confirm(&mut receipts).await;
        }
    }

    async fn hear(&self, mut said: Receiver<Said>) -> Infallible {
        let mut following = Following::new(&self.contents, self.now_unix);
        loop {
            // What is said while the relay is away waits for it.
            let relay = following.open_relay();
            tokio::select! {
                followed = following.next() => self.followed(followed).await,
                Some((said, relay)) = said_to(&mut said, relay) => self.answer(&relay, &said).await,
            }
        }
    }

    async fn followed(&self, followed: Followed) {
        match followed {
            Followed::Found(relay) => {
                let wrong = relay.clock_error().map(|error| error.to_string());
                self.tell(News::Clock(wrong)).await;
            }
            Followed::Open => self.tell(News::Pushing(Pushing::On)).await,
            Followed::Heard(relay, heard) => self.pass_on(&relay, heard).await,
            Followed::Away(error) | Followed::Over(error) => {
                let why = format!("{error}. {}", error.next_step());
                self.tell(News::Pushing(Pushing::Off(why))).await;
            }
        }
    }

    async fn pass_on(&self, relay: &Relay, heard: Heard) {
        let news = match heard {
            Heard::Withdrawn(session) => News::Withdrawn(session),
            Heard::Login(request) => {
                let now_unix = (self.now_unix)();
                let left_s = request
                    .expires_unix
                    .saturating_sub(relay.time_at_server(now_unix));
                News::Login(request, now_unix.saturating_add(left_s))
            }
        };
        self.tell(news).await;
    }

    async fn answer(&self, relay: &Relay, said: &Said) {
        let Said { request, decision } = said;
        let news = match relay.answer(&self.contents, request, *decision).await {
            Ok(()) => News::Answered(request.session, *decision),
            Err(error) => {
                let why = format!("{error}. {}", error.next_step());
                News::Unanswered(request.session, why)
            }
        };
        self.tell(news).await;
    }

    async fn tell(&self, news: News) {
        // Nobody hears it once the screen is locked; then this ends with it.
        let _ = self.news.send(news).await;
    }
}

/// What is said next, with the relay that it goes to; nothing while there is none.
async fn said_to(
    said: &mut Receiver<Said>,
    relay: Option<Arc<Relay>>,
) -> Option<(Said, Arc<Relay>)> {
    let relay = relay?;
    Some((said.recv().await?, relay))
}

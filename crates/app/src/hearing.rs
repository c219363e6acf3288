//! Logins that the relays of all token servers here tell, for commands. One that is away keeps no other from being
//! heard.

use crate::contents::Contents;
use crate::error::AppError;
use crate::following::{Followed, Following};
use crate::push::{Heard, Relay};
use softtoken::push::{LoginRequest, PushSession};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// News on their way from the relays: more than logins wait.
const ON_THE_WAY: usize = 16;
/// Sessions that were told before: more than a relay keeps, which tells them again on a new stream.
const KNOWN_MAX: usize = 64;

/// The relays that are heard.
pub(crate) struct Hearing<'a> {
    ears: Vec<Ear<'a>>,
    /// Each with the place of its ear.
    followed: Receiver<(usize, Followed)>,
    known: VecDeque<PushSession>,
}

/// What one relay is heard with.
struct Ear<'a> {
    /// Its token server, for people.
    server: String,
    contents: Arc<Contents>,
    following: Pin<Box<dyn Future<Output = Infallible> + Send + 'a>>,
    stand: Stand,
    /// Whether a wrong clock was looked for.
    is_clock_known: bool,
}

/// How it stands with a relay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// It is looked for the first time.
    Sought,
    /// It is heard.
    Heard,
    /// It was heard before, and is asked again.
    Away,
    /// It was not heard when it was first asked; it is asked again.
    Missed,
    /// It is asked no more.
    Over,
}

/// The way to the relay of one token server.
pub(crate) struct Line {
    /// What that token server knows of.
    pub(crate) contents: Arc<Contents>,
    pub(crate) relay: Arc<Relay>,
}

/// What is heard.
pub(crate) enum News {
    /// That this computer's clock is wrong.
    Clock(AppError),
    /// A login waits for the person's word.
    Login(Line, Box<LoginRequest>),
    /// A login needs no answer any more.
    Withdrawn(PushSession),
    /// The relay of this token server is not heard.
    Lost(String, AppError),
    /// The relay of this token server is heard again, or in the end.
    Back(String),
}

impl<'a> Hearing<'a> {
    /// Begins with the token servers of these [parts](Contents::parts).
    pub(crate) fn begin(parts: Vec<Contents>, now_unix: &'a (dyn Fn() -> u64 + Sync)) -> Self {
        let (sender, followed) = channel(ON_THE_WAY);
        let ears = parts.into_iter().enumerate().map(|(at, part)| {
            let server = part.server().map(|server| server.url.to_string());
            let contents = Arc::new(part);
            let following = follow(at, Arc::clone(&contents), sender.clone(), now_unix);
            Ear {
                server: server.unwrap_or_default(),
                contents,
                following: Box::pin(following),
                stand: Stand::Sought,
                is_clock_known: false,
            }
        });
        Self {
            ears: ears.collect(),
            followed,
            known: VecDeque::new(),
        }
    }

    /// Whether nothing is to be waited for: no relay was heard when it was first asked, and none has been since.
    pub(crate) fn is_in_vain(&self) -> bool {
        let mut ears = self.ears.iter();
        ears.all(|ear| matches!(ear.stand, Stand::Missed | Stand::Over))
    }

    /// What is heard next.
    pub(crate) async fn next(&mut self) -> News {
        loop {
            let (at, followed) = self.any().await;
            if let Some(news) = self.ears[at].news(followed)
                && self.is_new(&news)
            {
                return news;
            }
        }
    }

    /// A relay tells on a new stream what it told before.
    fn is_new(&mut self, news: &News) -> bool {
        let News::Login(_, request) = news else {
            return true;
        };
        if self.known.contains(&request.session) {
            return false;
        }
        if self.known.len() == KNOWN_MAX {
            self.known.pop_front();
        }
        self.known.push_back(request.session);
        true
    }

    async fn any(&mut self) -> (usize, Followed) {
        poll_fn(|context| {
            for ear in &mut self.ears {
                if let Poll::Ready(never) = ear.following.as_mut().poll(context) {
                    match never {}
                }
            }
            match self.followed.poll_recv(context) {
                Poll::Ready(Some(followed)) => Poll::Ready(followed),
                // Whoever follows holds the other end for good.
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

impl Ear<'_> {
    /// That a relay is away, or back, is news once.
    fn news(&mut self, followed: Followed) -> Option<News> {
        match followed {
            Followed::Found(relay) => {
                let is_known = std::mem::replace(&mut self.is_clock_known, true);
                relay.clock_error().filter(|_| !is_known).map(News::Clock)
            }
            Followed::Open => match std::mem::replace(&mut self.stand, Stand::Heard) {
                Stand::Away | Stand::Missed => Some(News::Back(self.server.clone())),
                Stand::Sought | Stand::Heard | Stand::Over => None,
            },
            Followed::Heard(_, Heard::Withdrawn(session)) => Some(News::Withdrawn(session)),
            Followed::Heard(relay, Heard::Login(request)) => {
                let contents = Arc::clone(&self.contents);
                Some(News::Login(Line { contents, relay }, request))
            }
            Followed::Away(why) => {
                let away = match self.stand {
                    Stand::Sought => Stand::Missed,
                    Stand::Heard => Stand::Away,
                    Stand::Away | Stand::Missed | Stand::Over => return None,
                };
                self.stand = away;
                Some(News::Lost(self.server.clone(), why))
            }
            Followed::Over(why) => {
                self.stand = Stand::Over;
                Some(News::Lost(self.server.clone(), why))
            }
        }
    }
}

/// Tells what comes of following a relay. Nobody takes news any more only once this is dropped, too.
async fn follow(
    at: usize,
    contents: Arc<Contents>,
    followed: Sender<(usize, Followed)>,
    now_unix: &(dyn Fn() -> u64 + Sync),
) -> Infallible {
    let mut following = Following::new(&contents, now_unix);
    loop {
        let _ = followed.send((at, following.next().await)).await;
    }
}

//! The ways to the relays of all token servers here, worked on while the screen waits: what one says, and what is said
//! to it, no other hears.

use super::attendant::{Attendant, News, Said};
use super::desk::Pushing;
use crate::contents::{Contents, Token};
use crate::error::AppError;
use crate::vault::VaultError;
use ident::TokenSerial;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// News and answers on their way between the screen and a relay: more than logins wait.
const ON_THE_WAY: usize = 32;

/// One for each token server.
pub(super) struct Lines<'a>(Vec<Line<'a>>);

struct Line<'a> {
    /// Its token server, for people.
    server: String,
    tokens: Vec<TokenSerial>,
    attending: Pin<Box<dyn Future<Output = Infallible> + Send + 'a>>,
    news: Receiver<News>,
    said: Sender<Said>,
    pushing: Pushing,
    clock: Option<String>,
}

impl<'a> Lines<'a> {
    pub(super) fn open(
        contents: &Contents,
        now_unix: &'a (dyn Fn() -> u64 + Sync),
    ) -> Result<Self, AppError> {
        let parts = contents.parts().map_err(VaultError::from)?;
        let lines = parts.into_iter().map(|part| Line::open(part, now_unix));
        Ok(Self(lines.collect()))
    }

    /// What is heard next; how it stands with logins and with the clock, of all lines together.
    pub(super) async fn next(&mut self) -> News {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Sends an answer to the relay from which its login came.
    pub(super) fn say(&self, said: Said) {
        let token = said.request.token;
        if let Some(line) = self.0.iter().find(|line| line.tokens.contains(&token)) {
            // There is room: fewer logins wait.
            let _ = line.said.try_send(said);
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<News> {
        for at in 0..self.0.len() {
            match self.0[at].poll_next(context) {
                Poll::Ready(News::Pushing(pushing)) => {
                    self.0[at].pushing = pushing;
                    return Poll::Ready(News::Pushing(self.pushing()));
                }
                Poll::Ready(News::Clock(wrong)) => {
                    self.0[at].clock = wrong;
                    let wrong = self.0.iter().find_map(|line| line.clock.clone());
                    return Poll::Ready(News::Clock(wrong));
                }
                Poll::Ready(news) => return Poll::Ready(news),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    fn pushing(&self) -> Pushing {
        let lines = self.0.iter();
        let lines: Vec<_> = lines.map(|it| (&*it.server, &it.pushing)).collect();
        together(&lines)
    }
}

/// How it stands with logins where it stands so with those of each token server.
fn together(lines: &[(&str, &Pushing)]) -> Pushing {
    if let [(_, only)] = lines {
        return (*only).clone();
    }
    let off = lines.iter().filter_map(|(server, pushing)| match pushing {
        Pushing::Off(why) => Some(format!("{server}: {why}")),
        Pushing::Connecting | Pushing::On | Pushing::Partly(_) => None,
    });
    let off: Vec<_> = off.collect();
    let is_connecting = |(_, pushing): &(&str, &Pushing)| **pushing == Pushing::Connecting;
    match off.len() {
        0 if lines.iter().any(is_connecting) => Pushing::Connecting,
        0 => Pushing::On,
        all if all == lines.len() => Pushing::Off(off.join(" ")),
        _ => Pushing::Partly(off.join(" ")),
    }
}

impl<'a> Line<'a> {
    fn open(part: Contents, now_unix: &'a (dyn Fn() -> u64 + Sync)) -> Self {
        let (news_sender, news) = channel(ON_THE_WAY);
        let (said, said_receiver) = channel(ON_THE_WAY);
        let server = part.server().map(|server| server.url.name().to_string());
        let tokens = part.tokens().iter().filter_map(Token::serial).collect();
        let attendant = Attendant {
            contents: part,
            news: news_sender,
            now_unix,
        };
        Self {
            server: server.unwrap_or_default(),
            tokens,
            attending: Box::pin(attendant.attend(said_receiver)),
            news,
            said,
            pushing: Pushing::Connecting,
            clock: None,
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<News> {
        if let Poll::Ready(never) = self.attending.as_mut().poll(context) {
            match never {}
        }
        match self.news.poll_recv(context) {
            Poll::Ready(Some(news)) => Poll::Ready(news),
            // The attendant holds the other end for good.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_that_do_not_come_are_told_with_their_token_server() {
        let (on, connecting) = (Pushing::On, Pushing::Connecting);
        let off = Pushing::Off("no relay.".to_owned());
        let told = "one: no relay. two: no relay.".to_owned();
        for (one, two, expected) in [
            (&on, &on, on.clone()),
            (&on, &connecting, connecting.clone()),
            (&off, &off, Pushing::Off(told)),
            (&on, &off, Pushing::Partly("two: no relay.".to_owned())),
            (
                &off,
                &connecting,
                Pushing::Partly("one: no relay.".to_owned()),
            ),
        ] {
            assert_eq!(together(&[("one", one), ("two", two)]), expected);
        }
        assert_eq!(together(&[("one", &off)]), off);
    }
}

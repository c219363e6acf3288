//! The ways to the relays of all token servers here, worked on while the screen waits: what one says, and what is said
//! to it, no other hears.

use super::attendant::{Attendant, News, Said};
use super::desk::Pushing;
use crate::contents::{Contents, OwedReceipt, Server, Token};
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
    server: Option<Server>,
    tokens: Vec<TokenSerial>,
    /// Receipts that are sent on it until they are settled.
    receipts: Vec<OwedReceipt>,
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

    /// Opens those anew whose tokens are others now; the rest goes on, with the answers that are on their way there.
    /// Gives the tokens whose answers are not on their way any more.
    pub(super) fn reopen(
        &mut self,
        contents: &Contents,
        now_unix: &'a (dyn Fn() -> u64 + Sync),
    ) -> Result<Vec<TokenSerial>, AppError> {
        let parts = contents.parts().map_err(VaultError::from)?;
        let mut before = std::mem::take(&mut self.0);
        let lines =
            parts.into_iter().map(
                |part| match before.iter().position(|line| line.serves(&part)) {
                    Some(at) => before.swap_remove(at),
                    None => Line::open(part, now_unix),
                },
            );
        self.0 = lines.collect();
        Ok(before.into_iter().flat_map(|line| line.tokens).collect())
    }

    /// What is heard next; how it stands with logins and with the clock, of all lines together.
    pub(super) async fn next(&mut self) -> News {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// How it stands with logins.
    pub(super) fn pushing(&self) -> Pushing {
        let lines = self.0.iter();
        let lines: Vec<_> = lines.map(|it| (it.name(), &it.pushing)).collect();
        together(&lines)
    }

    /// What is wrong with this computer's clock.
    pub(super) fn clock(&self) -> Option<String> {
        self.0.iter().find_map(|line| line.clock.clone())
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
                    return Poll::Ready(News::Clock(self.clock()));
                }
                Poll::Ready(News::Settled(receipt, state)) => {
                    let receipts = &mut self.0[at].receipts;
                    receipts.retain(|owed| owed.answer_hash != receipt);
                    return Poll::Ready(News::Settled(receipt, state));
                }
                Poll::Ready(news) => return Poll::Ready(news),
                Poll::Pending => {}
            }
        }
        Poll::Pending
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
        let server = part.server().cloned();
        let tokens = serials(&part);
        let receipts = part.owed_receipts().to_vec();
        let attendant = Attendant {
            contents: part,
            news: news_sender,
            now_unix,
        };
        Self {
            server,
            tokens,
            receipts,
            attending: Box::pin(attendant.attend(said_receiver)),
            news,
            said,
            pushing: Pushing::Connecting,
            clock: None,
        }
    }

    /// Its token server, for people.
    fn name(&self) -> &str {
        let server = self.server.as_ref();
        server.map_or("", |server| server.url.name().as_str())
    }

    /// Whether it was opened for what this part has. A token that came again owes another receipt.
    fn serves(&self, part: &Contents) -> bool {
        let mut owed = part.owed_receipts().iter();
        self.server.as_ref() == part.server()
            && self.tokens == serials(part)
            && owed.all(|receipt| self.receipts.contains(receipt))
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

/// In an order of their own: that of the list is changed by hand.
fn serials(part: &Contents) -> Vec<TokenSerial> {
    let mut serials: Vec<_> = part.tokens().iter().filter_map(Token::serial).collect();
    serials.sort_unstable();
    serials
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::contents::ReceiptState;
    use crate::device::Device;
    use softtoken::device::AnswerHash;

    fn server(name: &str) -> Server {
        samples::server(&format!("https://{name}.example.org"))
    }

    /// Takes a token in, as one of this server that came by its code.
    fn arrives(contents: &mut Contents, number: u8, of: &str) {
        let serial = TokenSerial::mobile([number; 5]);
        contents.put(samples::token(number, server(of))).unwrap();
        contents.owe_receipt(OwedReceipt {
            token: serial,
            answer_hash: AnswerHash::from_bytes([number; 32]),
            server: server(of),
        });
        contents.remember_server(server(of));
    }

    /// Which lines went on, as they stood.
    fn stand(lines: &Lines<'_>) -> Vec<(String, Pushing)> {
        let lines = lines.0.iter();
        let mut stand: Vec<_> = lines
            .map(|line| (line.name().to_owned(), line.pushing.clone()))
            .collect();
        stand.sort_by(|one, other| one.0.cmp(&other.0));
        stand
    }

    #[test]
    fn lines_of_other_token_servers_go_on_when_a_token_comes_or_goes() {
        let now_unix = || 0;
        let mut contents = Contents::new(Device::generate().unwrap());
        arrives(&mut contents, 1, "work");
        arrives(&mut contents, 2, "club");
        let mut lines = Lines::open(&contents, &now_unix).unwrap();
        for line in &mut lines.0 {
            line.pushing = Pushing::On;
        }
        let at = |work: Pushing, club: Pushing| {
            let [work, club] = [("work", work), ("club", club)]
                .map(|(name, stand)| (format!("{name}.example.org"), stand));
            vec![club, work]
        };

        // What another order, a name or a settled receipt changes, a relay has nothing to do with.
        contents.move_to("FTKMOB0101010101", 1).unwrap();
        let settled = AnswerHash::from_bytes([1; 32]);
        contents.settle_receipt(&settled, ReceiptState::Confirmed);
        assert_eq!(lines.reopen(&contents, &now_unix).unwrap(), []);
        assert_eq!(stand(&lines), at(Pushing::On, Pushing::On));

        arrives(&mut contents, 3, "club");
        let club = [2, 3].map(|number| TokenSerial::mobile([number; 5]));
        assert_eq!(lines.reopen(&contents, &now_unix).unwrap(), club[..1]);
        assert_eq!(stand(&lines), at(Pushing::On, Pushing::Connecting));

        // The same serial with another secret.
        let again = OwedReceipt {
            token: club[0],
            answer_hash: AnswerHash::from_bytes([9; 32]),
            server: server("club"),
        };
        contents.owe_receipt(again);
        assert_eq!(lines.reopen(&contents, &now_unix).unwrap(), club);

        contents.remove(club[0].as_str()).unwrap();
        contents.remove(club[1].as_str()).unwrap();
        assert_eq!(lines.reopen(&contents, &now_unix).unwrap(), club);
        let only = ("work.example.org".to_owned(), Pushing::On);
        assert_eq!(stand(&lines), [only]);
    }

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

//! Logins that the relays of all token servers here tell, for commands. One that is lost keeps no other from being
//! heard.

use crate::contents::Contents;
use crate::error::AppError;
use crate::push::{Heard, Relay};
use crate::vault::VaultError;
use softtoken::push::{LoginRequest, PushSession};
use std::collections::VecDeque;
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
    lines: Vec<Pin<Box<dyn Future<Output = Lost> + Send + 'a>>>,
    news: Receiver<News>,
    known: VecDeque<PushSession>,
}

/// The way to the relay of one token server.
pub(crate) struct Line {
    /// What that token server knows of.
    pub(crate) contents: Contents,
    pub(crate) relay: Relay,
}

/// What is heard.
pub(crate) enum News {
    /// That this computer's clock is wrong.
    Clock(AppError),
    /// A login waits for the person's word.
    Login(Arc<Line>, Box<LoginRequest>),
    /// A login needs no answer any more.
    Withdrawn(PushSession),
    /// A relay is heard no more.
    Lost(Lost),
}

/// A relay that is heard no more.
pub(crate) struct Lost {
    /// Its token server, for people.
    pub(crate) server: String,
    pub(crate) why: AppError,
}

impl<'a> Hearing<'a> {
    /// Begins with every token server of the tokens here.
    pub(crate) fn begin(
        contents: &Contents,
        now_unix: &'a (dyn Fn() -> u64 + Sync),
    ) -> Result<Self, AppError> {
        let (sender, news) = channel(ON_THE_WAY);
        let parts = contents.parts().map_err(VaultError::from)?;
        let lines = parts.into_iter().map(|part| {
            let server = part.server().map(|server| server.url.to_string());
            let heard = hear(part, sender.clone(), now_unix);
            let line = async move {
                Lost {
                    server: server.unwrap_or_default(),
                    why: heard.await,
                }
            };
            Box::pin(line) as Pin<Box<dyn Future<Output = Lost> + Send + 'a>>
        });
        Ok(Self {
            lines: lines.collect(),
            news,
            known: VecDeque::new(),
        })
    }

    /// Whether no relay is left.
    pub(crate) fn is_over(&self) -> bool {
        self.lines.is_empty()
    }

    /// What is heard next; nothing once all relays are lost.
    pub(crate) async fn next(&mut self) -> Option<News> {
        loop {
            let news = self.any().await;
            if let Some(News::Login(_, request)) = &news {
                if self.known.contains(&request.session) {
                    continue;
                }
                if self.known.len() == KNOWN_MAX {
                    self.known.pop_front();
                }
                self.known.push_back(request.session);
            }
            return news;
        }
    }

    async fn any(&mut self) -> Option<News> {
        poll_fn(|context| {
            for at in 0..self.lines.len() {
                if let Poll::Ready(lost) = self.lines[at].as_mut().poll(context) {
                    drop(self.lines.remove(at));
                    return Poll::Ready(Some(News::Lost(lost)));
                }
            }
            self.news.poll_recv(context)
        })
        .await
    }
}

/// Tells what a relay says, until it is lost.
async fn hear(
    contents: Contents,
    news: Sender<News>,
    now_unix: &(dyn Fn() -> u64 + Sync),
) -> AppError {
    let relay = match Relay::find(&contents, now_unix()).await {
        Ok(relay) => relay,
        Err(error) => return error,
    };
    let line = Arc::new(Line { contents, relay });
    // Nobody takes news any more only once this is dropped, too.
    if let Some(error) = line.relay.clock_error() {
        let _ = news.send(News::Clock(error)).await;
    }
    loop {
        let mut requests = match line.relay.listen(&line.contents).await {
            Ok(requests) => requests,
            Err(error) => return error,
        };
        loop {
            let heard = match requests.next(&line.contents, now_unix).await {
                Ok(Some(Heard::Login(request))) => News::Login(Arc::clone(&line), request),
                Ok(Some(Heard::Withdrawn(session))) => News::Withdrawn(session),
                Ok(None) => break,
                Err(error) => return error,
            };
            let _ = news.send(heard).await;
        }
    }
}

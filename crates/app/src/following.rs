//! Follows the push relay of one token server, for the live screen and for commands: finds it, opens its stream, and
//! opens that again when it ends or the relay comes back.

use crate::contents::Contents;
use crate::error::AppError;
use crate::push::{Heard, PushFailure, Relay, Requests};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// How soon a relay that is away is asked again: a login waits for a minute.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// A stream that ended is opened again at once, but not in a circle.
const REOPEN_AFTER: Duration = Duration::from_millis(500);

/// A relay that is followed.
pub(crate) struct Following<'a> {
    contents: &'a Contents,
    now_unix: &'a (dyn Fn() -> u64 + Sync),
    way: Way,
    pause: Option<Duration>,
}

/// How far the way to the relay is.
enum Way {
    Sought,
    Found(Arc<Relay>),
    Open(Arc<Relay>, Box<Requests>),
    /// It is not sought again.
    Over,
}

/// What comes of it.
pub(crate) enum Followed {
    /// The relay is found, with what its token server says of the time.
    Found(Arc<Relay>),
    /// Its stream is open: logins come.
    Open,
    /// What it says.
    Heard(Arc<Relay>, Heard),
    /// It is not heard, and asked again after a pause.
    Away(AppError),
    /// It is not heard, and asking again changes nothing.
    Over(AppError),
}

impl<'a> Following<'a> {
    /// Begins with the token server of contents, or of a [part](Contents::parts).
    pub(crate) fn new(contents: &'a Contents, now_unix: &'a (dyn Fn() -> u64 + Sync)) -> Self {
        Self {
            contents,
            now_unix,
            way: Way::Sought,
            pause: None,
        }
    }

    /// The relay while its stream is open.
    pub(crate) fn open_relay(&self) -> Option<Arc<Relay>> {
        match &self.way {
            Way::Open(relay, _) => Some(Arc::clone(relay)),
            Way::Sought | Way::Found(_) | Way::Over => None,
        }
    }

    /// What comes next; nothing any more once it is over. Whoever stops waiting for it loses nothing that was heard:
    /// a way that was being made is begun again.
    pub(crate) async fn next(&mut self) -> Followed {
        loop {
            if let Some(pause) = self.pause {
                sleep(pause).await;
                self.pause = None;
            }
            match self.step().await {
                Ok(Some(followed)) => return followed,
                Ok(None) => self.pause = Some(REOPEN_AFTER),
                Err(error) if is_for_good(&error) => {
                    self.way = Way::Over;
                    return Followed::Over(error);
                }
                Err(error) => {
                    self.way = Way::Sought;
                    self.pause = Some(AGAIN_AFTER);
                    return Followed::Away(error);
                }
            }
        }
    }

    /// Nothing where the stream has ended.
    async fn step(&mut self) -> Result<Option<Followed>, AppError> {
        match &mut self.way {
            Way::Sought => {
                let relay = Relay::find(self.contents, (self.now_unix)()).await?;
                let relay = Arc::new(relay);
                self.way = Way::Found(Arc::clone(&relay));
                Ok(Some(Followed::Found(relay)))
            }
            Way::Found(relay) => {
                let requests = relay.listen(self.contents).await?;
                self.way = Way::Open(Arc::clone(relay), Box::new(requests));
                Ok(Some(Followed::Open))
            }
            Way::Open(relay, requests) => {
                let relay = Arc::clone(relay);
                match requests.next(self.contents, self.now_unix).await? {
                    Some(heard) => Ok(Some(Followed::Heard(relay, heard))),
                    None => {
                        self.way = Way::Found(relay);
                        Ok(None)
                    }
                }
            }
            Way::Over => std::future::pending().await,
        }
    }
}

/// Asking again changes nothing.
fn is_for_good(error: &AppError) -> bool {
    matches!(
        error,
        AppError::Push(PushFailure::NoServer | PushFailure::NoRelay)
    )
}

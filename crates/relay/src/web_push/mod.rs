//! Web Push (RFC 8030, 8291, 8292): wakes phones whose app is closed.
//!
//! What goes out says that a login waits, encrypted to the phone's browser; the app then fetches the login as
//! ever. The push service of the browser's vendor carries it: it learns that this relay has something for that
//! phone, and when.
//!
//! - [`services`]: where a relay sends at all.
//! - `book`: where phones are woken.
//! - `message`, `vapid`, `delivery`: one message on its way.

mod book;
mod delivery;
mod message;
pub mod services;
mod vapid;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ident::RegistrationId;
use reqwest::Certificate;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use softtoken::push::{Addressed, ApplicationServerKey, PushWakeUp, Subscription};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use book::{Book, BookError, Keeping};
use delivery::{Courier, Outcome};
use services::{PushService, Services};
use vapid::{Vapid, VapidError};

use crate::clock::now_unix;
use crate::switchboard::KEPT_S;

/// Messages that are on their way or wait for another try, at some 3 KiB each: everybody of a large office who
/// logs in within the same minute. One more is not sent; its login still waits at the relay.
const UNDER_WAY_MAX: usize = 4_096;
/// Those of one phone: as many logins as people have open, and no stranger's phone takes all places.
const OF_PHONE_MAX: usize = 4;
/// Requests that are open at one push service: one that is slow takes no places of others.
const OF_SERVICE_MAX: usize = 32;
/// A message is tried so often before its login is left to the open app.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// What a relay needs to wake phones.
#[derive(Debug)]
pub struct Config {
    /// The file of subscriptions.
    pub subscriptions: PathBuf,
    /// The relay's key towards push services, P-256.
    pub key: PrivatePkcs8KeyDer<'static>,
    /// `mailto:` or `https:`, where operators of a push service reach those of the relay (RFC 8292 section 2.1).
    pub contact: String,
    /// Push services that are sent to.
    pub services: Vec<PushService>,
    /// Addresses of push services in private networks.
    pub private_addresses: Vec<IpAddr>,
    /// Authorities of push services that the system does not know.
    pub authorities: Vec<CertificateDer<'static>>,
}

/// Why phones cannot be woken.
#[derive(Debug, thiserror::Error)]
pub enum WebPushError {
    /// The file of subscriptions.
    #[error(transparent)]
    Book(#[from] BookError),
    /// The key.
    #[error("the relay's key towards push services cannot be used: {0}")]
    Key(#[from] VapidError),
    /// The connections.
    #[error("push services cannot be asked: {0}")]
    Http(#[from] reqwest::Error),
}

/// The relay sends to no such push service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NotListed;

/// Wakes phones.
pub(crate) struct WebPush {
    book: Book,
    courier: Courier,
    services: Services,
    /// One for each service on the list.
    open: Vec<Semaphore>,
    under_way: Arc<Semaphore>,
}

impl WebPush {
    pub(crate) fn open(config: Config) -> Result<Self, WebPushError> {
        let services = Services::new(config.services, &config.private_addresses);
        let vapid = Vapid::open(config.key.secret_pkcs8_der(), config.contact)?;
        let authorities = config.authorities.iter();
        let authorities: Result<Vec<_>, _> =
            authorities.map(|it| Certificate::from_der(it)).collect();
        Ok(Self {
            book: Book::open(&config.subscriptions)?,
            courier: Courier::new(vapid, &services, authorities?)?,
            open: (0..services.len())
                .map(|_| Semaphore::new(OF_SERVICE_MAX))
                .collect(),
            services,
            under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
        })
    }

    pub(crate) fn key(&self) -> ApplicationServerKey {
        self.courier.key()
    }

    /// Where a device is woken from now on, or that it is not. Blocks until that is on disk where the device is
    /// kept there.
    pub(crate) fn subscribe(
        &self,
        device: RegistrationId,
        subscription: Option<Subscription>,
        is_new: impl Fn(&RegistrationId) -> bool,
    ) -> Result<(), NotListed> {
        let written = match subscription {
            Some(it) if self.services.place_of(&it.endpoint).is_none() => {
                tracing::info!(
                    service = %it.endpoint.server(),
                    "a phone's push service is not on the list 'services'"
                );
                return Err(NotListed);
            }
            Some(it) if is_new(&device) => self.book.put(device, it, Keeping::Memory),
            Some(it) => self.book.put(device, it, Keeping::File),
            None => self.book.forget(&device, None),
        };
        if let Err(error) = written {
            tracing::error!(%error, "a Web Push subscription is not on disk");
        }
        Ok(())
    }

    /// Whether a gateway that asks for the device makes its subscription one to keep.
    pub(crate) fn is_new(&self, device: &RegistrationId) -> bool {
        self.book.is_in_memory(device)
    }

    /// A gateway has asked for the device. Blocks until that is on disk.
    pub(crate) fn keep(&self, device: &RegistrationId) {
        if let Err(error) = self.book.keep(device) {
            tracing::error!(%error, "a Web Push subscription is forgotten when the relay ends");
        }
    }

    /// Forgets subscriptions of devices that are forgotten.
    pub(crate) fn sweep(&self, is_known: impl Fn(&RegistrationId) -> bool) {
        self.book.sweep(is_known);
    }

    /// Has the device woken for a login, as long as that waits.
    pub(crate) fn wake(
        self: &Arc<Self>,
        login: Addressed,
        waits: impl Fn() -> bool + Send + 'static,
    ) {
        let Some((subscription, _)) = self.book.find(&login.device) else {
            return;
        };
        let login = Addressed {
            expires_unix: login.expires_unix.min(now_unix() + KEPT_S),
            ..login
        };
        // The book has one, unless the phone has another subscription by now, this function another, and each
        // message under way one.
        let of_phone = Arc::strong_count(&subscription).saturating_sub(2);
        let place = Arc::clone(&self.under_way).try_acquire_owned();
        let (true, Ok(place)) = (of_phone < OF_PHONE_MAX, place) else {
            tracing::warn!("too many Web Push messages are under way; one is not sent");
            return;
        };
        tokio::spawn(Arc::clone(self).deliver(login, subscription, waits, place));
    }

    async fn deliver(
        self: Arc<Self>,
        login: Addressed,
        subscription: Arc<Subscription>,
        waits: impl Fn() -> bool + Send,
        _place: OwnedSemaphorePermit,
    ) {
        let service = subscription.endpoint.server();
        let mut pause = Duration::ZERO;
        for attempt in 0..TRIES {
            if !self.rest(&login, pause).await {
                return;
            }
            // Not on the list any more since the phone subscribed: it hears of it when its app is opened.
            let Some(open) = self.open_to(&subscription) else {
                return;
            };
            let _open = open.acquire().await;
            if !waits() {
                return;
            }
            match self.send(&login, &subscription).await {
                Outcome::Taken => {
                    tracing::debug!(%service, "a phone is told of a login");
                    return;
                }
                Outcome::Gone => {
                    tracing::debug!(%service, "a Web Push subscription has ended");
                    self.forget(login.device, subscription).await;
                    return;
                }
                Outcome::Refused(status) => {
                    tracing::warn!(%service, %status, "a push service refuses the message");
                    return;
                }
                Outcome::Later(seconds) => {
                    tracing::warn!(%service, seconds, "a push service asks to wait");
                    self.book.quiet(&login.device, now_unix() + seconds);
                    pause = Duration::ZERO;
                }
                Outcome::Failed(why) => {
                    tracing::warn!(%service, %why, "a push service was not reached");
                    pause = FIRST_PAUSE * 2u32.pow(attempt);
                }
            }
        }
    }

    /// Waits for so long, and for as long as the phone's push service wants; whether the login does too.
    async fn rest(&self, login: &Addressed, pause: Duration) -> bool {
        let Some((_, quiet_until)) = self.book.find(&login.device) else {
            return false;
        };
        let now = now_unix();
        let pause = pause.max(Duration::from_secs(quiet_until.saturating_sub(now)));
        if now + pause.as_secs() >= login.expires_unix {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }

    fn open_to(&self, subscription: &Subscription) -> Option<&Semaphore> {
        let place = self.services.place_of(&subscription.endpoint)?;
        self.open.get(place)
    }

    async fn send(&self, login: &Addressed, subscription: &Subscription) -> Outcome {
        let wake_up = PushWakeUp {
            session: login.session,
            expires_unix: login.expires_unix,
        };
        self.courier.send(subscription, wake_up, now_unix()).await
    }

    async fn forget(self: &Arc<Self>, device: RegistrationId, ended: Arc<Subscription>) {
        let own = Arc::clone(self);
        let forgotten =
            tokio::task::spawn_blocking(move || own.book.forget(&device, Some(&ended))).await;
        if let Ok(Err(error)) = forgotten {
            tracing::error!(%error, "a Web Push subscription that has ended is not forgotten on disk");
        }
    }
}

#[cfg(test)]
mod tests;

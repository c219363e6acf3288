//! What has to be done about certificates in time: those that an authority gives are renewed, and whoever
//! administers the unit is warned of those that end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::access::Authority;
use domain::admin::{Edit, Operation};
use domain::audit::{CertificateEvent, Event, What};
use domain::certificate::{Details, Enrolment, State, Validity};
use domain::schema::{CERTIFICATE_LOCAL, Object, Value};
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tracing::warn;
use zeroize::Zeroizing;

use super::acme::{self, Asked, Enrolled, Failure, Http};
use super::{Certificates, place};
use crate::clock;
use crate::network::HttpNames;
use crate::stopped;

/// The longest time in which nobody looks, so that a clock that is set is noticed.
const LOOK_EVERY: Duration = Duration::from_mins(10);
/// From a failure to the next try. A public authority takes five failures of a name in an hour.
const FIRST_PAUSE: Span = Span::from_mins(15);
/// However often it failed.
const LONGEST_PAUSE: Span = Span::from_hours(24);
/// An ending certificate is told of once a day.
const TELL_EVERY: Span = Span::from_hours(24);
/// An order at an authority takes seconds, and minutes at most.
const ORDER_DEADLINE: Duration = Duration::from_mins(5);

/// What became of what an authority gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Taken {
    Kept,
    /// Nobody wants it any more.
    AsksForOther,
}

/// How it stands with an entry that an authority gives.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    failures: u32,
    next: Timestamp,
    why: Box<str>,
    next_step: &'static str,
}

/// What is remembered while the process runs.
#[derive(Default)]
pub(super) struct Progress {
    tried: Mutex<HashMap<Box<str>, Tried>>,
    told: Mutex<HashMap<Box<str>, (CertificateEvent, Timestamp)>>,
    changed: Notify,
}

impl Progress {
    /// An entry was changed: a failure of before says nothing any more.
    pub(super) fn forget(&self, name: &str) {
        lock(&self.tried).remove(name);
        self.changed.notify_one();
    }

    /// Why the last try failed, and when the next one is.
    pub(super) fn failure(&self, name: &str) -> Option<(Box<str>, Timestamp)> {
        let tried = lock(&self.tried).get(name).cloned()?;
        Some((
            format!("{}; {}", tried.why, tried.next_step).into(),
            tried.next,
        ))
    }

    fn failed(&self, name: &str, failure: &Failure, now: Timestamp) {
        let mut tried = lock(&self.tried);
        let failures = tried.get(name).map_or(0, |before| before.failures);
        let pause = FIRST_PAUSE.micros().saturating_mul(1 << failures.min(7));
        let pause = Span::from_micros(pause).min(LONGEST_PAUSE);
        let now_tried = Tried {
            failures: failures + 1,
            next: now.after(pause),
            why: failure.to_string().into(),
            next_step: failure.next_step(),
        };
        tried.insert(name.into(), now_tried);
    }

    /// Whether it is time to tell of it.
    fn tells(&self, name: &str, event: CertificateEvent, now: Timestamp) -> bool {
        let mut told = lock(&self.told);
        let is_told = told
            .get(name)
            .is_some_and(|(before, at)| *before == event && now.since(*at) < TELL_EVERY);
        if !is_told {
            told.insert(name.into(), (event, now));
        }
        !is_told
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Until the gateway stops.
pub(crate) async fn run(
    certificates: Arc<Certificates>,
    names: HttpNames,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let look = async {
            let due = certificates.look(&names).await;
            let pause = due.since(clock::now()).micros();
            let pause = Duration::from_micros(u64::try_from(pause).unwrap_or(0));
            let changed = certificates.progress.changed.notified();
            let _ = timeout(pause.min(LOOK_EVERY), changed).await;
            // Several changes of one paste are one.
            sleep(Duration::from_millis(100)).await;
        };
        tokio::select! {
            () = look => {}
            () = stopped(&mut stopping) => return,
        }
    }
}

impl Certificates {
    /// Does what is due; when something is due again.
    async fn look(&self, names: &HttpNames) -> Timestamp {
        let later = clock::now().after(Span::from_days(1));
        let entries = match self.store.objects(Vdom::ROOT, &CERTIFICATE_LOCAL).await {
            Ok(entries) => entries,
            Err(error) => {
                warn!(%error, "the certificates cannot be looked at");
                return later;
            }
        };
        let mut next = later;
        for entry in entries {
            let state = self.state(&entry);
            if entry.text("enroll-protocol") == "acme2" {
                next = next.min(self.keep_enrolled(&entry, &state, names).await);
            }
            if let State::Ready(details) = &state {
                self.warn_of(&entry.key, details).await;
            }
        }
        next
    }

    /// How it stands with the authority of an entry, if it has one.
    pub(super) fn enrolment(&self, entry: &Object) -> Option<Enrolment> {
        if entry.text("enroll-protocol") != "acme2" {
            return None;
        }
        let failure = self.progress.failure(&entry.key);
        Some(match failure {
            Some((why, next)) => Enrolment::Failed(why, next),
            None => Enrolment::Waits(self.due(entry, &self.state(entry))),
        })
    }

    async fn keep_enrolled(&self, entry: &Object, state: &State, names: &HttpNames) -> Timestamp {
        let due = self.due(entry, state);
        if clock::now() < due {
            return due;
        }
        let name = &entry.key;
        let tried = match self.enrol(entry, names).await {
            Ok(enrolled) => self.keep(entry, enrolled).await,
            Err(failure) => Err(failure),
        };
        match tried {
            Ok(()) => {
                lock(&self.progress.tried).remove(name);
                clock::now()
            }
            Err(failure) => {
                self.progress.failed(name, &failure, clock::now());
                let detail = format!("{failure}; {}", failure.next_step());
                self.tell(name, CertificateEvent::NotEnrolled, detail).await;
                self.due(entry, state)
            }
        }
    }

    /// When to ask the authority: at once where there is no certificate for these names, else in the last third
    /// of its life, or in the last days as configured.
    fn due(&self, entry: &Object, state: &State) -> Timestamp {
        let tried = lock(&self.progress.tried);
        let tried = tried.get(&entry.key).map(|tried| tried.next);
        tried.unwrap_or_else(|| Self::wanted_from(entry, state))
    }

    /// The same for an authority that was not asked yet.
    fn wanted_from(entry: &Object, state: &State) -> Timestamp {
        let State::Ready(details) = state else {
            return Timestamp::default();
        };
        let has = |domain: &str| details.names.iter().any(|name| **name == *domain);
        if !domains(entry).iter().all(|domain| has(domain)) {
            return Timestamp::default();
        }
        let days = i64::try_from(entry.number("acme-renew-window")).unwrap_or(30);
        details.renewed_from(Span::from_days(days))
    }

    async fn enrol(&self, entry: &Object, names: &HttpNames) -> Result<Enrolled, Failure> {
        let file = entry.text("acme-ca-cert");
        let trusted = (!file.is_empty()).then(|| self.directory.join(file));
        let http = Http::new(trusted.as_deref(), names.clone())?;
        let account = self.store.open_secret(entry, "acme-account");
        let account = account.and_then(|it| String::from_utf8(it.expose().to_vec()).ok());
        let asked = Asked {
            directory: entry.text("acme-ca-url").to_owned(),
            domains: domains(entry),
            email: entry.text("acme-email").to_owned(),
            account: account.map(Zeroizing::new),
        };
        let enrolling = async {
            let registered = acme::register(&asked, http).await?;
            if asked.account.as_ref() != Some(&registered.kept) {
                let account = Value::Secret(registered.kept.clone());
                self.take_over(entry, [("acme-account", account)]).await?;
            }
            acme::enrol(&registered, &asked, &self.chosen).await
        };
        let enrolled = timeout(ORDER_DEADLINE, enrolling).await;
        enrolled.unwrap_or_else(|_| {
            asked
                .domains
                .iter()
                .for_each(|it| self.chosen.fall_silent(it));
            Err(Failure::Invalid)
        })
    }

    /// Takes over what the authority gave; why not. An authority that is asked again at once for what cannot be
    /// kept, or is not what was asked for, gives nothing to anybody here for days.
    async fn keep(&self, asked: &Object, enrolled: Enrolled) -> Result<(), Failure> {
        let name = &*asked.key;
        let given = [
            ("private-key", Value::Secret(enrolled.key)),
            ("certificate", Value::Text(enrolled.chain.trim().into())),
        ];
        if self.take_over(asked, given).await? == Taken::AsksForOther {
            return Ok(());
        }
        let detail = "the authority gave a certificate".to_owned();
        self.tell(name, CertificateEvent::Enrolled, detail).await;
        if let Err(error) = self.follow().await {
            warn!(%error, "the listeners go on with the certificate that they have");
        }
        let now = self.store.object(place(name)).await;
        match now.map_err(Failure::not_kept)? {
            Some(now) if Self::wanted_from(&now, &self.state(&now)) <= clock::now() => Err(
                Failure::not_kept("it is not what acme-domain and acme-renew-window ask for"),
            ),
            _ => Ok(()),
        }
    }

    /// Sets these fields. An entry that was deleted or changed while the authority was asked stays as it is.
    async fn take_over(
        &self,
        asked: &Object,
        given: impl IntoIterator<Item = (&str, Value)>,
    ) -> Result<Taken, Failure> {
        let place = place(&asked.key);
        let now = self.store.object(place.clone()).await;
        let now = now.map_err(Failure::not_kept)?;
        if !now.is_some_and(|now| asks_for_the_same(&now, asked)) {
            return Ok(Taken::AsksForOther);
        }
        let set = |(name, value)| {
            CERTIFICATE_LOCAL
                .field(name)
                .map(|field| Edit::Set(field, value))
        };
        let edits = given.into_iter().filter_map(set).collect();
        let operation = Operation::Configure { place, edits };
        let entropy = clock::entropy().map_err(Failure::not_kept)?;
        let by = Authority::system("acme");
        let kept = self
            .store
            .administer(operation, entropy, by, clock::now(), None);
        kept.await.map_err(Failure::not_kept)?;
        Ok(Taken::Kept)
    }

    async fn warn_of(&self, name: &str, details: &Details) {
        let now = clock::now();
        let (event, detail) = match details.validity(now) {
            Validity::Ending(days) => (
                CertificateEvent::Ending,
                format!("it ends in {days} days: have it renewed"),
            ),
            Validity::Ended => (
                CertificateEvent::Ended,
                "it has ended: browsers and phones refuse it".to_owned(),
            ),
            Validity::NotYet | Validity::Days(_) => return,
        };
        if self.progress.tells(name, event, now) {
            self.tell(name, event, detail).await;
        }
    }

    async fn tell(&self, name: &str, event: CertificateEvent, detail: String) {
        let what = What::Certificate {
            name: name.into(),
            event,
            detail: detail.into(),
        };
        let at = clock::now();
        if let Err(error) = self.store.record(Event { at, what }).await {
            warn!(certificate = name, %error, "the log does not say how the certificate stands");
        }
    }
}

fn asks_for_the_same(one: &Object, other: &Object) -> bool {
    let fields = ["enroll-protocol", "acme-ca-url"];
    domains(one) == domains(other)
        && fields
            .into_iter()
            .all(|field| one.text(field) == other.text(field))
}

fn domains(entry: &Object) -> Vec<String> {
    let list = entry.list("acme-domain");
    list.iter().map(|name| name.to_ascii_lowercase()).collect()
}

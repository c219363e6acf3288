//! Directories and RADIUS servers that know passwords.
//!
//! A backend has up to three servers. They are asked one after the other until one decides, within the
//! one deadline of `remoteauthtimeout`; one that was silent is asked last for a while. "No" is counted
//! like a wrong local password. "I do not know" is neither yes nor no: the login ends in silence.

mod connect;
mod debug;
mod ldap;
mod radius;
mod servers;
mod sources;
mod tls;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cli::debug::{Application, Source};
use domain::backend::{Backend, BackendName, Protocol, Server};
use domain::login::outlook::KnownBackend;
use domain::password::{BackendCheck, PasswordVerified, Presented};
use domain::reason::Reason;
use domain::remote::Told;
use domain::settings::Settings;
use domain::time::Span;
use domain::vdom::Vdom;
use store::gateway::{GatewayStore, PasswordOutcome};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use crate::debug_log::DebugLog;
use crate::network::UnitResolver;
use connect::Target;
use debug::Steps;
use servers::Servers;
pub(super) use sources::CheckedSources;
pub(crate) use sources::vouched_for_nobody;
use tls::Certificates;

/// Logins that wait for backends at most, whatever the backend: each holds a task and a socket or its
/// place in a queue. With a directory that is dead these are 800 logins a second, and the rest is silence
/// at once.
const WAITING_MAX: usize = 4_096;

/// Where the lines of backends go.
const SOURCE: Source = Source::Application(Application::Fnbamd);

/// What a login's backend made of it.
#[derive(Debug)]
pub(crate) enum Checked {
    /// The password is right.
    Right(PasswordVerified),
    /// It is, and lets nobody in before there is a new one: in which server's words.
    Expired(String),
    /// A server said no: why, and which server after how long.
    Wrong(Reason, String),
    /// A server said no, and not because of the password: why, and which server after how long.
    Held(Held, String),
    /// No server decided: what each of them did.
    Undecided(String),
}

/// A name and a password to ask about. An empty password is none: to a directory it would be a bind as
/// nobody, which succeeds (RFC 4513, 5.1.2).
pub(crate) struct Credentials<'a> {
    login: &'a str,
    password: &'a [u8],
    /// The groups that decide, where names and groups of the person are asked for.
    groups: Option<&'a [&'a str]>,
    /// What is set in the place of the password, which has expired.
    new_password: Option<&'a str>,
}

impl<'a> Credentials<'a> {
    pub(crate) fn new(login: &'a str, password: &'a Presented) -> Option<Self> {
        let password = Some(password.as_bytes()).filter(|password| !password.is_empty())?;
        Some(Self {
            login,
            password,
            groups: None,
            new_password: None,
        })
    }

    /// The same, to have this set in the place of the password.
    fn renewed_by(self, new_password: &'a str) -> Self {
        Self {
            new_password: Some(new_password),
            ..self
        }
    }

    /// The same, and what the server knows of the person: names, and which of these groups.
    pub(crate) fn with_groups(self, groups: &'a [&'a str]) -> Self {
        Self {
            groups: Some(groups),
            ..self
        }
    }
}

/// What a server said.
#[derive(Debug)]
pub(crate) enum Said {
    /// The password is right; what is told of the person, if that was asked for.
    Right(Told),
    /// It is, and it has expired or must be changed, in the server's words.
    Expired(String),
    /// It is not, in the server's words.
    Wrong(String),
    /// Nobody has this name there, in the server's words.
    Nobody(String),
    /// Something is held against the account: what, and the server's words.
    Held(Held, String),
    /// More than the password is asked for.
    Challenge,
}

/// What a directory holds against an account. Whoever meets it has guessed nothing: the directory says it of a
/// right password, or of any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Held {
    /// The password is right, and too old or to be changed first.
    PasswordExpired,
    /// It may not log in now: it is disabled, locked or expired, or may not do so at this time or from here.
    Locked,
}

impl Held {
    /// Why a login is refused.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::PasswordExpired => Reason::PasswordExpired,
            Self::Locked => Reason::AccountLockedElsewhere,
        }
    }

    /// What it makes of the attempt that was counted.
    pub(crate) fn outcome(self) -> PasswordOutcome {
        match self {
            Self::PasswordExpired => PasswordOutcome::Right,
            Self::Locked => PasswordOutcome::Undecided,
        }
    }
}

/// Why a server said neither yes nor no.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// It is not there or not well: another may be.
    #[error("{0}")]
    Unwell(String),
    /// It answers, and not to what was asked: another would answer the same.
    #[error("{0}")]
    Unclear(String),
}

/// What became of a question to a backend.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A server decided.
    Said {
        /// What.
        said: Said,
        /// Which one.
        server: Server,
        /// After how long.
        took: Duration,
    },
    /// None did: what each of them did.
    None(String),
}

/// The backends, with what is known of their servers.
#[derive(Debug)]
pub(crate) struct Backends {
    store: Arc<GatewayStore>,
    resolver: Arc<UnitResolver>,
    certificates: Certificates,
    servers: Servers,
    waiting: Semaphore,
    debug: DebugLog,
}

impl Backends {
    /// `certificates` is the directory of what `set ca-cert` names.
    pub(crate) fn new(
        store: Arc<GatewayStore>,
        resolver: Arc<UnitResolver>,
        certificates: PathBuf,
        debug: DebugLog,
    ) -> Self {
        Self {
            store,
            resolver,
            certificates: Certificates::new(certificates),
            servers: Servers::default(),
            waiting: Semaphore::new(WAITING_MAX),
            debug,
        }
    }

    /// Has a login's password checked. This is the one place where a backend's yes becomes a proof.
    pub(crate) async fn check(&self, check: &BackendCheck, presented: &Presented) -> Checked {
        let account = check.account();
        let Some(credentials) = Credentials::new(&account.login, presented) else {
            return Checked::Wrong(Reason::PasswordWrong, "the password is empty".to_owned());
        };
        self.checked(check, &credentials).await
    }

    /// Has a password that has expired replaced by another, which is then checked.
    pub(crate) async fn renew(
        &self,
        check: &BackendCheck,
        expired: &Presented,
        new: &Presented,
    ) -> Checked {
        let login = &check.account().login;
        let new = std::str::from_utf8(new.as_bytes());
        match (Credentials::new(login, expired), new) {
            (Some(credentials), Ok(new)) => self.checked(check, &credentials.renewed_by(new)).await,
            _ => Checked::Wrong(
                Reason::PasswordExpired,
                "the new password is no text in UTF-8".to_owned(),
            ),
        }
    }

    async fn checked(&self, check: &BackendCheck, credentials: &Credentials<'_>) -> Checked {
        let account = check.account();
        let patience = self.patience(account.backend.vdom);
        match self.ask(&account.backend, credentials, patience).await {
            Answer::Said { said, server, took } => {
                let by = format!("{}, {}", account.backend, by(&server, took));
                match said {
                    Said::Right(_) => Checked::Right(check.confirmed()),
                    Said::Expired(words) => Checked::Expired(format!("{by}: {words}")),
                    Said::Wrong(words) | Said::Nobody(words) => {
                        Checked::Wrong(Reason::PasswordWrong, format!("{by}: {words}"))
                    }
                    Said::Held(held, words) => Checked::Held(held, format!("{by}: {words}")),
                    Said::Challenge => {
                        Checked::Wrong(Reason::BackendChallenge, format!("{by}: Access-Challenge"))
                    }
                }
            }
            Answer::None(why) => Checked::Undecided(format!("{}: {why}", account.backend)),
        }
    }

    /// What is known of a backend's servers without asking them.
    pub(crate) fn known(&self, name: &BackendName) -> KnownBackend {
        let backend = self.store.backend(name);
        KnownBackend {
            name: name.clone(),
            servers: backend.map_or_else(Vec::new, |backend| {
                self.servers.known(&backend, Instant::now())
            }),
        }
    }

    /// How long all servers of a login together may take.
    pub(crate) fn patience(&self, vdom: Vdom) -> Duration {
        duration(self.store.settings(vdom).backend_timeout)
    }

    /// Asks a backend whether a password is right.
    pub(crate) async fn ask(
        &self,
        name: &BackendName,
        credentials: &Credentials<'_>,
        patience: Duration,
    ) -> Answer {
        let steps = Steps::new(&self.debug, name);
        steps.received(credentials.login);
        let answer = match (self.waiting.try_acquire(), self.store.backend(name)) {
            (Err(_), _) => Answer::None(format!("{WAITING_MAX} logins wait for backends")),
            (Ok(_), None) => Answer::None("there is no such entry".to_owned()),
            (Ok(_place), Some(backend)) => {
                self.ask_servers(&backend, credentials, patience, &steps)
                    .await
            }
        };
        steps.ended(&answer);
        answer
    }

    /// Each server has its share of what is left of the time, so that one that is dead leaves some to
    /// the next.
    async fn ask_servers(
        &self,
        backend: &Backend,
        credentials: &Credentials<'_>,
        patience: Duration,
        steps: &Steps<'_>,
    ) -> Answer {
        let settings = self.store.settings(backend.name.vdom);
        let login_attributes = match credentials.groups {
            Some(_) => self.store.login_attributes(backend.name.vdom),
            None => BTreeSet::new(),
        };
        let login_attributes = Vec::from_iter(login_attributes);
        let began = Instant::now();
        let deadline = began + patience;
        let order = self.servers.order(backend, began);
        let mut faults = Vec::with_capacity(order.len());
        for (at, server) in order.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let others = u32::try_from(order.len() - at).unwrap_or(1);
            let share = (left / others).min(patience_with(backend));
            let question = Question {
                backend,
                server,
                credentials,
                login_attributes: &login_attributes,
                settings: &settings,
                resolver: &self.resolver,
                share,
                deadline: tokio::time::Instant::now() + share,
                steps,
            };
            match self.ask_server(&question).await {
                Ok(said) => {
                    self.servers.answered(backend, server);
                    return Answer::Said {
                        said,
                        server: (*server).clone(),
                        took: began.elapsed(),
                    };
                }
                Err(fault) => {
                    steps.fault(server, &fault);
                    faults.push(format!(
                        "{} server {}: {fault}",
                        server.rank.word(),
                        server.host
                    ));
                    if let Fault::Unclear(_) = fault {
                        break;
                    }
                }
            }
        }
        Answer::None(faults.join("; "))
    }

    async fn ask_server(&self, question: &Question<'_>) -> Result<Said, Fault> {
        let Question {
            backend,
            server,
            deadline,
            ..
        } = question;
        let slots = self.servers.slots(backend, server);
        let Ok(Ok(_slot)) = timeout_at(*deadline, slots.acquire()).await else {
            let max = servers::CHECKS_MAX;
            return Err(Fault::Unwell(format!("{max} logins wait for it already")));
        };
        let said = match &backend.protocol {
            Protocol::Ldap(directory) => {
                timeout_at(
                    *deadline,
                    ldap::ask(directory, question, &self.certificates),
                )
                .await
            }
            Protocol::Radius(upstream) => {
                timeout_at(*deadline, radius::ask(upstream, question)).await
            }
        };
        let said = said.unwrap_or_else(|_| Err(question.too_late()));
        if let Err(Fault::Unwell(_)) = said {
            self.servers.silent(backend, server, Instant::now());
        }
        said
    }
}

/// What one server is asked.
struct Question<'a> {
    backend: &'a Backend,
    server: &'a Server,
    credentials: &'a Credentials<'a>,
    /// By which a directory may know people here, if it is asked what it knows of one.
    login_attributes: &'a Vec<String>,
    settings: &'a Settings,
    resolver: &'a UnitResolver,
    share: Duration,
    deadline: tokio::time::Instant,
    steps: &'a Steps<'a>,
}

impl Question<'_> {
    fn target(&self, port: u16) -> Target<'_> {
        Target {
            host: &self.server.host,
            port,
            source: self.backend.source,
        }
    }

    fn too_late(&self) -> Fault {
        Fault::Unwell(format!(
            "no answer within {:.1} s",
            self.share.as_secs_f32()
        ))
    }
}

/// How long one server of a backend is asked at most.
fn patience_with(backend: &Backend) -> Duration {
    match &backend.protocol {
        Protocol::Ldap(_) => Duration::MAX,
        Protocol::Radius(upstream) => duration(upstream.timeout),
    }
}

/// Which server, after how long.
fn by(server: &Server, took: Duration) -> impl fmt::Display {
    format!(
        "{} server {} after {} ms",
        server.rank.word(),
        server.host,
        took.as_millis()
    )
}

fn duration(span: Span) -> Duration {
    Duration::from_micros(u64::try_from(span.micros()).unwrap_or(0))
}

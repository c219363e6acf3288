//! Messages to people, by mail and by SMS.

mod letters;
mod mail;
mod mask;
mod sms;
mod smtp;
mod template;
mod texts;

use std::sync::Arc;

use cli::debug::{Application, Source};
use domain::contact::{Address, Language};
use domain::vdom::Vdom;
use store::Undecided;
use store::gateway::GatewayStore;

use crate::debug_log::DebugLog;
use crate::network::{HttpNames, UnitResolver};
pub(crate) use letters::{Activation, LoginCode, Matter};
use mask::Mask;
use sms::SmsGateways;

const SOURCE: Source = Source::Application(Application::Alertmail);

/// Carries messages to people.
#[derive(Debug)]
pub(crate) struct Courier {
    store: Arc<GatewayStore>,
    resolver: Arc<UnitResolver>,
    gateways: SmsGateways,
    debug: DebugLog,
}

/// What is said between this unit and a server about a message, for those who watch.
struct Dialogue<'a> {
    debug: &'a DebugLog,
    /// What is secret in the message, or in what one server is shown besides.
    mask: Mask,
    /// The dialogue of which this is a part.
    whole: Option<&'a Dialogue<'a>>,
}

impl Dialogue<'_> {
    /// A line of it, without what is secret.
    fn line(&self, text: impl FnOnce() -> String) {
        self.debug.raw(SOURCE, || self.masked(&text()));
    }

    /// A text without what is secret.
    fn masked(&self, text: &str) -> String {
        let text = self.mask.apply(text);
        match self.whole {
            Some(whole) => whole.masked(&text),
            None => text,
        }
    }

    /// The part of it with a server that is shown more.
    fn hiding(&self, hide: impl FnOnce(&mut Mask)) -> Dialogue<'_> {
        let mut mask = Mask::default();
        hide(&mut mask);
        Dialogue {
            debug: self.debug,
            mask,
            whole: Some(self),
        }
    }
}

/// Why a message did not get through.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CourierError {
    /// There is no mail server.
    #[error("no mail server is configured")]
    NoMailServer,
    /// There is no such SMS server.
    #[error("{}", no_sms_server(server))]
    NoSmsServer {
        /// The entry that was looked for.
        server: Box<str>,
    },
    /// An address is none.
    #[error("'{address}' is no mail address: {why}")]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// No mail can come from there.
    #[error("'{address}' is no sender's address: 'config system email-server / set reply-to'")]
    Sender {
        /// The address.
        address: String,
    },
    /// The message could not be written.
    #[error("the mail cannot be written: {0}")]
    Message(#[from] lettre::error::Error),
    /// The server could not be used.
    #[error("the {what} {server} did not take the message: {why}")]
    Server {
        /// What it is.
        what: &'static str,
        /// Its name or address.
        server: String,
        /// What failed.
        why: String,
        /// Whether it is of any use to try again.
        retry: Retry,
    },
    /// The configuration could not be read.
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

/// Whether trying again can help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Retry {
    /// The server refuses this message for good.
    Never,
    /// It may have taken the message, or charges for each: not often.
    Seldom,
    /// Later it may work.
    Later,
}

/// How often a message is tried that its server may have taken: a person would get it again and again.
const SELDOM: u32 = 3;

impl CourierError {
    /// Whether to try again after this many attempts, this one among them.
    pub(crate) fn is_transient(&self, attempts: u32) -> bool {
        match self {
            Self::Server { retry, .. } => match retry {
                Retry::Never => false,
                Retry::Seldom => attempts < SELDOM,
                Retry::Later => true,
            },
            Self::Undecided(_) => true,
            Self::NoMailServer
            | Self::NoSmsServer { .. }
            | Self::Address { .. }
            | Self::Sender { .. }
            | Self::Message(_) => false,
        }
    }

    /// Whether nothing is configured that could carry it: an administrator knows.
    pub(crate) fn is_unconfigured(&self) -> bool {
        matches!(self, Self::NoMailServer | Self::NoSmsServer { .. })
    }
}

fn no_sms_server(server: &str) -> String {
    match server {
        "" => "the user has 'sms-server custom' and no 'sms-custom-server'".to_owned(),
        "fortiguard" => "no SMS server is configured that stands for FortiGuard's: \
                         'config system sms-server / edit fortiguard', or give the user one with \
                         'set sms-server custom'"
            .to_owned(),
        server => format!("'config system sms-server' has no entry '{server}'"),
    }
}

impl Courier {
    pub(crate) fn new(
        store: Arc<GatewayStore>,
        resolver: Arc<UnitResolver>,
        debug: DebugLog,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            store,
            gateways: SmsGateways::new(HttpNames(Arc::clone(&resolver)))?,
            resolver,
            debug,
        })
    }

    /// Whether a server is configured that carries to this address.
    pub(crate) async fn reaches(&self, to: &Address) -> Result<(), CourierError> {
        let by_mail = match to {
            Address::Mail(_) => true,
            Address::Phone { server, .. } => sms::entry(&self.store, server)
                .await?
                .text("url")
                .is_empty(),
        };
        if by_mail {
            mail::configured(&self.store).await?;
        }
        Ok(())
    }

    /// Hands a message to the server that is configured for its address, in the person's language or
    /// else in the unit's.
    pub(crate) async fn carry(
        &self,
        to: &Address,
        language: Option<Language>,
        matter: &Matter<'_>,
    ) -> Result<(), CourierError> {
        let language = language.unwrap_or_else(|| self.store.settings(Vdom::ROOT).language);
        let dialogue = Dialogue {
            debug: &self.debug,
            mask: matter.mask(),
            whole: None,
        };
        let carried = match to {
            Address::Mail(address) => {
                let letter = matter.letter(language);
                self.carry_mail(address, &letter, &dialogue).await
            }
            Address::Phone { number, server } => {
                self.carry_sms(number, server, &matter.short(language), &dialogue)
                    .await
            }
        };
        carried.inspect_err(|error| dialogue.line(|| error.to_string()))
    }

    async fn carry_mail(
        &self,
        to: &str,
        letter: &letters::Letter,
        dialogue: &Dialogue<'_>,
    ) -> Result<(), CourierError> {
        mail::send(&self.store, &self.resolver, dialogue, to, letter).await
    }

    async fn carry_sms(
        &self,
        number: &str,
        server: &str,
        text: &str,
        dialogue: &Dialogue<'_>,
    ) -> Result<(), CourierError> {
        let entry = sms::entry(&self.store, server).await?;
        if entry.text("url").is_empty() {
            let to = sms::mail_address(number, entry.text("mail-server"));
            let letter = letters::Letter {
                subject: String::new(),
                text: text.to_owned(),
                page: None,
            };
            return self.carry_mail(&to, &letter, dialogue).await;
        }
        let key = self.store.open_secret(&entry, "key");
        let dialogue = &dialogue.hiding(|mask| {
            if let Some(key) = &key {
                mask.hide_secret(key, "<key>");
            }
        });
        let request = sms::Request::new(&entry, number, text, key.as_ref());
        let said = self.gateways.ask(&request, dialogue).await?;
        dialogue.line(|| said);
        Ok(())
    }
}

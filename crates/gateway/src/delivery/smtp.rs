//! One mail through one server, from the address and with the protection that are configured, so that
//! who watches can follow it.

use std::error::Error as _;
use std::fmt::Display;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::client::Secret;
use domain::schema::Object;
use lettre::Message;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters, TlsVersion};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::Dialogue;
use super::mask::Mask;
use crate::interfaces;
use crate::network::UnitResolver;

/// A mail server that takes longer, from the connection until it wants the mail, is dead.
const TIMEOUT: Duration = Duration::from_secs(20);
/// One that has the mail may look at it for long (RFC 5321, 4.5.3.2.6, speaks of minutes), and who gives up on it
/// sends the mail twice.
const TAKING_TIMEOUT: Duration = Duration::from_mins(2);
/// One that is not there is found out before a code that goes by the next has expired.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A mail server, and by what account it knows this unit.
pub(super) struct Relay<'a> {
    settings: &'a Object,
    host: &'a str,
    port: u16,
    account: Option<Account<'a>>,
}

/// By what a server knows this unit.
struct Account<'a> {
    user: &'a str,
    password: Secret,
}

impl Account<'_> {
    fn credentials(&self) -> Credentials {
        let password = String::from_utf8_lossy(self.password.expose()).into_owned();
        Credentials::new(self.user.to_owned(), password)
    }
}

/// What the fields of the second and the third server begin with.
const OTHERS: [&str; 2] = ["secondary", "tertiary"];

impl<'a> Relay<'a> {
    /// The servers of `config system email-server` in the order in which they are tried.
    pub(super) fn all(settings: &'a Object, open: impl Fn(&str) -> Option<Secret>) -> Vec<Self> {
        let port = settings.text("port");
        let user = settings.text("username");
        let password = || open("password");
        let first = Self::of(settings, settings.text("server"), port, user, password());
        let others = OTHERS.into_iter().filter_map(|prefix| {
            let text = |field: &str| settings.text(&format!("{prefix}-{field}"));
            let own = |field, shared| {
                if text(field).is_empty() {
                    shared
                } else {
                    text(field)
                }
            };
            let port = if text("port") == "0" {
                port
            } else {
                text("port")
            };
            let password = open(&format!("{prefix}-password")).or_else(password);
            let relay = Self::of(
                settings,
                text("server"),
                port,
                own("username", user),
                password,
            );
            (!text("server").is_empty()).then_some(relay)
        });
        std::iter::once(first).chain(others).collect()
    }

    fn of(
        settings: &'a Object,
        host: &'a str,
        port: &str,
        user: &'a str,
        password: Option<Secret>,
    ) -> Self {
        let account = || Account {
            user,
            password: password.unwrap_or_else(|| Secret::new(Zeroizing::default())),
        };
        Self {
            settings,
            host,
            port: port.parse().unwrap_or(25),
            account: settings.is_enabled("authenticate").then(account),
        }
    }

    /// Leaves out what the server is shown to know this unit, also as it is sent (RFC 4616, 2).
    pub(super) fn hide_account(&self, mask: &mut Mask) {
        if let Some(Account { user, password }) = &self.account {
            mask.hide_secret(password, "<password>");
            let plain = [b"", user.as_bytes(), password.expose()].join(&0);
            mask.hide_octets(&Zeroizing::new(plain), "<password>");
        }
    }
}

impl Display for Relay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Why a mail did not get through.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliveryError {
    /// The way to the server, or what it cannot do at the moment.
    #[error(transparent)]
    Smtp(Failure),
    /// The server does not take this very mail, or nothing for its recipient.
    #[error(transparent)]
    Mail(Failure),
    /// The server does not take mail from this unit's sender.
    #[error(
        "it does not take mail from this unit's sender address ({}): config system email-server / set reply-to",
        _0
    )]
    Sender(Failure),
    /// The server takes mail from who logs in or encrypts alone (RFC 4954, 6; RFC 3207, 4).
    #[error(
        "it wants this unit to log in or to encrypt first ({}): config system email-server / set authenticate / \
         set security",
        _0
    )]
    Unprotected(Failure),
    /// The server takes nothing from this unit, and will not later.
    #[error(
        "it takes no mail from this unit, and says why ({}): have that changed there, or name another server in \
         config system email-server",
        _0
    )]
    Closed(Failure),
    /// The server does not know this unit's account (RFC 4954, 6).
    #[error(
        "it refuses the user name and password of this unit, which are wrong or have expired ({}): \
         config system email-server / set username / set password",
        _0
    )]
    Account(Failure),
    /// Its name leads nowhere.
    #[error("its name has no address: {0}")]
    Name(io::Error),
    /// The time was over.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    TimedOut,
    /// It has the mail and did not say what it does with it.
    #[error("it has the mail and did not say whether it takes it: {0}")]
    Unanswered(String),
    /// The interface to send from cannot be used.
    #[error("interface {0} has no address")]
    Interface(Box<str>),
    /// The address has letters that the server does not take (RFC 6531).
    #[error("it takes no addresses beyond ASCII")]
    Letters,
}

/// An error, and what may be told of it.
#[derive(Debug, thiserror::Error)]
#[error("{told}")]
pub(super) struct Failure {
    error: Error,
    told: String,
}

impl From<Failure> for DeliveryError {
    /// What is said before there is a recipient is about this unit.
    fn from(failure: Failure) -> Self {
        match failure.status() {
            Some(530) => Self::Unprotected(failure),
            _ if failure.error.is_permanent() => Self::Closed(failure),
            _ => Self::Smtp(failure),
        }
    }
}

impl From<Error> for Failure {
    /// Of a server that was shown nothing yet.
    fn from(error: Error) -> Self {
        let told = told(&error);
        Self { error, told }
    }
}

impl Failure {
    fn status(&self) -> Option<u16> {
        self.error.status().map(u16::from)
    }

    /// Subject and detail of the enhanced status, as in `1.8` of `5.1.8` and `4.1.8` (RFC 3463, 2).
    fn detail(&self) -> Option<String> {
        let said = self.error.source()?.to_string();
        let (class, detail) = said.split_whitespace().next()?.split_once('.')?;
        matches!(class, "4" | "5").then(|| detail.to_owned())
    }

    /// Whether it is about the sender's address, which servers look at when they have the recipient's, too
    /// (RFC 3463, 3.2: bad sender's mailbox address syntax, bad sender's system address).
    fn is_of_sender(&self) -> bool {
        matches!(self.detail().as_deref(), Some("1.7" | "1.8"))
    }
}

/// What a failure at one server means for the mail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The server speaks for all: there is no such mailbox, or it takes no more.
    Everywhere,
    /// This server does not take it, and will not later; another may.
    Here,
    /// The server may have taken it.
    Perhaps,
    /// Not now.
    Now,
}

impl DeliveryError {
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Mail(failure) => refusal(failure),
            Self::Sender(failure) if failure.error.is_permanent() => Verdict::Here,
            Self::Closed(_) => Verdict::Here,
            Self::Unanswered(_) => Verdict::Perhaps,
            Self::Smtp(_)
            | Self::Sender(_)
            | Self::Unprotected(_)
            | Self::Account(_)
            | Self::Name(_)
            | Self::TimedOut
            | Self::Interface(_)
            | Self::Letters => Verdict::Now,
        }
    }
}

/// What a server says to a mail or to its recipient. `5.1` and `5.2` are about the address and the mailbox, all
/// else is about the server or its rules (RFC 3463, 3); a server that gives no such code says it with its
/// answer (RFC 5321, 4.2.2).
fn refusal(failure: &Failure) -> Verdict {
    if !failure.error.is_permanent() {
        return Verdict::Now;
    }
    let is_of_recipient = match failure.detail() {
        Some(detail) => detail.starts_with("1.") || detail.starts_with("2."),
        None => matches!(failure.status(), Some(550..=553)),
    };
    if is_of_recipient {
        Verdict::Everywhere
    } else {
        Verdict::Here
    }
}

/// What failed, innermost cause last.
fn told(error: &Error) -> String {
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // The outer text often repeats the inner one.
        if !why.contains(&inner.to_string()) {
            why = format!("{why}: {inner}");
        }
        cause = inner.source();
    }
    why
}

/// Hands a mail to a server.
pub(super) async fn deliver(
    relay: &Relay<'_>,
    resolver: &UnitResolver,
    message: &Message,
    dialogue: &Dialogue<'_>,
) -> Result<(), DeliveryError> {
    let octets = message.formatted();
    let announced = announce(relay, resolver, message.envelope(), &octets, dialogue);
    let announced = timeout(TIMEOUT, announced).await;
    let mut conversation = announced.map_err(|_| DeliveryError::TimedOut)??;
    conversation.hand_over(&octets).await?;
    dialogue.line(|| "C: QUIT".to_owned());
    // The server has taken the mail: how the connection ends changes nothing.
    let _ = timeout(CONNECT_TIMEOUT, conversation.connection.quit()).await;
    Ok(())
}

/// All of the conversation before the mail itself.
async fn announce<'a>(
    relay: &Relay<'_>,
    resolver: &UnitResolver,
    envelope: &Envelope,
    octets: &[u8],
    dialogue: &'a Dialogue<'a>,
) -> Result<Conversation<'a>, DeliveryError> {
    let connection = connect(relay, resolver).await?;
    let mut conversation = Conversation {
        connection,
        dialogue,
    };
    conversation.introduce();
    if let Some(account) = &relay.account {
        let credentials = account.credentials();
        conversation.authenticate(&credentials).await?;
    }
    conversation.address(envelope, octets).await?;
    Ok(conversation)
}

/// A connection whose commands and answers are shown to who watches.
struct Conversation<'a> {
    connection: AsyncSmtpConnection,
    dialogue: &'a Dialogue<'a>,
}

impl Conversation<'_> {
    fn introduce(&self) {
        let protection = if self.connection.is_encrypted() {
            "encrypted"
        } else {
            "in clear"
        };
        let server = self.connection.server_info();
        self.dialogue.line(|| format!("S: {server} ({protection})"));
    }

    /// Neither user name nor password is shown; a challenge repeats them.
    async fn authenticate(&mut self, account: &Credentials) -> Result<(), DeliveryError> {
        self.dialogue.line(|| "C: AUTH <sealed>".to_owned());
        let answer = self.connection.auth(DEFAULT_MECHANISMS, account).await;
        self.heard(answer).map(drop).map_err(|failure| {
            const REFUSALS: [u16; 4] = [530, 534, 535, 538];
            if failure.status().is_some_and(|it| REFUSALS.contains(&it)) {
                DeliveryError::Account(failure)
            } else {
                failure.into()
            }
        })
    }

    /// From whom the mail is, and to whom.
    async fn address(&mut self, envelope: &Envelope, octets: &[u8]) -> Result<(), DeliveryError> {
        let mut parameters = Vec::new();
        let server = self.connection.server_info();
        let addresses = envelope.from().into_iter().chain(envelope.to());
        if !addresses.map(AsRef::<str>::as_ref).all(str::is_ascii) {
            if !server.supports_feature(Extension::SmtpUtfEight) {
                return Err(DeliveryError::Letters);
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !octets.is_ascii() {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        self.say(Mail::new(envelope.from().cloned(), parameters))
            .await
            .map_err(refused_sender)?;
        for recipient in envelope.to() {
            self.say(Rcpt::new(recipient.clone(), Vec::new()))
                .await
                .map_err(refused_mail)?;
        }
        self.say(Data).await?;
        Ok(())
    }

    async fn hand_over(&mut self, octets: &[u8]) -> Result<(), DeliveryError> {
        self.dialogue
            .line(|| format!("C: <mail of {} octets, code masked>", octets.len()));
        let answer = timeout(TAKING_TIMEOUT, self.connection.message(octets)).await;
        let answer = answer.map_err(|_| {
            DeliveryError::Unanswered(format!("no answer within {} s", TAKING_TIMEOUT.as_secs()))
        })?;
        let refused = |failure: Failure| match failure.status() {
            Some(_) => refused_mail(failure),
            None => DeliveryError::Unanswered(failure.told),
        };
        self.heard(answer).map_err(refused)?;
        Ok(())
    }

    async fn say(&mut self, command: impl Display) -> Result<Response, Failure> {
        self.dialogue
            .line(|| format!("C: {}", command.to_string().trim_end()));
        let answer = self.connection.command(command).await;
        self.heard(answer)
    }

    fn heard(&self, answer: Result<Response, Error>) -> Result<Response, Failure> {
        self.dialogue.line(|| match &answer {
            Ok(response) => {
                let said: Vec<&str> = response.message().collect();
                format!("S: {} {}", response.code(), said.join(" "))
            }
            Err(error) => format!("S: {}", told(error)),
        });
        answer.map_err(|error| Failure {
            told: self.dialogue.masked(&told(&error)),
            error,
        })
    }
}

/// Why a server does not take a mail from this sender. Where it does not say more, 550 and 553 are about the
/// address that was named (RFC 5321, 4.3.2).
fn refused_sender(failure: Failure) -> DeliveryError {
    let is_bare = failure.detail().is_none() && matches!(failure.status(), Some(550 | 553));
    if failure.is_of_sender() || is_bare {
        DeliveryError::Sender(failure)
    } else {
        failure.into()
    }
}

/// Why a server does not take a mail whose sender it let pass.
fn refused_mail(failure: Failure) -> DeliveryError {
    match failure.status() {
        Some(530) => DeliveryError::Unprotected(failure),
        _ if failure.is_of_sender() => DeliveryError::Sender(failure),
        _ => DeliveryError::Mail(failure),
    }
}

async fn connect(
    relay: &Relay<'_>,
    resolver: &UnitResolver,
) -> Result<AsyncSmtpConnection, DeliveryError> {
    let addresses = resolver.addresses(relay.host).await;
    let addresses = addresses.map_err(DeliveryError::Name)?.into_iter();
    let addresses: Vec<SocketAddr> = addresses.map(|it| (it, relay.port).into()).collect();
    let mut origins = origins(relay.settings)?;
    let last = origins.pop().flatten();
    for origin in origins {
        if let Ok(connection) = connect_from(relay, &addresses, origin).await {
            return Ok(connection);
        }
    }
    let connection = connect_from(relay, &addresses, last).await;
    connection.map_err(|error| Failure::from(error).into())
}

async fn connect_from(
    relay: &Relay<'_>,
    addresses: &[SocketAddr],
    origin: Option<IpAddr>,
) -> Result<AsyncSmtpConnection, Error> {
    let security = relay.settings.text("security");
    let name = ClientId::default();
    let wrapper = match security {
        "smtps" => Some(tls(relay)?),
        _ => None,
    };
    let mut connection = AsyncSmtpConnection::connect_tokio1(
        addresses,
        Some(CONNECT_TIMEOUT),
        &name,
        wrapper,
        origin,
    )
    .await?;
    if security == "starttls" {
        connection.starttls(tls(relay)?, &name).await?;
    }
    Ok(connection)
}

/// Nothing below TLS 1.2 is spoken, whatever less is configured (RFC 8996).
fn tls(relay: &Relay<'_>) -> Result<TlsParameters, Error> {
    let least = match relay.settings.text("ssl-min-proto-version") {
        "TLSv1-3" => TlsVersion::Tlsv13,
        _ => TlsVersion::Tlsv12,
    };
    TlsParameters::builder(relay.host.to_owned())
        .dangerous_accept_invalid_certs(!relay.settings.is_enabled("validate-server"))
        .set_min_tls_version(least)
        .build()
}

/// From where the connection comes, one after the other; `None` leaves it to the host.
fn origins(server: &Object) -> Result<Vec<Option<IpAddr>>, DeliveryError> {
    if server.text("interface-select-method") == "specify" {
        let name = server.text("interface");
        let addresses = interfaces::addresses_of(name);
        if addresses.is_empty() {
            return Err(DeliveryError::Interface(name.into()));
        }
        return Ok(addresses.into_iter().map(Some).collect());
    }
    let set = ["source-ip", "source-ip6"]
        .into_iter()
        .filter_map(|field| server.text(field).parse::<IpAddr>().ok())
        .filter(|address| !address.is_unspecified());
    let addresses: Vec<_> = set.map(Some).collect();
    Ok(if addresses.is_empty() {
        vec![None]
    } else {
        addresses
    })
}

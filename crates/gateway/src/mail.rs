//! Mails to people: `config system email-server`.

mod smtp;

use cli::debug::{Application, Source};
use domain::schema::{EMAIL_SERVER, Object, Place};
use lettre::Message;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, MultiPart, SinglePart};
use store::Undecided;
use store::gateway::GatewayStore;

use crate::debug_log::DebugLog;
use crate::qr::Qr;
use smtp::DeliveryError;

const SOURCE: Source = Source::Application(Application::Alertmail);

/// A mail to one person.
#[derive(Debug)]
pub(crate) struct Letter<'a> {
    to: &'a str,
    subject: &'a str,
    text: String,
    /// A PNG file.
    picture: Option<Vec<u8>>,
}

impl<'a> Letter<'a> {
    /// How to activate a token, by mail: with the picture to scan.
    pub(crate) fn activation(to: &'a str, activation: &Activation<'_>) -> Self {
        Self {
            to,
            subject: "Activate your token",
            text: body(activation),
            picture: Qr::of(activation.link).and_then(|qr| qr.png()),
        }
    }
}

/// What a person needs to activate a token.
pub(crate) struct Activation<'a> {
    /// The person.
    pub(crate) user: &'a str,
    /// What to type.
    pub(crate) code: &'a str,
    /// What to scan.
    pub(crate) link: &'a str,
    /// Until when, in words.
    pub(crate) expires: &'a str,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    /// There is no mail server.
    #[error("no mail server is configured")]
    NotConfigured,
    /// An address is none.
    #[error("'{address}' is no mail address: {why}")]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// The message could not be written.
    #[error("the mail cannot be written: {0}")]
    Message(#[from] lettre::error::Error),
    /// The server could not be used.
    #[error("the mail server {server} did not take the mail: {why}")]
    Server {
        /// Its address.
        server: String,
        /// What failed.
        why: String,
        /// Whether the server said no for good.
        permanent: Permanence,
    },
    /// The configuration could not be read.
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

/// Whether trying again can help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Permanence {
    /// The server refuses this mail for good (5xx).
    Permanent,
    /// Later it may work.
    Transient,
}

impl MailError {
    /// Whether trying again later can help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Server { permanent, .. } => *permanent == Permanence::Transient,
            Self::Undecided(_) => true,
            Self::NotConfigured | Self::Address { .. } | Self::Message(_) => false,
        }
    }
}

/// Sends a letter through the configured server.
pub(crate) async fn send(
    store: &GatewayStore,
    debug: &DebugLog,
    letter: &Letter<'_>,
) -> Result<(), MailError> {
    let object = store.object(Place::of_unit(&EMAIL_SERVER)).await?;
    let server = object.filter(|object| !object.text("server").is_empty());
    let server = server.ok_or(MailError::NotConfigured)?;
    let message = write(&server, letter)?;
    let password = store.open_secret(&server, "password");
    let (host, port) = (server.text("server"), server.text("port"));
    debug.raw(SOURCE, || {
        format!("send mail to {} through {host}:{port}", letter.to)
    });
    match smtp::deliver(&server, password.as_ref(), &message).await {
        Ok(response) => {
            let said = response.message().collect::<Vec<_>>().join(" ");
            debug.raw(SOURCE, || {
                format!("mail server: {} {said}", response.code())
            });
            Ok(())
        }
        Err(error) => {
            let failure = failure(&server, &error);
            debug.raw(SOURCE, || failure.to_string());
            Err(failure)
        }
    }
}

fn failure(server: &Object, error: &DeliveryError) -> MailError {
    let mut why = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        // The outer text often repeats the inner one.
        if !why.contains(&inner.to_string()) {
            why = format!("{why}: {inner}");
        }
        cause = inner.source();
    }
    let is_permanent = match error {
        DeliveryError::Smtp(error) => error.is_permanent() && !is_about_sender(error),
        DeliveryError::TimedOut | DeliveryError::Interface(_) => false,
    };
    MailError::Server {
        server: format!("{}:{}", server.text("server"), server.text("port")),
        why,
        permanent: if is_permanent {
            Permanence::Permanent
        } else {
            Permanence::Transient
        },
    }
}

/// Whether the server refuses this gateway's account, not the mail (RFC 4954, 6): once the account is
/// put right, the mail can go.
fn is_about_sender(error: &lettre::transport::smtp::Error) -> bool {
    const REFUSALS: [u16; 4] = [530, 534, 535, 538];
    error
        .status()
        .is_some_and(|status| REFUSALS.contains(&status.into()))
}

fn write(server: &Object, letter: &Letter<'_>) -> Result<Message, MailError> {
    let address = |text: &str| {
        text.parse()
            .map_err(|error: lettre::address::AddressError| MailError::Address {
                address: text.to_owned(),
                why: error.to_string(),
            })
    };
    let from = match server.text("reply-to") {
        "" => format!("symbolon@{}", sender_domain(server.text("server"))),
        reply_to => reply_to.to_owned(),
    };
    let text = SinglePart::plain(letter.text.clone());
    let builder = Message::builder()
        .from(address(&from)?)
        .to(address(letter.to)?)
        .subject(letter.subject)
        .message_id(None);
    let message = match &letter.picture {
        Some(picture) => {
            let picture = Attachment::new("activation.png".to_owned()).body(
                picture.clone(),
                ContentType::parse("image/png").unwrap_or(ContentType::TEXT_PLAIN),
            );
            builder.multipart(MultiPart::mixed().singlepart(text).singlepart(picture))?
        }
        None => builder.singlepart(text)?,
    };
    Ok(message)
}

/// A sender at an address literal must be written in brackets (RFC 5321, 4.1.3).
fn sender_domain(server: &str) -> String {
    match server.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(v4)) => format!("[{v4}]"),
        Ok(std::net::IpAddr::V6(v6)) => format!("[IPv6:{v6}]"),
        Err(_) => server.to_owned(),
    }
}

fn body(activation: &Activation<'_>) -> String {
    let Activation {
        user,
        code,
        link,
        expires,
    } = activation;
    format!(
        "Hello {user},\r\n\
         \r\n\
         a token was assigned to you. To use it, activate it on your phone before {expires}.\r\n\
         \r\n\
         Scan the attached QR code, or follow this link on the phone:\r\n\
         {link}\r\n\
         \r\n\
         or type this activation code into the app:\r\n\
         {code}\r\n\
         \r\n\
         The code works once, on one phone. If you did not expect this message, tell your\r\n\
         administrator.\r\n"
    )
}

//! Mails to people: `config system email-server`.

use std::net::IpAddr;

use domain::schema::{EMAIL_SERVER, Object, Place};
use domain::vdom::Vdom;
use lettre::Message;
use lettre::address::AddressError;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use store::gateway::GatewayStore;

use super::letters::Letter;
use super::smtp::{self, DeliveryError};
use super::{CourierError, Retry, SOURCE};
use crate::debug_log::DebugLog;

/// Sends a letter through the configured server.
pub(super) async fn send(
    store: &GatewayStore,
    debug: &DebugLog,
    to: &str,
    letter: &Letter,
) -> Result<(), CourierError> {
    let object = store.object(Place::of_unit(&EMAIL_SERVER)).await?;
    let server = object.filter(|object| !object.text("server").is_empty());
    let server = server.ok_or(CourierError::NoMailServer)?;
    let hostname = &store.settings(Vdom::ROOT).hostname;
    let message = write(&sender(&server, hostname), to, letter)?;
    let password = store.open_secret(&server, "password");
    let (host, port) = (server.text("server"), server.text("port"));
    debug.raw(SOURCE, || {
        format!("send mail to {to} through {host}:{port}")
    });
    let sent = smtp::deliver(&server, password.as_ref(), &message).await;
    let response = sent.map_err(|error| failure(&server, &error))?;
    let said = response.message().collect::<Vec<_>>().join(" ");
    debug.raw(SOURCE, || {
        format!("mail server: {} {said}", response.code())
    });
    Ok(())
}

fn failure(server: &Object, error: &DeliveryError) -> CourierError {
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
    CourierError::Server {
        what: "mail server",
        server: format!("{}:{}", server.text("server"), server.text("port")),
        why,
        retry: if is_permanent {
            Retry::Never
        } else {
            Retry::Later
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

fn write(sender: &str, to: &str, letter: &Letter) -> Result<Message, CourierError> {
    let from: Mailbox = sender.parse().map_err(|_| CourierError::Sender {
        address: sender.to_owned(),
    })?;
    let to: Mailbox = to
        .parse()
        .map_err(|error: AddressError| CourierError::Address {
            address: to.to_owned(),
            why: error.to_string(),
        })?;
    let text = SinglePart::plain(letter.text.clone());
    let builder = Message::builder()
        .from(from)
        .to(to)
        .subject(letter.subject.clone())
        .message_id(None);
    let message = match &letter.page {
        Some(page) => {
            let picture = Attachment::new_inline_with_name(
                "activation".to_owned(),
                "activation.png".to_owned(),
            );
            let picture = picture.body(
                page.picture.clone(),
                ContentType::parse("image/png").unwrap_or(ContentType::TEXT_PLAIN),
            );
            let page = MultiPart::related()
                .singlepart(SinglePart::html(page.html.clone()))
                .singlepart(picture);
            builder.multipart(MultiPart::alternative().singlepart(text).multipart(page))?
        }
        None => builder.singlepart(text)?,
    };
    Ok(message)
}

/// Whoever set no sender writes as this unit: from the mail server's domain, or where it is known by its
/// address alone, from the unit's own name.
fn sender(server: &Object, hostname: &str) -> String {
    match (server.text("reply-to"), server.text("server")) {
        ("", name) if name.parse::<IpAddr>().is_ok() => format!("symbolon@{hostname}"),
        ("", name) => format!("symbolon@{name}"),
        (set, _) => set.to_owned(),
    }
}

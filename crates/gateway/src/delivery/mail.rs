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
use super::smtp::{self, Relay, Verdict};
use super::{CourierError, Dialogue, Retry};
use crate::network::UnitResolver;

/// The entry that names the servers.
pub(super) async fn configured(store: &GatewayStore) -> Result<Object, CourierError> {
    let object = store.object(Place::of_unit(&EMAIL_SERVER)).await?;
    let server = object.filter(|object| !object.text("server").is_empty());
    server.ok_or(CourierError::NoMailServer)
}

/// Sends a letter through the configured server.
pub(super) async fn send(
    store: &GatewayStore,
    resolver: &UnitResolver,
    dialogue: &Dialogue<'_>,
    to: &str,
    letter: &Letter,
) -> Result<(), CourierError> {
    let server = configured(store).await?;
    let hostname = &store.settings(Vdom::ROOT).hostname;
    let message = write(&sender(&server, hostname), to, letter)?;
    let relays = Relay::all(&server, |field| store.open_secret(&server, field));
    let mut failures = Vec::new();
    for relay in &relays {
        dialogue.line(|| format!("send mail to {to} through {relay}"));
        let shown = dialogue.hiding(|mask| relay.hide_account(mask));
        let Err(error) = smtp::deliver(relay, resolver, &message, &shown).await else {
            return Ok(());
        };
        dialogue.line(|| format!("mail server {relay}: {error}"));
        let failure = Failure {
            server: relay.to_string(),
            why: error.to_string(),
            verdict: error.verdict(),
        };
        match failure.verdict {
            Verdict::Everywhere => return Err(failure.told(Retry::Never)),
            Verdict::Perhaps => return Err(failure.told(Retry::Seldom)),
            Verdict::Here | Verdict::Now => failures.push(failure),
        }
    }
    Err(all_failed(failures))
}

/// How one of the servers failed.
struct Failure {
    server: String,
    why: String,
    verdict: Verdict,
}

impl Failure {
    fn told(self, retry: Retry) -> CourierError {
        CourierError::Server {
            what: "mail server",
            server: self.server,
            why: self.why,
            retry,
        }
    }
}

/// The failure of the first server, and what the others said besides. One that may take the mail later is
/// reason enough to try again.
fn all_failed(failures: Vec<Failure>) -> CourierError {
    let is_for_good = failures.iter().all(|it| it.verdict == Verdict::Here);
    let retry = if is_for_good {
        Retry::Never
    } else {
        Retry::Later
    };
    let mut failures = failures.into_iter();
    let Some(mut first) = failures.next() else {
        return CourierError::NoMailServer;
    };
    for other in failures {
        first.why.push_str(&format!("; {}", other.told(retry)));
    }
    first.told(retry)
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

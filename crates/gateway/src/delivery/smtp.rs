//! One mail through one server, from the address and with the protection that are configured.

use std::net::IpAddr;
use std::time::Duration;

use domain::client::Secret;
use domain::schema::Object;
use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters, TlsVersion};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;

use crate::interfaces;

/// A mail server that takes longer, from the connection to its last answer, is dead.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Why a mail did not get through.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliveryError {
    /// The server, or the way to it.
    #[error(transparent)]
    Smtp(#[from] Error),
    /// The time was over.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    TimedOut,
    /// The interface to send from cannot be used.
    #[error("interface {0} has no address")]
    Interface(Box<str>),
}

/// Hands a mail to the server of `config system email-server`.
pub(super) async fn deliver(
    server: &Object,
    password: Option<&Secret>,
    message: &Message,
) -> Result<Response, DeliveryError> {
    timeout(TIMEOUT, converse(server, password, message))
        .await
        .map_err(|_| DeliveryError::TimedOut)?
}

async fn converse(
    server: &Object,
    password: Option<&Secret>,
    message: &Message,
) -> Result<Response, DeliveryError> {
    let mut connection = connect(server).await?;
    if server.is_enabled("authenticate") {
        let password = password.map(|secret| String::from_utf8_lossy(secret.expose()).into_owned());
        let user = server.text("username").to_owned();
        let credentials = Credentials::new(user, password.unwrap_or_default());
        connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
    }
    let response = connection
        .send(message.envelope(), &message.formatted())
        .await?;
    // The server has taken the mail: how the connection ends changes nothing.
    let _ = connection.quit().await;
    Ok(response)
}

async fn connect(server: &Object) -> Result<AsyncSmtpConnection, DeliveryError> {
    let mut origins = origins(server)?;
    let last = origins.pop().flatten();
    for origin in origins {
        if let Ok(connection) = connect_from(server, origin).await {
            return Ok(connection);
        }
    }
    Ok(connect_from(server, last).await?)
}

async fn connect_from(
    server: &Object,
    origin: Option<IpAddr>,
) -> Result<AsyncSmtpConnection, Error> {
    let host = server.text("server");
    let port = u16::try_from(server.number("port")).unwrap_or(25);
    let name = ClientId::default();
    let wrapper = match server.text("security") {
        "smtps" => Some(tls(server)?),
        _ => None,
    };
    let mut connection =
        AsyncSmtpConnection::connect_tokio1((host, port), None, &name, wrapper, origin).await?;
    if server.text("security") == "starttls" {
        connection.starttls(tls(server)?, &name).await?;
    }
    Ok(connection)
}

/// Nothing below TLS 1.2 is spoken, whatever less is configured (RFC 8996).
fn tls(server: &Object) -> Result<TlsParameters, Error> {
    let least = match server.text("ssl-min-proto-version") {
        "TLSv1-3" => TlsVersion::Tlsv13,
        _ => TlsVersion::Tlsv12,
    };
    TlsParameters::builder(server.text("server").to_owned())
        .dangerous_accept_invalid_certs(!server.is_enabled("validate-server"))
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

//! `execute telnet`: whether a TCP connection can be made, and what greets there.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use cli::Host;
use cli::render::{self, Closed};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::executor::{Gone, Printer, Ran};
use crate::network::{Hosts, reason};

/// As long as a SYN is sent again a few times.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a greeting is waited for: mail servers look their client up first.
const LISTEN: Duration = Duration::from_secs(5);
/// What is shown of the peer's words at most: a greeting, not a download.
const SHOWN_MAX: usize = 8_192;

pub(super) async fn run(
    hosts: &Hosts,
    host: &Host,
    port: u16,
    printer: &Printer,
) -> Result<Ran, Gone> {
    let found = match hosts.find(host).await {
        Ok(found) => found,
        Err(why) => {
            let text = render::unresolved(host, &why.to_string(), why.next_step());
            printer.print(text).await?;
            return Ok(Ran::Failed);
        }
    };
    // Whatever port was asked of its name: the token server listens at one.
    let port = found
        .stands_for
        .as_ref()
        .map_or(port, |(_, server)| server.port);
    if let Some((name, server)) = &found.stands_for {
        printer
            .print(render::stands_for_at(name, &server.host, server.port))
            .await?;
    }
    let Some(address) = found.addresses.first().copied() else {
        return Ok(Ran::Failed);
    };
    printer.print(render::telnet_trying(address)).await?;
    tokio::select! {
        tried = connection(address, port, printer) => tried,
        () = printer.interrupted() => {
            printer.print(render::telnet_closed(Closed::Here)).await?;
            Ok(Ran::Printed)
        }
    }
}

async fn connection(address: IpAddr, port: u16, printer: &Printer) -> Result<Ran, Gone> {
    let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect((address, port))).await;
    let connected = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let mut stream = match connected {
        Ok(stream) => stream,
        Err(error) => {
            let text = render::telnet_failed(address, port, &reason(&error));
            printer.print(text).await?;
            return Ok(Ran::Failed);
        }
    };
    printer.print(render::telnet_connected(address)).await?;
    let listened = timeout(LISTEN, greeting(&mut stream, printer)).await;
    let closed = match listened {
        Ok(closed) => closed?,
        Err(_) => Closed::Here,
    };
    printer.print(render::telnet_closed(closed)).await?;
    Ok(Ran::Printed)
}

async fn greeting(stream: &mut TcpStream, printer: &Printer) -> Result<Closed, Gone> {
    let mut buffer = [0; 1_024];
    let mut shown = 0;
    while shown < SHOWN_MAX {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return Ok(Closed::ByPeer),
            Ok(octets) => {
                shown += octets;
                let text = buffer.get(..octets).unwrap_or_default();
                printer.print(render::telnet_received(text)).await?;
            }
        }
    }
    Ok(Closed::Here)
}

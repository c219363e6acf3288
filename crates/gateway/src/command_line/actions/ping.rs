//! `execute ping`.

use std::io;
use std::net::IpAddr;
use std::time::Instant;

use cli::render::{self, Echo, PingTally};
use cli::{Family, Ping};
use tokio::time::{sleep_until, timeout_at};

use super::super::executor::{Gone, Printer, Ran};
use crate::network::{EchoSocket, Found, Hosts, NotFound, Reply, reason};

pub(super) async fn run(hosts: &Hosts, ping: &Ping, printer: &Printer) -> Result<Ran, Gone> {
    let found = match hosts.find(&ping.host).await {
        Ok(found) => found,
        Err(why) => return unresolved(ping, &why, printer).await,
    };
    if let Some((name, server)) = &found.stands_for {
        printer
            .print(render::stands_for(name, &server.host))
            .await?;
    }
    let Some(address) = of_family(&found, ping.family) else {
        let token_server = found.stands_for.as_ref().map(|(_, server)| &*server.host);
        let whose = token_server.unwrap_or(ping.host.as_str());
        printer.print(render::no_address(ping, whose)).await?;
        return Ok(Ran::Failed);
    };
    let socket = match EchoSocket::open(address) {
        Ok(socket) => socket,
        Err(error) => {
            printer.print(render::ping_denied(&reason(&error))).await?;
            return Ok(Ran::Failed);
        }
    };
    printer.print(render::ping_head(ping, address)).await?;
    let mut tally = PingTally::default();
    let failed = tokio::select! {
        sent = echoes(&socket, address, ping, &mut tally, printer) => sent?.err(),
        () = printer.interrupted() => None,
    };
    if let Some(error) = failed {
        printer
            .print(render::ping_unsent(
                error.raw_os_error().unwrap_or(0),
                &reason(&error),
            ))
            .await?;
    }
    printer.print(tally.render(&ping.host)).await?;
    Ok(if tally.is_in_vain() {
        Ran::Failed
    } else {
        Ran::Printed
    })
}

async fn unresolved(ping: &Ping, why: &NotFound, printer: &Printer) -> Result<Ran, Gone> {
    let text = render::unresolved(&ping.host, &why.to_string(), why.next_step());
    printer.print(text).await?;
    Ok(Ran::Failed)
}

fn of_family(found: &Found, family: Family) -> Option<IpAddr> {
    let is_wanted = |address: &&IpAddr| match family {
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    };
    found.addresses.iter().find(is_wanted).copied()
}

/// Asks again and again. The inner error is one of sending: the rest would fail alike.
async fn echoes(
    socket: &EchoSocket,
    from: IpAddr,
    ping: &Ping,
    tally: &mut PingTally,
    printer: &Printer,
) -> Result<io::Result<()>, Gone> {
    let options = &ping.options;
    for number in 0..options.count {
        // The wire has 16 bits for it.
        let [.., high, low] = number.to_be_bytes();
        let sequence = u16::from_be_bytes([high, low]);
        let asked = Instant::now();
        if let Err(error) = socket.ask(sequence, options.size).await {
            return Ok(Err(error));
        }
        tally.sent();
        let answered = timeout_at((asked + options.timeout).into(), answer(socket, sequence));
        if let Ok(Ok(reply)) = answered.await {
            let took = asked.elapsed();
            tally.received(took);
            let echo = Echo {
                from,
                octets: reply.octets,
                sequence: number,
                ttl: reply.ttl,
                took,
            };
            printer.print(echo.render()).await?;
        }
        if number + 1 < options.count {
            sleep_until((asked + options.interval).into()).await;
        }
    }
    Ok(Ok(()))
}

async fn answer(socket: &EchoSocket, sequence: u16) -> io::Result<Reply> {
    loop {
        let reply = socket.receive().await?;
        if reply.sequence == sequence {
            return Ok(reply);
        }
    }
}

//! A network in which one host answers, one refuses and one is silent.

use std::net::IpAddr;
use std::time::Duration;

use cli::render::{self, Closed, Echo, PingTally};
use cli::{Host, Ping};

pub(super) fn ping(ping: &Ping) -> String {
    let Ok(from) = ping.host.as_str().parse() else {
        return render::unresolved(&ping.host, "no such name", "check the name");
    };
    if from == IpAddr::from([192, 0, 2, 13]) {
        return render::ping_denied("Permission denied");
    }
    let mut text = render::ping_head(ping, from);
    let mut tally = PingTally::default();
    for sequence in 0..ping.options.count {
        tally.sent();
        let took = Duration::from_micros(1_450 + 100 * u64::from(sequence));
        if from == IpAddr::from([192, 0, 2, 9]) {
            continue;
        }
        tally.received(took);
        let octets = usize::from(ping.options.size) + 8;
        let ttl = Some(55);
        let echo = Echo {
            from,
            octets,
            sequence,
            ttl,
            took,
        };
        text += &echo.render();
    }
    text + &tally.render(&ping.host)
}

pub(super) fn telnet(host: &Host, port: u16) -> String {
    let Ok(to) = host.as_str().parse() else {
        return render::unresolved(host, "no such name", "check the name");
    };
    let text = render::telnet_trying(to);
    if to == IpAddr::from([192, 0, 2, 9]) {
        return text + &render::telnet_failed(to, port, "Connection refused");
    }
    text + &render::telnet_connected(to)
        + &render::telnet_received(b"220 mail.example.org ESMTP\r\n")
        + render::telnet_closed(Closed::ByPeer)
}

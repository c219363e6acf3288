//! `execute ping`, `telnet`, `time` and `date`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::time::Timestamp;

use super::{Zone, printable};
use crate::session::{Family, Host, Ping};

/// `execute time`.
pub fn time(now: Timestamp, zone: Zone) -> String {
    let local = zone.date_time(now);
    let time = local.split(' ').nth(1).unwrap_or_default();
    format!("current time is: {time}\nlast ntp sync: by this host, see 'timedatectl'\n")
}

/// `execute date`.
pub fn date(now: Timestamp, zone: Zone) -> String {
    let local = zone.date_time(now);
    let date = local.split(' ').next().unwrap_or_default();
    format!("current date is: {date}\n")
}

/// The line that says who answers for one of
/// [the described system's servers](domain::answered_names).
pub fn stands_for(name: &str, token_server: &str) -> String {
    format!("{name} stands for token server {token_server} here\n")
}

/// The same for a connection: it goes to the port at which the token server listens, whatever was asked.
pub fn stands_for_at(name: &str, token_server: &str, port: u16) -> String {
    format!("{name} stands for token server {token_server} here, at port {port}\n")
}

/// The port that is configured for SSH cannot be bound.
pub fn ssh_stays(address: SocketAddr, why: &str) -> String {
    format!(
        "SSH stays on the port that it has: nothing can listen on {address}: {}; free that port, or: \
         config system global / set admin-ssh-port\n",
        printable(why)
    )
}

/// A name without an address.
pub fn unresolved(host: &Host, why: &str, next_step: &str) -> String {
    format!(
        "Unable to resolve hostname.\nCommand fail. Return code -1\n{host}: {}; {next_step}\n",
        printable(why)
    )
}

/// A host, under the name that is resolved, has no address of the family that is asked for.
pub fn no_address(ping: &Ping, whose: &str) -> String {
    let (family, other) = match ping.family {
        Family::V4 => ("IPv4", "ping6"),
        Family::V6 => ("IPv6", "ping"),
    };
    format!(
        "Unable to resolve hostname.\nCommand fail. Return code -1\n\
         {} has no {family} address; try: execute {other} {}\n",
        printable(whose),
        ping.host
    )
}

/// The line above the echoes.
pub fn ping_head(ping: &Ping, address: IpAddr) -> String {
    let Ping { host, options, .. } = ping;
    format!("PING {host} ({address}): {} data bytes\n", options.size)
}

/// The kernel lets nobody here ask for echoes.
pub fn ping_denied(why: &str) -> String {
    format!(
        "ping: no socket for ICMP: {}\nCommand fail. Return code -1\n\
         the host lets this process ask for no echoes: its administrator allows it with \
         'sysctl net.ipv4.ping_group_range=\"0 2147483647\"'; 'execute telnet' needs nothing of the kind\n",
        printable(why)
    )
}

/// An echo could not be asked for; the system's number for it and its words.
pub fn ping_unsent(number: i32, why: &str) -> String {
    format!("sendmsg failed: {number}({})\n", printable(why))
}

/// An echo that came back.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Echo {
    /// From where.
    pub from: IpAddr,
    /// Octets, ICMP's header among them.
    pub octets: usize,
    /// Which one it is, from 0.
    pub sequence: u32,
    /// Hops that it had left.
    pub ttl: Option<u8>,
    /// How long it took.
    pub took: Duration,
}

impl Echo {
    /// Its line.
    pub fn render(&self) -> String {
        let Self {
            from,
            octets,
            sequence,
            ..
        } = self;
        let ttl = self
            .ttl
            .map_or_else(String::new, |ttl| format!(" ttl={ttl}"));
        let took = milliseconds(self.took);
        format!("{octets} bytes from {from}: icmp_seq={sequence}{ttl} time={took} ms\n")
    }
}

/// Echoes that were asked for and came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PingTally {
    sent: u32,
    received: u32,
    shortest: Duration,
    longest: Duration,
    total: Duration,
}

impl PingTally {
    /// One more was asked for.
    pub fn sent(&mut self) {
        self.sent += 1;
    }

    /// One came back after so long.
    pub fn received(&mut self, took: Duration) {
        self.shortest = if self.received == 0 {
            took
        } else {
            self.shortest.min(took)
        };
        self.longest = self.longest.max(took);
        self.total = self.total.saturating_add(took);
        self.received += 1;
    }

    /// Whether nothing came back.
    pub fn is_in_vain(&self) -> bool {
        self.received == 0
    }

    /// What stands below the echoes.
    pub fn render(&self, host: &Host) -> String {
        let Self { sent, received, .. } = *self;
        let lost = sent.saturating_sub(received);
        let percent = u64::from(lost) * 100 / u64::from(sent.max(1));
        let mut text = format!(
            "\n--- {host} ping statistics ---\n\
             {sent} packets transmitted, {received} packets received, {percent}% packet loss\n"
        );
        if let Some(average) = self.total.checked_div(received) {
            let [least, average, most] = [self.shortest, average, self.longest].map(milliseconds);
            text += &format!("round-trip min/avg/max = {least}/{average}/{most} ms\n");
        }
        text
    }
}

/// Milliseconds with one decimal, as `ping` shows them.
fn milliseconds(took: Duration) -> String {
    let tenths = (took.as_micros() + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A connection is tried.
pub fn telnet_trying(address: IpAddr) -> String {
    format!("Trying {address}...\n")
}

/// The connection is there.
pub fn telnet_connected(address: IpAddr) -> String {
    format!("Connected to {address}.\n")
}

/// What the peer sends, line by line; what a terminal would obey is not obeyed.
pub fn telnet_received(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    let lines = text.split_inclusive('\n').map(|line| {
        let end = if line.ends_with('\n') { "\n" } else { "" };
        printable(line.trim_end_matches(['\n', '\r'])) + end
    });
    lines.collect()
}

/// The connection is over.
pub fn telnet_closed(by_peer: Closed) -> &'static str {
    match by_peer {
        Closed::ByPeer => "\nConnection closed by foreign host.\n",
        Closed::Here => "\nConnection closed.\n",
    }
}

/// Who ended a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closed {
    /// The other side.
    ByPeer,
    /// This side: it waited long enough, or the administrator did.
    Here,
}

/// There is no connection.
pub fn telnet_failed(address: IpAddr, port: u16, why: &str) -> String {
    format!(
        "telnet: can't connect to remote host ({address}): {}\nCommand fail. Return code -1\n\
         nothing answers at port {port} of {address}, or a firewall is in between\n",
        printable(why)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_one_decimal() {
        let took = |micros| milliseconds(Duration::from_micros(micros));
        assert_eq!(
            [took(0), took(49), took(50), took(146_940)],
            ["0.0", "0.0", "0.1", "146.9"]
        );
    }

    #[test]
    fn the_statistics_count_what_is_lost() {
        let mut tally = PingTally::default();
        let host = Host::parse("198.51.100.7").unwrap();
        assert_eq!(
            tally.render(&host),
            "\n--- 198.51.100.7 ping statistics ---\n\
             0 packets transmitted, 0 packets received, 0% packet loss\n"
        );
        for _ in 0..3 {
            tally.sent();
        }
        tally.received(Duration::from_millis(4));
        tally.received(Duration::from_millis(2));
        assert_eq!(
            tally.render(&host),
            "\n--- 198.51.100.7 ping statistics ---\n\
             3 packets transmitted, 2 packets received, 33% packet loss\n\
             round-trip min/avg/max = 2.0/3.0/4.0 ms\n"
        );
    }

    #[test]
    fn a_banner_moves_no_cursor() {
        let banner = b"SSH-2.0-x\r\n\x1b[2Jhello\xff";
        assert_eq!(telnet_received(banner), "SSH-2.0-x\n?[2Jhello\u{fffd}");
    }
}

//! How the unit is doing.

use std::fmt::Display;
use std::time::Duration;

use domain::time::{Span, Timestamp};
use domain::unit::{
    Certificate, Ending, Exchange, Memory, Own, Performance, Processor, Renewal, ServerRole, Shown,
    TimeServer, TimeServers, TokenServer, TokenServerStatus,
};

use super::{Zone, printable};

/// `get system performance status`.
pub fn performance(performance: &Performance) -> String {
    let Performance {
        processors,
        memory,
        uptime,
    } = performance;
    let mut text = String::new();
    for (at, processor) in processors.iter().enumerate() {
        let name = match at.checked_sub(1) {
            None => "CPU".to_owned(),
            Some(number) => format!("CPU{number}"),
        };
        text += &format!("{name} states: {}\n", states(processor));
    }
    text += &memory.as_ref().map_or_else(String::new, memory_line);
    let minutes = uptime.as_secs() / 60;
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    text + &format!("Uptime: {days} days,  {hours} hours,  {minutes} minutes\n")
}

fn states(processor: &Processor) -> String {
    let total = processor.total().max(1);
    let parts = [
        (processor.user, "user"),
        (processor.system, "system"),
        (processor.nice, "nice"),
        (processor.idle, "idle"),
        (processor.iowait, "iowait"),
        (processor.irq, "irq"),
        (processor.softirq, "softirq"),
    ];
    let parts = parts.map(|(ticks, name)| format!("{}% {name}", (ticks * 100 + total / 2) / total));
    parts.join(" ")
}

fn memory_line(memory: &Memory) -> String {
    let Memory {
        total,
        free,
        freeable,
    } = *memory;
    let used = total.saturating_sub(free + freeable);
    let share = |part: u64| {
        let tenths = part * 1_000 / total.max(1);
        format!("{}.{}%", tenths / 10, tenths % 10)
    };
    format!(
        "Memory: {total}k total, {used}k used ({}), {free}k free ({}), {freeable}k freeable ({})\n",
        share(used),
        share(free),
        share(freeable)
    )
}

/// `diagnose test application forticldd` without a number, or with one that is none of its tests.
pub const TOKEN_SERVER_TESTS: &str =
    "forticldd tests:\n\t7. Show the state of the connection to the token server.\n";

/// `diagnose test application forticldd 7`.
pub fn token_server(status: &TokenServerStatus, zone: Zone) -> String {
    let TokenServerStatus {
        servers,
        proxy,
        own,
        last,
    } = status;
    let mut text = String::new();
    if servers.is_empty() {
        text += &line(
            "token server",
            "none: 'show system central-management' lists none for updates and excludes the default one",
        );
    }
    for server in servers {
        text += &server_lines(server, zone);
    }
    let proxy = proxy.as_deref().unwrap_or("none");
    text + &line("proxy", printable(proxy))
        + &own_lines(own, zone)
        + &line("last request", last_request(last.as_ref(), zone))
}

fn server_lines(server: &TokenServer, zone: Zone) -> String {
    let TokenServer {
        url,
        role,
        addresses,
        answered,
        shown,
    } = server;
    let name = match role {
        ServerRole::Direct => "token server",
        ServerRole::Manager => "manager",
    };
    let addresses = match addresses {
        Ok(addresses) => {
            let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            texts.join(", ")
        }
        Err(why) => format!("none: {}", printable(why)),
    };
    let reached = match answered {
        Ok(took) => format!("reachable, answered after {}", took_ms(*took)),
        Err(why) => format!("unreachable: {}", printable(why)),
    };
    line(name, printable(url))
        + &line("addresses", addresses)
        + &line("status", reached)
        + &shown_lines(shown, zone)
}

fn own_lines(own: &Own, zone: Zone) -> String {
    let Own {
        certificate,
        renewal,
        latest,
    } = own;
    let next = match renewal {
        Some(next) => zone.long(*next),
        None => "never: the installation issues it again when its file is gone".to_owned(),
    };
    let latest = latest.as_ref().map(|Renewal { at, failure }| {
        let at = zone.long(*at);
        match failure {
            None => line("last renewal", at),
            Some(why) => line("last renewal", format!("{at}, failed: {}", printable(why))),
        }
    });
    line("own certificate", printable(&certificate.subject))
        + &line("signed by", printable(&certificate.issuer))
        + &line("valid until", zone.long(certificate.not_after))
        + &line("next renewal", next)
        + &latest.unwrap_or_default()
}

fn shown_lines(shown: &Shown, zone: Zone) -> String {
    let Shown {
        certificate,
        clock_ahead,
    } = shown;
    let certificate = certificate
        .as_ref()
        .map_or_else(String::new, |it| certificate_lines(it, zone));
    let clock = clock_ahead.map_or_else(String::new, |it| line("clock difference", difference(it)));
    certificate + &clock
}

fn certificate_lines(certificate: &Certificate, zone: Zone) -> String {
    let Certificate {
        subject,
        issuer,
        not_before,
        not_after,
    } = certificate;
    let date = |moment: &Timestamp| zone.long(*moment);
    line("certificate subject", printable(subject))
        + &line("certificate issuer", printable(issuer))
        + &line("certificate from", date(not_before))
        + &line("certificate until", date(not_after))
}

fn difference(ahead: Span) -> String {
    match ahead.micros() / 1_000_000 {
        0 => "none".to_owned(),
        seconds if seconds > 0 => format!("the token server is {seconds} s ahead of this unit"),
        seconds => format!("the token server is {} s behind this unit", -seconds),
    }
}

fn last_request(last: Option<&Exchange>, zone: Zone) -> String {
    let Some(Exchange {
        at,
        what,
        server,
        result,
    }) = last
    else {
        return "none since the start".to_owned();
    };
    let server = server
        .as_ref()
        .map_or_else(String::new, |url| format!(" to {}", printable(url)));
    let result = match result {
        Ok(took) => format!("answered after {}", took_ms(*took)),
        Err(why) => format!("failed: {}", printable(why)),
    };
    format!("{what}{server}, {}, {result}", zone.long(*at))
}

fn took_ms(took: Duration) -> String {
    format!("{} ms", took.as_millis())
}

fn line(name: &str, value: impl Display) -> String {
    format!("{:<24}{value}\n", format!("{name}:"))
}

/// What is said before an ending is confirmed.
pub(crate) fn ending_notice(ending: Ending) -> &'static str {
    match ending {
        Ending::Shutdown => "This operation will shutdown the system !\n",
        Ending::Reboot => "This operation will reboot the system !\n",
        Ending::FactoryReset => {
            "This operation will reset the system to factory default!\n\
             Users, tokens and the configuration go; the old database is set aside under another name.\n"
        }
    }
}

/// What is said when an ending begins.
pub fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Shutdown => "System is shutting down...\n",
        Ending::Reboot => "System is rebooting...\n",
        Ending::FactoryReset => "System is resetting to factory default...\n",
    }
}

/// `diagnose sys ntp status`.
pub fn time_servers(status: &TimeServers) -> String {
    let is_synchronized = status.servers.iter().any(|server| server.answer.is_ok());
    let mut text = format!(
        "synchronized: {}, ntpsync: {}, server-mode: disabled\n",
        if is_synchronized { "yes" } else { "no" },
        if status.compared {
            "enabled"
        } else {
            "disabled"
        },
    );
    if status.servers.is_empty() {
        text += "\nno time server is configured: config system ntp / config ntpserver\n";
    }
    for server in &status.servers {
        text += &time_server(server);
    }
    text
}

fn time_server(server: &TimeServer) -> String {
    let name = printable(&server.name);
    match &server.answer {
        Ok(answer) => {
            let family = if answer.address.is_ipv4() {
                "ipv4"
            } else {
                "ipv6"
            };
            format!(
                "\n{family} server({name}) {} -- reachable\n\tserver-version=4, stratum={}\n\t\
                 clock offset is {} sec, round trip is {} sec\n",
                answer.address,
                answer.stratum,
                seconds(answer.ahead),
                seconds(answer.round_trip)
            )
        }
        Err(why) => format!("\nserver({name}) -- unreachable\n\t{}\n", printable(why)),
    }
}

/// Seconds with six places.
fn seconds(span: Span) -> String {
    let micros = span.micros();
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

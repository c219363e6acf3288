//! What an administrator set for a syslog server.

use std::net::IpAddr;

use cli::Host;
use domain::event_log::{Facility, Format, Level};
use domain::schema::Object;
use rustls::SupportedProtocolVersion;
use rustls::version::TLS13;

/// A server that gets events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Settings {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) transport: Transport,
    pub(super) source: Option<IpAddr>,
    pub(super) facility: Facility,
    pub(super) format: Format,
    /// The least urgent level that it gets.
    pub(super) severity: Level,
    /// Octets a second; none for as many as it takes.
    pub(super) rate: Option<u32>,
}

/// How events get there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Transport {
    /// RFC 5426.
    Udp,
    /// RFC 6587, section 3.4.1.
    Tcp,
    /// RFC 5425.
    Tls(TlsVersions),
}

/// Which versions of TLS are offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TlsVersions {
    From12,
    From13,
}

static ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];

impl TlsVersions {
    pub(super) fn offered(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::From12 => rustls::DEFAULT_VERSIONS,
            Self::From13 => ONLY_13,
        }
    }
}

/// Why a server that is switched on gets nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("no server is set")]
    NoServer,
    #[error("source-ip is no address")]
    SourceIp,
    #[error("enc-algorithm takes 'set mode reliable'; nothing is sent in the clear instead")]
    TlsOverUdp,
}

impl Settings {
    /// The settings of these objects; none if the server is switched off.
    pub(super) fn of(setting: &Object, filter: &Object) -> Result<Option<Self>, Unusable> {
        if setting.text("status") != "enable" {
            return Ok(None);
        }
        let source = match setting.text("source-ip") {
            "" => None,
            address => Some(address.parse().map_err(|_| Unusable::SourceIp)?),
        };
        let transport = transport(setting)?;
        let (Some(host), Some(facility), Some(format), Some(severity)) = (
            Host::parse(setting.text("server")),
            Facility::named(setting.text("facility")),
            Format::named(setting.text("format")),
            Level::of_filter(filter.text("severity")),
        ) else {
            return Err(Unusable::NoServer);
        };
        let megabytes = u32::try_from(setting.number("max-log-rate")).unwrap_or(u32::MAX);
        Ok(Some(Self {
            host,
            port: u16::try_from(setting.number("port")).unwrap_or(u16::MAX),
            transport,
            source,
            facility,
            format,
            severity,
            rate: (megabytes > 0).then(|| megabytes.saturating_mul(1_000_000)),
        }))
    }
}

fn transport(setting: &Object) -> Result<Transport, Unusable> {
    let versions = match setting.text("ssl-min-proto-version") {
        "TLSv1-3" => TlsVersions::From13,
        _ => TlsVersions::From12,
    };
    match (setting.text("mode"), setting.text("enc-algorithm")) {
        ("reliable", "disable") => Ok(Transport::Tcp),
        ("reliable", _) => Ok(Transport::Tls(versions)),
        (_, "disable") => Ok(Transport::Udp),
        _ => Err(Unusable::TlsOverUdp),
    }
}

#[cfg(test)]
mod tests {
    use domain::schema::SYSLOG_SERVERS;

    use super::*;

    fn of(fields: &[(&str, &str)]) -> Result<Option<Settings>, Unusable> {
        let server = &SYSLOG_SERVERS[1];
        let setting = fields.iter().fold(
            Object::new(&server.setting, ""),
            |setting, (name, value)| setting.with(name, Some(value)),
        );
        Settings::of(&setting, &Object::new(&server.filter, ""))
    }

    #[test]
    fn a_server_that_is_switched_on_has_the_defaults_of_fortios() {
        assert_eq!(of(&[("server", "192.0.2.5")]), Ok(None));
        let settings = of(&[("status", "enable"), ("server", "192.0.2.5")])
            .unwrap()
            .unwrap();
        assert_eq!(settings.port, 514);
        assert_eq!(settings.transport, Transport::Udp);
        assert_eq!(settings.facility, Facility::named("local7").unwrap());
        assert_eq!(settings.format, Format::Default);
        assert_eq!(settings.severity, Level::Information);
        assert_eq!((settings.source, settings.rate), (None, None));
    }

    #[test]
    fn nothing_is_sent_in_the_clear_that_was_to_be_encrypted() {
        let on = ("status", "enable");
        let server = ("server", "192.0.2.5");
        let tls = ("enc-algorithm", "high");
        let reliable = ("mode", "reliable");
        assert_eq!(of(&[on, server, tls]), Err(Unusable::TlsOverUdp));
        let transport = |fields: &[_]| of(fields).unwrap().unwrap().transport;
        assert_eq!(transport(&[on, server, reliable]), Transport::Tcp);
        assert_eq!(
            transport(&[on, server, reliable, tls]),
            Transport::Tls(TlsVersions::From12)
        );
        let newest = ("ssl-min-proto-version", "TLSv1-3");
        assert_eq!(
            transport(&[on, server, reliable, tls, newest]),
            Transport::Tls(TlsVersions::From13)
        );
        assert_eq!(of(&[on]), Err(Unusable::NoServer));
        assert_eq!(
            of(&[on, server, ("source-ip", "here")]),
            Err(Unusable::SourceIp)
        );
    }
}

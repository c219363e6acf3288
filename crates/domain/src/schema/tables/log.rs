//! `config log …`: the event log and where it is sent.

use super::{SWITCH, choice, field, without_effect};
use crate::access::Area;
use crate::schema::{Field, Kind, Scope, Shape, Table};

/// Why the log cannot be switched off.
const ALWAYS: &str = "the event log is the audit chain, without which no login is granted";

const fn settings(path: &'static str, help: &'static str, fields: &'static [Field]) -> Table {
    Table {
        path,
        help,
        scope: Scope::Global,
        area: Area::Log,
        shape: Shape::Single,
        fields,
        children: &[],
    }
}

/// `config log setting`.
pub static LOG_SETTING: Table = settings(
    "log setting",
    "Configure general log settings.",
    &[
        without_effect(
            "an entry of the log waits for no name server",
            field(
                "resolve-ip",
                SWITCH,
                "disable",
                "Enable/disable adding resolved domain names to log entries.",
            ),
        ),
        without_effect(
            "a login has no service port",
            field(
                "resolve-port",
                SWITCH,
                "enable",
                "Enable/disable adding resolved service names to log entries.",
            ),
        ),
        without_effect(
            "names are logged in the form by which they are looked up",
            field(
                "log-user-in-upper",
                SWITCH,
                "disable",
                "Enable/disable logs with user-in-upper.",
            ),
        ),
    ],
);

/// `config log disk setting`.
pub static LOG_DISK: Table = settings(
    "log disk setting",
    "Configure the event log on the disk.",
    &[
        without_effect(
            ALWAYS,
            field(
                "status",
                SWITCH,
                "enable",
                "Enable/disable logging to the disk.",
            ),
        ),
        field(
            "maximum-log-age",
            Kind::Integer(0, 3_650),
            "7",
            "Remove events older than this many days (0 - 3650); 0 keeps them all.",
        ),
    ],
);

/// `config log memory setting`.
pub static LOG_MEMORY: Table = settings(
    "log memory setting",
    "Configure the event log in memory.",
    &[without_effect(
        "the event log is on the disk, and is read from there",
        field(
            "status",
            SWITCH,
            "enable",
            "Enable/disable logging to memory.",
        ),
    )],
);

const FACILITY: Kind = Kind::Choice(&[
    choice("kernel", "Kernel messages."),
    choice("user", "Random user-level messages."),
    choice("mail", "Mail system."),
    choice("daemon", "System daemons."),
    choice("auth", "Security/authorization messages."),
    choice("syslog", "Messages generated internally by syslog."),
    choice("lpr", "Line printer subsystem."),
    choice("news", "Network news subsystem."),
    choice("uucp", "UUCP subsystem."),
    choice("cron", "Clock daemon."),
    choice("authpriv", "Security/authorization messages (private)."),
    choice("ftp", "FTP daemon."),
    choice("ntp", "NTP daemon."),
    choice("audit", "Log audit."),
    choice("alert", "Log alert."),
    choice("clock", "Clock daemon (second)."),
    choice("local0", "Reserved for local use."),
    choice("local1", "Reserved for local use."),
    choice("local2", "Reserved for local use."),
    choice("local3", "Reserved for local use."),
    choice("local4", "Reserved for local use."),
    choice("local5", "Reserved for local use."),
    choice("local6", "Reserved for local use."),
    choice("local7", "Reserved for local use."),
]);

const SYSLOGD_SETTING: &[Field] = &[
    field(
        "status",
        SWITCH,
        "disable",
        "Enable/disable remote syslog logging.",
    ),
    field(
        "server",
        Kind::Host(127),
        "",
        "Address of remote syslog server.",
    ),
    field(
        "mode",
        Kind::Choice(&[
            choice(
                "udp",
                "Syslog over UDP, RFC 5426: nobody learns what is lost.",
            ),
            choice(
                "reliable",
                "Syslog over TCP with counted octets, RFC 6587; with enc-algorithm over TLS, RFC 5425.",
            ),
        ]),
        "udp",
        "How events reach the server.",
    ),
    field(
        "port",
        Kind::Integer(1, 65_535),
        "514",
        "Server listen port.",
    ),
    field("facility", FACILITY, "local7", "Remote syslog facility."),
    field(
        "source-ip",
        Kind::Host(63),
        "",
        "Source IP address of syslog.",
    ),
    field(
        "format",
        Kind::Choice(&[
            choice("default", "Syslog format."),
            choice("csv", "CSV (Comma Separated Values) format."),
            choice("cef", "CEF (Common Event Format) format."),
            choice("rfc5424", "Syslog RFC5424 format."),
        ]),
        "default",
        "Log format.",
    ),
    without_effect(
        "events are sent beside logins, never before them",
        field(
            "priority",
            Kind::Choice(&[
                choice("default", "Set Syslog transmission priority to default."),
                choice("low", "Set Syslog transmission priority to low."),
            ]),
            "default",
            "Set log transmission priority.",
        ),
    ),
    field(
        "max-log-rate",
        Kind::Integer(0, 100_000),
        "0",
        "Syslog maximum log rate in MBps (0 = unlimited).",
    ),
    field(
        "enc-algorithm",
        Kind::Choice(&[
            choice(
                "high-medium",
                "TLS; as high: weaker ciphers are not offered.",
            ),
            choice("high", "TLS with its strong ciphers."),
            choice("low", "TLS; as high: weaker ciphers are not offered."),
            choice("disable", "No TLS."),
        ]),
        "disable",
        "Enable/disable reliable syslogging with TLS; the server's certificate is verified.",
    ),
    field(
        "ssl-min-proto-version",
        Kind::Choice(&[
            choice("default", "TLSv1.2."),
            choice("TLSv1-2", "TLSv1.2."),
            choice("TLSv1-3", "TLSv1.3."),
        ]),
        "default",
        "Minimum supported protocol version for TLS connections.",
    ),
];

const SYSLOGD_FILTER: &[Field] = &[field(
    "severity",
    Kind::Choice(&[
        choice("emergency", "Emergency level."),
        choice("alert", "Alert level."),
        choice("critical", "Critical level."),
        choice("error", "Error level."),
        choice("warning", "Warning level."),
        choice("notification", "Notification level."),
        choice("information", "Information level."),
        choice("debug", "Debug level."),
    ]),
    "information",
    "Lowest severity level to log.",
)];

const SETTING_HELP: &str = "Global settings for remote syslog server.";
const FILTER_HELP: &str = "Filters for remote system server.";

/// A syslog server: where it is, and what it gets.
#[derive(Debug)]
pub struct SyslogServer {
    /// The word after `config log`: `syslogd`, `syslogd2`.
    pub name: &'static str,
    /// `config log syslogd setting`.
    pub setting: Table,
    /// `config log syslogd filter`.
    pub filter: Table,
}

/// The syslog servers, as many as FortiOS has.
pub static SYSLOG_SERVERS: [SyslogServer; 4] = [
    SyslogServer {
        name: "syslogd",
        setting: settings("log syslogd setting", SETTING_HELP, SYSLOGD_SETTING),
        filter: settings("log syslogd filter", FILTER_HELP, SYSLOGD_FILTER),
    },
    SyslogServer {
        name: "syslogd2",
        setting: settings("log syslogd2 setting", SETTING_HELP, SYSLOGD_SETTING),
        filter: settings("log syslogd2 filter", FILTER_HELP, SYSLOGD_FILTER),
    },
    SyslogServer {
        name: "syslogd3",
        setting: settings("log syslogd3 setting", SETTING_HELP, SYSLOGD_SETTING),
        filter: settings("log syslogd3 filter", FILTER_HELP, SYSLOGD_FILTER),
    },
    SyslogServer {
        name: "syslogd4",
        setting: settings("log syslogd4 setting", SETTING_HELP, SYSLOGD_SETTING),
        filter: settings("log syslogd4 filter", FILTER_HELP, SYSLOGD_FILTER),
    },
];

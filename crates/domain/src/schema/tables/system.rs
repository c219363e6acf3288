//! `config system …`: the unit itself.

use super::{SWITCH, choice, field, fixed, sms, without_effect};
use crate::access::Area;
use crate::schema::{Field, Key, KeyForm, Kind, Scope, Shape, Table};

const NO_HTTP: &str = "nothing listens for HTTP without TLS";
const HTTPS_BY_FILE: &str = "the addresses and ports of HTTPS are those of symbolon.toml";
const NO_REMOTE_ADMINISTRATORS: &str = "administrators are known to this unit alone";
const NO_CLOUD: &str = "this unit checks the codes of its tokens itself";

/// `config system global`.
pub static GLOBAL: Table = Table {
    path: "system global",
    help: "Configure global attributes.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Single,
    fields: &[
        field(
            "admin-lockout-threshold",
            Kind::Integer(1, 10),
            "3",
            "Failed login attempts before an administrator is locked out (1 - 10).",
        ),
        field(
            "admin-lockout-duration",
            Kind::Integer(1, 2_147_483_647),
            "60",
            "How long a lockout lasts, in seconds.",
        ),
        without_effect(
            "files are not copied over SSH here; 'show full-configuration' over SSH gives the same text",
            field(
                "admin-scp",
                SWITCH,
                "disable",
                "Enable/disable SCP support for system configuration backup, restore, and firmware upload.",
            ),
        ),
        field(
            "admin-server-cert",
            Kind::Reference(&["certificate local"]),
            "",
            "Server certificate that this unit shows to browsers and VPN clients over HTTPS; without one, a certificate that it made itself.",
        ),
        field(
            "admin-ssh-grace-time",
            Kind::Integer(10, 3_600),
            "120",
            "Maximum time in seconds permitted between making an SSH connection and authenticating (10 - 3600 sec).",
        ),
        field(
            "admin-ssh-password",
            SWITCH,
            "enable",
            "Enable/disable password authentication for SSH admin access.",
        ),
        field(
            "admin-ssh-port",
            Kind::Integer(1, 65_535),
            "22",
            "Administrative access port for SSH.",
        ),
        field(
            "admin-login-max",
            Kind::Integer(1, 100),
            "100",
            "Maximum number of administrators who can be logged in at the same time (1 - 100). One of them has half of the places, 8 in any case; the last 4, or half of fewer than 8, are kept for super_admin.",
        ),
        field(
            "admintimeout",
            Kind::Integer(1, 480),
            "5",
            "Number of minutes before an idle administrator session times out (1 - 480).",
        ),
        field(
            "hostname",
            Kind::Text(35),
            "symbolon",
            "Name of this unit, shown in the prompt.",
        )
        .such_as("gate"),
        field(
            "vdom-mode",
            Kind::Choice(&[
                choice("no-vdom", "Disable split/multiple VDOMs mode."),
                choice("multi-vdom", "Enable multiple VDOMs mode."),
            ]),
            "no-vdom",
            "Enable/disable support for multiple virtual domains (VDOMs).",
        ),
        field(
            "two-factor-ftk-expiry",
            Kind::Integer(60, 600),
            "60",
            "FortiToken authentication session timeout (60 - 600 sec): how long a challenge stays open.",
        ),
        field(
            "two-factor-ftm-expiry",
            Kind::Integer(1, 168),
            "72",
            "FortiToken Mobile session timeout (1 - 168 hours): how long an activation code is valid.",
        ),
        field(
            "two-factor-ftm-require-pin",
            Kind::Choice(&[
                choice(
                    "require",
                    "The app is opened by its PIN, or by the phone's own lock beside it.",
                ),
                choice(
                    "not-require",
                    "Whatever PIN the user chooses for the app will do.",
                ),
                choice("enforce", "The app is opened by its PIN alone."),
            ]),
            "require",
            "Lock of a FortiToken Mobile app that takes a token over; tokens on phones keep what they came with.",
        ),
        field(
            "two-factor-ftm-pin-length",
            Kind::Choice(&[
                choice("4", "Four digits or more."),
                choice(
                    "6",
                    "Six digits or more; so does 'set profile strict' in 'config system security'.",
                ),
                choice("8", "Eight digits."),
            ]),
            "4",
            "Shortest PIN of a FortiToken Mobile app that takes a token over.",
        ),
        field(
            "two-factor-email-expiry",
            Kind::Integer(30, 300),
            "60",
            "Email-based two-factor authentication session timeout (30 - 300 sec).",
        ),
        field(
            "two-factor-sms-expiry",
            Kind::Integer(30, 300),
            "60",
            "SMS-based two-factor authentication session timeout (30 - 300 sec).",
        ),
        without_effect(
            "no other server's tokens are asked for here",
            field(
                "two-factor-fac-expiry",
                Kind::Integer(10, 3_600),
                "60",
                "FortiAuthenticator token authentication session timeout (10 - 3600 sec).",
            ),
        ),
        field(
            "language",
            sms::LANGUAGES,
            "english",
            "Language of messages to users who have none of their own.",
        ),
        field(
            "multi-factor-authentication",
            Kind::Choice(&[
                choice(
                    "optional",
                    "Do not enforce all login methods to require an additional authentication factor.",
                ),
                choice(
                    "mandatory",
                    "Enforce all login methods to require an additional authentication factor.",
                ),
            ]),
            "optional",
            "Enforce all login methods to require an additional authentication factor.",
        ),
        fixed(
            NO_HTTP,
            field(
                "admin-port",
                Kind::Integer(1, 65_535),
                "80",
                "Administrative access port for HTTP.",
            ),
        ),
        fixed(
            HTTPS_BY_FILE,
            field(
                "admin-sport",
                Kind::Integer(1, 65_535),
                "443",
                "Administrative access port for HTTPS.",
            ),
        ),
        fixed(
            NO_HTTP,
            field(
                "auth-http-port",
                Kind::Integer(1, 65_535),
                "1000",
                "User authentication HTTP port.",
            ),
        ),
        fixed(
            HTTPS_BY_FILE,
            field(
                "auth-https-port",
                Kind::Integer(1, 65_535),
                "1003",
                "User authentication HTTPS port.",
            ),
        ),
        without_effect(
            NO_REMOTE_ADMINISTRATORS,
            field(
                "admin-restrict-local",
                Kind::Choice(&[
                    choice("all", "Enable for all administrators."),
                    choice(
                        "non-console-only",
                        "Enable for all administrators but those of the console.",
                    ),
                    choice(
                        "disable",
                        "Disable local administrator authentication restriction.",
                    ),
                ]),
                "disable",
                "Enable/disable local administrator authentication restriction when a remote authenticator is up.",
            ),
        ),
        without_effect(
            NO_CLOUD,
            field(
                "fortitoken-cloud",
                SWITCH,
                "enable",
                "Enable/disable FortiToken Cloud service.",
            ),
        ),
        without_effect(
            NO_CLOUD,
            field(
                "fortitoken-cloud-push-status",
                SWITCH,
                "enable",
                "Enable/disable FTM push service of FortiToken Cloud.",
            ),
        ),
        without_effect(
            NO_CLOUD,
            field(
                "fortitoken-cloud-region",
                Kind::Text(63),
                "",
                "Region domain of FortiToken Cloud (unset to non-region).",
            ),
        ),
        without_effect(
            NO_CLOUD,
            field(
                "fortitoken-cloud-sync-interval",
                Kind::Integer(0, 336),
                "24",
                "Interval in which to clean up remote users in FortiToken Cloud (0 - 336 hours).",
            ),
        ),
        field(
            "remoteauthtimeout",
            Kind::Integer(1, 300),
            "5",
            "Number of seconds that all LDAP or RADIUS servers of a user together have to answer (1 - 300 sec).",
        ),
        field(
            "radius-port",
            Kind::Integer(1, 65_535),
            "1812",
            "RADIUS service port number of servers whose entry names none.",
        ),
    ],
    children: &[],
};

/// `config vdom`: the virtual domains themselves. Each is a place in which tables of
/// [`Scope::Vdom`] stand, and has no fields of its own.
pub static VDOM: Table = Table {
    path: "vdom",
    help: "Configure virtual domains.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "VDOM name.",
        form: KeyForm::Name(31),
    }),
    fields: &[],
    children: &[],
};

/// What a trusted host holds that is not set.
const ANYWHERE: &str = "0.0.0.0 0.0.0.0";
const ANYWHERE6: &str = "::/0";

const TRUSTED_HOST: &str = "Any IPv4 address or subnet address and netmask from which the administrator can connect. As soon as one is set, all other addresses are refused.";
const TRUSTED_HOST6: &str = "Any IPv6 address from which the administrator can connect. As soon as one is set, all other addresses are refused.";
const PUBLIC_KEY_SAMPLE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKhlOf6+6izwDZ8jCRyc+7on+LxX95acd1EzE7CieIiu";
const PUBLIC_KEY: &str =
    "Public key of an SSH client: the line of its .pub file, such as \"ssh-ed25519 AAAA...\".";

const fn trusted_host(name: &'static str) -> Field {
    field(name, Kind::Netmask, ANYWHERE, TRUSTED_HOST).bounding()
}

const fn trusted_host6(name: &'static str) -> Field {
    field(name, Kind::Prefix6, ANYWHERE6, TRUSTED_HOST6).bounding()
}

/// A key of NIST P-521 with a comment has some 300 characters.
const PUBLIC_KEY_MAX: u16 = 1_024;

/// `config system admin`. The console trusts who owns its socket; these accounts are for logins that
/// come over a network.
pub static ADMIN: Table = Table {
    path: "system admin",
    help: "Configure admin users.",
    scope: Scope::Global,
    area: Area::Administrators,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "User name.",
        form: KeyForm::Name(64),
    }),
    fields: &[
        trusted_host("trusthost1"),
        trusted_host("trusthost2"),
        trusted_host("trusthost3"),
        trusted_host("trusthost4"),
        trusted_host("trusthost5"),
        trusted_host("trusthost6"),
        trusted_host("trusthost7"),
        trusted_host("trusthost8"),
        trusted_host("trusthost9"),
        trusted_host("trusthost10"),
        field(
            "accprofile",
            Kind::Reference(&["system accprofile"]),
            "",
            "Access profile for this administrator. Access profiles control administrator access to features.",
        ).bounding(),
        trusted_host6("ip6-trusthost1"),
        trusted_host6("ip6-trusthost2"),
        trusted_host6("ip6-trusthost3"),
        trusted_host6("ip6-trusthost4"),
        trusted_host6("ip6-trusthost5"),
        trusted_host6("ip6-trusthost6"),
        trusted_host6("ip6-trusthost7"),
        trusted_host6("ip6-trusthost8"),
        trusted_host6("ip6-trusthost9"),
        trusted_host6("ip6-trusthost10"),
        field(
            "vdom",
            Kind::List(&Kind::Reference(&["vdom"])),
            "",
            "Virtual domain(s) that the administrator can access; none for all.",
        ).bounding(),
        field("comments", Kind::Text(255), "", "Comment."),
        field(
            "ssh-public-key1",
            Kind::Text(PUBLIC_KEY_MAX),
            "",
            PUBLIC_KEY,
        )
        .such_as(PUBLIC_KEY_SAMPLE),
        field(
            "ssh-public-key2",
            Kind::Text(PUBLIC_KEY_MAX),
            "",
            PUBLIC_KEY,
        )
        .such_as(PUBLIC_KEY_SAMPLE),
        field(
            "ssh-public-key3",
            Kind::Text(PUBLIC_KEY_MAX),
            "",
            PUBLIC_KEY,
        )
        .such_as(PUBLIC_KEY_SAMPLE),
        field(
            "two-factor",
            Kind::Choice(&[
                choice("disable", "Disable two-factor authentication."),
                choice(
                    "fortitoken",
                    "Use FortiToken or FortiToken mobile two-factor authentication.",
                ),
                choice(
                    "email",
                    "Send a two-factor authentication code to the configured email-to email address.",
                ),
                choice(
                    "sms",
                    "Send a two-factor authentication code to the configured sms-phone.",
                ),
            ]),
            "disable",
            "Enable/disable two-factor authentication.",
        ).bounding(),
        sms::NOTIFICATION,
        field(
            "fortitoken",
            Kind::Reference(&["user fortitoken"]),
            "",
            "This administrator's FortiToken serial number.",
        ).bounding(),
        field(
            "email-to",
            Kind::Text(63),
            "",
            "This administrator's email address.",
        )
        .such_as("admin@example.net"),
        sms::SERVER,
        sms::CUSTOM_SERVER,
        sms::PHONE,
        field("password", Kind::Secret(128), "", "Admin user password."),
        field(
            "force-password-change",
            SWITCH,
            "disable",
            "Enable/disable force password change on next login.",
        ).bounding(),
    ],
    children: &[],
};

/// `config system console`.
pub static CONSOLE: Table = Table {
    path: "system console",
    help: "Configure console.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Single,
    fields: &[
        without_effect(
            "a unit without a serial console has no speed to set",
            field(
                "baudrate",
                Kind::Choice(&[
                    choice("9600", "9600."),
                    choice("19200", "19200."),
                    choice("38400", "38400."),
                    choice("57600", "57600."),
                    choice("115200", "115200."),
                ]),
                "9600",
                "Console baud rate.",
            ),
        ),
        field(
            "output",
            Kind::Choice(&[
                choice("standard", "Standard output."),
                choice("more", "More page output."),
            ]),
            "more",
            "Console output mode: whether long output stops after each page of a terminal.",
        ),
        without_effect(
            "the console is the socket of the data directory's owner, who needs no login",
            field(
                "login",
                SWITCH,
                "enable",
                "Enable/disable serial console and FortiExplorer.",
            ),
        ),
    ],
    children: &[],
};

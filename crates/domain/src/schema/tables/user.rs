//! `config user …`: people, their tokens, and who asks for them.

use super::verification::{CODE_POSITION, CODE_SEPARATOR};
use super::{SWITCH, choice, field, sms, system, without_effect};
use crate::access::Area;
use crate::schema::{Access, Field, Key, KeyForm, Kind, Scope, Shape, Table};

/// `config user fortitoken`.
pub static FORTITOKEN: Table = Table {
    path: "user fortitoken",
    help: "Configure FortiToken.",
    scope: Scope::Vdom,
    area: Area::Authentication,
    shape: Shape::Keyed(Key {
        name: "serial-number",
        help: "Serial number.",
        form: KeyForm::Name(16),
    }),
    fields: &[
        field(
            "status",
            Kind::Choice(&[
                choice("active", "Activate FortiToken."),
                choice("lock", "Lock FortiToken."),
            ]),
            "active",
            "Status.",
        ),
        Field {
            access: Access::Restored,
            ..system("seed", Kind::Secret(200), "", "Token seed.")
        },
        field("comments", Kind::Text(255), "", "Comment."),
        system("license", Kind::Text(31), "", "Mobile token license."),
        system(
            "activation-code",
            Kind::Text(32),
            "",
            "Mobile token user activation-code.",
        ),
        system(
            "activation-expire",
            Kind::Moment,
            "0",
            "Mobile token user activation-code expire time.",
        ),
        system("reg-id", Kind::Text(256), "", "Device Reg ID."),
        system("os-ver", Kind::Text(15), "", "Device Mobile Version."),
    ],
    children: &[],
};

const NO_SESSIONS: &str =
    "the client that asked keeps the session; this unit hears nothing of it after its answer";
const NO_PORTAL: &str = "there are no policies and no portal here that would ask for a login";

/// `config user local`.
pub static LOCAL: Table = Table {
    path: "user local",
    help: "Configure local users.",
    scope: Scope::Vdom,
    area: Area::Authentication,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "Local user name.",
        form: KeyForm::Name(64),
    }),
    fields: &[
        field(
            "status",
            SWITCH,
            "enable",
            "Enable/disable allowing the local user to authenticate.",
        )
        .bounding(),
        field(
            "type",
            Kind::Choice(&[
                choice("password", "Password authentication."),
                choice("radius", "RADIUS server authentication."),
                choice("ldap", "LDAP server authentication."),
            ]),
            "password",
            "Authentication method.",
        )
        .bounding(),
        field(
            "two-factor",
            Kind::Choice(&[
                choice("disable", "disable"),
                choice("fortitoken", "FortiToken"),
                choice("email", "Email authentication code."),
                choice("sms", "SMS authentication code."),
            ]),
            "disable",
            "Enable/disable two-factor authentication.",
        )
        .bounding(),
        sms::NOTIFICATION,
        field(
            "fortitoken",
            Kind::Reference(&["user fortitoken"]),
            "",
            "Two-factor recipient's FortiToken serial number.",
        )
        .bounding()
        .such_as("FTKMOB83712DC7FE"),
        field(
            "email-to",
            Kind::Text(63),
            "",
            "Two-factor recipient's email address.",
        )
        .such_as("alice@example.net"),
        sms::SERVER,
        sms::CUSTOM_SERVER,
        sms::PHONE,
        field(
            "language",
            sms::LANGUAGES,
            "",
            "Language of messages to the user; that of 'config system global' unless set.",
        ),
        field(
            "ldap-server",
            Kind::Reference(&["user ldap"]),
            "",
            "Name of LDAP server with which the user must authenticate.",
        )
        .bounding(),
        field(
            "radius-server",
            Kind::Reference(&["user radius"]),
            "",
            "Name of RADIUS server with which the user must authenticate.",
        )
        .bounding(),
        field("passwd", Kind::Secret(128), "", "User's password."),
        field(
            "radius-legacy",
            SWITCH,
            "disable",
            "Enable/disable keeping the password itself, sealed, from the next one on: RADIUS clients that use CHAP or MS-CHAPv2 need it.",
        ),
        field(
            "passwd-policy",
            Kind::Reference(&["user password-policy"]),
            "",
            "Password policy to apply to this user, as defined in config user password-policy.",
        )
        .bounding(),
        field(
            "passwd-time",
            Kind::DateTime,
            "",
            "Time of the last password update, in universal time; set with each new password.",
        ),
        without_effect(
            "a number for other units' use; here a user is known by name",
            field("id", Kind::Integer(0, 4_294_967_295), "0", "User ID."),
        ),
        without_effect(
            NO_SESSIONS,
            field(
                "authtimeout",
                Kind::Integer(0, 1_440),
                "0",
                "Time in minutes before the authentication timeout for a user is reached.",
            ),
        ),
        without_effect(
            NO_SESSIONS,
            field(
                "auth-concurrent-override",
                SWITCH,
                "disable",
                "Enable/disable overriding the policy-auth-concurrent under config system global.",
            ),
        ),
        without_effect(
            NO_SESSIONS,
            field(
                "auth-concurrent-value",
                Kind::Integer(0, 100),
                "0",
                "Maximum number of concurrent logins permitted from the same user.",
            ),
        ),
        field(
            "username-sensitivity",
            Kind::Choice(&[choice(
                "disable",
                "Ignore case and accents. Names that differ in them alone are one person everywhere.",
            )]),
            "disable",
            "Enable/disable case and accent sensitivity when performing username matching.",
        ),
    ],
    children: &[],
};

/// `config user setting`.
pub static SETTING: Table = Table {
    path: "user setting",
    help: "Configure user authentication setting.",
    scope: Scope::Vdom,
    area: Area::Authentication,
    shape: Shape::Single,
    fields: &[
        without_effect(
            NO_PORTAL,
            field(
                "auth-type",
                Kind::List(&Kind::Choice(&[
                    choice("http", "Allow HTTP authentication."),
                    choice("https", "Allow HTTPS authentication."),
                    choice("ftp", "Allow FTP authentication."),
                    choice("telnet", "Allow TELNET authentication."),
                ])),
                "http https ftp telnet",
                "Supported firewall policy authentication protocols/methods.",
            ),
        ),
        without_effect(
            NO_PORTAL,
            field(
                "auth-cert",
                Kind::Text(35),
                "",
                "HTTPS server certificate for policy authentication.",
            ),
        ),
        without_effect(
            NO_PORTAL,
            field(
                "auth-ca-cert",
                Kind::Text(35),
                "",
                "HTTPS CA certificate for policy authentication.",
            ),
        ),
        without_effect(
            NO_PORTAL,
            field(
                "auth-secure-http",
                SWITCH,
                "disable",
                "Enable/disable redirecting HTTP user authentication to more secure HTTPS.",
            ),
        ),
        without_effect(
            NO_PORTAL,
            field(
                "auth-http-basic",
                SWITCH,
                "disable",
                "Enable/disable use of HTTP basic authentication for identity-based firewall policies.",
            ),
        ),
        without_effect(
            NO_SESSIONS,
            field(
                "auth-timeout",
                Kind::Integer(1, 1_440),
                "5",
                "Time in minutes before the firewall user authentication timeout requires the user to re-authenticate.",
            ),
        ),
        without_effect(
            NO_SESSIONS,
            field(
                "auth-timeout-type",
                Kind::Choice(&[
                    choice("idle-timeout", "Idle timeout."),
                    choice("hard-timeout", "Hard timeout."),
                    choice("new-session", "New session timeout."),
                ]),
                "idle-timeout",
                "Control if authenticated users have to login again after a hard timeout, after an idle timeout, or after a session timeout.",
            ),
        ),
        without_effect(
            NO_PORTAL,
            field(
                "auth-portal-timeout",
                Kind::Integer(1, 30),
                "3",
                "Time in minutes before captive portal user have to re-authenticate (1 - 30 min).",
            ),
        ),
        without_effect(
            NO_SESSIONS,
            field(
                "radius-ses-timeout-act",
                Kind::Choice(&[
                    choice(
                        "hard-timeout",
                        "Use session timeout from RADIUS as hard-timeout.",
                    ),
                    choice("ignore-timeout", "Ignore session timeout from RADIUS."),
                ]),
                "hard-timeout",
                "Set the RADIUS session timeout to a hard timeout or to ignore RADIUS server session timeouts.",
            ),
        ),
        without_effect(
            NO_PORTAL,
            field(
                "per-policy-disclaimer",
                SWITCH,
                "disable",
                "Enable/disable per policy disclaimer.",
            ),
        ),
        field(
            "default-user-password-policy",
            Kind::Reference(&["user password-policy"]),
            "",
            "Default password policy to apply to all local users unless otherwise specified, as defined in config user password-policy.",
        ),
        field(
            "auth-lockout-threshold",
            Kind::Integer(1, 10),
            "3",
            "Wrong passwords for one name from one source before that source has to wait (1 - 10).",
        ),
        field(
            "auth-lockout-duration",
            Kind::Integer(0, 4_294_967_295),
            "0",
            "How long it waits, in seconds; 0 switches the wait off.",
        ),
        field(
            "auth-blackout-time",
            Kind::Integer(0, 3_600),
            "0",
            "How long an address is not listened to after too many wrong logins of any names within one minute, in seconds (0 - 3600); 0 switches it off. Callers of a client that tells no address of theirs share the client's.",
        ),
        field(
            "auth-invalid-max",
            Kind::Integer(1, 100),
            "5",
            "How many wrong logins within one minute are too many (1 - 100); see auth-blackout-time.",
        ),
        field(
            "auth-password-memory",
            Kind::Integer(0, 3_600),
            "300",
            "How long a verified password spares the next login its hash, in seconds; 0 switches it off.",
        ),
        field(
            "reject-delay",
            Kind::Integer(0, 10_000),
            "1000",
            "When a refusal leaves, in milliseconds after the request came.",
        ),
    ],
    children: &[],
};

/// `config user radius-client`: who may ask this server.
pub static RADIUS_CLIENT: Table = Table {
    path: "user radius-client",
    help: "Configure the RADIUS clients that may ask this server.",
    scope: Scope::Vdom,
    area: Area::Authentication,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "RADIUS client name.",
        form: KeyForm::Name(35),
    }),
    fields: &[
        field(
            "subnet",
            Kind::Subnet,
            "",
            "Address or network of the client.",
        )
        .such_as("192.0.2.0/24"),
        field("secret", Kind::Secret(128), "", "Shared secret."),
        field(
            "transport",
            Kind::List(&Kind::Choice(&[
                choice("udp", "RADIUS over UDP."),
                choice("tcp", "RADIUS over TCP."),
                choice(
                    "tls",
                    "RADIUS over TLS (RadSec), with a certificate of the client; needs certificate-name.",
                ),
            ])),
            "udp",
            "By what the client asks.",
        )
        .bounding(),
        field(
            "certificate-name",
            Kind::Text(253),
            "",
            "Name in the client's certificate: a DNS name, or the common name where it has none.",
        )
        .such_as("vpn1.example.org")
        .bounding(),
        field(
            "require-message-authenticator",
            Kind::Choice(&[
                choice(
                    "auto",
                    "Once the client has sent a valid one, it must from then on.",
                ),
                choice("enable", "Every request must carry one."),
                choice("disable", "Requests without one are answered."),
            ]),
            "auto",
            "Whether requests must carry a Message-Authenticator (CVE-2024-3596).",
        ).bounding(),
        CODE_POSITION,
        CODE_SEPARATOR,
        field(
            "auth-methods",
            Kind::List(&Kind::Choice(&[
                choice("pap", "PAP: the password itself."),
                choice("chap", "CHAP; needs radius-legacy of the user."),
                choice(
                    "mschapv2",
                    "MS-CHAPv2, with MPPE keys; needs radius-legacy of the user.",
                ),
                choice("ttls-pap", "EAP-TTLS with PAP inside; the code follows the password."),
                choice("ttls-gtc", "EAP-TTLS with EAP-GTC inside, which can ask for the code."),
                choice(
                    "ttls-mschapv2",
                    "EAP-TTLS with MS-CHAPv2 inside; needs radius-legacy of the user, and has no place for a code.",
                ),
                choice("peap-gtc", "PEAP with EAP-GTC inside, which can ask for the code."),
                choice(
                    "peap-mschapv2",
                    "PEAP with EAP-MSCHAPv2 inside; needs radius-legacy of the user, and has no place for a code.",
                ),
            ])),
            "pap chap mschapv2 ttls-pap ttls-gtc ttls-mschapv2 peap-gtc peap-mschapv2",
            "Methods that the client may use.",
        ).bounding(),
        field(
            "group-attributes",
            Kind::List(&Kind::Choice(&[
                choice("fortinet-group-name", "Fortinet-Group-Name, vendor 12356."),
                choice("filter-id", "Filter-Id."),
                choice("class", "Class, which the client sends back in its accounting."),
            ])),
            "fortinet-group-name",
            "Attributes of an Access-Accept that name the user's groups, each group in one of its own.",
        ),
        field(
            "remote-groups",
            Kind::List(&Kind::Reference(&["user group"])),
            "",
            "Groups whose members are let in too if an LDAP or RADIUS server of the group alone knows them: without an entry under config user local, and so by their password alone. None unless set; none where a second factor is mandatory.",
        )
        .bounding(),
    ],
    children: &[],
};

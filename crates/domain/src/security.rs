//! Where the configuration in force falls short of today's standards, and what mends it.

mod applications;
mod certificates;
mod delivery;
mod two_names;

use std::fmt;

use crate::certificate::Held;
use crate::schema::Object;
use crate::settings::pin_policy;
use crate::time::{Span, Timestamp};
use crate::token::Token;
use crate::user::{Switch, User};
use crate::vdom::Vdom;
use ident::{PinLength, PinPolicy, PinRequirement, TokenSerial};

/// `config system security / set profile`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Profile {
    /// Defaults of the described system.
    #[default]
    Compatible,
    /// Today's standards, where they can be had here.
    Strict,
}

impl Profile {
    /// The profile that the object of `system security` sets.
    pub fn of(security: &Object) -> Self {
        match security.text("profile") {
            "strict" => Self::Strict,
            _ => Self::Compatible,
        }
    }

    /// How long an activation code is valid, whatever is configured. NIST SP 800-63B-4, 4.1.2.2: a
    /// binding code is valid for ten minutes.
    pub const fn activation_max(self) -> Option<Span> {
        match self {
            Self::Compatible => None,
            Self::Strict => Some(Span::from_mins(10)),
        }
    }

    /// What is demanded of an app's PIN, where this is configured. NIST SP 800-63B-4, 3.2.10: a secret that
    /// activates an authenticator should have six characters at least.
    pub fn pin_policy(self, configured: PinPolicy) -> PinPolicy {
        match self {
            Self::Compatible => configured,
            Self::Strict => PinPolicy {
                requirement: match configured.requirement {
                    PinRequirement::NotRequired => PinRequirement::Require,
                    demanded => demanded,
                },
                length: configured.length.max(PIN_LENGTH),
            },
        }
    }

    /// The longest period of a token that is provisioned now, in seconds (RFC 6238, 5.2).
    pub const fn period_max(self) -> Option<u32> {
        match self {
            Self::Compatible => None,
            Self::Strict => Some(PERIOD_MAX),
        }
    }

    /// Whether codes by mail and SMS are taken. NIST SP 800-63B-4, 3.1.3.1: mail proves no possession
    /// of a device, and 3.1.3.3: the telephone network is restricted.
    pub const fn takes_sent_codes(self) -> bool {
        matches!(self, Self::Compatible)
    }

    /// Whether anybody is let in whom another server alone knows, by a password alone. NIST SP 800-63B-4,
    /// 2.2: assurance level 2 takes two factors.
    pub const fn takes_remote_users(self) -> bool {
        matches!(self, Self::Compatible)
    }

    /// Whether an application is known by its address alone. OWASP ASVS 5, 13.2.1: back ends authenticate
    /// each other.
    pub const fn takes_addresses_as_credentials(self) -> bool {
        matches!(self, Self::Compatible)
    }

    /// How long a wrong password makes its source wait at least.
    pub const fn lockout_min(self) -> Span {
        match self {
            Self::Compatible => Span::ZERO,
            Self::Strict => Span::from_secs(60),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compatible => "compatible",
            Self::Strict => "strict",
        })
    }
}

/// A period that today's standards are content with, in seconds.
const PERIOD_MAX: u32 = 30;

/// The shortest PIN of an app that today's standards are content with.
const PIN_LENGTH: PinLength = PinLength::Six;

/// Whether a token's codes are valid for longer than 30 seconds.
pub fn is_slow(token: &Token) -> bool {
    let is_slow = |period: otp::Period| period.secs() > PERIOD_MAX;
    token.has_seed && matches!(token.parameters.kind, otp::Kind::Totp(period) if is_slow(period))
}

/// Something that falls short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deviation {
    /// What it is.
    pub what: String,
    /// What it falls short of.
    pub standard: &'static str,
    /// The lines that mend it, or what else does.
    pub mend: String,
}

/// An object and the virtual domain that it stands in; none while there are no virtual domains.
pub type Standing<'a> = (Option<Vdom>, &'a Object);

/// What is in force.
#[derive(Debug)]
pub struct Posture<'a> {
    /// The profile.
    pub profile: Profile,
    /// `system global`.
    pub global: &'a Object,
    /// `system email-server`.
    pub mail: &'a Object,
    /// `system sms-server`.
    pub sms_servers: &'a [Object],
    /// `system admin`.
    pub administrators: &'a [Object],
    /// `user setting` of each virtual domain.
    pub settings: &'a [Standing<'a>],
    /// `user radius-client` of each virtual domain.
    pub clients: &'a [Standing<'a>],
    /// `user verification-client` of each virtual domain.
    pub applications: &'a [Standing<'a>],
    /// `user ldap` of each virtual domain.
    pub directories: &'a [Standing<'a>],
    /// `certificate local`.
    pub certificates: &'a [Held],
    /// The time.
    pub now: Timestamp,
    /// Users who log in with their password alone.
    pub users_without_token: u64,
    /// Users whose second factor is a code that is sent.
    pub users_with_sent_codes: u64,
    /// Users whose passwords are kept themselves.
    pub legacy_users: &'a LegacyUsers,
    /// Tokens whose codes are valid for longer than 30 seconds.
    pub slow_tokens: u64,
    /// Tokens that two phones answered with since the start.
    pub shared_tokens: &'a [TokenSerial],
}

/// Users with `set radius-legacy enable`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LegacyUsers {
    named: Vec<String>,
    others: u64,
}

/// Users who are named before the others are only counted: a line that can be read.
const NAMED_MAX: usize = 20;

impl LegacyUsers {
    /// Takes a user into account.
    pub fn see(&mut self, vdom: Option<Vdom>, user: &User) {
        if user.radius_legacy == Switch::Disable {
            return;
        }
        if self.named.len() < NAMED_MAX {
            let name = user.name.as_written();
            self.named.push(format!("{name}{}", within(vdom)));
        } else {
            self.others += 1;
        }
    }

    fn names(&self) -> String {
        let named = self.named.join(", ");
        match self.others {
            0 => named,
            others => format!("{named} and {others} more"),
        }
    }
}

const COPIES: &str = "NIST SP 800-63B-4, 3.1.4: the key of an authenticator is in one place";
const BLAST_RADIUS: &str = "CVE-2024-3596: without a Message-Authenticator, whoever sits between \
                            client and server can turn a refusal into an Accept";
const ACTIVATION: &str = "NIST SP 800-63B-4, 4.1.2.2: a code that binds an authenticator is valid \
                          for ten minutes at most";
const PIN: &str = "NIST SP 800-63B-4, 3.2.10: a secret that activates an authenticator should have six \
                   characters at least";
const PERIOD: &str = "RFC 6238, 5.2: 30 s, which halves what a code that was seen is good for";
const GUESSING: &str = "OWASP ASVS 5, 6.3.1: guessing passwords is slowed down";
const SECOND_FACTOR: &str =
    "OWASP ASVS 5, 6.3.3: whoever can change everything proves more than a password";
const USERS: &str = "NIST SP 800-63B-4, 2.2: authentication assurance level 2 takes two factors";
const LEGACY: &str = "OWASP ASVS 5, 11.4.2: passwords are kept as slow hashes only; CHAP and MS-CHAPv2 \
                      (RFC 1994, RFC 2759) need the password itself";
const TRUSTED_HOSTS: &str =
    "CIS Controls 8, 12.8: administrators work from machines that are set apart for it";
const DIRECTORY: &str =
    "RFC 4513, 5.1.3: a bind hands the password over in clear, so it belongs into TLS";
const CLEAR_RADIUS: &str = "RFC 6614: RADIUS belongs into TLS; over UDP, MD5 alone hides passwords";

impl Posture<'_> {
    /// Everything that falls short, the gravest first.
    pub fn deviations(&self) -> Vec<Deviation> {
        let mut all = Vec::new();
        self.shared_tokens(&mut all);
        self.message_authenticators(&mut all);
        self.applications(&mut all);
        self.code_only(&mut all);
        self.administrators(&mut all);
        self.users(&mut all);
        self.remote_users(&mut all);
        self.two_names(&mut all);
        self.legacy_users(&mut all);
        self.directories(&mut all);
        self.certificates(&mut all);
        self.lockouts(&mut all);
        self.activation(&mut all);
        self.pin(&mut all);
        self.period(&mut all);
        self.sent_codes(&mut all);
        self.mail(&mut all);
        self.sms(&mut all);
        self.transport(&mut all);
        all
    }

    fn shared_tokens(&self, all: &mut Vec<Deviation>) {
        all.extend(self.shared_tokens.iter().map(|token| Deviation {
            what: format!("two phones answered with token {token}: somebody copied one of them"),
            standard: COPIES,
            mend: format!("execute fortitoken-mobile provision {token}, which ends both"),
        }));
    }

    fn message_authenticators(&self, all: &mut Vec<Deviation>) {
        if self.profile == Profile::Strict {
            return;
        }
        for (vdom, client) in self.clients {
            let field = "require-message-authenticator";
            let name = &client.key;
            let may = match client.text(field) {
                "enable" => continue,
                "disable" => "may leave the Message-Authenticator out",
                _ => "may leave the Message-Authenticator out until it has sent one",
            };
            all.push(Deviation {
                what: format!("RADIUS client '{name}'{} {may}", within(*vdom)),
                standard: BLAST_RADIUS,
                mend: in_vdom(
                    *vdom,
                    &format!(
                        "config user radius-client / edit \"{name}\" / set {field} enable / end"
                    ),
                ),
            });
        }
    }

    fn administrators(&self, all: &mut Vec<Deviation>) {
        for administrator in self.administrators {
            let name = &administrator.key;
            if administrator.text("two-factor") == "disable" {
                all.push(Deviation {
                    what: format!("administrator '{name}' logs in without a second factor"),
                    standard: SECOND_FACTOR,
                    mend: format!(
                        "config system admin / edit \"{name}\" / set two-factor fortitoken / \
                         set fortitoken SERIAL / end"
                    ),
                });
            }
            let is_bound = |field: &str| field.contains("trusthost");
            if !administrator
                .values()
                .any(|(field, _)| is_bound(field.name))
            {
                all.push(Deviation {
                    what: format!("administrator '{name}' may come from every address"),
                    standard: TRUSTED_HOSTS,
                    mend: format!(
                        "config system admin / edit \"{name}\" / set trusthost1 ADDRESS MASK / end"
                    ),
                });
            }
        }
    }

    fn users(&self, all: &mut Vec<Deviation>) {
        let may_do_without = self.global.text("multi-factor-authentication") != "mandatory";
        if may_do_without && self.users_without_token > 0 {
            let (verb, count) = (
                if self.users_without_token == 1 {
                    " logs"
                } else {
                    "s log"
                },
                self.users_without_token,
            );
            all.push(Deviation {
                what: format!("{count} user{verb} in with a password alone"),
                standard: USERS,
                mend: "config user local / edit NAME / set two-factor fortitoken / \
                       set fortitoken SERIAL / end"
                    .to_owned(),
            });
        }
    }

    fn lets_in_remote_users(&self) -> bool {
        let may_do_without = self.global.text("multi-factor-authentication") != "mandatory";
        may_do_without && self.profile.takes_remote_users()
    }

    fn remote_users(&self, all: &mut Vec<Deviation>) {
        if !self.lets_in_remote_users() {
            return;
        }
        for (vdom, client) in self.clients {
            let (name, groups) = (&client.key, client.list("remote-groups"));
            if groups.is_empty() {
                continue;
            }
            let groups = groups.join(", ");
            all.push(Deviation {
                what: format!(
                    "RADIUS client '{name}'{} lets in with a password alone whom a server knows and \
                     nobody here, by the groups: {groups}",
                    within(*vdom)
                ),
                standard: USERS,
                mend: in_vdom(
                    *vdom,
                    &format!(
                        "config user radius-client / edit \"{name}\" / unset remote-groups / end, \
                         once the users have entries with tokens"
                    ),
                ),
            });
        }
    }

    fn legacy_users(&self, all: &mut Vec<Deviation>) {
        if self.legacy_users.named.is_empty() {
            return;
        }
        all.push(Deviation {
            what: format!(
                "passwords are kept themselves, for CHAP and MS-CHAPv2, of: {}",
                self.legacy_users.names()
            ),
            standard: LEGACY,
            mend:
                "set the clients to PAP within TLS or a tunnel, then config user local / edit NAME \
                   / set radius-legacy disable / end"
                    .to_owned(),
        });
    }

    fn directories(&self, all: &mut Vec<Deviation>) {
        for (vdom, directory) in self.directories {
            let name = &directory.key;
            let (to, set) = if directory.text("secure") == "disable" {
                ("in clear", "set secure ldaps / set port 636")
            } else if !directory.is_enabled("server-identity-check") {
                ("whatever it is called", "set server-identity-check enable")
            } else {
                continue;
            };
            all.push(Deviation {
                what: format!("directory '{name}'{} is told passwords {to}", within(*vdom)),
                standard: DIRECTORY,
                mend: in_vdom(
                    *vdom,
                    &format!("config user ldap / edit \"{name}\" / {set} / end"),
                ),
            });
        }
    }

    fn lockouts(&self, all: &mut Vec<Deviation>) {
        for (vdom, setting) in self.settings {
            if self.profile == Profile::Compatible && setting.number("auth-lockout-duration") == 0 {
                all.push(Deviation {
                    what: format!("wrong passwords{} cause no wait", within(*vdom)),
                    standard: GUESSING,
                    mend: in_vdom(
                        *vdom,
                        "config user setting / set auth-lockout-duration 60 / end",
                    ),
                });
            }
        }
    }

    fn activation(&self, all: &mut Vec<Deviation>) {
        let hours = self.global.number("two-factor-ftm-expiry");
        if self.profile == Profile::Compatible {
            all.push(Deviation {
                what: format!("activation codes are valid for {hours} hours"),
                standard: ACTIVATION,
                mend: STRICT.to_owned(),
            });
        }
    }

    fn pin(&self, all: &mut Vec<Deviation>) {
        let least = self
            .profile
            .pin_policy(pin_policy(self.global))
            .least_digits();
        if least < PIN_LENGTH.digits() {
            all.push(Deviation {
                what: format!("new tokens open with a PIN of {least} digits"),
                standard: PIN,
                mend: "config system global / set two-factor-ftm-require-pin require \
                       / set two-factor-ftm-pin-length 6 / end"
                    .to_owned(),
            });
        }
    }

    fn period(&self, all: &mut Vec<Deviation>) {
        if self.profile == Profile::Compatible {
            all.push(Deviation {
                what: "new tokens make codes that are valid for 60 s".to_owned(),
                standard: PERIOD,
                mend: STRICT.to_owned(),
            });
        }
        if self.profile == Profile::Strict && self.slow_tokens > 0 {
            let (plural, count) = (
                if self.slow_tokens == 1 {
                    " makes"
                } else {
                    "s make"
                },
                self.slow_tokens,
            );
            all.push(Deviation {
                what: format!("{count} token{plural} codes that are valid for longer than 30 s"),
                standard: PERIOD,
                mend:
                    "execute fortitoken-mobile provision SERIAL: the new activation has the period \
                       of the profile"
                        .to_owned(),
            });
        }
    }

    fn transport(&self, all: &mut Vec<Deviation>) {
        let ask_by = |word: &str| {
            let mut clients = self.clients.iter();
            clients.any(|(_, client)| client.list("transport").iter().any(|it| **it == *word))
        };
        let clear = match (ask_by("udp"), ask_by("tcp")) {
            (true, true) => Some("UDP and TCP"),
            (true, false) => Some("UDP"),
            (false, true) => Some("TCP"),
            (false, false) => None,
        };
        if let Some(clear) = clear {
            all.push(Deviation {
                what: format!("RADIUS clients ask over {clear}"),
                standard: CLEAR_RADIUS,
                mend: "config user radius-client / edit NAME / set transport tls / end; keep clients that \
                       cannot and this unit on a network of their own, or in a tunnel"
                    .to_owned(),
            });
        }
    }
}

const STRICT: &str = "config system security / set profile strict / end";

fn within(vdom: Option<Vdom>) -> String {
    vdom.map_or_else(String::new, |vdom| format!(" of VDOM {vdom}"))
}

fn in_vdom(vdom: Option<Vdom>, lines: &str) -> String {
    match vdom {
        Some(vdom) => format!("config vdom / edit {vdom} / {lines} / end"),
        None => lines.to_owned(),
    }
}

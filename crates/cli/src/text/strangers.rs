//! Fields that this unit does not have, and values that it does not take: what is said of them.

use domain::schema::{
    ACCPROFILE, ADMIN, FORTITOKEN, Field, GROUP, INTERFACE, LDAP, LOCAL, NTP_SERVER,
    PASSWORD_POLICY, RADIUS, RADIUS_CLIENT, Table, VERIFICATION_CLIENT,
};

/// What is known of the fields that others have in a table and this unit has not.
struct Strangers {
    table: &'static Table,
    /// Without these an entry lets in nobody else. `*` at the end stands for any ending.
    harmless: &'static [&'static str],
    /// These restrict whom an entry lets in, from where or to what, unless they hold one of the values
    /// behind them, joined by `|`. What is not set restricts nobody.
    restricting: &'static [(&'static str, &'static str)],
    /// The tables inside an entry without which it lets in nobody else.
    harmless_tables: &'static [&'static str],
    others: Others,
}

/// What a field may do of which nothing is known, such as a misspelt one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    Restrict,
    Harmless,
}

/// An account's key is looked for by it in certificates; this is what the field holds when nobody set it.
const ACCOUNT_KEY_FILTER: &str =
    "(&(userPrincipalName=%s)(!(UserAccountControl:1.2.840.113556.1.4.803:=2)))";

/// The tables that say who is let in, from where and to what.
const STRANGERS: &[Strangers] = &[
    Strangers {
        table: &ADMIN,
        harmless: &[
            "allow-remove-admin-session",
            "gui-*",
            "guest-lang",
            "history*",
            "sms-*",
            "ssh-certificate",
            "two-factor-authentication",
        ],
        restricting: &[
            ("accprofile-override", "disable"),
            ("guest-auth", "disable"),
            ("password-expire", "0000-00-00 00:00:00"),
            ("peer-auth", "disable"),
            ("remote-auth", "disable"),
            ("schedule", ""),
            ("vdom-override", "disable"),
            ("wildcard", "disable"),
        ],
        harmless_tables: &["dashboard*", "gui-*", "login-time"],
        others: Others::Restrict,
    },
    Strangers {
        table: &LOCAL,
        harmless: &[
            "ppk-*",
            "qkd-profile",
            "saml-server",
            "sms-*",
            "tacacs+-server",
            "two-factor-authentication",
            "username-case-insensitivity",
            "username-case-sensitivity",
        ],
        restricting: &[("workstation", "")],
        harmless_tables: &[],
        others: Others::Restrict,
    },
    Strangers {
        table: &LDAP,
        harmless: &[
            "account-key-cert-field",
            "account-key-processing",
            "account-key-upn-san",
            "antiphish",
            "client-cert",
            "group-object-filter",
            "password-attr",
            "password-expiry-warning",
            "source-port",
            "two-factor-authentication",
            "two-factor-notification",
            "user-info-exchange-server",
        ],
        restricting: &[
            ("account-key-filter", ACCOUNT_KEY_FILTER),
            ("client-cert-auth", "disable"),
            ("two-factor", "disable"),
        ],
        harmless_tables: &[],
        others: Others::Restrict,
    },
    Strangers {
        table: &RADIUS,
        harmless: &[
            "account-key-cert-field",
            "account-key-processing",
            "acct-*",
            "all-usergroup",
            "ca-cert",
            "call-station-id-type",
            "class",
            "client-cert",
            "delimiter",
            "h3c-compatibility",
            "mac-*",
            "password-renewal",
            "radius-coa",
            "rsso*",
            "server-identity-check",
            "sso-*",
            "switch-controller-*",
            "tls-min-proto-version",
            "use-group-for-profile",
            "username-case-sensitive",
        ],
        restricting: &[],
        harmless_tables: &["accounting-server"],
        others: Others::Restrict,
    },
    Strangers {
        table: &GROUP,
        harmless: &[
            "company",
            "email",
            "expire",
            "expire-type",
            "logic-type",
            "max-accounts",
            "mobile-phone",
            "multiple-guest-add",
            "password",
            "sms-*",
            "sponsor",
            "user-id",
            "user-name",
        ],
        restricting: &[],
        harmless_tables: &["guest"],
        others: Others::Restrict,
    },
    Strangers {
        table: &ACCPROFILE,
        // They grant something that is not here.
        harmless: &[
            "admingrp",
            "endpoint-control-grp",
            "mntgrp",
            "routegrp",
            "updategrp",
        ],
        restricting: &[
            ("system-execute-ssh", "enable"),
            ("system-execute-telnet", "enable"),
        ],
        harmless_tables: &[
            // They are read where a part says 'custom', which no part here does.
            "fwgrp-permission",
            "loggrp-permission",
            "netgrp-permission",
            "sysgrp-permission",
            "utmgrp-permission",
        ],
        others: Others::Restrict,
    },
    Strangers {
        table: &PASSWORD_POLICY,
        harmless: &[],
        restricting: &[],
        harmless_tables: &[],
        others: Others::Restrict,
    },
    Strangers {
        table: &FORTITOKEN,
        harmless: &[],
        restricting: &[],
        harmless_tables: &[],
        others: Others::Restrict,
    },
    Strangers {
        table: &RADIUS_CLIENT,
        harmless: &[],
        restricting: &[],
        harmless_tables: &[],
        others: Others::Restrict,
    },
    Strangers {
        table: &VERIFICATION_CLIENT,
        harmless: &[],
        restricting: &[],
        harmless_tables: &[],
        others: Others::Restrict,
    },
    Strangers {
        table: &INTERFACE,
        harmless: &[],
        restricting: &[
            ("trust-ip-1", ANY),
            ("trust-ip-2", ANY),
            ("trust-ip-3", ANY),
            ("trust-ip6-1", ANY),
            ("trust-ip6-2", ANY),
            ("trust-ip6-3", ANY),
        ],
        // It has some two hundred fields for what the host does.
        harmless_tables: &[],
        others: Others::Harmless,
    },
    Strangers {
        table: &NTP_SERVER,
        harmless: &[],
        restricting: &[("authentication", "disable")],
        harmless_tables: &[],
        others: Others::Harmless,
    },
];

/// Every address.
const ANY: &str = "0.0.0.0 0.0.0.0|0.0.0.0/0|::/0";

/// Whether a field that is not here may let in fewer, or elsewhere: without it the entry could let in
/// more than its administrator meant.
pub(super) fn restricts(table: &Table, name: &str, words: &[String]) -> bool {
    let Some(strangers) = STRANGERS.iter().find(|known| known.table == table) else {
        return false;
    };
    let value = words.join(" ");
    let mut restricting = strangers.restricting.iter();
    match restricting.find(|(restricting, _)| *restricting == name) {
        _ if value.is_empty() => false,
        Some((_, neutral)) => !neutral.split('|').any(|neutral| neutral == value),
        None => strangers.others == Others::Restrict && !is_among(strangers.harmless, name),
    }
}

/// Whether a field that is not here is known to let in fewer. Of what a person mistypes no more is held
/// against the entry: the refusal is read at once.
pub(crate) fn is_known_to_restrict(table: &Table, name: &str, words: &[String]) -> bool {
    let mut known = STRANGERS.iter().filter(|known| known.table == table);
    let is_named = |known: &Strangers| known.restricting.iter().any(|(known, _)| *known == name);
    known.any(is_named) && restricts(table, name, words)
}

/// Whether a table inside an entry, which is not here, may let in fewer. It may be a misspelt one that does.
pub(crate) fn restricts_as_table(table: &Table, path: &str) -> bool {
    let mut guarded = STRANGERS
        .iter()
        .filter(|known| known.table == table && known.others == Others::Restrict);
    guarded.any(|known| !is_among(known.harmless_tables, path))
}

/// Whether it is one of these names; `*` at the end of one stands for any ending.
fn is_among(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| match known.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => *known == name,
    })
}

/// Values as they are repeated: a secret never, nor what may be one of a field that is not known.
pub(super) fn shown(name: &str, field: Option<&Field>, words: &[String]) -> String {
    /// Longest text that is repeated.
    const SHOWN_MAX: usize = 64;
    /// Parts of the names of fields that hold secrets, there and here.
    const SECRET: [&str; 5] = ["passw", "passphrase", "secret", "key", "seed"];
    let is_secret = field.is_some_and(|field| field.kind.is_secret())
        || SECRET.iter().any(|part| name.contains(part))
        || words.first().is_some_and(|word| word == "ENC");
    match words {
        [] => String::new(),
        _ if is_secret => " ***".to_owned(),
        words => {
            let text = words.join(" ");
            let short: String = text.chars().take(SHOWN_MAX).collect();
            let rest = if short.len() < text.len() { "..." } else { "" };
            format!(" {short}{rest}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_table_has_is_no_stranger_to_it() {
        for known in STRANGERS {
            for field in known.table.fields {
                let is_stranger = known.harmless.contains(&field.name)
                    || known
                        .restricting
                        .iter()
                        .any(|(name, _)| *name == field.name);
                assert!(!is_stranger, "{} {}", known.table.path, field.name);
            }
            for child in known.table.children {
                assert!(
                    !is_among(known.harmless_tables, child.path),
                    "{}",
                    child.path
                );
            }
        }
    }
}

//! Fields that this unit does not have, and values that it does not take: what is said of them.

use domain::schema::{ADMIN, Field, Kind, LOCAL, Table};

/// Whether a field that is not here would let in fewer, or elsewhere: without it the entry lets in more
/// than its administrator meant.
pub(crate) fn restricts(table: &Table, name: &str, words: &[String]) -> bool {
    let restricting: &[&str] = if table == &ADMIN {
        &[
            "guest-auth",
            "peer-auth",
            "remote-auth",
            "schedule",
            "wildcard",
        ]
    } else if table == &LOCAL {
        &["workstation"]
    } else {
        &[]
    };
    restricting.contains(&name) && words != ["disable"]
}

/// Values as they are repeated: a secret never, nor what may be one of a field that is not known.
pub(super) fn shown(name: &str, field: Option<&Field>, words: &[String]) -> String {
    /// Longest text that is repeated.
    const SHOWN_MAX: usize = 64;
    /// Parts of the names of fields that hold secrets, there and here.
    const SECRET: [&str; 5] = ["passw", "passphrase", "secret", "key", "seed"];
    let is_secret = field.is_some_and(|field| matches!(field.kind, Kind::Secret(_)))
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

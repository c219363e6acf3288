//! `diagnose verification`.

use std::net::IpAddr;

use domain::verification::GuessRow;

use super::{Zone, in_vdom, not_found};

/// Who showed wrong secrets of applications.
pub fn guesses(rows: &[GuessRow], zone: Zone) -> String {
    if rows.is_empty() {
        return "Nobody has shown a wrong secret of an application since the start.\n".to_owned();
    }
    let mut text = columns(["SOURCE", "APPLICATION", "WRONG"], "LAST");
    for row in rows {
        let application = match &row.application {
            Some(application) => in_vdom(application.vdom, &application.name),
            None => "(all together)".to_owned(),
        };
        let source = row.network.map(|network| network.to_string());
        let source = source.as_deref().unwrap_or("(others)");
        let wrong = row.wrong.to_string();
        text += &columns([source, &application, &wrong], &zone.long(row.last));
        if let Some(until) = row.locked_until {
            text += &format!("    nothing is heard until {}\n", zone.long(until));
        }
    }
    text
}

/// What `diagnose verification forget` did.
pub fn guesses_forgotten(address: IpAddr) -> String {
    format!("{address} is heard again\n")
}

/// An address of which nothing was counted.
pub fn guesses_unknown(address: IpAddr) -> String {
    not_found(&format!(
        "{address} has shown no wrong secret; 'diagnose verification guesses' shows who has"
    ))
}

fn columns(words: [&str; 3], last: &str) -> String {
    let [source, application, wrong] = words;
    format!("{source:<40}{application:<22}{wrong:>6}  {last}\n")
}

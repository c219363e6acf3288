//! `diagnose fortitoken info`.

use domain::advice::Advice;
use domain::query::{ServerReach, TokenRow, TokenTotals};

/// The line above the tokens.
pub fn token_head() -> String {
    columns("FORTITOKEN", "DRIFT", "STATUS")
}

/// A token's line.
pub fn token(row: &TokenRow) -> String {
    columns(row.serial.as_str(), &row.drift.0.to_string(), row.status)
}

/// What stands below the tokens.
pub fn token_totals(totals: &TokenTotals) -> String {
    let TokenTotals {
        activated,
        activated_global,
        server,
    } = totals;
    let server = match server {
        ServerReach::Reachable => "reachable",
        ServerReach::Unreachable => "unreachable",
        ServerReach::Unknown => "unknown",
    };
    format!(
        "\nTotal activated token: {activated}\nTotal global activated token: {activated_global}\n\n\
         Token server status: {server}\n"
    )
}

/// Below `Token server status: unreachable`: who was asked, and why nobody answered.
pub fn token_server_trouble(why: &str) -> String {
    format!(
        " Asked: {}\n Next step: 'diagnose test application forticldd 7' asks each server; codes are checked \
         meanwhile\n",
        super::printable(why)
    )
}

/// What is the matter with the one token that was asked for.
pub fn token_advice(advice: &Advice) -> String {
    let Advice { cause, next_step } = advice;
    format!("\ncause: {cause}\nnext step: {next_step}\n")
}

/// A serial has 16 characters; two blanks part the columns.
fn columns(serial: &str, drift: &str, status: &str) -> String {
    format!("{serial:<18}{drift:<7}{status}\n")
}

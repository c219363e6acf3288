//! `diagnose outbox list`.

use domain::query::OutboxRow;

use super::printable;

/// Something that waits: one line, and what the last attempt failed with.
pub fn outbox_row(row: &OutboxRow) -> String {
    let OutboxRow {
        number,
        about,
        created,
        attempts,
        last_error,
    } = row;
    let plural = if *attempts == 1 { "" } else { "s" };
    let error = last_error.as_ref().map_or_else(String::new, |error| {
        format!("    last error: {}\n", printable(error))
    });
    format!(
        "{number}  {created}  {attempts} attempt{plural}  {}\n{error}",
        printable(about)
    )
}

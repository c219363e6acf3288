//! `diagnose outbox list | history`.

use domain::query::{DeliveryRow, OutboxRow};

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

/// A message to a person: one line, and why it did not get through.
pub fn delivery(row: &DeliveryRow) -> String {
    let DeliveryRow {
        number,
        at,
        about,
        failure,
        ..
    } = row;
    let (state, why) = match failure {
        None => ("sent", String::new()),
        Some(why) => ("not sent", format!("    cause: {}\n", printable(why))),
    };
    format!("{number}  {at}  {state}  {}\n{why}", printable(about))
}

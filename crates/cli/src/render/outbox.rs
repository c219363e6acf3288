//! `diagnose outbox list | history`.

use domain::query::{DeliveryRow, OutboxRow};

use super::printable;

/// What waits, oldest first.
pub fn outbox(rows: &[OutboxRow]) -> String {
    match rows {
        [] => "Nothing waits to be sent.\n".to_owned(),
        rows => rows.iter().map(waiting).collect(),
    }
}

/// Messages to people, oldest first.
pub fn deliveries(rows: &[DeliveryRow]) -> String {
    match rows {
        [] => "No mail or SMS is on record.\n".to_owned(),
        rows => rows.iter().map(delivery).collect(),
    }
}

/// One line, and what the last attempt failed with.
fn waiting(row: &OutboxRow) -> String {
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

/// One line, and why it did not get through.
fn delivery(row: &DeliveryRow) -> String {
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

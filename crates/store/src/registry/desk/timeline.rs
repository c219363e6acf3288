//! What became of something.

use domain::licensing::{AccountName, Sight};
use domain::time::Timestamp;

use super::account::account_actions;
use super::look::{Clue, Found, Look};
use super::{DeskEvent, DeskRefusal};
use crate::engine::{Failure, SqlError, Tx, Val, Work};
use crate::registry::RegistryStore;
use crate::registry::hardware::FROM_ACCOUNT;
use crate::vals;

/// Events of one timeline: more than anybody reads, few enough for one answer.
pub const TIMELINE_MAX: u32 = 1_000;

// The events of what `$1` names, the latest `$2`. Each reaches them by the index of their subjects: the record has
// several for every token of every customer, and two readers answer all who look. A subquery that names a column of
// `desk_event` from outside takes that index away.

const OF_TOKEN: &str = "
    SELECT at, actor, interface, action, subject, detail FROM desk_event
    WHERE subject = $1
        OR subject = (SELECT licence FROM token WHERE serial = $1)
        OR id IN (SELECT event FROM desk_event_about
                  WHERE subject = (SELECT licence FROM token WHERE serial = $1))
    ORDER BY id DESC LIMIT $2";

const OF_HARDWARE: &str = "
    SELECT at, actor, interface, action, subject, detail FROM desk_event
    WHERE subject = $1 AND at >= $3 AND id >= $4 ORDER BY id DESC LIMIT $2";

const OF_LICENCE: &str = "
    SELECT at, actor, interface, action, subject, detail FROM desk_event
    WHERE subject = $1 OR id IN (SELECT event FROM desk_event_about WHERE subject = $1)
    ORDER BY id DESC LIMIT $2";

const OF_DEVICE: &str = "
    SELECT at, actor, interface, action, subject, detail FROM desk_event
    WHERE subject IN (SELECT p.token FROM provision p JOIN token t ON t.serial = p.token
                      JOIN licence l ON l.serial = t.licence
                      WHERE p.device = $1 AND ($3 IS NULL OR l.account = $3))
    ORDER BY id DESC LIMIT $2";

const OF_PRODUCT: &str = "
    SELECT at, actor, interface, action, subject, detail FROM desk_event
    WHERE (subject = $1 AND at >= $3 AND id >= $4)
        OR subject IN (SELECT serial FROM licence
                       WHERE product = $1 AND ($5 IS NULL OR account = $5))
        OR (at >= $3 AND id >= $4
            AND id IN (SELECT event FROM desk_event_about WHERE subject = $1))
    ORDER BY id DESC LIMIT $2";

/// The event with which a product became its customer's, 0 if it is not on record. It may be the same second in
/// which it was another's.
macro_rules! registration {
    ($serial:literal, $registered:literal) => {
        concat!(
            "(SELECT coalesce(max(id), 0) FROM desk_event
              WHERE subject = ",
            $serial,
            " AND at = ",
            $registered,
            " AND action IN ('register-product', 'replace-unit'))"
        )
    };
}

const OF_ACCOUNT: &str = concat!(
    "
    SELECT at, actor, interface, action, subject, detail FROM desk_event
    WHERE id IN (SELECT id FROM desk_event
                 WHERE subject = $1 AND at >= $3 AND action IN ",
    account_actions!(),
    "
                 UNION ALL
                 SELECT e.id FROM product p JOIN desk_event e ON e.subject = p.serial
                 WHERE p.account = $1
                     AND ($4 IS NULL
                          OR (e.at >= p.registered AND e.id >= ",
    registration!("p.serial", "p.registered"),
    "))
                 UNION ALL
                 SELECT e.id FROM licence l JOIN desk_event e ON e.subject = l.serial
                 WHERE l.account = $1)
    ORDER BY id DESC LIMIT $2"
);

const OF_ACCOUNT_ALONE: &str = concat!(
    "SELECT at, actor, interface, action, subject, detail FROM desk_event
     WHERE subject = $1 AND at >= $2 AND action IN ",
    account_actions!(),
    " ORDER BY id"
);

/// Where the record of something begins for who asks.
#[derive(Clone, Copy)]
struct Since {
    at: Timestamp,
    event: i64,
}

/// Before all events.
const EVER: Since = Since {
    at: Timestamp::from_secs(0),
    event: 0,
};

impl RegistryStore {
    /// The events of what a text leads to, alone, or, for who sees everything, of what the record calls
    /// `subject`, such as `agent carol`; oldest first. `None` if neither is known.
    pub async fn history(
        &self,
        clue: Clue,
        subject: Box<str>,
        sight: Sight,
    ) -> Result<Option<Vec<DeskEvent>>, Failure<DeskRefusal>> {
        let look = Look {
            keys: self.keys(),
            clue,
            sight,
        };
        self.database.read(ShowHistory { look, subject }).await
    }

    /// The events of what the record calls `subject`, oldest first.
    pub async fn desk_events(
        &self,
        subject: Box<str>,
    ) -> Result<Vec<DeskEvent>, Failure<DeskRefusal>> {
        let nothing_else = Clue::default();
        let events = self
            .history(nothing_else, subject, Sight::Everything)
            .await?;
        Ok(events.unwrap_or_default())
    }
}

struct ShowHistory {
    look: Look,
    subject: Box<str>,
}

impl Work for ShowHistory {
    type Out = Option<Vec<DeskEvent>>;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<DeskRefusal>> {
        let sight = &self.look.sight;
        match (self.look.find(tx).await?, sight) {
            (Some((found @ Found::Device(..), _)), _) => {
                Ok(Some(timeline(tx, &found, sight).await?))
            }
            (Some((Found::Account(record), _)), _) => {
                let own = vals![record.name.as_str(), record.created];
                Ok(Some(told(tx.rows(OF_ACCOUNT_ALONE, &own).await?, sight)))
            }
            (Some((found, _)), _) => {
                let since = since(tx, &found, sight).await?;
                let events = events_of(tx, &subject(&found), since).await?;
                Ok(Some(told(events, sight)))
            }
            (None, Sight::Everything) => {
                let events = events_of(tx, &self.subject, EVER).await?;
                Ok(Some(events).filter(|events| !events.is_empty()))
            }
            (None, Sight::Account(_)) => Ok(None),
        }
    }
}

/// How the record names what was found.
fn subject(found: &Found) -> String {
    match found {
        Found::Account(record) => record.name.to_string(),
        Found::Product(record) => record.serial.to_string(),
        Found::Licence(record) => record.licence.serial.to_string(),
        Found::Token(record) => record.token.serial.to_string(),
        Found::Hardware(token) => token.serial.to_string(),
        Found::Device(id, _) => id.to_string(),
    }
}

/// Since when the record of it is told: another customer may have had an account's name before, or a unit or a
/// hardware token itself.
async fn since<T: Tx>(tx: &mut T, found: &Found, sight: &Sight) -> Result<Since, SqlError> {
    match (found, sight) {
        (Found::Account(record), _) => Ok(Since {
            at: record.created,
            ..EVER
        }),
        (Found::Product(record), Sight::Account(_)) => {
            let begun = vals![record.serial.as_str(), record.registered];
            Ok(Since {
                at: record.registered,
                event: event(tx, concat!("SELECT ", registration!("$1", "$2")), &begun).await?,
            })
        }
        (Found::Hardware(token), Sight::Account(_)) => Ok(Since {
            event: event(tx, ASSIGNED, &vals![token.serial.as_str()]).await?,
            ..EVER
        }),
        _ => Ok(EVER),
    }
}

/// When a hardware token became the customer's that has it, if the desk said whose it is.
const ASSIGNED: &str = "
    SELECT coalesce(max(id), 0) FROM desk_event
    WHERE subject = $1 AND action = 'assign-hardware'";

async fn event<T: Tx>(
    tx: &mut T,
    sql: &'static str,
    parameters: &[Val<'_>],
) -> Result<i64, SqlError> {
    let found = tx.row::<(i64,)>(sql, parameters).await?;
    Ok(found.map_or(EVER.event, |(id,)| id))
}

/// The events as they are told: to a customer without the names that others have or had.
fn told(mut events: Vec<DeskEvent>, sight: &Sight) -> Vec<DeskEvent> {
    if let Sight::Account(_) = sight {
        events.retain(|event| !is_of_former_holder(event));
        for event in events
            .iter_mut()
            .filter(|it| &*it.action == "assign-hardware")
        {
            let (to, _) = event
                .detail
                .split_once(FROM_ACCOUNT)
                .unwrap_or((&event.detail, ""));
            event.detail = to.into();
        }
    }
    events
}

/// The name that a customer has was another's, who was given a new one.
fn is_of_former_holder(event: &DeskEvent) -> bool {
    &*event.action == "rename-account" && event.detail.starts_with("to \"")
}

async fn events_of<T: Tx>(
    tx: &mut T,
    subject: &str,
    since: Since,
) -> Result<Vec<DeskEvent>, SqlError> {
    tx.rows(
        "SELECT at, actor, interface, action, subject, detail FROM desk_event
         WHERE subject = $1 AND at >= $2 AND id >= $3 ORDER BY id",
        &vals![subject, since.at, since.event],
    )
    .await
}

/// Events of what was found, and of what it belongs to.
pub(super) async fn timeline<T: Tx>(
    tx: &mut T,
    found: &Found,
    sight: &Sight,
) -> Result<Vec<DeskEvent>, SqlError> {
    let subject = subject(found);
    let subject = subject.as_str();
    let since = since(tx, found, sight).await?;
    let own = sight.account().map(AccountName::as_str);
    let (sql, parameters) = match found {
        Found::Token(_) => (OF_TOKEN, vals![subject, TIMELINE_MAX].to_vec()),
        Found::Hardware(_) => (
            OF_HARDWARE,
            vals![subject, TIMELINE_MAX, since.at, since.event].to_vec(),
        ),
        Found::Licence(_) => (OF_LICENCE, vals![subject, TIMELINE_MAX].to_vec()),
        Found::Device(..) => (OF_DEVICE, vals![subject, TIMELINE_MAX, own].to_vec()),
        Found::Product(_) => (
            OF_PRODUCT,
            vals![subject, TIMELINE_MAX, since.at, since.event, own].to_vec(),
        ),
        Found::Account(_) => (
            OF_ACCOUNT,
            vals![subject, TIMELINE_MAX, since.at, own].to_vec(),
        ),
    };
    let mut events: Vec<DeskEvent> = tx.rows(sql, &parameters).await?;
    events.reverse();
    Ok(told(events, sight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan_of;
    use crate::registry::schema::MIGRATIONS;

    #[test]
    fn no_timeline_reads_the_whole_record() {
        for sql in [
            OF_TOKEN,
            OF_HARDWARE,
            OF_LICENCE,
            OF_DEVICE,
            OF_PRODUCT,
            OF_ACCOUNT,
            OF_ACCOUNT_ALONE,
        ] {
            let steps = plan_of(MIGRATIONS, sql);
            assert!(
                steps.iter().all(|step| !step.starts_with("SCAN")),
                "{sql}\n{steps:#?}"
            );
        }
    }
}

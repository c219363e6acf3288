//! What became of something.

use domain::time::Timestamp;

use super::look::{Clue, Found, Look};
use super::{DeskEvent, DeskRefusal};
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::registry::RegistryStore;
use crate::vals;

/// Events of one timeline: more than anybody reads, few enough for one answer.
pub const TIMELINE_MAX: u32 = 1_000;

/// Before all events.
const EVER: Timestamp = Timestamp::from_secs(0);

impl RegistryStore {
    /// The events of what a text leads to, alone, or of what the record calls `subject`, such as `agent carol`;
    /// oldest first. `None` if neither is known.
    pub async fn history(
        &self,
        clue: Clue,
        subject: Box<str>,
    ) -> Result<Option<Vec<DeskEvent>>, Failure<DeskRefusal>> {
        let look = Look {
            keys: self.keys(),
            clue,
        };
        self.database.read(ShowHistory { look, subject }).await
    }

    /// The events of what the record calls `subject`, oldest first.
    pub async fn desk_events(
        &self,
        subject: Box<str>,
    ) -> Result<Vec<DeskEvent>, Failure<DeskRefusal>> {
        let nothing_else = Clue::default();
        let events = self.history(nothing_else, subject).await?;
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
        match self.look.find(tx).await? {
            Some((found @ Found::Device(..), _)) => Ok(Some(timeline(tx, &found).await?)),
            Some((found, _)) => Ok(Some(events_of(tx, &subject(&found), since(&found)).await?)),
            None => {
                let events = events_of(tx, &self.subject, EVER).await?;
                Ok(Some(events).filter(|events| !events.is_empty()))
            }
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

/// Since when the record means it by its name: another customer may have had an account's before.
fn since(found: &Found) -> Timestamp {
    match found {
        Found::Account(record) => record.created,
        _ => EVER,
    }
}

async fn events_of<T: Tx>(
    tx: &mut T,
    subject: &str,
    since: Timestamp,
) -> Result<Vec<DeskEvent>, SqlError> {
    tx.rows(
        "SELECT at, actor, interface, action, subject, detail FROM desk_event
         WHERE subject = $1 AND at >= $2 ORDER BY id",
        &vals![subject, since],
    )
    .await
}

/// Events of what was found, and of what it belongs to.
pub(super) async fn timeline<T: Tx>(tx: &mut T, found: &Found) -> Result<Vec<DeskEvent>, SqlError> {
    let sql = match found {
        Found::Token(_) => {
            "SELECT at, actor, interface, action, subject, detail FROM desk_event
             WHERE subject = $1
                OR subject = (SELECT licence FROM token WHERE serial = $1)
                OR id IN (SELECT event FROM desk_event_about
                          WHERE subject = (SELECT licence FROM token WHERE serial = $1))
             ORDER BY id DESC LIMIT $2"
        }
        Found::Hardware(_) => {
            "SELECT at, actor, interface, action, subject, detail FROM desk_event
             WHERE subject = $1 ORDER BY id DESC LIMIT $2"
        }
        Found::Licence(_) => {
            "SELECT at, actor, interface, action, subject, detail FROM desk_event
             WHERE subject = $1 OR id IN (SELECT event FROM desk_event_about WHERE subject = $1)
             ORDER BY id DESC LIMIT $2"
        }
        Found::Device(..) => {
            "SELECT at, actor, interface, action, subject, detail FROM desk_event
             WHERE subject IN (SELECT token FROM provision WHERE device = $1)
             ORDER BY id DESC LIMIT $2"
        }
        Found::Product(_) => {
            "SELECT at, actor, interface, action, subject, detail FROM desk_event
             WHERE subject = $1
                OR subject IN (SELECT serial FROM licence WHERE product = $1)
                OR id IN (SELECT event FROM desk_event_about WHERE subject = $1)
             ORDER BY id DESC LIMIT $2"
        }
        Found::Account(_) => {
            "SELECT at, actor, interface, action, subject, detail FROM desk_event
             WHERE (subject = $1 AND at >= (SELECT created FROM account WHERE name = $1))
                OR subject IN (SELECT serial FROM product WHERE account = $1)
                OR subject IN (SELECT serial FROM licence WHERE account = $1)
             ORDER BY id DESC LIMIT $2"
        }
    };
    let subject = subject(found);
    let mut events: Vec<DeskEvent> = tx.rows(sql, &vals![subject.as_str(), TIMELINE_MAX]).await?;
    events.reverse();
    Ok(events)
}

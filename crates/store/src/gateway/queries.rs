//! What administrators ask: read-only, beside the writer.

use std::sync::Arc;

use domain::admin::Owned;
use domain::name::CanonicalName;
use domain::schema::{Object, Table};
use domain::user::User;
use ident::TokenSerial;

use super::events::{self, Recorded};
use super::memory::Memory;
use super::outbox::{self, Waiting};
use super::records::{self, PersonRow};
use crate::engine::{Failure, SqlError, Tx, Work};

/// A question that the domain never refuses.
pub(super) enum Never {}

macro_rules! question {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* } -> $out:ty, |$self:ident, $tx:ident| $body:expr) => {
        $(#[$doc])*
        pub(super) struct $name { $(pub(super) $field: $type),* }

        impl Work for $name {
            type Out = $out;
            type Err = Never;

            async fn run<T: Tx>($self, $tx: &mut T) -> Result<$out, Failure<Never>> {
                let answer: Result<$out, SqlError> = async { $body }.await;
                Ok(answer?)
            }
        }
    };
}

question! {
    /// Tokens after a serial, a page at a time.
    TokensAfter { memory: Arc<Memory>, after: String, limit: i64 } -> Vec<Owned>,
    |self, tx| {
        let rows = records::tokens_after(tx, &self.after, self.limit).await?;
        rows.into_iter().map(|row| row.open(&self.memory.secrets)).collect()
    }
}

question! {
    /// One token.
    OneToken { memory: Arc<Memory>, serial: TokenSerial } -> Option<Owned>,
    |self, tx| {
        let row = records::token(tx, self.serial).await?;
        row.map(|row| row.open(&self.memory.secrets)).transpose()
    }
}

question! {
    /// Users after a canonical name, a page at a time.
    PeopleAfter { after: String, limit: i64 } -> Vec<User>,
    |self, tx| {
        let rows = records::people_after(tx, &self.after, self.limit).await?;
        Ok(rows.into_iter().map(|PersonRow(user)| user).collect())
    }
}

question! {
    /// One user.
    OnePerson { name: CanonicalName } -> Option<User>,
    |self, tx| records::person(tx, &self.name).await
}

question! {
    /// All entries of one of the other tables.
    Objects { table: &'static Table } -> Vec<Object>,
    |self, tx| records::objects(tx, self.table).await
}

question! {
    /// One entry of one of the other tables.
    OneObject { table: &'static Table, key: Box<str> } -> Option<Object>,
    |self, tx| records::object(tx, self.table, &self.key).await
}

question! {
    /// One event.
    OneEvent { id: i64 } -> Option<Recorded>,
    |self, tx| events::at(tx, self.id).await
}

question! {
    /// Messages in the outbox whose time has come.
    Due { memory: Arc<Memory>, by: i64, limit: i64 } -> Vec<Waiting>,
    |self, tx| {
        let rows = outbox::due(tx, self.by, self.limit).await?;
        rows.into_iter().map(|row| row.open(&self.memory.secrets)).collect()
    }
}

question! {
    /// Logins before an event, newest first.
    LoginsBefore { before: i64, limit: i64 } -> Vec<Recorded>,
    |self, tx| events::logins_before(tx, self.before, self.limit).await
}

question! {
    /// What refusals turned out to be: the explanations of events in this range.
    Explanations { from: i64, to: i64 } -> Vec<Recorded>,
    |self, tx| events::explanations(tx, self.from, self.to).await
}

question! {
    /// Tokens that wait for a phone or have one, after a serial: what a poll asks about.
    PollableAfter { after: String, limit: i64 } -> Vec<TokenSerial>,
    |self, tx| records::pollable_after(tx, &self.after, self.limit).await
}

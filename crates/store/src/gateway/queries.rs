//! What administrators ask: read-only, beside the writer.

use std::sync::Arc;

use domain::admin::{FileGiven, Owned};
use domain::name::{CanonicalName, Realm};
use domain::password::PasswordHash;
use domain::password_policy::PasswordPolicy;
use domain::schema::{Object, Place, Table};
use domain::time::Timestamp;
use domain::token::Token;
use domain::user::User;
use domain::vdom::Vdom;
use ident::{LicenceSerial, RegistrationId, TokenSerial};

use super::entries;
use super::events::{self, Recorded};
use super::memory::Memory;
use super::moves;
use super::outbox::{self, Lane, Waiting};
use super::people::{self, PersonRow};
use super::recovery::{self, Recovered};
use super::sent::{self, SentRequest};
use super::tokens::{self, TokenRow};
use super::transfers::{self, Phones, SeedToProvision};
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
    /// Tokens of a virtual domain after a serial, a page at a time.
    TokensAfter { memory: Arc<Memory>, vdom: Vdom, after: String, limit: i64 } -> Vec<Token>,
    |self, tx| {
        let rows = tokens::tokens_after(tx, self.vdom, &self.after, self.limit).await?;
        let open = |row: TokenRow| Ok(row.open(&self.memory.secrets)?.token);
        rows.into_iter().map(open).collect()
    }
}

question! {
    /// The file of this name, if its tokens left.
    GivenFile { id: String } -> Option<FileGiven>,
    |self, tx| moves::given_file(tx, &self.id).await
}

question! {
    /// The file in which tokens of a licence left a virtual domain last.
    LastGiven { vdom: Vdom, licence: LicenceSerial } -> Option<FileGiven>,
    |self, tx| moves::last_given(tx, self.vdom, self.licence).await
}

question! {
    /// One token.
    OneToken { memory: Arc<Memory>, serial: TokenSerial } -> Option<Owned>,
    |self, tx| {
        let row = tokens::token(tx, self.serial).await?;
        row.map(|row| row.open(&self.memory.secrets)).transpose()
    }
}

question! {
    /// One user, and the policy that judges the user's passwords.
    OneWithPolicy { name: CanonicalName } -> Option<(User, Option<PasswordPolicy>)>,
    |self, tx| {
        let Some(user) = people::person(tx, &self.name).await? else {
            return Ok(None);
        };
        let policy = people::policy_of(tx, &user).await?;
        Ok(Some((user, policy)))
    }
}

question! {
    /// Users of a realm after a canonical name, a page at a time.
    PeopleAfter { realm: Realm, after: String, limit: i64 } -> Vec<User>,
    |self, tx| {
        let rows = people::people_after(tx, self.realm, &self.after, self.limit).await?;
        Ok(rows.into_iter().map(|PersonRow(user)| user).collect())
    }
}

question! {
    /// The hash of a user's password.
    PasswordOf { name: CanonicalName } -> Option<PasswordHash>,
    |self, tx| people::password(tx, &self.name).await
}

question! {
    /// One user.
    OnePerson { name: CanonicalName } -> Option<User>,
    |self, tx| people::person(tx, &self.name).await
}

question! {
    /// Activated hardware tokens: of a virtual domain, and of all.
    Activated { vdom: Vdom } -> (u64, u64),
    |self, tx| tokens::activated(tx, self.vdom).await
}

question! {
    /// All virtual domains, the root first.
    Vdoms { } -> Vec<Vdom>,
    |self, tx| entries::vdoms(tx).await
}

question! {
    /// All entries of one of the other tables in a virtual domain.
    Objects { vdom: Vdom, table: &'static Table } -> Vec<Object>,
    |self, tx| entries::objects(tx, self.vdom, self.table).await
}

question! {
    /// One entry of one of the other tables.
    OneObject { place: Place } -> Option<Object>,
    |self, tx| entries::object(tx, &self.place).await
}

question! {
    /// One event.
    OneEvent { id: i64 } -> Option<Recorded>,
    |self, tx| events::at(tx, self.id).await
}

question! {
    /// Messages of a lane of the outbox whose time has come.
    Due { memory: Arc<Memory>, lane: Lane, by: Timestamp, limit: i64 } -> Vec<Waiting>,
    |self, tx| {
        let rows = outbox::due(tx, self.lane, self.by, self.limit).await?;
        rows.into_iter().map(|row| row.open(&self.memory.secrets)).collect()
    }
}

question! {
    /// A message of a lane of the outbox.
    OneWaiting { memory: Arc<Memory>, lane: Lane, id: i64 } -> Option<Waiting>,
    |self, tx| {
        let row = outbox::one(tx, self.lane, self.id).await?;
        row.map(|row| row.open(&self.memory.secrets)).transpose()
    }
}

question! {
    /// A request whose answer may be lost.
    OneSent { memory: Arc<Memory>, request: String } -> Option<SentRequest>,
    |self, tx| sent::find(tx, &self.request, &self.memory).await
}

question! {
    /// Messages in the outbox: of a virtual domain, or of all.
    Outbox { memory: Arc<Memory>, vdom: Option<Vdom>, limit: i64 } -> Vec<Waiting>,
    |self, tx| {
        let rows = outbox::waiting(tx, self.vdom, self.limit).await?;
        rows.into_iter().map(|row| row.open(&self.memory.secrets)).collect()
    }
}

question! {
    /// Logins among the events before one, newest first, and before which event there are more.
    SomeLoginsBefore { before: i64 } -> (Vec<Recorded>, Option<i64>),
    |self, tx| events::some_logins_before(tx, self.before).await
}

question! {
    /// What became of messages to people, in events before one, newest first.
    DeliveriesBefore { before: i64, looked_at: i64, limit: i64 } -> Vec<Recorded>,
    |self, tx| events::deliveries_before(tx, self.before, self.looked_at, self.limit).await
}

question! {
    /// What refusals turned out to be: the explanations of events in this range.
    Explanations { from: i64, to: i64 } -> Vec<Recorded>,
    |self, tx| events::explanations(tx, self.from, self.to).await
}

question! {
    /// Tokens that wait for a phone or have one, after a serial: what a poll asks about.
    PollableAfter { vdom: Option<Vdom>, after: String, limit: i64 } -> Vec<TokenSerial>,
    |self, tx| tokens::pollable_after(tx, self.vdom, &self.after, self.limit).await
}

question! {
    /// The next people who logged in without their phone and are to be served.
    RecoveredAfter { after: Box<str>, limit: i64 } -> Vec<Recovered>,
    |self, tx| recovery::recovered(tx, &self.after, self.limit).await
}

question! {
    /// The next tokens whose code may be taken by another phone.
    OpenTransfers { after: Box<str>, limit: i64 } -> Vec<TokenSerial>,
    |self, tx| transfers::open(tx, &self.after, self.limit).await
}

question! {
    /// Who may wish something for a token.
    PhonesOf { memory: Arc<Memory>, serial: TokenSerial, device: RegistrationId } -> Phones,
    |self, tx| transfers::phones(tx, self.serial, self.device, &self.memory.secrets).await
}

question! {
    /// Whether the token server may have an address of this unit for transfers.
    AddressTold {} -> bool,
    |self, tx| transfers::is_address_told(tx).await
}

question! {
    /// What the token server is told of a token that waits for a code.
    ToProvision { memory: Arc<Memory>, serial: TokenSerial } -> Option<SeedToProvision>,
    |self, tx| transfers::to_provision(tx, self.serial, &self.memory.secrets).await
}

//! Seeds of which people had the codes before, as rows: what explains a refusal and decides none.
//!
//! They stay sealed, as the tokens' rows had them, for [`FORMER_KEPT`]. A token that is deleted takes them
//! along, and so does a person.

use std::sync::Arc;

use domain::admin::Change;
use domain::explain::{FORMER_KEPT, Former};
use domain::name::CanonicalName;
use domain::schema::{ADMIN, FORTITOKEN};
use domain::time::Timestamp;
use domain::token::SeedVersion;
use ident::TokenSerial;
use otp::{Drift, Parameters, Step};

use super::administer::{administrator, settle_progress};
use super::events::step_from;
use super::memory::Memory;
use super::queries::Never;
use super::retention::Removed;
use super::secrets::Secrets;
use super::tokens;
use super::{GatewayStore, Undecided, undecided};
use crate::engine::{Failure, FromRow, Row, SqlError, Tx, Work};
use crate::vals;

/// Seeds that are kept of one person, the latest: a chance match among three candidates of each stays rare.
const OF_A_PERSON_MAX: i64 = 16;

/// Rows that one transaction removes: logins share the writer.
const CHUNK: i64 = 250;

impl GatewayStore {
    /// What a person had the codes of, the latest in front, for an explanation.
    pub async fn former_seeds(
        &self,
        person: &CanonicalName,
        now: Timestamp,
    ) -> Result<Vec<Former>, Undecided> {
        let (memory, person) = (Arc::clone(&self.memory), person.clone());
        self.read(FormerOf {
            memory,
            person,
            now,
        })
        .await
    }

    /// Removes some of the seeds whose time is over. The caller pauses between calls.
    pub async fn remove_former_seeds(&self, now: Timestamp) -> Result<Removed, Undecided> {
        self.database.write(Expire { now }).await.map_err(undecided)
    }
}

/// Keeps what a change is about to take from somebody. To be asked of all changes of a plan before the first
/// is carried out: what it takes may be gone after another.
///
/// A seed that goes without a new one, while the token stays with its person, is not kept: the token has gone
/// to another unit with it.
pub(super) async fn keep<T: Tx>(
    tx: &mut T,
    change: &Change,
    memory: &Memory,
    now: Timestamp,
) -> Result<(), SqlError> {
    match change {
        Change::Seed(serial, Some(_)) | Change::SeedTaken(serial) => {
            for person in holders(tx, *serial).await? {
                put(tx, &person, *serial, memory, now).await?;
            }
        }
        Change::User(user) => {
            let person = user.name.canonical();
            let had = token_of_user(tx, person).await?;
            if let Some(serial) = had.filter(|had| Some(*had) != user.token) {
                put(tx, person, serial, memory, now).await?;
            }
        }
        Change::Object(object) => {
            if let Some(person) = administrator(object.table, &object.key) {
                let had = token_of_administrator(tx, &object.key).await?;
                let has = TokenSerial::parse(object.text("fortitoken")).ok();
                if let Some(serial) = had.filter(|had| Some(*had) != has) {
                    put(tx, &person, serial, memory, now).await?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// The row of a token as the person leaves it. A seed that no phone was ever asked to take is nobody's.
async fn put<T: Tx>(
    tx: &mut T,
    person: &CanonicalName,
    serial: TokenSerial,
    memory: &Memory,
    now: Timestamp,
) -> Result<(), SqlError> {
    settle_progress(tx, serial, memory).await?;
    tx.exec(
        "INSERT INTO former_seed (person, token, seed_version, seed, kind, period, digits, digest, \
         drift, spent, until) \
         SELECT $1, serial, seed_version, seed, kind, period, digits, digest, drift, spent, $3 \
         FROM token WHERE serial = $2 AND seed IS NOT NULL \
         AND stage IN ('provisioning', 'provisioned', 'activated') \
         ON CONFLICT (person, token, seed_version) \
         DO UPDATE SET drift = excluded.drift, spent = excluded.spent, until = excluded.until",
        &vals![person.as_str(), serial.as_str(), now],
    )
    .await?;
    tx.exec(
        "DELETE FROM former_seed WHERE person = $1 AND (token, seed_version) NOT IN \
         (SELECT token, seed_version FROM former_seed WHERE person = $1 \
         ORDER BY until DESC, token, seed_version DESC LIMIT $2)",
        &vals![person.as_str(), OF_A_PERSON_MAX],
    )
    .await
    .map(drop)
}

async fn holders<T: Tx>(tx: &mut T, serial: TokenSerial) -> Result<Vec<CanonicalName>, SqlError> {
    let users: Vec<(String,)> = tx
        .rows(
            "SELECT canonical FROM person WHERE token = $1",
            &vals![serial.as_str()],
        )
        .await?;
    let administrators: Vec<(String,)> = tx
        .rows(
            "SELECT entry FROM reference WHERE target = $1 AND name = $2 AND path = $3",
            &vals![FORTITOKEN.path, serial.as_str(), ADMIN.path],
        )
        .await?;
    let users = users
        .iter()
        .map(|(canonical,)| CanonicalName::from_stored(canonical));
    let administrators = administrators
        .iter()
        .filter_map(|(entry,)| administrator(&ADMIN, entry));
    Ok(users.chain(administrators).collect())
}

async fn token_of_user<T: Tx>(
    tx: &mut T,
    person: &CanonicalName,
) -> Result<Option<TokenSerial>, SqlError> {
    let row: Option<(String,)> = tx
        .row(
            "SELECT token FROM person WHERE canonical = $1 AND token IS NOT NULL",
            &vals![person.as_str()],
        )
        .await?;
    Ok(row.and_then(|(serial,)| TokenSerial::parse(&serial).ok()))
}

async fn token_of_administrator<T: Tx>(
    tx: &mut T,
    entry: &str,
) -> Result<Option<TokenSerial>, SqlError> {
    let row: Option<(String,)> = tx
        .row(
            "SELECT name FROM reference WHERE path = $1 AND entry = $2 AND target = $3",
            &vals![ADMIN.path, entry, FORTITOKEN.path],
        )
        .await?;
    Ok(row.and_then(|(serial,)| TokenSerial::parse(&serial).ok()))
}

/// A person is gone: a later one of the same name had none of it.
pub(super) async fn forget_person<T: Tx>(
    tx: &mut T,
    person: &CanonicalName,
) -> Result<(), SqlError> {
    let sql = "DELETE FROM former_seed WHERE person = $1";
    tx.exec(sql, &vals![person.as_str()]).await.map(drop)
}

/// A token is gone, with all seeds that it ever had.
pub(super) async fn forget_token<T: Tx>(tx: &mut T, serial: TokenSerial) -> Result<(), SqlError> {
    let sql = "DELETE FROM former_seed WHERE token = $1";
    tx.exec(sql, &vals![serial.as_str()]).await.map(drop)
}

/// A person has another name.
pub(super) async fn rename<T: Tx>(
    tx: &mut T,
    from: &CanonicalName,
    to: &CanonicalName,
) -> Result<(), SqlError> {
    forget_person(tx, to).await?;
    let sql = "UPDATE former_seed SET person = $2 WHERE person = $1";
    let names = vals![from.as_str(), to.as_str()];
    tx.exec(sql, &names).await.map(drop)
}

struct FormerOf {
    memory: Arc<Memory>,
    person: CanonicalName,
    now: Timestamp,
}

impl Work for FormerOf {
    type Out = Vec<Former>;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Vec<Former>, Failure<Never>> {
        let rows: Vec<FormerRow> = tx
            .rows(
                "SELECT token, seed_version, seed, until, kind, period, digits, digest, drift, \
                 spent FROM former_seed WHERE person = $1 AND until > $2 \
                 ORDER BY until DESC LIMIT $3",
                &vals![
                    self.person.as_str(),
                    self.now.before(FORMER_KEPT),
                    OF_A_PERSON_MAX
                ],
            )
            .await?;
        let secrets = &self.memory.secrets;
        Ok(rows
            .into_iter()
            .filter_map(|row| row.open(secrets))
            .collect())
    }
}

/// A row of `former_seed`, its seed still sealed.
struct FormerRow {
    token: TokenSerial,
    seed_version: u32,
    seed: Vec<u8>,
    until: Timestamp,
    parameters: Parameters,
    drift: Drift,
    spent: Option<Step>,
}

impl FromRow for FormerRow {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let key = row.word(0)?;
        let damaged = |field| SqlError::damaged("former_seed", key, field);
        Ok(Self {
            token: TokenSerial::parse(key).map_err(|_| damaged("token"))?,
            seed_version: row.get(1)?,
            seed: row.get(2)?,
            until: row.get(3)?,
            parameters: tokens::parameters(row).ok_or_else(|| damaged("kind"))?,
            drift: i32::try_from(row.get::<i64>(8)?)
                .map(Drift)
                .map_err(|_| damaged("drift"))?,
            spent: row.get::<Option<i64>>(9)?.map(step_from),
        })
    }
}

impl FormerRow {
    /// A seed that does not open explains nothing.
    fn open(self, secrets: &Secrets) -> Option<Former> {
        let seed = secrets.open_seed(self.token, self.seed_version, &self.seed)?;
        Some(Former {
            token: self.token,
            seed,
            seed_version: SeedVersion(self.seed_version),
            parameters: self.parameters,
            drift: self.drift,
            spent: self.spent,
            until: self.until,
        })
    }
}

struct Expire {
    now: Timestamp,
}

impl Work for Expire {
    type Out = Removed;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Removed, Failure<Never>> {
        let removed = tx
            .exec(
                "DELETE FROM former_seed WHERE (person, token, seed_version) IN \
                 (SELECT person, token, seed_version FROM former_seed WHERE until <= $1 LIMIT $2)",
                &vals![self.now.before(FORMER_KEPT), CHUNK],
            )
            .await?;
        Ok(if removed == CHUNK.unsigned_abs() {
            Removed::Some(removed)
        } else {
            Removed::All(removed)
        })
    }
}

//! Recovery codes and passes as rows. Their use is one conditional `UPDATE`, in the transaction that appends the
//! acceptance: whether a row was there to change is the verdict.

use domain::explain::FirstUse;
use domain::login::Origin;
use domain::name::CanonicalName;
use domain::recovery::{Digest, Held, Kind};
use domain::time::Timestamp;

use super::queries::Never;
use crate::engine::{Failure, FromRow, Row, SqlError, Tx, Work};
use crate::vals;

/// A code with its person.
pub(super) struct Keeping {
    pub(super) person: CanonicalName,
    pub(super) held: Held,
}

impl FromRow for Keeping {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let person: String = row.get(0)?;
        let kind: String = row.get(1)?;
        let damaged = || SqlError::damaged("recovery", &*person, "kind");
        let kind = Kind::parse(&kind).ok_or_else(damaged)?;
        let moment = |at: Option<i64>| at.map(Timestamp::from_micros);
        let used = match moment(row.get(4)?) {
            Some(at) => Some(FirstUse {
                at,
                client: row.get::<String>(5)?.into(),
                source: row.get::<String>(6)?.into(),
            }),
            None => None,
        };
        Ok(Self {
            held: Held {
                kind,
                digest: Digest(row.get(2)?),
                ends: moment(row.get(3)?),
                used,
            },
            person: CanonicalName::from_stored(&person),
        })
    }
}

/// All of everybody: few have any.
pub(super) async fn all<T: Tx>(tx: &mut T) -> Result<Vec<Keeping>, SqlError> {
    tx.rows(
        "SELECT person, kind, digest, ends, used, client, source FROM recovery ORDER BY person",
        &[],
    )
    .await
}

/// Those of one person.
pub(super) async fn of<T: Tx>(tx: &mut T, person: &CanonicalName) -> Result<Vec<Held>, SqlError> {
    let rows: Vec<Keeping> = tx
        .rows(
            "SELECT person, kind, digest, ends, used, client, source FROM recovery \
             WHERE person = $1",
            &vals![person.as_str()],
        )
        .await?;
    Ok(rows.into_iter().map(|row| row.held).collect())
}

/// What a person has of a kind from now on.
pub(super) async fn replace<T: Tx>(
    tx: &mut T,
    person: &CanonicalName,
    kind: Kind,
    held: &[Held],
) -> Result<(), SqlError> {
    let values = vals![person.as_str(), kind.word()];
    tx.exec(
        "DELETE FROM recovery WHERE person = $1 AND kind = $2",
        &values,
    )
    .await?;
    for one in held {
        tx.exec_one(
            "INSERT INTO recovery (person, kind, digest, ends) VALUES ($1, $2, $3, $4)",
            &vals![
                person.as_str(),
                kind.word(),
                &one.digest.0,
                one.ends.map(Timestamp::micros)
            ],
        )
        .await?;
    }
    Ok(())
}

/// Whether the code was there and unused; now it is used.
pub(super) async fn spend<T: Tx>(
    tx: &mut T,
    person: &CanonicalName,
    digest: &Digest,
    origin: &Origin,
    at: Timestamp,
) -> Result<bool, SqlError> {
    let changed = tx
        .exec(
            "UPDATE recovery SET used = $3, client = $4, source = $5 \
             WHERE person = $1 AND digest = $2 AND used IS NULL",
            &vals![
                person.as_str(),
                &digest.0,
                at,
                &*origin.client,
                origin.source.as_str()
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Somebody who logged in with a recovery code or pass, and to whom no code for another phone is sent yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// Who.
    pub person: CanonicalName,
    /// The latest such login.
    pub at: Timestamp,
}

impl FromRow for Recovered {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let person: String = row.get(0)?;
        Ok(Self {
            person: CanonicalName::from_stored(&person),
            at: row.get(1)?,
        })
    }
}

/// A person is to have the token on another phone. In the transaction of the login: no end of the process comes
/// between them.
pub(super) async fn ask_for_phone<T: Tx>(
    tx: &mut T,
    person: &CanonicalName,
    at: Timestamp,
) -> Result<(), SqlError> {
    tx.exec_one(
        "INSERT INTO recovered (person, at) VALUES ($1, $2) \
         ON CONFLICT (person) DO UPDATE SET at = excluded.at",
        &vals![person.as_str(), at],
    )
    .await
}

/// The next people to be served, after `after` in the order of their names.
pub(super) async fn recovered<T: Tx>(
    tx: &mut T,
    after: &str,
    limit: i64,
) -> Result<Vec<Recovered>, SqlError> {
    tx.rows(
        "SELECT person, at FROM recovered WHERE person > $1 ORDER BY person LIMIT $2",
        &vals![after, limit],
    )
    .await
}

/// A transfer is begun for a person.
pub(super) async fn served<T: Tx>(tx: &mut T, person: &CanonicalName) -> Result<(), SqlError> {
    let person = vals![person.as_str()];
    tx.exec("DELETE FROM recovered WHERE person = $1", &person)
        .await
        .map(drop)
}

/// No transfer is begun for this login; one that came since asks for its own.
pub(super) struct Forget {
    pub(super) login: Recovered,
}

impl Work for Forget {
    type Out = ();
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Never>> {
        let Recovered { person, at } = self.login;
        let login = vals![person.as_str(), at];
        let sql = "DELETE FROM recovered WHERE person = $1 AND at = $2";
        tx.exec(sql, &login).await?;
        Ok(())
    }
}

/// What a person has goes along with the name.
pub(super) async fn rename<T: Tx>(
    tx: &mut T,
    from: &CanonicalName,
    to: &CanonicalName,
) -> Result<(), SqlError> {
    let names = vals![from.as_str(), to.as_str()];
    for sql in [
        "UPDATE recovery SET person = $2 WHERE person = $1",
        "UPDATE recovered SET person = $2 WHERE person = $1",
    ] {
        tx.exec(sql, &names).await?;
    }
    Ok(())
}

/// What a person had who is no more.
pub(super) async fn remove<T: Tx>(tx: &mut T, person: &CanonicalName) -> Result<(), SqlError> {
    let values = vals![person.as_str()];
    tx.exec("DELETE FROM recovery WHERE person = $1", &values)
        .await?;
    served(tx, person).await
}

/// Nobody's codes are good any more, and nobody's login counts: which were used, and served, may have been lost.
pub(super) async fn remove_all<T: Tx>(tx: &mut T) -> Result<(), SqlError> {
    for sql in ["DELETE FROM recovery", "DELETE FROM recovered"] {
        tx.exec(sql, &[]).await?;
    }
    Ok(())
}

//! Mobile tokens that go to another gateway or come from one.

use std::sync::Arc;

use domain::admin::{FileGiven, Owned};
use domain::conveyed::{Conveyed, Holder};
use domain::time::Timestamp;
use domain::token::Stage;
use domain::vdom::Vdom;
use ident::{LicenceSerial, ProductSerial};

use super::GatewayStore;
use super::loading::Whole;
use super::memory::Memory;
use super::queries::{GivenFile, LastGiven};
use super::tokens;
use crate::engine::{Failure, SqlError, Tx, Undecided, Work};
use crate::vals;

/// Remembers a file whose tokens were taken in: it is not taken again.
pub(super) async fn put_file<T: Tx>(tx: &mut T, file: &str) -> Result<(), SqlError> {
    tx.exec_one("INSERT INTO moved_file (name) VALUES ($1)", &vals![file])
        .await
}

pub(super) async fn is_taken<T: Tx>(tx: &mut T, file: &str) -> Result<bool, SqlError> {
    let row: Option<(i64,)> = tx
        .row("SELECT 1 FROM moved_file WHERE name = $1", &vals![file])
        .await?;
    Ok(row.is_some())
}

/// Remembers a file in which tokens left, in the transaction that takes them out of use.
pub(super) async fn put_given<T: Tx>(
    tx: &mut T,
    vdom: Vdom,
    licence: LicenceSerial,
    file: &FileGiven,
) -> Result<(), SqlError> {
    let FileGiven { id, name, to, at } = file;
    tx.exec_one(
        "INSERT INTO given_file (id, vdom, licence, name, receiver, at) VALUES ($1, $2, $3, $4, $5, $6)",
        &vals![&**id, vdom.as_str(), licence.as_str(), &**name, to.as_str(), *at],
    )
    .await
}

/// The file of this name, if its tokens left.
pub(super) async fn given_file<T: Tx>(tx: &mut T, id: &str) -> Result<Option<FileGiven>, SqlError> {
    let row: Option<GivenRow> = tx
        .row(
            "SELECT id, name, receiver, at FROM given_file WHERE id = $1",
            &vals![id],
        )
        .await?;
    row.map(given).transpose()
}

/// The file in which tokens of a licence left a virtual domain last.
pub(super) async fn last_given<T: Tx>(
    tx: &mut T,
    vdom: Vdom,
    licence: LicenceSerial,
) -> Result<Option<FileGiven>, SqlError> {
    let row: Option<GivenRow> = tx
        .row(
            "SELECT id, name, receiver, at FROM given_file WHERE licence = $1 AND vdom = $2
             ORDER BY number DESC LIMIT 1",
            &vals![licence.as_str(), vdom.as_str()],
        )
        .await?;
    row.map(given).transpose()
}

type GivenRow = (String, String, String, Timestamp);

fn given((id, name, to, at): GivenRow) -> Result<FileGiven, SqlError> {
    let to =
        ProductSerial::parse(&to).map_err(|_| SqlError::damaged("given_file", &id, "receiver"))?;
    let (id, name) = (id.into(), name.into());
    Ok(FileGiven { id, name, to, at })
}

/// What may go to another gateway.
#[derive(Debug)]
pub struct Leaving {
    /// Tokens of a licence that are on phones.
    pub tokens: Vec<Conveyed>,
    /// How many others the licence has in this virtual domain.
    pub staying: u64,
}

struct OnPhones {
    memory: Arc<Memory>,
    _whole: Whole,
    vdom: Vdom,
    licence: LicenceSerial,
}

impl Work for OnPhones {
    type Out = Leaving;
    type Err = super::queries::Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<Self::Err>> {
        let secrets = &self.memory.secrets;
        let rows = tokens::on_phones(tx, self.vdom, self.licence).await?;
        let mut conveyed = Vec::with_capacity(rows.len());
        for row in rows {
            let serial = row.serial;
            let Owned { token, owner } = row.open(secrets)?;
            let verifier = self.memory.read().verifier(serial, secrets);
            let verifier = verifier.map_err(|_| SqlError::Waited)?;
            let (Stage::Provisioned(phone) | Stage::Withheld(phone)) = token.stage else {
                continue;
            };
            if let Some((verifier, _)) = verifier {
                conveyed.push(Conveyed {
                    status: token.status,
                    holder: owner.map(|owner| Holder::from(owner.name.canonical())),
                    ..Conveyed::of(verifier, phone)
                });
            }
        }
        let all = tokens::count_of_licence(tx, self.vdom, self.licence).await?;
        let staying = all.saturating_sub(conveyed.len() as u64);
        Ok(Leaving {
            tokens: conveyed,
            staying,
        })
    }
}

impl GatewayStore {
    /// The mobile tokens of a licence that are on phones, as another gateway takes them.
    pub async fn leaving(&self, vdom: Vdom, licence: LicenceSerial) -> Result<Leaving, Undecided> {
        let memory = Arc::clone(&self.memory);
        self.read(OnPhones {
            memory,
            _whole: self.memory.whole().await?,
            vdom,
            licence,
        })
        .await
    }

    /// The file of this name, if its tokens left this gateway in it.
    pub async fn given_file(&self, id: &str) -> Result<Option<FileGiven>, Undecided> {
        let id = id.to_owned();
        self.read(GivenFile { id }).await
    }

    /// The file in which tokens of a licence left a virtual domain last.
    pub async fn last_given(
        &self,
        vdom: Vdom,
        licence: LicenceSerial,
    ) -> Result<Option<FileGiven>, Undecided> {
        self.read(LastGiven { vdom, licence }).await
    }
}

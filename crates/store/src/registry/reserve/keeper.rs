//! Who alone answers for what a request is about.

use domain::licensing::{Requester, Supplier, keeper};
use ident::{LicenceSerial, ProductSerial, TokenSerial};
use zeroize::Zeroizing;

use crate::engine::{Failure, SqlError, Tx, Work};
use crate::registry::licence::{ActivateLicence, by_code};
use crate::registry::once::{NotDone, Once};
use crate::registry::provision::ProvisionTokens;
use crate::registry::rows::{LicenceRow, admission, identifier, licence_columns};
use crate::vals;

/// A use case about what may be in a manager's reserve.
pub(in crate::registry) trait Keepable {
    /// The manager that alone does this for whoever asks, if there is one.
    fn keeper<T: Tx>(
        &self,
        tx: &mut T,
    ) -> impl Future<Output = Result<Option<ProductSerial>, SqlError>> + Send;
}

/// What is done here unless a manager keeps what it is about: here nobody knows what became of that.
pub(in crate::registry) struct UnlessKept<W, F>(pub(in crate::registry) Once<W, F>);

impl<W, F> Work for UnlessKept<W, F>
where
    W: Work + Keepable,
    F: FnOnce(Result<W::Out, W::Err>) -> Zeroizing<String> + Send + 'static,
{
    type Out = Zeroizing<String>;
    type Err = NotDone;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Zeroizing<String>, Failure<NotDone>> {
        let Self(once) = self;
        match once.work.keeper(tx).await? {
            Some(manager) => Err(Failure::Refused(NotDone::Kept(manager))),
            None => once.run(tx).await,
        }
    }
}

/// Who makes activation codes for the tokens of a licence. Of one that is in a reserve there are tokens once its
/// manager gave it out.
pub(in crate::registry) async fn supplier<T: Tx>(
    tx: &mut T,
    licence: LicenceSerial,
) -> Result<Supplier, SqlError> {
    let key = licence.as_str();
    let found = tx
        .row::<(Option<String>, Option<String>)>(
            "SELECT kept_by, (SELECT g.manager FROM given_line g WHERE g.licence = licence.serial
                 ORDER BY g.at LIMIT 1)
             FROM licence WHERE serial = $1",
            &vals![key],
        )
        .await?;
    let manager = |text: &str| identifier::<ProductSerial>(text, "licence", key, "kept_by");
    Ok(match found.unwrap_or_default() {
        (Some(keeper), _) => Supplier::Manager(manager(&keeper)?),
        (None, Some(giver)) => Supplier::FormerlyManager(manager(&giver)?),
        (None, None) => Supplier::TokenServer,
    })
}

impl Keepable for ActivateLicence {
    async fn keeper<T: Tx>(&self, tx: &mut T) -> Result<Option<ProductSerial>, SqlError> {
        if self.code.is_trial() {
            return Ok(None);
        }
        let Some(LicenceRow { licence, .. }) = by_code(tx, &self.keys, &self.code).await? else {
            return Ok(None);
        };
        let requester = admission(tx, &self.asking).await?.requester.ok();
        Ok(requester.and_then(|requester| keeper(&licence, &requester)))
    }
}

impl Keepable for ProvisionTokens {
    async fn keeper<T: Tx>(&self, tx: &mut T) -> Result<Option<ProductSerial>, SqlError> {
        let kept = "SELECT 1 FROM licence WHERE kept_by IS NOT NULL LIMIT 1";
        if tx.row::<(i64,)>(kept, &[]).await?.is_none() {
            return Ok(None);
        }
        let Ok(requester) = admission(tx, &self.asking).await?.requester else {
            return Ok(None);
        };
        for token in self.tokens.iter().filter_map(|wanted| wanted.token) {
            if let Some(manager) = keeper_of_token(tx, token, &requester).await? {
                return Ok(Some(manager));
            }
        }
        Ok(None)
    }
}

async fn keeper_of_token<T: Tx>(
    tx: &mut T,
    token: TokenSerial,
    requester: &Requester,
) -> Result<Option<ProductSerial>, SqlError> {
    let found = tx
        .row::<LicenceRow>(
            concat!(
                "SELECT ",
                licence_columns!(),
                " FROM licence WHERE kept_by IS NOT NULL
                     AND serial = (SELECT licence FROM reserve_token WHERE serial = $1)"
            ),
            &vals![token.as_str()],
        )
        .await?;
    Ok(found.and_then(|row| keeper(&row.licence, requester)))
}

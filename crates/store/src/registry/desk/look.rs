//! Whatever somebody holds in hand: what it is, whose, and what became of it.

use std::sync::Arc;

use domain::licensing::{AccountName, HardwareToken, Sight};
use ident::{
    ActivationCode, LicenceCode, LicenceSerial, ProductSerial, RegistrationId, TokenSerial,
};

use super::account::{AccountPage, AccountRecord, account_record};
use super::show::{
    LicenceRecord, ProductRecord, TokenRecord, licence_record, product_record, token_record,
};
use super::timeline::timeline;
use super::{DeskEvent, DeskRefusal, licence_row};
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::registry::RegistryStore;
use crate::registry::hardware::hardware_token;
use crate::registry::rows::{identifier, product};
use crate::registry::secrets::Keys;
use crate::vals;

/// Tokens of one phone that are seen; an app holds fewer.
const DEVICE_TOKENS_MAX: u32 = 100;

/// What a text may be, each kind tried in this order. Codes are compared by their keyed hash.
#[derive(Debug, Default)]
pub struct Clue {
    /// A token's serial.
    pub token: Option<TokenSerial>,
    /// A licence's serial.
    pub licence: Option<LicenceSerial>,
    /// The code of a redemption certificate.
    pub licence_code: Option<LicenceCode>,
    /// A phone.
    pub device: Option<RegistrationId>,
    /// A gateway's serial.
    pub product: Option<ProductSerial>,
    /// A code for a phone.
    pub activation_code: Option<ActivationCode>,
    /// A hardware token's serial, as its maker may write it.
    pub hardware: Option<TokenSerial>,
    /// A customer's name.
    pub account: Option<AccountName>,
}

/// Which kind of text led to something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoundBy {
    /// Its serial or name.
    Name,
    /// The code of its redemption certificate.
    LicenceCode,
    /// The code for its phone.
    ActivationCode,
    /// Its phone.
    RegistrationId,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// A customer.
    Account(AccountRecord),
    /// A gateway.
    Product(ProductRecord),
    /// A licence.
    Licence(LicenceRecord),
    /// A token.
    Token(TokenRecord),
    /// A hardware token.
    Hardware(HardwareToken),
    /// The tokens of a phone.
    Device(RegistrationId, Vec<TokenRecord>),
}

impl Found {
    /// What is seen of it.
    fn within(self, sight: &Sight) -> Option<Self> {
        let owner = match self {
            Self::Product(record) => return record.within(sight).map(Self::Product),
            Self::Device(id, mut tokens) => {
                tokens.retain(|record| sight.sees(&record.account));
                return (!tokens.is_empty()).then_some(Self::Device(id, tokens));
            }
            Self::Hardware(token) => return token.is_in(sight).then_some(Self::Hardware(token)),
            Self::Account(ref record) => &record.name,
            Self::Licence(ref record) => &record.licence.account,
            Self::Token(ref record) => &record.account,
        };
        sight.sees(owner).then_some(self)
    }
}

/// What was found, and its history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sighting {
    /// It.
    pub found: Found,
    /// By what.
    pub by: FoundBy,
    /// What became of it and of what it belongs to, oldest first; the last
    /// [`TIMELINE_MAX`](super::TIMELINE_MAX).
    pub events: Vec<DeskEvent>,
}

impl RegistryStore {
    /// Looks up what a text may be; `None` if it is nothing that is seen here.
    pub async fn look(
        &self,
        clue: Clue,
        sight: Sight,
    ) -> Result<Option<Sighting>, Failure<DeskRefusal>> {
        let keys = self.keys();
        self.database.read(Look { keys, clue, sight }).await
    }

    /// A customer with a page of its products and licences.
    pub async fn account(
        &self,
        name: AccountName,
        page: AccountPage,
    ) -> Result<AccountRecord, Failure<DeskRefusal>> {
        self.database.read(ShowAccount { name, page }).await
    }
}

pub(super) struct Look {
    pub(super) keys: Arc<Keys>,
    pub(super) clue: Clue,
    pub(super) sight: Sight,
}

impl Work for Look {
    type Out = Option<Sighting>;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Option<Sighting>, Failure<DeskRefusal>> {
        let Some((found, by)) = self.find(tx).await? else {
            return Ok(None);
        };
        let events = timeline(tx, &found, &self.sight).await?;
        Ok(Some(Sighting { found, by, events }))
    }
}

impl Look {
    /// What is not seen is passed over, so that it is nowhere told from what does not exist.
    pub(super) async fn find<T: Tx>(
        &self,
        tx: &mut T,
    ) -> Result<Option<(Found, FoundBy)>, SqlError> {
        let Self { keys, clue, sight } = self;
        let seen = |found: Option<Found>, by| {
            let found = found.and_then(|found| found.within(sight));
            found.map(|found| (found, by))
        };
        if let Some(serial) = clue.token {
            let found = token_record(tx, serial).await?.map(Found::Token);
            return Ok(seen(found, FoundBy::Name));
        }
        if let Some(serial) = clue.licence {
            let found = licence_record(tx, serial).await?.map(Found::Licence);
            return Ok(seen(found, FoundBy::Name));
        }
        if let Some(code) = &clue.licence_code {
            let found = by_licence_code(tx, &keys.licence_code(code)).await?;
            return Ok(seen(found.map(Found::Licence), FoundBy::LicenceCode));
        }
        if let Some(id) = clue.device {
            let tokens = by_device(tx, &id, sight).await?;
            let found = (!tokens.is_empty()).then_some(Found::Device(id, tokens));
            return Ok(seen(found, FoundBy::RegistrationId));
        }
        if let Some(serial) = clue.product
            && let Some(found) = product(tx, serial).await?
        {
            let record = product_record(tx, found).await?;
            let found = seen(Some(Found::Product(record)), FoundBy::Name);
            if found.is_some() {
                return Ok(found);
            }
        }
        if let Some(code) = &clue.activation_code {
            let found = by_activation_code(tx, &keys.activation_code(code.opaque())).await?;
            let found = seen(found.map(Found::Token), FoundBy::ActivationCode);
            if found.is_some() {
                return Ok(found);
            }
        }
        if let Some(serial) = clue.hardware {
            let found = hardware_token(tx, serial).await?.map(Found::Hardware);
            let found = seen(found, FoundBy::Name);
            if found.is_some() {
                return Ok(found);
            }
        }
        // Another customer's is not even read: its answer would take longer than that of a name which nobody has.
        let own = clue.account.as_ref().filter(|name| sight.sees(name));
        let Some(name) = own else {
            return Ok(None);
        };
        let found = account_record(tx, name, AccountPage::default())
            .await?
            .map(Found::Account);
        Ok(seen(found, FoundBy::Name))
    }
}

async fn by_licence_code<T: Tx>(
    tx: &mut T,
    code: &[u8; 32],
) -> Result<Option<LicenceRecord>, SqlError> {
    let found = tx
        .row::<(String,)>("SELECT serial FROM licence WHERE code = $1", &vals![code])
        .await?;
    match found {
        Some((serial,)) => {
            licence_record(tx, identifier(&serial, "licence", &serial, "serial")?).await
        }
        None => Ok(None),
    }
}

async fn by_activation_code<T: Tx>(
    tx: &mut T,
    code: &[u8; 32],
) -> Result<Option<TokenRecord>, SqlError> {
    let found = tx
        .row::<(String,)>("SELECT token FROM provision WHERE code = $1", &vals![code])
        .await?;
    match found {
        Some((serial,)) => {
            token_record(tx, identifier(&serial, "provision", &serial, "token")?).await
        }
        None => Ok(None),
    }
}

async fn by_device<T: Tx>(
    tx: &mut T,
    device: &RegistrationId,
    sight: &Sight,
) -> Result<Vec<TokenRecord>, SqlError> {
    let own = sight.account().map(AccountName::as_str);
    let serials = tx
        .rows::<(String,)>(
            "SELECT p.token FROM provision p JOIN token t ON t.serial = p.token
             JOIN licence l ON l.serial = t.licence
             WHERE p.device = $1 AND ($3 IS NULL OR l.account = $3)
             ORDER BY p.activated, p.token LIMIT $2",
            &vals![device.as_str(), DEVICE_TOKENS_MAX, own],
        )
        .await?;
    let mut tokens = Vec::with_capacity(serials.len());
    for (serial,) in serials {
        let serial = identifier(&serial, "provision", &serial, "token")?;
        tokens.extend(token_record(tx, serial).await?);
    }
    Ok(tokens)
}

struct ShowAccount {
    name: AccountName,
    page: AccountPage,
}

impl Work for ShowAccount {
    type Out = AccountRecord;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<AccountRecord, Failure<DeskRefusal>> {
        self.demand_own(tx).await?;
        account_record(tx, &self.name, self.page)
            .await?
            .ok_or(Failure::Refused(DeskRefusal::AccountUnknown(self.name)))
    }
}

impl ShowAccount {
    /// A page begins behind what is the customer's.
    async fn demand_own<T: Tx>(&self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        if let Some(after) = self.page.products_after
            && product(tx, after)
                .await?
                .is_none_or(|unit| unit.account != self.name)
        {
            return Err(Failure::Refused(DeskRefusal::ProductUnknown(after)));
        }
        if let Some(after) = self.page.licences_after
            && licence_row(tx, after)
                .await?
                .is_none_or(|row| row.licence.account != self.name)
        {
            return Err(Failure::Refused(DeskRefusal::LicenceUnknown(after)));
        }
        Ok(())
    }
}

//! A token server's database with many products, each with a licence whose tokens wait for phones.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use domain::audit::Actor;
use domain::licensing::{AccountName, Asking, LicenceSize};
use domain::time::Span;
use gateway::clock;
use ident::{LicenceCode, PinPolicy, ProductSerial, TokenSerial};
use otp::{Parameters, Seed};
use softtoken::limits::MAX_PROVISION_TOKENS;
use store::registry::{NewLicence, RegistryStore, ToProvision};
use store::sealing::RootKey;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

/// Products of one customer.
const PRODUCTS_OF_ONE: u32 = 1_000;

/// Products that are made at once: they share syncs.
const TOGETHER: usize = 512;

/// Life of an activation code; the longest that there is.
const CODE_LIFE: Span = Span::from_hours(168);

/// Tokens of a licence that is imported while it is measured.
pub(super) const IMPORTED: u32 = 5;

/// How many there are of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) products: u32,
    pub(super) tokens: u32,
    /// Tokens of the first product.
    pub(super) of_first: u32,
    /// Products from which the bench asks: it is told their tokens.
    pub(super) asking: u32,
    /// Licences that nobody has imported.
    pub(super) open_licences: u32,
}

impl Numbers {
    /// Tokens of a product: the rest is shared out over those behind the first.
    fn tokens_of(self, product: u32) -> u32 {
        let (others, rest) = (self.products - 1, self.tokens - self.of_first);
        match product {
            0 => self.of_first,
            _ => rest / others + u32::from(product <= rest % others),
        }
    }
}

/// What the bench has to know of what it made.
#[derive(Debug)]
pub(super) struct Made {
    /// The tokens of the products from which it asks, in their order.
    pub(super) tokens: Vec<Vec<TokenSerial>>,
    /// Codes of licences of [`IMPORTED`] tokens.
    pub(super) codes: Vec<LicenceCode>,
}

/// The serial of a product.
pub(super) fn product(number: u32) -> Result<ProductSerial> {
    Ok(ProductSerial::parse(&format!("FGT{number:013}"))?)
}

/// A seed that is another for each number.
pub(super) fn seed(number: u64) -> Result<Seed> {
    let mut seed = *b"bench bench bench 00";
    if let Some(end) = seed.last_chunk_mut::<8>() {
        *end = number.to_be_bytes();
    }
    Ok(Seed::from_bytes(Zeroizing::new(seed.to_vec()))?)
}

/// Makes everything through the use cases that the token server itself runs.
pub(super) async fn fill(data: &Path, root: &RootKey, numbers: Numbers) -> Result<Made> {
    let store = RegistryStore::open(&data.join("registry.db"), root).await?;
    let filling = Arc::new(Filling { store, numbers });
    for customer in 0..numbers.products.div_ceil(PRODUCTS_OF_ONE) {
        let (name, now) = (account(customer)?, clock::now());
        let registered = filling.store.register_account(actor(), name, now);
        registered.await?;
    }
    let products = (0..numbers.products).map(|number| {
        let filling = Arc::clone(&filling);
        async move { Ok((number, filling.product(number).await?)) }
    });
    let mut tokens = all(products).await?;
    tokens.retain(|(number, _)| *number < numbers.asking);
    tokens.sort_unstable_by_key(|(number, _)| *number);
    let licences = (0..numbers.open_licences).map(|_| {
        let filling = Arc::clone(&filling);
        async move { filling.licence(account(0)?, None, IMPORTED).await }
    });
    let codes = all(licences).await?;
    tokio::task::spawn_blocking(move || filling.store.shutdown()).await?;
    Ok(Made {
        tokens: tokens.into_iter().map(|(_, tokens)| tokens).collect(),
        codes,
    })
}

/// Runs some at a time; what all of them made, in the order in which they ended.
async fn all<T: Send + 'static>(
    works: impl Iterator<Item = impl Future<Output = Result<T>> + Send + 'static>,
) -> Result<Vec<T>> {
    let mut together = JoinSet::new();
    let mut made = Vec::new();
    for work in works {
        if together.len() >= TOGETHER
            && let Some(done) = together.join_next().await
        {
            made.push(done??);
        }
        together.spawn(work);
    }
    while let Some(done) = together.join_next().await {
        made.push(done??);
    }
    Ok(made)
}

struct Filling {
    store: RegistryStore,
    numbers: Numbers,
}

impl Filling {
    /// A product that has imported its licence and made all tokens ready for phones.
    async fn product(&self, number: u32) -> Result<Vec<TokenSerial>> {
        let (serial, owner) = (product(number)?, account(number / PRODUCTS_OF_ONE)?);
        let (name, now) = (owner.clone(), clock::now());
        self.store
            .register_product(actor(), name, serial, now)
            .await?;
        let size = self.numbers.tokens_of(number);
        let code = self.licence(owner, Some(serial), size).await?;
        let tokens = self.import(serial, code).await?;
        for batch in tokens.chunks(MAX_PROVISION_TOKENS) {
            self.provision(serial, batch).await?;
        }
        if number < self.numbers.asking {
            Ok(tokens)
        } else {
            Ok(Vec::new())
        }
    }

    async fn licence(
        &self,
        account: AccountName,
        product: Option<ProductSerial>,
        tokens: u32,
    ) -> Result<LicenceCode> {
        let now = clock::now();
        let licence = NewLicence {
            account,
            product,
            size: LicenceSize::new(tokens)?,
            redeem_until: now.after(Span::from_days(365)),
        };
        let issued = self.store.issue_licence(actor(), licence, now).await?;
        Ok(issued.code)
    }

    async fn import(&self, product: ProductSerial, code: LicenceCode) -> Result<Vec<TokenSerial>> {
        let listed = |outcome: Result<store::registry::Activated, _>| {
            let tokens = outcome.map(|activated| activated.tokens);
            let tokens = tokens.unwrap_or_default();
            let serials: Vec<&str> = tokens.iter().map(TokenSerial::as_str).collect();
            Zeroizing::new(serials.join(" "))
        };
        let (asking, now) = (asking(product), clock::now());
        let imported = self
            .store
            .activate_licence(asking, code, now, None, listed)
            .await?;
        let serials = imported.split(' ').map(TokenSerial::parse);
        serials
            .collect::<Result<_, _>>()
            .context("a licence is refused")
    }

    async fn provision(&self, product: ProductSerial, tokens: &[TokenSerial]) -> Result<()> {
        let wanted = tokens.iter().zip(0..).map(|(token, number)| {
            Ok(ToProvision {
                token: Some(*token),
                seed: seed(number)?,
                parameters: Parameters::default(),
                pin_policy: PinPolicy::default(),
                code_life: CODE_LIFE,
            })
        });
        let (wanted, now) = (wanted.collect::<Result<_>>()?, clock::now());
        let silent = |_| Zeroizing::new(String::new());
        let provisioned = self
            .store
            .provision(asking(product), wanted, now, None, silent);
        provisioned
            .await
            .map(drop)
            .map_err(|failure| anyhow!("tokens are not made ready: {failure}"))
    }
}

fn asking(product: ProductSerial) -> Asking {
    Asking {
        serial: product,
        cluster: vec![product],
        through: None,
    }
}

fn account(number: u32) -> Result<AccountName> {
    Ok(AccountName::parse(&format!("Customer {number}"))?)
}

fn actor() -> Actor {
    Actor::system("bench")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tokens_are_shared_out_to_the_last() {
        let numbers = Numbers {
            products: 4,
            tokens: 1_000,
            of_first: 100,
            asking: 2,
            open_licences: 0,
        };
        let shared = [7, 8, 9].map(|more| {
            let numbers = Numbers {
                tokens: 1_000 + more,
                ..numbers
            };
            (0..4)
                .map(|product| numbers.tokens_of(product))
                .sum::<u32>()
        });
        assert_eq!(shared, [1_007, 1_008, 1_009]);
        assert_eq!(numbers.tokens_of(0), 100);
        assert_eq!(numbers.tokens_of(3), 300);
    }
}

use ident::ProductSerial;

use super::AccountName;

/// Who a request says it comes from. The active unit's serial is proved by its certificate, the rest
/// of the cluster is a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asking {
    /// The active unit.
    pub serial: ProductSerial,
    /// All members of the cluster, this unit among them; empty for a unit of its own.
    pub cluster: Vec<ProductSerial>,
}

/// What the registry makes of a request's sender.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admission {
    /// Whom it serves.
    pub requester: Result<Requester, NotRegistered>,
    /// Cluster members that nobody registered.
    pub unregistered: Vec<ProductSerial>,
}

/// The asking unit itself is not registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("product {0} is not registered")]
pub struct NotRegistered(pub ProductSerial);

/// A registered product, alone or for its cluster. Only [`admit`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requester {
    serial: ProductSerial,
    account: AccountName,
    partners: Vec<ProductSerial>,
}

impl Requester {
    /// The active unit.
    pub fn serial(&self) -> ProductSerial {
        self.serial
    }

    /// Who owns it.
    pub fn account(&self) -> &AccountName {
        &self.account
    }

    /// The active unit first, then the other members of its cluster.
    pub fn products(&self) -> impl Iterator<Item = ProductSerial> {
        std::iter::once(self.serial).chain(self.partners.iter().copied())
    }

    /// Whether what belongs to `product` is at this requester's command.
    pub fn speaks_for(&self, product: ProductSerial) -> bool {
        self.products().any(|own| own == product)
    }
}

/// Decides whom a request speaks for. Anybody can write any serial into a request's cluster, so a
/// member counts as a partner only if the same account owns it: whoever takes over a cluster finds
/// its tokens, and nobody else's.
pub fn admit(
    asking: &Asking,
    account_of: impl Fn(ProductSerial) -> Option<AccountName>,
) -> Admission {
    let is_unknown = |serial: &ProductSerial| account_of(*serial).is_none();
    let unregistered = asking.cluster.iter().copied().filter(is_unknown).collect();
    let requester = account_of(asking.serial)
        .ok_or(NotRegistered(asking.serial))
        .map(|account| {
            let is_partner = |serial: &ProductSerial| {
                *serial != asking.serial && account_of(*serial).as_ref() == Some(&account)
            };
            let partners = asking.cluster.iter().copied().filter(is_partner).collect();
            Requester {
                serial: asking.serial,
                account,
                partners,
            }
        });
    Admission {
        requester,
        unregistered,
    }
}

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
    /// The manager that passes the request on.
    pub through: Option<Manager>,
}

/// Who passes on requests of an account's gateways.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manager {
    /// The serial that its certificate proves.
    pub serial: ProductSerial,
    /// Whose gateways it may speak for.
    pub account: AccountName,
}

/// What the registry makes of a request's sender.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admission {
    /// Whom it serves.
    pub requester: Result<Requester, NotRegistered>,
    /// Cluster members that the requester's account has not registered.
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
    through: Option<ProductSerial>,
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

    /// The manager that passed the request on.
    pub fn through(&self) -> Option<ProductSerial> {
        self.through
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
/// its tokens, and nobody else's. Another account's product is answered like one that nobody
/// registered, so that no account learns by asking which serials others have; so is every product of
/// another account than the manager's through which the request came.
pub fn admit(
    asking: &Asking,
    account_of: impl Fn(ProductSerial) -> Option<AccountName>,
) -> Admission {
    let account_of = |product| {
        let account: Option<AccountName> = account_of(product);
        account.filter(|account| {
            let manager = asking.through.as_ref();
            manager.is_none_or(|manager| manager.account == *account)
        })
    };
    let own = account_of(asking.serial);
    let is_known = |member: ProductSerial| match &own {
        Some(own) => account_of(member).as_ref() == Some(own),
        None => account_of(member).is_some(),
    };
    let (mut partners, unregistered): (Vec<_>, Vec<_>) =
        (asking.cluster.iter().copied()).partition(|&member| is_known(member));
    partners.retain(|&member| member != asking.serial);
    let requester = own
        .ok_or(NotRegistered(asking.serial))
        .map(|account| Requester {
            serial: asking.serial,
            account,
            partners,
            through: asking.through.as_ref().map(|manager| manager.serial),
        });
    Admission {
        requester,
        unregistered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [&str; 2] = ["FGT0000000000001", "FGT0000000000002"];
    const FOREIGN: &str = "FGT0000000000003";
    const NOBODY: &str = "FGT0000000000009";

    fn serial(text: &str) -> ProductSerial {
        ProductSerial::parse(text).unwrap()
    }

    fn admitted(active: &str) -> Admission {
        passed_on(active, None)
    }

    fn passed_on(active: &str, through: Option<Manager>) -> Admission {
        let members = [OWN[0], OWN[1], FOREIGN, NOBODY];
        let asking = Asking {
            serial: serial(active),
            cluster: members.map(serial).to_vec(),
            through,
        };
        admit(&asking, |product| match product.as_str() {
            text if OWN.contains(&text) => AccountName::parse("own").ok(),
            FOREIGN => AccountName::parse("other").ok(),
            _ => None,
        })
    }

    #[test]
    fn a_request_speaks_for_the_members_of_its_own_account() {
        for (active, partner) in [(OWN[0], OWN[1]), (OWN[1], OWN[0])] {
            let Admission {
                requester,
                unregistered,
            } = admitted(active);
            let products: Vec<_> = requester.unwrap().products().collect();
            assert_eq!(products, [active, partner].map(serial));
            assert_eq!(unregistered, [FOREIGN, NOBODY].map(serial));
        }
    }

    #[test]
    fn symptom_02_each_member_is_answered_though_the_active_unit_is_unknown() {
        let admission = admitted(NOBODY);
        assert_eq!(admission.requester, Err(NotRegistered(serial(NOBODY))));
        assert_eq!(admission.unregistered, [serial(NOBODY)]);
    }

    #[test]
    fn a_manager_speaks_for_its_own_account_alone() {
        let manager = |account: &str| Manager {
            serial: serial("FMG0000000000001"),
            account: AccountName::parse(account).unwrap(),
        };
        let own = passed_on(OWN[0], Some(manager("own")));
        assert_eq!(own.unregistered, [FOREIGN, NOBODY].map(serial));
        let requester = own.requester.unwrap();
        assert_eq!(requester.through(), Some(serial("FMG0000000000001")));
        assert!(requester.speaks_for(serial(OWN[1])));
        let other = passed_on(OWN[0], Some(manager("other")));
        assert_eq!(other.requester, Err(NotRegistered(serial(OWN[0]))));
        assert_eq!(other.unregistered, [OWN[0], OWN[1], NOBODY].map(serial));
    }
}

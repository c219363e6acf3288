//! How things stand with what the desk looks up, and what helps.

use ident::{LicenceSerial, ProductSerial};

use super::{
    HardwareToken, Licence, LicenceState, Lock, Product, ProductKind, Sight, StockToken, TokenState,
};
use crate::time::Timestamp;

/// What is the matter with something, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// How it stands.
    pub cause: String,
    /// What helps; `None.` where nothing has to be done.
    pub next_step: String,
}

impl Standing {
    /// The same for somebody who sees so much: an agent of a customer may carry out none of the desk's commands
    /// that help.
    #[must_use]
    pub fn for_sight(mut self, sight: &Sight) -> Self {
        let is_desks = |step: &str| {
            step.replace("symbolon desk look", "")
                .contains("symbolon desk")
        };
        if sight.account().is_some() && is_desks(&self.next_step) {
            self.next_step += " What `symbolon desk` is to do, ask the desk for; where something is to go to another \
                               gateway, with `symbolon desk open-ticket`.";
        }
        self
    }
}

/// Whether a token's gateway knows what became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// Its last poll said so, or there is nothing to say yet.
    UpToDate,
    /// It has not polled since.
    NotYet,
}

/// Who makes activation codes for a token, and so knows which phone has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Supplier {
    /// The token server.
    TokenServer,
    /// The manager that gave the token's licence out.
    Manager(ProductSerial),
    /// The token server, since the licence was taken back from the manager that gave it out.
    FormerlyManager(ProductSerial),
}

impl Supplier {
    /// The manager that gave the token's licence out, if one did.
    pub fn manager(self) -> Option<ProductSerial> {
        match self {
            Self::TokenServer => None,
            Self::Manager(manager) | Self::FormerlyManager(manager) => Some(manager),
        }
    }
}

/// How it stands with a licence.
pub fn licence_standing(licence: &Licence, now: Timestamp) -> Standing {
    let serial = licence.serial;
    let product = licence.product.map_or_else(
        || format!("any product of \"{}\"", licence.account),
        |product| product.to_string(),
    );
    if let (Some(manager), None) = (licence.kept_by, licence.revoked) {
        return kept_standing(licence, manager, &product);
    }
    match licence.state(now) {
        LicenceState::Waiting => standing(
            format!("It waits to be imported by {product}."),
            "On that gateway: `execute fortitoken-mobile import CODE`, with the code on the redemption \
             certificate. If the code is lost: `symbolon desk renew-licence SERIAL --lost-code`.",
            serial,
        ),
        LicenceState::Expired(last) => standing(
            format!("Nobody imported it until {last}: error 14, `forticare license expired`."),
            "`symbolon desk renew-licence SERIAL` gives it more time and a new code.",
            serial,
        ),
        LicenceState::Moved(at) => standing(
            format!("{product} may import it once, since {at}, and has not done so."),
            "If its tokens are not on that gateway: `execute fortitoken-mobile import CODE` there. If the \
             code is lost: `symbolon desk renew-licence SERIAL --lost-code`.",
            serial,
        ),
        LicenceState::Activated(at) if serial.is_trial() => standing(
            format!("The trial tokens of {product}, since {at}."),
            "None. Tokens that are missing or locked come back with `execute fortitoken-mobile import \
             0000-0000-0000-0000-0000`.",
            serial,
        ),
        LicenceState::Activated(at) => standing(
            format!(
                "{product} imported it at {at}. An import again is error 11, `forticare license already \
                 activated`."
            ),
            "Its tokens are listed there by `show user fortitoken | grep SERIAL`. If that gateway has lost them: \
             `symbolon desk reset-import SERIAL --reason WHY`. If they are wanted on another: `symbolon desk \
             move-licence SERIAL --to NEW --reason WHY`.",
            serial,
        ),
        LicenceState::Revoked(at) if serial.is_trial() => standing(
            format!("It was revoked at {at}: its tokens are answered with error 31."),
            "On a gateway that wants trial tokens: `execute fortitoken-mobile import 0000-0000-0000-0000-0000` \
             brings another two.",
            serial,
        ),
        LicenceState::Revoked(at) => standing(
            format!(
                "It was revoked at {at}: its code is answered with error 10, its tokens with 31."
            ),
            "`symbolon desk issue-licence` issues another.",
            serial,
        ),
    }
}

fn kept_standing(licence: &Licence, manager: ProductSerial, product: &str) -> Standing {
    let serial = licence.serial;
    if let Some(claimed) = licence.claimed_for {
        return standing(
            format!(
                "Manager {manager} says that it gave it to {claimed}, and whose that is now nobody knows: it is \
                 given to nobody else."
            ),
            "`symbolon desk name-owner SERIAL --to PRODUCT --reason WHY`, or `symbolon desk revoke-licence SERIAL \
             --reason WHY` and another licence.",
            serial,
        );
    }
    match licence.activated {
        None => standing(
            format!(
                "It is in the reserve of manager {manager}, which has not said that it gave it out: {product} \
                 may import it there, and nobody here."
            ),
            "On a gateway of that manager: `execute fortitoken-mobile import CODE`. To have it given out here: \
             `symbolon desk take-back SERIAL --reason WHY`.",
            serial,
        ),
        Some(at) => standing(
            format!(
                "Manager {manager} gave it to {product} at {at} from its reserve, and serves its tokens."
            ),
            "None. To have its tokens served here: `symbolon desk take-back SERIAL --reason WHY`.",
            serial,
        ),
    }
}

/// How it stands with a token.
pub fn token_standing(
    token: &StockToken,
    told: Told,
    supplier: Supplier,
    now: Timestamp,
) -> Standing {
    let (serial, product) = (token.serial, token.product);
    if let Some(at) = token.revoked {
        return standing(
            format!("Its licence was revoked at {at}: its gateway is answered with error 31."),
            "Give its user another token.",
            serial,
        );
    }
    if token.lock == Lock::Locked {
        return standing(
            "It is locked at the token server: it is neither provisioned nor activated. A gateway that has it \
             takes its codes.",
            "`symbolon desk unlock-token SERIAL --reason WHY`. A trial token: importing the trial again \
             puts it back to new.",
            serial,
        );
    }
    match &token.state {
        TokenState::New => never_made_ready(token, supplier),
        TokenState::Provisioning { expires } if *expires <= now => standing(
            format!("Nobody used its activation code until {expires}."),
            "`execute fortitoken-mobile provision SERIAL` on its gateway makes a new one.",
            serial,
        ),
        TokenState::Provisioning { expires } => standing(
            format!("It waits for a phone until {expires}."),
            "The user adds it to the app by QR code or activation code. `execute fortitoken-mobile send-activation \
             SERIAL` on its gateway sends both again.",
            serial,
        ),
        TokenState::Provisioned(_) => match told {
            Told::NotYet => standing(
                format!("A phone has it, and {product} has not asked since."),
                "The gateway asks every five minutes, or at once with `execute fortitoken-mobile poll`. If \
                 another gateway has the token, move its licence there.",
                serial,
            ),
            Told::UpToDate => standing(
                format!("A phone has it, and {product} knows."),
                "None. A new phone needs a new code: `execute fortitoken-mobile provision SERIAL`.",
                serial,
            ),
        },
    }
}

/// Managers tell the token server of licences, and of phones nothing.
fn never_made_ready(token: &StockToken, supplier: Supplier) -> Standing {
    let (serial, product) = (token.serial, token.product);
    match supplier {
        Supplier::TokenServer => standing(
            format!("It belongs to {product}, and was never made ready for a phone."),
            "On that gateway, assign it to a user, or `execute fortitoken-mobile provision SERIAL`.",
            serial,
        ),
        Supplier::Manager(manager) => standing(
            format!(
                "Manager {manager} gave its licence out and makes its activation codes: which phone has it is known \
                 there and at {product} alone."
            ),
            "None. On that gateway `diagnose fortitoken info SERIAL` says how it stands.",
            serial,
        ),
        Supplier::FormerlyManager(manager) => standing(
            format!(
                "It belongs to {product}, and was not made ready for a phone since its licence was taken back from \
                 manager {manager}, which gave it out. A phone may have it from then, of which {product} alone knows."
            ),
            "On that gateway `diagnose fortitoken info SERIAL` says whether a phone has it. If one does, do nothing: \
             `execute fortitoken-mobile provision SERIAL` puts that phone out.",
            serial,
        ),
    }
}

/// How it stands with a hardware token.
pub fn hardware_standing(token: &HardwareToken) -> Standing {
    let serial = token.serial;
    match (&token.activation, &token.account) {
        (Some(activation), _) => standing(
            format!(
                "Its seed was given to {} at {}. An activation again is error 111, `token already \
                 activated, and seed won't be returned`.",
                activation.product, activation.at
            ),
            "None. If that gateway has it no longer: `symbolon desk reset-activation SERIAL --reason WHY`, \
             then there or on another gateway `execute fortitoken activate SERIAL`.",
            serial,
        ),
        (None, Some(account)) => standing(
            format!("It is \"{account}\"'s, and no gateway has its seed."),
            "On a gateway of theirs: `execute fortitoken activate SERIAL`.",
            serial,
        ),
        (None, None) => standing(
            "It is in stock, and becomes that of the first gateway that activates it.",
            "On a gateway: `execute fortitoken activate SERIAL`.",
            serial,
        ),
    }
}

/// A licence that a product had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Departure {
    /// The licence.
    pub licence: LicenceSerial,
    /// Whose it is now.
    pub product: ProductSerial,
    /// When it moved.
    pub at: Timestamp,
}

/// How it stands with a product that has `licences` that are not revoked, and `left` which one moved away last.
pub fn product_standing(product: &Product, licences: usize, left: Option<&Departure>) -> Standing {
    let mut standing = unit_standing(product, licences);
    if let Some(Departure {
        licence,
        product,
        at,
    }) = left
    {
        standing.cause +=
            &format!(" Until {at} it had {licence}, which moved and is {product}'s now.");
    }
    standing
}

fn unit_standing(product: &Product, licences: usize) -> Standing {
    let serial = product.serial;
    match product.retired.map(|end| (end.at, end.successor)) {
        Some((at, Some(successor))) => standing(
            format!("{successor} has its place since {at}: it is answered with error 21."),
            format!("Look at the other unit: `symbolon desk look {successor}`."),
            serial,
        ),
        Some((at, None)) => standing(
            format!("It is not registered since {at}: it is answered with error 21."),
            "`symbolon desk register-product SERIAL --account NAME` registers it again.",
            serial,
        ),
        None if product.kind == ProductKind::Manager => standing(
            format!(
                "It is a manager: it passes on what the gateways of \"{}\" ask.",
                product.account
            ),
            "None. What is in its reserve: `symbolon desk reserve SERIAL`. To make it a gateway: `symbolon desk \
             dismiss-manager SERIAL --reason WHY`.",
            serial,
        ),
        None if licences == 0 => standing(
            format!(
                "It is registered for \"{}\" and has no licence.",
                product.account
            ),
            "On the gateway: `execute fortitoken-mobile import 0000-0000-0000-0000-0000` brings two trial \
             tokens; `symbolon desk issue-licence --product SERIAL` issues a licence.",
            serial,
        ),
        None => standing(
            format!(
                "It is registered for \"{}\" and has {licences} licence{}.",
                product.account,
                if licences == 1 { "" } else { "s" }
            ),
            "None. If the unit failed: `symbolon desk replace-unit SERIAL NEW --reason WHY`.",
            serial,
        ),
    }
}

fn standing(
    cause: impl Into<String>,
    next_step: impl Into<String>,
    serial: impl std::fmt::Display,
) -> Standing {
    Standing {
        cause: cause.into(),
        next_step: next_step.into().replace("SERIAL", &serial.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use ident::{RegistrationId, TokenSerial};

    use super::super::{AccountName, LicenceSize, Registration, Retired};
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const LATER: Timestamp = Timestamp::from_secs(1_001);

    fn product() -> Product {
        Product {
            serial: ProductSerial::parse("FGT0000000000001").unwrap(),
            account: AccountName::parse("own").unwrap(),
            registered: NOW,
            retired: None,
            kind: ProductKind::Gateway,
        }
    }

    fn licence() -> Licence {
        Licence {
            serial: LicenceSerial::purchased(1).unwrap(),
            account: product().account,
            product: None,
            size: LicenceSize::new(5).unwrap(),
            redeem_until: Some(NOW),
            activated: None,
            moved: None,
            revoked: None,
            kept_by: None,
            claimed_for: None,
        }
    }

    fn token() -> StockToken {
        StockToken {
            serial: TokenSerial::mobile([1; 5]),
            licence: licence().serial,
            product: product().serial,
            lock: Lock::Open,
            state: TokenState::New,
            revoked: None,
        }
    }

    fn helps(standing: &Standing, by: &str) {
        assert!(standing.next_step.contains(by), "no '{by}' in {standing:?}");
        assert!(!standing.next_step.contains("SERIAL"), "{standing:?}");
    }

    #[test]
    fn a_licence_says_what_helps() {
        let waiting = licence();
        helps(&licence_standing(&waiting, NOW), "import CODE");
        helps(&licence_standing(&waiting, LATER), "renew-licence EFTM");
        let activated = Licence {
            activated: Some(NOW),
            product: Some(product().serial),
            ..licence()
        };
        helps(&licence_standing(&activated, LATER), "move-licence EFTM");
        let moved = Licence {
            moved: Some(NOW),
            ..activated
        };
        helps(&licence_standing(&moved, LATER), "import CODE");
        let revoked = Licence {
            revoked: Some(NOW),
            ..moved
        };
        helps(&licence_standing(&revoked, LATER), "issue-licence");
        let trial = Licence {
            serial: LicenceSerial::trial(1).unwrap(),
            ..revoked
        };
        helps(&licence_standing(&trial, LATER), "import 0000");
    }

    #[test]
    fn a_customer_is_told_to_ask_for_what_the_desk_does() {
        let own = Sight::Account(product().account);
        let activated = Licence {
            activated: Some(NOW),
            product: Some(product().serial),
            ..licence()
        };
        let stands = || licence_standing(&activated, LATER);
        helps(&stands().for_sight(&own), "ask the desk");
        assert_eq!(stands().for_sight(&Sight::Everything), stands());
        let new = || token_standing(&token(), Told::UpToDate, Supplier::TokenServer, NOW);
        assert_eq!(new().for_sight(&own), new());
    }

    #[test]
    fn a_token_says_what_helps() {
        let stands =
            |token: StockToken, told| token_standing(&token, told, Supplier::TokenServer, NOW);
        helps(&stands(token(), Told::UpToDate), "provision FTKMOB");
        let manager = ProductSerial::parse("FMG0000000000001").unwrap();
        for supplier in [
            Supplier::Manager(manager),
            Supplier::FormerlyManager(manager),
        ] {
            let stands = token_standing(&token(), Told::UpToDate, supplier, NOW);
            assert!(stands.cause.contains(manager.as_str()), "{stands:?}");
            helps(&stands, "diagnose fortitoken info FTKMOB");
        }
        let in_state = |state| StockToken { state, ..token() };
        let waiting = |expires| in_state(TokenState::Provisioning { expires });
        helps(&stands(waiting(LATER), Told::UpToDate), "QR code");
        helps(&stands(waiting(NOW), Told::NotYet), "provision FTKMOB");
        let held = in_state(TokenState::Provisioned(Registration {
            id: RegistrationId::from_bytes([1; 32]),
            version: "5.4.2_IOS".into(),
        }));
        helps(&stands(held.clone(), Told::NotYet), "poll");
        helps(&stands(held.clone(), Told::UpToDate), "None.");
        let locked = StockToken {
            lock: Lock::Locked,
            ..held.clone()
        };
        helps(&stands(locked, Told::UpToDate), "unlock-token FTKMOB");
        let revoked = StockToken {
            revoked: Some(NOW),
            ..held
        };
        helps(&stands(revoked, Told::UpToDate), "another token");
    }

    #[test]
    fn a_product_says_what_helps() {
        helps(
            &product_standing(&product(), 0, None),
            "issue-licence --product FGT",
        );
        helps(&product_standing(&product(), 2, None), "replace-unit FGT");
        let left = Departure {
            licence: licence().serial,
            product: ProductSerial::parse("FGT0000000000002").unwrap(),
            at: LATER,
        };
        let Standing { cause, .. } = product_standing(&product(), 0, Some(&left));
        for fact in ["EFTM000000000001", "FGT0000000000002", &LATER.to_string()] {
            assert!(cause.contains(fact), "{cause}");
        }
        let manager = Product {
            kind: ProductKind::Manager,
            ..product()
        };
        helps(&product_standing(&manager, 0, None), "desk reserve FGT");
        let ended = |successor| Product {
            retired: Some(Retired { at: NOW, successor }),
            ..product()
        };
        helps(
            &product_standing(&ended(None), 0, None),
            "register-product FGT",
        );
        let next = ProductSerial::parse("FGT0000000000002").unwrap();
        helps(
            &product_standing(&ended(Some(next)), 0, None),
            next.as_str(),
        );
    }
}

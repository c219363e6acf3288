use std::collections::{BTreeMap, HashMap};

use ident::{ParseError, ProductSerial, TokenKind, TokenSerial};
use otp::seed_file::{Entry, Fault, MakerSerial, SeedRecord};
use otp::{Parameters, Window};

use super::{AccountName, Requester};
use crate::time::Timestamp;

/// A hardware token of the registry's stock. Its seed is elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HardwareToken {
    /// Its serial.
    pub serial: TokenSerial,
    /// Its serial as its maker writes it.
    pub maker_serial: MakerSerial,
    /// Whose it is; without one it becomes that of the first product that activates it.
    pub account: Option<AccountName>,
    /// How its codes are computed.
    pub parameters: Parameters,
    /// Since when it is in stock.
    pub imported: Timestamp,
    /// The activation flag: to whom its seed was given.
    pub activation: Option<HardwareActivation>,
}

/// To whom a seed was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HardwareActivation {
    /// The gateway.
    pub product: ProductSerial,
    /// When.
    pub at: Timestamp,
}

/// Why a seed is not given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HardwareRefusal {
    /// The asking product is not registered.
    #[error("the product is not registered")]
    ProductNotRegistered,
    /// Not in stock, or another account's: whoever asks learns nothing of tokens that are not theirs.
    #[error("no such hardware token")]
    Unknown,
    /// Its seed was given before, and the desk has not reset the flag.
    #[error("the seed was given before")]
    AlreadyActivated,
}

/// A seed that may be given now. Only [`release`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    token: TokenSerial,
    parameters: Parameters,
    account: AccountName,
    activation: HardwareActivation,
}

impl Release {
    /// Which token.
    pub fn token(&self) -> TokenSerial {
        self.token
    }

    /// How its codes are computed.
    pub fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// Whose it is from now on.
    pub fn account(&self) -> &AccountName {
        &self.account
    }

    /// The flag that is set with it.
    pub fn activation(&self) -> HardwareActivation {
        self.activation
    }
}

/// Decides whether `requester` gets a token's seed. A cluster's other members do not get what one of them
/// has: they have it from that one.
pub fn release(
    token: Option<&HardwareToken>,
    requester: &Requester,
    now: Timestamp,
) -> Result<Release, HardwareRefusal> {
    let is_own = |token: &&HardwareToken| {
        let account = token.account.as_ref();
        account.is_none_or(|account| account == requester.account())
    };
    let token = token.filter(is_own).ok_or(HardwareRefusal::Unknown)?;
    if token.activation.is_some() {
        return Err(HardwareRefusal::AlreadyActivated);
    }
    Ok(Release {
        token: token.serial,
        parameters: token.parameters,
        account: requester.account().clone(),
        activation: HardwareActivation {
            product: requester.serial(),
            at: now,
        },
    })
}

/// A token that may go into stock. Only [`intake`] makes one.
#[derive(Debug)]
pub struct NewHardware {
    /// Its serial.
    pub serial: TokenSerial,
    /// What its maker tells of it.
    pub record: SeedRecord,
}

/// A line of a file that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadLine {
    /// Its number, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub why: LineFault,
}

/// What is wrong with a line of a file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LineFault {
    /// It does not tell a token.
    #[error(transparent)]
    File(#[from] Fault),
    /// Its serial fits into no token's.
    #[error("{0}; a serial of another maker has at most 13 letters and digits")]
    Serial(ParseError),
    /// A mobile token's serial.
    #[error("{0} is a mobile token's serial; mobile tokens come with licences")]
    Mobile(TokenSerial),
    /// It stands in the file before.
    #[error("{0} stands on line {1} already")]
    Twice(TokenSerial, usize),
    /// It is in stock.
    #[error("{0} is in stock already")]
    InStock(TokenSerial),
    /// It is not in stock.
    #[error("{0} is not in stock; import its seed first")]
    NotInStock(TokenSerial),
    /// It is activated for another account.
    #[error("{0} is activated for account \"{1}\"; reset its activation first")]
    Activated(TokenSerial, AccountName),
    /// An event-based token that was used for longer than two of its codes can tell.
    #[error("its counter stands at {0}; gateways find at most {max}", max = MAX_COUNTER)]
    Counter(u64),
}

/// Where a counter may stand: a gateway gets no counter with a seed, and finds it by two codes.
const MAX_COUNTER: u64 = Window::COUNTER_SYNC.ahead as u64;

/// The serials of a file's tokens, as far as they are right.
pub fn serials<'e>(makers: impl Iterator<Item = Option<&'e MakerSerial>>) -> Vec<TokenSerial> {
    let makers = makers.flatten();
    makers
        .filter_map(|maker| hardware_serial(maker).ok())
        .collect()
}

/// Decides which tokens of a file may go into stock, where `stock` is.
pub fn intake(
    entries: Vec<Entry<SeedRecord>>,
    stock: &BTreeMap<TokenSerial, HardwareToken>,
) -> (Vec<NewHardware>, Vec<BadLine>) {
    let mut seen = Seen::default();
    sorted(entries, |line, record| {
        let serial = hardware_serial(&record.serial)?;
        seen.first(serial, line)?;
        if stock.contains_key(&serial) {
            return Err(LineFault::InStock(serial));
        }
        if record.counter > MAX_COUNTER {
            return Err(LineFault::Counter(record.counter));
        }
        Ok(NewHardware { serial, record })
    })
}

/// Decides which tokens of a list become `account`'s. A token that another account has activated stays
/// there until the desk resets the flag.
pub fn assign(
    entries: Vec<Entry<MakerSerial>>,
    stock: &BTreeMap<TokenSerial, HardwareToken>,
    account: &AccountName,
) -> (Vec<TokenSerial>, Vec<BadLine>) {
    let mut seen = Seen::default();
    sorted(entries, |line, maker| {
        let serial = hardware_serial(&maker)?;
        seen.first(serial, line)?;
        let token = stock.get(&serial).ok_or(LineFault::NotInStock(serial))?;
        match (&token.account, token.activation) {
            (Some(owner), Some(_)) if owner != account => {
                Err(LineFault::Activated(serial, owner.clone()))
            }
            _ => Ok(serial),
        }
    })
}

/// The lines by whether they can be used.
fn sorted<T, U>(
    entries: Vec<Entry<T>>,
    mut decide: impl FnMut(usize, T) -> Result<U, LineFault>,
) -> (Vec<U>, Vec<BadLine>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for Entry { line, token } in entries {
        match token
            .map_err(LineFault::from)
            .and_then(|token| decide(line, token))
        {
            Ok(token) => good.push(token),
            Err(why) => bad.push(BadLine { line, why }),
        }
    }
    (good, bad)
}

/// On which lines serials stood.
#[derive(Default)]
struct Seen(HashMap<TokenSerial, usize>);

impl Seen {
    fn first(&mut self, serial: TokenSerial, line: usize) -> Result<(), LineFault> {
        match self.0.insert(serial, line) {
            Some(before) => Err(LineFault::Twice(serial, before)),
            None => Ok(()),
        }
    }
}

fn hardware_serial(maker: &MakerSerial) -> Result<TokenSerial, LineFault> {
    let serial = TokenSerial::of_device(maker.as_str()).map_err(LineFault::Serial)?;
    match serial.kind() {
        TokenKind::Hardware => Ok(serial),
        TokenKind::Mobile => Err(LineFault::Mobile(serial)),
    }
}

#[cfg(test)]
mod tests {
    use otp::Parameters;
    use otp::seed_file::{csv, serials as list};

    use super::super::{Asking, admit};
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(100);
    const SEED: &str = "3132333435363738393031323334353637383930";

    fn account(name: &str) -> AccountName {
        AccountName::parse(name).unwrap()
    }

    fn requester(serial: &str, owner: &str) -> Requester {
        let asking = Asking {
            serial: ProductSerial::parse(serial).unwrap(),
            cluster: vec![],
        };
        let admission = admit(&asking, |_| Some(account(owner)));
        admission.requester.unwrap()
    }

    fn token(owner: Option<&str>) -> HardwareToken {
        HardwareToken {
            serial: TokenSerial::parse("FTK2000BHV1KRZCC").unwrap(),
            maker_serial: MakerSerial::parse("FTK2000BHV1KRZCC").unwrap(),
            account: owner.map(account),
            parameters: Parameters::default(),
            imported: NOW,
            activation: None,
        }
    }

    #[test]
    fn a_seed_is_given_once_and_to_its_account_alone() {
        let own = requester("FGT0000000000001", "own");
        let other = requester("FGT0000000000002", "other");
        let unknown = Some(HardwareRefusal::Unknown);
        assert_eq!(release(None, &own, NOW).err(), unknown);
        assert_eq!(
            release(Some(&token(Some("own"))), &other, NOW).err(),
            unknown
        );
        for free in [token(None), token(Some("own"))] {
            let release = release(Some(&free), &own, NOW).unwrap();
            assert_eq!(
                (release.token(), release.account()),
                (free.serial, &account("own"))
            );
            assert_eq!(release.activation().product, own.serial());
        }
        let given = HardwareToken {
            activation: Some(HardwareActivation {
                product: own.serial(),
                at: NOW,
            }),
            ..token(Some("own"))
        };
        let again = release(Some(&given), &own, NOW).err();
        assert_eq!(again, Some(HardwareRefusal::AlreadyActivated));
        // That it was activated is the account's own business.
        assert_eq!(release(Some(&given), &other, NOW).err(), unknown);
    }

    fn faults(text: &str, in_stock: &str) -> (usize, Vec<(usize, String)>) {
        let entries = csv::read(text, Parameters::default()).unwrap();
        let in_stock = TokenSerial::parse(in_stock).unwrap();
        let (good, bad) = intake(entries, &[(in_stock, token(None))].into());
        let bad = bad.into_iter().map(|bad| (bad.line, bad.why.to_string()));
        (good.len(), bad.collect())
    }

    #[test]
    fn each_line_goes_into_stock_or_says_why_not() {
        let text = format!(
            "serial,seed,type,counter\nFTK2000BHV1KRZCC,{SEED},,\n2600124809787,{SEED},,\n\
             FTKMOB83F91CD33B,{SEED},,\nftk2600124809787,{SEED},,\nFTK2000BHV1KRZCD,{SEED},,\n\
             FTK200,{SEED},,\n1,{SEED},hotp,100\n2,{SEED},hotp,101\n3,xyz,,\n"
        );
        let (good, bad) = faults(&text, "FTK2000BHV1KRZCD");
        assert_eq!(good, 3);
        let [mobile, twice, stocked, short, counter, seed] = &bad[..] else {
            panic!("{bad:?}");
        };
        let said = |at: usize, why: &str| (at, why.to_owned());
        assert_eq!(mobile.0, 4);
        assert!(mobile.1.starts_with("FTKMOB83F91CD33B is a mobile token's"));
        assert_eq!(*twice, said(5, "FTK2600124809787 stands on line 3 already"));
        assert_eq!(*stocked, said(6, "FTK2000BHV1KRZCD is in stock already"));
        assert_eq!(short.0, 7);
        assert!(
            short.1.contains("it has 6 characters, not 16"),
            "{}",
            short.1
        );
        let expected = "its counter stands at 101; gateways find at most 100";
        assert_eq!(*counter, said(9, expected));
        let expected = "the seed is neither hexadecimal nor base32";
        assert_eq!(*seed, said(10, expected));
    }

    #[test]
    fn a_list_gives_what_is_in_stock_to_an_account() {
        let mut activated = token(Some("other"));
        let read = |stock: &[&HardwareToken]| {
            let entries = list::read("FTK2000BHV1KRZCC").unwrap();
            let stock = stock
                .iter()
                .map(|&token| (token.serial, token.clone()))
                .collect();
            assign(entries, &stock, &account("own"))
        };
        assert_eq!(read(&[&activated]).0.len(), 1);
        assert!(matches!(read(&[]).1[0].why, LineFault::NotInStock(_)));
        activated.activation = Some(HardwareActivation {
            product: ProductSerial::parse("FGT0000000000002").unwrap(),
            at: NOW,
        });
        let bad = read(&[&activated]).1;
        assert!(matches!(bad[0].why, LineFault::Activated(_, _)));
    }
}

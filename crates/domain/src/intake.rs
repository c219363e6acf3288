//! Files of hardware tokens as tokens of this system: what the token server's stock and a gateway that takes
//! seeds from a file have in common.

use std::collections::HashMap;

use data_encoding::HEXLOWER_PERMISSIVE;
use ident::{ParseError, TokenKind, TokenSerial};
use otp::Window;
use otp::seed_file::pskc::{self, ContainerError, Unlock};
use otp::seed_file::{
    Entry, Fault, FileError, Form, MakerSerial, SeedRecord, csv, serials as list, text,
};
use zeroize::Zeroizing;

use crate::licensing::AccountName;

/// A token that may come in. Only [`seeds`] makes one.
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
    /// It is another account's.
    #[error(
        "{0} belongs to account \"{1}\"; if that account gives it away, say so: --from \"{1}\""
    )]
    OfOther(TokenSerial, AccountName),
    /// It is activated for another account.
    #[error("{0} is activated for account \"{1}\"; reset its activation first")]
    Activated(TokenSerial, AccountName),
    /// An event-based token that was used for longer than two of its codes can tell.
    #[error("its counter stands at {0}; two codes find at most {max}", max = MAX_COUNTER)]
    Counter(u64),
}

/// Where a counter may stand: it does not come along with a seed, and is found by two codes.
const MAX_COUNTER: u64 = Window::COUNTER_SYNC.ahead as u64;

/// What of a file is used, and what cannot be.
pub type Sorted<T> = (Vec<T>, Vec<BadLine>);

/// How a file came to a gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// It lies in the unit.
    Local,
    /// Over a network that anybody may have listened to.
    Open,
}

/// Why a gateway takes nothing of a file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotTaken {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Open seeds came over the network.
    #[error(
        "seeds in the clear are not taken over the network: copy the file into the unit, \
         or encrypt it as a key container (RFC 6030)"
    )]
    InTheClear,
    /// Lines that cannot be used.
    #[error("{} of its lines cannot be used", .0.len())]
    Lines(Vec<BadLine>),
}

/// The tokens of a seed file that a gateway takes: all, or none. `key` opens an encrypted key container:
/// its shared key in hexadecimal, or its password.
pub fn seed_file(octets: &[u8], key: Option<&str>, way: Way) -> Result<Vec<NewHardware>, NotTaken> {
    let text = text(octets)?;
    let entries = match (Form::of(text), key, way) {
        (Form::Container, Some(key), _) => container(text, key)?,
        (Form::Container, None, Way::Local) => pskc::read(text, Unlock::Nothing)?,
        (Form::Container, None, Way::Open) => {
            pskc::read(text, Unlock::Nothing)?;
            return Err(NotTaken::InTheClear);
        }
        (Form::Table | Form::Serials, _, Way::Open) => return Err(NotTaken::InTheClear),
        (Form::Table | Form::Serials, _, Way::Local) => {
            csv::read(text, otp::Parameters::default())?
        }
    };
    whole(seeds(entries, |_| None))
}

/// The tokens of a list of serials: all, or none.
pub fn serial_file(octets: &[u8]) -> Result<Vec<TokenSerial>, NotTaken> {
    let entries = list::read(text(octets)?)?;
    whole(listed(entries, |_| None))
}

/// Which key it is, the container tells.
fn container(text: &str, key: &str) -> Result<Vec<Entry<SeedRecord>>, FileError> {
    match pskc::read(text, Unlock::Password(key)) {
        Err(FileError::Container(ContainerError::NeedsKey)) => {
            let key = HEXLOWER_PERMISSIVE.decode(key.as_bytes());
            let key = key.map(Zeroizing::new);
            let key = key.map_err(|_| FileError::Container(ContainerError::NeedsKey))?;
            pskc::read(text, Unlock::Key(&key))
        }
        read => read,
    }
}

fn whole<T>((tokens, bad): Sorted<T>) -> Result<Vec<T>, NotTaken> {
    if bad.is_empty() {
        Ok(tokens)
    } else {
        Err(NotTaken::Lines(bad))
    }
}

/// The serials of a file's tokens, as far as they are right.
pub fn serials<'e>(makers: impl Iterator<Item = Option<&'e MakerSerial>>) -> Vec<TokenSerial> {
    let makers = makers.flatten();
    makers
        .filter_map(|maker| hardware_serial(maker).ok())
        .collect()
}

/// Which tokens of a seed file may come in; `refuse` knows what is against one.
pub fn seeds(
    entries: Vec<Entry<SeedRecord>>,
    refuse: impl Fn(TokenSerial) -> Option<LineFault>,
) -> Sorted<NewHardware> {
    let mut seen = Seen::default();
    sorted(entries, |line, record| {
        let serial = seen.first(line, &record.serial)?;
        if record.counter > MAX_COUNTER {
            return Err(LineFault::Counter(record.counter));
        }
        match refuse(serial) {
            Some(why) => Err(why),
            None => Ok(NewHardware { serial, record }),
        }
    })
}

/// Which serials of a list are used; `refuse` knows what is against one.
pub fn listed(
    entries: Vec<Entry<MakerSerial>>,
    refuse: impl Fn(TokenSerial) -> Option<LineFault>,
) -> Sorted<TokenSerial> {
    let mut seen = Seen::default();
    sorted(entries, |line, maker| {
        let serial = seen.first(line, &maker)?;
        refuse(serial).map_or(Ok(serial), Err)
    })
}

/// The lines by whether they can be used.
fn sorted<T, U>(
    entries: Vec<Entry<T>>,
    mut decide: impl FnMut(usize, T) -> Result<U, LineFault>,
) -> Sorted<U> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for Entry { line, token } in entries {
        let decided = token.map_err(LineFault::from);
        match decided.and_then(|token| decide(line, token)) {
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
    fn first(&mut self, line: usize, maker: &MakerSerial) -> Result<TokenSerial, LineFault> {
        let serial = hardware_serial(maker)?;
        match self.0.insert(serial, line) {
            Some(before) => Err(LineFault::Twice(serial, before)),
            None => Ok(serial),
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
    use super::*;

    const SEED: &str = "3132333435363738393031323334353637383930";

    fn said(bad: Vec<BadLine>) -> Vec<(usize, String)> {
        let bad = bad.into_iter();
        bad.map(|bad| (bad.line, bad.why.to_string())).collect()
    }

    #[test]
    fn each_line_comes_in_or_says_why_not() {
        let text = format!(
            "serial,seed,type,counter\nFTK2000BHV1KRZCC,{SEED},,\n2600124809787,{SEED},,\n\
             FTKMOB83F91CD33B,{SEED},,\nftk2600124809787,{SEED},,\nFTK2000BHV1KRZCD,{SEED},,\n\
             FTK200,{SEED},,\n1,{SEED},hotp,100\n2,{SEED},hotp,101\n3,xyz,,\n"
        );
        let entries = csv::read(&text, otp::Parameters::default()).unwrap();
        let stocked = TokenSerial::parse("FTK2000BHV1KRZCD").unwrap();
        let refuse = |serial| (serial == stocked).then_some(LineFault::InStock(serial));
        let (good, bad) = seeds(entries, refuse);
        assert_eq!(good.len(), 3);
        let bad = said(bad);
        let [mobile, twice, stocked, short, counter, seed] = &bad[..] else {
            panic!("{bad:?}");
        };
        let at = |line: usize, why: &str| (line, why.to_owned());
        assert_eq!(mobile.0, 4);
        assert!(mobile.1.starts_with("FTKMOB83F91CD33B is a mobile token's"));
        assert_eq!(*twice, at(5, "FTK2600124809787 stands on line 3 already"));
        assert_eq!(*stocked, at(6, "FTK2000BHV1KRZCD is in stock already"));
        assert_eq!(short.0, 7);
        assert!(
            short.1.contains("it has 6 characters, not 16"),
            "{}",
            short.1
        );
        let expected = "its counter stands at 101; two codes find at most 100";
        assert_eq!(*counter, at(9, expected));
        let expected = "the seed is neither hexadecimal nor base32";
        assert_eq!(*seed, at(10, expected));
    }

    #[test]
    fn a_gateway_takes_a_file_as_a_whole_or_not_at_all() {
        let table = format!("FTK2000BHV1KRZCC,{SEED}\nFTK2000BHV1KRZCD,{SEED}\n");
        let taken = seed_file(table.as_bytes(), None, Way::Local).unwrap();
        assert_eq!(taken.len(), 2);
        let twice = table.repeat(2);
        let Err(NotTaken::Lines(bad)) = seed_file(twice.as_bytes(), None, Way::Local) else {
            panic!("it was taken");
        };
        assert_eq!(bad.len(), 2);
        let list = "FTK2000BHV1KRZCC\nFTK2000BHV1KRZCD\n";
        assert_eq!(serial_file(list.as_bytes()).unwrap().len(), 2);
        assert!(serial_file(twice.as_bytes()).is_err());
        let none = seed_file(&[0xff, 0], None, Way::Local).unwrap_err();
        assert_eq!(none, FileError::NotText.into());
    }

    const ENCRYPTED: &str = include_str!("../../otp/tests/pskc/rfc6030-figure-6.xml");
    const UNDER_PASSWORD: &str = include_str!("../../otp/tests/pskc/rfc6030-figure-7.xml");
    const OPEN: &str = include_str!("../../otp/tests/pskc/rfc6030-figure-2.xml");

    #[test]
    fn over_the_network_only_encrypted_seeds_come_in() {
        let key = Some("12345678901234567890123456789012");
        let taken = seed_file(ENCRYPTED.as_bytes(), key, Way::Open).unwrap();
        assert_eq!(taken[0].serial.as_str(), "FTK0000987654321");
        let password = Some("qwerty");
        let taken = seed_file(UNDER_PASSWORD.as_bytes(), password, Way::Open).unwrap();
        assert_eq!(taken.len(), 1);
        let table = format!("FTK2000BHV1KRZCC,{SEED}\n");
        for (text, key) in [(&*table, None), (&*table, key), (OPEN, None)] {
            let refused = seed_file(text.as_bytes(), key, Way::Open).unwrap_err();
            assert_eq!(refused, NotTaken::InTheClear);
        }
        for (text, key, why) in [
            (ENCRYPTED, None, ContainerError::NeedsKey),
            (ENCRYPTED, password, ContainerError::NeedsKey),
            (UNDER_PASSWORD, None, ContainerError::NeedsPassword),
            (OPEN, key, ContainerError::NotEncrypted),
        ] {
            let refused = seed_file(text.as_bytes(), key, Way::Open).unwrap_err();
            assert_eq!(refused, FileError::Container(why).into());
        }
    }
}

//! Local certificates: what is asked for.

use std::net::IpAddr;

use super::Complaint;
use super::action::Host;
use crate::tree::certificate::CertificateWord;

/// Characters of a part of a subject (RFC 5280, appendix A.1: `ub-common-name`).
const PART_MAX: usize = 64;
/// Names in a request at most: more than public authorities certify at once.
const NAMES_MAX: usize = 100;

/// What to do with local certificates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CertificateAction {
    /// Show what the entries hold.
    Details,
    /// Show an entry's certificate, or its request, as PEM.
    Export(Box<str>),
    /// Make a key and its request.
    Generate(Box<Requested>),
}

/// A key to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewKey {
    /// RSA with 2,048 bits.
    Rsa2048,
    /// RSA with 3,072 bits.
    Rsa3072,
    /// RSA with 4,096 bits.
    Rsa4096,
    /// On the curve P-256.
    EcP256,
    /// On the curve P-384.
    EcP384,
    /// On the curve P-521.
    EcP521,
}

/// What is to be certified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requested {
    /// The entry that is made for it.
    pub name: Box<str>,
    /// The key.
    pub key: NewKey,
    /// The common name.
    pub subject: Box<str>,
    /// Two letters, or nothing.
    pub country: Box<str>,
    /// State or province, or nothing.
    pub state: Box<str>,
    /// City, or nothing.
    pub city: Box<str>,
    /// Organization, or nothing.
    pub organization: Box<str>,
    /// Units of it, with commas between them, or nothing.
    pub units: Box<str>,
    /// An address for mail, or nothing.
    pub email: Box<str>,
    /// Names and addresses, with the subject if it is one.
    pub names: Vec<Box<str>>,
}

/// The action of a line with these words.
pub(super) fn asked(
    word: CertificateWord,
    words: &[String],
) -> Result<CertificateAction, Complaint> {
    let at = |place: usize| words.get(place).map_or("", String::as_str);
    Ok(match word {
        CertificateWord::Details => CertificateAction::Details,
        CertificateWord::Export => CertificateAction::Export(at(0).into()),
        CertificateWord::GenerateRsa => generate(words, rsa(at(1))?)?,
        CertificateWord::GenerateEc => generate(words, ec(at(1))?)?,
    })
}

fn rsa(size: &str) -> Result<NewKey, Complaint> {
    match size {
        "2048" => Ok(NewKey::Rsa2048),
        "3072" => Ok(NewKey::Rsa3072),
        "4096" => Ok(NewKey::Rsa4096),
        _ => Err(Complaint::value(
            size,
            "an RSA key has 2048, 3072 or 4096 bits; nobody certifies shorter ones any more",
        )),
    }
}

fn ec(curve: &str) -> Result<NewKey, Complaint> {
    match curve {
        "secp256r1" => Ok(NewKey::EcP256),
        "secp384r1" => Ok(NewKey::EcP384),
        "secp521r1" => Ok(NewKey::EcP521),
        _ => Err(Complaint::value(
            curve,
            "a curve is secp256r1, secp384r1 or secp521r1",
        )),
    }
}

fn generate(words: &[String], key: NewKey) -> Result<CertificateAction, Complaint> {
    let part = |place: usize| {
        let word = words.get(place).map_or("", String::as_str);
        if word.chars().count() > PART_MAX {
            let plain = format!("a part of a subject has at most {PART_MAX} characters");
            return Err(Complaint::value(word, plain));
        }
        Ok::<Box<str>, Complaint>(word.into())
    };
    let subject = part(2)?;
    let country = part(3)?;
    let is_code = country.len() == 2 && country.chars().all(|c| c.is_ascii_uppercase());
    if !country.is_empty() && !is_code {
        return Err(Complaint::value(
            &country,
            "a country is its code of two letters, such as CA",
        ));
    }
    Ok(CertificateAction::Generate(Box::new(Requested {
        name: part(0)?,
        key,
        names: names(&subject, words.get(9).map_or("", String::as_str))?,
        subject,
        country,
        state: part(4)?,
        city: part(5)?,
        organization: part(6)?,
        units: part(7)?,
        email: part(8)?,
    })))
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// A subject that is a name or an address stands among the names: browsers look at these alone.
fn names(subject: &str, list: &str) -> Result<Vec<Box<str>>, Complaint> {
    let mut names = Vec::new();
    if is_name(subject) {
        names.push(Box::from(subject));
    }
    for part in parts(list) {
        let bare = part.strip_prefix("DNS:").or(part.strip_prefix("IP:"));
        let name = bare.unwrap_or(part);
        if !is_name(name) {
            return Err(Complaint::value(
                part,
                "a name is DNS:vpn.example.net or IP:192.0.2.7",
            ));
        }
        if !names.iter().any(|known| **known == *name) {
            names.push(name.into());
        }
    }
    if names.len() > NAMES_MAX {
        let plain = format!("a certificate has at most {NAMES_MAX} names here");
        return Err(Complaint::value("...", plain));
    }
    Ok(names)
}

fn is_name(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    text.parse::<IpAddr>().is_ok() || (name.contains('.') && Host::parse(name).is_some())
}

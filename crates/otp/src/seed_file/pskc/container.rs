//! The elements of a container. Names are compared without their namespaces but the container's own:
//! makers differ in where they put those of the schemas that RFC 6030 borrows.

use roxmltree::{Document, Node};

use super::super::{Entry, Fault, MakerSerial, SeedRecord};
use super::protection::Protection;
use super::{ContainerError, Unlock};
use crate::{Digest, Digits, Kind, Parameters, Period, Seed};

const NAMESPACE: &str = "urn:ietf:params:xml:ns:keyprov:pskc";

/// A container whose protection is known to fit.
pub(super) struct Container<'d> {
    document: &'d Document<'d>,
    protection: Protection,
}

impl<'d> Container<'d> {
    pub(super) fn open(
        document: &'d Document<'d>,
        unlock: Unlock<'_>,
    ) -> Result<Self, ContainerError> {
        let root = document.root_element();
        let version = root.attribute("Version").unwrap_or_default();
        if !root.has_tag_name((NAMESPACE, "KeyContainer")) || !version.starts_with("1.") {
            return Err(ContainerError::NotAContainer);
        }
        Ok(Self {
            document,
            protection: Protection::of(root, unlock)?,
        })
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<SeedRecord>> {
        let packages = children(self.document.root_element(), "KeyPackage");
        // Lines are counted from package to package: from the beginning each time, a file of 10,000 would
        // be read ten thousand times.
        let (text, mut line, mut counted) = (self.document.input_text(), 1, 0);
        packages.map(move |package| {
            let start = package.range().start;
            let passed = text.get(counted..start).unwrap_or_default();
            line += passed.matches('\n').count();
            counted = start;
            Entry {
                line,
                token: self.token(package),
            }
        })
    }

    fn token(&self, package: Node<'_, '_>) -> Result<SeedRecord, Fault> {
        let key = needed(package, "Key")?;
        if child(key, "KeyProfileId")?.is_some() || child(key, "KeyReference")?.is_some() {
            return Err(Fault::Reference);
        }
        allows_codes(key)?;
        let data = needed(key, "Data")?;
        let kind = self.kind(key, data)?;
        let (digits, digest) = code_form(key)?;
        let counter = match kind {
            Kind::Hotp => self.number(data, "Counter")?.unwrap_or(0),
            Kind::Totp(_) => 0,
        };
        Ok(SeedRecord {
            serial: serial(package, key)?,
            seed: self.seed(data)?,
            parameters: Parameters {
                kind,
                digest,
                digits,
            },
            counter,
        })
    }

    /// RFC 6030 names its algorithms by URN; drafts of it did so by URL, and some makers still do.
    fn kind(&self, key: Node<'_, '_>, data: Node<'_, '_>) -> Result<Kind, Fault> {
        let algorithm = key
            .attribute("Algorithm")
            .ok_or(Fault::Missing("Algorithm"))?;
        let name = algorithm.rsplit([':', '#']).next().unwrap_or_default();
        if name.eq_ignore_ascii_case("hotp") {
            return Ok(Kind::Hotp);
        }
        if !name.eq_ignore_ascii_case("totp") {
            return Err(Fault::Kind);
        }
        let Some(seconds) = self.number(data, "TimeInterval")? else {
            return Ok(Kind::Totp(Period::THIRTY));
        };
        let seconds = u32::try_from(seconds).map_err(|_| Fault::Number("TimeInterval"))?;
        Ok(Kind::Totp(Period::new(seconds)?))
    }

    fn seed(&self, data: Node<'_, '_>) -> Result<Seed, Fault> {
        let secret = needed(data, "Secret")?;
        let bytes = match child(secret, "PlainValue")? {
            Some(_) if self.protection.is_sealed() => return Err(Fault::Open),
            Some(value) => super::protection::base64(text(value), "Secret")?,
            None => self.protection.opened(secret, "Secret")?,
        };
        Ok(Seed::from_bytes(bytes)?)
    }

    /// A decimal number in the clear; encrypted, it has 4 or 8 bytes in network order (RFC 6030 section
    /// 4.2), of which python-pskc leaves out those that are 0 at the beginning.
    fn number(&self, data: Node<'_, '_>, name: &'static str) -> Result<Option<u64>, Fault> {
        let Some(element) = child(data, name)? else {
            return Ok(None);
        };
        if let Some(value) = child(element, "PlainValue")? {
            let number = text(value).trim().parse();
            return number.map(Some).map_err(|_| Fault::Number(name));
        }
        let bytes = self.protection.opened(element, name)?;
        if !(1..=size_of::<u64>()).contains(&bytes.len()) {
            return Err(Fault::Number(name));
        }
        let number = bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        Ok(Some(number))
    }
}

/// The number on the device's back; keys of devices that have none are known by their own id.
fn serial(package: Node<'_, '_>, key: Node<'_, '_>) -> Result<MakerSerial, Fault> {
    let on_device = match child(package, "DeviceInfo")? {
        Some(device) => child(device, "SerialNo")?.map(text),
        None => None,
    };
    let serial = on_device.or_else(|| key.attribute("Id"));
    MakerSerial::parse(serial.ok_or(Fault::Missing("SerialNo"))?.trim())
}

fn code_form(key: Node<'_, '_>) -> Result<(Digits, Digest), Fault> {
    let Some(parameters) = child(key, "AlgorithmParameters")? else {
        return Err(Fault::Missing("AlgorithmParameters"));
    };
    let format = needed(parameters, "ResponseFormat")?;
    let has_check_digit = matches!(format.attribute("CheckDigits"), Some("true" | "1"));
    if format.attribute("Encoding") != Some("DECIMAL") || has_check_digit {
        return Err(Fault::CodeForm);
    }
    let length = format.attribute("Length").ok_or(Fault::Missing("Length"))?;
    let length = length.parse().map_err(|_| Fault::Number("Length"))?;
    let digest = match child(parameters, "Suite")? {
        Some(suite) => digest(text(suite).trim())?,
        None => Digest::Sha1,
    };
    Ok((Digits::new(length)?, digest))
}

fn digest(suite: &str) -> Result<Digest, Fault> {
    match suite.to_ascii_uppercase().as_str() {
        "HMAC-SHA1" | "SHA1" | "" => Ok(Digest::Sha1),
        "HMAC-SHA256" | "SHA256" => Ok(Digest::Sha256),
        "HMAC-SHA512" | "SHA512" => Ok(Digest::Sha512),
        _ => Err(Fault::Digest),
    }
}

/// RFC 6030 section 5: a policy that names uses allows no other.
fn allows_codes(key: Node<'_, '_>) -> Result<(), Fault> {
    let Some(policy) = child(key, "Policy")? else {
        return Ok(());
    };
    let mut uses = children(policy, "KeyUsage").map(|usage| text(usage).trim());
    match uses.next() {
        None | Some("OTP") => Ok(()),
        Some(_) if uses.any(|usage| usage == "OTP") => Ok(()),
        Some(_) => Err(Fault::Policy),
    }
}

pub(super) fn text<'n>(node: Node<'n, '_>) -> &'n str {
    node.text().unwrap_or_default()
}

pub(super) fn children<'n, 'i>(
    parent: Node<'n, 'i>,
    name: &'static str,
) -> impl Iterator<Item = Node<'n, 'i>> {
    parent
        .children()
        .filter(move |node| node.is_element() && node.tag_name().name() == name)
}

/// The only child of this name.
pub(super) fn child<'n, 'i>(
    parent: Node<'n, 'i>,
    name: &'static str,
) -> Result<Option<Node<'n, 'i>>, Fault> {
    let mut found = children(parent, name);
    let first = found.next();
    match found.next() {
        Some(_) => Err(Fault::Twice(name)),
        None => Ok(first),
    }
}

pub(super) fn needed<'n, 'i>(
    parent: Node<'n, 'i>,
    name: &'static str,
) -> Result<Node<'n, 'i>, Fault> {
    child(parent, name)?.ok_or(Fault::Missing(name))
}

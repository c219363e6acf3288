//! Which key seals or hashes what.

use std::fmt::Display;

use aws_lc_rs::digest;
use domain::licensing::CodeDigest;
use ident::{EnrolmentCode, LicenceCode, OpaqueCode, TokenSerial};
use otp::Seed;
use zeroize::Zeroizing;

use super::once::MessageId;
use crate::engine::{SqlError, Undecided};
use crate::sealing::{Aad, BlindIndex, RootKey, SealError, Sealed, Sealer};

const TENANT: &str = "registry";

/// Whose seed is sealed; it opens in no other table.
#[derive(Clone, Copy, Debug)]
pub(super) enum SeedOf {
    /// A mobile token's provisioning.
    Provision,
    /// A hardware token's place in stock.
    Hardware,
}

impl SeedOf {
    fn table(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Hardware => "hardware",
        }
    }

    fn aad(self, token: TokenSerial, version: u64) -> Aad {
        let column = format!("{}.seed", self.table());
        Aad::new(TENANT, &column, token.as_str(), version)
    }
}

/// The registry's keys, all derived from the root key.
#[derive(Debug)]
pub(super) struct Keys {
    seeds: Sealer,
    replies: Sealer,
    licence_codes: BlindIndex,
    activation_codes: BlindIndex,
    links: BlindIndex,
    enrolment_codes: BlindIndex,
}

impl Keys {
    pub(super) fn new(root: &RootKey) -> Result<Self, SealError> {
        Ok(Self {
            seeds: Sealer::new(root, "registry-seed")?,
            replies: Sealer::new(root, "registry-reply")?,
            licence_codes: BlindIndex::new(root, "registry-licence-code")?,
            activation_codes: BlindIndex::new(root, "registry-activation-code")?,
            links: BlindIndex::new(root, "registry-link")?,
            enrolment_codes: BlindIndex::new(root, "registry-enrolment-code")?,
        })
    }

    /// A value whose opening proves that these keys and this database belong together.
    pub(super) fn seal_check(&self) -> Result<Sealed, SealError> {
        self.seeds.seal(&check_aad(), b"")
    }

    pub(super) fn open_check(&self, sealed: Vec<u8>) -> Result<(), SealError> {
        self.seeds
            .open(&check_aad(), &Sealed::from_bytes(sealed))
            .map(drop)
    }

    pub(super) fn licence_code(&self, code: &LicenceCode) -> [u8; 32] {
        self.licence_codes.of(code.as_str().as_bytes())
    }

    pub(super) fn activation_code(&self, code: &OpaqueCode) -> [u8; 32] {
        self.activation_codes.of(code.as_bytes())
    }

    pub(super) fn link(&self, secret: &[u8; 16]) -> [u8; 32] {
        self.links.of(secret)
    }

    pub(super) fn enrolment_code(&self, code: &EnrolmentCode) -> [u8; 32] {
        self.enrolment_codes.of(code.as_str().as_bytes())
    }

    pub(super) fn seal_seed(
        &self,
        of: SeedOf,
        token: TokenSerial,
        version: u64,
        seed: &Seed,
    ) -> Result<Sealed, Undecided> {
        self.seeds
            .seal(&of.aad(token, version), seed.expose())
            .map_err(Undecided::from)
    }

    pub(super) fn open_seed(
        &self,
        of: SeedOf,
        token: TokenSerial,
        version: u64,
        sealed: Vec<u8>,
    ) -> Result<Seed, Undecided> {
        let sealed = Sealed::from_bytes(sealed);
        let plain = self.seeds.open(&of.aad(token, version), &sealed)?;
        Seed::from_bytes(plain)
            .map_err(|_| SqlError::damaged(of.table(), token.as_str(), "seed").into())
    }

    pub(super) fn seal_reply(
        &self,
        sender: impl Display,
        message: &MessageId,
        body: &str,
    ) -> Result<Sealed, Undecided> {
        Ok(self
            .replies
            .seal(&reply_aad(sender, message), body.as_bytes())?)
    }

    pub(super) fn open_reply(
        &self,
        sender: impl Display,
        message: &MessageId,
        sealed: Vec<u8>,
    ) -> Result<Zeroizing<String>, Undecided> {
        let sealed = Sealed::from_bytes(sealed);
        let plain = self.replies.open(&reply_aad(sender, message), &sealed)?;
        match str::from_utf8(&plain) {
            Ok(text) => Ok(Zeroizing::new(text.to_owned())),
            Err(_) => Err(SqlError::damaged("reply", message.as_str(), "body").into()),
        }
    }
}

/// By which a manager knows a licence's code: it has other keys.
pub(super) fn code_digest(code: &LicenceCode) -> CodeDigest {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"symbolon-reserve-code-v1\n");
    context.update(code.as_str().as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    CodeDigest(hash)
}

impl From<SealError> for Undecided {
    fn from(error: SealError) -> Self {
        Self::Unavailable(error.to_string().into())
    }
}

fn check_aad() -> Aad {
    Aad::new(TENANT, "key_check", "1", 0)
}

fn reply_aad(sender: impl Display, message: &MessageId) -> Aad {
    let row = format!("{sender} {}", message.as_str());
    Aad::new(TENANT, "reply.body", &row, 0)
}

//! What a customer knows it has, from the answers alone.

use domain::time::Timestamp;
use ident::{LicenceCode, LicenceSerial, OpaqueCode, TokenSerial};
use softtoken::link::ActivationLink;
use softtoken::mobile::SealedToken;

/// A licence that the desk issued.
pub(crate) struct Licence {
    pub(crate) serial: LicenceSerial,
    pub(crate) code: LicenceCode,
    pub(crate) size: usize,
    /// Which of the customer's units has it, or is to import it.
    pub(crate) unit: usize,
    /// Whether that unit has imported it.
    pub(crate) is_imported: bool,
    /// In the order of the first answer.
    pub(crate) tokens: Vec<TokenSerial>,
    pub(crate) imports: usize,
    pub(crate) moves: usize,
}

/// A mobile token.
pub(crate) struct Token {
    pub(crate) serial: TokenSerial,
    /// Which of the customer's licences brought it.
    pub(crate) licence: usize,
    /// As the gateway made it last.
    pub(crate) seed: [u8; 20],
    /// What the last provisioning gave.
    pub(crate) link: Option<ActivationLink>,
    /// The code of the provisioning before it.
    pub(crate) dead: Option<OpaqueCode>,
    pub(crate) holder: Option<Holder>,
    pub(crate) provisionings: usize,
    pub(crate) activations: usize,
}

/// The phone that has a token.
pub(crate) struct Holder {
    /// Which of the customer's phones.
    pub(crate) phone: usize,
    /// What it got.
    pub(crate) answer: SealedToken,
    /// Whether it has said so: then it gets no more.
    pub(crate) has_confirmed: bool,
}

/// A hardware token.
pub(crate) struct Device {
    pub(crate) serial: TokenSerial,
    pub(crate) seed_hex: String,
    pub(crate) given: Option<Given>,
    pub(crate) activations: usize,
    pub(crate) resets: usize,
}

/// A seed that a unit got.
pub(crate) struct Given {
    /// The message that asked for it.
    pub(crate) message: String,
    /// The sealed seed.
    pub(crate) sealed: Vec<u8>,
}

/// An answer that came, to be had again by whoever repeats its question.
pub(crate) struct Acknowledged {
    pub(crate) unit: usize,
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) answer: String,
}

/// Something that was asked in one life of the process and answered in another.
pub(crate) struct Resumed {
    /// What it was about, and how the history of it calls what was done.
    pub(crate) subject: String,
    pub(crate) action: &'static str,
    /// When it was asked first, and when the life began that answered.
    pub(crate) asked: Timestamp,
    pub(crate) reborn: Timestamp,
}

//! Who a process is towards a token server: a key that never leaves its file, and a certificate that names
//! the product.
//!
//! - [`Identity`]: read from its file, used for TLS.
//! - [`Application`]: gets one, with a code from the desk or with the one before.
//! - [`Keeper`]: has it renewed in time.
//! - [`trusting`]: TLS towards the token server.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a shell: it owns the files and connections that the pure crates are denied"
)]

mod certificate;
mod enrolment;
mod file;
mod keeper;
mod patience;
mod signer;
mod trust;

pub use certificate::certificate_of;
pub use enrolment::{Application, EnrolError, Right, body_within, causes, refusal};
pub use file::{Identity, IdentityError, Signed, authorities};
pub use keeper::{Keeper, RenewalError, Way};
pub use patience::{Unanswered, answer_to};
pub use signer::{NotSigned, signer};
pub use trust::{judging, trusting};

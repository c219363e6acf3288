//! The SoftToken protocol: the JSON messages between gateway, registry and app, their error numbers,
//! and what a device proves and receives when it takes over a token.
//!
//! Bytes become values here and values bytes; nothing is sent, stored or decided. `docs/protocol.md`
//! describes the protocol for other implementations.
//!
//! - [`process`]: gateway and registry, `POST` [`PROCESS_PATH`].
//! - [`mobile`]: app and registry, `POST` [`MOBILE_PATH`].
//! - [`EnrolmentRequest`]: how a gateway gets its certificate.
//! - [`push`]: logins that a device approves; what the relay carries, `POST` [`PUSH_PATH`].
//! - [`transfer`]: tokens that move to another device, `POST` [`TRANSFER_PATH`].
//! - [`moving`]: mobile tokens that go from one gateway to another, carried as a file.
//! - [`device`]: device keys, proofs, sealed seeds.
//! - [`link`]: what an activation QR code says.
//! - [`ServerError`]: every error number with its texts, its cause and the next step.

pub mod address;
pub mod device;
mod enrolment;
mod json;
pub mod limits;
pub mod link;
mod message;
pub mod mobile;
pub mod moving;
mod parameters;
pub mod process;
pub mod push;
pub mod revocations;
mod server_error;
mod signed;
mod text;
mod token_key;
mod transcript;
pub mod transfer;

pub use enrolment::{ENROLMENT_PATH, Enrolment, EnrolmentRequest, Renewal, renewal_transcript};
pub use json::{FieldProblem, MessageError};
pub use parameters::digest_name;
pub use server_error::{ServerError, WireError};
pub use signed::{RequestSignature, SIGNATURE_HEADER, request_transcript};
pub use text::{Echo, IssuerName, MobileVersion, TextError, TypedLicenceCode};

/// Where gateways post. The path is the described system's.
pub const PROCESS_PATH: &str = "/SoftToken/Provisioning.asmx/Process";

/// Where apps post. The path is the described system's.
pub const MOBILE_PATH: &str = "/SoftToken/Provisioning.asmx/Mobile";

/// Where devices and gateways post to a push relay, and devices to a gateway's `ftm-push` address.
pub const PUSH_PATH: &str = "/SoftToken/Push";

/// Where devices post that want to move a token, at the token server; and the token server, at a gateway's
/// `ftm-push` address.
pub const TRANSFER_PATH: &str = "/SoftToken/Transfer";

/// The `__version` of every message.
pub const VERSION: &str = "4";

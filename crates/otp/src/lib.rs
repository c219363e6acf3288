//! One-time codes: HOTP (RFC 4226) and TOTP (RFC 6238), the window around a token's learned drift,
//! two-code resynchronisation, `otpauth://` key URIs, Google Authenticator's export codes, and the files in which makers tell seeds.
//!
//! Nothing here reads a clock or remembers a spent step: the moment and the highest spent step come
//! in as arguments, what was found goes out as a value. This is the one crate that computes with open
//! seeds.

mod code;
mod derived;
pub mod export_code;
mod hotp;
pub mod key_uri;
mod parameters;
mod search;
mod seed;
pub mod seed_file;

pub use code::{Code, CodeError};
pub use derived::derived_key;
pub use hotp::code_at;
pub use key_uri::{KeyUri, KeyUriError};
pub use parameters::{Digest, Digits, DigitsError, Kind, Parameters, Period, PeriodError, Step};
pub use search::{Drift, Found, Resynced, Window, centre, resync, search};
pub use seed::{Seed, SeedError};

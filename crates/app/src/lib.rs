//! The authenticator: a device's keys, its tokens in a vault under a PIN, their activation at a
//! registry, their codes; and the terminal program `symbolon app` around it.
//!
//! - [`vault`]: the file, its key, and the count of wrong PINs that is written before a PIN is checked.
//! - [`contents`]: what is in it, and the rules for names and duplicates; no I/O.
//! - [`activation`]: from a code or a link to a token.
//! - [`registry`]: HTTPS to the one registry that a token trusts.
//! - [`push`]: logins that wait for the person's word.
//! - [`transfer`]: tokens that go to another device.
//! - [`backup`]: tokens in a file under a passphrase.
//! - [`live`]: the screen that stays open.
//! - [`run`]: the commands.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a shell: files, clock and network are what it is for"
)]

pub mod activation;
pub mod args;
pub mod backup;
pub mod contents;
pub mod device;
mod disk;
mod error;
mod following;
mod hearing;
pub mod live;
mod offer;
pub mod pin;
pub mod push;
pub mod qr;
pub mod registry;
mod run;
mod run_backup;
mod run_push;
mod run_transfer;
mod screen;
pub mod transfer;
pub mod vault;

pub use args::{Args, Command};
pub use disk::DiskError;
pub use error::AppError;
pub use run::{Surroundings, run};

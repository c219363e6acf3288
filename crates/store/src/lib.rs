//! What Symbolon remembers. The only crate that knows SQL.
//!
//! - [`engine`]: one writer that shares a sync among all who wait, readers beside it, migrations.
//! - [`sealing`]: secrets at rest, one authenticated ciphertext per value.
//! - [`backup_key`]: the key of a backup, made of a password.
//! - [`lock`]: one process per database.
//! - [`private_file`]: keys on disk.
//! - [`registry`]: what the token server remembers.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a shell: it owns the files, the threads and the clock that the pure crates are denied"
)]

pub mod backup_key;
pub mod engine;
pub mod gateway;
pub mod lock;
pub mod private_file;
pub mod registry;
pub mod sealing;

pub use engine::{
    Database, Failure, Health, Hooks, Migration, OpenError, SqlError, Undecided, Work,
};

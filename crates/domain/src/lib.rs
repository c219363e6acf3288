//! What a two-factor system decides: who may log in, what a token's life is, what an administrator
//! may change. Values in, decisions out; no clock, no random source, no I/O, no wire format.
//!
//! A login goes through [`login::begin`], [`password::Evaluation::verify`] and [`login::second`]; an
//! administrator's line ends in [`admin`]; the registry's decisions are in [`licensing`].

pub mod access;
pub mod admin;
pub mod administrator;
pub mod advice;
pub mod answered_names;
pub mod audit;
pub mod backend;
pub mod bounded;
pub mod certificate;
pub mod client;
pub mod code_only;
pub mod contact;
pub mod conveyed;
pub mod dense;
pub mod event_log;
pub mod explain;
pub mod intake;
pub mod interface;
pub mod legacy;
pub mod licensing;
pub mod login;
pub mod name;
pub mod one_time;
pub mod password;
pub mod password_policy;
pub mod password_renewal;
pub mod public_key;
pub mod push;
pub mod query;
pub mod reason;
pub mod recovery;
pub mod remote;
pub mod schema;
pub mod security;
pub mod settings;
pub mod source;
pub mod text;
pub mod throttle;
pub mod time;
pub mod token;
pub mod traffic;
pub mod transfer;
pub mod unit;
pub mod user;
pub mod vdom;
pub mod verification;

//! What a two-factor system decides: who may log in, what a token's life is, what an administrator
//! may change. Values in, decisions out; no clock, no random source, no I/O, no wire format.

pub mod licensing;
pub mod time;

//! What comes in from anybody, read as far as that needs no store: the ways in that the fuzzer takes.

pub use crate::login::OpenStates;
use crate::web;

/// What is posted to `/remote/logincheck`, written again; `None` for what is no login.
pub fn logincheck_again(body: &[u8]) -> Option<String> {
    web::logincheck_again(body)
}

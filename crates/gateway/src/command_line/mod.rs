//! The administrator's command line, whatever it comes through: a conversation drives a
//! `cli::Session`, the executor does what it asks for.

mod answers;
pub(crate) mod conversation;
mod executor;

pub(crate) use executor::Executor;

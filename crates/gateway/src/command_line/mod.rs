//! The administrator's command line, whatever it comes through: a conversation drives a
//! `cli::Session`, the executor does what it asks for.

mod actions;
mod answers;
mod authserver;
mod change;
mod conversation;
mod event_log;
mod executor;
mod host;
mod input;
mod intake;
mod interrupt;
mod keeping;
mod login_check;
mod login_test;
mod moving;
mod new_password;
mod pipe;
mod sessions;
mod terminal;
mod token_test;
mod unit;

pub(crate) use executor::Executor;
pub(crate) use input::{LineEnd, Reader, Writer};
pub(crate) use moving::end_exports;
pub(crate) use new_password::{TERMINAL_NEEDED, new_password};
pub(crate) use pipe::{Script, pipe};
pub(crate) use sessions::{Full, LoggedIn, Sessions, Via};
pub(crate) use terminal::{Size, terminal};
pub(crate) use unit::Unit;

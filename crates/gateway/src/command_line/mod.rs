//! The administrator's command line, whatever it comes through: a conversation drives a
//! `cli::Session`, the executor does what it asks for.

mod actions;
mod answers;
mod conversation;
mod executor;
mod input;
mod interrupt;
mod pipe;
mod terminal;
mod unit;

pub(crate) use executor::Executor;
pub(crate) use input::{Reader, Writer};
pub(crate) use pipe::pipe;
pub(crate) use terminal::{Size, terminal};
pub(crate) use unit::Unit;

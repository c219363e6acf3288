//! The event log as FortiOS writes it: an audit event as one line of `key=value` pairs, for
//! `execute log display` and for syslog servers.
//!
//! Every event has a [`Message`] with a number, a level and a fixed set of fields. Where FortiOS has a
//! message for it, it is that one; what FortiOS does not know has numbers from 99000 on, which it does
//! not use. `docs/event-log.md` lists them all.

mod entry;
mod format;
mod key;
mod message;
mod search;

pub use entry::Entry;
pub use format::{Facility, Format, Unit};
pub use key::Key;
pub use message::{Level, Message, Subtype};
pub use search::{Condition, Expression, ExpressionError, Search, Sense};

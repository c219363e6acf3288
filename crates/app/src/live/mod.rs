//! `symbolon app live`: codes on a screen that stays open, and logins that wait, answered there.
//!
//! [`Lock`] and [`Desk`] are the screen: keys, time and news in, an [`Effect`] out, no I/O. [`view`] draws
//! them. `session` does what they wish, `errand` asks token servers, `attendant` hears the push relay, `terminal`
//! holds the terminal.

mod attendant;
mod desk;
mod effect;
mod errand;
mod field;
mod key;
mod lines;
mod lock;
mod logins;
mod moving;
mod notice;
#[cfg(test)]
mod samples;
mod search;
mod session;
mod terminal;
pub mod view;

pub use desk::{Codes, Desk, Panel, Pushing, Shown};
pub use effect::Effect;
pub use field::{Field, Typed};
pub use key::Key;
pub use lock::{Lock, LockStep};
pub use logins::{Choice, Login, LoginStep, Logins, Progress};
pub use moving::{Moving, Whereabouts};
pub use notice::{Notice, Tone};
pub(crate) use session::run;

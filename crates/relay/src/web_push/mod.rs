//! Web Push (RFC 8030, 8291, 8292): wakes phones whose app is closed.
//!
//! What goes out says that a login waits, encrypted to the phone's browser; the app then fetches the login as
//! ever. The push service of the browser's vendor carries it: it learns that this relay has something for that
//! phone, and when.
//!
//! - [`services`]: where a relay sends at all.
//! - `book`: where phones are woken.
//! - `message`, `vapid`, `delivery`: one message on its way.

mod message;
pub mod services;
mod vapid;

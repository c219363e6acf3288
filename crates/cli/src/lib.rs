//! The administrator's command line: lines in, operations and text out. It never prints.
//!
//! A shell gives each line to [`Session::feed`] and does what the [`Step`] says:
//!
//! ```
//! use cli::render::Zone;
//! use cli::{Command, Session, Step};
//!
//! let mut session = Session::new(Zone::UTC);
//! assert_eq!(session.prompt("gate"), "gate # ");
//! assert!(matches!(session.feed("conf user fortit"), Step::Nothing));
//! assert_eq!(session.prompt("gate"), "gate (fortitoken) # ");
//! let Step::Run { command: Command::Fetch(place), .. } = session.feed("edit FTK200BHV1KRZCC0")
//! else { panic!("an entry is fetched before it is edited") };
//! assert_eq!((place.table().path, place.key()), ("user fortitoken", "FTK200BHV1KRZCC0"));
//! let Step::Print(text) = session.fetched(None) else { panic!("a new entry is announced") };
//! assert_eq!(text, "new entry 'FTK200BHV1KRZCC0' added\n");
//! assert_eq!(session.prompt("gate"), "gate (FTK200BHV1KRZCC0) # ");
//! ```
//!
//! The commands are declared in one tree, the tables in [`domain::schema`]; parsing, abbreviations,
//! completion and `?` are derived from them. The terminal's side is [`editor`].

mod complaint;
mod complete;
pub mod console;
pub mod debug;
pub mod editor;
mod filter;
pub mod manual;
mod misspelling;
pub mod pager;
mod permission;
pub mod render;
mod session;
pub mod text;
mod tree;
mod walk;
mod words;

pub use complete::{Completion, Keys};
pub use filter::Output;
pub use session::{
    Action, Backup, BackupPassword, CertificateAction, CheckLogin, Command, Destination, Extent,
    Family, FileName, Host, MoveStep, MoveTokens, NewKey, Ping, PingOptions, Recovery,
    RecoveryStep, Remote, Requested, Restore, RestoreSource, SeedKey, Session, Step, Synchronise,
    TakeIn, TestAuthserver, TestLogin, TestToken, Told,
};
pub use words::{LINE_MAX, quoted};

//! What a session wants done.

use domain::admin::Operation;
use domain::name::CanonicalName;
use domain::query::Query;
use domain::schema::Place;
use domain::vdom::Vdom;
use ident::TokenSerial;
use zeroize::Zeroizing;

use super::{Action, Backup, MoveTokens, Restore, TakeIn, TestAuthserver, TestLogin};
use crate::filter::Output;
use crate::render::Listing;

/// What the shell does after a line.
#[derive(Debug)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Print this; it ends in LF.
    Print(String),
    /// Print this at a terminal; a script was told before. It ends in LF.
    Remark(String),
    /// Print this; the line was refused, and scripts want to know. It ends in LF.
    Refuse(String),
    /// Print this and end the session: what comes behind the line cannot be told from it. It ends in LF.
    Abandon(String),
    /// Print this, then ask: [`Session::prompt`](crate::Session::prompt) is the question now, and the
    /// next line its answer. A terminal reads one key, or a line that it does not show where
    /// [`Session::asks_secret`](crate::Session::asks_secret). It ends in LF or is empty.
    Ask(String),
    /// Do this, print what comes of it.
    Run {
        /// What to do.
        command: Command,
        /// Where its text goes.
        output: Output,
    },
    /// The session ends.
    Close,
}

/// What the shell does for a session.
#[derive(Debug)]
pub enum Command {
    /// Fetch an entry, and tell [`Session::fetched`](crate::Session::fetched).
    Fetch(Place),
    /// Apply a change of the configuration, and tell [`Session::applied`](crate::Session::applied).
    Configure(Operation),
    /// Apply an operation, wait for what comes of it, and print the
    /// [`Outcome`](crate::render::Outcome) or the [`refusal`](crate::render::refusal).
    Execute(Operation),
    /// Ask the token server for the state of the tokens of this virtual domain that wait, and print the
    /// outcome.
    Poll(Vdom),
    /// Find two codes ([`Resync::find`](domain::token::Resync::find)), burn them, print the outcome.
    Synchronise(Synchronise),
    /// Find two codes ([`ClockTest::find`](domain::token::ClockTest::find)), spend nothing, print the
    /// outcome.
    TestToken(TestToken),
    /// Take the decision about a login to its end ([`domain::login::trial`]), spend nothing, print
    /// [`login_test`](crate::render::login_test).
    TestLogin(TestLogin),
    /// Tell how a person's next login looks ([`domain::login::outlook`]), and print
    /// [`login_check`](crate::render::login_check).
    CheckLogin(CheckLogin),
    /// Ask a directory or RADIUS server, and print what
    /// [`authserver`](crate::render::authserver) makes of its answer.
    TestAuthserver(TestAuthserver),
    /// Print configuration.
    List(Listing),
    /// Ask, and print the rows with the functions of [`render`](crate::render).
    Ask(Query),
    /// Do something outside of the store, and print what comes of it as it comes.
    Act(Action),
    /// Take hardware tokens in from a file, and print what came of it, or
    /// [`not_taken`](crate::render::not_taken).
    TakeIn(TakeIn),
    /// Give mobile tokens to another gateway or take them from one, and print what came of it.
    MoveTokens(MoveTokens),
    /// Put the configuration away, and print what came of it.
    Backup(Backup),
    /// Take a configuration back, and print the report.
    Restore(Restore),
    /// Print the revisions that are kept with [`render::revision`](crate::render::revision).
    Revisions,
    /// Delete a revision.
    RemoveRevision(u32),
}

/// `diagnose login check`.
#[derive(Debug)]
pub struct CheckLogin {
    /// The name as it was typed.
    pub typed: Box<str>,
    /// By which it is looked up.
    pub person: CanonicalName,
}

/// `execute fortitoken sync`.
pub struct Synchronise {
    /// Where the administrator stands.
    pub vdom: Vdom,
    /// The token.
    pub serial: TokenSerial,
    /// The code that it showed.
    pub first: Zeroizing<String>,
    /// The code that it showed next.
    pub second: Zeroizing<String>,
}

impl std::fmt::Debug for Synchronise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Synchronise")
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

/// `diagnose fortitoken test`.
#[derive(Debug)]
pub struct TestToken {
    /// The token and the codes that it showed.
    pub codes: Synchronise,
    /// How many steps to either side are looked at.
    pub screen: u16,
}

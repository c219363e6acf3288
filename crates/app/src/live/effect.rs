//! What the open screen wishes.

use crate::contents::TokenName;
use crate::pin::Pin;
use softtoken::push::{Decision, LoginRequest};
use softtoken::transfer::Action;
use zeroize::Zeroizing;

/// What is to be done outside of the screen.
#[derive(Debug)]
pub enum Effect {
    /// Leave the screen.
    Quit,
    /// Close the vault, with a word on why.
    Lock(Option<String>),
    /// Give a code to the terminal's clipboard.
    Copy(Zeroizing<String>),
    /// Ring the bell: a login has come.
    Ring,
    /// Spend the next code of an event-based token; [`Desk::advanced`](super::Desk::advanced) shows it.
    Advance(TokenName),
    /// Give a token another name; [`Desk::renamed`](super::Desk::renamed) follows.
    Rename {
        /// The name now.
        token: TokenName,
        /// The name to be.
        to: TokenName,
    },
    /// Put a token at a place of the list.
    Move {
        /// Which.
        token: TokenName,
        /// Its place, from 0 on.
        place: usize,
    },
    /// Delete a token; [`Desk::removed`](super::Desk::removed) follows.
    Remove(TokenName),
    /// Bring the token that was typed ([`Desk::offer`](super::Desk::offer)); [`Desk::added`](super::Desk::added)
    /// or [`Desk::not_added`](super::Desk::not_added) follows, or [`Desk::asks_about`](super::Desk::asks_about).
    Add,
    /// Bring it from the token server that was asked about.
    Believe,
    /// Try this PIN, which a transfer is not begun without; [`Desk::proven`](super::Desk::proven) or
    /// [`Desk::not_proven`](super::Desk::not_proven) follows.
    Prove(Pin),
    /// Ask a token's gateway about its way to another device; [`Desk::stands`](super::Desk::stands),
    /// [`Desk::refused`](super::Desk::refused) or [`Desk::not_asked`](super::Desk::not_asked) follows.
    Transfer(TokenName, Action),
    /// Answer a login; [`Desk::answered`](super::Desk::answered) follows.
    Answer(Box<LoginRequest>, Decision),
}

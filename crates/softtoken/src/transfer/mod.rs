//! Tokens that move to another device, at the wish of the one that has them.
//!
//! The device asks the gateway that issued the token, through the token server: a nonce
//! ([`TransferNonceRequest`]), then what it wants ([`TransferActionRequest`]), signed by the device and with a
//! MAC under a key of the token's seed ([`Wish`], [`TransferKey`]): the token server alone begins no transfer. Both
//! name the token server, so that another one, which the device asks for its own tokens, begins none either. The
//! other device takes the code as any activation code ([`crate::mobile`]).

mod delegation;
mod key;
mod messages;
mod wish;

pub use delegation::{Delegation, Wisher};
pub use key::TransferKey;
pub use messages::{
    Open, Standing, TransferActionRequest, TransferActionResponse, TransferNonceRequest,
    TransferNonceResponse, TransferRefusal, TransferRequest, TransferResponse,
};
pub use wish::{Action, ProvenWish, Wish, WishError};

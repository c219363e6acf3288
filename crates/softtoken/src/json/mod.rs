//! JSON to the last byte: a reader that refuses what it was not told to expect, and a writer that
//! knows which values are secret.

mod read;
mod write;

pub use read::{FieldProblem, MessageError};
pub(crate) use read::{Fields, parse, unknown_type};
pub(crate) use write::{Form, Object};

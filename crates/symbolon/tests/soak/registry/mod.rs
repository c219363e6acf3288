//! Customers of the token server: what each asks of it, and what it knows from the answers.

pub(crate) mod customer;
pub(crate) mod line;
pub(crate) mod phone;
mod tasks;
pub(crate) mod world;

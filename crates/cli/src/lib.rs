//! The command line: text in, operations and text out.

pub mod editor;

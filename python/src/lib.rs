//! The Python binding crate.

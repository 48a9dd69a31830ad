//! What a role may do: an authority file (RBAC), and the wrapper that holds a policy to it.
//!
//! An [`AuthorityFile`] grants kinds of actions on targets and sets budgets; [`Authority`] is the file compiled for one
//! topology; [`AuthorityPolicy`] narrows the mask before its policy sees it, and refuses afterwards what it sends all the
//! same.

mod compile;
mod file;
mod glob;
mod policy;

pub use compile::{Authority, AuthorityError};
pub use file::{AuthorityFile, Grant};
pub use policy::{AuthorityPolicy, AuthorityState};

#[cfg(test)]
mod tests;

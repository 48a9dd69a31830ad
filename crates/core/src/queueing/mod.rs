//! Queueing theory: stationary queues in closed form, their inverse as tables, and a queue's step through time.

mod build;
mod formulas;
mod stationary;
mod step;
mod table;
#[cfg(test)]
mod tests;
mod truncated;

pub use formulas::{erlang_b, erlang_c, number_in_system};
pub use stationary::{Queue, Stationary};
pub(crate) use step::{Flow, Step, step};
pub(crate) use table::QueueTable;

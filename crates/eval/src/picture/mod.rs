//! Pictures of a cluster in an episode: frames of pixels, and text for a terminal.
//!
//! [`History`] is told of every decision; [`draw`] and [`text`] show it with the environment's present. Both show ground
//! truth, which no policy sees. Equal environments and histories give equal bytes, on every machine.

mod canvas;
mod frame;
mod graph;
mod health;
mod history;
mod layout;
mod marks;
mod nodes;
mod order;
mod page;
mod service_box;
mod text;
mod timeline;
mod words;

pub use frame::{Frame, draw};
pub use history::History;
pub use text::text;

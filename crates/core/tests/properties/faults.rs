//! What single faults do, and what ends them.

mod first;

//! Holds the physics to its laws in small clusters: what every rule does, and what must follow from all of them.

mod caches;
mod checks;
mod lab;
mod qualitative;
mod rules;
mod zones;

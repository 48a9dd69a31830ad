//! Properties of the trainer, held on small tasks.

mod cart_pole;
mod gradients;
mod learning;

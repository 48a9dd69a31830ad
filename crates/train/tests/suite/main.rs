//! Properties of the trainer, held on small tasks.

mod cart_pole;
mod command;
mod damage;
mod gradients;
mod learning;
mod library;
mod run_folder;

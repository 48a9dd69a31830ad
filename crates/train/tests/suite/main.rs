//! Properties of the trainer, held on small tasks.

mod cart_pole;
mod command;
mod damage;
mod dqn;
mod faults;
mod gradients;
mod kills;
mod learning;
mod library;
mod run_folder;
mod small_tasks;

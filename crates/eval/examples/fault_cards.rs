//! Measures every fault of a scenario and writes what each costs: `cargo run --example fault_cards -- docs/faults.md`.
//!
//! Without a file, or with `-` for one, it prints the page; a second argument is another scenario's name or file.

use microcloud_core::Scenario;
use microcloud_eval::{FAULT_LEVELS, REFERENCE, fault_page, fault_table};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next();
    let scenario = Scenario::load(arguments.next().as_deref().unwrap_or(REFERENCE))?;
    let page = fault_page(&scenario, &fault_table(&scenario, FAULT_LEVELS)?, FAULT_LEVELS)?;
    match file.as_deref() {
        None | Some("-") => print!("{page}"),
        Some(file) => std::fs::write(file, page)?,
    }
    Ok(())
}

//! Both engines against closed forms of queueing theory: steady states, and how queues move between them.

mod birth_death;
mod change;
#[cfg(test)]
mod closed_form_tests;
mod closed_forms;
mod finite;
mod mmc;
mod networks;
mod picture;
mod play;
mod scaling;
mod system;
mod transient;

pub(super) use transient::transients;

use super::{Effort, Section, ValidationError};
use system::System;

/// The section on steady states.
pub(super) fn steady_states(effort: Effort, rules_off: &[String]) -> Result<Section, ValidationError> {
    let systems: Vec<System> = systems().into_iter().filter(|system| effort == Effort::Full || system.quick).collect();
    let played = play::play(&systems, rules_off)?;
    let mut section = Section::new("Steady states");
    MEANING.clone_into(&mut section.meaning);
    for (system, played) in systems.iter().zip(&played) {
        section.rows.extend(play::rows(system, played));
    }
    section.rows.extend(scaling::peak_rows(&systems, &played));
    section.plots = picture::plots(&section.rows);
    Ok(section)
}

const MEANING: &str = "What textbooks know about queues, with a mean service as the unit of time. `L` is the mean number of \
    requests in a service, `W` the mean time that one stays, `Lq` and `Wq` the part of both spent waiting, `rho` the \
    utilisation, and Little's law is |L - lambda W| / L. If these rows hold, then how long a request waits at a given load, how much a finite queue refuses, what a \
    chain of services adds up to and how a fan-out multiplies rare slowness are right as long as the load holds still. The \
    exact engine's figures are means over 20 runs and have to lie within four standard errors, which have to be small \
    themselves; the fluid engine has no chance in it and is held to 1 % of a mean, 5 % of a 99th percentile, 2 % of a \
    tandem's response time and 0.005 of a loss.";

/// Every system in the order of the page, numbered.
fn systems() -> Vec<System> {
    let all = mmc::systems().into_iter().chain(finite::systems()).chain(networks::systems());
    all.zip(1..).map(|(system, number)| System { number, ..system }).collect()
}

//! What `bench` measures besides throughput: phases, the machine's floor, sizes, resets.

mod tables;

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use microcloud_core::{Scenario, Topology};
use microcloud_eval::{
    Progress,
    speed::{
        machine, play_steps, profile, reset_cost, resident_memory, size_costs, size_topologies, sizes_plot, tick_cost,
    },
};
use serde_json::{Value, json};

use crate::{Destination, Failure, ProgressLine, print};

/// Environments of each measurement where none are asked for: one alone, and a batch.
const NUM_ENVS: [usize; 2] = [1, 1024];
/// Environments of the plays that others count instructions of: few enough for an emulator.
const COUNTED_ENVS: usize = 64;
/// Environments that memory is measured with.
const RESIDENT_ENVS: usize = 4096;

/// What to measure instead of throughput; one thread each.
#[derive(Args)]
pub struct SpeedArguments {
    /// Measure where a tick's time goes, phase by phase
    #[arg(long, group = "measurement", conflicts_with = "threads")]
    profile: bool,
    /// Measure what the machine could do (benches/floor.py holds a tick against it)
    #[arg(long, group = "measurement", conflicts_with = "threads")]
    floor: bool,
    /// Measure what a reset costs, in ticks
    #[arg(long, group = "measurement", conflicts_with = "threads")]
    reset: bool,
    /// Measure spine12 and generated clusters of so many services
    #[arg(
        long,
        group = "measurement",
        value_name = "SERVICES",
        value_delimiter = ',',
        num_args = 0..=1,
        default_missing_value = "12,40,100,400,1000",
        conflicts_with_all = ["threads", "num_envs", "scenario"]
    )]
    sizes: Option<Vec<u32>>,
    /// Draw what --sizes measures
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Play so many steps and measure nothing, for an emulator to count
    #[arg(long, group = "measurement", value_name = "STEPS", conflicts_with_all = ["threads", "seconds"])]
    play: Option<u64>,
}

impl SpeedArguments {
    /// Measures what is asked for; none where nothing of it is.
    ///
    /// # Errors
    /// Sizes that are not allowed, a plot that cannot be written, an interruption.
    pub fn run(&self, scenario: &str, num_envs: &[usize], seconds: f64, as_json: bool) -> Option<Result<(), Failure>> {
        let measure = |default: &[usize], of: Measure| {
            self.measure(scenario, if num_envs.is_empty() { default } else { num_envs }, seconds, of)
        };
        if self.plot.is_some() && self.sizes.is_none() {
            return Some(Err(Failure::usage("--plot without --sizes; allowed: with it")));
        }
        if let (Some(_), [_, _, ..]) = (self.play, num_envs) {
            return Some(Err(Failure::usage("--play with several --num-envs; allowed: one")));
        }
        let measured = if self.profile {
            measure(&NUM_ENVS, profiles)
        } else if self.floor {
            measure(&NUM_ENVS, floor)
        } else if self.reset {
            measure(&NUM_ENVS, resets)
        } else if let Some(sizes) = &self.sizes {
            self.sizes(sizes, seconds)
        } else if let Some(steps) = self.play {
            let num_envs = num_envs.first().copied().unwrap_or(COUNTED_ENVS);
            played(scenario, num_envs, steps)
        } else {
            return None;
        };
        Some(measured.and_then(|(report, text)| {
            if as_json { Destination::Stdout.write(&format!("{report:#}\n")) } else { print(&text) }
        }))
    }

    fn measure(&self, scenario: &str, num_envs: &[usize], seconds: f64, of: Measure) -> Measured {
        let topology = crate::load_topology(scenario)?;
        let progress = ProgressLine::new(num_envs.len(), "measurements")?;
        let measured = of(&topology, num_envs, seconds, &progress);
        progress.clear();
        measured
    }

    fn sizes(&self, sizes: &[u32], seconds: f64) -> Measured {
        let allowed = Scenario::GENERATED_SERVICES;
        if let Some(size) = sizes.iter().find(|size| !allowed.contains(*size)) {
            return Err(Failure::usage(format!("--sizes {size}; allowed: {} to {}", allowed.start(), allowed.end())));
        }
        let plot = self.plot.clone().map(Destination::File);
        if let Some(plot) = &plot {
            if sizes.iter().all(|size| Some(size) == sizes.first()) {
                return Err(Failure::usage("--plot with one size; allowed: two different ones or more"));
            }
            plot.check()?;
        }
        let topologies = size_topologies(sizes)?;
        let progress = ProgressLine::new(1, "measurements")?;
        let memory = resident_memory(&topologies[0], RESIDENT_ENVS);
        let rows = size_costs(&topologies, seconds, &progress)?;
        progress.clear();
        let text = tables::sizes(&rows, &memory);
        if let Some(plot) = plot {
            let drawn = sizes_plot(&rows).map_err(|problem| Failure::usage(format!("--plot: {problem}")))?;
            if let Err(failure) = plot.write(&drawn) {
                // What was measured took minutes.
                eprint!("{text}");
                return Err(failure);
            }
        }
        Ok((json!({"schema": 1, "sizes": rows, "memory": memory}), text))
    }
}

/// What a measurement says, for programs and for people.
type Measured = Result<(Value, String), Failure>;

/// Measures a topology with each of several numbers of environments, for so many seconds each.
type Measure = fn(&Arc<Topology>, &[usize], f64, &ProgressLine) -> Measured;

fn profiles(topology: &Arc<Topology>, num_envs: &[usize], seconds: f64, progress: &ProgressLine) -> Measured {
    let mut rows = Vec::new();
    for &num_envs in num_envs {
        rows.push(profile(topology, num_envs, seconds, progress)?);
        progress.advance(1);
    }
    let text = rows.iter().map(tables::profile).collect::<Vec<_>>().join("\n");
    Ok((json!({"schema": 1, "profiles": rows}), text))
}

fn floor(topology: &Arc<Topology>, num_envs: &[usize], seconds: f64, progress: &ProgressLine) -> Measured {
    let machine = machine();
    let mut rows = Vec::new();
    for &num_envs in num_envs {
        rows.push(tick_cost(topology, num_envs, seconds, progress)?);
        progress.advance(1);
    }
    Ok((json!({"schema": 1, "machine": machine, "ticks": rows}), tables::floor(&machine, &rows)))
}

fn resets(topology: &Arc<Topology>, num_envs: &[usize], seconds: f64, progress: &ProgressLine) -> Measured {
    let mut rows = Vec::new();
    for &num_envs in num_envs {
        rows.push(reset_cost(topology, num_envs, seconds, progress)?);
        progress.advance(1);
    }
    Ok((json!({"schema": 1, "resets": rows}), tables::resets(&rows)))
}

fn played(scenario: &str, num_envs: usize, steps: u64) -> Measured {
    let played = play_steps(&crate::load_topology(scenario)?, num_envs, steps)?;
    let text = format!("{} environments, {} steps, {} ticks\n", played.num_envs, played.steps, played.ticks);
    Ok((json!({"schema": 1, "played": played}), text))
}

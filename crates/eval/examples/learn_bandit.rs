//! Learns the bandit's table of outcomes on train levels, and prints `bandit.toml` whole:
//! `cargo run --example learn_bandit -- [SCENARIO,…] [LEVELS] [KEY=VALUE …] > crates/policy/src/bandit.toml`
//!
//! Episodes are played in rounds of 16 levels; in a round every episode starts from what the rounds before have learned and
//! explores by UCB1, and the outcomes are put together in the levels' order, so the table does not depend on threads. Keys
//! are those of the file, e.g. `bound_s=30`. What the table returns on other train levels goes to standard error.

use std::{error::Error, sync::Arc};

use microcloud_core::{Environment, Level, Scenario, Split, Topology};
use microcloud_eval::{Contender, mean_return};
use microcloud_policy::{
    Agent, PerEnvironment,
    bandit::{ARM_NAMES, Bandit, BanditConfig, Outcomes},
};
use rayon::prelude::*;

/// Levels of a round.
const ROUND: usize = 16;
/// UCB1's exploration while learning.
const EXPLORATION: f64 = 0.15;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let scenarios = arguments.next().unwrap_or_else(|| "spine12,online-boutique".to_owned());
    let count: usize = arguments.next().map_or(Ok(2000), |text| text.parse())?;
    let mut shipped = BanditConfig { outcomes: Outcomes::new(), ..BanditConfig::default() };
    for setting in arguments {
        let (key, value) = setting.split_once('=').ok_or_else(|| format!("`{setting}`; allowed: KEY=VALUE"))?;
        let mut document = serde_json::to_value(&shipped)?;
        let Some(place) = document.get_mut(key) else { return Err(format!("unknown key `{key}`").into()) };
        *place = value.parse::<f64>()?.into();
        shipped = serde_json::from_value(document)?;
    }
    let mut topologies = Vec::new();
    for name in scenarios.split(',') {
        let topology = Topology::new(Scenario::load(name)?)?;
        let mut levels = topology.draw_levels(Split::Train, 11, count, false);
        levels.extend(topology.draw_levels(Split::Train, 11, count / 8, true));
        // Control levels in between, not at the end.
        levels.sort_by_key(|level| microcloud_core::mix_bits(level.number()));
        topologies.push((topology, levels));
    }
    let learning = BanditConfig {
        exploration: EXPLORATION,
        memory: f64::MAX,
        weight: 1.0,
        outcomes: Outcomes::new(),
        ..shipped.clone()
    };
    let outcomes = learn(&topologies, learning)?;
    let taught = BanditConfig { outcomes, ..shipped };
    report(&topologies, &taught)?;
    println!("# The baseline bandit: how it judges incidents, and what it learned of them. Written by");
    println!("# `cargo run --example learn_bandit -- {}`.\n", std::env::args().skip(1).collect::<Vec<_>>().join(" "));
    print!("{}", taught.to_toml());
    Ok(())
}

/// The tallies after all rounds, the scenarios taking turns.
fn learn(topologies: &[(Arc<Topology>, Vec<Level>)], mut config: BanditConfig) -> Result<Outcomes, Box<dyn Error>> {
    let rounds = topologies.iter().map(|(_, levels)| levels.len().div_ceil(ROUND)).max().unwrap_or(0);
    for round in 0..rounds {
        for (topology, levels) in topologies {
            let Some(levels) = levels.chunks(ROUND).nth(round) else { continue };
            let bandit = Bandit::new(config.clone(), topology)?;
            let episodes: Vec<_> = levels.par_iter().map(|&level| judged(topology, &bandit, level)).collect();
            for (class, arm, outcome) in episodes.into_iter().flatten() {
                let arms = config.outcomes.entry(bandit.class_name(class)).or_default();
                arms.entry(ARM_NAMES[arm].to_owned()).or_default().add(outcome, 1.0);
            }
        }
    }
    // Thousandths are more than the outcomes are worth.
    let mut outcomes = config.outcomes;
    for tally in outcomes.values_mut().flat_map(|arms| arms.values_mut()) {
        tally.successes = ((tally.successes * 1000.0).floor() / 1000.0).min(tally.trials);
    }
    Ok(outcomes)
}

/// What one episode judges.
fn judged(topology: &Arc<Topology>, bandit: &Bandit, level: Level) -> Vec<(usize, usize, f64)> {
    let mut environment = Environment::new(Arc::clone(topology));
    environment.reset(level);
    let mut state = bandit.start();
    let mut observation = vec![0.0; topology.observation_size()];
    let mut mask = vec![false; topology.num_actions()];
    loop {
        environment.observe(&mut observation);
        environment.action_mask(&mut mask);
        let transition = environment.step(bandit.decide(&mut state, &observation, &mask));
        if transition.terminated || transition.truncated {
            return bandit.judged(&state).to_vec();
        }
    }
}

/// What the table returns on train levels that it did not learn on.
fn report(topologies: &[(Arc<Topology>, Vec<Level>)], config: &BanditConfig) -> Result<(), Box<dyn Error>> {
    let own = config.clone();
    let contender = Contender::new("bandit", move |topology| {
        Ok(Box::new(PerEnvironment::new("bandit", Bandit::new(own.clone(), topology)?)))
    });
    for (topology, _) in topologies {
        let fault = mean_return(topology, &contender, &topology.draw_levels(Split::Train, 1, 60, false))?;
        let control = mean_return(topology, &contender, &topology.draw_levels(Split::Train, 1, 10, true))?;
        eprintln!("{}: {fault:.2} (control {control:.3})", topology.scenario().name);
    }
    Ok(())
}

//! Properties of the bandit: it takes what went best, learns within an episode, forgets with it, and refuses what is unknown.

use std::{collections::BTreeMap, sync::Arc};

use microcloud_core::{Scenario, Topology};

use super::{Bandit, BanditConfig, Tally};
use crate::per_environment::Agent;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn topology() -> Result<Arc<Topology>, Box<dyn std::error::Error>> {
    Ok(Topology::new(Scenario::load("spine12")?)?)
}

/// Critical errors are best answered with a restart, then with scaling up.
fn config() -> BanditConfig {
    let tally = |successes| Tally { trials: 10.0, successes };
    let arms = BTreeMap::from([
        ("wait".to_owned(), tally(1.0)),
        ("restart".to_owned(), tally(9.0)),
        ("scale-up".to_owned(), tally(7.0)),
        ("drain".to_owned(), tally(1.0)),
        ("rebalance".to_owned(), tally(1.0)),
        ("rebalance-all".to_owned(), tally(1.0)),
    ]);
    let classes = ["calm", "suffering", "calm-again", "suffering-again"];
    let outcomes = classes.map(|class| (format!("error_rate_critical/{class}"), arms.clone())).into();
    BanditConfig {
        patience_s: 0.0,
        bound_s: 30.0,
        settle_s: 30.0,
        closed_share: 1.0,
        action_price: 0.0,
        suffering_above: 0.02,
        exploration: 0.0,
        memory: 50.0,
        weight: 10.0,
        outcomes,
    }
}

/// What is sent in so many decisions in which the service fails, but for a start without errors.
fn sent(bandit: &Bandit, topology: &Topology, decisions: usize) -> Result<Vec<String>, String> {
    let mut state = bandit.start();
    let mut seen = vec![0.0; topology.observation_size()];
    let name = "service.auth.error_ratio";
    seen[topology.observation_index(name).ok_or(name)?] = 0.5;
    let mask = vec![true; topology.num_actions()];
    Ok((0..decisions).map(|_| topology.action_meanings()[bandit.decide(&mut state, &seen, &mask)].clone()).collect())
}

#[test]
fn the_shipped_file_reads_and_fits() -> Outcome {
    let shipped = BanditConfig::from_toml(super::DEFAULT)?;
    assert!(!shipped.outcomes.is_empty());
    assert_eq!(BanditConfig::from_toml(&shipped.to_toml()), Ok(shipped.clone()));
    Bandit::new(shipped, &topology()?)?;
    Ok(())
}

#[test]
fn what_went_best_is_tried_first_and_what_fails_in_the_episode_is_left() -> Outcome {
    let topology = topology()?;
    let bandit = Bandit::new(config(), &topology)?;
    let sent: Vec<String> =
        sent(&bandit, &topology, 19)?.into_iter().filter(|action| action.contains("auth")).collect();
    // Judged a failure after 30 s, the restart's mean falls below scaling up's; so does that after it.
    assert_eq!(sent[..2], ["restart(auth)", "restart(auth)"].map(str::to_owned)[..]);
    assert!(sent.contains(&"scale up(auth)".to_owned()), "{sent:?}");
    Ok(())
}

#[test]
fn an_episode_leaves_nothing_to_the_next() -> Outcome {
    let topology = topology()?;
    let bandit = Bandit::new(config(), &topology)?;
    assert_eq!(sent(&bandit, &topology, 40)?, sent(&bandit, &topology, 40)?);
    Ok(())
}

#[test]
fn outcomes_of_what_does_not_exist_are_refused() -> Outcome {
    let topology = topology()?;
    let mut wrong = config();
    let arms = wrong.outcomes.remove("error_rate_critical/calm").ok_or("no class")?;
    wrong.outcomes.insert("error_rate_critcal/calm".to_owned(), arms);
    let Err(error) = Bandit::new(wrong, &topology) else { return Err("accepted".into()) };
    assert!(error.to_string().contains("did you mean `error_rate_critical/calm`"), "{error}");
    let negative = BanditConfig { weight: -1.0, ..config() };
    let Err(error) = Bandit::new(negative, &topology) else { return Err("accepted".into()) };
    assert_eq!(error.to_string(), "weight = -1; allowed: at least 0");
    Ok(())
}

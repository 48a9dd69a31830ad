//! Strategies that would farm a careless reward lose to threshold-rules, released policies win, and without a fault
//! nothing beats no-op.

use std::{error::Error, sync::Arc};

use microcloud_core::{Scenario, Split, Topology};
use microcloud_eval::{Contender, mean_return};
use microcloud_policy::Policy;
use ndarray::ArrayView2;

type Outcome = Result<(), Box<dyn Error>>;

/// Sends the first legal action whose meaning begins with one of its wishes, in turn over services; else no-op.
struct Stubborn {
    wanted: Vec<usize>,
    turn: usize,
}

impl Policy for Stubborn {
    fn name(&self) -> &str {
        "stubborn"
    }

    fn act(&mut self, _: ArrayView2<'_, f32>, masks: ArrayView2<'_, bool>, _: &[bool], actions: &mut [usize]) {
        for (mask, action) in masks.rows().into_iter().zip(actions) {
            let (past, ahead) = self.wanted.split_at(self.turn % self.wanted.len());
            *action = ahead.iter().chain(past).copied().find(|&wanted| mask[wanted]).unwrap_or(0);
        }
        self.turn += 1;
    }
}

fn stubborn(name: &str, wishes: &'static [&'static str]) -> Contender {
    Contender::new(name, move |topology: &Arc<Topology>| {
        let meanings = topology.action_meanings().iter().enumerate();
        let wanted = meanings.filter(|(_, meaning)| wishes.iter().any(|wish| meaning.starts_with(wish)));
        Ok(Box::new(Stubborn { wanted: wanted.map(|(index, _)| index).collect(), turn: 0 }) as Box<dyn Policy>)
    })
}

fn degenerates() -> Vec<Contender> {
    vec![
        stubborn("scale-to-minimum", &["scale down"]),
        stubborn("drain-everything", &["drain"]),
        stubborn("restart-spam", &["restart"]),
        stubborn("always-scale-up", &["scale up"]),
        stubborn("end-it-quickly", &["drain", "scale down", "restart"]),
        stubborn("rebalance-spam", &["rebalance"]),
    ]
}

#[test]
fn degenerate_strategies_score_below_calibrated_rules() -> Outcome {
    for name in Scenario::builtin_names() {
        let topology = Topology::new(Scenario::load(name)?)?;
        let levels = topology.draw_levels(Split::Test, 21, 48, false);
        let rules = mean_return(&topology, &Contender::baseline("calibrated-rules")?, &levels)?;
        for contender in degenerates() {
            let reached = mean_return(&topology, &contender, &levels)?;
            assert!(reached < rules, "{name}: {} reaches {reached}, calibrated-rules {rules}", contender.name());
        }
    }
    Ok(())
}

#[test]
fn without_a_fault_no_strategy_beats_no_op() -> Outcome {
    for name in Scenario::builtin_names() {
        let topology = Topology::new(Scenario::load(name)?)?;
        let levels = topology.draw_levels(Split::Test, 22, 16, true);
        let idle = mean_return(&topology, &Contender::baseline("no-op")?, &levels)?;
        assert!(idle > -0.1, "{name}: the initial provisioning does not carry the load: {idle}");
        let mut rivals = degenerates();
        for baseline in ["random", "threshold-rules", "oracle"] {
            rivals.push(Contender::baseline(baseline)?);
        }
        for contender in rivals {
            let reached = mean_return(&topology, &contender, &levels)?;
            assert!(reached <= idle, "{name}: {} reaches {reached}, no-op {idle}", contender.name());
        }
    }
    Ok(())
}

#[test]
fn released_policies_play_and_beat_the_rules() -> Outcome {
    let policies = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let released = |name: &&&str| policies.join(format!("{name}-ppo")).exists();
    let names: Vec<&&str> = Scenario::builtin_names().iter().filter(released).collect();
    assert!(names.contains(&&"spine12") && names.contains(&&"online-boutique"), "{names:?}");
    for name in names {
        let topology = Topology::new(Scenario::load(name)?)?;
        let levels = topology.draw_levels(Split::Test, 31, 64, false);
        let rules = mean_return(&topology, &Contender::baseline("threshold-rules")?, &levels)?;
        let released = Contender::checkpoint(&policies.join(format!("{name}-ppo")))?;
        let reached = mean_return(&topology, &released, &levels)?;
        assert!(reached > rules, "{name}: the released policy reaches {reached}, threshold-rules {rules}");
    }
    Ok(())
}

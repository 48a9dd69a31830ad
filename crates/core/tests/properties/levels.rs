//! Levels and splits: what strikes where.

use microcloud_core::{Environment, FaultId, FaultTarget, Level, Scenario, Split, Topology};

use crate::play::topology;

#[test]
fn held_out_faults_strike_held_out_levels_only() {
    let topology = topology("spine12");
    let mut environment = Environment::new(topology.clone());
    let mut struck = [0; 3];
    for (index, split) in [Split::Train, Split::Test, Split::Heldout].into_iter().enumerate() {
        for k in 0..400 {
            environment.reset(Level::draw(split, 2, k));
            struck[index] += environment.faults().iter().filter(|fault| fault.id.is_heldout()).count();
        }
    }
    assert_eq!(struck[..2], [0, 0]);
    assert!(struck[2] > 100, "{struck:?}");
}

#[test]
fn a_levels_number_alone_decides_whether_it_is_a_control_level() {
    let topology = topology("spine12");
    let mut environment = Environment::new(topology.clone());
    let mut controls = 0;
    for k in 0..1000 {
        let level = Level::draw(Split::Test, 4, k);
        environment.reset(level);
        assert_eq!(environment.faults().is_empty(), topology.is_control(level));
        controls += u32::from(topology.is_control(level));
    }
    assert!((100..=200).contains(&controls), "{controls}");
}

#[test]
fn drawn_levels_are_distinct_and_of_the_kind_asked_for() {
    let topology = topology("spine12");
    for control in [false, true] {
        let levels = topology.draw_levels(Split::Test, 0, 200, control);
        let distinct: std::collections::BTreeSet<_> = levels.iter().collect();
        assert_eq!((levels.len(), distinct.len()), (200, 200));
        assert!(levels.iter().all(|&level| topology.is_control(level) == control && level.split() == Split::Test));
        assert_eq!(levels, topology.draw_levels(Split::Test, 0, 200, control));
    }
}

/// `spine12` with only these faults, and these ratios of second, correlated and harmless ones.
fn composed(ids: &[FaultId], ratios: [f32; 3]) -> Environment {
    let mut scenario = Scenario::load("spine12").expect("a built-in scenario");
    let faults = &mut scenario.faults;
    [faults.second_ratio, faults.correlated_ratio, faults.herring_ratio] = ratios;
    faults.control_ratio = 0.0;
    faults.catalogue.retain(|fault| ids.contains(&fault.id));
    Environment::new(Topology::new(scenario).expect("its topology"))
}

#[test]
fn second_faults_strike_as_often_as_asked_and_correlated_ones_next_to_the_first() {
    let mut environment = composed(&[FaultId::F04, FaultId::F14], [0.5, 1.0, 0.0]);
    let topology = environment.topology().clone();
    let (mut seconds, mut correlated) = (0, 0);
    for k in 0..400 {
        environment.reset(Level::draw(Split::Train, 3, k));
        let faults = environment.faults();
        let [first, second] = faults[..] else { continue };
        seconds += 1;
        assert!((first.id, first.target) != (second.id, second.target));
        let near = match (first.target, second.target) {
            (FaultTarget::Service(a), FaultTarget::Service(b)) => {
                topology.callers(a).chain(topology.callees(a)).any(|other| other == b)
            }
            (FaultTarget::Node(a), FaultTarget::Node(b)) => topology.node_zone(a) == topology.node_zone(b),
            _ => false,
        };
        correlated += u32::from(near && first.id == second.id && second.onset_s - first.onset_s <= 30.0);
    }
    assert!((150..250).contains(&seconds), "{seconds}");
    assert!(correlated > seconds * 8 / 10, "{correlated} of {seconds}");
}

#[test]
fn two_faults_at_once_harm_more_than_either() {
    let mut environment = composed(&[FaultId::F13, FaultId::F14], [1.0, 0.0, 0.0]);
    let level = (0..400)
        .map(|k| Level::draw(Split::Train, 3, k))
        .find(|&level| {
            environment.reset(level);
            let faults = environment.faults();
            let [first, second] = faults[..] else { return false };
            first.id != second.id && second.onset_s < first.end_s
        })
        .expect("a level with two faults that overlap");
    let loss = |off: &[&str]| -> Vec<f64> {
        let mut scenario = environment.topology().scenario().clone();
        scenario.rules_off = off.iter().map(|&name| name.to_owned()).collect();
        let mut environment = Environment::new(Topology::new(scenario).expect("its topology"));
        environment.reset(level);
        (0..240).map(|_| -environment.step(0).reward).collect()
    };
    let total = |losses: &[f64]| losses.iter().sum::<f64>();
    let (both, first, second) = (loss(&[]), loss(&["F14"]), loss(&["F13"]));
    assert!(total(&both) > total(&first) && total(&both) > total(&second));
}

#[test]
fn a_red_herring_is_no_fault() {
    let mut environment = composed(&[FaultId::F00], [0.0, 0.0, 1.0]);
    for k in 0..50 {
        environment.reset(Level::draw(Split::Train, 3, k));
        assert!(environment.faults().is_empty() && environment.active_faults().is_empty());
        assert_eq!(environment.herrings().len(), 1);
    }
}

#[test]
fn a_fault_with_an_abort_condition_is_called_off_when_users_suffer() {
    let losses = [0.0, 0.9].map(|least| {
        let mut scenario = Scenario::load("spine12").expect("a built-in scenario");
        scenario.faults.control_ratio = 0.0;
        scenario.faults.second_ratio = 0.0;
        scenario.faults.catalogue.retain(|fault| fault.id == FaultId::F18);
        scenario.faults.catalogue.iter_mut().for_each(|fault| fault.abort_availability = least);
        let mut environment = Environment::new(Topology::new(scenario).expect("its topology"));
        environment.reset(Level::new(11).expect("a level"));
        let planned = environment.faults()[0].end_s;
        let loss: f64 = (0..240).map(|_| -environment.step(0).reward).sum();
        let ended = environment.faults()[0].end_s;
        assert_eq!(ended < planned, least > 0.0, "{ended} {planned}");
        loss
    });
    assert!(losses[1] < 0.5 * losses[0], "{losses:?}");
}

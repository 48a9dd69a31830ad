//! Levels and splits: what strikes where.

use microcloud_core::{Environment, Level, Split};

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

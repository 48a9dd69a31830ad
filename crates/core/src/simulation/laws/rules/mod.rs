//! One property for every rule, which holds with it and fails without it.

mod calls;
mod entities;
mod queues;
mod replicas;
mod world;

use crate::rules::Rule;

/// Whether a property holds in a cluster in which these rules are off.
type Check = fn(&[&str]) -> bool;

#[test]
fn every_rule_has_a_property_that_fails_without_it() {
    let checks: Vec<(Rule, Check)> =
        [queues::CHECKS, calls::CHECKS, replicas::CHECKS, entities::CHECKS, world::CHECKS].concat();
    let mut wrong = Vec::new();
    for &rule in Rule::ALL {
        let own: Vec<Check> = checks.iter().filter(|(of, _)| *of == rule).map(|&(_, check)| check).collect();
        if own.is_empty() {
            wrong.push(format!("{}: no property", rule.name()));
        }
        for check in own {
            if !check(&[]) {
                wrong.push(format!("{}: its property does not hold", rule.name()));
            }
            if check(&[rule.name()]) {
                wrong.push(format!("{}: its property holds without it", rule.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

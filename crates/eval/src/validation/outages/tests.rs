//! What the outages must show, and what they must not without the rules of the physics that they rest on.

use super::{super::Effort, Outages, outages, search_rate};
use crate::validation::{Engine, Row};

fn failed(rows: &[Row]) -> Vec<String> {
    let failed = rows.iter().filter(|row| row.pass == Some(false));
    let words = |row: &Row| {
        format!("{:?}, {}, {}: {} instead of {}", row.engine, row.name, row.quantity, row.measured, row.expected)
    };
    failed.map(words).collect()
}

#[test]
fn the_published_outages_happen_in_both_engines() {
    let outages = outages(Effort::Quick, &[]);
    let failed = failed(&outages.rows);
    assert!(failed.is_empty(), "{failed:#?}");
    for engine in [Engine::Fluid, Engine::Exact] {
        let held = outages.rows.iter().filter(|row| row.engine == engine && row.pass.is_some());
        assert!(held.count() > 30, "{engine:?}");
        assert!(outages.mongodb.iter().any(|curve| curve.engine == engine));
        assert_eq!(outages.hysteresis.iter().filter(|curve| curve.engine == engine).count(), 2);
    }
}

#[test]
fn without_the_rules_that_they_rest_on_some_do_not_happen() {
    for rule in ["queue", "retry-delay", "timeout-waste", "pool"] {
        let failed = failed(&outages(Effort::Quick, &[rule.to_owned()]).rows);
        assert!(!failed.is_empty(), "{rule}");
        assert!(failed.iter().all(|row| row.starts_with("Fluid")), "{rule}: {failed:#?}");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let mut outages = Outages::default();
            search_rate::outage(Effort::Quick, &[], &mut outages);
            outages
        })
    };
    assert_eq!(with(1), with(3));
}

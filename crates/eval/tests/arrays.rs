//! The arrays against another library, and rows that are really played.

use std::sync::Arc;

use microcloud_core::{FaultId, Scenario, Topology};
use microcloud_eval::{
    Contender,
    oats::{
        Array, Campaign, CampaignConfig, Certificate, Condition, Design, Factor, Factors, balanced_strength, campaign,
        count_tuples, design, effects, orthogonal, services_of,
    },
};
use taguchi::{get_standard_oa, oa::OA, verify_strength};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn spine12(rules_off: &[&str]) -> Result<Arc<Topology>, Box<dyn std::error::Error>> {
    let mut scenario = Scenario::load("spine12")?;
    scenario.rules_off.extend(rules_off.iter().map(|&rule| rule.to_owned()));
    Ok(Topology::new(scenario)?)
}

fn played(
    topology: &Arc<Topology>,
    array: Array,
    policies: &[&str],
    config: &CampaignConfig,
) -> Result<(Design, Campaign, Certificate), Box<dyn std::error::Error>> {
    let factors = Factors::unconstrained(services_of(array, topology, &[])?);
    let design = design(array, &factors)?;
    let contenders = policies.iter().map(|name| Contender::baseline(name)).collect::<Result<Vec<_>, _>>()?;
    let campaign = campaign(topology, &design, &contenders, config, &())?;
    let certificate = Certificate::new(&design, &factors, Some(&campaign))?;
    Ok((design, campaign, certificate))
}

/// Rows in the other library's array of the same size.
fn theirs(name: &str, rows: &[Vec<u8>], columns: std::ops::Range<usize>) -> Result<OA, Box<dyn std::error::Error>> {
    let mut array = get_standard_oa(name)?;
    assert_eq!((array.runs(), array.factors()), (rows.len(), columns.len()));
    for (row, cells) in rows.iter().enumerate() {
        for (place, column) in columns.clone().enumerate() {
            array.data_mut()[[row, place]] = u32::from(cells[column]);
        }
    }
    Ok(array)
}

#[test]
fn another_library_finds_the_arrays_of_strength_two_and_its_own_pass_here() -> Outcome {
    for (array, columns) in [(Array::L9, 0..4), (Array::L18, 1..8), (Array::L27, 0..13), (Array::L81, 0..40)] {
        let mut own = orthogonal(array, None)?.rows;
        assert!(verify_strength(&theirs(array.name(), &own, columns.clone())?, 2)?.is_valid, "{array:?}");
        own[3][2] = (own[3][2] + 1) % 3;
        assert!(!verify_strength(&theirs(array.name(), &own, columns.clone())?, 2)?.is_valid, "{array:?}");
        let other = get_standard_oa(array.name())?;
        let rows: Vec<Vec<u8>> = other.rows().map(|row| row.iter().map(|&level| level as u8).collect()).collect();
        let levels = vec![3; columns.len()];
        assert_eq!(balanced_strength(&rows, &levels), 2, "{array:?}");
        // A full set of linear columns is the same up to the order and the naming of columns and levels.
        if array != Array::L18 {
            let own = count_tuples(&orthogonal(array, None)?.rows, &levels, 3);
            assert_eq!(count_tuples(&rows, &levels, 3), own, "{array:?}");
        }
    }
    Ok(())
}

#[test]
fn the_rows_of_l27_are_struck_as_planned_and_the_certificate_says_so_of_what_ran() -> Outcome {
    let topology = spine12(&[])?;
    let policies = ["no-op", "threshold-rules", "oracle"];
    let (design, campaign, certificate) = played(&topology, Array::L27, &policies, &CampaignConfig::default())?;
    assert_eq!((design.rows.len(), design.factors.len(), campaign.played.len()), (27, 12, 81));
    for (row, faults) in design.rows.iter().zip(&campaign.faults) {
        assert_eq!(faults.len(), row.iter().filter(|&&level| level > 0).count());
        assert_eq!(
            faults.iter().filter(|fault| fault.id == FaultId::F04).count(),
            row.iter().filter(|&&l| l == 2).count()
        );
    }
    for executed in &certificate.executed {
        let (pairs, triples) = (&executed.coverage.pairs, &executed.coverage.triples);
        assert_eq!(
            (pairs.covered, pairs.total, pairs.min_count, pairs.max_count),
            (594, 594, 3, 3),
            "{}",
            executed.policy
        );
        assert_eq!((triples.covered, triples.total), (5220, 5940));
        assert_eq!(executed.rows_that_differ, Vec::<usize>::new());
        assert_eq!(executed.coverage.sha256, certificate.planned.sha256);
    }
    let availability: Vec<f64> = effects(&design, &campaign).tables.iter().step_by(2).map(|table| table.mean).collect();
    assert!(availability[0] < availability[1] && availability[1] < availability[2], "{availability:?}");
    Ok(())
}

#[test]
fn what_a_scenario_cannot_strike_is_missing_from_the_executed_coverage() -> Outcome {
    let topology = spine12(&["F05"])?;
    let (design, campaign, certificate) = played(&topology, Array::L9, &["no-op"], &CampaignConfig::default())?;
    assert_eq!(certificate.planned.pairs.covered, 54);
    // Without latencies, degraded services stay healthy: the pairs of two levels are left of those of three.
    let executed = &certificate.executed[0];
    assert_eq!(executed.coverage.pairs.covered, 6 * 4);
    assert_eq!((executed.coverage.strength, executed.coverage.pairs.min_count), (0, 0));
    let differ: Vec<usize> = (0..9).filter(|&row| design.rows[row].contains(&1)).map(|row| row + 1).collect();
    assert_eq!(executed.rows_that_differ, differ);
    assert!(campaign.played.iter().all(|played| !played.executed.contains(&1)));
    Ok(())
}

#[test]
fn faults_after_the_end_strike_nothing() -> Outcome {
    let condition = Condition { onset_s: 100_000.0, ..Condition::default() };
    let config = CampaignConfig { condition, ..CampaignConfig::default() };
    let (_, campaign, certificate) = played(&spine12(&[])?, Array::L9, &["no-op"], &config)?;
    assert_eq!(certificate.executed[0].coverage.pairs.covered, 6);
    assert!(campaign.played.iter().all(|played| played.outcome.availability.is_some_and(|ratio| ratio > 0.999)));
    Ok(())
}

#[test]
fn a_campaign_is_the_same_on_one_thread_and_on_two_and_every_row_meets_the_same_levels() -> Outcome {
    let topology = spine12(&[])?;
    let config = |threads| CampaignConfig { levels: 2, threads, ..CampaignConfig::default() };
    let (_, one, _) = played(&topology, Array::L9, &["random", "threshold-rules"], &config(1))?;
    let (_, two, _) = played(&topology, Array::L9, &["random", "threshold-rules"], &config(2))?;
    assert!(one == two);
    assert_eq!(one.played.len(), 2 * 9 * 2);
    for pair in one.played.chunks(2) {
        assert_eq!((pair[0].row, pair[0].outcome.level.number()), (pair[1].row, one.levels[0]));
        assert_eq!(pair[1].outcome.level.number(), one.levels[1]);
    }
    Ok(())
}

#[test]
fn services_take_the_columns_that_there_are_and_two_levels_are_healthy_and_down() -> Outcome {
    let topology = spine12(&[])?;
    let of = |array| services_of(array, &topology, &[]);
    assert_eq!(of(Array::L9)?.len(), 4);
    assert_eq!(of(Array::L36)?.len(), 12);
    let eight = of(Array::L18)?;
    assert_eq!((eight.len(), eight[7].levels.join(" ")), (8, "healthy down".to_owned()));
    assert_eq!(balanced_strength(&orthogonal(Array::L18, Some(&eight))?.rows, &[3, 3, 3, 3, 3, 3, 3, 2]), 2);
    let named = services_of(Array::L9, &topology, &["cache".to_owned(), "auth".to_owned()])?;
    assert_eq!(named.iter().map(|factor| factor.name.as_str()).collect::<Vec<_>>(), ["cache", "auth"]);
    Ok(())
}

#[test]
fn what_cannot_be_played_is_refused_in_one_line_with_what_is_allowed() -> Outcome {
    let topology = spine12(&[])?;
    let no_op = [Contender::baseline("no-op")?];
    let refused = |factors: &[Factor]| -> Result<String, Box<dyn std::error::Error>> {
        let design = orthogonal(Array::L9, Some(factors))?;
        let tried = campaign(&topology, &design, &no_op, &CampaignConfig::default(), &());
        Ok(tried.map(|_| String::new()).unwrap_or_else(|error| error.to_string()))
    };
    let levels = ["healthy", "degraded", "down"];
    let message = refused(&[Factor::new("auth", &levels), Factor::new("gatway", &levels)])?;
    assert!(message.contains("no such service `gatway`; did you mean `gateway`?; allowed: gateway, auth"), "{message}");
    let message = refused(&[Factor::new("auth", &["healthy", "degraded", "dwn"]), Factor::new("cache", &levels)])?;
    assert!(message.contains("levels of `auth`: no such condition `dwn`; did you mean `down`?"), "{message}");
    let many: Vec<Factor> = (0..5).map(|n| Factor::new(format!("f{n}"), &levels)).collect();
    let message = orthogonal(Array::L9, Some(&many)).map(|_| ()).map_err(|error| error.to_string());
    assert!(message.is_err_and(|text| text.contains("no column is left for `f4`") && text.contains("4 of 3 levels")));
    for (name, words) in [("L28", "`L28`; did you mean `L27`?"), ("pairwse", "`pairwse`; did you mean `pairwise`?")] {
        let message = name.parse::<Array>().map(|_| ()).map_err(|error| error.to_string());
        assert!(message.is_err_and(|text| text.contains(&format!("unknown array {words}"))));
    }
    let twice = services_of(Array::L9, &topology, &["auth".to_owned(), "auth".to_owned()]);
    assert!(twice.is_err_and(|error| error.to_string().contains("`auth` stands there twice")));
    Ok(())
}

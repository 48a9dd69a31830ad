//! Every fault does what its card says: where it shows, what helps, what harms, and what it is documented to cost.

use std::{collections::BTreeSet, error::Error, fs, path::Path, sync::LazyLock};

use microcloud_core::{FaultId, Role, Scenario};
use microcloud_eval::{
    FAULT_LEVELS, FaultRow, REFERENCE, SymptomRow, fault_page, fault_row, only_fault, rivals, symptoms,
};
use rayon::prelude::*;

type Outcome = Result<(), Box<dyn Error>>;

/// Share of no-op's loss that the right plan has to save.
const LEAST_GAIN: f64 = 0.1;

/// Every fault measured once, for all tests.
static ROWS: LazyLock<Vec<Result<FaultRow, String>>> = LazyLock::new(|| {
    let ids: Vec<FaultId> = FaultId::all().collect();
    let row = |id| fault_row(&Scenario::load(REFERENCE)?, id, FAULT_LEVELS);
    ids.into_par_iter().map(|id| row(id).map_err(|error| error.to_string())).collect()
});

/// Fails with every complaint about any fault, those that could not be measured first.
fn hold(complain: impl Fn(&FaultRow) -> Vec<String>) {
    let complaints = ROWS.iter().flat_map(|row| match row {
        Ok(row) => complain(row).iter().map(|what| format!("{} {}: {what}", row.id, row.id.name())).collect(),
        Err(error) => vec![error.clone()],
    });
    let complaints: Vec<String> = complaints.collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

fn with_role(role: Role) -> impl Iterator<Item = FaultId> {
    FaultId::all().filter(move |id| id.card().role == role)
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn every_symptom_shows_where_its_card_says() {
    let complain = |symptom: &SymptomRow| {
        let SymptomRow { symptom: what, shift, share } = symptom;
        let (place, feature, moves) = (what.place, what.feature, what.moves);
        format!("{place:?} {feature} does not move {moves:?}: by {shift:.4?}, so in {share:.2} of the levels")
    };
    hold(|row| row.symptoms.iter().filter(|symptom| !symptom.shows()).map(complain).collect());
}

#[test]
fn switching_a_fault_off_makes_its_symptoms_vanish() -> Outcome {
    let reference = Scenario::load(REFERENCE)?;
    for id in FaultId::all() {
        let mut scenario = only_fault(&reference, id)?;
        scenario.rules_off.push(id.to_string());
        for symptom in symptoms(id, &scenario, FAULT_LEVELS)? {
            // To the last bit what they are before it strikes; a shift of none would say that there was nothing to see.
            assert_eq!(symptom.shift, Some(0.0), "{id}: {symptom:?}");
        }
    }
    Ok(())
}

#[test]
fn every_step_of_a_plan_is_an_action() {
    hold(|row| row.unresolved.iter().map(|step| format!("no action anywhere: {step}")).collect());
}

#[test]
fn the_right_action_beats_no_op_and_the_wrong_one_is_worse() {
    hold(|row| {
        let (no_op, right, wrong) = (row.no_op.loss, row.right.loss, row.wrong.loss);
        let mut complaints = Vec::new();
        if matches!(row.id.card().role, Role::Scored | Role::Extended) {
            if right > (1.0 - LEAST_GAIN) * no_op {
                complaints.push(format!("the right plan costs {right:.2}, no-op {no_op:.2}"));
            }
            if wrong <= no_op {
                complaints.push(format!("the wrong plan costs {wrong:.2}, no-op {no_op:.2}"));
            }
        }
        complaints
    });
}

#[test]
fn no_op_beats_every_action_on_the_affected_services() -> Outcome {
    let reference = Scenario::load(REFERENCE)?;
    let mut complaints = Vec::new();
    for id in with_role(Role::Wait) {
        assert!(id.card().right.is_empty(), "{id} says to wait, and has a plan");
        for rival in rivals(&reference, id, FAULT_LEVELS)?.iter().filter(|rival| rival.loss <= rival.no_op) {
            complaints.push(format!("{id}: {} costs {:.4}, no-op {:.4}", rival.name, rival.loss, rival.no_op));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    Ok(())
}

#[test]
fn a_red_herring_costs_nothing() {
    hold(|row| {
        let (no_op, without) = (row.no_op.loss, row.without);
        let costs = row.id.is_herring() && no_op != without;
        costs.then(|| format!("no-op costs {no_op:.4} with it, {without:.4} without")).into_iter().collect()
    });
}

#[test]
fn the_fault_documentation_is_what_the_faults_do() -> Outcome {
    let rows: Result<Vec<FaultRow>, String> = ROWS.iter().cloned().collect();
    let page = fault_page(&Scenario::load(REFERENCE)?, &rows?, FAULT_LEVELS)?;
    let written = fs::read_to_string(root().join("docs/faults.md"))?;
    assert!(written == page, "docs/faults.md is old: cargo run --example fault_cards -- docs/faults.md");
    Ok(())
}

#[test]
fn every_fault_has_one_file_and_one_card() -> Outcome {
    let mut files: Vec<String> = Vec::new();
    for entry in fs::read_dir(root().join("crates/core/src/fault"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // A fault's file begins with its id and an underscore.
        let id = name.split_once('_').map_or("", |(id, _)| id);
        if id.len() == 3 && id[1..].bytes().all(|digit| digit.is_ascii_digit()) {
            files.push(id.to_uppercase());
        }
    }
    files.sort();
    let ids: Vec<String> = FaultId::all().map(|id| id.to_string()).collect();
    assert_eq!(files, ids);
    let names: BTreeSet<&str> = FaultId::all().map(FaultId::name).collect();
    assert_eq!(names.len(), ids.len(), "two faults have the same card");
    for card in FaultId::all().map(FaultId::card) {
        assert!(!card.symptoms.is_empty() && !card.source.is_empty() && !card.right_words.is_empty(), "{card:?}");
    }
    Ok(())
}

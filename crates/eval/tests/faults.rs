//! Every fault does what its card says: where it shows, what helps, what harms, and what it is documented to cost.

use std::{collections::BTreeSet, error::Error, fs, path::Path, sync::LazyLock};

use microcloud_core::{FaultId, Role, Scenario};
use microcloud_eval::{
    FAULT_LEVELS, FaultRow, REFERENCE, Rival, SymptomRow, fault_page, fault_row, only_fault, rivals, symptoms,
};
use rayon::prelude::*;

type Outcome = Result<(), Box<dyn Error>>;

/// Share of no-op's loss that the right plan has to save.
const LEAST_GAIN: f64 = 0.1;
/// Seconds after the onset at which an action is sent where waiting is right, and on how many levels.
const HASTE: [(f32, usize); 3] = [(5.0, 8), (20.0, FAULT_LEVELS), (60.0, 8)];

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
fn the_right_action_beats_no_op() {
    hold(|row| {
        let (no_op, right) = (row.no_op.loss, row.right.loss);
        let helps = matches!(row.id.card().role, Role::Scored | Role::Extended);
        let fails = helps && right > (1.0 - LEAST_GAIN) * no_op;
        fails.then(|| format!("the right plan costs {right:.2}, no-op {no_op:.2}")).into_iter().collect()
    });
}

#[test]
fn the_wrong_action_costs_more_than_its_price() -> Outcome {
    let price = f64::from(Scenario::load(REFERENCE)?.reward.action);
    hold(|row| {
        let (no_op, wrong, paid) = (row.no_op.loss, row.wrong.loss, price * row.wrong.actions);
        let fails = wrong - no_op <= paid;
        let complaint = || format!("the wrong plan costs {wrong:.4}, no-op {no_op:.4}, its actions {paid:.4}");
        fails.then(complaint).into_iter().collect()
    });
    Ok(())
}

#[test]
fn no_op_beats_every_action_on_the_affected_services() -> Outcome {
    let reference = Scenario::load(REFERENCE)?;
    let mut complaints = Vec::new();
    for id in with_role(Role::Wait) {
        assert!(id.card().right.is_empty(), "{id} says to wait, and has a plan");
        for (after_s, levels) in HASTE {
            let rivals = rivals(&reference, id, after_s, levels)?;
            assert!(!rivals.is_empty(), "{id}: nothing was tried");
            for Rival { name, loss, no_op } in rivals.iter().filter(|rival| rival.loss <= rival.no_op) {
                complaints.push(format!("{id}: {name} at {after_s} s costs {loss:.4}, no-op {no_op:.4}"));
            }
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

//! The validation holds, notices when the physics is broken, and is what its page says.

use std::{fs, path::Path, sync::LazyLock};

use microcloud_eval::validation::{Effort, Engine, Row, Validation, row_line, validate};

/// The quick validation, run once for all tests.
static QUICK: LazyLock<Result<Validation, String>> = LazyLock::new(|| played(&[]));

/// Rules without which the fluid engine must fail rows that it passes with them.
const LOAD_BEARING: &[&str] = &["queue", "pool", "retry-delay", "timeout-waste"];

fn played(rules_off: &[&str]) -> Result<Validation, String> {
    let rules_off: Vec<String> = rules_off.iter().map(|&rule| rule.to_owned()).collect();
    validate(Effort::Quick, &rules_off, &|_| ()).map_err(|error| error.to_string())
}

fn quick() -> &'static Validation {
    QUICK.as_ref().unwrap_or_else(|error| panic!("{error}"))
}

fn failing(validation: &Validation) -> Vec<&Row> {
    validation.rows().filter(|row| row.pass == Some(false)).collect()
}

fn listed(rows: &[&Row]) -> String {
    rows.iter().map(|row| row_line(row)).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_row_of_the_quick_validation_holds() {
    let failing = failing(quick());
    assert!(failing.is_empty(), "\n{}", listed(&failing));
}

#[test]
fn breaking_a_rule_fails_rows_that_hold_with_it() {
    for rule in LOAD_BEARING {
        let broken = played(&[rule]).unwrap_or_else(|error| panic!("{error}"));
        let same = |row: &Row, other: &Row| {
            (&row.name, row.engine, &row.quantity) == (&other.name, other.engine, &other.quantity)
        };
        let held = |row: &&Row| quick().rows().any(|other| same(row, other) && other.pass == Some(true));
        let newly = failing(&broken).into_iter().filter(held);
        let newly: Vec<&Row> = newly.filter(|row| row.engine == Engine::Fluid).collect();
        assert!(!newly.is_empty(), "nothing fails without the rule {rule}");
    }
}

#[test]
fn an_unknown_rule_is_named_with_the_nearest_one() {
    let error = played(&["quue"]).err().unwrap_or_default();
    assert!(error.contains("quue") && error.contains("did you mean `queue`"), "{error}");
}

#[test]
fn every_comparison_names_its_source_and_no_two_are_the_same() {
    let mut seen: Vec<(&str, Engine, &str)> = Vec::new();
    for row in quick().rows() {
        assert!(!row.source.is_empty() && row.expected.is_finite(), "{row:?}");
        let own = (row.name.as_str(), row.engine, row.quantity.as_str());
        assert!(!seen.contains(&own), "{own:?} stands there twice");
        seen.push(own);
    }
}

#[test]
fn the_page_is_what_the_engines_do() -> Result<(), Box<dyn std::error::Error>> {
    let page = fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/validation.md")))?;
    let stale: Vec<&Row> = quick().rows().filter(|row| !page.contains(&row_line(row))).collect();
    assert!(
        stale.is_empty(),
        "docs/validation.md is old: cargo run --bin scenario -- validate --write docs\n{}",
        listed(&stale)
    );
    for plot in quick().sections.iter().flat_map(|section| &section.plots) {
        assert!(page.contains(&format!("(validation/{})", plot.file())), "{} is not shown", plot.file());
    }
    Ok(())
}

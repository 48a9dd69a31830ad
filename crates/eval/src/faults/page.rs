//! The catalogue of faults as a page of Markdown: one table of what each costs, then one card each.

use std::fmt::{self, Write as _};

use microcloud_core::{FaultId, Moves, Scenario, Step};

use super::{FaultRow, FaultTableError, PlanRow, SymptomRow, WINDOW_S, only_fault, words};

/// The page of rows measured in a scenario on so many levels.
///
/// # Errors
/// A fault that the scenario's catalogue lacks.
pub fn fault_page(scenario: &Scenario, rows: &[FaultRow], levels: usize) -> Result<String, FaultTableError> {
    let mut page = intro(&scenario.name, levels);
    for row in rows {
        page += &table_row(row);
    }
    page += "\n## Cards\n";
    for row in rows {
        page += &card(scenario, row)?;
    }
    Ok(page)
}

fn intro(scenario: &str, levels: usize) -> String {
    let [from_s, to_s] = WINDOW_S;
    format!(
        "# Faults

`cargo run --example fault_cards -- docs/faults.md` plays every fault in `{scenario}`, alone, on {levels} train levels (held-out
levels for held-out faults) under no action, the right plan and the wrong plan of its card, and writes this page. A test
holds the page to what the faults do.

The loss is minus the return: what bad requests, latency, cost and actions take away, summed over the 240 decisions of an
episode of 20 minutes. 0 is a perfect episode; larger is worse. TTR is the mean time in seconds from the onset until the
cluster is back within its objectives for a minute, censored at the episode's end; `recovered` is the share of levels in
which it comes back. For `scored` faults some core action is right; for `wait` faults none is, and haste costs; `extended`
faults need the extended actions; a `herring` harms nobody; only held-out levels have what is held out.

Under `shows` stands how far a feature of the observation moves on average between {from_s} s and {to_s} s after the onset,
against the same levels before the fault.

Not modelled, though the usual catalogues have it: messages that a network delivers twice (F16), tokens that are refused
because clocks disagree (F28), stale reads from followers (F25), and a broker that nobody can reach for longer than its
consumers pause (F26). What takes hours in real life is compressed to minutes; each card says how.

| id | loss under no-op | loss under the right action | loss under the wrong action | TTR no-op | TTR right | TTR wrong \
| recovered no-op | recovered right | recovered wrong | name | role |
|---|---|---|---|---|---|---|---|---|---|---|---|
"
    )
}

fn table_row(row: &FaultRow) -> String {
    let plans = [&row.no_op, &row.right, &row.wrong];
    let cells = |figure: &dyn Fn(&PlanRow) -> String| plans.map(figure).join(" | ");
    let or_none =
        |value: Option<f64>, decimals: usize| value.map_or("-".to_owned(), |value| format!("{value:.decimals$}"));
    format!(
        "| {} | {} | {} | {} | {} | {} |\n",
        row.id,
        cells(&|plan| format!("{:.2}", plan.loss)),
        cells(&|plan| or_none(plan.ttr_s, 0)),
        cells(&|plan| or_none(plan.recovered_ratio, 2)),
        row.id.name(),
        words::role(row.id)
    )
}

fn card(scenario: &Scenario, row: &FaultRow) -> Result<String, FaultTableError> {
    let (id, card) = (row.id, row.id.card());
    let mut text = format!("\n### {id} {}\n\n{}\n\n", card.name, card.what);
    let mut item = |name: &str, value: &dyn fmt::Display| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- **{name}**: {value}");
    };
    item("strikes", &id.strikes());
    item("role", &words::role(id));
    item("magnitude", &card.magnitude);
    for parameters in parameters(scenario, id)? {
        item(&format!("in `{}`", scenario.name), &parameters);
    }
    item("time", &card.time);
    item("shows", &row.symptoms.iter().map(|symptom| shown(id, symptom)).collect::<Vec<_>>().join("; "));
    item("right", &plan(card.right_words, card.right));
    item("wrong", &plan(card.wrong_words, card.wrong));
    item("source", &card.source);
    Ok(text)
}

/// Each entry of the scenario's catalogue that a fault has.
fn parameters(scenario: &Scenario, id: FaultId) -> Result<Vec<String>, FaultTableError> {
    let range = |[low, high]: [f32; 2]| if low == high { low.to_string() } else { format!("{low} to {high}") };
    let entry = |fault: &microcloud_core::Fault| {
        let targets = if fault.targets.is_empty() { "any".to_owned() } else { fault.targets.join(", ") };
        format!(
            "targets {targets}; magnitude {}; blast radius {}; onset {} s; ramp {} s; duration {} s",
            range(fault.magnitude),
            range(fault.blast_radius),
            range(fault.onset_s),
            range(fault.ramp_s),
            range(fault.duration_s)
        )
    };
    Ok(only_fault(scenario, id)?.faults.catalogue.iter().map(entry).collect())
}

fn shown(id: FaultId, row: &SymptomRow) -> String {
    let moves = if row.symptom.moves == Moves::Up { "rises" } else { "falls" };
    let shift = row.shift.map_or("nowhere".to_owned(), |shift| format!("{shift:+.2}"));
    format!("`{}` {moves} ({shift})", words::feature(id, &row.symptom))
}

fn plan(text: &str, steps: &[Step]) -> String {
    if steps.is_empty() {
        return text.to_owned();
    }
    format!("{text}. Played: {}", steps.iter().map(words::step).collect::<Vec<_>>().join("; "))
}

//! The validation as a page of Markdown: one section a question, one line a row.

use std::fmt::Write as _;

use super::{Engine, Row, Section, Validation};

/// The page; pictures are expected in the folder `validation` beside it.
pub fn page(validation: &Validation) -> String {
    let mut page = intro(validation);
    for section in &validation.sections {
        page += &chapter(section);
    }
    page
}

fn intro(validation: &Validation) -> String {
    let (held, failed) = validation.held_and_failed();
    let informing = validation.rows().count() - held;
    let mut text = format!(
        "# Validation

`cargo run --bin scenario -- validate --write docs` runs every comparison and writes this page and its pictures; a
test holds the page to what the engines do. `fluid` is the engine that policies are trained in; `exact` simulates the same
scenario files request by request, with code of its own, to judge the first; `sampled` draws probes and votes one by one,
apart from both; `closed` is arithmetic alone. A row passes where `measured` is within `tolerance` of `expected`; `s.e.` is the standard error of a mean over runs with different seeds. Rows
without a tolerance inform.

{}**{held} rows are held to a tolerance, {failed} of them fail; {informing} inform.**

| section | held | failed | informing |
|---|---|---|---|
",
        if validation.part.is_empty() {
            String::new()
        } else {
            format!("**This is not the whole validation: {}.**\n\n", validation.part)
        }
    );
    for section in &validation.sections {
        let held = section.rows.iter().filter_map(|row| row.pass);
        let (held, failed) = held.fold((0, 0), |(held, failed), pass| (held + 1, failed + usize::from(!pass)));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} | {held} | {failed} | {} |", section.title, section.rows.len() - held);
    }
    text
}

fn chapter(section: &Section) -> String {
    let mut text = format!("\n## {}\n\n{}\n", section.title, section.meaning);
    let failing: Vec<&Row> = section.rows.iter().filter(|row| row.pass == Some(false)).collect();
    if !failing.is_empty() {
        let _ = write!(text, "\n**What fails**: ");
        let named = failing.iter().map(|row| {
            let by = figure(row.measured - row.expected);
            format!("{}, {} ({}), off by {by}", row.name, row.quantity, engine(row.engine))
        });
        text += &named.collect::<Vec<_>>().join("; ");
        text += ".\n";
    }
    for plot in &section.plots {
        let _ = write!(text, "\n![{}](validation/{})\n", plot.title, plot.file());
    }
    text += "\n| name | engine | quantity | expected | measured | tolerance | s.e. | pass | source |\n";
    text += "|---|---|---|---|---|---|---|---|---|\n";
    for row in &section.rows {
        text += &row_line(row);
        text.push('\n');
    }
    if !section.details.is_empty() {
        let _ = write!(text, "\n{}\n", section.details.trim());
    }
    text
}

/// A row as a line of the page's tables.
pub fn row_line(row: &Row) -> String {
    let cells = cells(row).map(|cell| cell.replace('|', "\\|"));
    format!("| {} | {} |", cells.join(" | "), row.source.replace('|', "\\|"))
}

/// A row's cells but for the source, as people read them.
pub(super) fn cells(row: &Row) -> [String; 8] {
    let or_none = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), figure);
    let pass = match row.pass {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "-",
    };
    [
        row.name.clone(),
        engine(row.engine).to_owned(),
        row.quantity.clone(),
        figure(row.expected),
        figure(row.measured),
        or_none(row.tolerance),
        or_none(row.standard_error),
        pass.to_owned(),
    ]
}

fn engine(engine: Engine) -> &'static str {
    match engine {
        Engine::Fluid => "fluid",
        Engine::Exact => "exact",
        Engine::Sampled => "sampled",
        Engine::Closed => "closed",
    }
}

/// A number to five significant digits, without zeros at its end.
pub(super) fn figure(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = libm::log10(value.abs()).floor() as i32;
    if magnitude < -6 {
        return format!("{value:.1e}");
    }
    let decimals = (4 - magnitude).max(0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_five_digits_that_say_something() {
        let shown =
            [(0.0, "0"), (1.0 / 3.0, "0.33333"), (104.622_68, "104.62"), (0.005, "0.005"), (250_000.4, "250000")];
        for (value, text) in shown.into_iter().chain([(-0.0123456, "-0.012346"), (3.2e-8, "3.2e-8")]) {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn a_page_counts_what_fails_and_names_it() {
        let mut section = Section::new("Queues");
        let held = |measured| Row::held("M/M/1", Engine::Fluid, "L", [1.0, measured], 0.01, "Erlang");
        section.rows = vec![held(1.0), held(1.5), Row::informing("M/M/1", Engine::Exact, "peak", [1.0, 1.5], "none")];
        let page = page(&Validation { sections: vec![section], ..Validation::default() });
        assert!(page.contains("**2 rows are held to a tolerance, 1 of them fail; 1 inform.**"), "{page}");
        assert!(page.contains("M/M/1, L (fluid), off by 0.5"), "{page}");
        assert!(page.contains("| M/M/1 | fluid | L | 1 | 1.5 | 0.01 | - | **no** | Erlang |"), "{page}");
    }
}

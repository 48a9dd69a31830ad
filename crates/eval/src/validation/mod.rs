//! Holds both engines to queueing theory, to published outages and to each other, row by row.

mod claims;
mod error;
mod families;
mod outages;
mod page;
mod plots;
mod row;
mod section;
mod table;
mod theory;

use microcloud_core::Rule;
use microcloud_policy::nearest_name;

pub use error::ValidationError;
pub use page::{page, row_line};
pub use plots::{Plot, Series, Style};
pub use row::{Engine, Row};
pub use section::Section;

/// How much is simulated: everything, within five minutes on two cores, or a part of it within one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// The part that continuous integration runs: fewer rows, each measured as at full effort.
    Quick,
    /// Every comparison.
    Full,
}

/// Everything that was compared.
#[derive(Clone, Debug, Default)]
pub struct Validation {
    /// What was left out or switched off; nothing where it is whole.
    pub part: String,
    /// In the order of the page.
    pub sections: Vec<Section>,
}

impl Validation {
    /// Every row, in the order of the page.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|section| &section.rows)
    }

    /// Rows that are held to a tolerance, and those of them that fail.
    pub fn held_and_failed(&self) -> (usize, usize) {
        let held = self.rows().filter_map(|row| row.pass);
        held.fold((0, 0), |(held, failed), pass| (held + 1, failed + usize::from(!pass)))
    }
}

/// A section, and what it is called while it runs.
struct Comparison {
    name: &'static str,
    /// Makes the section, with rules of the fluid engine switched off.
    run: fn(Effort, &[String]) -> Result<Section, ValidationError>,
    /// Whether it has rows that fail where the fluid engine lacks a rule.
    feels_rules: bool,
}

/// Every section in the order of the page.
const COMPARISONS: &[Comparison] = &[
    Comparison { name: "steady states", run: theory::steady_states, feels_rules: true },
    Comparison { name: "changes of load", run: theory::transients, feels_rules: true },
    Comparison { name: "outages", run: outages::section, feels_rules: true },
    Comparison { name: "claims", run: claims::section, feels_rules: false },
    Comparison { name: "families", run: families::section, feels_rules: false },
];

/// Runs every comparison. The rules named in `rules_off` are switched off in every scenario that the fluid engine plays, to
/// see that the validation fails without them; sections that cannot fail for that reason are then left out, and so are the
/// rows of queueing theory for the exact engine, which has no such rules. `progress` hears what begins.
///
/// The figures do not depend on the number of threads.
///
/// # Errors
/// A rule that nobody knows.
pub fn validate(effort: Effort, rules_off: &[String], progress: &dyn Fn(&str)) -> Result<Validation, ValidationError> {
    check_rules(rules_off)?;
    let quick = (effort == Effort::Quick).then(|| "its quick part".to_owned());
    let without = (!rules_off.is_empty()).then(|| format!("without {}", rules_off.join(", ")));
    let part = quick.into_iter().chain(without).collect::<Vec<_>>().join(", ");
    let mut validation = Validation { part, ..Validation::default() };
    for comparison in COMPARISONS.iter().filter(|comparison| rules_off.is_empty() || comparison.feels_rules) {
        progress(comparison.name);
        validation.sections.push((comparison.run)(effort, rules_off)?);
    }
    Ok(validation)
}

/// Whether each name is one of the rules of the physics.
///
/// # Errors
/// The first that is not, with the nearest one that is.
pub fn check_rules(names: &[String]) -> Result<(), ValidationError> {
    let known: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let nearest = nearest_name(name, known.iter().copied()).map(str::to_owned);
    Err(ValidationError::UnknownRule { name: name.clone(), nearest, allowed: known.join(", ") })
}

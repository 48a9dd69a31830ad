//! Holds both engines to queueing theory, to published outages and to each other, row by row.

mod claims;
mod error;
mod families;
mod page;
mod plots;
mod row;
mod section;
mod table;
mod theory;

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

/// Makes one section, with rules of the fluid engine switched off.
type Comparison = fn(Effort, &[String]) -> Result<Section, ValidationError>;

/// Every section in the order of the page, with what it is called while it runs.
const COMPARISONS: &[(&str, Comparison)] = &[
    ("steady states", theory::steady_states),
    ("changes of load", theory::transients),
    ("claims", claims::section),
    ("families", families::section),
];

/// Runs every comparison. The rules named in `rules_off` are switched off in every scenario that the fluid engine plays, to
/// see that the validation fails without them; rows of the exact engine, which has no such rules, are then left out where
/// they are not what the fluid engine is compared with. `progress` hears what begins.
///
/// The figures do not depend on the number of threads.
///
/// # Errors
/// A rule that nobody knows.
pub fn validate(effort: Effort, rules_off: &[String], progress: &dyn Fn(&str)) -> Result<Validation, ValidationError> {
    let mut validation = Validation::default();
    for (name, compare) in COMPARISONS {
        progress(name);
        validation.sections.push(compare(effort, rules_off)?);
    }
    Ok(validation)
}

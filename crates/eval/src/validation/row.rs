//! One comparison of the validation: what is expected, what an engine gave, and how far apart they may be.

use serde::Serialize;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The engine that policies are trained in.
    Fluid,
    /// The discrete-event engine with one object per request.
    Exact,
    /// Probes, votes and checks drawn one by one, apart from both engines.
    Sampled,
    /// Arithmetic alone: a published claim under its own numbers.
    Closed,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The system and its parameters, the same for every quantity and engine of a comparison.
    pub name: String,
    /// What was measured.
    pub engine: Engine,
    /// The quantity and its unit.
    pub quantity: String,
    /// What theory, a publication or the other engine says; an outcome is 1 or 0.
    pub expected: f64,
    /// What the engine gave.
    pub measured: f64,
    /// Largest distance between the two that passes, in the quantity's unit; none where the row only informs.
    pub tolerance: Option<f64>,
    /// Standard error of `measured`, where it is a mean over replications.
    pub standard_error: Option<f64>,
    /// Whether it is within the tolerance; none where the row only informs.
    pub pass: Option<bool>,
    /// Where the expectation comes from.
    pub source: String,
}

impl Row {
    /// A row that passes where `measured` is within `tolerance` of `expected`; NaN never is.
    pub fn held(
        name: impl Into<String>,
        engine: Engine,
        quantity: impl Into<String>,
        [expected, measured]: [f64; 2],
        tolerance: f64,
        source: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            engine,
            quantity: quantity.into(),
            expected,
            measured,
            tolerance: Some(tolerance),
            standard_error: None,
            pass: Some((measured - expected).abs() <= tolerance),
            source: source.into(),
        }
    }

    /// A row that only informs.
    pub fn informing(
        name: impl Into<String>,
        engine: Engine,
        quantity: impl Into<String>,
        [expected, measured]: [f64; 2],
        source: impl Into<String>,
    ) -> Self {
        Self { tolerance: None, pass: None, ..Self::held(name, engine, quantity, [expected, measured], 0.0, source) }
    }

    /// The same with a standard error, which fails beyond `largest` even where the mean is right: a comparison that proves
    /// nothing is none.
    pub fn with_standard_error(mut self, standard_error: f64, largest: f64) -> Self {
        self.standard_error = Some(standard_error);
        self.pass = self.pass.map(|pass| pass && standard_error <= largest);
        self
    }
}

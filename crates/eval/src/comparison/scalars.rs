//! The scalars of a run's metrics.jsonl that are drawn.

use std::path::Path;

use serde_json::Value;

use super::{ComparisonError, run::text};

/// What is drawn of a run, in this order.
pub(super) const SCALARS: [&str; 3] = ["eval/episodic_return", "charts/episodic_return", "slo/availability"];

/// Points of each of [`SCALARS`] by environment steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scalars {
    pub points: [Vec<(f64, f64)>; SCALARS.len()],
    /// The last step there is a line of.
    pub last_step: u64,
}

impl Scalars {
    /// Reads metrics.jsonl; a run that has not got that far has none, and a last line without its end, as a run leaves it
    /// that was killed, is left out.
    ///
    /// # Errors
    /// Any other line that is no object with a step.
    pub fn read(file: &Path) -> Result<Self, ComparisonError> {
        let mut scalars = Self::default();
        if !file.exists() {
            return Ok(scalars);
        }
        for (number, line) in text(file)?.split_inclusive('\n').enumerate() {
            let Some(line) = line.strip_suffix('\n') else { break };
            let read: Option<Value> = serde_json::from_str(line).ok();
            let Some((read, step)) = read.and_then(|read| read["step"].as_u64().map(|step| (read, step))) else {
                let problem = format!("line {} is no object with a step", number + 1);
                return Err(ComparisonError::Corrupt { file: file.to_owned(), problem });
            };
            scalars.last_step = scalars.last_step.max(step);
            for (points, name) in scalars.points.iter_mut().zip(SCALARS) {
                points.extend(read[name].as_f64().map(|value| (step as f64, value)));
            }
        }
        Ok(scalars)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Scalars, ComparisonError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("metrics.jsonl");
        std::fs::write(&file, text).unwrap();
        Scalars::read(&file)
    }

    #[test]
    fn points_are_by_step_and_half_a_last_line_is_left_out() {
        let scalars = read(
            "{\"step\":10,\"charts/episodic_return\":-2.5}\n{\"step\":20,\"eval/episodic_return\":-1}\n{\"step\":30,\"cha",
        );
        let scalars = scalars.unwrap();
        assert_eq!(scalars.points, [vec![(20.0, -1.0)], vec![(10.0, -2.5)], vec![]]);
        assert_eq!(scalars.last_step, 20);
    }

    #[test]
    fn a_line_that_is_spoilt_is_named() {
        let error = read("{\"step\":10}\n{\"stp\":20}\n{\"step\":30}\n").unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        assert_eq!(error.exit_code(), 3);
    }
}

//! Run folders with numbers that can be computed by hand.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use microcloud_eval::{
    ControlLevels, ControlStatistics, EvaluationLevels, EvaluationReport, EvaluationRow, PolicyLevels,
    ReturnStatistics, ScenarioLevels, Score,
};

const LEVELS: usize = 8;
/// What the oracle gains over no-op.
const GAP: f64 = 8.0;

/// A folder of runs on one scenario with eight levels: no-op returns -10 on the first, and one less on each that follows;
/// every policy gains the same on all of them.
pub struct Toy {
    folder: tempfile::TempDir,
    scenario: String,
}

impl Toy {
    pub fn new() -> Result<Self, Box<dyn Error>> {
        Self::named("toy")
    }

    pub fn named(scenario: &str) -> Result<Self, Box<dyn Error>> {
        Ok(Self { folder: tempfile::tempdir()?, scenario: scenario.to_owned() })
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A text without the folder that the runs are in.
    pub fn relative(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.root().display()), "")
    }

    /// A run that gains so much over no-op; without a gain it was interrupted before its evaluation.
    pub fn run(&self, algo: &str, seed: u64, gain: Option<f64>) -> Result<PathBuf, Box<dyn Error>> {
        let run = self.root().join(format!("{algo}-{seed}"));
        fs::create_dir(&run)?;
        let put = |file: &str, text: String| fs::write(run.join(file), text);
        let scenario = serde_json::to_string(&self.scenario)?;
        put(
            "config.toml",
            format!(
                "scenario = {scenario}\nalgo = \"{algo}\"\nseed = {seed}\ntotal_timesteps = 3000\n[ppo]\ngamma = 0.97\n"
            ),
        )?;
        put("manifest.json", format!("{{\"scenario\": {scenario}, \"scenario_sha256\": \"00\"}}"))?;
        let line = |place: u64| {
            let (step, value) = (1000 * place, -20.0 + (place * seed) as f64);
            format!("{{\"step\":{step},\"charts/episodic_return\":{value},\"eval/episodic_return\":{value}}}\n")
        };
        put("metrics.jsonl", (1..=3).map(line).collect())?;
        let status = if gain.is_some() { "completed" } else { "interrupted" };
        put("exit.json", format!("{{\"status\": \"{status}\", \"code\": 0}}"))?;
        if let Some(gain) = gain {
            let name = format!("{algo}:{}", run.display());
            let policies = [("no-op", 0.0), ("calibrated-rules", 4.0), ("oracle", GAP), (name.as_str(), gain)];
            let report = self.report(&policies);
            put("evaluation.json", report.to_json())?;
            put("evaluation_levels.json", report.levels.to_json())?;
        }
        Ok(run)
    }

    fn report(&self, policies: &[(&str, f64)]) -> EvaluationReport {
        let levels = EvaluationLevels {
            schema: 1,
            split: "test".into(),
            seed: 0,
            scenarios: vec![ScenarioLevels {
                scenario: self.scenario.clone(),
                levels: (0..LEVELS as u64).collect(),
                control_levels: vec![100, 101],
                policies: policies.iter().map(|(name, gain)| outcomes(name, *gain)).collect(),
            }],
        };
        let rows = policies.iter().map(|(name, gain)| self.row(name, *gain)).collect();
        EvaluationReport { schema: 1, split: "test".into(), rows, levels }
    }

    fn row(&self, policy: &str, gain: f64) -> EvaluationRow {
        let score = gain / GAP;
        EvaluationRow {
            scenario: self.scenario.clone(),
            policy: policy.to_owned(),
            episodes: LEVELS,
            returns: ReturnStatistics { mean: Some(gain - 13.5), ci95: Some([gain - 15.0, gain - 12.0]), cvar10: None },
            score: Some(Score {
                value: score,
                ci95: [score - 0.05, score + 0.05].map(|end| (end * 100.0).round() / 100.0),
            }),
            availability: Some(0.99),
            p99_ms: Some(120.0),
            ttd_s: Some(20.0),
            ttr_s: Some(202.5),
            recovered_ratio: Some(0.75),
            bad_minutes: Some(1.0),
            actions: Some(2.0),
            cost: Some(1.0),
            control: ControlStatistics { episodes: 2, returns: Some(0.0), availability: Some(1.0), actions: Some(0.0) },
            difference: None,
        }
    }
}

/// What a policy came to: recovered after ten seconds times the level's place and its gain, but not on the last two levels.
fn outcomes(policy: &str, gain: f64) -> PolicyLevels {
    let recovered = |level: usize| level < LEVELS - 2;
    PolicyLevels {
        policy: policy.to_owned(),
        returns: (0..LEVELS).map(|level| gain - 10.0 - level as f64).collect(),
        availability: vec![Some(0.99); LEVELS],
        p99_ms: vec![Some(120.0); LEVELS],
        ttd_s: vec![Some(20.0); LEVELS],
        ttr_s: (0..LEVELS)
            .map(|level| Some(if recovered(level) { 10.0 * (level as f64 + gain) } else { 600.0 }))
            .collect(),
        recovered: (0..LEVELS).map(|level| Some(recovered(level))).collect(),
        bad_minutes: vec![1.0; LEVELS],
        actions: vec![2.0; LEVELS],
        cost: vec![Some(1.0); LEVELS],
        control: ControlLevels { returns: vec![0.0; 2], availability: vec![Some(1.0); 2], actions: vec![0.0; 2] },
    }
}

//! Counts of instructions beside those that are stored.

use std::{fmt, fs, path::Path};

use super::{InstructionCounts, InstructionError, InstructionRow};

/// Version of the file's layout.
pub(super) const SCHEMA: u32 = 1;

/// A count may grow to this ratio of the stored one; work done twice, which doubles it, is far beyond.
pub const GROWN_RATIO: f64 = 1.25;

/// Below this ratio of the stored count the comparison guards hardly anything any more: counts are to be recorded anew.
pub const SHRUNK_RATIO: f64 = 0.8;

/// What a ratio of two counts means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Beyond [`GROWN_RATIO`]: a regression.
    Grown,
    /// Between both.
    Held,
    /// Below [`SHRUNK_RATIO`].
    Shrunk,
}

/// Every stored count with the one of now, in the stored order.
#[derive(Clone, Debug)]
pub struct Comparison {
    rows: Vec<(InstructionRow, u64)>,
}

impl InstructionCounts {
    /// Reads counts from a file.
    ///
    /// # Errors
    /// A file that cannot be read, or does not hold counts of at least one instruction.
    pub fn read(file: &Path) -> Result<Self, InstructionError> {
        let bytes = fs::read(file).map_err(|source| InstructionError::Unreadable { file: file.to_owned(), source })?;
        let malformed = |problem: String| InstructionError::Malformed { file: file.to_owned(), problem };
        let counts: Self = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        if counts.schema != SCHEMA {
            return Err(malformed(format!("schema = {}; allowed: {SCHEMA}", counts.schema)));
        }
        if let Some(row) = counts.rows.iter().find(|row| row.instructions == 0) {
            return Err(malformed(format!("{} of {}: 0; allowed: 1 or more", row.quantity, row.scenario)));
        }
        Ok(counts)
    }

    /// The counts as a file's content.
    pub fn to_json(&self) -> String {
        // Names and whole numbers can always be written.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Compares with counts that `file` holds.
    ///
    /// # Errors
    /// Stored counts of another architecture, or of other scenarios or quantities.
    pub fn compare(&self, stored: &Self, file: &Path) -> Result<Comparison, InstructionError> {
        let incomparable = |problem: String| InstructionError::Incomparable { file: file.to_owned(), problem };
        if self.architecture != stored.architecture {
            return Err(incomparable(format!(
                "counts of {}; this machine is {}",
                stored.architecture, self.architecture
            )));
        }
        let same = |one: &InstructionRow, other: &InstructionRow| {
            (&one.scenario, one.quantity) == (&other.scenario, other.quantity)
        };
        let again = |(index, row): &(usize, &InstructionRow)| stored.rows[..*index].iter().any(|old| same(old, row));
        if let Some((_, row)) = stored.rows.iter().enumerate().find(again) {
            return Err(incomparable(format!("{} of {:?} stands there twice", row.quantity, row.scenario)));
        }
        let unknown = stored.rows.iter().find(|old| !self.rows.iter().any(|new| same(old, new)));
        let missing = self.rows.iter().find(|new| !stored.rows.iter().any(|old| same(old, new)));
        if let Some(row) = unknown.or(missing) {
            let which = if unknown.is_some() { "is no longer counted" } else { "is not among the counts" };
            return Err(incomparable(format!("{} of {:?} {which}", row.quantity, row.scenario)));
        }
        let now = |old: &InstructionRow| self.rows.iter().find(|new| same(old, new)).map_or(0, |new| new.instructions);
        Ok(Comparison { rows: stored.rows.iter().map(|old| (old.clone(), now(old))).collect() })
    }
}

impl Comparison {
    /// Every stored count with the ratio of the one of now to it, and what that means.
    pub fn rows(&self) -> impl Iterator<Item = (&InstructionRow, f64, Verdict)> {
        self.rows.iter().map(|(stored, now)| {
            let ratio = *now as f64 / stored.instructions as f64;
            let verdict = match ratio {
                ratio if ratio > GROWN_RATIO => Verdict::Grown,
                ratio if ratio < SHRUNK_RATIO => Verdict::Shrunk,
                _ => Verdict::Held,
            };
            (stored, ratio, verdict)
        })
    }

    /// How many counts have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows().filter(|(_, _, found)| *found == verdict).count()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |row: [&str; 6]| {
            let [scenario, quantity, stored, now, ratio, note] = row;
            let line = format!("{scenario:<16}  {quantity:<12}  {stored:>10}  {now:>10}  {ratio:>6}  {note}");
            writeln!(formatter, "{}", line.trim_end())
        };
        line(["scenario", "quantity", "stored", "now", "ratio", ""])?;
        for ((stored, ratio, verdict), (_, now)) in self.rows().zip(&self.rows) {
            let note = match verdict {
                Verdict::Grown => "grown",
                Verdict::Held => "",
                Verdict::Shrunk => "fell: record anew",
            };
            let numbers = (stored.instructions.to_string(), now.to_string(), format!("{ratio:.3}"));
            line([&stored.scenario, &stored.quantity.to_string(), &numbers.0, &numbers.1, &numbers.2, note])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::{super::Quantity, *};

    #[test]
    fn a_reset_costs_less_than_ten_ticks_of_random_play() -> Result<(), Box<dyn Error>> {
        let stored: InstructionCounts = serde_json::from_str(include_str!("../../../../benches/instructions.json"))?;
        let of = |scenario: &str, quantity: Quantity| {
            let mut rows = stored.rows.iter();
            rows.find(|row| row.scenario == scenario && row.quantity == quantity).map(|row| row.instructions)
        };
        for scenario in super::super::COUNTED_SCENARIOS {
            let (reset, tick) = (of(scenario, Quantity::Reset), of(scenario, Quantity::RandomTick));
            assert!(reset.zip(tick).is_some_and(|(reset, tick)| reset < 10 * tick), "{scenario}");
        }
        Ok(())
    }

    fn counts(instructions: [u64; 2]) -> InstructionCounts {
        let row = |quantity, instructions| InstructionRow { scenario: "spine12".to_owned(), quantity, instructions };
        let rows = vec![row(Quantity::RandomTick, instructions[0]), row(Quantity::Reset, instructions[1])];
        InstructionCounts { schema: SCHEMA, architecture: "x86_64".to_owned(), rows }
    }

    fn verdicts(stored: [u64; 2], now: [u64; 2]) -> Result<Vec<Verdict>, InstructionError> {
        let comparison = counts(now).compare(&counts(stored), Path::new("counts.json"))?;
        Ok(comparison.rows().map(|(_, _, verdict)| verdict).collect())
    }

    #[test]
    fn a_count_that_doubles_fails_and_one_that_stays_passes() -> Result<(), InstructionError> {
        assert_eq!(verdicts([9_000, 400], [9_000, 400])?, [Verdict::Held; 2]);
        assert_eq!(verdicts([9_000, 400], [18_000, 400])?, [Verdict::Grown, Verdict::Held]);
        assert_eq!(verdicts([9_000, 400], [9_000, 800])?, [Verdict::Held, Verdict::Grown]);
        Ok(())
    }

    #[test]
    fn a_count_that_falls_by_more_than_a_fifth_is_to_be_recorded_anew() -> Result<(), InstructionError> {
        assert_eq!(verdicts([9_000, 400], [7_300, 310])?, [Verdict::Held, Verdict::Shrunk]);
        let comparison = counts([9_000, 310]).compare(&counts([9_000, 400]), Path::new("counts.json"))?;
        assert!(comparison.to_string().contains("record anew") && comparison.count(Verdict::Grown) == 0);
        Ok(())
    }

    #[test]
    fn counts_of_something_else_are_not_compared() {
        let (now, file) = (counts([1, 1]), Path::new("counts.json"));
        let mut other = now.clone();
        other.architecture = "aarch64".to_owned();
        assert!(matches!(now.compare(&other, file), Err(InstructionError::Incomparable { .. })));
        let mut fewer = now.clone();
        fewer.rows.pop();
        for (one, two) in [(&now, &fewer), (&fewer, &now)] {
            assert!(matches!(one.compare(two, file), Err(InstructionError::Incomparable { .. })));
        }
    }

    #[test]
    fn what_is_stored_is_read_again_and_what_is_no_count_is_refused() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("counts.json");
        assert!(matches!(InstructionCounts::read(&file), Err(InstructionError::Unreadable { .. })));
        let text = counts([9_000, 400]).to_json();
        fs::write(&file, &text)?;
        assert_eq!(InstructionCounts::read(&file)?, counts([9_000, 400]));
        for (from, to) in
            [("400", "0"), ("400", "-1"), ("reset", "rest"), ("\"schema\": 1", "\"schema\": 2"), ("}", "")]
        {
            let spoilt = text.replace(from, to);
            assert!(spoilt != text, "nothing to spoil in {from}");
            fs::write(&file, spoilt)?;
            let read = InstructionCounts::read(&file);
            assert!(matches!(read, Err(InstructionError::Malformed { .. })), "{from} as {to}: {read:?}");
        }
        Ok(())
    }
}

//! What a set of rows holds, counted: of the rows as planned, and of those that really ran.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    Campaign, Design, Factor, Factors, Kind, OatsError, balanced_strength, count_tuples, coverage::missing,
    factors::Rules,
};

/// A certificate that anybody can check against the rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Certificate {
    /// Version of these names.
    pub schema: u32,
    /// The array's name.
    pub array: String,
    /// What the rows promise.
    pub kind: Kind,
    /// Number of rows.
    pub n: usize,
    /// Number of factors.
    pub k: usize,
    /// Number of levels of each factor.
    pub levels: Vec<usize>,
    /// The factors with the names of their levels.
    pub factors: Vec<Factor>,
    /// The strength of the rows as planned; see [`Coverage::strength`].
    pub strength: usize,
    /// The rows as planned.
    pub planned: Coverage,
    /// The rows that ran, by policy; none where nothing was played.
    pub executed: Vec<Executed>,
}

/// What was struck in the episodes of a policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Executed {
    /// The scenario.
    pub scenario: String,
    /// The policy.
    pub policy: String,
    /// Levels on which every row was played.
    pub levels: Vec<u64>,
    /// Rows, from 1, in which something else was struck than was planned, on any level.
    pub rows_that_differ: Vec<usize>,
    /// The rows as the environment reported them, a row for each episode.
    pub coverage: Coverage,
}

/// Which combinations of levels stand in rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// Number of rows.
    pub rows: usize,
    /// The greatest t up to 3 for which every combination of the levels of t factors stands equally often (orthogonal), or
    /// every one that the constraints allow stands at all (covering).
    pub strength: usize,
    /// Combinations of the levels of two factors.
    pub pairs: Tuples,
    /// Combinations of the levels of three factors.
    pub triples: Tuples,
    /// SHA-256 of the rows: the number of each level from 0, a space between two, and a line feed after each row.
    pub sha256: String,
}

/// How many combinations there are, and how often they stand.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tuples {
    /// Combinations that there are.
    pub total: usize,
    /// Those that no row allowed by the constraints has.
    pub infeasible: usize,
    /// Those that stand in a row.
    pub covered: usize,
    /// `covered` as a percentage of those that are feasible.
    pub percent: f64,
    /// Rows in which the rarest feasible combination stands.
    pub min_count: usize,
    /// Rows in which the most frequent combination stands.
    pub max_count: usize,
}

impl Certificate {
    /// The certificate of a design whose constraints are those of `factors`, and of what was played of it.
    ///
    /// # Errors
    /// Constraints that name what is not there.
    pub fn new(design: &Design, factors: &Factors, played: Option<&Campaign>) -> Result<Self, OatsError> {
        let rules = factors.rules()?;
        let planned = coverage(&design.rows, design, &rules);
        let executed = played.map(|campaign| executed(campaign, design, &rules)).unwrap_or_default();
        Ok(Self {
            schema: 1,
            array: design.array.name().to_owned(),
            kind: design.kind,
            n: design.rows.len(),
            k: design.factors.len(),
            levels: levels(design),
            factors: design.factors.clone(),
            strength: planned.strength,
            planned,
            executed,
        })
    }
}

fn executed(campaign: &Campaign, design: &Design, rules: &Rules) -> Vec<Executed> {
    let by_policy = |policy: &String| {
        let played = || campaign.played.iter().filter(|played| played.policy == *policy);
        let rows: Vec<Vec<u8>> = played().map(|played| played.executed.clone()).collect();
        let mut differ: Vec<usize> =
            played().filter(|played| played.executed != design.rows[played.row]).map(|played| played.row + 1).collect();
        differ.dedup();
        Executed {
            scenario: campaign.scenario.clone(),
            policy: policy.clone(),
            levels: campaign.levels.clone(),
            rows_that_differ: differ,
            coverage: coverage(&rows, design, rules),
        }
    };
    campaign.policies.iter().map(by_policy).collect()
}

fn levels(design: &Design) -> Vec<usize> {
    design.factors.iter().map(|factor| factor.levels.len()).collect()
}

fn coverage(rows: &[Vec<u8>], design: &Design, rules: &Rules) -> Coverage {
    let levels = levels(design);
    let strength = match design.kind {
        Kind::Orthogonal => balanced_strength(rows, &levels),
        Kind::Covering => {
            let holds = |t: &usize| !rows.is_empty() && missing(rows, &levels, *t).iter().all(|one| !rules.allows(one));
            (1..=levels.len().min(3)).take_while(holds).last().unwrap_or(0)
        }
    };
    Coverage {
        rows: rows.len(),
        strength,
        pairs: tuples(rows, &levels, 2, rules),
        triples: tuples(rows, &levels, 3, rules),
        sha256: sha256(rows),
    }
}

fn tuples(rows: &[Vec<u8>], levels: &[usize], t: usize, rules: &Rules) -> Tuples {
    let count = count_tuples(rows, levels, t);
    let infeasible = missing(rows, levels, t).iter().filter(|tuple| !rules.allows(tuple)).count();
    let feasible = count.total - infeasible;
    let is_whole = count.covered == feasible;
    Tuples {
        total: count.total,
        infeasible,
        covered: count.covered,
        percent: if feasible == 0 { 100.0 } else { 100.0 * count.covered as f64 / feasible as f64 },
        min_count: if is_whole { count.least_covered } else { 0 },
        max_count: count.most,
    }
}

fn sha256(rows: &[Vec<u8>]) -> String {
    let line = |row: &Vec<u8>| row.iter().map(u8::to_string).collect::<Vec<_>>().join(" ") + "\n";
    let text: String = rows.iter().map(line).collect();
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oats::{Array, orthogonal, pairwise};

    type Outcome = Result<(), OatsError>;

    fn of_letters(array: Array) -> Result<Certificate, OatsError> {
        let design = orthogonal(array, None)?;
        Certificate::new(&design, &Factors::unconstrained(design.factors.clone()), None)
    }

    fn services(count: usize) -> Vec<Factor> {
        (0..count).map(|n| Factor::new(format!("s{n}"), &["healthy", "degraded", "down"])).collect()
    }

    #[test]
    fn l27_over_twelve_services_holds_each_of_594_pairs_three_times_and_5220_of_5940_triples() -> Outcome {
        let design = orthogonal(Array::L27, Some(&services(12)))?;
        let certificate = Certificate::new(&design, &Factors::unconstrained(services(12)), None)?;
        let (pairs, triples) = (&certificate.planned.pairs, &certificate.planned.triples);
        assert_eq!((certificate.n, certificate.k, certificate.strength), (27, 12, 2));
        assert_eq!((pairs.total, pairs.covered, pairs.min_count, pairs.max_count), (594, 594, 3, 3));
        assert_eq!((triples.total, triples.covered), (5940, 5220));
        assert!((triples.percent - 87.878_787).abs() < 1e-5);
        Ok(())
    }

    #[test]
    fn every_array_holds_every_pair_equally_often_and_says_how_often() -> Outcome {
        for (array, n, k, counts) in [
            (Array::L9, 9, 4, (1, 1)),
            (Array::L18, 18, 8, (2, 3)),
            (Array::L27, 27, 13, (3, 3)),
            (Array::L36, 36, 23, (4, 9)),
            (Array::L81, 81, 40, (9, 9)),
        ] {
            let certificate = of_letters(array)?;
            assert_eq!((certificate.n, certificate.k, certificate.strength), (n, k, 2), "{array:?}");
            let pairs = &certificate.planned.pairs;
            assert_eq!((pairs.total, (pairs.min_count, pairs.max_count)), (pairs.covered, counts), "{array:?}");
        }
        Ok(())
    }

    #[test]
    fn what_constraints_forbid_does_not_count_as_missing_and_what_they_allow_does() -> Outcome {
        let factors = Factors { zones: 1, ..Factors::mixed()? };
        let mut design = pairwise(&factors)?;
        let whole = Certificate::new(&design, &factors, None)?;
        let pairs = &whole.planned.pairs;
        assert_eq!((pairs.total, pairs.infeasible, pairs.covered, pairs.percent), (756, 39, 717, 100.0));
        assert!(pairs.min_count >= 1 && whole.strength == 2);
        design.rows.remove(0);
        let part = Certificate::new(&design, &factors, None)?;
        assert!(part.planned.pairs.covered < 717 && part.planned.pairs.min_count == 0 && part.strength < 2);
        assert_eq!(part.planned.pairs.infeasible, 39);
        assert_ne!(part.planned.sha256, whole.planned.sha256);
        Ok(())
    }

    #[test]
    fn the_checksum_is_that_of_the_rows_as_written() {
        // printf '0 1\n2 0\n' | sha256sum
        let expected = "0969c0c7749db4eaa574789466e3a8fa4bd231fc2242777227bca2f676a4720c";
        assert_eq!(sha256(&[vec![0, 1], vec![2, 0]]), expected);
    }
}

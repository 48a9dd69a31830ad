//! Covering arrays of strength 2 for mixed levels with constraints, row by row, each the best of several greedy ones.
//!
//! The method is that of AETG (Cohen, Dalal, Fredman and Patton, "The AETG System", IEEE Transactions on Software
//! Engineering 23(7), 1997): a row begins with a pair that is still missing and takes factor after factor the level that
//! brings the most missing pairs. The whole is done several times, and the shortest list of rows is kept.

use microcloud_core::mix_bits;

use super::{Array, Design, Factors, Kind, OatsError, coverage::missing, factors::Rules};

/// Rows tried for each row kept.
const CANDIDATES: usize = 40;
/// Lists made, the shortest of which is kept, where that takes less than so many looks at a pair.
const LISTS: usize = 40;
const MOST_LOOKS: usize = 400_000_000;

/// Rows that hold every pair of levels which the constraints allow; equal factors give equal rows.
///
/// # Errors
/// Constraints that name what is not there, or that leave no row at all.
pub fn pairwise(factors: &Factors) -> Result<Design, OatsError> {
    let rules = factors.rules()?;
    let levels = factors.levels();
    if !rules.can_complete(&vec![None; levels.len()]) {
        let problem = "the constraints forbid every row; allowed: at least one".to_owned();
        return Err(OatsError::Factors { origin: "constraints".to_owned(), problem });
    }
    let wanted: Vec<Vec<(usize, u8)>> =
        missing(&[], &levels, 2).into_iter().filter(|pair| rules.allows(pair)).collect();
    let sum: usize = levels.iter().sum();
    let looks = CANDIDATES * sum * levels.len() * wanted.len() / levels.len().pow(2).max(1) * 4;
    let lists = (MOST_LOOKS / looks.max(1)).clamp(1, LISTS);
    let list = |seed: usize| Rows::new(&levels, &rules, &wanted, seed as u64).complete();
    // The first of equally short ones.
    let rows = (0..lists).map(list).min_by_key(Vec::len).unwrap_or_default();
    Ok(Design { array: Array::Pairwise, kind: Kind::Covering, factors: factors.factors.clone(), rows })
}

/// A list of rows in the making.
struct Rows<'a> {
    levels: &'a [usize],
    rules: &'a Rules,
    /// First level of each factor among all levels.
    first: Vec<usize>,
    /// Whether a pair of levels is still missing, both ways round.
    is_missing: Vec<bool>,
    /// Missing pairs of each level.
    open: Vec<usize>,
    draws: u64,
}

impl<'a> Rows<'a> {
    fn new(levels: &'a [usize], rules: &'a Rules, wanted: &[Vec<(usize, u8)>], seed: u64) -> Self {
        let first: Vec<usize> =
            levels.iter().scan(0, |sum, &count| Some(std::mem::replace(sum, *sum + count))).collect();
        let all = levels.iter().sum();
        let mut rows =
            Self { levels, rules, first, is_missing: vec![false; all * all], open: vec![0; all], draws: seed << 32 };
        for pair in wanted {
            rows.mark(pair[0], pair[1], true);
        }
        rows
    }

    fn complete(mut self) -> Vec<Vec<u8>> {
        let mut rows = Vec::new();
        while self.open.iter().any(|&open| open > 0) {
            let candidates = (0..CANDIDATES).map(|_| self.candidate()).collect::<Vec<_>>();
            let best = candidates.into_iter().rev().max_by_key(|row| self.gain(row));
            let Some(best) = best.filter(|row| self.gain(row) > 0) else { break };
            for a in 0..best.len() {
                for b in a + 1..best.len() {
                    self.mark((a, best[a]), (b, best[b]), false);
                }
            }
            rows.push(best);
        }
        rows
    }

    /// A row that begins with a missing pair of the level that has the most of them.
    fn candidate(&mut self) -> Vec<u8> {
        let mut row = vec![None; self.levels.len()];
        let everything: Vec<(usize, u8)> = self.everything().collect();
        let most = self.open.iter().copied().max().unwrap_or(0);
        let ties: Vec<_> = everything.iter().filter(|level| self.open[self.index(**level)] == most).collect();
        let start = *ties[self.draw(ties.len())];
        let partners: Vec<_> = everything.iter().filter(|other| self.misses(start, **other)).collect();
        let partner = *partners[self.draw(partners.len())];
        (row[start.0], row[partner.0]) = (Some(start.1), Some(partner.1));
        let mut places: Vec<usize> = (0..row.len()).filter(|&place| row[place].is_none()).collect();
        for last in (1..places.len()).rev() {
            let other = self.draw(last + 1);
            places.swap(last, other);
        }
        for place in places {
            let mut best: Vec<u8> = Vec::new();
            let mut best_gain = 0;
            for level in 0..self.levels[place] as u8 {
                row[place] = Some(level);
                if !self.rules.can_complete(&row) {
                    continue;
                }
                let set = row.iter().enumerate().filter_map(|(other, level)| level.map(|level| (other, level)));
                let gain = set.filter(|&other| self.misses((place, level), other)).count();
                if best.is_empty() || gain > best_gain {
                    (best, best_gain) = (vec![level], gain);
                } else if gain == best_gain {
                    best.push(level);
                }
            }
            // Every step kept the row completable, so that some level was left.
            row[place] = best.get(self.draw(best.len())).copied().or(Some(0));
        }
        row.into_iter().map(|level| level.unwrap_or(0)).collect()
    }

    /// Missing pairs that a row holds.
    fn gain(&self, row: &[u8]) -> usize {
        let pairs = (0..row.len()).flat_map(|a| (a + 1..row.len()).map(move |b| (a, b)));
        pairs.filter(|&(a, b)| self.misses((a, row[a]), (b, row[b]))).count()
    }

    fn everything(&self) -> impl Iterator<Item = (usize, u8)> + '_ {
        let levels = self.levels.iter().enumerate();
        levels.flat_map(|(place, &count)| (0..count as u8).map(move |level| (place, level)))
    }

    fn index(&self, (place, level): (usize, u8)) -> usize {
        self.first[place] + usize::from(level)
    }

    fn misses(&self, a: (usize, u8), b: (usize, u8)) -> bool {
        self.is_missing[self.index(a) * self.open.len() + self.index(b)]
    }

    fn mark(&mut self, a: (usize, u8), b: (usize, u8), is_missing: bool) {
        let (a, b, all) = (self.index(a), self.index(b), self.open.len());
        if self.is_missing[a * all + b] == is_missing {
            return;
        }
        (self.is_missing[a * all + b], self.is_missing[b * all + a]) = (is_missing, is_missing);
        for level in [a, b] {
            self.open[level] = if is_missing { self.open[level] + 1 } else { self.open[level] - 1 };
        }
    }

    /// A number below `count`, 0 where that is 0.
    fn draw(&mut self, count: usize) -> usize {
        self.draws += 1;
        ((u128::from(mix_bits(self.draws)) * count as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oats::{Factor, count_tuples};

    type Outcome = Result<(), OatsError>;

    #[test]
    fn the_mixed_factors_take_few_rows_for_all_756_pairs() -> Outcome {
        let design = pairwise(&Factors::mixed()?)?;
        let levels = Factors::mixed()?.levels();
        assert_eq!(levels, [8, 4, 3, 3, 3, 4, 2, 2, 3, 2, 3, 4]);
        let pairs = count_tuples(&design.rows, &levels, 2);
        assert_eq!((pairs.total, pairs.covered), (756, 756));
        // 8 x 4 is the least there can be; allpairspy 2.5.1 takes 37 rows.
        assert!((32..=37).contains(&design.rows.len()), "{} rows", design.rows.len());
        assert_eq!(pairwise(&Factors::mixed()?)?, design);
        Ok(())
    }

    #[test]
    fn a_second_fault_that_comes_with_the_first_needs_two_zones() -> Outcome {
        let factors = Factors { zones: 1, ..Factors::mixed()? };
        let design = pairwise(&factors)?;
        assert!(design.rows.iter().all(|row| row[7] == 0));
        // The level `yes` has a pair with each of the 39 levels of the other factors.
        assert_eq!(count_tuples(&design.rows, &factors.levels(), 2).covered, 756 - 39);
        Ok(())
    }

    #[test]
    fn rows_keep_constraints_that_chain_and_hold_every_pair_that_is_left() -> Outcome {
        let text = r#"
            factors = [{ name = "a", levels = ["0", "1", "2"] }, { name = "b", levels = ["0", "1"] },
                       { name = "c", levels = ["0", "1", "2"] }, { name = "d", levels = ["0", "1", "2"] }]
            constraints = [{ when = { a = "1" }, requires = { b = ["1"] } }, { when = { b = "1" }, requires = { c = ["0", "2"] } },
                           { when = { a = "2", d = "2" }, requires = { c = ["1"] } }]
        "#;
        let factors = Factors::from_toml(text, "test")?;
        let design = pairwise(&factors)?;
        let full = (0..54).map(|n| vec![n / 18, n / 9 % 2, n / 3 % 3, n % 3]);
        let keeps = |row: &Vec<u8>| {
            (row[0] != 1 || row[1] == 1) && (row[1] != 1 || row[2] != 1) && (row[0] != 2 || row[3] != 2 || row[2] == 1)
        };
        assert!(design.rows.iter().all(keeps));
        let possible: Vec<Vec<u8>> = full.filter(keeps).collect();
        let expected = count_tuples(&possible, &factors.levels(), 2).covered;
        assert_eq!(count_tuples(&design.rows, &factors.levels(), 2).covered, expected);
        assert!(expected < 3 * 2 + 9 + 9 + 6 + 6 + 9 && design.rows.len() <= 13, "{}", design.rows.len());
        Ok(())
    }

    #[test]
    fn twelve_services_with_three_levels_take_fewer_rows_than_l27() -> Outcome {
        let services = (1..=12).map(|n| Factor::new(format!("s{n}"), &["healthy", "degraded", "down"])).collect();
        let design = pairwise(&Factors::unconstrained(services))?;
        assert_eq!(count_tuples(&design.rows, &[3; 12], 2).covered, 594);
        assert!(design.rows.len() <= 20, "{} rows", design.rows.len());
        Ok(())
    }

    #[test]
    fn constraints_that_leave_nothing_are_refused() -> Outcome {
        let text = r#"
            factors = [{ name = "a", levels = ["0", "1"] }, { name = "b", levels = ["0", "1"] }]
            constraints = [{ when = { a = "0" }, min_zones = 2 }, { when = { a = "1" }, requires = { b = [] } }]
        "#;
        let message = pairwise(&Factors::from_toml(text, "test")?).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(message, Err("constraints: the constraints forbid every row; allowed: at least one".to_owned()));
        Ok(())
    }
}

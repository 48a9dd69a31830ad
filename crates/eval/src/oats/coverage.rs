//! How often combinations of levels stand in rows, counted one by one.

/// Combinations of levels of so many factors at a time, over all choices of the factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TupleCount {
    /// Combinations that there are.
    pub total: usize,
    /// Those that stand in at least one row.
    pub covered: usize,
    /// Rows in which the rarest combination stands, and the rarest of those that stand in any.
    pub least: usize,
    /// See `least`.
    pub least_covered: usize,
    /// Rows in which the most frequent one stands.
    pub most: usize,
    /// Whether within every choice of factors all combinations stand equally often.
    pub is_balanced: bool,
}

/// Counts the combinations of levels of `strength` factors at a time; `levels` says how many each factor has, and an entry
/// of a row beyond them counts as none of them.
pub fn count_tuples(rows: &[Vec<u8>], levels: &[usize], strength: usize) -> TupleCount {
    let mut sum =
        TupleCount { total: 0, covered: 0, least: usize::MAX, least_covered: usize::MAX, most: 0, is_balanced: true };
    each_tuple(rows, levels, strength, &mut |_, counts| {
        let least = counts.iter().copied().min().unwrap_or(0);
        let most = counts.iter().copied().max().unwrap_or(0);
        let found = counts.iter().copied().filter(|&count| count > 0);
        sum.least_covered = found.min().unwrap_or(usize::MAX).min(sum.least_covered);
        sum.total += counts.len();
        sum.covered += counts.iter().filter(|&&count| count > 0).count();
        (sum.least, sum.most) = (sum.least.min(least), sum.most.max(most));
        sum.is_balanced &= least == most;
    });
    for least in [&mut sum.least, &mut sum.least_covered] {
        *least = if *least == usize::MAX { 0 } else { *least };
    }
    sum
}

/// The combinations that stand in no row, each as (factor, level) pairs.
pub(super) fn missing(rows: &[Vec<u8>], levels: &[usize], strength: usize) -> Vec<Vec<(usize, u8)>> {
    let mut missing = Vec::new();
    each_tuple(rows, levels, strength, &mut |columns, counts| {
        for (code, _) in counts.iter().enumerate().filter(|(_, count)| **count == 0) {
            let mut rest = code;
            let digits = columns.iter().rev().map(|&column| {
                let digit = (rest % levels[column]) as u8;
                rest /= levels[column];
                (column, digit)
            });
            let mut tuple: Vec<(usize, u8)> = digits.collect();
            tuple.reverse();
            missing.push(tuple);
        }
    });
    missing
}

/// The greatest strength up to 3 at which every combination stands equally often, as in an orthogonal array.
pub fn balanced_strength(rows: &[Vec<u8>], levels: &[usize]) -> usize {
    let holds = |strength: &usize| !rows.is_empty() && count_tuples(rows, levels, *strength).is_balanced;
    (1..=levels.len().min(3)).take_while(holds).last().unwrap_or(0)
}

/// Shows every choice of `strength` columns with the number of rows of each combination of their levels, the last column's
/// level fastest.
fn each_tuple(rows: &[Vec<u8>], levels: &[usize], strength: usize, see: &mut dyn FnMut(&[usize], &[usize])) {
    let mut columns: Vec<usize> = (0..strength).collect();
    if strength == 0 || strength > levels.len() {
        return;
    }
    loop {
        let mut counts = vec![0; columns.iter().map(|&column| levels[column]).product()];
        for row in rows {
            let code = columns.iter().try_fold(0, |code, &column| {
                let level = usize::from(*row.get(column)?);
                (level < levels[column]).then_some(code * levels[column] + level)
            });
            if let Some(code) = code {
                counts[code] += 1;
            }
        }
        see(&columns, &counts);
        // The next choice in order: the last column that can still move on does, and those after it follow it.
        let Some(place) = (0..strength).rev().find(|&place| columns[place] + strength - place < levels.len()) else {
            return;
        };
        columns[place] += 1;
        for later in place + 1..strength {
            columns[later] = columns[later - 1] + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_of_factors_is_counted_once() {
        let full: Vec<Vec<u8>> = (0..24).map(|n| vec![n / 12, n / 4 % 3, n / 2 % 2, n % 2]).collect();
        let levels = [2, 3, 2, 2];
        let pairs = count_tuples(&full, &levels, 2);
        assert_eq!((pairs.total, pairs.covered, pairs.least, pairs.most), (6 + 4 + 4 + 6 + 6 + 4, 30, 4, 6));
        let triples = count_tuples(&full, &levels, 3);
        assert_eq!((triples.total, triples.covered, triples.is_balanced), (12 + 12 + 8 + 12, 44, true));
        assert_eq!(balanced_strength(&full, &levels), 3);
    }

    #[test]
    fn what_is_missing_is_named_by_factor_and_level() {
        let full: Vec<Vec<u8>> = (0..6).map(|n| vec![n / 3, n % 3]).collect();
        assert_eq!(missing(&full[..5], &[2, 3], 2), vec![vec![(0, 1), (1, 2)]]);
        assert_eq!(missing(&full, &[2, 3], 2), Vec::<Vec<(usize, u8)>>::new());
    }

    #[test]
    fn no_rows_and_too_few_factors_are_no_strength() {
        assert_eq!(balanced_strength(&[], &[2, 2]), 0);
        assert_eq!(count_tuples(&[vec![0]], &[2], 2).total, 0);
    }
}

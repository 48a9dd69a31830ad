//! Factors, rows over them, and the orthogonal arrays that a user can name.

use std::str::FromStr;

use microcloud_policy::nearest_name;
use serde::{Deserialize, Serialize};

use super::{Factors, OatsError, linear, pairwise, tables};

/// What varies, and the levels that it can have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// Its name.
    pub name: String,
    /// Names of its levels.
    pub levels: Vec<String>,
}

impl Factor {
    /// A factor of this name with these levels.
    pub fn new(name: impl Into<String>, levels: &[&str]) -> Self {
        Self { name: name.into(), levels: levels.iter().map(|&level| level.to_owned()).collect() }
    }
}

/// What a set of rows promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Every pair of levels equally often.
    Orthogonal,
    /// Every pair of levels that the constraints allow, at least once.
    Covering,
}

/// The arrays that a user can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Array {
    /// OA(9, 4, 3, 2).
    L9,
    /// OA(18, 2^1 x 3^7, 2).
    L18,
    /// OA(27, 13, 3, 2).
    L27,
    /// OA(36, 3^12 x 2^11, 2).
    L36,
    /// OA(81, 40, 3, 2).
    L81,
    /// OA(243, 121, 3, 2); over up to twelve factors of three levels, OA(243, 12, 3, 3).
    L243,
    /// A covering array of strength 2, made for the factors.
    Pairwise,
}

impl Array {
    /// The names that a user may type.
    pub const NAMES: [&'static str; 7] = ["L9", "L18", "L27", "L36", "L81", "L243", "pairwise"];
    const ALL: [Self; 7] = [Self::L9, Self::L18, Self::L27, Self::L36, Self::L81, Self::L243, Self::Pairwise];

    /// The name that a user types.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The rows of an orthogonal array, by column; none for a covering array, which depends on its factors.
    pub(super) fn rows(self) -> Option<Vec<Vec<u8>>> {
        match self {
            Self::L9 => Some(linear::array(3, 2)),
            Self::L27 => Some(linear::array(3, 3)),
            Self::L81 => Some(linear::array(3, 4)),
            Self::L243 => Some(linear::array(3, 5)),
            Self::L18 => Some(tables::l18()),
            Self::L36 => Some(tables::l36()),
            Self::Pairwise => None,
        }
    }
}

impl FromStr for Array {
    type Err = OatsError;

    fn from_str(text: &str) -> Result<Self, OatsError> {
        let found = Self::ALL.into_iter().find(|array| array.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| OatsError::UnknownArray {
            name: text.to_owned(),
            nearest: nearest_name(text, Self::NAMES).map(str::to_owned),
        })
    }
}

/// Rows over factors: in each row one level of every factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Design {
    /// The array's name.
    pub array: Array,
    /// What the rows promise.
    pub kind: Kind,
    /// What varies, a column each.
    pub factors: Vec<Factor>,
    /// By row, the index of each factor's level.
    pub rows: Vec<Vec<u8>>,
}

/// The rows of an array over factors with their constraints.
///
/// # Errors
/// Factors that an orthogonal array has no columns for, or constraints that forbid one of its rows; a covering array keeps
/// every constraint, and is refused only where they leave no row.
pub fn design(array: Array, factors: &Factors) -> Result<Design, OatsError> {
    if array == Array::Pairwise {
        return pairwise(factors);
    }
    let design = orthogonal(array, Some(&factors.factors))?;
    let rules = factors.rules()?;
    let forbidden = design.rows.iter().enumerate().find_map(|(row, levels)| Some((row + 1, rules.forbidding(levels)?)));
    match forbidden {
        Some((row, constraint)) => Err(OatsError::Forbidden { array: array.name(), constraint, row }),
        None => Ok(design),
    }
}

/// An orthogonal array over factors, or over factors A, B, C and so on where none are given.
///
/// Each factor takes the free column with as many levels as it has whose triples with the columns before it are the most;
/// where the array has no column to spare, and among equals, the first. Columns that are left over are dropped, which leaves
/// every pair of the others as balanced as before.
///
/// # Errors
/// A covering array, which is no orthogonal one, or factors that the array has no columns for.
pub fn orthogonal(array: Array, factors: Option<&[Factor]>) -> Result<Design, OatsError> {
    let rows = array.rows().ok_or_else(|| OatsError::NotOrthogonal { name: array.name() })?;
    let levels = |column: usize| rows.iter().map(|row| usize::from(row[column]) + 1).max().unwrap_or(0);
    let columns: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(levels).collect();
    let letters = || columns.iter().enumerate().map(|(column, &levels)| lettered(column, levels)).collect::<Vec<_>>();
    let factors = factors.map_or_else(letters, <[Factor]>::to_vec);
    let mut taken: Vec<usize> = Vec::new();
    for factor in &factors {
        let fits = |&column: &usize| !taken.contains(&column) && columns[column] == factor.levels.len();
        let is_full = factors.len() >= columns.len();
        let triples = |&column: &usize| if is_full { 0 } else { new_triples(&rows, &columns, &taken, column) };
        // The last of the greatest, seen from the end, is the first.
        let column = (0..columns.len()).rev().filter(fits).max_by_key(triples);
        taken.push(column.ok_or_else(|| OatsError::NoColumn {
            array: array.name(),
            factor: factor.name.clone(),
            levels: factor.levels.len(),
            columns: describe(&columns),
        })?);
    }
    let rows = rows.iter().map(|row| taken.iter().map(|&column| row[column]).collect()).collect();
    Ok(Design { array, kind: Kind::Orthogonal, factors, rows })
}

/// Triples of levels that a column has with two of those taken already.
fn new_triples(rows: &[Vec<u8>], levels: &[usize], taken: &[usize], column: usize) -> usize {
    let mut triples = 0;
    for (place, &a) in taken.iter().enumerate() {
        for &b in &taken[..place] {
            let mut is_seen = vec![false; levels[a] * levels[b] * levels[column]];
            for row in rows {
                let code = (usize::from(row[a]) * levels[b] + usize::from(row[b])) * levels[column];
                is_seen[code + usize::from(row[column])] = true;
            }
            triples += is_seen.iter().filter(|&&is_seen| is_seen).count();
        }
    }
    triples
}

/// A factor named by a letter, with its levels as numbers from 1.
fn lettered(column: usize, levels: usize) -> Factor {
    let letter = char::from(b'A' + (column % 26) as u8);
    let name = if column < 26 { letter.to_string() } else { format!("{letter}{}", column / 26 + 1) };
    Factor { name, levels: (1..=levels).map(|level| level.to_string()).collect() }
}

/// Columns by their number of levels, e.g. `1 of 2 levels, 7 of 3 levels`.
fn describe(columns: &[usize]) -> String {
    let mut kinds = columns.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    let count = |levels: usize| columns.iter().filter(|&&own| own == levels).count();
    kinds.iter().map(|&levels| format!("{} of {levels} levels", count(levels))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oats::{balanced_strength, count_tuples};

    fn columns(array: Array, count: usize) -> Result<Vec<Vec<u8>>, OatsError> {
        let factors: Vec<Factor> = (0..count).map(|n| Factor::new(format!("f{n}"), &["0", "1", "2"])).collect();
        Ok(orthogonal(array, Some(&factors))?.rows)
    }

    #[test]
    fn factors_take_the_columns_that_hold_most_triples() -> Result<(), OatsError> {
        // Four points of the plane and ten of the space of order 3 have no three on a line: strength 3 (Bose 1947).
        assert_eq!(balanced_strength(&columns(Array::L27, 4)?, &[3; 4]), 3);
        assert!(balanced_strength(&columns(Array::L81, 5)?, &[3; 5]) == 3);
        // In four dimensions there are caps of twenty points (Pellegrino 1970): twelve services can have strength 3.
        assert_eq!(balanced_strength(&columns(Array::L243, 12)?, &[3; 12]), 3);
        let first: Vec<Vec<u8>> = orthogonal(Array::L81, None)?.rows.iter().map(|row| row[..12].to_vec()).collect();
        let covered = |rows: &[Vec<u8>]| count_tuples(rows, &[3; 12], 3).covered;
        assert_eq!(covered(&first), 5220);
        assert!(covered(&columns(Array::L81, 12)?) > 5700, "{}", covered(&columns(Array::L81, 12)?));
        Ok(())
    }
}

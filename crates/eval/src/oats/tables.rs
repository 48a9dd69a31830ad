//! The standard arrays that have no linear construction: L18 (2^1 x 3^7) and L36 (3^12 x 2^11).

/// Taguchi's L18, a row each, levels from 1 (Taguchi and Konishi, "Orthogonal Arrays and Linear Graphs", 1987).
const L18: [&str; 18] = [
    "11111111", "11222222", "11333333", "12112233", "12223311", "12331122", "13121323", "13232131", "13313212",
    "21133221", "21211332", "21322113", "22123132", "22231213", "22312321", "23132312", "23213123", "23321231",
];

/// The standard L36, a row each, levels from 0: twelve columns of three levels, then eleven of two.
const L36: &str = include_str!("L36.txt");

pub(super) fn l18() -> Vec<Vec<u8>> {
    L18.iter().map(|row| row.bytes().map(|digit| digit - b'1').collect()).collect()
}

pub(super) fn l36() -> Vec<Vec<u8>> {
    L36.lines().map(|row| row.bytes().map(|digit| digit - b'0').collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oats::{balanced_strength, count_tuples};

    #[test]
    fn l18_has_one_column_of_two_levels_seven_of_three_and_strength_two() {
        let rows = l18();
        let levels = [2, 3, 3, 3, 3, 3, 3, 3];
        assert!(rows.len() == 18 && rows.iter().all(|row| row.len() == 8));
        assert_eq!(balanced_strength(&rows, &levels), 2);
    }

    #[test]
    fn l36_has_twelve_columns_of_three_levels_eleven_of_two_and_every_pair_of_columns_balanced() {
        let rows = l36();
        let levels: Vec<usize> = [3; 12].into_iter().chain([2; 11]).collect();
        assert!(rows.len() == 36 && rows.iter().all(|row| row.len() == 23));
        let mut pairs = 0;
        for a in 0..23 {
            for b in a + 1..23 {
                let of_two = |row: &Vec<u8>| vec![row[a], row[b]];
                let count = count_tuples(&rows.iter().map(of_two).collect::<Vec<_>>(), &[levels[a], levels[b]], 2);
                let each = 36 / (levels[a] * levels[b]);
                assert_eq!((count.least, count.most, count.covered), (each, each, levels[a] * levels[b]), "{a}, {b}");
                pairs += 1;
            }
        }
        assert_eq!(pairs, 253);
    }

    #[test]
    fn one_digit_altered_is_seen() {
        let mut rows = l36();
        rows[20][5] = (rows[20][5] + 1) % 3;
        let levels: Vec<usize> = [3; 12].into_iter().chain([2; 11]).collect();
        assert!(balanced_strength(&rows, &levels) < 2);
    }
}

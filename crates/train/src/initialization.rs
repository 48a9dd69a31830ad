//! Orthogonal initial weights (Saxe et al., 2014), as PPO implementations use them.

use crate::random::RandomStream;

/// A matrix `[rows, columns]`, row-major, whose shorter side is orthonormal, times `gain`.
pub fn orthogonal(rows: usize, columns: usize, gain: f64, random: &mut RandomStream) -> Vec<f32> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    while basis.len() < count {
        let mut vector: Vec<f64> = (0..length).map(|_| random.normal()).collect();
        // Twice is enough (Kahan and Parlett): rounding of the first pass is removed by the second.
        for _ in 0..2 {
            for unit in &basis {
                let projection: f64 = vector.iter().zip(unit).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(unit).for_each(|(a, b)| *a -= projection * b);
            }
        }
        let norm = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
        if norm > 1e-6 {
            vector.iter_mut().for_each(|a| *a /= norm);
            basis.push(vector);
        }
    }
    let value = |row: usize, column: usize| {
        let unit = if rows <= columns { basis[row][column] } else { basis[column][row] };
        (gain * unit) as f32
    };
    (0..rows * columns).map(|index| value(index / columns, index % columns)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn the_shorter_side_is_orthonormal_times_the_gain() {
        let mut random = RandomStream::new(1, Purpose::Weights, 0);
        for (rows, columns) in [(4, 9), (9, 4), (5, 5)] {
            let matrix = orthogonal(rows, columns, 2.0, &mut random);
            let at = |unit: usize, position: usize| {
                let index = if rows <= columns { unit * columns + position } else { position * columns + unit };
                f64::from(matrix[index])
            };
            for a in 0..rows.min(columns) {
                for b in 0..rows.min(columns) {
                    let dot: f64 = (0..rows.max(columns)).map(|position| at(a, position) * at(b, position)).sum();
                    assert!((dot - if a == b { 4.0 } else { 0.0 }).abs() < 1e-5);
                }
            }
        }
    }
}

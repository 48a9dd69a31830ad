//! Orthogonal arrays from linear functions over a prime field (Rao 1947; Hedayat, Sloane and Stufken 1999, theorem 3.20).

/// OA(p^m, (p^m - 1) / (p - 1), p, 2) of a prime `p`: a row is a point x of GF(p)^m, a column a function a.x, and of the
/// functions that are multiples of each other the one whose first coefficient that is not zero is one.
pub(super) fn array(p: u8, m: u32) -> Vec<Vec<u8>> {
    let points = points(p, m);
    let is_normal = |point: &&Vec<u8>| point.iter().find(|&&digit| digit != 0) == Some(&1);
    let columns: Vec<&Vec<u8>> = points.iter().filter(is_normal).collect();
    let value = |row: &[u8], column: &[u8]| {
        let sum: u32 = row.iter().zip(column).map(|(&x, &a)| u32::from(x) * u32::from(a)).sum();
        (sum % u32::from(p)) as u8
    };
    points.iter().map(|row| columns.iter().map(|column| value(row, column)).collect()).collect()
}

/// Every point of GF(p)^m, the last coordinate fastest.
fn points(p: u8, m: u32) -> Vec<Vec<u8>> {
    (0..m).fold(vec![Vec::new()], |shorter: Vec<Vec<u8>>, _| {
        let longer = |point: Vec<u8>| (0..p).map(move |digit| [&point[..], &[digit]].concat());
        shorter.into_iter().flat_map(longer).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::array;
    use crate::oats::balanced_strength;

    #[test]
    fn linear_arrays_have_the_size_of_raos_construction_and_strength_two() {
        for (p, m, columns) in [(2, 3, 7), (3, 2, 4), (3, 3, 13), (3, 4, 40), (5, 2, 6)] {
            let rows = array(p, m);
            assert_eq!((rows.len(), rows[0].len()), (usize::from(p).pow(m), columns));
            assert_eq!(balanced_strength(&rows, &vec![usize::from(p); columns]), 2, "p = {p}, m = {m}");
        }
    }

    #[test]
    fn a_prime_field_is_needed() {
        // The integers modulo four are no field: twice two is nothing, and the columns are not balanced.
        assert!(balanced_strength(&array(4, 2), &[4; 5]) < 2);
    }
}

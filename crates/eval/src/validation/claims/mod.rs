//! The figures that two described systems state about themselves, computed under their own parameters, contradictions
//! included: a quorum service with health checks every 200 ms, and a platform with a z-score detector.

mod anomaly;
mod detection;
mod draws;
mod gym;
mod probe;
mod runs;
mod sample;
mod voting;

use crate::validation::{Effort, Row};

/// Every claim: closed forms, probes and votes simulated one by one, and the gym's own health checks and quorums.
pub(super) fn claims(effort: Effort) -> Vec<Row> {
    [detection::rows(effort), gym::rows(effort), voting::rows(effort), anomaly::rows(effort)].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Effort, claims};

    #[test]
    fn every_claim_that_is_held_passes_and_has_a_row_of_its_own() {
        let rows = claims(Effort::Quick);
        let keys: BTreeSet<_> =
            rows.iter().map(|row| (&row.name, format!("{:?}", row.engine), &row.quantity)).collect();
        assert_eq!(keys.len(), rows.len());
        for row in &rows {
            assert_ne!(row.pass, Some(false), "{row:#?}");
            assert!(!row.source.is_empty() && row.expected.is_finite() && row.measured.is_finite(), "{row:#?}");
        }
    }

    #[test]
    fn equal_efforts_give_equal_bits() {
        assert_eq!(claims(Effort::Quick), claims(Effort::Quick));
    }
}

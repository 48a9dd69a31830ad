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

use crate::validation::{Effort, Row, Section, ValidationError};

const MEANING: &str = "\
In the engine that policies train in, a probe that hangs does not delay the next one, and a replica that passes its checks \
returns without a run of successes: it finds a replica that answers after 1.2 s as soon as the claim says that is refuted \
here. Rows of the fluid engine that only inform show it.\n\n\
Two systems state figures about themselves: a quorum service of three replicas (\"S4\"), which a supervisor probes every 200 ms and takes out of rotation after three failures, and a platform (\"S3\") that looks for outliers by z-score. Here each \
claim is computed under its own parameters, by arithmetic and by simulating every probe. Some hold (a crash is found within \
600 ms where connections are refused), some contradict themselves: a replica that hangs is found after 3.1 s, not 0.6 s, \
because each probe waits for its own timeout; one that answers between 500 and 1500 ms takes 12 s; no value among three \
can lie two standard deviations out. `sampled` rows draw every probe and vote; the exact engine has no health checks.";

/// The section on claims: it takes four seconds, so that nothing is left out at quick effort.
pub(super) fn section(_effort: Effort, _rules_off: &[String]) -> Result<Section, ValidationError> {
    let title = "What a quorum service and an anomaly detector claim".to_owned();
    Ok(Section { title, meaning: MEANING.to_owned(), rows: claims(Effort::Full), ..Section::default() })
}

/// Every claim: closed forms, probes and votes simulated one by one, and the gym's own health checks and quorums.
fn claims(effort: Effort) -> Vec<Row> {
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

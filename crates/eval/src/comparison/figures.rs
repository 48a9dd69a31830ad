//! What the pictures of a comparison show.

use super::{
    ComparisonError,
    chart::{Chart, Line, LineStyle},
    report::{Comparison, Curve, CurveSet, Distribution, Profile},
    tables::{plain, steps},
    words,
};

/// Baselines that are drawn beside trained policies: more of them hide what is to be seen.
const DRAWN: [&str; 2] = ["no-op", "oracle"];

/// Each policy's place in the palette: groups first, then baselines, those that are drawn before others.
pub(super) struct Styles {
    names: Vec<(String, bool)>,
}

impl Styles {
    pub fn new(comparison: &Comparison) -> Self {
        let mut names: Vec<(String, bool)> = Vec::new();
        let groups = comparison.runs.iter().map(|run| (&run.group, false));
        let drawn = DRAWN.map(str::to_owned);
        let drawn = std::iter::once(&comparison.reference).chain(&drawn).map(|name| (name, true));
        let rows = comparison.scenarios.iter().flat_map(|scenario| &scenario.evaluations);
        let rows = rows.flat_map(|evaluation| &evaluation.rows).map(|row| (&row.policy, row.runs == 0));
        for (name, is_baseline) in groups.chain(drawn).chain(rows) {
            if names.iter().all(|(known, _)| known != name) {
                names.push((name.clone(), is_baseline));
            }
        }
        Self { names }
    }

    /// How a policy is drawn.
    pub fn of(&self, name: &str) -> LineStyle {
        let place = self.names.iter().position(|(known, _)| known == name).unwrap_or(self.names.len());
        LineStyle::new(place, self.names.get(place).is_some_and(|(_, is_baseline)| *is_baseline))
    }
}

/// A scalar's curves.
pub(super) fn curves(set: &CurveSet, scenario: &str, styles: &Styles) -> Result<String, ComparisonError> {
    let line = |curve: &Curve| {
        let points: Vec<(f64, f64)> = curve.steps.iter().copied().zip(curve.iqm.iter().copied()).collect();
        Line { style: styles.of(&curve.group), bands: pieces(&curve.steps, &curve.ci95), points }
    };
    let chart = Chart {
        what: format!("{} on {scenario} by environment steps", set.scalar),
        x: "environment steps",
        y: words::scalar(&set.scalar),
        over: None,
        lines: set.groups.iter().map(line).collect(),
        x_label: steps,
    };
    chart.to_svg()
}

/// Profiles of all groups.
pub(super) fn profiles(profiles: &[Profile], what: &str, styles: &Styles) -> Result<String, ComparisonError> {
    let line = |profile: &Profile| {
        let points: Vec<(f64, f64)> = profile.tau.iter().copied().zip(profile.share.iter().copied()).collect();
        Line { style: styles.of(&profile.group), bands: pieces(&profile.tau, &profile.ci95), points }
    };
    let chart = Chart {
        what: format!("performance profile of {what}"),
        x: "tau",
        y: "share with a score above tau",
        over: Some((0.0, 1.0)),
        lines: profiles.iter().map(line).collect(),
        x_label: plain,
    };
    chart.to_svg()
}

/// Whether a distribution is drawn.
pub(super) fn is_drawn(comparison: &Comparison, policy: &str) -> bool {
    let is_group = comparison.runs.iter().any(|run| run.group == policy);
    is_group || policy == comparison.reference || DRAWN.contains(&policy)
}

/// Distribution functions of a time.
pub(super) fn distributions(
    distributions: &[&Distribution],
    what: &str,
    styles: &Styles,
) -> Result<String, ComparisonError> {
    let end_s = distributions.iter().map(|one| one.watched_s).fold(0.0, f64::max);
    let line = |one: &&Distribution| {
        let mut points = vec![(0.0, 0.0)];
        let mut share = 0.0;
        for (&time_s, &by_then) in one.time_s.iter().zip(&one.share) {
            points.extend([(time_s, share), (time_s, by_then)]);
            share = by_then;
        }
        points.push((end_s, share));
        // As many points as a step has would be marked one by one.
        Line { style: styles.of(&one.policy), points, bands: Vec::new() }
    };
    let chart = Chart {
        what: format!("share of levels {what} by seconds from the onset"),
        x: "seconds from the onset",
        y: what,
        over: Some((0.0, 1.0)),
        lines: distributions.iter().map(line).collect(),
        x_label: plain,
    };
    chart.to_svg()
}

/// A band in pieces: it has gaps where there is no interval.
fn pieces(x: &[f64], ci95: &[Option<[f64; 2]>]) -> Vec<Vec<(f64, f64, f64)>> {
    let mut pieces: Vec<Vec<(f64, f64, f64)>> = vec![Vec::new()];
    for (&x, ci95) in x.iter().zip(ci95) {
        match (ci95, pieces.last_mut()) {
            (Some([low, high]), Some(piece)) => piece.push((x, *low, *high)),
            _ => pieces.push(Vec::new()),
        }
    }
    pieces.retain(|piece| piece.len() > 1);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_has_gaps_where_there_is_no_interval() {
        let ci95 = [Some([0.0, 1.0]), Some([0.0, 1.0]), None, Some([0.0, 1.0]), None];
        let pieces = pieces(&[1.0, 2.0, 3.0, 4.0, 5.0], &ci95);
        assert_eq!(pieces, [vec![(1.0, 0.0, 1.0), (2.0, 0.0, 1.0)]]);
    }
}

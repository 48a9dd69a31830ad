//! Main effects: which factor the outcomes of a campaign hang on, and by how much (analysis of variance).

use serde::Serialize;

use super::{Campaign, Design, Played};
use crate::statistics::mean;

/// The main effects of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effects {
    /// Version of these names.
    pub schema: u32,
    /// The scenario.
    pub scenario: String,
    /// The array's name.
    pub array: String,
    /// By policy and response.
    pub tables: Vec<EffectTable>,
}

/// The main effects on one figure under one policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EffectTable {
    /// The policy.
    pub policy: String,
    /// `availability` (ratio of good requests) or `return` (sum of rewards); greater is better.
    pub response: &'static str,
    /// Episodes that have the figure.
    pub episodes: usize,
    /// Its mean over them.
    pub mean: f64,
    /// Sum of the squared differences from the mean.
    pub total_sum_of_squares: f64,
    /// The factors, greatest range first.
    pub factors: Vec<FactorEffect>,
    /// Share of the sum of squares that goes with the levels played, that is with load and noise.
    pub level_share: f64,
    /// Share that no factor alone explains: interactions that are not confounded with one, and chance.
    pub rest_share: f64,
}

/// The main effect of one factor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FactorEffect {
    /// The factor.
    pub factor: String,
    /// From 1: the place by range.
    pub rank: usize,
    /// Greatest less smallest mean of its levels.
    pub range: f64,
    /// Sum over levels of episodes times the squared difference of the level's mean from the whole's.
    pub sum_of_squares: f64,
    /// Its share of the total; shares add up to one only where the rows are balanced.
    pub share: f64,
    /// Levels less one.
    pub degrees_of_freedom: usize,
    /// By level, in the factor's order.
    pub levels: Vec<LevelEffect>,
}

/// What one level of a factor came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LevelEffect {
    /// The level's name.
    pub level: String,
    /// Episodes in which it was struck, by the environment's word.
    pub episodes: usize,
    /// Their mean; none of none.
    pub mean: Option<f64>,
    /// Mean of the factor's first level less this one's: what the level costs.
    pub cost: Option<f64>,
}

/// What a response is read from.
type Response = (&'static str, fn(&Played) -> Option<f64>);

const RESPONSES: [Response; 2] =
    [("availability", |played| played.outcome.availability), ("return", |played| Some(played.outcome.total_reward))];

/// The main effects on availability and on return, by policy; the levels of the factors are those that were struck.
pub fn effects(design: &Design, campaign: &Campaign) -> Effects {
    let table = |policy: &String, (response, figure): Response| {
        let episodes: Vec<(&Played, f64)> = campaign
            .played
            .iter()
            .filter(|played| played.policy == *policy)
            .filter_map(|played| figure(played).map(|value| (played, value)))
            .collect();
        effect_table(design, campaign, policy, response, &episodes)
    };
    let tables = campaign.policies.iter().flat_map(|policy| RESPONSES.map(|response| table(policy, response)));
    Effects {
        schema: 1,
        scenario: campaign.scenario.clone(),
        array: design.array.name().to_owned(),
        tables: tables.collect(),
    }
}

fn effect_table(
    design: &Design,
    campaign: &Campaign,
    policy: &str,
    response: &'static str,
    episodes: &[(&Played, f64)],
) -> EffectTable {
    let values: Vec<f64> = episodes.iter().map(|(_, value)| *value).collect();
    let whole = mean(&values).unwrap_or(0.0);
    let total: f64 = values.iter().map(|value| (value - whole).powi(2)).sum();
    let share = |squares: f64| if total > 0.0 { squares / total } else { 0.0 };
    let group = |is_in: &dyn Fn(&Played) -> bool| -> Vec<f64> {
        episodes.iter().filter(|(played, _)| is_in(played)).map(|(_, value)| *value).collect()
    };
    let squares = |values: &[f64]| values.len() as f64 * mean(values).map_or(0.0, |mean| (mean - whole).powi(2));
    let mut factors: Vec<FactorEffect> = design
        .factors
        .iter()
        .enumerate()
        .map(|(place, factor)| {
            let groups: Vec<Vec<f64>> = (0..factor.levels.len())
                .map(|level| group(&|played| usize::from(played.executed[place]) == level))
                .collect();
            let means: Vec<Option<f64>> = groups.iter().map(|group| mean(group)).collect();
            let least = means.iter().flatten().copied().fold(f64::INFINITY, f64::min);
            let most = means.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum_of_squares = groups.iter().map(|group| squares(group)).sum();
            let level = |(level, name): (usize, &String)| LevelEffect {
                level: name.clone(),
                episodes: groups[level].len(),
                mean: means[level],
                cost: means[0].zip(means[level]).map(|(first, own)| first - own),
            };
            FactorEffect {
                factor: factor.name.clone(),
                rank: 0,
                range: if most >= least { most - least } else { 0.0 },
                sum_of_squares,
                share: share(sum_of_squares),
                degrees_of_freedom: factor.levels.len().saturating_sub(1),
                levels: factor.levels.iter().enumerate().map(level).collect(),
            }
        })
        .collect();
    // Stable: equal ranges keep the factors' order.
    factors.sort_by(|a, b| b.range.total_cmp(&a.range));
    for (index, factor) in factors.iter_mut().enumerate() {
        factor.rank = index + 1;
    }
    let of_level = |&level: &u64| squares(&group(&|played| played.outcome.level.number() == level));
    let level_share = share(campaign.levels.iter().map(of_level).sum());
    let explained: f64 = factors.iter().map(|factor| factor.share).sum();
    EffectTable {
        policy: policy.to_owned(),
        response,
        episodes: episodes.len(),
        mean: whole,
        total_sum_of_squares: total,
        factors,
        level_share,
        rest_share: if total > 0.0 { 1.0 - explained - level_share } else { 0.0 },
    }
}

#[cfg(test)]
mod tests {
    use microcloud_core::{Level, Split};

    use super::*;
    use crate::{
        EpisodeOutcome,
        oats::{Array, Condition, Factor, OatsError, orthogonal},
    };

    /// A campaign over L9 on two levels whose return is made up.
    fn made_up(response: impl Fn(&[u8], f64) -> f64) -> Result<(Design, Campaign), OatsError> {
        let factors: Vec<Factor> = ["a", "b", "c"].map(|name| Factor::new(name, &["0", "1", "2"])).to_vec();
        let design = orthogonal(Array::L9, Some(&factors))?;
        let levels = [Level::draw(Split::Test, 0, 0), Level::draw(Split::Test, 0, 1)];
        let mut played = Vec::new();
        for (row, cells) in design.rows.iter().enumerate() {
            for (k, level) in levels.into_iter().enumerate() {
                let outcome = EpisodeOutcome {
                    level,
                    total_reward: response(cells, k as f64),
                    availability: None,
                    p99_ms: None,
                    ttd_s: None,
                    ttr_s: None,
                    recovered: None,
                    bad_minutes: 0.0,
                    actions: 0.0,
                    cost: None,
                };
                played.push(Played { row, policy: "p".to_owned(), executed: cells.clone(), outcome });
            }
        }
        let campaign = Campaign {
            scenario: "made-up".to_owned(),
            policies: vec!["p".to_owned()],
            levels: levels.map(Level::number).to_vec(),
            condition: Condition::default(),
            faults: Vec::new(),
            played,
        };
        Ok((design, campaign))
    }

    #[test]
    fn an_additive_response_is_taken_apart_without_a_rest() -> Result<(), OatsError> {
        let (design, campaign) =
            made_up(|row, level| 10.0 - 3.0 * f64::from(row[1]) - f64::from(u8::from(row[0] == 2)) + 0.5 * level)?;
        let effects = effects(&design, &campaign);
        let table = &effects.tables[1];
        assert_eq!((table.response, table.episodes), ("return", 18));
        let named: Vec<(&str, usize, f64)> =
            table.factors.iter().map(|factor| (factor.factor.as_str(), factor.rank, factor.range)).collect();
        assert_eq!(named.iter().map(|one| (one.0, one.1)).collect::<Vec<_>>(), [("b", 1), ("a", 2), ("c", 3)]);
        assert!((named[0].2 - 6.0).abs() < 1e-12 && (named[1].2 - 1.0).abs() < 1e-12 && named[2].2.abs() < 1e-12);
        let costs: Vec<Option<f64>> = table.factors[0].levels.iter().map(|level| level.cost).collect();
        assert!(costs.iter().flatten().zip([0.0, 3.0, 6.0]).all(|(cost, expected)| (cost - expected).abs() < 1e-12));
        // By hand: b 6 x (9 + 0 + 9), a 6 x (1/9 + 1/9 + 4/9), levels 9 x 2 x 1/16.
        let total = 108.0 + 4.0 + 1.125;
        assert!((table.total_sum_of_squares - total).abs() < 1e-9);
        assert!((table.factors[0].share - 108.0 / total).abs() < 1e-12);
        assert!((table.level_share - 1.125 / total).abs() < 1e-12 && table.rest_share.abs() < 1e-12);
        Ok(())
    }

    #[test]
    fn what_was_struck_counts_and_not_what_was_planned() -> Result<(), OatsError> {
        let (design, mut campaign) = made_up(|row, _| -f64::from(row[0]))?;
        for played in &mut campaign.played {
            played.executed[0] = 0;
        }
        let effects = effects(&design, &campaign);
        let factor = effects.tables[1].factors.iter().find(|factor| factor.factor == "a").cloned();
        let levels = factor.map(|factor| (factor.range, factor.levels[0].episodes, factor.levels[2].mean));
        assert_eq!(levels, Some((0.0, 18, None)));
        // Nobody had a figure for availability.
        assert_eq!((effects.tables[0].episodes, effects.tables[0].mean), (0, 0.0));
        Ok(())
    }
}

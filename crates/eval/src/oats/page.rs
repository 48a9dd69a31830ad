//! The main effects as a page: what makes recovery hard.

use std::fmt::Write;

use super::{Campaign, Certificate, Effects, effects::EffectTable};

/// The page, in Markdown, with the command that makes it.
pub fn page(certificate: &Certificate, campaign: &Campaign, effects: &Effects, command: &str) -> String {
    let condition = &campaign.condition;
    let mut text = format!(
        "# What makes recovery hard: {}\n\nMade by `{command}`.\n\n\
         {} rows of {} over {} services, played on {} level(s) by each policy: {} episodes. In the decision {} s after an \
         episode's start \
         every service of a row that is `down` loses all its replicas (F04), and of one that is `degraded` {:.0} % of the \
         replicas, at least one, take {} ms longer (F05), for {} s unless somebody restarts them.\n\n\
         A factor's figures are means over all episodes in which it was struck so, by what the environment reported. What \
         a level costs is the mean with the service healthy less the mean with it so. The share is that of the sum of \
         squares about the mean (analysis of variance).{}\n",
        effects.scenario,
        certificate.n,
        certificate.array,
        certificate.k,
        campaign.levels.len(),
        campaign.played.len(),
        condition.onset_s,
        100.0 * condition.degraded_ratio,
        condition.degraded_ms,
        condition.duration_s,
        confounding(certificate),
    );
    push_short(&mut text, effects);
    for table in &effects.tables {
        push_table(&mut text, table);
    }
    text.push_str("\n## Coverage\n\n| rows | strength | pairs | per pair | triples | rows that differ |\n|---|---:|---:|---:|---:|---:|\n");
    let executed = certificate.executed.iter();
    let executed = executed.map(|one| (format!("executed, {}", one.policy), &one.coverage, one.rows_that_differ.len()));
    for (name, coverage, differ) in [("planned".to_owned(), &certificate.planned, 0)].into_iter().chain(executed) {
        let (pairs, triples) = (&coverage.pairs, &coverage.triples);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {name} ({}) | {} | {} of {} | {} to {} | {} of {} ({:.1} %) | {differ} |",
            coverage.rows,
            coverage.strength,
            pairs.covered,
            pairs.total - pairs.infeasible,
            pairs.min_count,
            pairs.max_count,
            triples.covered,
            triples.total - triples.infeasible,
            triples.percent,
        );
    }
    text
}

/// Whether a service's own effect can be told from that of others together, which depends on the strength.
fn confounding(certificate: &Certificate) -> String {
    let own: usize = certificate.levels.iter().map(|&levels| levels - 1).sum();
    let (all, free) = (certificate.n.saturating_sub(1), certificate.n.saturating_sub(1 + own));
    let told = if certificate.strength >= 3 {
        "Rows of strength 3 tell a service's own effect from what two others do together"
    } else {
        "**Rows of strength 2 do not tell a service's own effect from what two others do together**: where two services each \
         stop everything, their interaction shows as the effect of a third, with either sign. Coverage needs strength 2, a \
         ranking of main effects strength 3 (`--array L243`)"
    };
    format!(" {told}; {free} of {all} degrees of freedom are left for the rest.")
}

/// What each service costs in availability, degraded and down, under each policy; dearest under the first policy first.
fn push_short(text: &mut String, effects: &Effects) {
    let tables: Vec<&EffectTable> = effects.tables.iter().filter(|table| table.response == "availability").collect();
    let Some(first) = tables.first() else { return };
    let policies: Vec<&str> = tables.iter().map(|table| table.policy.as_str()).collect();
    let _ = write!(
        text,
        "\n## In short\n\nWhat a service costs in availability, degraded / down:\n\n| service | {} |\n|---|{}\n",
        policies.join(" | "),
        "---:|".repeat(tables.len())
    );
    for factor in &first.factors {
        let _ = write!(text, "| {} |", factor.factor);
        for table in &tables {
            let own = table.factors.iter().find(|own| own.factor == factor.factor);
            let cost = |name: &str| {
                let level = own.and_then(|own| own.levels.iter().find(|level| level.level == name));
                level.and_then(|level| level.cost).map_or_else(|| "-".to_owned(), |cost| format!("{cost:.3}"))
            };
            let _ = write!(text, " {} / {} |", cost("degraded"), cost("down"));
        }
        text.push('\n');
    }
    let means: Vec<String> = tables.iter().map(|table| format!("{:.4}", table.mean)).collect();
    let _ = writeln!(text, "| **mean availability** | {} |", means.join(" | "));
}

fn push_table(text: &mut String, table: &EffectTable) {
    let digits = if table.response == "availability" { 4 } else { 2 };
    let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"));
    let _ = write!(
        text,
        "\n## {} of {}\n\nMean {:.digits$} over {} episodes.{}\n\n",
        capitalised(table.response),
        table.policy,
        table.mean,
        table.episodes,
        dearest(table, digits),
    );
    text.push_str("| rank | service | healthy | degraded costs | down costs | range | share |\n|---:|---|---:|---:|---:|---:|---:|\n");
    for factor in &table.factors {
        let cost = |name: &str| {
            let level = factor.levels.iter().find(|level| level.level == name);
            figure(level.and_then(|level| if name == "healthy" { level.mean } else { level.cost }))
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {:.digits$} | {:.1} % |",
            factor.rank,
            factor.factor,
            cost("healthy"),
            cost("degraded"),
            cost("down"),
            factor.range,
            100.0 * factor.share,
        );
    }
    let _ = writeln!(
        text,
        "| | load and noise of the level | | | | | {:.1} % |\n| | rest | | | | | {} |",
        100.0 * table.level_share,
        table.rest_share.map_or_else(|| "-".to_owned(), |rest| format!("{:.1} %", 100.0 * rest))
    );
}

/// The level that costs most, in a sentence.
fn dearest(table: &EffectTable, digits: usize) -> String {
    let levels = table.factors.iter().flat_map(|factor| factor.levels.iter().map(move |level| (factor, level)));
    let priced = levels.filter_map(|(factor, level)| level.cost.map(|cost| (cost, &factor.factor, &level.level)));
    let dearest = priced.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(cost, ..)| *cost > 0.0);
    dearest.map_or_else(String::new, |(cost, service, level)| {
        format!(" What costs most is `{service}` {level}: {cost:.digits$}.")
    })
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

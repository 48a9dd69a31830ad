//! A comparison as one HTML page that needs nothing else, no script either.

use std::fmt::Write as _;

use super::{
    ComparisonError,
    figures::{self, Styles, is_drawn},
    report::{Comparison, Distribution, ScenarioSection, SplitScores, Standings},
    tables::{Table, improvements, runs, scores, shares, standings},
    words,
};
use crate::html::escape;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:1.5rem auto;padding:0 1rem;color:#222;\
overflow-wrap:anywhere}h2{margin-top:2.5rem;border-bottom:1px solid #ddd}p,li{max-width:75ch}.scroll{overflow-x:auto}\
table{border-collapse:collapse;margin:1rem 0;font-size:13px;font-variant-numeric:tabular-nums}\
th,td{border-bottom:1px solid #ddd;padding:.3rem .6rem;text-align:right;vertical-align:top;white-space:nowrap}\
th{background:#f5f5f5;vertical-align:bottom}th.figure{white-space:normal;min-width:4.5rem}\
.name{text-align:left}td.name{white-space:normal;min-width:9rem}th,td{overflow-wrap:break-word}\
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:.5rem 1rem}\
figure{margin:0}figcaption{font-size:13px;font-weight:600}.chart{width:100%;max-width:560px;height:auto}\
.legend{list-style:none;padding:0;margin:.5rem 0;font-size:13px;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem}\
.swatch{vertical-align:middle;margin-right:.4rem}.words{color:#555;font-size:13px}.notes{background:#fff6e0;\
border-left:4px solid #e69f00;padding:.5rem .5rem .5rem 2rem}";

impl Comparison {
    /// The page.
    ///
    /// # Errors
    /// A picture that cannot be drawn.
    pub fn to_html(&self) -> Result<String, ComparisonError> {
        let styles = Styles::new(self);
        let mut html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\"><title>Runs compared</title><style>{STYLE}</style></head>\n\
             <body>\n<h1>Runs compared</h1>\n<p>{}</p>\n",
            escape(&self.summary())
        );
        if !self.notes.is_empty() {
            html += "<ul class=\"notes\">\n";
            for note in &self.notes {
                let _ = writeln!(html, "<li>{}</li>", escape(note));
            }
            html += "</ul>\n";
        }
        for split in &self.splits {
            html += &split_section(split, &styles)?;
        }
        for scenario in &self.scenarios {
            html += &self.scenario_section(scenario, &styles)?;
        }
        if !self.runs.is_empty() {
            html += "<h2>Runs</h2>\n";
            html += &explained(words::RUNS, &runs(self));
        }
        html += "</body></html>\n";
        Ok(html)
    }

    fn scenario_section(&self, scenario: &ScenarioSection, styles: &Styles) -> Result<String, ComparisonError> {
        let mut html = format!("<h2>{}</h2>\n", escape(&scenario.scenario));
        if !scenario.curves.is_empty() {
            let mut charts = Vec::new();
            for set in &scenario.curves {
                charts.push((set.scalar.clone(), figures::curves(set, &scenario.scenario, styles)?));
            }
            let names = scenario.curves.iter().flat_map(|set| &set.groups).map(|curve| curve.group.as_str());
            let _ = write!(html, "<h3>Learning</h3>\n<p class=\"words\">{}</p>\n", words::CURVES);
            html += &pictures(&charts, names, styles);
        }
        for evaluation in &scenario.evaluations {
            let _ = writeln!(html, "<h3>On {} levels</h3>", escape(&evaluation.split));
            html += &explained(words::STANDINGS, &standings(evaluation, &self.reference));
            html += &self.times(evaluation, styles)?;
        }
        Ok(html)
    }

    fn times(&self, evaluation: &Standings, styles: &Styles) -> Result<String, ComparisonError> {
        let mut charts = Vec::new();
        let mut tables = String::new();
        for (what, words, all) in [
            ("detected", words::DETECTION, &evaluation.detection),
            ("recovered", words::RECOVERY, &evaluation.recovery),
        ] {
            let drawn: Vec<&Distribution> = all.iter().filter(|one| is_drawn(self, &one.policy)).collect();
            if !drawn.is_empty() {
                charts.push((format!("Share {what}"), figures::distributions(&drawn, what, styles)?));
            }
            if !all.is_empty() {
                let _ = writeln!(tables, "<h4>Share of levels {what}</h4>");
                tables += &explained(words, &shares(all));
            }
        }
        if tables.is_empty() {
            return Ok(tables);
        }
        let names = evaluation.recovery.iter().map(|one| one.policy.as_str()).filter(|name| is_drawn(self, name));
        let pictures = pictures(&charts, names, styles);
        Ok(format!("<h3>Time to detect and to recover, {} levels</h3>\n{pictures}{tables}", escape(&evaluation.split)))
    }
}

fn split_section(split: &SplitScores, styles: &Styles) -> Result<String, ComparisonError> {
    let mut html = format!("<h2>Scores on {} levels</h2>\n", escape(&split.split));
    if split.scores.is_empty() {
        html += "<p>No scenario has a score: oracle does not beat no-op for certain.</p>\n";
    } else {
        html += &explained(words::SCORES, &scores(split));
    }
    if !split.improvements.is_empty() {
        html += "<h3>Probability of improvement</h3>\n";
        html += &explained(words::IMPROVEMENT, &improvements(split));
    }
    let mut charts = Vec::new();
    for (what, profiles) in [("runs", &split.run_profiles), ("runs and levels", &split.level_profiles)] {
        if !profiles.is_empty() {
            charts.push((format!("Share of {what}"), figures::profiles(profiles, what, styles)?));
        }
    }
    if !charts.is_empty() {
        let _ = write!(html, "<h3>Performance profiles</h3>\n<p class=\"words\">{}</p>\n", words::PROFILES);
        html += &pictures(&charts, split.run_profiles.iter().map(|profile| profile.group.as_str()), styles);
    }
    Ok(html)
}

/// Pictures side by side where there is room, and what their lines are.
fn pictures<'a>(charts: &[(String, String)], names: impl Iterator<Item = &'a str>, styles: &Styles) -> String {
    let mut html = "<ul class=\"legend\">".to_owned();
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
            let _ = write!(html, "<li>{}{}</li>", styles.of(name).swatch(), escape(name));
        }
    }
    html += "</ul>\n<div class=\"charts\">\n";
    for (caption, svg) in charts {
        let _ = writeln!(html, "<figure><figcaption>{}</figcaption>{}</figure>", escape(caption), svg.trim());
    }
    html + "</div>\n"
}

fn explained(words: &str, cells: &Table) -> String {
    format!("<p class=\"words\">{words}</p>\n{}", table(cells))
}

fn table(table: &Table) -> String {
    let class = |column: usize| if column < table.names { "name" } else { "figure" };
    let mut html = "<div class=\"scroll\"><table><thead><tr>".to_owned();
    for (column, heading) in table.headings.iter().enumerate() {
        let _ = write!(html, "<th class=\"{}\">{}</th>", class(column), escape(heading));
    }
    html += "</tr></thead><tbody>\n";
    for row in &table.rows {
        html += "<tr>";
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(html, "<td class=\"{}\">{}</td>", class(column), escape(cell));
        }
        html += "</tr>\n";
    }
    html + "</tbody></table></div>\n"
}

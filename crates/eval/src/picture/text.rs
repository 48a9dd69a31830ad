//! The picture as text for a terminal of 80 columns, with ANSI colours.

use microcloud_core::{Environment, FaultTarget, NodeId, ServiceId};

use super::{
    health::{Health, Reading, readings},
    history::{History, good_ratio},
    page::{COLUMNS, Page, Style, padded, shortened},
    words::{action_words, clock, milliseconds, percent, reward, since, struck},
};
use crate::episode::{BAD_RATIO, Sample};

/// Columns of a service's name, and of its utilisation as a bar.
const NAME: usize = 22;
const BAR: usize = 10;
/// Services up to which all are listed; of more, the worst.
const MOST_LISTED: usize = 40;
/// Open incidents that are listed.
const MOST_INCIDENTS: usize = 5;
/// Columns of the availability's sparkline, and the nines of its full block.
const SPARKS: usize = 60;
const MOST_NINES: f64 = 4.0;
/// Eighths of a column, from the bottom up and from left to right.
const RISING: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const GROWING: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// The environment's present and the episode so far as lines of at most 80 columns, coloured by ANSI escape sequences:
/// a header, a line per service (of more than 40, only the worst), the nodes, availability over the episode, and the
/// faults and incidents that are open.
pub fn text(environment: &Environment, history: &History) -> String {
    if !history.fits(environment.topology()) {
        return text(environment, &History::begin(environment));
    }
    let mut page = Page::default();
    header(&mut page, environment, history);
    services(&mut page, environment, history);
    nodes(&mut page, environment, history);
    sparkline(&mut page, history);
    course(&mut page, history);
    page.text
}

fn header(page: &mut Page, environment: &Environment, history: &History) {
    let (decisions, decision_s) = history.extent();
    let level = environment.level();
    let rest = format!(
        "  level {} ({})  {} of {}  decision {}/{decisions}",
        level.number(),
        level.split(),
        clock(environment.time_s(), decision_s),
        clock(decisions as f64 * decision_s, decision_s),
        environment.decision(),
    );
    let room = COLUMNS.saturating_sub(rest.len());
    page.put(Style::Bold, &shortened(&environment.topology().scenario().name, room));
    page.put(Style::Plain, &rest);
    page.end();
    let last = history.samples().last();
    page.put(
        Style::Plain,
        &format!(
            "return {}{}  availability {} (so far {})  p99 {}",
            reward(history.total_reward()),
            since(history, decision_s),
            percent(last.and_then(good_ratio), 2),
            percent(history.availability(), 2),
            milliseconds(last.map_or(f64::NAN, |sample| sample.p99_ms)),
        ),
    );
    page.end();
    page.put(Style::Plain, "action ");
    let is_fresh = history.moments().last().is_some_and(|moment| moment.action.is_some());
    page.put(if is_fresh { Style::Blue } else { Style::Plain }, &action_words(environment, history));
    page.end();
}

fn services(page: &mut Page, environment: &Environment, history: &History) {
    let topology = environment.topology();
    let readings = readings(environment, history);
    page.put(
        Style::Faint,
        &format!("  {} {:>7}  {:<15} {:>8} {:>10}", padded("service", NAME), "ready", "utilisation", "failing", "p99"),
    );
    page.end();
    let mut order: Vec<usize> = (0..readings.len()).collect();
    if order.len() > MOST_LISTED {
        order.sort_by_key(|&service| std::cmp::Reverse(readings[service].health));
        order.truncate(MOST_LISTED);
    }
    let faults = environment.active_faults();
    for &service in &order {
        let target = FaultTarget::Service(ServiceId(service as u32));
        let ids = faults.iter().filter(|fault| fault.target == target).map(|fault| fault.id.to_string());
        let ids: Vec<String> = ids.collect();
        let name = topology.service_names().get(service).map_or("", String::as_str);
        row(page, name, &readings[service], &ids.join(" "));
    }
    if order.len() < readings.len() {
        let well = readings.iter().filter(|reading| reading.health == Health::Well).count();
        page.put(
            Style::Faint,
            &format!("  and {} more; {well} of {} are well", readings.len() - order.len(), readings.len()),
        );
        page.end();
    }
}

fn row(page: &mut Page, name: &str, reading: &Reading, faults: &str) {
    let style = Style::of(reading.health);
    page.put(style, &padded(mark(reading.health), 2));
    page.put(if reading.health == Health::Well { Style::Plain } else { style }, &padded(&shortened(name, NAME), NAME));
    page.put(Style::Plain, &format!(" {:>7}  ", format!("{:.0}/{:.0}", reading.ready, reading.wanted)));
    page.put(style, &bar(reading.utilisation.unwrap_or(0.0)));
    let utilisation = reading.utilisation.map_or("-".to_owned(), |ratio| format!("{:.0}%", 100.0 * ratio));
    page.put(
        Style::Plain,
        &format!(" {utilisation:>4} {:>8} {:>10}", percent(Some(reading.failure), 1), milliseconds(reading.p99_ms)),
    );
    if reading.health != Health::Well {
        page.put(style, &format!(" {}", reading.health.name()));
    }
    if !faults.is_empty() {
        page.put(Style::Red, &format!(" {faults}"));
    }
    page.end();
}

/// What tells health apart without colours.
fn mark(health: Health) -> &'static str {
    match health {
        Health::Well => " ",
        Health::Strained => "~",
        Health::Failing => "!",
        Health::Down => "X",
    }
}

/// A ratio as a bar of [`BAR`] columns in eighths.
fn bar(ratio: f64) -> String {
    let eighths = (ratio.clamp(0.0, 1.0) * (8 * BAR) as f64).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if eighths / 8 < BAR {
        bar.push(GROWING[eighths % 8]);
    }
    padded(&bar, BAR)
}

fn nodes(page: &mut Page, environment: &Environment, history: &History) {
    let topology = environment.topology();
    let drained = history.drained(environment);
    let (struck_nodes, struck_zones) = struck(environment);
    for (zone, name) in topology.zone_names().iter().enumerate() {
        page.label(&shortened(&format!("zone {name}"), 13));
        if struck_zones[zone] {
            page.put(Style::Red, "struck  ");
        }
        let own = (0..topology.num_nodes()).filter(|&node| topology.node_zone(NodeId(node as u32)).index() == zone);
        for node in own {
            let name = topology.node_names().get(node).map_or("", String::as_str);
            let is_drained = drained.get(node).copied().unwrap_or(false);
            let (style, state) = match (struck_nodes[node], is_drained) {
                (true, true) => (Style::Red, " (struck, drained)"),
                (true, false) => (Style::Red, " (struck)"),
                (false, true) => (Style::Yellow, " (drained)"),
                (false, false) => (Style::Plain, ""),
            };
            page.put(style, &format!("{name}{state}"));
            page.put(Style::Plain, "  ");
        }
        page.end();
    }
}

/// Availability over the whole episode: the worst decision of each column, four nines as a full block.
fn sparkline(page: &mut Page, history: &History) {
    page.label("availability");
    let (decisions, _) = history.extent();
    let samples = history.samples();
    let columns = SPARKS.min(decisions.max(1));
    let first = |column: usize| column * decisions / columns;
    let mut runs: Vec<(Style, String)> = Vec::new();
    for column in 0..columns {
        let own = samples.get(first(column)..first(column + 1).min(samples.len())).unwrap_or_default();
        let (style, spark) = spark(own);
        match runs.last_mut() {
            Some((last, run)) if *last == style => run.push(spark),
            _ => runs.push((style, spark.to_string())),
        }
    }
    runs.iter().for_each(|(style, run)| page.put(*style, run));
    page.end();
}

/// The worst of a few decisions; a dot where none has been played.
fn spark(samples: &[Sample]) -> (Style, char) {
    let worst = samples.iter().filter_map(good_ratio).fold(f64::INFINITY, f64::min);
    if !worst.is_finite() {
        return (Style::Faint, if samples.is_empty() { '.' } else { ' ' });
    }
    let bad = 1.0 - worst;
    let level = -libm::log10(bad.max(1e-9)) / MOST_NINES * RISING.len() as f64;
    let style = if bad > BAD_RATIO { Style::Red } else { Style::Green };
    (style, RISING[(level as usize).min(RISING.len() - 1)])
}

/// Faults that have begun, when the first was detected, acted upon and recovered from, and open incidents.
fn course(page: &mut Page, history: &History) {
    let (_, decision_s) = history.extent();
    for fault in history.faults() {
        page.label("fault");
        let style = if fault.is_active { Style::Red } else { Style::Faint };
        let state = if fault.is_active {
            "active since".to_owned()
        } else {
            format!("ended {}, began", clock(fault.until_s, decision_s))
        };
        page.put(style, &format!("{}, {state} {}", fault.words, clock(fault.report.onset_s, decision_s)));
        page.end();
    }
    let story = history.story();
    if let Some(injected_s) = story.injected_s {
        let since = |time_s: Option<f64>| {
            time_s.map_or("-".to_owned(), |time_s| format!("+{}", clock(time_s - injected_s, decision_s)))
        };
        page.label("first fault");
        let (detected, acted, recovered) = (since(story.detected_s), since(story.acted_s), since(story.recovered_s));
        page.put(Style::Plain, &format!("detected {detected}  acted {acted}  recovered {recovered}"));
        page.end();
    }
    for incident in history.open().iter().take(MOST_INCIDENTS) {
        page.label("incident");
        page.put(Style::Magenta, &format!("{}, since {}", incident.title, clock(incident.detected_s, decision_s)));
        page.end();
    }
    if let Some(more) = history.open().len().checked_sub(MOST_INCIDENTS).filter(|&more| more > 0) {
        page.label("");
        page.put(Style::Magenta, &format!("and {more} more incidents"));
        page.end();
    }
}

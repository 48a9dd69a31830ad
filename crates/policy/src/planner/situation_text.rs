//! A situation in words, and the words read again.

use std::fmt::Write;

use super::{ErrorClass, Grown, NodeFigure, OpenIncident, Situation, ZoneFigure};
use crate::detector::{Operator, Severity};

const OPERATORS: [(&str, Operator); 5] = [
    ("above", Operator::Gt),
    ("at or above", Operator::Gte),
    ("below", Operator::Lt),
    ("at or below", Operator::Lte),
    ("equal to", Operator::Eq),
];

impl Situation {
    /// The situation in words, a line per incident, then what was sent, what is not legal, and figures.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "At {} s {} incidents are open, calm for {} s.",
            self.time_s,
            self.incidents.len(),
            self.calm_s
        )?;
        for incident in &self.incidents {
            let OpenIncident { rule, target_kind, target, severity, open_s, metric, threshold, value, .. } = incident;
            let on = if target.is_empty() { "the cluster".to_owned() } else { format!("{target_kind} {target}") };
            let operator = word(incident.operator);
            let severity = u8::from(*severity);
            write!(
                text,
                "Incident {rule} on {on}, severity {severity}, open for {open_s} s: {metric} is {value:.3}, {operator} \
                 {threshold}."
            )?;
            match incident.class {
                Some(class) => writeln!(text, " Errors are of class {}.", class.name())?,
                None => writeln!(text)?,
            }
        }
        let list = |items: Vec<String>| if items.is_empty() { "nothing".to_owned() } else { items.join("; ") };
        let sent = self.sent.iter().map(|(action, ago_s)| format!("{action} {ago_s} s ago"));
        writeln!(text, "Sent: {}.", list(sent.collect()))?;
        writeln!(text, "Not legal now: {}.", list(self.not_legal.clone()))?;
        let nodes =
            self.nodes.iter().map(|node| format!("{} in zone {} {:.3} busy", node.name, node.zone, node.pressure));
        writeln!(text, "Nodes: {}.", list(nodes.collect()))?;
        let zones = self
            .zones
            .iter()
            .map(|zone| format!("{} with {:.3} errors and {:.3} of the traffic", zone.name, zone.errors, zone.weight));
        writeln!(text, "Zones: {}.", list(zones.collect()))?;
        let grown = self.grown.iter().map(|Grown { service, times, busy, calm_s }| {
            format!("{service} {times:.2} times, {busy:.3} busy, calm for {calm_s} s")
        });
        writeln!(text, "Grown: {}.", list(grown.collect()))
    }

    /// What a text of [`Self::to_text`] says; lines that are of another form are left out.
    pub fn from_text(text: &str) -> Self {
        let mut situation = Self::default();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("At ") {
                let head = || {
                    let (time, rest) = rest.split_once(" s ")?;
                    let (_, calm) = rest.split_once(", calm for ")?;
                    Some((time.parse().ok()?, calm.strip_suffix(" s.")?.parse().ok()?))
                };
                (situation.time_s, situation.calm_s) = head().unwrap_or_default();
            } else if let Some(rest) = line.strip_prefix("Incident ") {
                situation.incidents.extend(incident(rest));
            } else if let Some((name, rest)) = line.split_once(": ") {
                let rest = rest.strip_suffix('.').unwrap_or(rest);
                let items = || rest.split("; ").filter(|item| *item != "nothing");
                match name {
                    "Sent" => situation.sent = items().filter_map(sent).collect(),
                    "Not legal now" => situation.not_legal = items().map(str::to_owned).collect(),
                    "Nodes" => situation.nodes = items().filter_map(node).collect(),
                    "Zones" => situation.zones = items().filter_map(zone).collect(),
                    "Grown" => situation.grown = items().filter_map(grown).collect(),
                    _ => {}
                }
            }
        }
        situation
    }
}

fn word(operator: Operator) -> &'static str {
    OPERATORS.into_iter().find(|(_, known)| *known == operator).map_or("above", |(word, _)| word)
}

fn incident(line: &str) -> Option<OpenIncident> {
    let (rule, rest) = line.split_once(" on ")?;
    let (on, rest) = rest.split_once(", severity ")?;
    let (severity, rest) = rest.split_once(", open for ")?;
    let (open_s, rest) = rest.split_once(" s: ")?;
    let (metric, rest) = rest.split_once(" is ")?;
    let (value, rest) = rest.split_once(", ")?;
    let (compared, class) = match rest.split_once(". Errors are of class ") {
        Some((compared, class)) => (compared, class.strip_suffix('.')),
        None => (rest.strip_suffix('.')?, None),
    };
    let (operator, threshold) = compared.rsplit_once(' ')?;
    let (target_kind, target) = if on == "the cluster" { ("global", "") } else { on.split_once(' ')? };
    Some(OpenIncident {
        rule: rule.to_owned(),
        target_kind: target_kind.to_owned(),
        target: target.to_owned(),
        severity: Severity::try_from(severity.parse::<u8>().ok()?).ok()?,
        open_s: open_s.parse().ok()?,
        metric: metric.to_owned(),
        operator: OPERATORS.into_iter().find(|(word, _)| *word == operator)?.1,
        threshold: threshold.parse().ok()?,
        value: value.parse().ok()?,
        class: class.and_then(|class| ErrorClass::ALL.into_iter().find(|known| known.name() == class)),
    })
}

fn sent(item: &str) -> Option<(String, f64)> {
    let (action, ago_s) = item.strip_suffix(" s ago")?.rsplit_once(' ')?;
    Some((action.to_owned(), ago_s.parse().ok()?))
}

fn node(item: &str) -> Option<NodeFigure> {
    let (name, rest) = item.split_once(" in zone ")?;
    let (zone, pressure) = rest.strip_suffix(" busy")?.rsplit_once(' ')?;
    Some(NodeFigure { name: name.to_owned(), zone: zone.to_owned(), pressure: pressure.parse().ok()? })
}

fn zone(item: &str) -> Option<ZoneFigure> {
    let (name, rest) = item.split_once(" with ")?;
    let (errors, weight) = rest.split_once(" errors and ")?;
    let weight = weight.strip_suffix(" of the traffic")?;
    Some(ZoneFigure { name: name.to_owned(), errors: errors.parse().ok()?, weight: weight.parse().ok()? })
}

fn grown(item: &str) -> Option<Grown> {
    let (rest, calm_s) = item.strip_suffix(" s")?.rsplit_once(", calm for ")?;
    let (rest, busy) = rest.strip_suffix(" busy")?.rsplit_once(", ")?;
    let (service, times) = rest.strip_suffix(" times")?.rsplit_once(' ')?;
    Some(Grown {
        service: service.to_owned(),
        times: times.parse().ok()?,
        busy: busy.parse().ok()?,
        calm_s: calm_s.parse().ok()?,
    })
}

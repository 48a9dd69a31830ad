//! Factors and constraints from a TOML file, and which combinations of levels the constraints leave possible.

use std::{collections::BTreeMap, fs, path::Path};

use microcloud_policy::nearest_name;
use serde::Deserialize;

use super::{Factor, OatsError, error::did_you_mean};

/// Factors that a file may have, and levels that a factor may have.
const FACTORS: std::ops::RangeInclusive<usize> = 2..=40;
const LEVELS: std::ops::RangeInclusive<usize> = 2..=16;
const MOST_CONSTRAINTS: usize = 64;

/// What varies, and which combinations there are not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factors {
    /// Zones of the cluster that the rows are for.
    #[serde(default = "one_zone")]
    pub zones: u32,
    /// The factors, a column each.
    pub factors: Vec<Factor>,
    /// Which rows there are not.
    #[serde(default)]
    pub constraints: Vec<Constraint>,
}

fn one_zone() -> u32 {
    1
}

/// Forbids rows: where all of `when` holds, the rest has to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// Levels by factor.
    pub when: BTreeMap<String, String>,
    /// By factor, the levels of which one has to stand then.
    #[serde(default)]
    pub requires: BTreeMap<String, Vec<String>>,
    /// Zones that the cluster has to have then.
    #[serde(default)]
    pub min_zones: u32,
}

impl Factors {
    /// The factors of a failure scenario beyond which service it strikes, for a cluster of two zones.
    ///
    /// # Errors
    /// None with the file that is built in.
    pub fn mixed() -> Result<Self, OatsError> {
        Self::from_toml(include_str!("mixed.toml"), "the built-in factors")
    }

    /// Factors without constraints.
    pub fn unconstrained(factors: Vec<Factor>) -> Self {
        Self { zones: 1, factors, constraints: Vec::new() }
    }

    /// Reads a TOML file with `zones`, `[[factors]]` and `[[constraints]]`.
    ///
    /// # Errors
    /// A file that cannot be read, is no text or no TOML, or factors and constraints that make no sense.
    pub fn load(path: &Path) -> Result<Self, OatsError> {
        let origin = path.display().to_string();
        let problem = |problem: String| OatsError::Factors { origin: origin.clone(), problem };
        let bytes = fs::read(path).map_err(|error| problem(format!("cannot read: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|_| OatsError::NotText { origin: origin.clone() })?;
        Self::from_toml(&text, &origin)
    }

    /// Reads the text of such a file; `origin` names it in errors.
    ///
    /// # Errors
    /// Text that is no TOML, or factors and constraints that make no sense.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, OatsError> {
        let problem = |problem: String| OatsError::Factors { origin: origin.to_owned(), problem };
        let factors: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
            problem(format!("line {line}: {}", error.message().replace('\n', " ")))
        })?;
        factors.check().map_err(problem)?;
        Ok(factors)
    }

    /// How many levels each factor has.
    pub fn levels(&self) -> Vec<usize> {
        self.factors.iter().map(|factor| factor.levels.len()).collect()
    }

    fn check(&self) -> Result<(), String> {
        let count = |key: String, found: usize, allowed: std::ops::RangeInclusive<usize>| {
            let (least, most) = (allowed.start(), allowed.end());
            let holds = allowed.contains(&found);
            if holds { Ok(()) } else { Err(format!("{key}: {found} entries; allowed: {least} to {most}")) }
        };
        count("factors".to_owned(), self.factors.len(), FACTORS)?;
        count("constraints".to_owned(), self.constraints.len(), 0..=MOST_CONSTRAINTS)?;
        unique("factors", self.factors.iter().map(|factor| &factor.name))?;
        for factor in &self.factors {
            count(format!("levels of `{}`", factor.name), factor.levels.len(), LEVELS)?;
            unique(&format!("levels of `{}`", factor.name), factor.levels.iter())?;
        }
        for number in 1..=self.constraints.len() {
            self.rule(&self.constraints[number - 1], number)?;
        }
        Ok(())
    }

    /// A constraint with its names resolved.
    fn rule(&self, constraint: &Constraint, number: usize) -> Result<Rule, String> {
        let key = |part: &str| format!("constraints[{}].{part}", number - 1);
        if constraint.when.is_empty() {
            return Err(format!("{}: empty; allowed: at least one factor with its level", key("when")));
        }
        if constraint.requires.is_empty() && constraint.min_zones == 0 {
            return Err(format!("{}: empty; allowed: a factor with its levels, or min_zones", key("requires")));
        }
        let find = |part: &str, factor: &str, levels: &[String]| -> Result<(usize, Vec<u8>), String> {
            let names = || self.factors.iter().map(|own| own.name.as_str());
            let place = names().position(|name| name == factor);
            let place = place.ok_or_else(|| unknown(&key(part), factor, "factor", &names().collect::<Vec<_>>()))?;
            let own = &self.factors[place].levels;
            let index = |level: &String| {
                let names: Vec<&str> = own.iter().map(String::as_str).collect();
                let found = own.iter().position(|candidate| candidate == level);
                let what = format!("level of `{factor}`");
                found.map(|index| index as u8).ok_or_else(|| unknown(&key(part), level, &what, &names))
            };
            Ok((place, levels.iter().map(index).collect::<Result<_, _>>()?))
        };
        let when = constraint.when.iter().map(|(factor, level)| find("when", factor, std::slice::from_ref(level)));
        let requires = constraint.requires.iter().map(|(factor, levels)| find("requires", factor, levels));
        Ok(Rule {
            when: when.collect::<Result<_, _>>()?,
            requires: requires.collect::<Result<_, _>>()?,
            is_hopeless: constraint.min_zones > self.zones,
        })
    }

    /// What the constraints forbid.
    ///
    /// # Errors
    /// Names that no factor or level has.
    pub(super) fn rules(&self) -> Result<Rules, OatsError> {
        let rule = |(index, constraint)| self.rule(constraint, index + 1);
        let rules: Result<Vec<Rule>, String> = self.constraints.iter().enumerate().map(rule).collect();
        let rules = rules.map_err(|problem| OatsError::Factors { origin: "factors".to_owned(), problem })?;
        let named = |rule: &Rule| rule.when.iter().chain(&rule.requires).map(|(place, _)| *place).collect::<Vec<_>>();
        let mut involved: Vec<usize> = rules.iter().flat_map(named).collect();
        involved.sort_unstable();
        involved.dedup();
        Ok(Rules { rules, involved, levels: self.levels() })
    }
}

/// Where all of `when` holds, each of `requires` has to; nothing helps where it is hopeless.
struct Rule {
    when: Vec<(usize, Vec<u8>)>,
    requires: Vec<(usize, Vec<u8>)>,
    is_hopeless: bool,
}

impl Rule {
    fn forbids(&self, row: &[Option<u8>]) -> bool {
        let holds = |(place, levels): &(usize, Vec<u8>)| row[*place].is_some_and(|level| levels.contains(&level));
        let fails = |(place, levels): &(usize, Vec<u8>)| row[*place].is_some_and(|level| !levels.contains(&level));
        self.when.iter().all(holds) && (self.is_hopeless || self.requires.iter().any(fails))
    }
}

/// What the constraints forbid, by the factors' places.
pub(super) struct Rules {
    rules: Vec<Rule>,
    /// Places of the factors that any rule names.
    involved: Vec<usize>,
    levels: Vec<usize>,
}

impl Rules {
    /// The number, from 1, of a constraint that forbids a whole row.
    pub(super) fn forbidding(&self, row: &[u8]) -> Option<usize> {
        let row: Vec<Option<u8>> = row.iter().copied().map(Some).collect();
        self.rules.iter().position(|rule| rule.forbids(&row)).map(|index| index + 1)
    }

    /// Whether a row that is given in part can be completed.
    pub(super) fn can_complete(&self, row: &[Option<u8>]) -> bool {
        if self.rules.iter().any(|rule| rule.forbids(row)) {
            return false;
        }
        let Some(&next) = self.involved.iter().find(|&&place| row[place].is_none()) else { return true };
        let mut row = row.to_vec();
        (0..self.levels[next]).any(|level| {
            row[next] = Some(level as u8);
            self.can_complete(&row)
        })
    }

    /// Whether any row has these levels.
    pub(super) fn allows(&self, tuple: &[(usize, u8)]) -> bool {
        if self.rules.is_empty() {
            return true;
        }
        let mut row = vec![None; self.levels.len()];
        for &(place, level) in tuple {
            row[place] = Some(level);
        }
        self.can_complete(&row)
    }
}

fn unique<'a>(key: &str, names: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(format!("{key}: the name {name:?}; allowed: not empty, no control character"));
        }
        if !seen.insert(name) {
            return Err(format!("{key}: `{name}` stands there twice; allowed: once"));
        }
    }
    Ok(())
}

pub(super) fn unknown(key: &str, name: &str, kind: &str, allowed: &[&str]) -> String {
    let nearest = nearest_name(name, allowed.iter().copied()).map(str::to_owned);
    format!("{key}: no such {kind} `{name}`{}; allowed: {}", did_you_mean(&nearest), allowed.join(", "))
}

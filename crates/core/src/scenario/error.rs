//! What can be wrong with a scenario file, said in one line with the file, the key and what is allowed.

use thiserror::Error;

/// Why a scenario could not be loaded.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// Neither a built-in scenario nor a file.
    #[error("unknown scenario `{name}`{}; allowed: {allowed}, or the path of a .toml file", did_you_mean(.nearest))]
    UnknownName {
        /// What was asked for.
        name: String,
        /// The built-in name that is nearest to it.
        nearest: Option<String>,
        /// The built-in names.
        allowed: String,
    },
    /// The file cannot be read: absent, a directory, no permission.
    #[error("{file}: cannot read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not text.
    #[error("{file}: not a text file; a scenario is TOML in UTF-8")]
    NotText {
        /// The file.
        file: String,
    },
    /// The file is not TOML, or has unknown, missing or mistyped keys.
    #[error("{file}: line {line}: {problem}")]
    Syntax {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// The file reads well but describes no cluster.
    #[error("{file}: {problem}")]
    Invalid {
        /// The file.
        file: String,
        /// The key, its value and what is allowed.
        problem: String,
    },
}

impl ScenarioError {
    /// The process exit code: 3 for a corrupt file, 2 for anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            ScenarioError::NotText { .. } => 3,
            _ => 2,
        }
    }

    pub(super) fn from_toml(error: &toml::de::Error, text: &str, origin: &str) -> Self {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
        let message = error.message().replace('\n', " ");
        let message = message
            .replace("expected u32", "allowed: a whole number from 0 to 4294967295")
            .replace("expected u8", "allowed: a whole number from 0 to 255");
        // The line shows the key, which serde's message about a wrong value does not.
        let shown = text.lines().nth(line - 1).map_or("", str::trim);
        let shown: String = shown.chars().filter(|letter| !letter.is_control()).take(80).collect();
        let message = if shown.is_empty() || message.starts_with("missing") {
            message
        } else {
            format!("{message} in `{shown}`")
        };
        Self::Syntax { file: origin.to_owned(), line, problem: with_nearest(&message) }
    }

    /// What the reader says of an overlay once it is merged, with the key: there is no line of a file any more.
    pub(super) fn from_overlay(error: &toml::de::Error, origin: &str) -> Self {
        let problem = with_nearest(&error.to_string().trim().replace('\n', " "));
        Self::Invalid { file: origin.to_owned(), problem }
    }
}

/// serde's "unknown field `x`, expected one of `a`, `b`" with the nearest of the expected names appended.
fn with_nearest(message: &str) -> String {
    let listed = message.split(" in `").next().unwrap_or(message);
    let mut quoted = listed.split('`').skip(1).step_by(2);
    let (Some(found), true) = (quoted.next(), message.starts_with("unknown ")) else {
        return message.to_owned();
    };
    format!("{message}{}", did_you_mean(&nearest(found, quoted)))
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// The candidate most like `name`, if any is alike at all.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

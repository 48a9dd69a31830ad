//! Structured logs on standard error, by the environment variables `LOG_LEVEL` and `LOG_FORMAT`.

use std::io;

use tracing::level_filters::LevelFilter;

/// The levels that `LOG_LEVEL` takes.
const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What the two variables ask for: `info` and `text` where they are not set or empty, in any case of letters.
///
/// # Errors
/// Another value; the message names the variable and what is allowed.
pub fn log_settings(level: Option<&str>, format: Option<&str>) -> Result<(LevelFilter, LogFormat), String> {
    let given = |value: Option<&str>, default: &str| match value {
        Some(text) if !text.is_empty() => text.to_lowercase(),
        _ => default.to_owned(),
    };
    let (level, format) = (given(level, "info"), given(format, "text"));
    let filter = LEVELS
        .iter()
        .find(|(name, _)| *name == level)
        .map(|(_, filter)| *filter)
        .ok_or_else(|| format!("LOG_LEVEL = {level}; allowed: {}", LEVELS.map(|(name, _)| name).join(", ")))?;
    match format.as_str() {
        "text" => Ok((filter, LogFormat::Text)),
        "json" => Ok((filter, LogFormat::Json)),
        _ => Err(format!("LOG_FORMAT = {format}; allowed: text, json")),
    }
}

/// Sends this process's log to standard error as the environment asks; where a log has been set up before, it stays.
///
/// # Errors
/// As [`log_settings`].
pub fn start_logging() -> Result<LogFormat, String> {
    let variable = |name: &str| std::env::var(name).ok();
    let (level, format) = log_settings(variable("LOG_LEVEL").as_deref(), variable("LOG_FORMAT").as_deref())?;
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
    // An embedding program may have a log of its own.
    let _ = match format {
        LogFormat::Text => subscriber.without_time().try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    Ok(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unset_and_empty_variables_mean_info_and_text() {
        assert_eq!(log_settings(None, None), Ok((LevelFilter::INFO, LogFormat::Text)));
        assert_eq!(log_settings(Some(""), Some("")), Ok((LevelFilter::INFO, LogFormat::Text)));
        assert_eq!(log_settings(Some("WARN"), Some("JSON")), Ok((LevelFilter::WARN, LogFormat::Json)));
    }

    #[test]
    fn other_values_are_refused_with_what_is_allowed() {
        assert!(log_settings(Some("loud"), None).is_err_and(|text| text.contains("off, error, warn, info")));
        assert!(log_settings(None, Some("xml")).is_err_and(|text| text.contains("text, json")));
    }
}

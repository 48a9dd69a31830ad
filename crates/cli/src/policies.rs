//! The policies that a user names: a baseline, a YAML file, a folder under `policies/`, a checkpoint folder or a run folder,
//! maybe in a wrapper.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use microcloud_eval::Contender;
use microcloud_policy::{
    BASELINE_NAMES, ThresholdRulesConfig,
    approval::{ApprovalConfig, ApprovalPolicy, Approver},
    authority::{Authority, AuthorityFile, AuthorityPolicy},
    detector::Detector,
    nearest_name,
};

use crate::Failure;

/// Most seconds that an approval takes.
const MAX_DELAY_S: f64 = 3_600.0;

/// What a POLICY argument means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedPolicy {
    /// A baseline's name.
    Baseline(&'static str),
    /// The folder of a checkpoint, a run or a released policy, or a YAML file of policies.
    Folder(PathBuf),
}

/// The policy that a user names: a baseline, a path, or a folder or file under `policies/`, the first of them that there is.
///
/// # Errors
/// A name that means nothing; the message lists those that do, and the nearest.
pub fn find_policy(policy: &str) -> Result<NamedPolicy, Failure> {
    if let Some(name) = BASELINE_NAMES.into_iter().find(|name| *name == policy) {
        return Ok(NamedPolicy::Baseline(name));
    }
    let released = Path::new("policies").join(policy);
    let folder = [PathBuf::from(policy), released].into_iter().find(|path| path.exists());
    folder.map(NamedPolicy::Folder).ok_or_else(|| unknown(policy))
}

/// The contender that a POLICY argument means: [`find_policy`]'s, `approval(SECONDS):POLICY`, whose actions are approved
/// after so many seconds, `approval(SECONDS,ROLE.toml):POLICY`, which rejects what the role may not,
/// `approval(SECONDS,COOLDOWN):POLICY` or `approval(SECONDS,ROLE.toml,COOLDOWN):POLICY`, which turns away what was proposed
/// less than so many seconds before, or `authority(ROLE.toml):POLICY`, which sees and sends only what the role may. Wrappers
/// nest.
///
/// # Errors
/// A name that means nothing, a folder without a policy, or a corrupt one; a delay or a role file that is none.
pub fn contender(policy: &str) -> Result<Contender, Failure> {
    if let Some((argument, inner)) = wrapper(policy, "approval") {
        return approval(policy, argument, inner);
    }
    if let Some((argument, inner)) = wrapper(policy, "authority") {
        return authority(policy, argument, inner);
    }
    Ok(match find_policy(policy)? {
        NamedPolicy::Baseline(name) => Contender::baseline(name)?,
        NamedPolicy::Folder(file) if is_policy_file(&file) => Contender::policy_file(&file)?,
        NamedPolicy::Folder(folder) => Contender::checkpoint(&folder)?,
    })
}

/// Whether a path is called as a YAML file is, which the policy engine plays; a folder of that name is a mistake.
fn is_policy_file(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("yaml" | "yml"))
}

/// The argument and the policy of `<name>(<argument>):<policy>`.
fn wrapper<'a>(policy: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    policy.strip_prefix(name)?.strip_prefix('(')?.split_once("):")
}

fn approval(policy: &str, argument: &str, inner: &str) -> Result<Contender, Failure> {
    let mut parts = argument.split(',').map(str::trim);
    let delay = parts.next().unwrap_or_default();
    let (mut role, mut cooldown) = (None, None);
    for part in parts {
        // A role is a file, a cooldown a number, in this order.
        match part.parse::<f64>() {
            Ok(seconds) if cooldown.is_none() => cooldown = Some(seconds),
            Err(_) if role.is_none() && cooldown.is_none() => role = Some(part),
            _ => {
                return Err(Failure::usage(format!(
                    "{policy}: `{part}`; allowed: approval(SECONDS[,ROLE.toml][,COOLDOWN]):POLICY"
                )));
            }
        }
    }
    let cooldown_s = cooldown.unwrap_or(ApprovalConfig::default().cooldown_s);
    if !(0.0..=MAX_DELAY_S).contains(&cooldown_s) {
        return Err(Failure::usage(format!("{policy}: cooldown `{cooldown_s}`; allowed: 0 to {MAX_DELAY_S} seconds")));
    }
    let delay_s: f64 = delay.parse().ok().filter(|delay_s| (0.0..=MAX_DELAY_S).contains(delay_s)).ok_or_else(|| {
        Failure::usage(format!(
            "{policy}: delay `{delay}`; allowed: 0 to {MAX_DELAY_S} seconds, as in `approval(30):threshold-rules`"
        ))
    })?;
    let role = role.map(|path| AuthorityFile::load(Path::new(path))).transpose()?;
    Ok(wrappable(policy, inner)?.wrapped(policy, move |inner, topology| {
        let approver = match &role {
            Some(role) => Approver::Authority(Arc::new(Authority::new(role, topology)?)),
            None => Approver::All,
        };
        // An approved action waits for the mask for as long as it waited for its approval, and a little.
        let expiry_s = ApprovalConfig::default().expiry_s.max(2.0 * delay_s);
        let config = ApprovalConfig { delay_s, expiry_s, cooldown_s, approver };
        let detector = Detector::new(ThresholdRulesConfig::default().rules, topology)?;
        Ok(Box::new(ApprovalPolicy::new(inner, config, detector, topology)?))
    }))
}

fn authority(policy: &str, argument: &str, inner: &str) -> Result<Contender, Failure> {
    let role = AuthorityFile::load(Path::new(argument))?;
    Ok(wrappable(policy, inner)?.wrapped(policy, move |inner, topology| {
        let authority = Arc::new(Authority::new(&role, topology)?);
        Ok(Box::new(AuthorityPolicy::new(inner, authority, topology)))
    }))
}

fn wrappable(policy: &str, inner: &str) -> Result<Contender, Failure> {
    if inner == "oracle" {
        return Err(Failure::usage(format!(
            "{policy}: oracle sees the environment itself and cannot be wrapped; allowed: any other policy"
        )));
    }
    contender(inner)
}

fn unknown(policy: &str) -> Failure {
    let mut allowed: Vec<String> = BASELINE_NAMES.map(str::to_owned).to_vec();
    if let Ok(entries) = std::fs::read_dir("policies") {
        let folders = entries.flatten().filter(|entry| entry.path().is_dir());
        let mut names: Vec<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        allowed.extend(names);
    }
    let nearest = nearest_name(policy, allowed.iter().map(String::as_str));
    let hint = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    Failure::usage(format!(
        "unknown policy `{policy}`{hint}; allowed: {}, a YAML file of policies, a checkpoint folder or a run folder, and \
         approval(SECONDS[,ROLE.toml][,COOLDOWN]):POLICY or authority(ROLE.toml):POLICY of one",
        allowed.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn refusal(policy: &str) -> String {
        contender(policy).err().map(|failure| failure.to_string()).unwrap_or_default()
    }

    #[test]
    fn wrappers_nest_and_are_reported_as_typed() -> Outcome {
        let folder = tempfile::tempdir()?;
        let role = folder.path().join("role.toml");
        std::fs::write(&role, "role = \"r\"\n[[allow]]\nactions = [\"restart\"]\n")?;
        let role = role.display();
        for policy in [
            "approval(30):threshold-rules".to_owned(),
            format!("approval(0.5, {role}):planner"),
            "approval(0,60):random".to_owned(),
            format!("approval(0.5, {role}, 60):planner"),
            format!("approval(30):authority({role}):random"),
        ] {
            assert_eq!(contender(&policy)?.name(), policy);
        }
        Ok(())
    }

    #[test]
    fn wrong_wrappers_are_refused_with_what_is_allowed() {
        for delay in ["-1", "soon", "NaN", "3601", ""] {
            let message = refusal(&format!("approval({delay}):no-op"));
            assert!(message.contains("allowed: 0 to 3600 seconds"), "{message}");
        }
        assert!(refusal("approval(30):oracle").contains("cannot be wrapped"));
        assert!(refusal("approval(30):treshold-rules").contains("did you mean `threshold-rules`?"));
        assert!(refusal("authority(/nowhere.toml):no-op").starts_with("/nowhere.toml: "));
        assert!(refusal("approval(30)").contains("approval(SECONDS[,ROLE.toml][,COOLDOWN]):POLICY"));
        assert!(refusal("approval(30,-1):no-op").contains("cooldown `-1`; allowed: 0 to 3600 seconds"));
        assert!(refusal("approval(30,60,role.toml):no-op").contains("`role.toml`; allowed: approval(SECONDS["));
    }
}

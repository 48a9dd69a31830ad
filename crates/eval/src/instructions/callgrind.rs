//! One run of a program under callgrind, and the number of instructions that it took.

use std::{
    fs::{self, File},
    io,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use super::{InstructionError, Part};

/// Time between two looks at a run.
const LOOK: Duration = Duration::from_millis(20);

/// The instructions of a run, whose files go to `folder`; the run is ended where the caller wants to stop.
pub(super) fn count(
    program: &Path,
    scenario: &str,
    part: Part,
    folder: &Path,
    stop: &dyn Fn() -> bool,
) -> Result<u64, InstructionError> {
    if stop() {
        return Err(InstructionError::Interrupted);
    }
    let failed = |problem: String| InstructionError::Run {
        command: format!("{} --count-work {scenario} {part}", program.display()),
        problem,
    };
    let (out, log) = (folder.join(format!("{scenario}.{part}.out")), folder.join(format!("{scenario}.{part}.log")));
    let told = File::create(&log).map_err(InstructionError::Folder)?;
    // `=` within one argument would need the path to be valid text.
    let mut out_file = std::ffi::OsString::from("--callgrind-out-file=");
    out_file.push(&out);
    let child = Command::new("valgrind")
        // Without --vgdb=no a run that is killed leaves pipes in the temporary folder.
        .args(["--tool=callgrind", "--quiet", "--vgdb=no"])
        .arg(out_file)
        .arg(program)
        .args(["--count-work", scenario, &part.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(told)
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => InstructionError::NoValgrind,
            _ => failed(error.to_string()),
        })?;
    let status = wait(child, stop).map_err(|error| failed(error.to_string()))?;
    let status = status.ok_or(InstructionError::Interrupted)?;
    if !status.success() {
        let said = fs::read_to_string(&log).unwrap_or_default();
        return Err(failed(format!("{status}: {}", said.trim())));
    }
    let text = fs::read_to_string(&out).map_err(|error| failed(format!("no output: {error}")))?;
    total(&text)
}

/// How the process ended; none where the caller wanted to stop and the process was killed.
fn wait(mut child: Child, stop: &dyn Fn() -> bool) -> io::Result<Option<ExitStatus>> {
    loop {
        let ended = child.try_wait();
        if let Ok(Some(status)) = ended {
            return Ok(if status.code().is_none() && stop() { None } else { Some(status) });
        }
        if ended.is_err() || stop() {
            // It may have ended by itself in between, which is as good.
            let _ = child.kill();
            child.wait()?;
            return ended.map(|_| None);
        }
        thread::sleep(LOOK);
    }
}

/// The number of instructions in callgrind's output; its last line, so that output which was cut short has none.
fn total(text: &str) -> Result<u64, InstructionError> {
    let wrong = |problem: String| InstructionError::Output { problem };
    let value = |key: &str| text.lines().rev().find_map(|line| line.strip_prefix(key)).map(str::trim);
    match value("events:") {
        Some("Ir") => {}
        found => return Err(wrong(format!("events: {found:?}; allowed: Ir"))),
    }
    let total = value("totals:").ok_or_else(|| wrong("it has no line `totals:`".to_owned()))?;
    total.parse().map_err(|_| wrong(format!("totals: {total}; allowed: a whole number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head and the end of what callgrind 3.19 writes.
    const OUTPUT: &str = "# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npid: 7\ncmd:  target/debug/bench\n\
                          part: 1\n\n\ndesc: I1 cache: \ndesc: Trigger: Program termination\n\npositions: line\n\
                          events: Ir\nsummary: 131\n\n\nob=(1) /usr/lib/ld.so\nfl=(1) ???\nfn=(1) 0x1\n0 131\n\n\
                          totals: 131\n";

    #[test]
    fn the_total_is_read_from_callgrinds_output() {
        assert_eq!(total(OUTPUT).ok(), Some(131));
    }

    #[test]
    fn output_that_is_cut_short_or_counts_something_else_is_refused() {
        let cut = OUTPUT.split("totals").next().unwrap_or_default();
        let other = OUTPUT.replace("events: Ir", "events: Ir Dr");
        let spoilt = OUTPUT.replace("totals: 131", "totals: many");
        for text in ["", cut, other.as_str(), spoilt.as_str()] {
            assert!(matches!(total(text), Err(InstructionError::Output { .. })), "{text}");
        }
    }

    #[test]
    fn a_run_is_ended_where_the_caller_stops() -> io::Result<()> {
        let child = Command::new("sleep").arg("600").spawn()?;
        assert!(wait(child, &|| true)?.is_none());
        Ok(())
    }

    #[test]
    fn a_run_that_fails_is_no_interruption() -> io::Result<()> {
        let status = wait(Command::new("false").spawn()?, &|| false)?;
        assert!(status.is_some_and(|status| !status.success()));
        Ok(())
    }
}

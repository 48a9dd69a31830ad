//! What `scenario validate` does: runs the comparisons, prints their rows, writes the page, and says whether they hold.

use std::{fs, io, io::IsTerminal, path::Path, time::Duration};

use indicatif::ProgressBar;
use microcloud_eval::{
    replace_file,
    validation::{Effort, Row, Validation, check_rules, page, validate},
};

use crate::{Failure, print};

/// What is validated, and where it goes.
#[derive(clap::Args)]
pub struct ValidateArguments {
    /// Print the rows as JSON to standard output, and nothing else there
    #[arg(long)]
    json: bool,
    /// Run the part that takes less than a minute
    #[arg(long)]
    quick: bool,
    /// Switch a rule of the fluid engine off, to see whether validation fails without it; may be given again
    #[arg(long, value_name = "RULE")]
    without: Vec<String>,
    /// Write validation.md and its pictures to this folder
    #[arg(long, value_name = "DIR")]
    write: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// A rule that nobody knows, a folder that cannot be written, and rows that fail.
pub fn run_validation(arguments: &ValidateArguments) -> Result<(), Failure> {
    check_rules(&arguments.without).map_err(Failure::usage)?;
    let folder = arguments.write.as_deref().map(Path::new);
    if let Some(folder) = folder {
        // Before minutes are spent on what goes into it.
        fs::create_dir_all(folder.join("validation")).map_err(|error| cannot_write(folder, &error))?;
    }
    let effort = if arguments.quick { Effort::Quick } else { Effort::Full };
    let line = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    line.enable_steady_tick(Duration::from_millis(200));
    let validation = validate(effort, &arguments.without, &|section| line.set_message(section.to_owned()))
        .map_err(Failure::usage)?;
    line.finish_and_clear();
    if arguments.json {
        let rows: Vec<&Row> = validation.rows().collect();
        let text = serde_json::to_string_pretty(&rows).map_err(Failure::disk)?;
        print(&format!("{text}\n"))?;
    } else {
        print(&validation.to_string())?;
    }
    // The rows are out whatever becomes of the folder.
    if let Some(folder) = folder {
        write(folder, &validation)?;
    }
    match validation.held_and_failed() {
        (_, 0) => Ok(()),
        (held, failed) => Err(Failure::not_held(format!("{failed} of {held} rows that are held to a tolerance fail"))),
    }
}

fn write(folder: &Path, validation: &Validation) -> Result<(), Failure> {
    let put = |file: &Path, text: &str| replace_file(file, text.as_bytes()).map_err(|error| cannot_write(file, &error));
    for plot in validation.sections.iter().flat_map(|section| &section.plots) {
        let svg = plot.to_svg().map_err(Failure::disk)?;
        put(&folder.join("validation").join(plot.file()), &svg)?;
    }
    put(&folder.join("validation.md"), &page(validation))
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::disk(format!("{}: cannot write: {error}", path.display()))
}

//! Documents name paths that exist.

use std::path::Path;

#[test]
fn every_path_in_the_documents_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "benches/README.md"] {
        let text = std::fs::read_to_string(root.join(document)).expect("the document");
        let quoted = text.split('`').skip(1).step_by(2);
        let mut paths = 0;
        for path in quoted.filter(|quoted| quoted.starts_with("crates/") && !quoted.contains([' ', 'N', '<'])) {
            assert!(root.join(path).exists(), "{document} names {path}");
            paths += 1;
        }
        assert!(paths > 0 || document != "ARCHITECTURE.md");
    }
}

/// Rows of each described system, and those of them for which nothing can be shown: named software that is not run, and the
/// ports of a viewer that does not exist yet.
const SYSTEMS: [(usize, &[usize]); 5] = [(28, &[26]), (30, &[]), (25, &[5]), (30, &[30]), (22, &[21])];

#[test]
fn every_part_of_the_five_systems_is_shown_by_a_command_a_test_or_a_file_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("docs/systems.md")).expect("the document");
    let sources = ["crates", "python/tests"].map(|folder| sources(&root.join(folder))).concat();
    let mut ids = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit()) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [id, _, _, shown] = cells[..] else { panic!("{line}") };
        ids.push(id.to_owned());
        let named: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        let (system, row) = id.split_once('.').expect("a row's id");
        let (system, row): (usize, usize) = (system.parse().expect("a number"), row.parse().expect("a number"));
        assert_eq!(named.is_empty(), SYSTEMS[system].1.contains(&row), "{line}");
        for name in named {
            assert!(exists(&root, &sources, name), "row {id} names {name}");
        }
    }
    let expected = SYSTEMS
        .iter()
        .enumerate()
        .flat_map(|(system, (rows, _))| (1..=*rows).map(move |row| format!("{system}.{row}")));
    assert_eq!(ids, expected.collect::<Vec<String>>());
}

/// Whether a quoted name is a binary and its subcommand or scenario, a file, or a test.
fn exists(root: &Path, sources: &str, name: &str) -> bool {
    if let Some(command) = name.strip_prefix("cargo run --bin ") {
        let mut words = command.split_whitespace();
        let binary = words.next().unwrap_or_default();
        let subcommand = words.nth(1).filter(|word| !word.starts_with('-'));
        let is_known = |word: &str| {
            let variant = word[..1].to_uppercase() + &word[1..];
            microcloud_core::Scenario::builtin_names().contains(&word)
                || [format!("    {variant}("), format!("    {variant} {{")].iter().any(|own| sources.contains(own))
        };
        return ["cli", "train"].iter().any(|home| root.join(format!("crates/{home}/src/bin/{binary}.rs")).exists())
            && subcommand.is_none_or(is_known);
    }
    if let Some(module) = name.strip_prefix("python -m microcloud_gym.") {
        return root.join(format!("python/microcloud_gym/{module}.py")).exists();
    }
    if name.contains(['/', '.']) {
        return root.join(name).exists();
    }
    [format!("fn {name}("), format!("def {name}(")].iter().any(|definition| sources.contains(definition))
}

/// The text of every Rust and Python file in a folder.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
            text.push_str(&std::fs::read_to_string(&path).expect("a file of text"));
        }
    }
    text
}

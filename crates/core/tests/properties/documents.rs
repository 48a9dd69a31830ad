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

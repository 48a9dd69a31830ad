//! What is read back from a checkpoint folder, and how damaged ones are refused.

use std::fs;
use std::path::Path;

use microcloud_policy::Policy;
use microcloud_policy::network::{
    CheckpointError, CheckpointPolicy, Layer, MANIFEST_FILE, Network, NetworkSpec, Normalizer, POLICY_FILE, PolicyFile,
    greedy, schema_hash, sha256_hex,
};
use ndarray::{Array1, Array2};

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{prefix}.{index}")).collect()
}

fn layer(outputs: usize, inputs: usize, scale: f32) -> Layer {
    let weight = Array2::from_shape_fn((outputs, inputs), |(o, i)| scale * ((o * 7 + i * 3) % 11) as f32 - 0.5);
    Layer { weight, bias: Array1::from_shape_fn(outputs, |o| o as f32 * 0.01) }
}

fn policy_file() -> PolicyFile {
    let layers = vec![layer(8, 5, 0.1), layer(3, 8, 0.2), layer(8, 5, 0.3), layer(1, 8, 0.1)];
    let spec = NetworkSpec::separate(5, 3, vec![8]);
    PolicyFile {
        network: Network::new(spec, layers, Normalizer::identity(5)).unwrap(),
        algo: "ppo".into(),
        scenario: "spine12".into(),
        observation_schema: schema_hash(&names("observation", 5)),
        action_schema: schema_hash(&names("action", 3)),
    }
}

fn write_checkpoint(folder: &Path, bytes: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(POLICY_FILE), bytes).unwrap();
    let manifest = serde_json::json!({ "sha256": { POLICY_FILE: sha256_hex(bytes) } });
    fs::write(folder.join(MANIFEST_FILE), manifest.to_string()).unwrap();
}

fn load(path: &Path) -> Result<CheckpointPolicy, CheckpointError> {
    CheckpointPolicy::load(path, &names("observation", 5), &names("action", 3))
}

#[test]
fn a_written_policy_is_read_back_bit_for_bit() {
    let file = policy_file();
    let read = PolicyFile::from_bytes(&file.to_bytes().unwrap(), Path::new("x")).unwrap();
    assert_eq!(read, file);
}

#[test]
fn a_run_a_checkpoint_and_a_released_policy_all_load() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("run/checkpoints/000000128");
    write_checkpoint(&checkpoint, &policy_file().to_bytes().unwrap());
    fs::write(folder.path().join("run/checkpoints/best"), "000000128\n").unwrap();
    let mut policy = load(&folder.path().join("run")).unwrap();
    assert!(policy.name().starts_with("ppo:"));
    load(&checkpoint).unwrap();

    let observations = Array2::from_shape_fn((4, 5), |(row, column)| row as f32 - column as f32);
    let masks = Array2::from_shape_fn((4, 3), |(row, column)| (row + column) % 2 == 0);
    let mut actions = [9; 4];
    policy.act(observations.view(), masks.view(), &[true; 4], &mut actions);
    let mut workspace = Default::default();
    let none = Array2::zeros((observations.nrows(), 0));
    let logits = policy.network().act(observations.view(), none.view(), &mut workspace).actions;
    for (row, action) in actions.into_iter().enumerate() {
        assert!(masks[[row, action]]);
        assert_eq!(action, greedy(&logits.row(row).to_vec(), &masks.row(row).to_vec()));
    }
}

#[test]
fn damage_is_corrupt_data_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = policy_file().to_bytes().unwrap();
    let checkpoint = folder.path().join("c");
    let refused = |reason: &str| {
        let error = load(&checkpoint).unwrap_err();
        assert_eq!(error.exit_code(), 3, "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    };

    write_checkpoint(&checkpoint, &bytes);
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(checkpoint.join(POLICY_FILE), &flipped).unwrap();
    refused("SHA-256");

    for length in [0, 4, 8, 40, bytes.len() / 2, bytes.len() - 1] {
        write_checkpoint(&checkpoint, &bytes[..length]);
        refused("corrupt");
    }
    for position in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x55;
        write_checkpoint(&checkpoint, &damaged);
        let _ = load(&checkpoint);
    }
    let mut infinite = bytes.clone();
    let end = infinite.len();
    infinite[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    write_checkpoint(&checkpoint, &infinite);
    refused("NaN");

    write_checkpoint(&checkpoint, &bytes);
    fs::write(checkpoint.join(MANIFEST_FILE), "{").unwrap();
    refused("manifest.json");
}

#[test]
fn a_pointer_out_of_the_checkpoints_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_checkpoint(&folder.path().join("elsewhere"), &policy_file().to_bytes().unwrap());
    fs::create_dir_all(folder.path().join("run/checkpoints")).unwrap();
    for name in ["../../elsewhere", "/etc", "", "missing"] {
        fs::write(folder.path().join("run/checkpoints/best"), name).unwrap();
        assert_eq!(load(&folder.path().join("run")).unwrap_err().exit_code(), 3, "{name}");
    }
}

#[test]
fn equal_policies_make_equal_bytes() {
    let bytes = policy_file().to_bytes().unwrap();
    assert!((0..8).all(|_| policy_file().to_bytes().unwrap() == bytes));
    assert_eq!(u64::from_le_bytes(bytes[..8].try_into().unwrap()) % 8, 0);
}

#[test]
fn a_checkpoint_without_manifest_and_a_pointer_that_is_no_file_are_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let checkpoint = run.join("checkpoints/000000128");
    write_checkpoint(&checkpoint, &policy_file().to_bytes().unwrap());
    fs::create_dir(run.join("checkpoints/best")).unwrap();
    let error = load(&run).unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains("best"), "{error}");
    fs::remove_file(checkpoint.join(MANIFEST_FILE)).unwrap();
    let error = load(&checkpoint).unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains(MANIFEST_FILE), "{error}");
}

#[test]
fn what_is_missing_or_made_for_another_environment_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(load(&folder.path().join("nothing")).unwrap_err().exit_code(), 2);
    assert_eq!(load(folder.path()).unwrap_err().exit_code(), 2);
    write_checkpoint(folder.path(), &policy_file().to_bytes().unwrap());
    let error = CheckpointPolicy::load(folder.path(), &names("observation", 5), &names("other", 3)).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("action schema"), "{error}");
}

#[test]
fn a_policy_opens_without_an_environment_and_tells_which_one_it_fits() {
    let folder = tempfile::tempdir().unwrap();
    write_checkpoint(folder.path(), &policy_file().to_bytes().unwrap());
    let policy = CheckpointPolicy::open(&folder.path().join("")).unwrap();
    assert_eq!(policy.name(), format!("ppo:{}", folder.path().display()));
    assert_eq!((policy.scenario(), policy.observation_size(), policy.num_actions()), (Some("spine12"), 5, 3));
    policy.check(&names("observation", 5), &names("action", 3)).unwrap();
    for (observations, actions) in [(names("other", 5), names("action", 3)), (names("observation", 5), names("o", 3))] {
        let error = policy.check(&observations, &actions).unwrap_err();
        assert!(matches!(error, CheckpointError::Schema { .. }), "{error}");
        assert!(error.to_string().contains(POLICY_FILE), "{error}");
    }
    let unlabelled = CheckpointPolicy::from_network("mine", policy_file().network);
    unlabelled.check(&names("any", 5), &names("any", 3)).unwrap();
    assert!(unlabelled.check(&names("any", 6), &names("any", 3)).is_err());
}

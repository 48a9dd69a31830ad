//! Every truncation and many altered bits of a checkpoint, each of which must be refused as a corrupt file.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use microcloud_train::RandomStream;
use microcloud_train::run::CheckpointReader;

/// Damages the latest checkpoint of a copy of `run`; gives one line about it, or the damage that was not refused.
pub fn play(run: &Path, every: usize, flips: u32, seed: u64) -> Result<String, String> {
    let copy = Copy::of(run).map_err(|error| format!("{}: {error}", run.display()))?;
    let mut reader = CheckpointReader::new(&copy.path).map_err(|error| error.to_string())?;
    let step = reader.latest().map_err(|error| error.to_string())?.ok_or("the run has no checkpoint")?;
    let checkpoint = copy.path.join(format!("checkpoints/{step:09}"));
    let files = whole_files(&checkpoint).map_err(|error| error.to_string())?;
    let mut refused = |path: &Path, damaged: &[u8], what: String| -> Result<(), String> {
        fs::write(path, damaged).map_err(|error| error.to_string())?;
        let what = format!("{} {what}", path.display());
        match catch_unwind(AssertUnwindSafe(|| reader.latest())) {
            Err(_) => Err(format!("{what}: a panic")),
            Ok(Ok(step)) => Err(format!("{what}: silently read as step {step:?}")),
            Ok(Err(error)) if error.exit_code() != 3 => {
                Err(format!("{what}: exit code {}: {error}", error.exit_code()))
            }
            Ok(Err(_)) => Ok(()),
        }
    };
    let mut cuts = 0;
    for (path, bytes) in &files {
        for end in (0..bytes.len()).step_by(every) {
            refused(path, &bytes[..end], format!("cut to {end} bytes"))?;
            cuts += 1;
        }
        fs::write(path, bytes).map_err(|error| error.to_string())?;
    }
    let mut random = RandomStream::from_seed(seed);
    let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    for flip in 0..flips {
        // Half of them anywhere, the other half in a file drawn first: most bytes are in one file.
        let mut place = (random.uniform() * total as f64) as usize;
        let mut chosen = 0;
        if flip % 2 == 0 {
            while place >= files[chosen].1.len() {
                place -= files[chosen].1.len();
                chosen += 1;
            }
        } else {
            chosen = (random.uniform() * files.len() as f64) as usize;
            place %= files[chosen].1.len();
        }
        let (path, bytes) = &files[chosen];
        let bit = (random.uniform() * 8.0) as u32;
        let mut altered = bytes.clone();
        altered[place] ^= 1 << bit;
        refused(path, &altered, format!("with bit {bit} of byte {place} flipped"))?;
        fs::write(path, bytes).map_err(|error| error.to_string())?;
    }
    let again = reader.latest().map_err(|error| error.to_string())?;
    if again != Some(step) {
        return Err(format!("the undamaged checkpoint is read as {again:?} afterwards"));
    }
    Ok(format!("{cuts} truncations and {flips} flipped bits of {} files, {total} bytes: all refused", files.len()))
}

/// A copy of a run, removed in the end.
struct Copy {
    path: PathBuf,
}

impl Copy {
    fn of(run: &Path) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("damaged-{}", std::process::id()));
        copy(run, &path)?;
        Ok(Self { path })
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn whole_files(folder: &Path) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    paths.into_iter().map(|path| Ok((path.clone(), fs::read(path)?))).collect()
}

//! How many bytes per second one thread writes, and reads and writes back, in memory and in its second-level cache.

use std::{fs, hint::black_box, path::Path, time::Instant};

use serde::Serialize;

/// Where the system does not say how large its caches are.
const L2_BYTES: usize = 512 << 10;
const LAST_LEVEL_BYTES: usize = 64 << 20;
/// Bytes that pass in one measurement, and measurements, of which the best counts.
const PASSED: usize = 512 << 20;
const TRIES: usize = 7;

/// What the system says about the caches of its first core, or what is assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CacheSizes {
    /// Bytes of the first-level data cache, where the system says so.
    pub l1_data_bytes: Option<usize>,
    /// Bytes of the second level.
    pub l2_bytes: usize,
    /// Bytes of the last level.
    pub last_level_bytes: usize,
}

impl CacheSizes {
    /// Asks the system.
    pub fn read() -> Self {
        let levels: Vec<(u32, usize)> = (0..8).filter_map(cache).collect();
        let of = |level| levels.iter().find(|&&(number, _)| number == level).map(|&(_, bytes)| bytes);
        Self {
            l1_data_bytes: of(1),
            l2_bytes: of(2).unwrap_or(L2_BYTES),
            last_level_bytes: levels.iter().max().map_or(LAST_LEVEL_BYTES, |&(_, bytes)| bytes),
        }
    }
}

/// Level and bytes of one of the first core's caches that hold data.
fn cache(index: u32) -> Option<(u32, usize)> {
    let folder = format!("/sys/devices/system/cpu/cpu0/cache/index{index}");
    let read = |name: &str| fs::read_to_string(Path::new(&folder).join(name)).map(|text| text.trim().to_owned()).ok();
    if read("type")? == "Instruction" {
        return None;
    }
    let kilobytes: usize = read("size")?.strip_suffix('K')?.parse().ok()?;
    Some((read("level")?.parse().ok()?, kilobytes << 10))
}

/// Bandwidths of one buffer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bandwidth {
    /// The buffer.
    pub buffer_bytes: usize,
    /// Bytes of it written per second.
    pub write_bytes_per_s: f64,
    /// Bytes of it read and written back per second, each counted once.
    pub rewrite_bytes_per_s: f64,
}

impl Bandwidth {
    /// Measures a buffer of so many bytes.
    pub fn measure(buffer_bytes: usize) -> Self {
        let mut buffer = vec![1.0_f32; (buffer_bytes / size_of::<f32>()).max(1)];
        let bytes = buffer.len() * size_of::<f32>();
        let write_bytes_per_s = rate(&mut buffer, |buffer| buffer.fill(black_box(1.5)));
        let rewrite_bytes_per_s = rate(&mut buffer, |buffer| {
            let factor = black_box(1.0);
            buffer.iter_mut().for_each(|value| *value *= factor);
        });
        Self { buffer_bytes: bytes, write_bytes_per_s, rewrite_bytes_per_s }
    }
}

/// Bytes per second that a pass over the buffer takes in.
fn rate(buffer: &mut [f32], pass: impl Fn(&mut [f32])) -> f64 {
    let bytes = size_of_val(buffer);
    let passes = (PASSED / bytes).max(1);
    let mut best = f64::INFINITY;
    for _ in 0..TRIES {
        let begin = Instant::now();
        for _ in 0..passes {
            pass(black_box(&mut *buffer));
        }
        black_box(&buffer);
        best = best.min(begin.elapsed().as_secs_f64());
    }
    (bytes * passes) as f64 / best.max(1e-9)
}

//! A replay as a safetensors file, written and read piece by piece: whole in memory it would be there twice.

use std::io::{self, Read, Write};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::prioritized::PrioritizedRows;
use super::replay::{FinalObservation, Replay, ReplayShape, TERMINATED, TRUNCATED};

/// Values that are converted at a time.
const PIECE: usize = 1 << 12;
/// More than the header of any replay.
const MOST_HEADER_BYTES: u64 = 1 << 16;
/// More steps than any run takes.
const MOST_STEPS: u64 = 1 << 44;

/// A tensor's name, type and shape; those of a file lie in this order.
type Entry = (&'static str, Dtype, Vec<usize>);

/// The tensors of a replay with so many steps and last observations, in an order that aligns them.
fn entries(shape: ReplayShape, stored: usize, finals: usize, prioritized: bool) -> Vec<Entry> {
    let rows = vec![stored, shape.num_envs];
    let of_rows = |last: usize| [rows.as_slice(), &[last]].concat();
    let mut entries = vec![("pushed", Dtype::U64, vec![1]), ("final_rows", Dtype::U64, vec![finals])];
    if prioritized {
        entries.push(("largest_priority", Dtype::F64, vec![1]));
        entries.push(("priorities", Dtype::F64, rows.clone()));
    }
    entries.extend([
        ("observations", Dtype::F32, of_rows(shape.observation_size)),
        ("rewards", Dtype::F32, rows.clone()),
        ("final_observations", Dtype::F32, vec![finals, shape.observation_size]),
        ("actions", Dtype::U16, rows.clone()),
        ("action_masks", Dtype::U8, of_rows(shape.mask_bytes())),
        ("ends", Dtype::U8, rows),
        ("final_action_masks", Dtype::U8, vec![finals, shape.mask_bytes()]),
    ]);
    entries
}

/// The header that says where each tensor lies.
fn header(entries: &[Entry]) -> Vec<u8> {
    let mut offset = 0;
    let described = entries.iter().map(|(name, dtype, shape)| {
        let start = offset;
        offset += shape.iter().product::<usize>() * dtype.bitsize() / 8;
        let info = TensorInfo { dtype: *dtype, shape: shape.clone(), data_offsets: (start, offset) };
        ((*name).to_owned(), serde_json::json!(info))
    });
    let mut text = serde_json::Value::Object(described.collect()).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    text
}

/// Writes a replay, with the priorities of its rows where it has them; equal replays write equal bytes.
///
/// # Errors
/// The writer's.
pub fn write_replay(replay: &Replay, priorities: Option<&PrioritizedRows>, out: &mut dyn Write) -> io::Result<()> {
    let (stored, finals) = (replay.stored_steps(), &replay.finals);
    let header = header(&entries(replay.shape(), stored, finals.len(), priorities.is_some()));
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    put(out, [replay.pushed()].iter().copied(), u64::to_le_bytes)?;
    put(out, finals.iter().map(|last| last.row), u64::to_le_bytes)?;
    if let Some(priorities) = priorities {
        let rows = stored * replay.shape().num_envs;
        put(out, std::iter::once(priorities.largest), f64::to_le_bytes)?;
        put(out, priorities.tree.priorities()[..rows].iter().copied(), f64::to_le_bytes)?;
    }
    put(out, replay.observations.iter().copied(), f32::to_le_bytes)?;
    put(out, replay.rewards.iter().copied(), f32::to_le_bytes)?;
    put(out, finals.iter().flat_map(|last| last.observation.iter().copied()), f32::to_le_bytes)?;
    put(out, replay.actions.iter().copied(), u16::to_le_bytes)?;
    out.write_all(&replay.masks)?;
    out.write_all(&replay.ends)?;
    finals.iter().try_for_each(|last| out.write_all(&last.mask))
}

fn put<T, const N: usize>(
    out: &mut dyn Write,
    mut values: impl Iterator<Item = T>,
    bytes: fn(T) -> [u8; N],
) -> io::Result<()> {
    let mut piece = [[0; N]; PIECE];
    loop {
        let mut length = 0;
        for (to, value) in piece.iter_mut().zip(&mut values) {
            *to = bytes(value);
            length += 1;
        }
        if length == 0 {
            return Ok(());
        }
        out.write_all(piece[..length].as_flattened())?;
    }
}

/// Reads what [`write_replay`] wrote: the replay of a shape, and priorities with exponent `alpha` where one is given.
///
/// Nothing in the file is trusted: sizes are held to the shape before memory is set aside, numbers have to be finite, actions
/// to exist, last observations to belong to truncated steps, and priorities to rows that can be drawn.
///
/// # Errors
/// What is wrong with the file, or that memory does not suffice.
pub fn read_replay(
    shape: ReplayShape,
    n_step: usize,
    alpha: Option<f64>,
    input: &mut dyn Read,
) -> Result<(Replay, Option<PrioritizedRows>), String> {
    let (stored, finals) = read_header(shape, alpha.is_some(), input)?;
    let mut replay = Replay::new(shape)?;
    let rows = stored * shape.num_envs;
    let finite = |value: &f32| value.is_finite();
    replay.pushed = take(input, "pushed", 1, Vec::new(), u64::from_le_bytes, |_| true)?.first().copied().unwrap_or(0);
    if replay.pushed > MOST_STEPS || replay.stored_steps() != stored {
        return Err(format!("pushed is {} where {stored} of {} steps are stored", replay.pushed, shape.steps));
    }
    let final_rows = take(input, "final_rows", finals, Vec::new(), u64::from_le_bytes, |_| true)?;
    let priorities = match alpha {
        Some(alpha) => Some(read_priorities(&replay, n_step, alpha, input)?),
        None => None,
    };
    let (width, mask_bytes) = (shape.observation_size, shape.mask_bytes());
    let observations = std::mem::take(&mut replay.observations);
    replay.observations = take(input, "observations", rows * width, observations, f32::from_le_bytes, finite)?;
    let rewards = std::mem::take(&mut replay.rewards);
    replay.rewards = take(input, "rewards", rows, rewards, f32::from_le_bytes, finite)?;
    let last = take(input, "final_observations", finals * width, Vec::new(), f32::from_le_bytes, finite)?;
    let actions = std::mem::take(&mut replay.actions);
    let exists = |action: &u16| usize::from(*action) < shape.num_actions;
    replay.actions = take(input, "actions", rows, actions, u16::from_le_bytes, exists)?;
    let masks = std::mem::take(&mut replay.masks);
    replay.masks = take(input, "action_masks", rows * mask_bytes, masks, u8::from_le_bytes, |_| true)?;
    let ends = std::mem::take(&mut replay.ends);
    let known = |end: &u8| *end <= TERMINATED | TRUNCATED;
    replay.ends = take(input, "ends", rows, ends, u8::from_le_bytes, known)?;
    let masks = take(input, "final_action_masks", finals * mask_bytes, Vec::new(), u8::from_le_bytes, |_| true)?;
    if input.read(&mut [0]).map_err(|error| error.to_string())? != 0 {
        return Err("it goes on behind its last tensor".into());
    }
    if !final_rows.iter().copied().eq(replay.truncated_rows()) {
        return Err("final_rows are not the rows that were truncated".into());
    }
    let parts = final_rows.iter().zip(last.chunks_exact(width)).zip(masks.chunks_exact(mask_bytes));
    replay.finals = parts
        .map(|((&row, observation), mask)| FinalObservation { row, observation: observation.into(), mask: mask.into() })
        .collect();
    Ok((replay, priorities))
}

impl Replay {
    /// Rows that need a last observation, from the oldest on, counted from the run's beginning.
    fn truncated_rows(&self) -> impl Iterator<Item = u64> + '_ {
        let num_envs = self.shape.num_envs;
        let steps = self.pushed - self.stored_steps() as u64..self.pushed;
        steps.flat_map(move |step| {
            let start = self.slot(step) * num_envs;
            let envs = (0..num_envs).filter(move |env| self.ends[start + env] == TRUNCATED);
            envs.map(move |env| step * num_envs as u64 + env as u64)
        })
    }
}

/// The numbers of steps and of last observations that a file holds, after its header was found to be this shape's.
fn read_header(shape: ReplayShape, prioritized: bool, input: &mut dyn Read) -> Result<(usize, usize), String> {
    let mut length = [0; 8];
    input.read_exact(&mut length).map_err(|_| "it ends in its header")?;
    let length = u64::from_le_bytes(length);
    if length > MOST_HEADER_BYTES {
        return Err(format!("its header has {length} bytes"));
    }
    let mut text = vec![0; length as usize];
    input.read_exact(&mut text).map_err(|_| "it ends in its header")?;
    let metadata: Metadata = serde_json::from_slice(&text).map_err(|error| format!("its header: {error}"))?;
    let first = |name: &str| {
        let info = metadata.info(name).ok_or_else(|| format!("there is no tensor {name}"))?;
        info.shape.first().copied().ok_or_else(|| format!("{name} has no dimension"))
    };
    let (stored, finals) = (first("observations")?, first("final_rows")?);
    if stored > shape.steps || finals > shape.rows() {
        return Err(format!("it holds {stored} steps and {finals} ends of episodes; allowed: {} steps", shape.steps));
    }
    if header(&entries(shape, stored, finals, prioritized)) != text {
        return Err("its tensors are not those of this run's replay".into());
    }
    Ok((stored, finals))
}

fn read_priorities(
    replay: &Replay,
    n_step: usize,
    alpha: f64,
    input: &mut dyn Read,
) -> Result<PrioritizedRows, String> {
    let sound = |priority: &f64| priority.is_finite() && *priority >= 0.0;
    let largest = take(input, "largest_priority", 1, Vec::new(), f64::from_le_bytes, sound)?;
    let rows = replay.stored_steps() * replay.shape().num_envs;
    let values = take(input, "priorities", rows, Vec::new(), f64::from_le_bytes, sound)?;
    let mut priorities = PrioritizedRows::new(replay.shape().rows(), alpha);
    priorities.largest = largest.first().copied().unwrap_or(1.0);
    priorities.tree.set_all(values);
    let drawable = replay.drawable_rows(n_step);
    let positive = (0..drawable).filter(|&index| priorities.tree.priority(replay.drawable_row(index)) > 0.0).count();
    if positive != drawable
        || priorities.tree.priorities().iter().filter(|priority| **priority > 0.0).count() != positive
    {
        return Err("priorities are not those of the rows that can be drawn".into());
    }
    Ok(priorities)
}

/// Reads `count` values behind those of `into`, of which each must be as it should.
fn take<T, const N: usize>(
    input: &mut dyn Read,
    name: &str,
    count: usize,
    mut into: Vec<T>,
    value: fn([u8; N]) -> T,
    sound: impl Fn(&T) -> bool,
) -> Result<Vec<T>, String> {
    into.try_reserve(count).map_err(|error| format!("{name}: {error}"))?;
    let mut piece = vec![[0; N]; PIECE.min(count)];
    let mut left = count;
    while left > 0 {
        let length = left.min(PIECE);
        input.read_exact(piece[..length].as_flattened_mut()).map_err(|error| format!("{name}: {error}"))?;
        let start = into.len();
        into.extend(piece[..length].iter().map(|bytes| value(*bytes)));
        if let Some(position) = into[start..].iter().position(|value| !sound(value)) {
            return Err(format!("{name} holds what it cannot at position {}", start + position));
        }
        left -= length;
    }
    Ok(into)
}

//! What the sequence detector has learned: its network, how values are normalised, which errors are normal; and its file.

use std::{collections::BTreeMap, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{
    lstm::{Lstm, PARTS},
    score::{Scorer, Thresholds},
};
use crate::{
    detector::DetectorError,
    network::file::{little_endian, with_metadata},
};

/// The value of the header's `format` key.
pub const SEQUENCE_FORMAT: &str = "microcloud-sequence-detector/1";
/// The features of a service that the network sees and predicts.
pub const FEATURES: [&str; 4] = ["requests", "error_ratio", "p99_latency", "utilisation"];
/// Seconds between two values of a series.
pub const SAMPLE_S: f64 = 5.0;
/// The model that ships with the crate.
const SHIPPED: &[u8] = include_bytes!("model.safetensors");

/// A trained network and what it holds for normal, shared by all services of all topologies.
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceModel {
    /// The network, and how its errors are measured.
    pub scorer: Scorer,
    /// Which scores are too large, by false-alarm rate.
    pub thresholds: Thresholds,
}

impl SequenceModel {
    /// The model that ships with the crate.
    ///
    /// # Errors
    /// None in a sound build, which a test holds.
    pub fn shipped() -> Result<Self, DetectorError> {
        Self::from_bytes(SHIPPED, "model.safetensors")
    }

    /// The model in a file.
    ///
    /// # Errors
    /// A file that cannot be read or does not hold a model.
    pub fn read(path: &Path) -> Result<Self, DetectorError> {
        let file = path.display().to_string();
        let bytes = std::fs::read(path)
            .map_err(|source| crate::detector::TextFileError::Unreadable { path: path.to_owned(), source })?;
        Self::from_bytes(&bytes, &file)
    }

    /// The file's bytes; equal models make equal bytes. Numbers are stored as F32.
    ///
    /// # Errors
    /// Only where the safetensors crate refuses the tensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>, safetensors::SafeTensorError> {
        let bytes = |values: &[f64]| {
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            little_endian(&values)
        };
        let network = &self.scorer.network;
        let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        let mut rest = network.parameters();
        for (name, (rows, columns)) in PARTS.iter().zip(network.shapes()) {
            let (part, after) = rest.split_at(rows * columns);
            rest = after;
            let shape = if name.ends_with("bias") { vec![rows] } else { vec![rows, columns] };
            tensors.push(((*name).to_owned(), shape, bytes(part)));
        }
        let size = vec![FEATURES.len()];
        tensors.push(("normalizer.mean".to_owned(), size.clone(), bytes(&self.scorer.mean)));
        tensors.push(("normalizer.deviation".to_owned(), size.clone(), bytes(&self.scorer.deviation)));
        tensors.push(("error.mean".to_owned(), size, bytes(&self.scorer.typical_error)));
        let rates = self.thresholds.rates();
        tensors.push(("threshold.rates".to_owned(), vec![rates.len()], bytes(rates)));
        let shape = vec![rates.len(), FEATURES.len()];
        tensors.push(("threshold.scores".to_owned(), shape, bytes(self.thresholds.scores())));
        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        let features = FEATURES.join(",");
        let metadata = BTreeMap::from([("format", SEQUENCE_FORMAT), ("features", features.as_str())]);
        with_metadata(&safetensors::serialize(views, None)?, &metadata)
    }

    /// Reads the file's bytes; `file` is what errors name.
    ///
    /// # Errors
    /// [`DetectorError::Corrupt`] where a tensor is missing, misshaped or not finite, or the header is not this format's.
    pub fn from_bytes(bytes: &[u8], file: &str) -> Result<Self, DetectorError> {
        Self::parse(bytes).map_err(|reason| DetectorError::Corrupt { file: file.to_owned(), reason })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let metadata = header.metadata().clone().unwrap_or_default();
        for (key, wanted) in [("format", SEQUENCE_FORMAT), ("features", &FEATURES.join(","))] {
            let found = metadata.get(key).map(String::as_str).unwrap_or_default();
            if found != wanted {
                return Err(format!("{key} is {found:?}; allowed: {wanted:?}"));
            }
        }
        let (inputs, hidden) = (FEATURES.len(), floats(&tensors, "lstm.bias")?.len() / 4);
        let mut parameters = Vec::new();
        for name in PARTS {
            parameters.extend(floats(&tensors, name)?);
        }
        let row = |name: &str| {
            let values = floats(&tensors, name)?;
            <[f64; FEATURES.len()]>::try_from(values).map_err(|values| format!("{name} has {} values", values.len()))
        };
        let scorer = Scorer::new(
            Lstm::new(inputs, hidden, parameters)?,
            row("normalizer.mean")?,
            row("normalizer.deviation")?,
            row("error.mean")?,
        )?;
        let thresholds = Thresholds::new(floats(&tensors, "threshold.rates")?, floats(&tensors, "threshold.scores")?)?;
        Ok(Self { scorer, thresholds })
    }
}

fn floats(tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<f64>, String> {
    let tensor = tensors.tensor(name).map_err(|_| format!("there is no tensor {name}"))?;
    if tensor.dtype() != Dtype::F32 {
        return Err(format!("{name} has the type {:?} instead of F32", tensor.dtype()));
    }
    let (chunks, _) = tensor.data().as_chunks::<4>();
    let values: Vec<f64> = chunks.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect();
    match values.iter().position(|value| !value.is_finite()) {
        Some(position) => Err(format!("{name} holds {} at position {position}", values[position])),
        None => Ok(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn the_shipped_model_reads_and_writes_the_same_bytes() -> Outcome {
        let model = SequenceModel::shipped()?;
        assert_eq!(model.to_bytes()?, SHIPPED);
        assert_eq!((model.scorer.network.inputs(), model.scorer.network.hidden()), (4, 16));
        assert!(SHIPPED.len() < 16_384, "{}", SHIPPED.len());
        Ok(())
    }

    #[test]
    fn a_file_that_is_cut_or_altered_is_refused_on_one_line() -> Outcome {
        let cut = &SHIPPED[..SHIPPED.len() - 8];
        let mut not_finite = SHIPPED.to_vec();
        let last = not_finite.len() - 4;
        not_finite[last..].copy_from_slice(&f32::NAN.to_le_bytes());
        for bytes in [cut, &not_finite, b"", b"{}"] {
            let Err(error) = SequenceModel::from_bytes(bytes, "x.safetensors") else { return Err("accepted".into()) };
            let message = error.to_string();
            assert!(message.starts_with("x.safetensors: corrupt: ") && !message.contains('\n'), "{message}");
            assert_eq!(error.exit_code(), 3);
        }
        Ok(())
    }
}

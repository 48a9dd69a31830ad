//! The file `policy.safetensors`: a network with its normaliser and what it was trained for.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array1, Array2};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{CheckpointError, Layer, Network, NetworkSpec, Normalizer, graph, sha256_hex};

/// The value of the header's `format` key.
pub const POLICY_FORMAT: &str = "microcloud-policy/2";

/// Hex SHA-256 over the newline-joined names: equal where the same features, or actions, stand in the same order.
pub fn schema_hash(names: &[String]) -> String {
    sha256_hex(names.join("\n").as_bytes())
}

/// The content of `policy.safetensors`.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyFile {
    /// The network.
    pub network: Network,
    /// `ppo` or `dqn`.
    pub algo: String,
    /// The scenario that it was trained on.
    pub scenario: String,
    /// [`schema_hash`] of the observation names.
    pub observation_schema: String,
    /// [`schema_hash`] of the action meanings.
    pub action_schema: String,
}

impl PolicyFile {
    /// The file's bytes; equal policies make equal bytes.
    ///
    /// # Errors
    /// Only where the safetensors crate refuses the tensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>, safetensors::SafeTensorError> {
        let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        for (shape, layer) in self.network.graph().layers.iter().zip(self.network.layers()) {
            let dimensions = vec![shape.outputs, shape.inputs];
            tensors.push((format!("{}.weight", shape.name), dimensions, little_endian(layer.weight.iter())));
            tensors.push((format!("{}.bias", shape.name), vec![shape.outputs], little_endian(&layer.bias)));
        }
        let normalizer = self.network.normalizer();
        let size = vec![self.network.observation_size()];
        tensors.push(("normalizer.mean".into(), size.clone(), little_endian(normalizer.mean())));
        tensors.push(("normalizer.var".into(), size, little_endian(normalizer.var())));

        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        let spec = serde_json::to_string(self.network.spec())?;
        let metadata = [
            ("format", POLICY_FORMAT),
            ("algo", &self.algo),
            ("scenario", &self.scenario),
            ("network", &spec),
            ("observation_schema", &self.observation_schema),
            ("action_schema", &self.action_schema),
        ];
        let bytes = safetensors::serialize(views, None)?;
        with_metadata(&bytes, &metadata.into_iter().collect())
    }

    /// Reads the file's bytes; `path` is what errors name.
    ///
    /// # Errors
    /// [`CheckpointError::Corrupt`] where a tensor is missing, misshaped, unknown or not finite, or the header is not
    /// this format's.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let corrupt = |reason: String| CheckpointError::Corrupt { path: path.to_owned(), reason };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| corrupt(error.to_string()))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| corrupt(error.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let text = |key: &str| {
            metadata.get(key).cloned().ok_or_else(|| corrupt(format!("its header has no metadata key {key}")))
        };
        let format = text("format")?;
        if format != POLICY_FORMAT {
            return Err(corrupt(format!("format is {format:?}; allowed: {POLICY_FORMAT:?}")));
        }
        let spec: NetworkSpec = serde_json::from_str(&text("network")?)
            .map_err(|error| corrupt(format!("its header's network: {error}")))?;
        spec.validate().map_err(|reason| corrupt(format!("its header's network: {reason}")))?;
        let mut reader = TensorReader { tensors, read: 0 };
        let read = reader.network(spec).and_then(|network| {
            if reader.read == reader.tensors.len() {
                Ok(network)
            } else {
                Err(format!("it holds {} tensors, of which {} are known", reader.tensors.len(), reader.read))
            }
        });
        Ok(Self {
            network: read.map_err(corrupt)?,
            algo: text("algo")?,
            scenario: text("scenario")?,
            observation_schema: text("observation_schema")?,
            action_schema: text("action_schema")?,
        })
    }
}

struct TensorReader<'a> {
    tensors: SafeTensors<'a>,
    read: usize,
}

impl TensorReader<'_> {
    fn network(&mut self, spec: NetworkSpec) -> Result<Network, String> {
        let layers = graph(&spec).layers.iter().map(|shape| self.layer(&shape.name)).collect::<Result<_, String>>()?;
        let mean = self.vector("normalizer.mean")?;
        let var = self.vector("normalizer.var")?;
        if var.iter().any(|&v| v < 0.0) {
            return Err("normalizer.var has a negative value".into());
        }
        Network::new(spec, layers, Normalizer::new(mean, var))
    }

    fn layer(&mut self, name: &str) -> Result<Layer, String> {
        let (shape, values) = self.floats(&format!("{name}.weight"))?;
        let &[rows, columns] = shape.as_slice() else {
            return Err(format!("{name}.weight has the shape {shape:?} instead of [out, in]"));
        };
        let weight = Array2::from_shape_vec((rows, columns), values).map_err(|error| error.to_string())?;
        Ok(Layer { weight, bias: self.vector(&format!("{name}.bias"))? })
    }

    fn vector(&mut self, name: &str) -> Result<Array1<f32>, String> {
        let (shape, values) = self.floats(name)?;
        match shape.len() {
            1 => Ok(Array1::from_vec(values)),
            _ => Err(format!("{name} has the shape {shape:?} instead of one dimension")),
        }
    }

    fn floats(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f32>), String> {
        let tensor = self.tensors.tensor(name).map_err(|_| format!("there is no tensor {name}"))?;
        if tensor.dtype() != Dtype::F32 {
            return Err(format!("{name} has the type {:?} instead of F32", tensor.dtype()));
        }
        let (chunks, _) = tensor.data().as_chunks::<4>();
        let values: Vec<f32> = chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if let Some(position) = values.iter().position(|value| !value.is_finite()) {
            return Err(format!("{name} holds {} at position {position}", values[position]));
        }
        self.read += 1;
        Ok((tensor.shape().to_vec(), values))
    }
}

/// The file `bytes`, which has no metadata, with `metadata` in the order of its keys.
pub(crate) fn with_metadata(
    bytes: &[u8],
    metadata: &BTreeMap<&str, &str>,
) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    // The crate takes a hash map, whose order differs from run to run.
    let (size, _) = SafeTensors::read_metadata(bytes)?;
    let (header, data) = bytes[8..].split_at(size);
    let header = header.trim_ascii_end().strip_prefix(b"{").unwrap_or_default();
    let mut text = b"{\"__metadata__\":".to_vec();
    text.extend(serde_json::to_vec(metadata)?);
    text.push(b',');
    text.extend(header);
    text.resize(text.len().next_multiple_of(8), b' ');
    Ok([&(text.len() as u64).to_le_bytes(), text.as_slice(), data].concat())
}

pub(crate) fn little_endian<'a>(values: impl IntoIterator<Item = &'a f32>) -> Vec<u8> {
    values.into_iter().flat_map(|value| value.to_le_bytes()).collect()
}

//! What a checkpoint keeps of a learner: a network, named arrays and counters, whatever the algorithm.

use std::collections::BTreeMap;

use microcloud_policy::network::Network;

/// What a checkpoint keeps of a learner: `policy.safetensors` holds the network, `trainer.safetensors` the arrays,
/// `state.json` the counters.
///
/// Whoever restores takes out array after array, each of which is checked, and ends with [`SavedLearner::is_used_up`].
#[derive(Debug, Clone, PartialEq)]
pub struct SavedLearner {
    /// The policy.
    pub network: Network,
    /// Arrays by name, in the order in which they were put.
    pub tensors: Vec<(String, Values)>,
    /// Whole numbers by name.
    pub counters: BTreeMap<String, u64>,
}

/// The values of an array with one dimension.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Whole numbers.
    U64(Vec<u64>),
    /// Anything else.
    Bytes(Vec<u8>),
}

impl From<Vec<f32>> for Values {
    fn from(values: Vec<f32>) -> Self {
        Self::F32(values)
    }
}

impl From<Vec<f64>> for Values {
    fn from(values: Vec<f64>) -> Self {
        Self::F64(values)
    }
}

impl From<Vec<u64>> for Values {
    fn from(values: Vec<u64>) -> Self {
        Self::U64(values)
    }
}

impl From<Vec<u8>> for Values {
    fn from(values: Vec<u8>) -> Self {
        Self::Bytes(values)
    }
}

impl SavedLearner {
    /// A network, and nothing beside it yet.
    pub fn new(network: Network) -> Self {
        Self { network, tensors: Vec::new(), counters: BTreeMap::new() }
    }

    /// Adds an array; a name stands for one array only.
    pub fn put(&mut self, name: impl Into<String>, values: impl Into<Values>) {
        self.tensors.push((name.into(), values.into()));
    }

    /// Adds a counter.
    pub fn put_counter(&mut self, name: impl Into<String>, count: u64) {
        self.counters.insert(name.into(), count);
    }

    /// Whether there is an array of that name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.iter().any(|(known, _)| known == name)
    }

    /// Takes an array of `length` finite numbers in single precision out.
    ///
    /// # Errors
    /// What is missing or wrong, naming the array.
    pub fn take_f32(&mut self, name: &str, length: usize) -> Result<Vec<f32>, String> {
        match self.take(name)? {
            Values::F32(values) => {
                check(name, values.len(), length, values.iter().position(|value| !value.is_finite()))?;
                Ok(values)
            }
            other => Err(other.is_not(name, "F32")),
        }
    }

    /// Takes an array of `length` finite numbers in double precision out.
    ///
    /// # Errors
    /// What is missing or wrong, naming the array.
    pub fn take_f64(&mut self, name: &str, length: usize) -> Result<Vec<f64>, String> {
        match self.take(name)? {
            Values::F64(values) => {
                check(name, values.len(), length, values.iter().position(|value| !value.is_finite()))?;
                Ok(values)
            }
            other => Err(other.is_not(name, "F64")),
        }
    }

    /// Takes an array of `length` whole numbers out.
    ///
    /// # Errors
    /// What is missing or wrong, naming the array.
    pub fn take_u64(&mut self, name: &str, length: usize) -> Result<Vec<u64>, String> {
        match self.take(name)? {
            Values::U64(values) => check(name, values.len(), length, None).map(|()| values),
            other => Err(other.is_not(name, "U64")),
        }
    }

    /// Takes bytes out, however many.
    ///
    /// # Errors
    /// What is missing or wrong, naming the array.
    pub fn take_bytes(&mut self, name: &str) -> Result<Vec<u8>, String> {
        match self.take(name)? {
            Values::Bytes(bytes) => Ok(bytes),
            other => Err(other.is_not(name, "U8")),
        }
    }

    /// Takes a counter out.
    ///
    /// # Errors
    /// That it is missing.
    pub fn take_counter(&mut self, name: &str) -> Result<u64, String> {
        self.counters.remove(name).ok_or_else(|| format!("there is no counter {name}"))
    }

    /// Whether everything was taken out.
    ///
    /// # Errors
    /// What is left, and so unknown to whoever restored.
    pub fn is_used_up(&self) -> Result<(), String> {
        match (self.tensors.first(), self.counters.keys().next()) {
            (None, None) => Ok(()),
            (Some((name, _)), _) => Err(format!("the tensor {name} is unknown")),
            (None, Some(name)) => Err(format!("the counter {name} is unknown")),
        }
    }

    fn take(&mut self, name: &str) -> Result<Values, String> {
        let place = self.tensors.iter().position(|(known, _)| known == name);
        place.map(|place| self.tensors.remove(place).1).ok_or_else(|| format!("there is no tensor {name}"))
    }
}

impl Values {
    fn is_not(&self, name: &str, wanted: &str) -> String {
        let found = match self {
            Self::F32(_) => "F32",
            Self::F64(_) => "F64",
            Self::U64(_) => "U64",
            Self::Bytes(_) => "U8",
        };
        format!("{name} has the type {found} instead of {wanted}")
    }
}

fn check(name: &str, found: usize, wanted: usize, not_finite: Option<usize>) -> Result<(), String> {
    match not_finite {
        _ if found != wanted => Err(format!("{name} has {found} values instead of {wanted}")),
        Some(position) => Err(format!("{name} is not finite at position {position}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use microcloud_policy::network::{NetworkSpec, Normalizer};

    use super::*;
    use crate::kernel::Layout;

    #[test]
    fn an_array_is_taken_once_and_only_as_what_it_is() {
        let layout = Layout::new(NetworkSpec::separate(2, 2, vec![2])).unwrap();
        let network = layout.network(&layout.initialize(0.0, 1), Normalizer::identity(2)).unwrap();
        let mut saved = SavedLearner::new(network);
        saved.put("a", vec![1.0f32, 2.0]);
        saved.put("b", vec![1.0, f64::NAN]);
        saved.put("c", vec![1u8]);
        saved.put_counter("n", 3);
        assert!(saved.is_used_up().unwrap_err().contains("a is unknown"));
        assert!(saved.clone().take_f32("a", 3).unwrap_err().contains("2 values instead of 3"));
        assert!(saved.clone().take_f64("a", 2).unwrap_err().contains("F32 instead of F64"));
        assert!(saved.take_f64("b", 2).unwrap_err().contains("b is not finite at position 1"));
        assert_eq!(saved.take_f32("a", 2), Ok(vec![1.0, 2.0]));
        assert!(saved.take_f32("a", 2).unwrap_err().contains("no tensor a"));
        assert_eq!(saved.take_bytes("c"), Ok(vec![1]));
        assert!(saved.is_used_up().unwrap_err().contains("counter n"));
        assert_eq!(saved.take_counter("n"), Ok(3));
        assert_eq!(saved.is_used_up(), Ok(()));
    }
}

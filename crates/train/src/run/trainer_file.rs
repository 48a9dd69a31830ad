//! The file `trainer.safetensors`: the named arrays of a learner, each with one dimension.

use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};

use crate::saved_learner::Values;

/// The file's bytes; equal arrays make equal bytes.
pub fn to_bytes(tensors: &[(String, Values)]) -> Result<Vec<u8>, SafeTensorError> {
    let encoded: Vec<(&String, Dtype, usize, Vec<u8>)> = tensors
        .iter()
        .map(|(name, values)| match values {
            Values::F32(values) => (name, Dtype::F32, values.len(), little_endian(values, |v| v.to_le_bytes())),
            Values::F64(values) => (name, Dtype::F64, values.len(), little_endian(values, |v| v.to_le_bytes())),
            Values::U64(values) => (name, Dtype::U64, values.len(), little_endian(values, |v| v.to_le_bytes())),
            Values::Bytes(bytes) => (name, Dtype::U8, bytes.len(), bytes.clone()),
        })
        .collect();
    let views = encoded
        .iter()
        .map(|(name, dtype, length, bytes)| Ok((name, TensorView::new(*dtype, vec![*length], bytes)?)))
        .collect::<Result<Vec<_>, SafeTensorError>>()?;
    safetensors::serialize(views, None)
}

/// The arrays of a file, or what is wrong with it.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<(String, Values)>, String> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let decode = |(name, view): (String, TensorView<'_>)| {
        let data = view.data();
        let values = match view.dtype() {
            Dtype::F32 => Values::F32(data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
            Dtype::F64 => Values::F64(data.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()),
            Dtype::U64 => Values::U64(data.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect()),
            Dtype::U8 => Values::Bytes(data.to_vec()),
            other => return Err(format!("{name} has the type {other:?}; allowed: F32, F64, U64, U8")),
        };
        match view.shape() {
            [_] => Ok((name, values)),
            shape => Err(format!("{name} has the shape {shape:?} instead of one dimension")),
        }
    };
    // The crate's index is a hash map.
    let mut named = tensors.tensors();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    named.into_iter().map(decode).collect()
}

fn little_endian<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_of_every_type_come_back_as_they_were() {
        let tensors = vec![
            ("a".to_owned(), Values::F32(vec![0.1, -0.0, f32::MIN_POSITIVE])),
            ("b".to_owned(), Values::F64(vec![0.1, 1e-300])),
            ("c".to_owned(), Values::U64(vec![u64::MAX])),
            ("d".to_owned(), Values::Bytes(vec![1, 2, 3])),
            ("e".to_owned(), Values::F64(vec![])),
        ];
        let bytes = to_bytes(&tensors).unwrap();
        assert_eq!(from_bytes(&bytes).unwrap(), tensors);
        assert_eq!(to_bytes(&from_bytes(&bytes).unwrap()).unwrap(), bytes);
        assert!(from_bytes(&bytes[..bytes.len() - 1]).is_err());
    }
}

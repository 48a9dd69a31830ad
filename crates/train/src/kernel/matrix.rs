//! Matrix products of row-major slices, by faer's kernels for the processor at hand, on the calling thread.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// `out = a · bᵀ` with `a [rows, inner]`, `b [columns, inner]` and `out [rows, columns]`.
pub fn product_transposed(a: &[f32], b: &[f32], out: &mut [f32], inner: usize, columns: usize) {
    let rows = out.len() / columns;
    let a = MatRef::from_row_major_slice(a, rows, inner);
    let b = MatRef::from_row_major_slice(b, columns, inner).transpose();
    matmul(MatMut::from_row_major_slice_mut(out, rows, columns), Accum::Replace, a, b, 1.0, Par::Seq);
}

/// `out += a · b` with `a [rows, inner]`, `b [inner, columns]` and `out [rows, columns]`.
pub fn add_product(a: &[f32], b: &[f32], out: &mut [f32], inner: usize, columns: usize) {
    let rows = out.len() / columns;
    let a = MatRef::from_row_major_slice(a, rows, inner);
    let b = MatRef::from_row_major_slice(b, inner, columns);
    matmul(MatMut::from_row_major_slice_mut(out, rows, columns), Accum::Add, a, b, 1.0, Par::Seq);
}

/// `out += aᵀ · b` with `a [rows, left]`, `b [rows, right]` and `out [left, right]`.
pub fn add_transposed_product(a: &[f32], b: &[f32], out: &mut [f32], left: usize, right: usize) {
    let rows = a.len() / left;
    let a = MatRef::from_row_major_slice(a, rows, left).transpose();
    let b = MatRef::from_row_major_slice(b, rows, right);
    matmul(MatMut::from_row_major_slice_mut(out, left, right), Accum::Add, a, b, 1.0, Par::Seq);
}

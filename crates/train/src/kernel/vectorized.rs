//! Loops compiled for the vectors of the processor at hand.

/// Runs a closure that was compiled for AVX2 where the processor has it; its bits are the same with and without, since nothing
/// is fused or reordered.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    struct Work<F>(F);
    impl<R, F: FnOnce() -> R> pulp::NullaryFnOnce for Work<F> {
        type Output = R;

        #[inline(always)]
        fn call(self) -> R {
            self.0()
        }
    }
    match pulp::x86::V3::try_new() {
        Some(simd) => simd.vectorize(Work(work)),
        None => work(),
    }
}

/// Runs a closure.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    work()
}

//! Vector arithmetic on rows of f32: norms, gates, exponentials, softmax.
//!
//! Written over `pulp`'s vectors, so that one binary uses what the processor has; every function gives a row the
//! same bits whatever rows are computed beside it.

use pulp::{Arch, Simd, WithSimd};

/// out = x / rms(x) * weight, with rms(x) = sqrt(mean(x²) + epsilon). All three have one row's width.
pub(super) fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    Arch::new().dispatch(RmsNorm { x, weight, epsilon, out });
}

/// gate = silu(gate) * up, elementwise; silu(v) = v / (1 + exp(-v)).
pub(super) fn silu_mul(gate: &mut [f32], up: &[f32]) {
    Arch::new().dispatch(SiluMul { gate, up });
}

/// x += y.
pub(super) fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// A sum of exponentials, as their largest exponent and what the sum is beside its exponential.
#[derive(Debug, Clone, Copy)]
pub(super) struct SumOfExponentials {
    largest: f32,
    beside: f32,
}

impl SumOfExponentials {
    /// Of all of a row.
    pub(super) fn of(row: &[f32]) -> SumOfExponentials {
        Arch::new().dispatch(SumExp { row })
    }

    /// ln of the sum of some: what makes log-probabilities of logits.
    pub(super) fn ln(sums: impl Iterator<Item = SumOfExponentials> + Clone) -> f64 {
        let largest = f64::from(sums.clone().map(|sum| sum.largest).fold(f32::NEG_INFINITY, f32::max));
        let beside = |sum: SumOfExponentials| f64::from(sum.beside) * (f64::from(sum.largest) - largest).exp();
        largest + sums.map(beside).sum::<f64>().ln()
    }
}

/// What softmax does not go below: e^-60 counts as nothing beside the maximum's 1, and its products with small values are
/// still normal numbers. Heads that look at one token only made many that were not, which takes several times as long.
const LEAST_EXPONENT: f32 = -60.0;

/// Replaces `row` by exp(row - max(row)) and returns 1 / its sum.
pub fn softmax_unscaled(row: &mut [f32]) -> f32 {
    let max = maximum(row);
    (1.0 / Arch::new().dispatch(ExpInPlace { row, max })) as f32
}

/// The largest element; negative infinity for none.
pub fn maximum(row: &[f32]) -> f32 {
    Arch::new().dispatch(Maximum { row })
}

/// exp(x) for x <= 0, relative error under 2e-7: x = n ln 2 + r, a polynomial for exp(r), n added to the exponent.
#[inline(always)]
fn exp<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    // 1.5 * 2^23: adding it leaves the rounded integer in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    const POLYNOMIAL: [f32; 5] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5];
    // Below this the result would not be a normal number; e^-87 counts as nothing beside the maximum's 1. With the operands in
    // this order, what is no number stays none.
    let x = s.max_f32s(s.splat_f32s(-87.0), x);
    let magic = s.splat_f32s(MAGIC);
    let shifted = s.mul_add_e_f32s(x, s.splat_f32s(std::f32::consts::LOG2_E), magic);
    let n = s.sub_f32s(shifted, magic);
    // ln 2 in two parts, so that n ln 2 is exact to the last bit of r.
    let r = s.mul_add_e_f32s(n, s.splat_f32s(-0.693_359_4), x);
    let r = s.mul_add_e_f32s(n, s.splat_f32s(2.121_944_4e-4), r);
    let mut p = s.splat_f32s(1.0 / 5040.0);
    for c in POLYNOMIAL {
        p = s.mul_add_e_f32s(p, r, s.splat_f32s(c));
    }
    let one = s.splat_f32s(1.0);
    p = s.mul_add_e_f32s(s.mul_add_e_f32s(p, r, one), r, one);
    let exponent = s.wrapping_dyn_shl_u32s(s.transmute_u32s_f32s(shifted), s.splat_u32s(23));
    s.transmute_f32s_u32s(s.add_u32s(s.transmute_u32s_f32s(p), exponent))
}

struct RmsNorm<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    out: &'a mut [f32],
}

impl WithSimd for RmsNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (lanes, tail) = S::as_simd_f32s(self.x);
        let mut sums = [s.splat_f32s(0.0); 4];
        for (at, &v) in lanes.iter().enumerate() {
            sums[at % 4] = s.mul_add_e_f32s(v, v, sums[at % 4]);
        }
        let sum = s.add_f32s(s.add_f32s(sums[0], sums[1]), s.add_f32s(sums[2], sums[3]));
        let total = s.reduce_sum_f32s(sum) + tail.iter().map(|v| v * v).sum::<f32>();
        let scale = 1.0 / (total / self.x.len() as f32 + self.epsilon).sqrt();
        for ((out, x), weight) in self.out.iter_mut().zip(self.x).zip(self.weight) {
            *out = x * scale * weight;
        }
    }
}

struct SiluMul<'a> {
    gate: &'a mut [f32],
    up: &'a [f32],
}

impl WithSimd for SiluMul<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (gate, gate_tail) = S::as_mut_simd_f32s(self.gate);
        let (up, up_tail) = S::as_simd_f32s(self.up);
        let one = s.splat_f32s(1.0);
        for (gate, &up) in gate.iter_mut().zip(up) {
            // exp(-|v|) keeps the exponential in its range: sigmoid(-v) = exp(-v) sigmoid(v).
            let small = exp(s, s.neg_f32s(s.abs_f32s(*gate)));
            let positive = s.less_than_f32s(s.splat_f32s(0.0), *gate);
            let numerator = s.select_f32s(positive, one, small);
            let sigmoid = s.div_f32s(numerator, s.add_f32s(one, small));
            *gate = s.mul_f32s(s.mul_f32s(*gate, sigmoid), up);
        }
        for (gate, up) in gate_tail.iter_mut().zip(up_tail) {
            *gate = *gate / (1.0 + (-*gate).exp()) * up;
        }
    }
}

struct Maximum<'a> {
    row: &'a [f32],
}

impl WithSimd for Maximum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> f32 {
        largest(s, self.row)
    }
}

#[inline(always)]
fn largest<S: Simd>(s: S, row: &[f32]) -> f32 {
    let (lanes, tail) = S::as_simd_f32s(row);
    let tail = tail.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut max = [s.splat_f32s(f32::NEG_INFINITY); 4];
    for (at, &v) in lanes.iter().enumerate() {
        max[at % 4] = s.max_f32s(max[at % 4], v);
    }
    let max = s.max_f32s(s.max_f32s(max[0], max[1]), s.max_f32s(max[2], max[3]));
    s.reduce_max_f32s(max).max(tail)
}

struct SumExp<'a> {
    row: &'a [f32],
}

impl WithSimd for SumExp<'_> {
    type Output = SumOfExponentials;

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> SumOfExponentials {
        let largest = largest(s, self.row);
        let (lanes, tail) = S::as_simd_f32s(self.row);
        let (max, mut sum) = (s.splat_f32s(largest), s.splat_f32s(0.0));
        for &v in lanes {
            sum = s.add_f32s(sum, exp(s, s.sub_f32s(v, max)));
        }
        let tail: f32 = tail.iter().map(|v| (v - largest).exp()).sum();
        SumOfExponentials { largest, beside: s.reduce_sum_f32s(sum) + tail }
    }
}

/// Elements summed in f32 before they are added to the f64 total: the error stays under 1e-6 for any width.
const SPAN: usize = 1024;

struct ExpInPlace<'a> {
    row: &'a mut [f32],
    max: f32,
}

impl WithSimd for ExpInPlace<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> f64 {
        let (max, least) = (s.splat_f32s(self.max), s.splat_f32s(LEAST_EXPONENT));
        let mut total = 0f64;
        for span in self.row.chunks_mut(SPAN) {
            let (lanes, tail) = S::as_mut_simd_f32s(span);
            let mut sum = s.splat_f32s(0.0);
            for v in lanes {
                *v = exp(s, s.max_f32s(least, s.sub_f32s(*v, max)));
                sum = s.add_f32s(sum, *v);
            }
            total += f64::from(s.reduce_sum_f32s(sum));
            for v in tail {
                *v = (*v - self.max).max(LEAST_EXPONENT).exp();
                total += f64::from(*v);
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f32, want: f64, relative: f64) {
        assert!((f64::from(got) - want).abs() <= relative * want.abs().max(1e-30), "{got} is not {want}");
    }

    #[test]
    fn exponentials_agree_with_the_exact_ones() {
        for at in 0..4000 {
            let x = -(at as f32) * 0.02;
            let mut row = [x, 0.0, x, x, x, x, x, x, x, x, x, x, x, x, x, x];
            softmax_unscaled(&mut row);
            for got in &row[2..] {
                close(*got, f64::from(x.max(LEAST_EXPONENT)).exp(), 4e-7);
            }
        }
    }

    #[test]
    fn what_is_no_number_makes_no_probabilities() {
        let mut row = [0.5; 16];
        row[3] = f32::NAN;
        assert!(softmax_unscaled(&mut row).is_nan());
        assert!(row[3].is_nan());
        row = [0.5; 16];
        row[3] = f32::NAN;
        assert!(SumOfExponentials::ln(std::iter::once(SumOfExponentials::of(&row))).is_nan());
    }

    #[test]
    fn sums_of_exponentials_are_exact_at_every_length() {
        for length in [1, 7, 8, 31, 256, 1031, 5000] {
            let row: Vec<f32> = (0..length).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.3 + 1000.0).collect();
            let want = row.iter().map(|v| f64::from(*v - 1000.0).exp()).sum::<f64>().ln() + 1000.0;
            let got = SumOfExponentials::ln(row.chunks(256).map(SumOfExponentials::of));
            assert!((got - want).abs() < 1e-6, "{length}");
        }
    }

    #[test]
    fn silu_holds_at_both_ends() {
        let gate: Vec<f32> = (-60..60).map(|i| i as f32 * 2.5).collect();
        let mut out = gate.clone();
        silu_mul(&mut out, &vec![2.0; gate.len()]);
        for (gate, out) in gate.iter().zip(out) {
            let gate = f64::from(*gate);
            let want = 2.0 * gate / (1.0 + (-gate).exp());
            assert!((f64::from(out) - want).abs() < 1e-5 * want.abs().max(1e-3), "{gate}: {out} is not {want}");
        }
    }

    #[test]
    fn norms_have_unit_root_mean_square() {
        let x: Vec<f32> = (0..37).map(|i| i as f32 - 11.0).collect();
        let mut out = vec![0.0; x.len()];
        rms_norm(&x, &vec![1.0; x.len()], 0.0, &mut out);
        close(out.iter().map(|v| v * v).sum::<f32>() / x.len() as f32, 1.0, 1e-5);
    }
}

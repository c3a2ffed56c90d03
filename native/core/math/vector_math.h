// Functions of a vector of floats. Included after math/simd.h, once for each target, hence no include guard here.
//
// Each of them propagates NaN, takes infinities to its limits, and is the same sequence of roundings on every target
// that has a fused multiply-add. test/native/vector_math_test.cc states how exact each is. The polynomials are
// minimax ones, found with Sollya's fpminimax (coefficients rounded to float) on the intervals named beside them; the
// reductions are those of Cody and Waite, Software Manual for the Elementary Functions (1980), and of Moshier's Cephes.

AEVB_BEFORE_KERNELS

// ln 2, and ln 2 in two parts: the first has so few bits that its product with an exponent is exact.
constexpr float LN2 = 0x1.62e43p-1f;
constexpr float LN2_HIGH = 0x1.63p-1f;
constexpr float LN2_LOW = -0x1.bd0106p-13f;
constexpr float LOG2_E = 0x1.715476p+0f;

// Horner's rule; the coefficient of the highest power comes first.
AEVB_INLINE F32 horner(F32, F32 sum) { return sum; }
template <typename... Rest>
AEVB_INLINE F32 horner(F32 x, F32 sum, float next, Rest... rest) {
  return horner(x, fma(sum, x, set(next)), rest...);
}
template <typename... Rest>
AEVB_INLINE F32 polynomial(F32 x, float highest, float next, Rest... rest) {
  return horner(x, fma(x, set(highest), set(next)), rest...);
}

// e^r − 1 for |r| ≤ ½ ln 2.
AEVB_INLINE F32 expm1_reduced(F32 r) {
  const F32 q = polynomial(r, 0x1.6b736p-10f, 0x1.122798p-7f, 0x1.555716p-5f, 0x1.5554bp-3f, 0x1.fffffep-2f);
  return fma(q, r * r, r);
}

// x − n ln 2.
AEVB_INLINE F32 minus_ln2_times(F32 x, F32 n) { return fnma(n, set(LN2_LOW), fnma(n, set(LN2_HIGH), x)); }

// 2^n (1 + p) = e^x. The scale is two factors, since n runs from -150 to 128 and no float holds the ends of that.
struct WideExponential {
  F32 scale, other_scale, inverse_of_other, p;
};
AEVB_INLINE WideExponential wide_exponential(F32 x) {
  x = min(set(89.0f), max(set(-104.0f), x));
  // Adding this leaves n + 256, rounded, in the last bits.
  constexpr float SHIFT = 0x1.8p23f + 256.0f;
  const F32 shifted = fma(x, set(LOG2_E), set(SHIFT));
  const F32 r = minus_ln2_times(x, shifted - set(SHIFT));
  const I32 n = bits_of(shifted) & set_int(0x3ff);  // n + 256
  const I32 half = shift_right<1>(n);               // ⌊n / 2⌋ + 128
  const I32 other = n - half;                       // n − ⌊n / 2⌋ + 128
  const I32 one = set_int(1);
  return {float_of(shift_left<23>(half - one)), float_of(shift_left<23>(other - one)),
          float_of(shift_left<23>(set_int(255) - other)), expm1_reduced(r)};
}

AEVB_INLINE F32 exp(F32 x) {
  const WideExponential e = wide_exponential(x);
  return fma(e.scale, e.p, e.scale) * e.other_scale;
}

// e^x − 1.
AEVB_INLINE F32 expm1(F32 x) {
  const WideExponential e = wide_exponential(x);
  return fma(e.scale, e.p, e.scale - e.inverse_of_other) * e.other_scale;
}

// e^−a = scale (1 − p) for a ≥ 0. Half the work: one scale suffices, and if e^−a < 2^-126.5 it is 0.
struct Decay {
  F32 scale, p;
};
AEVB_INLINE Decay decay(F32 a) {
  a = min(set(0x1.601e68p+6f), a);  // 127 ln 2
  // Adding this leaves 127 − n, an exponent field, in the last bits.
  constexpr float SHIFT = 0x1.8p23f + 127.0f;
  const F32 shifted = fnma(a, set(LOG2_E), set(SHIFT));
  const F32 minus_n = shifted - set(SHIFT);
  F32 r;  // a − n ln 2
  if constexpr (FUSED) {
    r = fma(minus_n, set(LN2), a);
  } else {
    r = fma(minus_n, set(LN2_LOW), fma(minus_n, set(LN2_HIGH), a));
  }
  // 1 − e^−r: the polynomial of expm1_reduced at −r.
  const F32 q = polynomial(r, 0x1.6b736p-10f, -0x1.122798p-7f, 0x1.555716p-5f, -0x1.5554bp-3f, 0x1.fffffep-2f);
  return {float_of(shift_left<23>(bits_of(shifted))), fnma(q, r * r, r)};
}

// e^−a and e^−a − 1 for a ≥ 0.
AEVB_INLINE F32 exp_minus(F32 a) {
  const Decay e = decay(a);
  return fnma(e.scale, e.p, e.scale);
}
AEVB_INLINE F32 expm1_minus(F32 a) {
  const Decay e = decay(a);
  return fnma(e.scale, e.p, e.scale - set(1.0f));
}

// log(1 + f) + k ln 2 for √½ − 1 ≤ f ≤ √2 − 1.
AEVB_INLINE F32 log_reduced(F32 f, F32 k) {
  const F32 q = polynomial(f, -0x1.2a6f78p-4f, 0x1.015974p-3f, -0x1.0e96ccp-3f, 0x1.239ce2p-3f, -0x1.5466fep-3f,
                           0x1.99944ep-3f, -0x1.000234p-2f, 0x1.55557p-2f);
  const F32 square = f * f;
  const F32 rest = fnma(set(0.5f), square, fma(q * f, square, k * set(LN2_LOW)));
  return fma(k, set(LN2_HIGH), f + rest);
}

AEVB_INLINE F32 log(F32 x) {
  const Mask tiny = less(x, set(0x1p-126f));
  const F32 y = select(tiny, x * set(0x1p24f), x);
  // The exponent counted from √½, plus 128, is above the 23 bits of the significand.
  constexpr std::int32_t ROOT_HALF = 0x3f3504f3;
  const I32 from_root = bits_of(y) + set_int(0x40000000 - ROOT_HALF);
  const F32 k = from_int(shift_right<23>(from_root)) - select(tiny, set(128.0f + 24.0f), set(128.0f));
  const F32 f = float_of((from_root & set_int(0x7fffff)) + set_int(ROOT_HALF)) - set(1.0f);
  const F32 finite = select(less_equal(x, set(0x1.fffffep127f)), log_reduced(f, k), x);
  const F32 infinity = float_of(set_int(0x7f800000));
  const F32 not_positive = select(less(x, zero()), infinity - infinity, -infinity);
  return select(less_equal(x, zero()), not_positive, finite);
}

// log(1 + e) for 0 ≤ e ≤ 1.
AEVB_INLINE F32 log1p_of_unit(F32 e) {
  const Mask upper = less(set(0x1.a8279ap-2f), e);  // √2 − 1
  const F32 f = select(upper, fma(set(0.5f), e, set(-0.5f)), e);
  return log_reduced(f, select(upper, set(1.0f), zero()));
}

// 1 / (1 + e^−x), given e = e^−|x|.
AEVB_INLINE F32 sigmoid_of_decay(F32 x, F32 e) { return select(less(x, zero()), e, set(1.0f)) / (set(1.0f) + e); }
AEVB_INLINE F32 sigmoid(F32 x) { return sigmoid_of_decay(x, exp_minus(abs(x))); }

// log(1 + e^x), given e = e^−|x|.
AEVB_INLINE F32 softplus_of_decay(F32 x, F32 e) { return max(zero(), x) + log1p_of_unit(e); }
AEVB_INLINE F32 softplus(F32 x) { return softplus_of_decay(x, exp_minus(abs(x))); }

AEVB_INLINE F32 tanh(F32 x) {
  const F32 a = abs(x);
  const F32 e = expm1_minus(a + a);
  const F32 positive = -e / (set(2.0f) + e);
  return float_of(bits_of(positive) | (bits_of(x) & set_int(INT32_MIN)));
}

// The standard normal distribution: Φ(x) and the density φ(x).
struct Normal {
  F32 cdf, density;
};
AEVB_INLINE Normal normal(F32 x) {
  const F32 a = abs(x);
  const F32 e = exp_minus(a * a * set(0.5f));
  // Φ(−a) = e^(−a²/2) t Q(t) with t = 1 / (1 + 0.35 a), for 0 ≤ a ≤ 14.5; beyond, e is 0.
  const F32 t = set(1.0f) / fma(set(0.35f), a, set(1.0f));
  const F32 q = polynomial(t, -0x1.ddeb5ep-6f, 0x1.2715d4p-3f, -0x1.061538p-2f, 0x1.468072p-3f, -0x1.7d60acp-6f,
                           0x1.b071a8p-4f, 0x1.eac3eap-4f, 0x1.1e711ep-3f, 0x1.1df1c2p-3f);
  const F32 tail = e * (t * q);
  return {select(less(x, zero()), tail, set(1.0f) - tail), e * set(0x1.988454p-2f)};  // 1 / √(2π)
}

// sin 2πt and cos 2πt for 0 ≤ t < 1 that is a multiple of 2^-24.
AEVB_INLINE void sincos_of_turns(F32 t, F32* sine, F32* cosine) {
  const I32 quarter = to_int(t * set(4.0f));
  const F32 r = fnma(from_int(quarter), set(0.25f), t);  // exact, |r| ≤ ⅛
  const F32 z = r * r;
  const F32 s = r * polynomial(z, -0x1.2f5992p6f, 0x1.466b2p6f, -0x1.4abbecp5f, 0x1.921fb6p2f);
  const F32 c = polynomial(z, 0x1.d09c24p5f, -0x1.55a5cp6f, 0x1.03c19ep6f, -0x1.3bd3ccp4f, 1.0f);
  const Mask odd = less(zero(), from_int(quarter & set_int(1)));
  const I32 second_bit = set_int(2);
  *sine = float_of(bits_of(select(odd, c, s)) ^ shift_left<30>(quarter & second_bit));
  *cosine = float_of(bits_of(select(odd, s, c)) ^ shift_left<30>((quarter + set_int(1)) & second_bit));
}

AEVB_AFTER_KERNELS

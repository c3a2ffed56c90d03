// Functions of a vector of floats. V is F32
// or a group of them. Included after math/group.h, once for each target, hence no include guard here.
//
// Every one of them passes NaN on, takes infinities to their limits, and is the same sequence of roundings on every
// target that has a fused multiply-add. test/native/vector_math_test.cc states how exact each is. The polynomials are
// minimax ones, found with Sollya's fpminimax (coefficients rounded to float) on the intervals named beside them; the
// reductions are those of Cody and Waite, Software Manual for the Elementary Functions (1980), and of Moshier's Cephes.

AEVB_BEFORE_KERNELS

// ln 2, and ln 2 in two parts: the first has so few bits that its product with an exponent is exact.
constexpr float LN2 = 0x1.62e43p-1f;
constexpr float LN2_HIGH = 0x1.63p-1f;
constexpr float LN2_LOW = -0x1.bd0106p-13f;
constexpr float LOG2_E = 0x1.715476p+0f;

// Horner's rule; the coefficient of the highest power comes first.
template <typename V>
AEVB_INLINE V horner(V, V sum) {
  return sum;
}
template <typename V, typename... Rest>
AEVB_INLINE V horner(V x, V sum, float next, Rest... rest) {
  return horner(x, fma(sum, x, set(next)), rest...);
}
template <typename V, typename... Rest>
AEVB_INLINE V polynomial(V x, float highest, float next, Rest... rest) {
  return horner(x, fma(x, set(highest), set(next)), rest...);
}

// e^r − 1 for |r| ≤ ½ ln 2.
template <typename V>
AEVB_INLINE V expm1_reduced(V r) {
  const V q = polynomial(r, 0x1.6b736p-10f, 0x1.122798p-7f, 0x1.555716p-5f, 0x1.5554bp-3f, 0x1.fffffep-2f);
  return fma(q, r * r, r);
}

// x − n ln 2.
template <typename V>
AEVB_INLINE V minus_ln2_times(V x, V n) { return fnma(n, set(LN2_LOW), fnma(n, set(LN2_HIGH), x)); }

// 2^n (1 + p) = e^x. The scale is two factors, since n runs from -150 to 128 and no float holds the ends of that.
template <typename V>
struct WideExponential {
  V scale, other_scale, inverse_of_other, p;
};
template <typename V>
AEVB_INLINE WideExponential<V> wide_exponential(V x) {
  x = min(set(89.0f), max(set(-104.0f), x));
  // Adding this leaves n + 256, rounded, in the last bits.
  constexpr float SHIFT = 0x1.8p23f + 256.0f;
  const V shifted = fma(x, set(LOG2_E), set(SHIFT));
  const V r = minus_ln2_times(x, shifted - set(SHIFT));
  const auto n = bits_of(shifted) & set_int(0x3ff);    // n + 256
  const auto half = shift_right<1>(n);                 // ⌊n / 2⌋ + 128
  const auto other = n - half;                         // n − ⌊n / 2⌋ + 128
  const I32 one = set_int(1);
  return {float_of(shift_left<23>(half - one)), float_of(shift_left<23>(other - one)),
          float_of(shift_left<23>(set_int(255) - other)), expm1_reduced(r)};
}

template <typename V>
AEVB_INLINE V exp(V x) {
  const WideExponential<V> e = wide_exponential(x);
  return fma(e.scale, e.p, e.scale) * e.other_scale;
}

// e^x − 1.
template <typename V>
AEVB_INLINE V expm1(V x) {
  const WideExponential<V> e = wide_exponential(x);
  return fma(e.scale, e.p, e.scale - e.inverse_of_other) * e.other_scale;
}

// e^−a = scale (1 − p) for a ≥ 0. Half the work: one scale suffices, and where e^−a < 2^-126.5 it is 0.
template <typename V>
struct Decay {
  V scale, p;
};
template <typename V>
AEVB_INLINE Decay<V> decay(V a) {
  a = min(set(0x1.601e68p+6f), a);  // 127 ln 2
  // Adding this leaves 127 − n, an exponent field, in the last bits.
  constexpr float SHIFT = 0x1.8p23f + 127.0f;
  const V shifted = fnma(a, set(LOG2_E), set(SHIFT));
  const V minus_n = shifted - set(SHIFT);
  V r;  // a − n ln 2
  if constexpr (FUSED) {
    r = fma(minus_n, set(LN2), a);
  } else {
    r = fma(minus_n, set(LN2_LOW), fma(minus_n, set(LN2_HIGH), a));
  }
  // 1 − e^−r: the polynomial of expm1_reduced at −r.
  const V q = polynomial(r, 0x1.6b736p-10f, -0x1.122798p-7f, 0x1.555716p-5f, -0x1.5554bp-3f, 0x1.fffffep-2f);
  return {float_of(shift_left<23>(bits_of(shifted))), fnma(q, r * r, r)};
}

// e^−a and e^−a − 1 for a ≥ 0.
template <typename V>
AEVB_INLINE V exp_minus(V a) {
  const Decay<V> e = decay(a);
  return fnma(e.scale, e.p, e.scale);
}
template <typename V>
AEVB_INLINE V expm1_minus(V a) {
  const Decay<V> e = decay(a);
  return fnma(e.scale, e.p, e.scale - set(1.0f));
}

// 1 / q for 1 ≤ q ≤ 2: a cubic, exact to 2^-9, whose error one step of third order takes to its cube. Twice as fast as
// the machine's division, and unlike its reciprocal estimate the same on all machines.
template <typename V>
AEVB_INLINE V reciprocal_of_1_to_2(V q) {
  const V y = polynomial(q, -0x1.c65256p-3f, 0x1.54bdcap0f, -0x1.783c44p1f, 0x1.6a09bap1f);
  const V error = fnma(q, y, set(1.0f));
  return fma(y, fma(error, error, error), y);
}

// log(1 + f) + k ln 2 for √½ − 1 ≤ f ≤ √2 − 1.
template <typename V>
AEVB_INLINE V log_reduced(V f, V k) {
  const V q = polynomial(f, -0x1.2a6f78p-4f, 0x1.015974p-3f, -0x1.0e96ccp-3f, 0x1.239ce2p-3f, -0x1.5466fep-3f, 0x1.99944ep-3f, -0x1.000234p-2f, 0x1.55557p-2f);
  const V square = f * f;
  const V rest = fnma(set(0.5f), square, fma(q * f, square, k * set(LN2_LOW)));
  return fma(k, set(LN2_HIGH), f + rest);
}

template <typename V>
AEVB_INLINE V log(V x) {
  const auto tiny = less(x, set(0x1p-126f));
  const V y = select(tiny, x * set(0x1p24f), x);
  // The exponent counted from √½, plus 128, stands above the 23 bits of the significand.
  constexpr std::int32_t ROOT_HALF = 0x3f3504f3;
  const auto from_root = bits_of(y) + set_int(0x40000000 - ROOT_HALF);
  const V k = from_int(shift_right<23>(from_root)) - select(tiny, set(128.0f + 24.0f), set(128.0f));
  const V f = float_of((from_root & set_int(0x7fffff)) + set_int(ROOT_HALF)) - set(1.0f);
  const V finite = select(less_equal(x, set(0x1.fffffep127f)), log_reduced(f, k), x);
  const F32 infinity = float_of(set_int(0x7f800000));
  const V not_positive = select(less(x, zero()), infinity - infinity, -infinity);
  return select(less_equal(x, zero()), not_positive, finite);
}

// log(1 + e) for 0 ≤ e ≤ 1.
template <typename V>
AEVB_INLINE V log1p_of_unit(V e) {
  const auto upper = less(set(0x1.a8279ap-2f), e);  // √2 − 1
  const V f = select(upper, fma(set(0.5f), e, set(-0.5f)), e);
  return log_reduced(f, select(upper, set(1.0f), zero()));
}

// 1 / (1 + e^−x), given e = e^−|x|.
template <typename V>
AEVB_INLINE V sigmoid_of_decay(V x, V e) {
  return select(less(x, zero()), e, set(1.0f)) * reciprocal_of_1_to_2(set(1.0f) + e);
}
template <typename V>
AEVB_INLINE V sigmoid(V x) { return sigmoid_of_decay(x, exp_minus(abs(x))); }

// log(1 + e^x), given e = e^−|x|.
template <typename V>
AEVB_INLINE V softplus_of_decay(V x, V e) { return max(zero(), x) + log1p_of_unit(e); }
template <typename V>
AEVB_INLINE V softplus(V x) { return softplus_of_decay(x, exp_minus(abs(x))); }

template <typename V>
AEVB_INLINE V tanh(V x) {
  const V a = abs(x);
  const V e = expm1_minus(a + a);
  const V positive = -e * reciprocal_of_1_to_2(set(2.0f) + e);
  return float_of(bits_of(positive) | (bits_of(x) & set_int(INT32_MIN)));
}

// The standard normal distribution: Φ(x) and the density φ(x).
template <typename V>
struct Normal {
  V cdf, density;
};
template <typename V>
AEVB_INLINE Normal<V> normal(V x) {
  const V a = abs(x);
  const V e = exp_minus(a * a * set(0.5f));
  // Φ(−a) = e^(−a²/2) t Q(t) with t = 1 / (1 + 0.35 a), for 0 ≤ a ≤ 14.5; beyond, e is 0.
  const V t = set(1.0f) / fma(set(0.35f), a, set(1.0f));
  const V q = polynomial(t, -0x1.ddeb5ep-6f, 0x1.2715d4p-3f, -0x1.061538p-2f, 0x1.468072p-3f, -0x1.7d60acp-6f, 0x1.b071a8p-4f, 0x1.eac3eap-4f, 0x1.1e711ep-3f, 0x1.1df1c2p-3f);
  const V tail = e * (t * q);
  return {select(less(x, zero()), tail, set(1.0f) - tail), e * set(0x1.988454p-2f)};  // 1 / √(2π)
}

// sin 2πt and cos 2πt for 0 ≤ t < 1 that is a multiple of 2^-24.
template <typename V>
AEVB_INLINE void sincos_of_turns(V t, V* sine, V* cosine) {
  const auto quarter = to_int(t * set(4.0f));
  const V r = fnma(from_int(quarter), set(0.25f), t);  // exact, |r| ≤ ⅛
  const V z = r * r;
  const V s = r * polynomial(z, -0x1.2f5992p6f, 0x1.466b2p6f, -0x1.4abbecp5f, 0x1.921fb6p2f);
  const V c = polynomial(z, 0x1.d09c24p5f, -0x1.55a5cp6f, 0x1.03c19ep6f, -0x1.3bd3ccp4f, 1.0f);
  const auto odd = less(zero(), from_int(quarter & set_int(1)));
  const I32 second_bit = set_int(2);
  *sine = float_of(bits_of(select(odd, c, s)) ^ shift_left<30>(quarter & second_bit));
  *cosine = float_of(bits_of(select(odd, s, c)) ^ shift_left<30>((quarter + set_int(1)) & second_bit));
}

AEVB_AFTER_KERNELS

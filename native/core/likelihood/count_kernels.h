// Functions that the likelihoods of counts share. Included after math/vector_math.h, once for each target, hence no
// include guard here.

AEVB_BEFORE_KERNELS

// λ − x r + log x! for a count x, a log-rate r and λ = e^r, as a sum of terms that are not negative (Loader, Fast and
// Accurate Computation of Binomial Probabilities (2000)):
//   x (e^δ − 1 − δ) + log x! − x log x + x,   δ = r − log x
// If x is large, λ, x r and log x! exceed their sum by more than the precision of a float. The terms after
// the first product are ½ log x plus a bounded function of 1/x, which the polynomial (by Chebyshev interpolation on
// [0, 1]) approximates to 2e-8. If x is 0, the result is λ.
AEVB_INLINE F32 count_loss(F32 x, F32 r, F32 rate) {
  const Mask counted = less(zero(), x);
  const F32 none = rate - x;  // keeps a NaN in x
  if (!any(counted)) return none;
  const F32 n = select(counted, x, set(1.0f));
  const F32 log_n = log(n);
  const F32 delta = r - log_n;
  const F32 remainder = polynomial(min(set(1.0f), set(1.0f) / n), 0x1.0f3092p-13f, -0x1.3c44p-11f, 0x1.08a322p-10f,
                                   -0x1.cd8be4p-16f, -0x1.6c8228p-9f, 0x1.264172p-20f, 0x1.555542p-4f, 0x1.d67f1cp-1f);
  const F32 some = fma(n, expm1(delta) - delta, fma(set(0.5f), log_n, remainder));
  return select(counted, some, none);
}

AEVB_AFTER_KERNELS

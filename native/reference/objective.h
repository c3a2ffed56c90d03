// The plain twins of objective/, corruption.h, binarize.h and one_hot.h, in the manner of reference.h: double,
// row-major, results returned. Only tests call them; the equations stand in the headers of what they are twins of.
//
// B data, L draws of each, R rows, D features, Z units.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reference/layers.h"
#include "spec/spec.h"

namespace aevb::reference {

// --- objective/importance.h ---

Vector importance_bound(const Vector& log_w, std::size_t B, std::size_t L);
Vector importance_weights(const Vector& log_w, std::size_t B, std::size_t L);

// --- objective/score_function.h ---

// `average` is what the moving average stands at; null: it has not begun.
Vector score_function_weights(const Vector& f, Baseline baseline, const double* average, double scale, std::size_t B,
                              std::size_t L);

// --- objective/total_correlation.h ---

// log q(z) of one unit of a Gaussian, Laplace or logistic posterior.
double log_density(PosteriorType family, double z, double mean, double log_spread);

struct TotalCorrelation {
  Vector value;        // [R]
  Vector dz;           // [R, Z]
  Vector dmean;        // [B, Z]
  Vector dlog_spread;  // [B, Z]
};
// The gradients are of  scale · Σ value.
TotalCorrelation total_correlation(PosteriorType family, const Vector& z, const Vector& mean, const Vector& log_spread,
                                   double scale, std::size_t data_rows, std::size_t R, std::size_t B, std::size_t Z);

// --- objective/mmd.h ---

double mmd(const Vector& z, const Vector& prior, std::size_t R, std::size_t Z);
// dz[R, Z] of  scale · mmd
Vector mmd_backward(const Vector& z, const Vector& prior, double scale, std::size_t R, std::size_t Z);

// --- corruption.h, binarize.h, one_hot.h ---

Vector corrupt(const Vector& x, const CorruptionSpec& spec, std::uint64_t seed, std::uint32_t step,
               std::uint32_t first_row, std::size_t R, std::size_t D);

// rows[R]: the data set's row of each row of x
Vector binarize(const Vector& x, Binarize how, std::uint64_t seed, std::uint32_t step,
                const std::vector<std::uint32_t>& rows, std::size_t D);

// codes[R, V] to [R, Σ classes]
Vector one_hot(const Vector& codes, const std::vector<std::size_t>& classes, std::size_t R);

}  // namespace aevb::reference

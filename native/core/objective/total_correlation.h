// The total correlation KL(q(z) ‖ Π_d q(z_d)) of the aggregate posterior q(z) = 1/N Σ_n q(z|x_n), estimated from a
// batch by minibatch-weighted sampling: Chen et al., Isolating Sources of Disentanglement in Variational Autoencoders
// (2018), equation 5 and appendix C.1.
//
//   log q(z_i)  ≈ log 1/(N B) Σ_j Π_d q(z_id|x_j),     log q(z_id) ≈ log 1/(N B) Σ_j q(z_id|x_j)
//   TC          ≈ 1/R Σ_i [ log q(z_i) − Σ_d log q(z_id) ]
//
// B data of the batch, N of the data set, R draws of z (row b L + l for L draws of each datum), Z units. q(z|x_j) is
// one of the factorised families with a location and a spread,
//   gaussian  N(m, e^v), v its log-variance     laplace, logistic  with location m and scale e^v, v its log-scale
//
// N and B cancel in the gradient. They leave (Z − 1) log(N B) in the value, and few of the N posteriors are in the
// batch, so the value lies above the true total correlation: it is one to compare between epochs, not a number of nats.
//
// The gradient is taken in two passes, each of whose tasks writes rows of its own, so that every cut of the rows gives
// the same bits:
//   total_correlation_tables  once, on one thread
//   total_correlation_rows    for ranges of the R rows of z; all of them before
//   total_correlation_heads   for ranges of the B data
#pragma once

#include <cstddef>

#include "spec/spec.h"
#include "tensor/panels.h"

namespace aevb {

// Floats of the tables that all tasks share, and of the scratch that each thread has for its own.
std::size_t total_correlation_table_floats(std::size_t R, std::size_t B, std::size_t Z);
std::size_t total_correlation_scratch_floats(std::size_t R, std::size_t B, std::size_t Z);

// Fills the tables from z[R, Z] and the heads mean[B, Z] and log_spread[B, Z]. `family` is gaussian, laplace or
// logistic; anything else throws std::invalid_argument.
void total_correlation_tables(float* tables, PosteriorType family, ConstPanels z, ConstPanels mean,
                              ConstPanels log_spread, std::size_t R, std::size_t B, std::size_t Z);

// For the rows [first, first + count) of z: value[R] = log q(z_i) − Σ_d log q(z_id), nats, of which the mean is the
// estimate; overwrites. dz[R, Z] += scale · ∂ Σ_i value_i / ∂z at fixed heads, so scale is weight / R; dz.data null
// leaves that out. Touches no other row of value, dz or the tables, and no padding.
void total_correlation_rows(double* value, Panels dz, float* tables, PosteriorType family, float scale,
                            std::size_t data_rows, float* scratch, std::size_t first, std::size_t count, std::size_t R,
                            std::size_t B, std::size_t Z);

// For the data [first, first + count): dmean[B, Z] and dlog_spread[B, Z] += scale · ∂ Σ_i value_i / ∂ heads at fixed z.
// Touches no other row and no padding.
void total_correlation_heads(Panels dmean, Panels dlog_spread, const float* tables, PosteriorType family, float scale,
                             float* scratch, std::size_t first, std::size_t count, std::size_t R, std::size_t B,
                             std::size_t Z);

}  // namespace aevb

// The best posterior q(z) = Π_v q_v(z_v) of discrete z whose log p(x|z) is known for every state, by coordinate ascent:
// with all other variables held, the bound is highest at
//
//   q_v(k) ∝ exp E_{q without v}[log p(x|z) | z_v = k]
//
// as all classes have the same prior (Bishop, Pattern Recognition and Machine Learning (2006), equation 10.9).
#pragma once

#include <cstddef>
#include <vector>

namespace aevb {

class MeanField {
 public:
  // classes: of each variable; states are numbered like the digits of a number, the last variable's the fastest.
  explicit MeanField(std::vector<std::size_t> classes);

  std::size_t states() const { return scores_.size(); }
  // log p(x|z) of each state, nats.
  double* scores() { return scores_.data(); }

  // All q_v(k), one variable's after the other's.
  using Factors = std::vector<double>;

  // E_q[log p(x|z)] − KL(q ‖ p), nats.
  double bound(const Factors& q) const;
  // At most `sweeps` over all variables; fewer if the bound stops rising. Returns the bound.
  double ascend(Factors& q, std::size_t sweeps);
  // The highest that an ascent finds from q, from the posterior's own marginals, and from the states that no change of
  // a single variable improves, the most probable ones of these.
  double best(Factors& q, std::size_t sweeps);

 private:
  Factors marginals() const;
  std::vector<std::size_t> peaks() const;
  Factors at_state(std::size_t state) const;
  double divergence(const Factors& q) const;

  std::vector<std::size_t> classes_, first_;  // first_: of each variable in Factors, and their length
  std::vector<double> scores_;
  std::vector<std::vector<double>> outer_;  // outer_[v]: the scores' mean over all variables behind v
  std::vector<double> weights_, next_weights_;
};

// exp and normalisation of log-weights that are all finite: values[count] in place.
void normalize_exponentials(double* values, std::size_t count);

}  // namespace aevb

#include "reference/model.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "latent/latent.h"
#include "likelihood/likelihood.h"
#include "objective/objective.h"
#include "reference/latent.h"
#include "reference/likelihood.h"
#include "reference/network.h"
#include "reference/objective.h"
#include "reference/scaling.h"

namespace aevb::reference {

namespace {

Vector dense(const Parameters& parameters, const std::string& name, const Vector& inp, std::size_t B) {
  const Vector& bias = parameters.at(name + ".bias");
  const Vector& weight = parameters.at(name + ".weight");
  return dense_forward(inp, weight, bias, B, weight.size() / bias.size(), bias.size());
}

std::string group_name(const ModelSpec& spec, std::size_t i) {
  return spec.latents.size() == 1 ? "latent." : "latent." + std::to_string(i) + ".";
}

// One model in one state of its parameters.
class Pass {
 public:
  Pass(const ModelSpec& spec, const Parameters& parameters, const Batch& batch, const Moment& moment)
      : spec_(spec),
        parameters_(parameters),
        batch_(batch),
        moment_(moment),
        L_(spec.objective.samples),
        R_(batch.rows * spec.objective.samples) {
    const Vector encoded = encode_rows(spec, parameters, batch.input, batch.condition, batch.rows, batch.step);
    std::size_t noise_offset = 0;
    for (std::size_t i = 0; i < spec.latents.size(); ++i) {
      const LatentSpec& latent = spec.latents[i];
      Heads of_group;
      for (const PosteriorHead& head : posterior_heads(latent)) {
        const SpreadBound* bound = posterior_head_bound(latent, of_group.size());
        const Vector raw = dense(parameters, group_name(spec, i) + head.name, encoded, batch.rows);
        of_group.push_back(bound == nullptr ? raw : bound_spread(raw, *bound));
      }
      heads.push_back(of_group);
      epsilon.push_back(columns(batch.epsilon, R_, noise_offset, latent_noise_width(latent)));
      noise_offset += latent_noise_width(latent);
      z.push_back(sample(i, latent.straight_through));
    }
  }

  // z of a group; hard: as the specification of a straight-through one says.
  Vector sample(std::size_t i, bool hard) const {
    LatentSpec latent = spec_.latents[i];
    latent.straight_through = hard;
    const bool score = spec_.objective.estimator == Estimator::scoreFunction;
    const LatentState state{static_cast<float>(moment_.temperature[i]), score, spec_.objective.deterministic};
    return latent_sample(latent, heads[i], epsilon[i], state, batch_.rows, L_);
  }

  Vector prior(std::size_t i) const {
    Vector values;
    for (const PriorTensor& tensor : latent_prior_tensors(spec_.latents[i])) {
      const Vector& part = parameters_.at(group_name(spec_, i) + "prior." + tensor.name);
      values.insert(values.end(), part.begin(), part.end());
    }
    return values;
  }

  // −log p(x|z) of these draws, by this pass's decoder.
  Vector reconstruction(const std::vector<Vector>& of_groups) const {
    const std::vector<Vector> of_heads =
        decode_rows(spec_, parameters_, joined(of_groups), batch_.condition, batch_.rows, L_, batch_.step);
    Vector total(R_, 0.0);
    std::size_t column = 0, data_column = 0, head = 0;
    for (std::size_t i = 0; i < spec_.likelihoods.size(); ++i) {
      const LikelihoodSpec& part = spec_.likelihoods[i];
      const std::size_t D = spec_.likelihoods.size() == 1 ? spec_.input : part.columns;
      const std::size_t end = head + likelihood_head_names(part).size();
      const Heads own(of_heads.begin() + static_cast<std::ptrdiff_t>(head),
                      of_heads.begin() + static_cast<std::ptrdiff_t>(end));
      const auto raw = parameters_.find(part_name(spec_, i) + log_dispersion_name(part));
      const Vector dispersion = raw == parameters_.end() ? Vector{} : raw->second;
      const Vector target = columns(batch_.target, batch_.rows, column, D);
      const std::size_t cells = part.codes ? part.classes.size() : D;
      const Vector loss = part.missing ? loss_of_present(part, own, dispersion, target,
                                                         columns(batch_.present, batch_.rows, data_column, cells), D)
                                       : likelihood_loss(part, own, dispersion, target, batch_.rows, L_, D);
      data_column += cells;
      for (std::size_t r = 0; r < R_; ++r) total[r] += loss[r];
      column += D;
      head = end;
    }
    return total;
  }

  // Each row by itself, of the columns that are present alone.
  Vector loss_of_present(const LikelihoodSpec& part, const Heads& of_part, const Vector& dispersion,
                         const Vector& target, const Vector& present, std::size_t D) const {
    const std::size_t cells = present.size() / batch_.rows;
    Vector losses;
    for (std::size_t row = 0; row < R_; ++row) {
      const std::size_t datum = row / L_;
      LikelihoodSpec own = part;
      own.classes.clear();
      std::vector<std::size_t> kept;
      std::size_t column = 0;
      for (std::size_t cell = 0; cell < cells; ++cell) {
        const std::size_t width = part.codes ? part.classes[cell] : 1;
        if (present[datum * cells + cell] != 0.0) {
          if (part.codes) own.classes.push_back(width);
          for (std::size_t k = 0; k < width; ++k) kept.push_back(column + k);
        }
        column += width;
      }
      if (kept.empty()) {
        losses.push_back(0.0);
        continue;
      }
      const auto chosen = [&](const Vector& all, std::size_t at) {
        Vector values;
        for (const std::size_t c : kept) values.push_back(all[at * D + c]);
        return values;
      };
      Heads heads_of_row;
      for (const Vector& head : of_part) heads_of_row.push_back(chosen(head, row));
      const Vector shared = dispersion.size() == D && D > 1 ? chosen(dispersion, 0) : dispersion;
      losses.push_back(likelihood_loss(own, heads_of_row, shared, chosen(target, datum), 1, 1, kept.size())[0]);
    }
    return losses;
  }

  // log q of these draws under this pass's heads. noise: what they were made of, if these heads made them.
  Vector log_posterior(std::size_t i, const Vector& of_z, const Vector& noise) const {
    return latent_log_posterior(spec_.latents[i], heads[i], of_z, noise, batch_.rows, L_);
  }
  Vector log_prior(std::size_t i, const Vector& of_z) const {
    return latent_log_prior(spec_.latents[i], prior(i), of_z, R_);
  }
  // [B, dimensions]
  Vector kl(std::size_t i) const { return latent_kl(spec_.latents[i], heads[i], prior(i), batch_.rows); }

  Vector joined(const std::vector<Vector>& of_groups) const {
    Vector all = of_groups[0];
    for (std::size_t i = 1; i < of_groups.size(); ++i) all = beside(all, of_groups[i], R_, 1);
    return all;
  }

  std::vector<Heads> heads;
  std::vector<Vector> epsilon, z;

 private:
  const ModelSpec& spec_;
  const Parameters& parameters_;
  const Batch& batch_;
  const Moment& moment_;
  std::size_t L_, R_;
};

double mean(const Vector& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// The KL divergence's part of the loss, from the batch's mean of each group's dimensions.
double divergence_loss(const ObjectiveSpec& objective, const Moment& moment, const std::vector<Vector>& means) {
  double total = 0.0, free = 0.0;
  for (const Vector& of_group : means) {
    double sum = 0.0;
    for (const double value : of_group) {
      sum += value;
      if (objective.free_bits == FreeBits::dimension) free += std::max(value, objective.free_nats);
    }
    total += sum;
    if (objective.free_bits == FreeBits::group) free += std::max(sum, objective.free_nats);
  }
  if (objective.capacity_weight > 0.0) return objective.capacity_weight * std::abs(total - moment.capacity);
  return moment.beta * (objective.free_bits == FreeBits::none ? total : free);
}

Vector log_weights(const Pass& decoder, const Pass& posterior, const std::vector<Vector>& z,
                   const std::vector<Vector>& epsilon, double beta) {
  Vector log_w = decoder.reconstruction(z);
  for (double& value : log_w) value = -value;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const Vector p = decoder.log_prior(i, z[i]), q = posterior.log_posterior(i, z[i], epsilon[i]);
    for (std::size_t r = 0; r < log_w.size(); ++r) log_w[r] += beta * (p[r] - q[r]);
  }
  return log_w;
}

// What the batch's rows are to each other.
double coupled_loss(const ModelSpec& spec, const Pass& pass, const std::vector<Vector>& z, const Batch& batch) {
  const ObjectiveSpec& objective = spec.objective;
  const std::size_t B = batch.rows, L = objective.samples;
  double loss = 0.0;
  if (objective.mmd > 0.0) {
    const Vector all = pass.joined(z);
    loss += objective.mmd * mmd(all, batch.prior_draws, B * L, all.size() / (B * L));
  }
  if (objective.total_correlation > 0.0) {
    const LatentSpec& latent = spec.latents[0];
    loss += objective.total_correlation * mean(total_correlation(latent.type, z[0], pass.heads[0][0], pass.heads[0][1],
                                                                 1.0, batch.data_rows, B * L, B, latent.units)
                                                   .value);
  }
  return loss;
}

Terms terms_of(const ModelSpec& spec, const Pass& pass, const std::vector<Vector>& z, const Batch& batch,
               const Moment& moment) {
  const ObjectiveSpec& objective = spec.objective;
  const std::size_t B = batch.rows, L = objective.samples;
  Terms terms;
  terms.reconstruction = mean(pass.reconstruction(z));
  std::vector<Vector> means;
  for (std::size_t i = 0; !objective.deterministic && i < z.size(); ++i) {
    if (needs_densities(spec)) {
      means.push_back({mean(pass.log_posterior(i, z[i], pass.epsilon[i])) - mean(pass.log_prior(i, z[i]))});
    } else {
      const Vector kl = pass.kl(i);
      const std::size_t dimensions = kl.size() / B;
      Vector of_dimension;
      for (std::size_t d = 0; d < dimensions; ++d) of_dimension.push_back(mean(columns(kl, B, d, 1)));
      means.push_back(of_dimension);
    }
    for (const double value : means.back()) terms.kl += value;
  }
  if (is_importance_weighted(objective)) {
    terms.loss = -mean(importance_bound(log_weights(pass, pass, z, pass.epsilon, moment.beta), B, L));
  } else {
    terms.loss = moment.reconstruction * terms.reconstruction + divergence_loss(objective, moment, means);
  }
  terms.loss += coupled_loss(spec, pass, z, batch);
  return terms;
}

double score_surrogate(const ModelSpec& spec, const Pass& pass, const Pass& frozen, const Batch& batch,
                       const Moment& moment) {
  const ObjectiveSpec& objective = spec.objective;
  const std::size_t B = batch.rows, L = objective.samples;
  const double of_draw = 1.0 / static_cast<double>(B * L);
  const bool densities = needs_densities(spec);
  Vector f = frozen.reconstruction(frozen.z);
  for (double& value : f) value *= moment.reconstruction;
  for (std::size_t i = 0; densities && i < frozen.z.size(); ++i) {
    const Vector q = frozen.log_posterior(i, frozen.z[i], frozen.epsilon[i]), p = frozen.log_prior(i, frozen.z[i]);
    for (std::size_t r = 0; r < f.size(); ++r) f[r] += moment.beta * (q[r] - p[r]);
  }
  const Vector weight = score_function_weights(f, objective.baseline, moment.baseline, of_draw, B, L);
  double loss = moment.reconstruction * mean(pass.reconstruction(frozen.z));
  for (std::size_t i = 0; i < frozen.z.size(); ++i) {
    const Vector q = pass.log_posterior(i, frozen.z[i], {});
    for (std::size_t r = 0; r < q.size(); ++r) loss += weight[r] * q[r];
    if (densities) loss -= moment.beta * mean(pass.log_prior(i, frozen.z[i]));
  }
  if (densities) return loss;
  std::vector<Vector> means;
  for (std::size_t i = 0; i < frozen.z.size(); ++i) {
    const Vector kl = pass.kl(i);
    Vector of_dimension;
    for (std::size_t d = 0; d < kl.size() / B; ++d) of_dimension.push_back(mean(columns(kl, B, d, 1)));
    means.push_back(of_dimension);
  }
  return loss + divergence_loss(objective, moment, means);
}

double dreg_surrogate(const ModelSpec& spec, const Pass& pass, const Pass& frozen, const Batch& batch,
                      const Moment& moment) {
  const std::size_t B = batch.rows, L = spec.objective.samples;
  const Vector log_w = log_weights(frozen, frozen, frozen.z, frozen.epsilon, moment.beta);
  const Vector weight = importance_weights(log_w, B, L);
  // The noise is not what makes this z of the frozen heads.
  const std::vector<Vector> unknown(pass.z.size());
  const Vector of_encoder = log_weights(frozen, frozen, pass.z, unknown, moment.beta);
  const Vector of_decoder = log_weights(pass, frozen, frozen.z, frozen.epsilon, moment.beta);
  double loss = 0.0;
  for (std::size_t r = 0; r < log_w.size(); ++r) loss -= weight[r] * (weight[r] * of_encoder[r] + of_decoder[r]);
  return loss / static_cast<double>(B) + coupled_loss(spec, pass, pass.z, batch);
}

}  // namespace

Terms objective(const ModelSpec& spec, const Parameters& parameters, const Batch& batch, const Moment& moment) {
  const Pass pass(spec, parameters, batch, moment);
  return terms_of(spec, pass, pass.z, batch, moment);
}

double surrogate(const ModelSpec& spec, const Parameters& parameters, const Parameters& frozen, const Batch& batch,
                 const Moment& moment) {
  const Pass pass(spec, parameters, batch, moment);
  const bool straight_through = std::any_of(spec.latents.begin(), spec.latents.end(),
                                            [](const LatentSpec& latent) { return latent.straight_through; });
  const bool score = spec.objective.estimator == Estimator::scoreFunction,
             dreg = spec.objective.bound == BoundType::dreg;
  if (!score && !dreg && !straight_through) return terms_of(spec, pass, pass.z, batch, moment).loss;
  const Pass before(spec, frozen, batch, moment);
  if (score) return score_surrogate(spec, pass, before, batch, moment);
  if (dreg) return dreg_surrogate(spec, pass, before, batch, moment);
  std::vector<Vector> z = pass.z;
  for (std::size_t i = 0; i < z.size(); ++i) {
    if (!spec.latents[i].straight_through) continue;
    const Vector soft = pass.sample(i, false), soft_before = before.sample(i, false);
    for (std::size_t k = 0; k < z[i].size(); ++k) z[i][k] = before.z[i][k] + soft[k] - soft_before[k];
  }
  return terms_of(spec, pass, z, batch, moment).loss;
}

}  // namespace aevb::reference

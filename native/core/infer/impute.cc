#include "infer/impute.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "infer/draws.h"
#include "infer/for_rows.h"
#include "likelihood/likelihood.h"
#include "math/random.h"
#include "model/forward.h"
#include "model/likelihood_rows.h"
#include "model/rows.h"

namespace aevb {

namespace {

// Draws of z that go through the decoder together.
constexpr std::size_t DRAWS_PER_PASS = 128;

std::size_t draws_of_pass(const Imputing& imputing) {
  return std::min(DRAWS_PER_PASS, std::max(imputing.samples, imputing.draws));
}

// One row: its draws of z with their weights, and from them the missing cells.
class RowFiller {
 public:
  RowFiller(const Model& model, Workspace& workspace, const Imputing& imputing, std::size_t row)
      : model_(model),
        workspace_(workspace),
        imputing_(imputing),
        row_(row),
        Z_(model.layout().latent_width),
        D_(model.spec().input) {}

  bool any_missing() const {
    for (std::size_t i = 0; i < model_.likelihoods().size(); ++i) {
      const LikelihoodPart& part = model_.likelihoods()[i];
      for (std::size_t c = 0; part.spec.missing && c < part.data_columns; ++c) {
        if (workspace_.likelihoods[i].present.at(0, c) == 0.0f) return true;
      }
    }
    return false;
  }

  void draw_latents() {
    const std::size_t L = workspace_.draws(), K = imputing_.samples;
    double largest = -std::numeric_limits<double>::infinity();
    for (std::size_t done = 0; done < K; done += L) {
      const std::uint64_t index = static_cast<std::uint64_t>(row_) * K + done;
      score_draws(model_, workspace_, 1,
                  {imputing_.seed, Purpose::importance, static_cast<std::uint32_t>(index >> 32),
                   static_cast<std::uint32_t>(index)});
      density_rows(model_, workspace_, {0, 1});
      weigh_draws(workspace_, 1.0, 0, L);
      for (std::size_t l = 0; l < std::min(L, K - done); ++l) {
        for (std::size_t c = 0; c < Z_; ++c) z_.push_back(workspace_.z.at(l, c));
        // A draw whose weight is not a number has none.
        const double weight = workspace_.log_weight[l];
        weight_.push_back(std::isnan(weight) ? -std::numeric_limits<double>::infinity() : weight);
        largest = std::max(largest, weight_.back());
      }
    }
    total_ = 0.0;
    for (double& weight : weight_) {
      weight = std::isfinite(largest) ? std::exp(weight - largest) : 1.0;
      total_ += weight;
    }
  }

  // mean[D]
  void fill_mean(double* mean) {
    std::fill_n(mean, D_, 0.0);
    for (std::size_t done = 0; done < weight_.size(); done += workspace_.draws()) {
      const std::size_t count = std::min(workspace_.draws(), weight_.size() - done);
      for (std::size_t l = 0; l < count; ++l) put_latent(l, done + l);
      decode_rows(model_, workspace_, {0, 1});
      const Panels means = likelihood_means(model_, workspace_, {}, count);
      for (std::size_t l = 0; l < count; ++l) {
        const double weight = weight_[done + l] / total_;
        for (std::size_t d = 0; weight > 0.0 && d < D_; ++d) mean[d] += weight * static_cast<double>(means.at(l, d));
      }
    }
  }

  // rows[draws, D]
  void fill_draws(std::vector<float>& rows) {
    rows.resize(imputing_.draws * D_);
    for (std::size_t done = 0; done < imputing_.draws; done += workspace_.draws()) {
      const std::size_t count = std::min(workspace_.draws(), imputing_.draws - done);
      for (std::size_t l = 0; l < count; ++l) put_latent(l, choose(done + l));
      decode_rows(model_, workspace_, {0, 1});
      const std::size_t first = row_ * imputing_.draws + done;
      const Panels drawn = likelihood_draws(model_, workspace_, {}, imputing_.seed, first, count);
      for (std::size_t l = 0; l < count; ++l) {
        for (std::size_t d = 0; d < D_; ++d) rows[(done + l) * D_ + d] = drawn.at(l, d);
      }
    }
  }

 private:
  void put_latent(std::size_t to, std::size_t draw) {
    for (std::size_t c = 0; c < Z_; ++c) workspace_.z.at(to, c) = z_[draw * Z_ + c];
  }

  std::size_t choose(std::size_t draw) const {
    const auto index = static_cast<std::uint32_t>(draw);
    const Philox words = philox(imputing_.seed, Purpose::defensive, static_cast<std::uint32_t>(row_), index, 0);
    const double target = static_cast<double>(uniform(words.word[0])) * total_;
    double sum = 0.0;
    for (std::size_t k = 0; k < weight_.size(); ++k) {
      sum += weight_[k];
      if (target < sum) return k;
    }
    return weight_.size() - 1;
  }

  const Model& model_;
  Workspace& workspace_;
  const Imputing& imputing_;
  std::size_t row_, Z_, D_;
  std::vector<float> z_;
  std::vector<double> weight_;
  double total_ = 0.0;
};

// cells[columns of the data]: missing ones become what `filled` [D] says.
template <typename Value>
void put_missing(const Model& model, const Workspace& workspace, float* cells, const Value* filled) {
  for (std::size_t i = 0; i < model.likelihoods().size(); ++i) {
    const LikelihoodPart& part = model.likelihoods()[i];
    if (!part.spec.missing) continue;
    const Value* from = filled + part.offset;
    for (std::size_t c = 0; c < part.data_columns; ++c) {
      const std::size_t classes = part.spec.codes ? part.spec.classes[c] : 1;
      if (workspace.likelihoods[i].present.at(0, c) == 0.0f) {
        float& cell = cells[part.data_offset + c];
        cell = part.spec.codes ? static_cast<float>(std::max_element(from, from + classes) - from)
                               : static_cast<float>(*from);
      }
      from += classes;
    }
  }
}

}  // namespace

void impute(const Inference& inference, float* out, const Examples& examples, const Imputing& imputing) {
  const Model& model = inference.model;
  const std::size_t rows = examples.rows(), columns = data_columns(model.likelihoods()), D = model.spec().input;
  for_rows(inference, model, rows, 1, draws_of_pass(imputing), false,
           [&](Workspace& workspace, std::size_t row, std::size_t) {
             load_rows(model, workspace, examples, {}, nullptr, row, 0, 1);
             const std::size_t copies = std::max<std::size_t>(imputing.draws, 1);
             const auto cells = [&](std::size_t copy) { return out + (copy * rows + row) * columns; };
             for (std::size_t i = 0; i < model.likelihoods().size(); ++i) {
               const LikelihoodPart& part = model.likelihoods()[i];
               const Scale scale = part.spec.codes ? Scale::integer : byte_scale(likelihood_domain(part.spec));
               for (std::size_t copy = 0; copy < copies; ++copy) {
                 examples.data.cells(cells(copy) + part.data_offset, row, part.data_offset, part.data_columns, scale);
               }
             }
             RowFiller filler(model, workspace, imputing, row);
             if (!filler.any_missing()) return;
             encode_rows(model, workspace, {0, 1});
             filler.draw_latents();
             if (imputing.draws == 0) {
               std::vector<double> mean(D);
               filler.fill_mean(mean.data());
               put_missing(model, workspace, cells(0), mean.data());
               return;
             }
             std::vector<float> drawn;
             filler.fill_draws(drawn);
             for (std::size_t copy = 0; copy < copies; ++copy) {
               put_missing(model, workspace, cells(copy), drawn.data() + copy * D);
             }
           });
}

double impute_bytes(const Model& model, std::size_t rows, const Imputing& imputing, std::size_t threads) {
  const auto samples = static_cast<double>(imputing.samples), draws = static_cast<double>(imputing.draws);
  const double row = samples * (sizeof(float) * static_cast<double>(model.layout().latent_width) + sizeof(double)) +
                     (draws + 2.0) * sizeof(double) * static_cast<double>(model.spec().input);
  return static_cast<double>(threads) * row + for_rows_bytes(model, rows, 1, draws_of_pass(imputing), false, threads);
}

}  // namespace aevb

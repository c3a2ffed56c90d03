#pragma once
#include "reference.h"
namespace aevb::reference {
Vector likelihood_loss(const LikelihoodSpec& spec, const Parameters& parameters, const Vector& decoded, const Vector& x, std::size_t B, std::size_t L, std::size_t D);
}

// The exception that ends cancelled work.
#pragma once

#include <stdexcept>

namespace aevb {

// The work was cancelled between two steps.
class Cancelled : public std::runtime_error {
 public:
  Cancelled() : std::runtime_error("cancelled") {}
};

}  // namespace aevb

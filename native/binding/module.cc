// The addon that the package loads.

#include "addon.h"

namespace aevb::binding {

NODE_API_MODULE(aevb, initialize)

}  // namespace aevb::binding

// The enums of spec/names.def and their names.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>

namespace aevb {

#define AEVB_KIND(kind, list) enum class kind {
#define AEVB_NAME(name) name,
#define AEVB_NAME_AS(name, text) name,
#define AEVB_END(kind) \
  }                    \
  ;
#include "spec/names.def"
#undef AEVB_KIND
#undef AEVB_NAME
#undef AEVB_NAME_AS
#undef AEVB_END

namespace names {
#define AEVB_KIND(kind, list) inline constexpr std::string_view all_##kind[] = {
#define AEVB_NAME(name) #name,
#define AEVB_NAME_AS(name, text) #text,
#define AEVB_END(kind) \
  }                    \
  ;                    \
  constexpr const auto& all(kind) { return all_##kind; }
#include "spec/names.def"
#undef AEVB_KIND
#undef AEVB_NAME
#undef AEVB_NAME_AS
#undef AEVB_END
}  // namespace names

template <typename Kind>
constexpr std::string_view name_of(Kind kind) {
  return names::all(kind)[static_cast<std::size_t>(kind)];
}

// The kind of that name, or nothing.
template <typename Kind>
constexpr std::optional<Kind> kind_of(std::string_view name) {
  const auto& all = names::all(Kind{});
  for (std::size_t i = 0; i < std::size(all); ++i) {
    if (all[i] == name) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

}  // namespace aevb

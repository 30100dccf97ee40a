// The one door to fmt: formatting for messages.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace weir {

/// fmt::format, under our roof so that no other file includes fmt.
template <class... Args> [[nodiscard]] std::string format(fmt::format_string<Args...> text, Args&&... args) {
  return fmt::format(text, std::forward<Args>(args)...);
}

} // namespace weir

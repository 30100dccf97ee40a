#include "engine/json/number.hpp"

#include "engine/json/sax.hpp"

#include <charconv>
#include <cmath>
#include <system_error>

namespace weir::json::detail {

bool read_number(std::string_view text, Scalar& out) {
  const char* const end = text.data() + text.size();
  if (text.find_first_of(".eE") == std::string_view::npos) {
    std::int64_t small;
    if (std::from_chars(text.data(), end, small).ec == std::errc{}) {
      out = small;
      return true;
    }
    std::uint64_t large;
    if (text.front() != '-' && std::from_chars(text.data(), end, large).ec == std::errc{}) {
      out = large;
      return true;
    }
  }
  if (!finite(text))
    return false;
  // Out of range and still finite means too small to be anything but zero.
  double value = text.front() == '-' ? -0.0 : 0.0;
  if (double parsed; std::from_chars(text.data(), end, parsed).ec == std::errc{})
    value = parsed;
  out = value;
  return std::isfinite(value);
}

} // namespace weir::json::detail

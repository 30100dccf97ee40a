// The text of a result's error, for messages of failing checks.
#pragma once

#include <weir/result.hpp>

#include <string>

namespace weir::test {

/// "" for success.
template <class T> [[nodiscard]] std::string why(const Result<T>& result) {
  return result.ok() ? std::string() : to_string(result.error());
}

} // namespace weir::test

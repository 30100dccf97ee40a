// What has to work for a measurement to mean anything.
//
// Threading: any thread.
#pragma once

#include <weir/result.hpp>

#include <stdexcept>
#include <type_traits>
#include <utility>

namespace weir::bench {

/// The value; throws std::runtime_error with what weir says if there is none.
template <class T> T must(Result<T> result) {
  if (!result)
    throw std::runtime_error("weir: " + to_string(result.error()));
  if constexpr (!std::is_void_v<T>)
    return std::move(result).value();
}

} // namespace weir::bench

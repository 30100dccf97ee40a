// Calls of a column's functions.
#pragma once

#include "engine/guarded_call.hpp"
#include "engine/text.hpp"

#include <string_view>
#include <utility>

namespace weir {

/// What `call` returns; errors, and what it throws (`invalid_argument`), name model and column.
template <class Call> auto column_call(std::string_view model, std::string_view column, Call&& call)
    -> decltype(call()) {
  auto result = guarded_call("its function", std::forward<Call>(call));
  if (result.ok())
    return result;
  Error error = std::move(result).error();
  error.message = format("{}.{}: {}", model, column, error.message);
  return error;
}

} // namespace weir

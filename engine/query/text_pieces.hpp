// Pieces of the canonical text: names, literals, expressions.
//
// Purpose: what the printers of plans and of statements share.
// Threading: pure functions.
#pragma once

#include <weir/expression.hpp>
#include <weir/query.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::query {

/// A name of an event type, a context or a view, in quotes where it needs them.
void append_name(std::string& out, std::string_view name);
/// A literal of an expression. `beside_time`: it is compared with a time, so that quoted text means one.
void append_literal(std::string& out, const Value& value, bool beside_time);
/// A time where only a time can stand.
void append_time(std::string& out, Timestamp time);
/// "5 MINUTES": in the largest unit that is exact.
void append_duration(std::string& out, std::chrono::microseconds duration);
/// Precondition: valid. Recursion is bounded by limits::query_depth_max. What lies behind the first `bytes_max` bytes
/// of `out` may be left out, and then there are more than so many.
void append_expression(std::string& out, const Expr& expression, std::size_t bytes_max = SIZE_MAX);

/// As to_text(), but what lies behind the first `bytes_max` bytes may be left out, and then there are more than so
/// many: a plan may have literals of megabytes, and whoever only shows it need not write them.
[[nodiscard]] std::string text_of(const Query& query, std::size_t bytes_max);

/// `append(out, item)` for every item, with ", " between.
template <class List, class Append> void append_list(std::string& out, const List& list, Append append) {
  bool first = true;
  for (const auto& item : list) {
    if (!first)
      out += ", ";
    first = false;
    append(out, item);
  }
}

} // namespace weir::query

// What a search of a model asks for, and what it answers.
//
// Purpose: shared by JsonModel, ESModel and their readers. Threading: plain values.
#pragma once

#include <weir/json_value.hpp>
#include <weir/sql_value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir {

struct SortKey {
  std::string column{};
  bool descending = false;
};

/// A condition in SQL with its values.
struct SqlCondition {
  std::string sql{}; ///< Trusted text with one placeholder for each value.
  std::vector<SqlValue> values{};
};

struct SearchOptions {
  std::vector<SqlCondition> where{}; ///< All must hold, beside the attributes; an empty one counts for nothing.
  /// By the first, then the second ... NULL before numbers before texts before blobs. With a limit, an offset or a
  /// cursor by the id at last, ascending.
  std::vector<SortKey> sort{};
  std::optional<std::uint64_t> limit{}; ///< At most so many.
  std::uint64_t offset = 0;
  /// Names of columns, which come at their place in the object, or SQL expressions (trusted text), which come by
  /// SQLite's name for them ("n + 1 AS next"); empty: whole objects.
  std::vector<std::string> columns{};
  /// Of columns: sorted by what is selected alone, and paged if these are no expressions.
  bool distinct = false;
  /// Text behind FROM (trusted), its values bound first. If it finds an object several times, pages need `distinct`.
  std::string join{};
  std::vector<SqlValue> join_values{};
  std::string cursor{};   ///< SearchResult::cursor or previous_cursor of an earlier search with this sort.
  bool no_cursor = false; ///< None is wanted.
  bool no_total = false;  ///< Nor is the total.
};

struct SearchResult {
  std::vector<Json> items{};
  std::string cursor{};                 ///< Behind the last item; empty if there is nothing there.
  std::string previous_cursor{};        ///< Before the first item, in the other direction; empty on the first page.
  std::optional<std::uint64_t> total{}; ///< Of all pages.
};

struct EachOptions {
  SearchOptions search{};      ///< `limit` is of all; `cursor` where to begin.
  std::size_t batch_rows = 50; ///< Read at a time.
};

} // namespace weir

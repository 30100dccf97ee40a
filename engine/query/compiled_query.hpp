// A plan made ready to run.
//
// Purpose: names resolved to slots once, not per row. Threading: immutable; any number of shards may use one.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/query/predicate.hpp"
#include "engine/query/row.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::query {

struct CompiledQuery {
  /// Errors: as Query::validate().
  static Result<std::shared_ptr<const CompiledQuery>> make(const Query& query);

  explicit CompiledQuery(const Query& query) : predicate(query, fields) {}

  struct OrderKey {
    std::size_t source = 0; ///< Of rows: a slot. Of groups: a result column.
    bool descending = false;
  };

  FieldTable fields;
  Predicate predicate;
  bool counted = false;
  std::vector<std::size_t> outputs; ///< Slots: of RETURN, or of BY.
  std::vector<OrderKey> order;
  std::vector<std::string> columns; ///< Names of the result.
  ColumnSet needed_columns = 0;     ///< All that evaluating and answering take.
  std::uint64_t rows_skipped = 0;
  /// Rows worth keeping: LIMIT and OFFSET together; the largest number if there is no LIMIT.
  std::uint64_t rows_kept = 0;
  std::uint64_t rows_max = 0;

  /// Rows come in position order and their number is bounded: a scan may stop early.
  [[nodiscard]] bool stops_early() const noexcept { return !counted && order.empty() && rows_kept != UINT64_MAX; }
  /// Only the number of matches matters.
  [[nodiscard]] bool counts_only() const noexcept { return counted && outputs.empty(); }
};

} // namespace weir::query

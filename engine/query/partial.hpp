// What one shard contributes to an answer, and how it is gathered.
//
// Threading: one owner.
#pragma once

#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/compiled_query.hpp"
#include "engine/query/control.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir::query {

struct ResultRow {
  std::vector<Value> keys; ///< Of ORDER BY, in its order.
  Position position = 0;
  std::vector<Value> cells;
};

struct Group {
  std::vector<Value> keys; ///< Of BY, normalized.
  std::uint64_t count = 0;
};

/// A shard's part of an answer: rows or groups, unordered.
struct ShardRows {
  std::vector<ResultRow> rows;
  std::unordered_map<std::string, Group> groups; ///< By the bytes of their keys.
  QueryStats stats;
};

/// True if `a` comes before `b` in the answer; positions decide ties, so no two rows are equal.
[[nodiscard]] bool comes_before(const CompiledQuery& query, const ResultRow& a, const ResultRow& b) noexcept;

/// Gathers the matches of one shard, never more rows than the answer can use.
class Collector {
public:
  Collector(const CompiledQuery& query, const QueryControl& control) : query_(query), budget_(control) {}

  /// False if no row at `position` or behind can be in the answer any more.
  [[nodiscard]] bool wants(Position position) const noexcept;
  /// Adds a match. Precondition: the row is extracted if the query has paths. `too_large` beyond the memory bound.
  Status add(const RowReader& row);
  /// Adds `matches` that need not be looked at. Precondition: CompiledQuery::counts_only().
  void add_count(std::uint64_t matches);
  [[nodiscard]] ShardRows finish() && { return std::move(part_); }

private:
  Status add_row(const RowReader& row);
  Status add_group(const RowReader& row);

  const CompiledQuery& query_;
  ResultBudget budget_;
  ShardRows part_;
  std::string key_; ///< Scratch of add_group.
};

} // namespace weir::query

// What one shard contributes to an answer, and how it is gathered.
//
// Threading: one owner.
#pragma once

#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/compiled_query.hpp"
#include "engine/query/control.hpp"
#include "engine/query/groups.hpp"
#include "engine/query/sequence_part.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace weir::query {

struct ResultRow {
  std::vector<Value> keys; ///< Of ORDER BY, in its order.
  Position position = 0;
  std::vector<Value> cells;
};

/// What a Collector takes of the budget for a row.
[[nodiscard]] std::uint64_t bytes_of(const ResultRow& row) noexcept;

/// A part of an answer: rows or groups, unordered. Parts may be merged in any order and grouping.
struct ShardRows {
  std::deque<ResultRow> rows;       ///< Not a vector: making room for more must not move millions of them at once.
  std::optional<GroupTable> groups; ///< Of a grouped query.
  SequencePart candidates;          ///< Of the scan of a sequence.
  QueryStats stats;
};

/// Moves `more` to the end of `rows`, or to their beginning if that is less work. `cancelled` or `deadline_exceeded` as
/// `pacer` says.
Status append_rows(std::deque<ResultRow>& rows, std::deque<ResultRow>& more, Pacer& pacer);

/// A copy of rows and groups. `cancelled` or `deadline_exceeded` as `pacer` says. Precondition: no sequence.
Result<ShardRows> copy(const ShardRows& rows, Pacer& pacer);

/// True if `a` comes before `b` in the answer; positions decide ties, so no two rows are equal.
[[nodiscard]] bool comes_before(const CompiledQuery& query, const ResultRow& a, const ResultRow& b) noexcept;

/// Gathers matches, never more rows than the answer can use. One may gather those of a shard, or of a piece of one.
class Collector {
public:
  Collector(const CompiledQuery& query, const QueryControl& control);

  /// False if no row at `position` or behind can be in the answer any more.
  [[nodiscard]] bool wants(Position position) const noexcept { return position < end(); }
  /// The first such position; the largest there is if any row may be.
  [[nodiscard]] Position end() const noexcept;
  /// Adds a match by the values of its slots: of the outputs, order, keys and states. `position` is its own alone.
  /// `too_large` beyond the memory bound.
  Status add(Position position, RowValues row);
  /// Adds the rows of a zone to what a sequence is made of. False: nothing was done, each is to be added by itself.
  Result<bool> add_candidates(const ZoneValues& values, const RowBits& rows, Pacer& pacer) {
    return candidates_ ? candidates_->add_zone(values, rows, budget_, pacer) : false;
  }
  /// Adds `matches` that need not be looked at. Precondition: CompiledQuery::counts_only().
  Status add_count(std::uint64_t matches);
  /// For those who add many values to one group at once: they take() what AggregateState says it took. Precondition: a
  /// grouped query.
  [[nodiscard]] GroupTable& groups() noexcept { return *part_.groups; }
  [[nodiscard]] ResultBudget& budget() noexcept { return budget_; }
  [[nodiscard]] ShardRows finish() &&;

private:
  Status add_row(Position position, RowValues row);
  Status add_to_group(Position position, RowValues row);

  const CompiledQuery& query_;
  ResultBudget budget_;
  ShardRows part_;
  std::optional<SequenceGatherer> candidates_; ///< Of the scan of a sequence.
  std::vector<ValueView> keys_;                ///< Scratch of add_to_group.
};

} // namespace weir::query

// A plan made ready to run.
//
// Purpose: names resolved to slots once, not per row. Threading: immutable; any number of shards may use one.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/predicate.hpp"
#include "engine/query/row.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::query {

struct CompiledSequence;

struct CompiledQuery {
  /// `positions`: of the events that count; no part of the plan, whose depth and columns have bounds of their own.
  /// Errors: as Query::validate(). Precondition: all positions, or no sequence.
  static Result<std::shared_ptr<const CompiledQuery>> make(const Query& query, const PositionWindow& positions = {});

  enum class Shape : std::uint8_t { rows, groups };

  struct OrderKey {
    std::size_t source = 0; ///< Of rows: a slot. Of groups: a result column.
    bool descending = false;
  };
  struct Per {
    TimeUnit unit = TimeUnit::day;
    std::size_t slot = 0; ///< Of the time; text and milliseconds are times as in time(x).
  };
  /// What is gathered for each group. Several aggregates may be made of one.
  struct StateSpec {
    enum class Kind : std::uint8_t { count, unique, sum, minimum, maximum, numbers, first, last };
    Kind kind = Kind::count;
    std::size_t slot = 0; ///< Not of count.
    friend bool operator==(const StateSpec&, const StateSpec&) = default;
  };
  struct AggregateColumn {
    Aggregate::Kind kind = Aggregate::Kind::count;
    std::size_t state = 0; ///< Into `states`.
  };

  Shape shape = Shape::rows;
  bool sequence = false; ///< Rows are matches; slots know their steps. What each event must fulfil is not in here.
  const CompiledSequence* gathers = nullptr; ///< Rows are events that may take part in its matches.
  FieldTable fields;
  Predicate predicate;              ///< Of a sequence: WHERE, over a match.
  std::vector<std::size_t> outputs; ///< Slots: of RETURN.
  std::optional<Per> per;
  std::vector<std::size_t> group_slots; ///< Of BY.
  std::vector<StateSpec> states;
  std::vector<AggregateColumn> aggregates;
  std::optional<Predicate> having; ///< Its slots are result columns.
  std::vector<OrderKey> order;
  std::vector<std::string> columns; ///< Names of the result. Of groups: the unit of PER, fields of BY, aggregates.
  ColumnSet needed_columns = 0;     ///< All that evaluating and answering take; not of a sequence.
  std::uint64_t rows_skipped = 0;
  /// Rows worth keeping: LIMIT and OFFSET together; the largest number if there is no LIMIT.
  std::uint64_t rows_kept = 0;
  std::uint64_t rows_max = 0;

  [[nodiscard]] bool grouped() const noexcept { return shape == Shape::groups; }
  /// Of rows, and of events in a group, the one with the lower position comes first where nothing else tells.
  [[nodiscard]] bool ties_by_position() const noexcept;
  /// Values that tell groups apart.
  [[nodiscard]] std::size_t key_count() const noexcept { return group_slots.size() + (per ? 1 : 0); }
  /// Rows come in position order and their number is bounded: a scan may stop early.
  [[nodiscard]] bool stops_early() const noexcept { return !grouped() && order.empty() && rows_kept != UINT64_MAX; }
  /// Only the number of matches of each event type matters.
  [[nodiscard]] bool counts_types() const noexcept;
  /// Only the number of matches matters.
  [[nodiscard]] bool counts_only() const noexcept {
    return grouped() && key_count() == 0 && states.size() == 1 && states.front().kind == StateSpec::Kind::count;
  }
};

} // namespace weir::query

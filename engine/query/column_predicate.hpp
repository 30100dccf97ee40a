// A condition over the columns of a whole zone.
//
// Purpose: a leaf on one field costs a pass over an array: numbers and times by ranges (value_steps.hpp), texts once
// for each different one. Numbers are compared where they lie, if the segment can; of a payload field only the rows
// that are still open are read where these are few. Leaves on several fields are evaluated row by row, for the
// rows that are still open. What has no column stays open and is left to who reads payloads. Threading: a
// ColumnPredicate is immutable; an evaluation has one owner.
#pragma once

#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/leaf_steps.hpp"
#include "engine/query/outcome_bits.hpp"
#include "engine/query/predicate.hpp"
#include "engine/query/scan_plan.hpp"
#include "engine/query/zone_values.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace weir::query {

/// Rows of a column that cost as much as a plain row of a scan.
inline constexpr std::uint64_t rows_per_work = 32;

class ColumnPredicate {
public:
  /// `target` must outlive this.
  explicit ColumnPredicate(const ScanTarget& target);
  ColumnPredicate(const ColumnPredicate&) = delete;
  ColumnPredicate& operator=(const ColumnPredicate&) = delete;

  /// Conditions on core numbers that every match meets. Alive as long as this.
  [[nodiscard]] std::span<const CoreDemand> demands() const noexcept { return demands_; }

  /// Takes the rows out of `rows` for which the condition cannot be true; of those left, the ones that need no look at
  /// their payload are added to `certain`. Reads columns into `values` as it needs them.
  /// `by_leaf`: what metadata say of each leaf in this zone; where that is one outcome, no column is read.
  Status evaluate(const SegmentPlan& plan, std::span<const Outcomes> by_leaf, ZoneValues& values, RowBits& rows,
                  RowBits& certain, Pacer& pacer) const;

private:
  struct Node {
    Expr::Kind kind = Expr::Kind::conjunction;
    std::size_t leaf = 0;
    unsigned cost = 0;
    std::vector<Node> terms; ///< Cheap ones first.
  };
  class Evaluation;

  /// `by_position`: for rows that lie as they do in pages.
  Node prepare(const Predicate::Node& node, bool by_position) const;
  void collect_demands(const Node& node);
  [[nodiscard]] static unsigned cost_of(const Leaf& leaf, bool by_position) noexcept;

  const ScanTarget& target_;
  std::vector<LeafSteps> steps_;         ///< By leaf; empty where it is not simple.
  std::vector<std::size_t> core_slots_;  ///< Of simple leaves on core columns.
  std::vector<std::size_t> field_slots_; ///< All others of the condition.
  Node root_, page_root_;
  std::vector<CoreDemand> demands_;
};

} // namespace weir::query

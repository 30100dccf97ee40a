// What a scan looks for, and what it knows of a segment before it reads rows.
//
// Purpose: everything that is found out once for a segment and used for each of its zones: types, which payload fields
// are columns, which zones hold payloads of old schema versions.
// Threading: immutable once made; shared by the threads of one scan.
#pragma once

#include <weir/result.hpp>

#include "engine/ports.hpp"
#include "engine/query/control.hpp"
#include "engine/query/outcome_bits.hpp"
#include "engine/query/predicate.hpp"
#include "engine/query/pruning.hpp"
#include "engine/query/row.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir::query {

/// Borrows from a compiled query.
struct ScanTarget {
  const FieldTable& fields;
  const Predicate& predicate;
  std::size_t step = 0;             ///< Whose fields: those of the others stay absent.
  ColumnSet columns = 0;            ///< All that evaluating and answering take.
  std::vector<std::size_t> slots{}; ///< What is handed on of a match, each once.
  bool by_position = false;         ///< Lower positions first: the scan may stop early.
  bool counts_only = false;         ///< Rows that certainly match need not be looked at.
  bool ties_by_position = true;     ///< Matches are handed on with their positions, if `columns` has these.
};

/// A leaf that every match has to meet.
struct CoreDemand {
  std::size_t leaf = 0;
  CoreCondition condition;
};

class SegmentPlan {
public:
  /// Consecutive rows of the segment.
  struct RowRange {
    std::uint64_t begin = 0, end = 0;
  };

  /// Nothing: no row of the segment can match. What it borrows must outlive the plan. `may_be_removed`: some of
  /// its rows. May do I/O.
  static Result<std::shared_ptr<const SegmentPlan>> make(const ScanTarget& target, std::span<const CoreDemand> demands,
                                                         const SegmentReader& segment, bool may_be_removed,
                                                         const QueryControl& control);

  [[nodiscard]] const SegmentReader& segment() const noexcept { return segment_; }
  /// What zones are here and below those of: the segment's, or of its rows by position.
  [[nodiscard]] const ColumnReader& columns() const noexcept { return *columns_; }
  /// These have columns for all that the query asks of them, and nothing else.
  [[nodiscard]] bool by_position() const noexcept { return columns_ != &segment_; }
  [[nodiscard]] std::span<const std::string> types() const noexcept { return types_; }
  [[nodiscard]] std::span<const ZoneMeta> zones() const noexcept { return zones_; }
  /// Adds the rows of the zone that may match to `rows`: those of the contexts that the query asks for, as far as the
  /// context index tells, and of its times and positions, where the segment can select them.
  void add_rows(std::size_t zone, RowBits& rows) const noexcept;
  /// How many these are.
  [[nodiscard]] std::uint64_t rows_in(std::size_t zone) const noexcept;
  /// Takes those out of `rows` of which the segment told for sure that they meet the demands.
  void keep_unsure(std::size_t zone, RowBits& rows) const noexcept;
  /// There may be others.
  [[nodiscard]] bool has_unsure() const noexcept { return selected_ && !selected_->unsure.empty(); }

  /// False: by its bounds, no row of the zone meets all demands. Quick.
  [[nodiscard]] bool may_meet_demands(std::size_t zone) const noexcept;
  /// None of its rows is unsure.
  [[nodiscard]] bool is_sure(std::size_t zone) const noexcept;
  /// What the condition can turn out to be for the rows of a zone; `by_leaf` becomes what each leaf can. Of rows that
  /// are unsure, who asks has to look whether they meet the demands. May do I/O.
  /// Fails as `pacer` says, too. Not `with_fields`: by what is known of core columns alone.
  [[nodiscard]] Result<Outcomes> evaluate(std::size_t zone, std::vector<Outcomes>& by_leaf, Pacer& pacer,
                                          bool with_fields = true) const;
  /// The segment's number of the payload field in `slot`, if it is a column in this zone that holds what the payload
  /// does now.
  [[nodiscard]] std::optional<std::size_t> column(std::size_t slot, std::size_t zone) const noexcept;
  /// What its values are there. Precondition: column() has one.
  [[nodiscard]] FieldForm form(std::size_t slot, std::size_t zone) const noexcept {
    return field_zones_[slot][zone].type;
  }
  /// What the condition of a leaf on event types is for each type; empty for other leaves.
  [[nodiscard]] std::span<const Outcomes> of_types(std::size_t leaf) const noexcept { return pruner_.of_types(leaf); }

private:
  SegmentPlan(const ScanTarget& target, std::span<const CoreDemand> demands, const SegmentReader& segment,
              std::span<const std::string> types, std::optional<std::string_view> context, Watch& watch)
      : target_(target), demands_(demands), segment_(segment), columns_(&segment), types_(types),
        pruner_(target.predicate, types, context, &watch) {}
  template <class Visit> void each_range(std::size_t zone, const Visit& visit) const;
  /// Turns to the zones of `columns`.
  Status read_zones(const ColumnReader& columns, const QueryControl& control);
  Status find_fields(const QueryControl& control);
  [[nodiscard]] bool has_all_columns() const noexcept;
  Status select_rows(Pacer& pacer);
  [[nodiscard]] bool payloads_change(std::size_t zone) const noexcept;

  const ScanTarget& target_;
  std::span<const CoreDemand> demands_;
  const SegmentReader& segment_;
  const ColumnReader* columns_;
  std::span<const std::string> types_;
  std::span<const ZoneMeta> zones_;
  std::vector<RowRange> rows_;           ///< Ascending.
  bool some_rows_ = false;               ///< Only those of rows_.
  std::optional<SelectedRows> selected_; ///< Other rows cannot match.
  std::vector<bool> met_; ///< By leaf: true for all rows of selected_ that are not unsure. Empty: for none.
  Bounds bounds_;
  SegmentPruner pruner_;
  std::vector<std::optional<std::size_t>> fields_;      ///< By slot: the segment's number of the field.
  std::vector<std::span<const FieldZone>> field_zones_; ///< By slot.
  std::vector<std::size_t> changed_types_;              ///< Whose payloads may be upcast: columns are of the old ones.
};

} // namespace weir::query

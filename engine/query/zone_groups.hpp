// Aggregates over the columns of a zone.
//
// Purpose: rows of a zone that fall into the same group are found by the codes of their keys, and their values are
// added a group at a time: no key is built, hashed or compared for a row.
// Owner: one worker of a scan. Threading: one thread; memory is kept for the next zone.
#pragma once

#include <weir/result.hpp>

#include "engine/query/aggregate.hpp"
#include "engine/query/compiled_query.hpp"
#include "engine/query/control.hpp"
#include "engine/query/outcome_bits.hpp"
#include "engine/query/partial.hpp"
#include "engine/query/zone_values.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace weir::query {

class ZoneGroups {
public:
  /// Borrows `query`, which is grouped.
  explicit ZoneGroups(const CompiledQuery& query) : query_(query) {}

  /// Adds the rows to the groups of `collector`. False: some key is of a sort that has no codes here, and nothing was
  /// done. Precondition: columns of keys and states were read.
  Result<bool> add(const ZoneValues& values, const RowBits& rows, Collector& collector, Pacer& pacer);

  /// The same without reading a column. Precondition: CompiledQuery::counts_types().
  Result<bool> add_types(const ZoneValues& values, const RowBits& rows, Collector& collector, Pacer& pacer);

private:
  [[nodiscard]] bool code_rows(const ZoneValues& values, const RowBits& rows);
  /// Makes the codes of one more key part of codes_; false if there would be too many.
  template <class CodeOf> bool add_key(std::size_t count, const CodeOf& code_of);
  bool add_times(std::span<const std::int64_t> times);
  /// Gives groups numbers and finds out how many rows each has.
  void number_groups();
  /// Puts the rows of each group side by side.
  void sort_rows();
  Status add_state(const ZoneValues& values, std::size_t state, std::span<Group* const> groups, Collector& collector,
                   Pacer& pacer);
  std::uint64_t add_numbers(const FieldColumn& column, std::span<const std::uint32_t> rows, AggregateState& state);
  std::uint64_t add_texts(const ZoneValues& values, std::size_t slot, std::uint32_t group,
                          std::span<const std::uint32_t> rows, AggregateState& state);
  [[nodiscard]] std::span<const std::uint32_t> rows_of(std::size_t group) const noexcept {
    return std::span(sorted_).subspan(begins_[group], begins_[group + 1] - begins_[group]);
  }

  const CompiledQuery& query_;
  std::vector<std::uint64_t> counts_; ///< By event type.
  std::vector<std::uint32_t> rows_;   ///< Those to be added.
  std::vector<std::uint32_t> codes_;  ///< Of their keys together, then the number of their group.
  std::size_t code_count_ = 1;        ///< Codes are below this.
  std::vector<std::uint32_t> groups_; ///< By code: the number of its group.
  std::vector<std::uint32_t>
      begins_; ///< By group: how many rows; once sorted where they begin in sorted_, and the end.
  std::vector<std::uint32_t> first_rows_; ///< By group.
  std::vector<std::uint32_t> sorted_;     ///< Rows by group.
  std::vector<std::int64_t> integers_;
  std::vector<double> reals_;
  std::vector<std::int64_t> bounds_;   ///< Beginnings of the units of PER.
  std::vector<std::uint32_t> seen_by_; ///< By code of a text: the last group that has it.
};

} // namespace weir::query

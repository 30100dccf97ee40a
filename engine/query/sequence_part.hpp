// The events of some rows that may take part in a sequence, as compact records, and how they are gathered.
//
// Purpose: all candidates of all shards are in memory before anything is matched, so each takes only what matching and
// the answer will read: a fixed record and the packed values that its steps need.
// Threading: one owner.
#pragma once

#include <weir/result.hpp>

#include "engine/hash.hpp"
#include "engine/query/compare.hpp"
#include "engine/query/control.hpp"
#include "engine/query/evaluate.hpp"
#include "engine/query/outcome_bits.hpp"
#include "engine/query/sequence_match.hpp"
#include "engine/query/sequence_plan.hpp"
#include "engine/query/split_table.hpp"
#include "engine/query/zone_values.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::query {

/// Appends `value` as bytes that unpack() reads. Bytes of two normalized values are equal exactly if the values are.
void pack(std::string& out, const ValueView& value);
/// Reads one value from `at` on and moves behind it. Precondition: pack() wrote it. The view points into the bytes.
[[nodiscard]] ValueView unpack(const char*& at) noexcept;

/// Events that may take part, in any order. SequenceEvent::link is a place in `links`, `values` one in `values`.
struct SequencePart {
  std::vector<SequenceEvent> events;
  std::string values;            ///< Packed, of an event those of CompiledSequence::kept that its steps need.
  std::deque<std::string> links; ///< Packed and normalized, each once.
  std::uint64_t link_bytes = 0;  ///< What was taken of the budget for them.
};

/// What SequenceGatherer took of the budget for a part.
[[nodiscard]] std::uint64_t bytes_of(const SequencePart& part) noexcept;
/// `too_large` as ResultBudget has it, in the words of a sequence.
[[nodiscard]] Status take_for_sequence(ResultBudget& budget, std::uint64_t bytes, std::uint64_t bytes_max);

class SequenceGatherer {
public:
  /// Both must outlive this.
  SequenceGatherer(const CompiledSequence& query, const QueryControl& control)
      : query_(query), bytes_max_(control.result_bytes_max), pacer_(control), scratch_(pacer_) {}
  SequenceGatherer(const SequenceGatherer&) = delete;
  SequenceGatherer& operator=(const SequenceGatherer&) = delete;

  /// Adds the event if it has a link value and fits a step. `row`: by slots of CompiledSequence::scan, whose condition
  /// holds. `too_large` beyond the memory bound.
  Status add(Position position, RowValues row, ResultBudget& budget);
  [[nodiscard]] SequencePart finish() && { return std::move(part_); }
  /// The same for rows of a zone at once. False: here only row by row, and nothing was done.
  Result<bool> add_zone(const ZoneValues& values, const RowBits& rows, ResultBudget& budget, Pacer& pacer);

private:
  struct LinkHash {
    using is_transparent = void;
    std::uint64_t operator()(std::string_view key) const noexcept { return hash64(key, 0); }
  };

  [[nodiscard]] std::uint32_t steps_of(RowValues row);
  [[nodiscard]] std::uint32_t steps_of_type(std::string_view type) const noexcept;
  Status link_of(const ValueView& value, ResultBudget& budget, std::uint32_t& link);

  const CompiledSequence& query_;
  std::uint64_t bytes_max_;
  SequencePart part_;
  using Links = std::unordered_map<std::string_view, std::uint32_t, LinkHash, std::equal_to<>>;
  SplitTable<Links, LinkHash> links_; ///< Of the texts in part_.
  std::string key_;                   ///< Packed link of the row looked at.
  std::string last_key_;              ///< ... of the one before: rows of a context often follow one another.
  std::uint32_t last_link_ = 0;
  Pacer pacer_; ///< Of what steps are judged by.
  Scratch scratch_;
  std::vector<std::uint32_t> type_steps_; ///< Of a zone, by code of the type.
  std::vector<std::uint32_t> code_links_; ///< Of a zone, by code of the link value; no_link: not asked for yet.
};

} // namespace weir::query

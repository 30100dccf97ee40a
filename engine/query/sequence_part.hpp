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

/// Packed values of many events, those of one side by side. It grows in small steps: what is there is not moved, and no
/// more room is taken than is used.
class PackedValues {
public:
  /// Where `packed`, the values of an event, are from now on: below 2^40 for less than half a tebibyte of them.
  [[nodiscard]] std::uint64_t add(std::string_view packed) {
    if (blocks_.empty() || blocks_.back().size() + packed.size() >= block_bytes)
      blocks_.emplace_back();
    const std::uint64_t place = std::uint64_t{blocks_.size() - 1} << block_bits | blocks_.back().size();
    blocks_.back() += packed;
    bytes_ += packed.size();
    return place;
  }
  /// Precondition: add() gave `place`.
  [[nodiscard]] const char* at(std::uint64_t place) const noexcept {
    return blocks_[place >> block_bits].data() + (place & (block_bytes - 1));
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

private:
  static constexpr unsigned block_bits = 20;
  static constexpr std::size_t block_bytes = std::size_t{1} << block_bits;

  std::vector<std::string> blocks_; ///< Longer ones have the values of one event alone.
  std::uint64_t bytes_ = 0;
};

/// Events that may take part, in any order. SequenceEvent::link is a place in `links`, `values` one in `values`.
struct SequencePart {
  std::deque<SequenceEvent> events;
  PackedValues values;           ///< Of an event those of CompiledSequence::kept that its steps need.
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
  /// Adds the event with the values that `of(slot)` says. How much memory that took.
  template <class Of> std::uint64_t keep(SequenceEvent& event, const Of& of);

  const CompiledSequence& query_;
  std::uint64_t bytes_max_;
  SequencePart part_;
  using Links = std::unordered_map<std::string_view, std::uint32_t, LinkHash, std::equal_to<>>;
  SplitTable<Links, LinkHash> links_; ///< Of the texts in part_.
  std::string key_;                   ///< Packed link of the row looked at.
  std::string last_key_;              ///< ... of the one before: rows of a context often follow one another.
  std::string packed_;                ///< Values of the row looked at.
  std::uint32_t last_link_ = 0;
  Pacer pacer_; ///< Of what steps are judged by.
  Scratch scratch_;
  std::vector<std::uint32_t> type_steps_; ///< Of a zone, by code of the type.
  std::vector<std::uint32_t> code_links_; ///< Of a zone, by code of the link value; no_link: not asked for yet.
};

} // namespace weir::query

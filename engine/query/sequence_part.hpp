// The events of some rows that may take part in a sequence, as compact records, and how they are gathered.
//
// Purpose: all candidates of all shards are in memory before anything is matched, so each takes only what matching and
// the answer will read: a fixed record and the packed values that its steps need. They are divided by the hash of their
// link value as they come: what is to be matched with one another is then in a bin that fits the processor's caches.
// Threading: one owner.
#pragma once

#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/evaluate.hpp"
#include "engine/query/link_table.hpp"
#include "engine/query/outcome_bits.hpp"
#include "engine/query/packed_values.hpp"
#include "engine/query/piece_list.hpp"
#include "engine/query/sequence_match.hpp"
#include "engine/query/sequence_plan.hpp"
#include "engine/query/zone_values.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::query {

/// Events that may take part, in any order.
struct SequencePart {
  struct Candidate {
    Position position;
    std::uint32_t steps; ///< As SequenceEvent has it.
    std::uint32_t link;  ///< Number of its link value in its bin.
  };
  /// Those whose link values share the upper bits of their hashes.
  struct Bin {
    PieceList<Candidate> candidates;
    /// One for each candidate, or none at all: not every sequence needs them (CompiledSequence::has_details()). Their
    /// values are places in `values`.
    PieceList<SequenceDetail> details;
    LinkTable links; ///< Packed and normalized, with the number of candidates of each.
  };

  static constexpr unsigned bin_bits = 6; ///< More would have more places that grow at a time than fit the first cache.
  static constexpr std::size_t bin_count = std::size_t{1} << bin_bits;
  [[nodiscard]] static std::size_t bin_of(std::uint64_t link_hash) noexcept { return link_hash >> (64 - bin_bits); }

  std::vector<Bin> bins = std::vector<Bin>(bin_count);
  PackedValues values;          ///< Of an event those of CompiledSequence::kept that its steps need.
  std::uint64_t link_bytes = 0; ///< What was taken of the budget for the links of all bins.
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
  /// A link value of part_.
  struct Link {
    static constexpr std::uint32_t no_bin = UINT32_MAX;
    std::uint32_t bin = no_bin;
    std::uint32_t number = 0;
    std::uint32_t events = 0; ///< Of a zone, that have it.
  };

  [[nodiscard]] std::uint32_t steps_of(RowValues row);
  [[nodiscard]] std::uint32_t steps_of_type(std::string_view type) const noexcept;
  /// The link of one more event.
  Status link_of(const ValueView& value, ResultBudget& budget, Link& link);
  /// Fills in code_links_ for the codes that rows of a zone have, all of which will be kept.
  Status number_links(const ZoneValues& values, const RowBits& rows, ResultBudget& budget, Pacer& pacer);
  Status number_of(std::string_view key, std::uint64_t hash, ResultBudget& budget, LinkTable::Entry& entry);
  /// Adds an event with the values that `of(slot)` says. How much memory that took.
  template <class Of> std::uint64_t keep(Position position, std::uint32_t steps, Link link, const Of& of);

  const CompiledSequence& query_;
  std::uint64_t bytes_max_;
  SequencePart part_;
  std::string key_;      ///< Packed link of the row looked at.
  std::string last_key_; ///< ... of the one before: rows of a context often follow one another.
  Link last_link_;
  std::size_t last_place_ = 0; ///< In the LinkTable.
  std::string packed_;         ///< Values of the row looked at.
  Pacer pacer_;                ///< Of what steps are judged by.
  Scratch scratch_;
  std::vector<std::uint32_t> type_steps_; ///< Of a zone, by code of the type.
  std::vector<Link> code_links_;          ///< Of a zone, by code of the link value; no_bin: no row has it.
  struct Asked {
    std::uint64_t hash = 0;
    std::size_t end = 0; ///< Of its key in keys_.
    std::uint32_t code = 0;
  };
  std::vector<Asked> asked_; ///< The different link values of a zone's rows.
  std::string keys_;         ///< Packed, one behind the other.
};

} // namespace weir::query

// A sequence query made ready to run: what single events must fulfil, what only a match can be asked, what to keep.
//
// Purpose: the terms of WHERE that are joined by an outer AND are taken apart. A term about one step decides while
// shards are scanned whether an event may take part, so that columns and pruning serve sequences as they serve all
// queries; a term about several steps is judged by the matcher once its last step is bound (sequence_match.hpp).
// Threading: immutable once made; any number of shards may use one.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/query/compiled_query.hpp"
#include "engine/query/predicate.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir::query {

struct CompiledSequence {
  /// Errors: as Query::validate(). Precondition: a sequence.
  static Result<std::shared_ptr<const CompiledSequence>> make(const Query& query);

  struct Step {
    std::string event_type;
    std::optional<Predicate> alone;  ///< WHERE's terms about this step only, over slots of `scan`; nothing: none.
    std::optional<Predicate> joint;  ///< Those about earlier ones, too, over slots of `match`; nothing: none.
    std::vector<std::size_t> inputs; ///< Slots of earlier steps that `joint` reads.
  };

  /// A value kept of events, for the slots of `match` that are made of it.
  struct Kept {
    static constexpr std::size_t no_slot = SIZE_MAX;
    std::size_t source = 0;         ///< Slot of `scan`.
    bool is_position = false;       ///< Every event has it anyway.
    std::uint32_t steps = 0;        ///< Bit s: kept of events that fit step s.
    std::vector<std::size_t> slots; ///< By step; no_slot: the step does not need it.
  };

  std::shared_ptr<const CompiledQuery> match; ///< Its rows are matches.
  CompiledQuery scan;                         ///< Its rows are events that may take part.
  bool scan_is_exact = true; ///< An event that passes and has the type of one step alone fits that step.
  std::vector<Step> steps;
  std::vector<Kept> kept;      ///< Those that `joint` conditions read come first.
  std::size_t kept_judged = 0; ///< How many those are.
  bool keeps_values = false;   ///< Some are no positions.
  /// Columns of the result that are whole documents. A match has the event's position there instead: the documents are
  /// fetched once it is known which are returned.
  std::vector<std::size_t> documents;
  std::size_t link = 0;       ///< Slot of `scan`.
  std::size_t event_type = 0; ///< Slot of `scan`.
  std::size_t time = 0;       ///< Slot of `scan`; only with WITHIN.
  std::optional<std::int64_t> within_us;

  /// Whether more is needed of an event than its position, its steps and its link.
  [[nodiscard]] bool has_details() const noexcept { return within_us.has_value() || keeps_values; }
};

/// What a scan for `query` looks for: itself, or the events that may take part in a sequence (CompiledSequence::scan).
/// `positions`: see QueryControl. Errors: as Query::validate().
Result<std::shared_ptr<const CompiledQuery>> compile_scan(const Query& query, const PositionWindow& positions = {});

} // namespace weir::query

// Saves what is whole of a directory that cannot be opened, or not whole.
//
// Purpose: weir keeps one copy, so damage cannot be repaired; what it did not touch can be had. Threading: any thread;
// one call at a time for a directory.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace weir {

struct SalvageReport {
  std::uint64_t contexts = 0;       ///< Of which something was saved.
  std::uint64_t events = 0;         ///< Saved.
  std::uint64_t events_missing = 0; ///< Known to have been there, and not whole anywhere.
  std::uint64_t damaged_places = 0;
  /// Damage was found of which nobody knows what it held.
  bool more_may_be_missing = false;

  /// Every event that was ever stored durably is in the copy.
  [[nodiscard]] bool complete() const noexcept { return events_missing == 0 && !more_may_be_missing; }
};

/// Told in the caller's thread while the work goes on; each may be empty. If one throws, none is told anything more,
/// and the work ends at the next events to be stored.
struct SalvageListener {
  /// A place that is not as it was written; `where` names file and offset.
  std::function<void(const Error&)> damaged;
  /// These events of a context are lost. In the copy those after them follow without a gap, with lower numbers.
  std::function<void(std::string_view context_id, Sequence first, Sequence last)> missing;
  std::function<void(std::uint64_t events_saved)> progress;
};

/// Stores every whole event of `source` into a new directory `destination`, the events of each context in their order.
/// Kept are context, type, payload, metadata, event id and timestamp; not kept are sequences after a gap, positions,
/// `recorded_at`, and the order between contexts. What was truncated or deleted is left out, as far as the damage lets
/// that be seen, and its event ids are forgotten; contexts that were deleted for good are in the new directory, too.
/// Nothing in `source` is changed but its lock file; its catalog may be damaged or missing: if it is whole, schemas,
/// rules of retention and remembered queries are kept as well. Errors: `locked`; `invalid_argument` if `destination` is
/// not empty or lies in `source`; `not_found`, `corruption` if `source` holds nothing of weir's; those of storing, and
/// `invalid_argument` with what a function of the listener threw, after which `destination` holds a part.
Result<SalvageReport> salvage_directory(const std::string& source, const std::string& destination,
                                        const SalvageListener& listener = {});

} // namespace weir

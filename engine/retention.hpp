// Retention as callers see it: which events may go by themselves, as of when, and what became of it.
//
// Threading: plain values.
#pragma once

#include <weir/event.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace weir {

/// Which events may go. A context is only ever truncated: from its front on, events go as long as for each of them some
/// rule says so. An event that no rule lets go keeps all behind it, so a rule for a type acts on contexts that begin
/// with events of that type.
struct RetentionRule {
  std::string context_prefix{}; ///< Speaks of contexts whose ids begin so; empty: of all.
  std::string event_type{};     ///< Speaks of events of this type; empty: of all.
  /// Events go that were recorded longer ago; possibly all of a context, as if it were deleted softly.
  std::optional<std::chrono::microseconds> age{};
  std::optional<std::uint64_t> count{}; ///< All but the newest so many of a context go; at least 1.

  friend bool operator==(const RetentionRule&, const RetentionRule&) = default;
};

/// What rules are judged by. Judged again at the same point, the same events go, whatever was stored since.
struct RetentionPoint {
  Position before = 0; ///< Only events below it are looked at.
  Timestamp now{};     ///< Ages are counted up to here.

  friend bool operator==(const RetentionPoint&, const RetentionPoint&) = default;
};

struct RetentionOptions {
  /// Set it to true from any thread to end the run with `cancelled`. The next one goes on with the same point.
  std::shared_ptr<std::atomic<bool>> cancel{};
};

struct RetentionReport {
  RetentionPoint point;
  /// The point was recorded by a run that did not come to its end; this one has ended it. What has come of age since is
  /// judged by the next one.
  bool resumed = false;
  std::uint64_t contexts = 0;  ///< Looked at.
  std::uint64_t truncated = 0; ///< Of these, so many lost events,
  std::uint64_t events = 0;    ///< so many in all.
};

} // namespace weir

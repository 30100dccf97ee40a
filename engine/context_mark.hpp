// What truncation and deletion leave behind of a context.
//
// Purpose: the one fact that the log, memtables and segments keep about removed events (docs/decisions/0013). Marks of
// a context are joined, in any order and however often: the larger of each member. Threading: plain values.
#pragma once

#include <weir/event.hpp>

#include <algorithm>

namespace weir {

struct ContextMark {
  Sequence first_live = 1; ///< Events below are removed.
  Sequence last = 0;       ///< The context's last sequence when it was marked.
  bool closed = false;     ///< Deleted for good: nothing is ever stored to it again.
  Position position = 0;   ///< Of the latest removal.
  Timestamp recorded_at{}; ///< The same.

  void join(const ContextMark& other) noexcept {
    first_live = std::max(first_live, other.first_live);
    last = std::max(last, other.last);
    closed = closed || other.closed;
    position = std::max(position, other.position);
    recorded_at = std::max(recorded_at, other.recorded_at);
  }
  friend bool operator==(const ContextMark&, const ContextMark&) = default;
};

/// How far a context has come: all that admission has to know of it.
struct ContextHead {
  Sequence last = 0;       ///< 0: nothing was ever stored.
  Sequence first_live = 1; ///< At least so much is removed; above `last`: all of it, exactly.
  bool closed = false;

  constexpr ContextHead() = default;
  /// Of a context without marks.
  constexpr ContextHead(Sequence last_sequence) noexcept : last(last_sequence) {} // NOLINT: a number says it all
  constexpr ContextHead(Sequence last_sequence, const ContextMark& mark) noexcept
      : last(std::max(last_sequence, mark.last)), first_live(mark.first_live), closed(mark.closed) {}
  friend constexpr bool operator==(const ContextHead&, const ContextHead&) = default;
};

} // namespace weir

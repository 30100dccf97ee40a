// What must hold of a context for a store to take place.
//
// Purpose: optimistic concurrency: whoever has read a context says so, and is refused if somebody was faster.
// Threading: plain values.
#pragma once

#include <weir/event.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

class Expectation {
public:
  enum class Kind : std::uint8_t { any, no_context, exists, exactly };

  /// Nothing: the default.
  constexpr Expectation() = default;
  [[nodiscard]] static constexpr Expectation any() noexcept { return {}; }
  /// The context has no event: none was ever stored, or all are removed.
  [[nodiscard]] static constexpr Expectation no_context() noexcept { return {Kind::no_context, 0}; }
  /// It has at least one.
  [[nodiscard]] static constexpr Expectation exists() noexcept { return {Kind::exists, 0}; }
  /// The context's last event has this sequence, removed or not; 0: it has no event.
  [[nodiscard]] static constexpr Expectation exactly(Sequence last) noexcept { return {Kind::exactly, last}; }

  [[nodiscard]] constexpr Kind kind() const noexcept { return kind_; }
  /// Of `exactly`, otherwise 0.
  [[nodiscard]] constexpr Sequence sequence() const noexcept { return sequence_; }
  /// Whether a context whose last sequence is `last` (0: nothing was ever stored), and of which the events before
  /// `first_live` are removed, is as expected.
  [[nodiscard]] constexpr bool holds(Sequence last, Sequence first_live = 1) const noexcept {
    const bool has_event = first_live <= last;
    switch (kind_) {
    case Kind::any: return true;
    case Kind::no_context: return !has_event;
    case Kind::exists: return has_event;
    case Kind::exactly: return last == sequence_ || (sequence_ == 0 && !has_event);
    }
    return false;
  }
  friend constexpr bool operator==(const Expectation&, const Expectation&) = default;

private:
  constexpr Expectation(Kind kind, Sequence sequence) noexcept : kind_(kind), sequence_(sequence) {}
  Kind kind_ = Kind::any;
  Sequence sequence_ = 0;
};

/// One context's share of a call that stores to several. Without events it only checks.
struct ContextEvents {
  std::string context_id{};
  std::vector<Event> events{}; ///< Each one's context_id is this or empty.
  Expectation expect{};
};

/// "any", "no_context", "exists", "exactly 5".
[[nodiscard]] std::string to_string(const Expectation& expectation);

} // namespace weir

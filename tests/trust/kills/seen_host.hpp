// What those who read the event queue of the host's engine say of an event that they were given.
//
// Threading: pure functions.
#pragma once

#include <weir/event.hpp>

#include <cstdint>

namespace weir::trust {

/// Its fingerprint().
[[nodiscard]] std::uint64_t mark_of(const EventView& event);
/// Events that others remove may come, or be gone before they do: nothing is said of them.
[[nodiscard]] bool may_be_removed(const EventView& event);
/// The number of its context. Gives up if nobody stores to that.
[[nodiscard]] std::uint32_t context_of(const EventView& event);

} // namespace weir::trust

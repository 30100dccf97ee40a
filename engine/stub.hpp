// What a segment keeps of a removed event: everything but its payload and metadata, and what they were.
//
// Purpose: an event id is taken for ever, and a retry of the event answers its first receipt; so a merge that gives
// back the space of removed events leaves a stub where somebody may still ask for the id (docs/decisions/0013). A stub
// is a row whose payload says nothing but the content hash; JSON never begins as it does. Threading: plain values.
// Invariants: a stub lies below the first live sequence of its context, by a mark of its own segment.
#pragma once

#include <weir/event.hpp>

#include "engine/hash.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir {

inline constexpr std::size_t stub_bytes = 1 + 2 * sizeof(std::uint64_t);

[[nodiscard]] inline bool is_stub(const EventView& event) noexcept {
  return event.payload.size() == stub_bytes && event.payload.front() == '\0';
}

/// What counts as payload of a row: nothing of a stub.
[[nodiscard]] inline std::uint64_t live_payload_bytes(const EventView& event) noexcept {
  return is_stub(event) ? 0 : event.payload.size();
}

/// The payload of a stub of an event with this content hash.
[[nodiscard]] inline std::array<char, stub_bytes> stub_of(const Hash128& content) noexcept {
  std::array<char, stub_bytes> stub{};
  std::memcpy(stub.data() + 1, &content.low, sizeof content.low);
  std::memcpy(stub.data() + 1 + sizeof content.low, &content.high, sizeof content.high);
  return stub;
}

/// The content hash that a stub keeps.
[[nodiscard]] inline Hash128 content_of(std::string_view stub) noexcept {
  Hash128 content;
  std::memcpy(&content.low, stub.data() + 1, sizeof content.low);
  std::memcpy(&content.high, stub.data() + 1 + sizeof content.low, sizeof content.high);
  return content;
}

} // namespace weir

// Store calls as the core sees them, for tests that need many.
#pragma once

#include "engine/event_codec.hpp"
#include "engine/memtable.hpp"
#include "engine/store_command.hpp"

#include <weir/event.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::test {

[[nodiscard]] inline Timestamp at_us(std::int64_t us) {
  return Timestamp{std::chrono::microseconds{us}};
}

/// An event whose fields follow from `number`, so that a reader can tell it from all others.
[[nodiscard]] inline Event numbered_event(std::uint64_t number) {
  Event event;
  event.event_type = "type-" + std::to_string(number % 3);
  event.payload = "{\"n\":" + std::to_string(number) + "}";
  if (number % 4 == 0)
    event.event_id = "id-" + std::to_string(number);
  if (number % 5 == 0)
    event.metadata = "{\"m\":" + std::to_string(number) + "}";
  if (number % 2 == 0)
    event.timestamp = at_us(static_cast<std::int64_t>(number) * 1000);
  return event;
}

/// A call of these events, encoded and numbered.
[[nodiscard]] inline std::string encoded_call(std::string_view context_id, std::span<const Event> events,
                                              const CallNumbers& numbers) {
  std::string encoded;
  encode_call(context_id, events, encoded);
  std::string call(numbered_call_bytes(encoded.size(), numbers), '\0');
  number_call(encoded, numbers, call.data());
  return call;
}

/// An encoded and numbered call of `count` events that carry their own sequence numbers.
[[nodiscard]] inline std::string encoded_call(std::string_view context_id, Sequence first_sequence,
                                              std::uint32_t count = 1, Position first_position = 1,
                                              Timestamp recorded_at = at_us(7)) {
  std::vector<Event> events;
  for (Sequence sequence = first_sequence; sequence < first_sequence + count; ++sequence)
    events.push_back(numbered_event(sequence));
  return encoded_call(context_id, events, {first_sequence, first_position, recorded_at});
}

/// A command as a sender would hand it in.
[[nodiscard]] inline StorePtr command(std::string_view context_id, std::uint64_t sender = 0, std::uint32_t events = 1,
                                      Completion done = {}) {
  auto command = std::make_unique<StoreCommand>();
  command->context_id = context_id;
  std::vector<Event> stored;
  for (std::uint32_t number = 1; number <= events; ++number)
    stored.push_back(numbered_event(number));
  encode_call(context_id, stored, command->encoded);
  command->events = events;
  command->sender = sender;
  command->done = std::move(done);
  return command;
}

/// A numbered call that removes the events of a context below `first_live`.
[[nodiscard]] inline std::string encoded_removal(std::string_view context_id, Sequence next_sequence,
                                                 Sequence first_live, bool closes = false, Position position = 1,
                                                 Timestamp recorded_at = at_us(7)) {
  std::string encoded;
  encode_removal(context_id, first_live, closes, encoded);
  const CallNumbers numbers{next_sequence, position, recorded_at};
  std::string call(numbered_call_bytes(encoded.size(), numbers), '\0');
  number_call(encoded, numbers, call.data());
  return call;
}

/// A command that removes the events of a context below `before`.
[[nodiscard]] inline StorePtr removal(std::string_view context_id, Sequence before, bool closes = false,
                                      Completion done = {}) {
  auto command = std::make_unique<StoreCommand>();
  command->context_id = context_id;
  command->removal = RemovalRequest{before, closes};
  command->done = std::move(done);
  return command;
}

/// Applies calls as one group, the way the log does.
inline void apply_calls(Memtable& memtable, std::vector<std::string> calls, std::uint64_t first_record = 1) {
  const auto owner = std::make_shared<const std::vector<std::string>>(std::move(calls));
  std::uint64_t bytes = 0;
  std::vector<std::string_view> views;
  for (const std::string& call : *owner) {
    views.push_back(call);
    bytes += call.size();
  }
  memtable.apply(owner, views, first_record, bytes);
}

} // namespace weir::test

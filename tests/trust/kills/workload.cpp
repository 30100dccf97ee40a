#include "trust/kills/workload.hpp"

#include "engine/text.hpp"

#include <cstdio>

namespace weir::trust {

namespace {

// A few contexts are hot, the others mostly out of the engine's cache of last sequences when their turn comes.
std::uint32_t pick_context(Dice& dice) {
  constexpr std::uint32_t hot = 10;
  return static_cast<std::uint32_t>(dice.below(dice.below(2) == 0 ? hot : kill_contexts));
}

// Mostly small; some fill a block, and the largest needs a log file of its own.
std::size_t pick_text_bytes(Dice& dice) {
  switch (dice.below(64)) {
  case 0: return 2'000 + dice.below(4'000);
  case 1: return dice.below(4) == 0 ? 20'000 : dice.below(8) == 0 ? 80'000 : 0;
  default: return 20 + dice.below(300);
  }
}

// In every fourth life hardly anybody waits for a sync: only then are groups compressed.
Durability pick_durability(const CallId& id, Dice& dice) {
  const std::uint64_t of_64 = dice.below(64);
  if (id.life % 4 == 0)
    return of_64 == 0 ? Durability::synced : of_64 < 16 ? Durability::buffered : Durability::written;
  return of_64 < 4 ? Durability::buffered : of_64 < 20 ? Durability::written : Durability::synced;
}

} // namespace

std::string kill_context_name(std::uint32_t context) {
  return "context-" + std::to_string(context);
}

Call make_call(std::uint64_t seed, const CallId& id) {
  Dice dice(Dice(seed).next() ^ (std::uint64_t{id.life} << 40U) ^ (std::uint64_t{id.writer} << 32U) ^ id.number);
  Call call;
  call.context = pick_context(dice);
  call.durability = pick_durability(id, dice);
  call.events.resize(1 + (dice.below(2) == 0 ? 0 : dice.below(8)));
  for (std::size_t i = 0; i < call.events.size(); ++i) {
    Event& event = call.events[i];
    event.event_type = dice.below(3) == 0 ? "opened" : "changed";
    event.timestamp = Timestamp(std::chrono::microseconds(1'700'000'000'000'000 + id.number));
    event.payload = format(R"({{"life":{},"writer":{},"call":{},"index":{},"of":{},"text":")", id.life, id.writer,
                           id.number, i, call.events.size());
    const std::size_t text_bytes = pick_text_bytes(dice);
    while (event.payload.size() < text_bytes)
      event.payload += format("{:016x}", dice.next());
    event.payload += "\"}";
    if (dice.below(4) == 0)
      event.event_id = format("{}-{}-{}-{}", id.life, id.writer, id.number, i);
    if (dice.below(8) == 0)
      event.metadata = format(R"({{"trace":{}}})", dice.below(1'000'000));
  }
  return call;
}

EventOrigin origin_of(std::string_view payload) {
  EventOrigin origin;
  const std::string head(payload.substr(0, 120)); // the numbers stand in front
  if (std::sscanf(head.c_str(), R"({"life":%u,"writer":%u,"call":%u,"index":%u,)", &origin.call.life,
                  &origin.call.writer, &origin.call.number, &origin.index) != 4)
    return {};
  return origin;
}

std::string caller_fields(std::string_view type, Timestamp timestamp, std::string_view event_id,
                          std::string_view metadata, std::string_view payload) {
  return format("{}\t{}\t{}\t{}\t{}", type, timestamp.time_since_epoch().count(), event_id, metadata, payload);
}

} // namespace weir::trust

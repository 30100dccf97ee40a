#include "trust/kills/workload.hpp"

#include "engine/hash.hpp"
#include "engine/text.hpp"

#include <cstdio>

namespace weir::trust {

namespace {

// A few contexts are hot, the others mostly out of the engine's cache of last sequences when their turn comes.
std::uint32_t pick_context(Dice& dice) {
  constexpr std::uint32_t hot = 10;
  return static_cast<std::uint32_t>(dice.below(dice.below(2) == 0 ? hot : kill_contexts));
}

constexpr std::uint32_t first_in_group = 160; // before it each context is on its own
constexpr std::uint32_t group_contexts = 4;
constexpr std::uint32_t calls_of_claim = 64; // so that several writers want the same one at a time

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

Event make_event(const CallId& id, std::uint32_t index, std::uint32_t of, Dice& dice) {
  Event event;
  event.event_type = dice.below(3) == 0 ? "opened" : "changed";
  event.timestamp = Timestamp(std::chrono::microseconds(1'700'000'000'000'000 + id.number));
  event.payload = format(R"({{"life":{},"writer":{},"call":{},"index":{},"of":{},"text":")", id.life, id.writer,
                         id.number, index, of);
  const std::size_t text_bytes = pick_text_bytes(dice);
  while (event.payload.size() < text_bytes)
    event.payload += format("{:016x}", dice.next());
  event.payload += "\"}";
  if (dice.below(8) == 0)
    event.metadata = format(R"({{"trace":{}}})", dice.below(1'000'000));
  return event;
}

/// Sometimes a second context of the group is stored to, and sometimes the call claims something for itself.
void go_beyond_context(Call& call, const CallId& id, Dice& dice) {
  const std::uint32_t context = call.parts[0].context;
  if (context < first_in_group)
    return;
  const std::uint64_t which = dice.below(4);
  if (which < 2) {
    const auto step = static_cast<std::uint32_t>(1 + dice.below(group_contexts - 1));
    call.parts.push_back({context - context % group_contexts + (context + step) % group_contexts, 0, {}});
  } else if (which == 2 && id.writer != 0) { // the controls, which know no conditions, have writer 0 alone
    call.claim = format("claim-{}-{}", id.life, id.number / calls_of_claim);
  }
}

} // namespace

std::string kill_context_name(std::uint32_t context) {
  return context < first_in_group ? "context-" + std::to_string(context)
                                  : format("member-{}-of-{{{}}}", context % group_contexts, kill_group(context));
}

std::string kill_group(std::uint32_t context) {
  return context < first_in_group ? "" : "group-" + std::to_string(context / group_contexts);
}

Call make_call(std::uint64_t seed, const CallId& id) {
  Dice dice(Dice(seed).next() ^ (std::uint64_t{id.life} << 40U) ^ (std::uint64_t{id.writer} << 32U) ^ id.number);
  Call call;
  call.parts.push_back({pick_context(dice), 0, {}});
  call.durability = pick_durability(id, dice);
  call.expects = dice.below(8) == 0;
  go_beyond_context(call, id, dice);
  std::uint32_t of = 0;
  for (Call::Part& part : call.parts) {
    part.first = of;
    part.events.resize(1 + (dice.below(2) == 0 ? 0 : dice.below(8)));
    of += Call::events_of(part);
  }
  // Of a call for several contexts all events have ids, or none has.
  const std::uint64_t every = call.parts.size() == 1 ? 4 : dice.below(2) == 0 ? 1 : UINT64_MAX;
  for (Call::Part& part : call.parts)
    for (std::uint32_t i = 0; i < part.events.size(); ++i) {
      Event& event = part.events[i];
      event = make_event(id, part.first + i, of, dice);
      if (dice.next() % every == 0)
        event.event_id = format("{}-{}-{}-{}", id.life, id.writer, id.number, part.first + i);
      if (!call.claim.empty())
        event.metadata = format(R"({{"tags":["{}"]}})", call.claim);
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

std::uint64_t fingerprint(std::string_view context_name, Sequence sequence, Position position,
                          std::string_view caller_fields) {
  return hash64(caller_fields, hash64(context_name, sequence) ^ position);
}

} // namespace weir::trust

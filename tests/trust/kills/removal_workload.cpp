#include "trust/kills/removal_workload.hpp"

#include "engine/text.hpp"

#include <cstdio>

namespace weir::trust {

std::string removable_name(std::uint32_t context) {
  return context < first_retained ? format("removable-{}", context) : format("retained-{}", context);
}

RetentionRule retention_rule() {
  RetentionRule rule;
  rule.context_prefix = "retained-";
  rule.count = retained_events;
  return rule;
}

// The fields have other names than those of the workload, so that its queries pass over them.
std::vector<Event> make_removable(std::uint64_t seed, const RemovableCall& call) {
  Dice dice(Dice(seed + 1).next() ^ (std::uint64_t{call.life} << 40U) ^ (std::uint64_t{call.context} << 32U) ^
            call.number);
  std::vector<Event> events(1 + dice.below(4));
  for (std::size_t i = 0; i < events.size(); ++i) {
    Event& event = events[i];
    event.event_type = removable_type;
    event.event_id = format("{}-{}-{}", call.life, call.number, i);
    event.timestamp = Timestamp(std::chrono::microseconds(1'700'000'000'000'000 + call.number));
    event.payload =
        format(R"({{"removable":{},"in":{},"as":{},"at":{},"text":")", call.context, call.life, call.number, i);
    for (std::uint64_t words = dice.below(20); words > 0; --words)
      event.payload += format("{:016x}", dice.next());
    event.payload += "\"}";
  }
  return events;
}

RemovableOrigin removable_origin_of(std::string_view payload) {
  RemovableOrigin origin;
  const std::string head(payload.substr(0, 120)); // the numbers stand in front
  if (std::sscanf(head.c_str(), R"({"removable":%u,"in":%u,"as":%u,"at":%u,)", &origin.call.context, &origin.call.life,
                  &origin.call.number, &origin.index) != 4)
    return {};
  return origin;
}

bool is_removable(std::uint64_t seed, std::string_view context, std::string_view fields) {
  const RemovableOrigin origin = removable_origin_of(fields.substr(fields.rfind('\t') + 1));
  if (origin.call.life == 0 || origin.call.context >= removable_contexts ||
      context != removable_name(origin.call.context))
    return false;
  const std::vector<Event> events = make_removable(seed, origin.call);
  if (origin.index >= events.size())
    return false;
  const Event& event = events[origin.index];
  return fields == caller_fields(event.event_type, *event.timestamp, event.event_id, event.metadata, event.payload);
}

} // namespace weir::trust

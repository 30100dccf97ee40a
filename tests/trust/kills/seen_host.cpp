#include "trust/kills/seen_host.hpp"

#include "trust/kills/removal_workload.hpp"
#include "trust/kills/speech.hpp"
#include "trust/kills/workload.hpp"

#include <functional>
#include <map>
#include <string>

namespace weir::trust {

std::uint64_t mark_of(const EventView& event) {
  return fingerprint(event.context_id, event.sequence, event.position,
                     caller_fields(event.event_type, event.timestamp, event.event_id, event.metadata, event.payload));
}

bool may_be_removed(const EventView& event) {
  return event.event_type == removable_type;
}

std::uint32_t context_of(const EventView& event) {
  static const auto numbers = [] {
    std::map<std::string, std::uint32_t, std::less<>> all;
    for (std::uint32_t context = 0; context < kill_contexts; ++context)
      all[kill_context_name(context)] = context;
    return all;
  }();
  const auto found = numbers.find(event.context_id);
  if (found == numbers.end())
    give_up("nobody stores to " + std::string(event.context_id));
  return found->second;
}

} // namespace weir::trust

// What is stored in the contexts whose events are removed, as a pure function of who stores it: as workload.hpp.
//
// Threading: pure functions.
#pragma once

#include "trust/kills/workload.hpp"

#include <weir/event.hpp>
#include <weir/retention.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::trust {

/// Contexts of their own, each with one writer.
inline constexpr std::uint32_t removable_contexts = 24;
/// Retention truncates those from here on.
inline constexpr std::uint32_t first_retained = 16;
inline constexpr Sequence retained_events = 5;
inline constexpr std::string_view removable_type = "removable";

[[nodiscard]] std::string removable_name(std::uint32_t context);
[[nodiscard]] RetentionRule retention_rule();

/// The `number`th call (from 1) to such a context in a life.
struct RemovableCall {
  std::uint32_t context = 0;
  std::uint32_t life = 0;
  std::uint32_t number = 0;
  friend auto operator<=>(const RemovableCall&, const RemovableCall&) = default;
};

/// 1-4 events with ids.
[[nodiscard]] std::vector<Event> make_removable(std::uint64_t seed, const RemovableCall& call);

struct RemovableOrigin {
  RemovableCall call;
  std::uint32_t index = 0;
};
/// Life 0 if the payload is none of make_removable's.
[[nodiscard]] RemovableOrigin removable_origin_of(std::string_view payload);
/// Whether an event of this context with these fields was stored by somebody.
[[nodiscard]] bool is_removable(std::uint64_t seed, std::string_view context, std::string_view fields);

} // namespace weir::trust

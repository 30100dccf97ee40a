// Events as rows: the columns every command shows them in.
#pragma once

#include "api/cli/rows.hpp"
#include <weir/event.hpp>

#include <vector>

namespace weir::cli {

/// One field of an event that can be shown.
enum class EventField : std::uint8_t {
  context_id,
  event_type,
  sequence,
  position,
  timestamp,
  recorded_at,
  event_id,
  metadata,
  payload
};

[[nodiscard]] Column event_column(EventField field);
[[nodiscard]] Value event_value(const EventView& event, EventField field);

/// What is shown of events of one context. Programs get every field; people get what fits a line.
[[nodiscard]] std::vector<EventField> replay_fields(Format format);
/// The same of events of all contexts.
[[nodiscard]] std::vector<EventField> queue_fields(Format format);

} // namespace weir::cli

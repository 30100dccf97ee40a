#include "api/cli/event_rows.hpp"

namespace weir::cli {
namespace {

Value text_or_null(std::string_view text) {
  return text.empty() ? Value() : Value(text);
}

Value json_or_null(std::string_view text) {
  return text.empty() ? Value() : Value(JsonText{std::string(text)});
}

} // namespace

Column event_column(EventField field) {
  switch (field) {
  case EventField::context_id: return {"context_id"};
  case EventField::event_type: return {"event_type"};
  case EventField::sequence: return {"sequence"};
  case EventField::position: return {"position"};
  case EventField::timestamp: return {"timestamp"};
  case EventField::recorded_at: return {"recorded_at"};
  case EventField::event_id: return {"event_id", true};
  case EventField::metadata: return {"metadata", true};
  case EventField::payload: break;
  }
  return {"payload"};
}

Value event_value(const EventView& event, EventField field) {
  switch (field) {
  case EventField::context_id: return event.context_id;
  case EventField::event_type: return event.event_type;
  case EventField::sequence: return event.sequence;
  case EventField::position: return event.position;
  case EventField::timestamp: return event.timestamp;
  case EventField::recorded_at: return event.recorded_at;
  case EventField::event_id: return text_or_null(event.event_id);
  case EventField::metadata: return json_or_null(event.metadata);
  case EventField::payload: break;
  }
  return JsonText{std::string(event.payload)};
}

std::vector<EventField> replay_fields(Format format) {
  using enum EventField;
  if (format == Format::table)
    return {sequence, event_type, timestamp, payload};
  return {context_id, event_type, sequence, position, timestamp, recorded_at, event_id, metadata, payload};
}

std::vector<EventField> queue_fields(Format format) {
  using enum EventField;
  if (format == Format::table)
    return {position, context_id, event_type, timestamp, payload};
  return replay_fields(format);
}

} // namespace weir::cli

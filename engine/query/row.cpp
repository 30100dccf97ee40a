#include "engine/query/row.hpp"

#include "engine/text.hpp"

#include <algorithm>

namespace weir::query {
namespace {

struct AsView {
  ValueView operator()(json::Absent) const noexcept { return {}; }
  ValueView operator()(std::monostate) const noexcept { return {}; }
  ValueView operator()(bool value) const noexcept { return {Value::Kind::boolean, {}, value ? 1 : 0}; }
  ValueView operator()(std::int64_t value) const noexcept { return {Value::Kind::int64, {}, value}; }
  ValueView operator()(std::uint64_t value) const noexcept { return ValueView::of(value); }
  ValueView operator()(double value) const noexcept { return {Value::Kind::float64, {}, 0, 0, value}; }
  ValueView operator()(const std::string& value) const noexcept { return ValueView::of(std::string_view(value)); }
  ValueView operator()(const json::Composite& value) const noexcept { return {Value::Kind::json, value.text}; }
};

ValueView text_or_null(Value::Kind kind, std::string_view text) noexcept {
  return text.empty() ? ValueView{} : ValueView{kind, text};
}

Value to_value(const ValueView& view) {
  switch (view.kind) {
  case Value::Kind::null: return {};
  case Value::Kind::boolean: return Value(view.integer != 0);
  case Value::Kind::int64: return Value(view.integer);
  case Value::Kind::uint64: return Value(view.natural);
  case Value::Kind::float64: return Value(view.real);
  case Value::Kind::string: return Value(view.text);
  case Value::Kind::timestamp: return Value(Timestamp(std::chrono::microseconds(view.integer)));
  case Value::Kind::json: return Value(JsonText{std::string(view.text)});
  }
  return {};
}

Status find(std::string_view document, const std::vector<json::Path>& paths, std::vector<json::Scalar>& out,
            const EventView& event, std::string_view what) {
  if (paths.empty())
    return {};
  if (document.empty()) {
    out.assign(paths.size(), json::Absent{});
    return {};
  }
  auto status = json::find_paths(document, paths, out);
  if (status)
    return {};
  return fail(status.code(), format("{} of a stored event: {}", what, status.error().message),
              format("position {}", event.position));
}

} // namespace

std::size_t FieldTable::add(const FieldRef& field) {
  const auto found = std::find(refs_.begin(), refs_.end(), field);
  if (found != refs_.end())
    return static_cast<std::size_t>(found - refs_.begin());
  Field entry{field.core, !field.path.empty(), 0};
  if (entry.has_path) {
    auto& paths = field.core == Core::payload ? payload_paths_ : metadata_paths_;
    entry.path = paths.size();
    paths.push_back(field.path);
  }
  refs_.push_back(field);
  fields_.push_back(entry);
  columns_ |= field.column();
  return fields_.size() - 1;
}

Status RowReader::extract() {
  if (extracted_)
    return {};
  WEIR_TRY(find(event_.payload, table_.payload_paths(), payload_, event_, "payload"));
  WEIR_TRY(find(event_.metadata, table_.metadata_paths(), metadata_, event_, "metadata"));
  extracted_ = true;
  return {};
}

ValueView RowReader::view(std::size_t slot) const noexcept {
  const FieldTable::Field& field = table_[slot];
  if (!field.has_path)
    return core_view(field.core, event_);
  return std::visit(AsView{}, (field.core == Core::payload ? payload_ : metadata_)[field.path]);
}

Value RowReader::value(std::size_t slot) const {
  return to_value(view(slot));
}

ValueView core_view(Core core, const EventView& event) noexcept {
  switch (core) {
  case Core::context_id: return ValueView::of(event.context_id);
  case Core::event_type: return ValueView::of(event.event_type);
  case Core::sequence: return ValueView::of(event.sequence);
  case Core::position: return ValueView::of(event.position);
  case Core::timestamp: return ValueView::of(event.timestamp);
  case Core::recorded_at: return ValueView::of(event.recorded_at);
  case Core::event_id: return text_or_null(Value::Kind::string, event.event_id);
  case Core::metadata: return text_or_null(Value::Kind::json, event.metadata);
  case Core::payload: return text_or_null(Value::Kind::json, event.payload);
  }
  return {};
}

} // namespace weir::query

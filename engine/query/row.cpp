#include "engine/query/row.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::query {
namespace {

struct AsView {
  ValueView operator()(json::Absent) const noexcept { return ValueView::absent(); }
  ValueView operator()(std::monostate) const noexcept { return {}; }
  ValueView operator()(bool value) const noexcept { return ValueView::of_boolean(value); }
  ValueView operator()(std::int64_t value) const noexcept { return ValueView::of_integer(value); }
  ValueView operator()(std::uint64_t value) const noexcept { return ValueView::of(value); }
  ValueView operator()(double value) const noexcept { return ValueView::of_real(value); }
  ValueView operator()(const std::string& value) const noexcept { return ValueView::of(std::string_view(value)); }
  ValueView operator()(const json::Composite& value) const noexcept { return {Value::Kind::json, value.text}; }
};

ValueView text_or_absent(Value::Kind kind, std::string_view text) noexcept {
  return text.empty() ? ValueView::absent() : ValueView{kind, text};
}

constexpr std::size_t paths_at_once = 128;

Status find(std::string_view document, const std::vector<json::Path>& paths, std::vector<json::Scalar>& out,
            const EventView& event, std::string_view what, Pacer* pacer) {
  if (paths.empty())
    return {};
  if (document.empty()) {
    out.assign(paths.size(), json::Absent{});
    return {};
  }
  Status status;
  if (paths.size() <= paths_at_once) {
    status = json::find_paths(document, paths, out);
  } else {
    // Each member of the document is compared with every path, and there may be thousands of both.
    out.clear();
    std::vector<json::Scalar> some;
    for (std::size_t at = 0; at < paths.size() && status; at += paths_at_once) {
      const auto part = std::span(paths).subspan(at, std::min(paths_at_once, paths.size() - at));
      if (pacer != nullptr)
        WEIR_TRY(pacer->spend(part.size() + document.size() / 64));
      status = json::find_paths(document, part, some);
      std::move(some.begin(), some.end(), std::back_inserter(out));
    }
  }
  if (status)
    return {};
  return fail(status.code(), format("{} of a stored event: {}", what, status.error().message),
              format("position {}", event.position));
}

} // namespace

std::size_t FieldTable::add(const FieldRef& field, std::size_t step) {
  const auto [known, added] = slots_.try_emplace(std::to_string(step) + ' ' + to_text(field), fields_.size());
  if (!added)
    return known->second;
  if (steps_.size() <= step)
    steps_.resize(step + 1);
  Documents& documents = steps_[step];
  Field entry{field.core, !field.path.empty(), 0, step};
  if (entry.has_path) {
    auto& paths = field.core == Core::payload ? documents.payload : documents.metadata;
    entry.path = paths.size();
    paths.push_back(field.path);
  }
  refs_.push_back(field);
  fields_.push_back(entry);
  documents.columns |= field.column();
  return fields_.size() - 1;
}

const FieldTable::Documents& FieldTable::of_step(std::size_t step) const noexcept {
  static const Documents none;
  return step < steps_.size() ? steps_[step] : none;
}

ColumnSet FieldTable::columns(std::size_t step) const noexcept {
  return of_step(step).columns;
}

bool FieldTable::has_paths(std::size_t step) const noexcept {
  return !of_step(step).payload.empty() || !of_step(step).metadata.empty();
}

const std::vector<json::Path>& FieldTable::payload_paths(std::size_t step) const noexcept {
  return of_step(step).payload;
}

const std::vector<json::Path>& FieldTable::metadata_paths(std::size_t step) const noexcept {
  return of_step(step).metadata;
}

std::size_t EventSlots::slot(std::string_view name) {
  return table_.add(*parse_field(name));
}

RowReader::RowReader(const FieldTable& table, std::size_t step)
    : table_(table), step_(step), values_(table.size(), ValueView::absent()) {
}

void RowReader::bind(const EventView& event) {
  event_ = event;
  extracted_ = false;
  for (std::size_t slot = 0; slot < values_.size(); ++slot) {
    const FieldTable::Field& field = table_[slot];
    if (field.step == step_)
      values_[slot] = field.has_path ? ValueView::absent() : core_view(field.core, event_);
  }
}

Status RowReader::extract(Pacer* pacer) {
  if (extracted_)
    return {};
  WEIR_TRY(find(event_.payload, table_.payload_paths(step_), payload_, event_, "payload", pacer));
  WEIR_TRY(find(event_.metadata, table_.metadata_paths(step_), metadata_, event_, "metadata", pacer));
  for (std::size_t slot = 0; slot < values_.size(); ++slot) {
    const FieldTable::Field& field = table_[slot];
    if (field.has_path && field.step == step_)
      values_[slot] = view_of((field.core == Core::payload ? payload_ : metadata_)[field.path]);
  }
  extracted_ = true;
  return {};
}

ValueView view_of(const json::Scalar& scalar) noexcept {
  return std::visit(AsView{}, scalar);
}

ValueView core_view(Core core, const EventView& event) noexcept {
  switch (core) {
  case Core::context_id: return ValueView::of(event.context_id);
  case Core::event_type: return ValueView::of(event.event_type);
  case Core::sequence: return ValueView::of(event.sequence);
  case Core::position: return ValueView::of(event.position);
  case Core::timestamp: return ValueView::of(event.timestamp);
  case Core::recorded_at: return ValueView::of(event.recorded_at);
  case Core::event_id: return text_or_absent(Value::Kind::string, event.event_id);
  case Core::metadata: return text_or_absent(Value::Kind::json, event.metadata);
  case Core::payload: return text_or_absent(Value::Kind::json, event.payload);
  }
  return {};
}

} // namespace weir::query

#include "engine/query/row_columns.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>

namespace weir::query {

RowColumns::RowColumns(std::shared_ptr<const ZoneRows> rows) : source_(std::move(rows)) {
  rows_ = source_->rows();
}

Result<std::shared_ptr<const ZoneColumns>> RowColumns::make(std::shared_ptr<const ZoneRows> rows, ColumnSet core,
                                                            std::span<const std::string> types) {
  const std::shared_ptr<RowColumns> made(new RowColumns(std::move(rows)));
  made->read_numbers(core);
  if ((core & column_context) != 0)
    made->read_contexts();
  if ((core & column_type) != 0)
    WEIR_TRY(made->read_types(types));
  return std::shared_ptr<const ZoneColumns>(made);
}

void RowColumns::read_numbers(ColumnSet core) {
  const auto read = [this](auto& values, const auto& of) {
    values.reserve(rows_);
    for (std::uint32_t i = 0; i < rows_; ++i)
      values.push_back(of(source_->row(i)));
  };
  const auto micros = [](Timestamp time) { return std::int64_t{time.time_since_epoch().count()}; };
  if ((core & column_sequence) != 0)
    read(sequence_values_, [](const EventView& row) { return row.sequence; });
  if ((core & column_position) != 0)
    read(position_values_, [](const EventView& row) { return row.position; });
  if ((core & column_recorded_at) != 0)
    read(recorded_at_values_, [&](const EventView& row) { return micros(row.recorded_at); });
  if ((core & column_timestamp) != 0)
    read(timestamp_values_, [&](const EventView& row) { return micros(row.timestamp); });
  sequences_ = sequence_values_;
  positions_ = position_values_;
  recorded_at_ = recorded_at_values_;
  timestamps_ = timestamp_values_;
}

void RowColumns::read_contexts() {
  context_values_.reserve(rows_);
  for (std::uint32_t i = 0; i < rows_; ++i) {
    const std::string_view context = source_->row(i).context_id;
    if (context_text_values_.empty() || context_text_values_.back() != context)
      context_text_values_.push_back(context);
    context_values_.push_back(static_cast<std::uint32_t>(context_text_values_.size() - 1));
  }
  contexts_ = context_values_;
  context_texts_ = context_text_values_;
}

Status RowColumns::read_types(std::span<const std::string> types) {
  std::unordered_map<std::string_view, std::uint32_t> places;
  for (std::size_t i = 0; i < types.size(); ++i)
    places.emplace(types[i], static_cast<std::uint32_t>(i));
  type_values_.reserve(rows_);
  for (std::uint32_t i = 0; i < rows_; ++i) {
    const auto place = places.find(source_->row(i).event_type);
    if (place == places.end())
      return fail(Errc::corruption, format("row {} of a zone has a type that its segment does not know", i));
    type_values_.push_back(place->second);
  }
  types_ = type_values_;
  return {};
}

} // namespace weir::query

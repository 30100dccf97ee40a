#include "engine/query/zone_values.hpp"

#include "engine/query/row_columns.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <utility>

namespace weir::query {

std::string place_of(const SegmentReader& segment) {
  return format("segment {} of shard {}", segment.meta().number, segment.meta().shard);
}

ZoneValues::ZoneValues(const ScanTarget& target, const SegmentPlan& plan, std::size_t zone, bool arrays)
    : target_(target), plan_(plan), zone_(zone), arrays_(arrays), rows_(plan.zones()[zone].rows),
      slots_(target.fields.size()) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const FieldTable::Field& field = target.fields[i];
    if (field.step != target.step)
      continue;
    if (!field.has_path) {
      switch (field.core) {
      case Core::context_id: slots_[i].kind = Kind::context; break;
      case Core::event_type: slots_[i].kind = Kind::type; break;
      case Core::sequence: slots_[i].kind = Kind::sequence; break;
      case Core::position: slots_[i].kind = Kind::position; break;
      case Core::timestamp: slots_[i].kind = Kind::timestamp; break;
      case Core::recorded_at: slots_[i].kind = Kind::recorded_at; break;
      case Core::event_id:
      case Core::metadata:
      case Core::payload: break;
      }
    } else if (const auto number = plan.column(i, zone)) {
      slots_[i].kind = Kind::field;
      slots_[i].number = *number;
      slots_[i].form = plan.form(i, zone);
    }
  }
}

Status ZoneValues::read(std::span<const std::size_t> slots, ColumnSet core, const RowBits* wanted) {
  if (!arrays_)
    wanted = nullptr;
  std::vector<std::size_t> fields;
  std::vector<std::size_t> field_slots;
  for (const std::size_t i : slots) {
    const Slot& slot = slots_[i];
    if (slot.kind == Kind::field) {
      const bool there = slot.read && covers(slot.rows.get(), wanted);
      if (!there && std::find(field_slots.begin(), field_slots.end(), i) == field_slots.end()) {
        fields.push_back(slot.number);
        field_slots.push_back(i);
      }
    } else if (slot.kind != Kind::document) {
      core |= target_.fields.ref(i).column();
    }
  }
  if (core != 0 && core_read_ != 0 && !covers(core_rows_.get(), wanted))
    core |= core_read_; // One set of rows is known for all of them.
  else
    core &= ~core_read_;
  if (core == 0 && fields.empty())
    return {};
  // What joins columns that are there must not have fewer rows than they.
  const bool joins = core != 0 && (core_read_ & ~core) != 0;
  if (wanted != nullptr && joins)
    wanted = core_rows_.get();
  const auto columns = read_arrays(core, fields, wanted);
  if (!columns)
    return columns.error();
  if ((*columns)->rows() != rows_)
    return fail(Errc::corruption, format("zone {} has {} rows, its metadata says {}", zone_, (*columns)->rows(), rows_),
                place_of(plan_.segment()));
  kept_.push_back(*columns);
  const auto read_rows = wanted == nullptr ? nullptr : std::make_shared<const RowBits>(*wanted);
  if (core != 0)
    core_rows_ = read_rows;
  for (const std::size_t i : field_slots)
    slots_[i].rows = read_rows;
  return take(**columns, core, field_slots);
}

Result<bool> ZoneValues::mark(ColumnBit column, std::span<const NumberRange> ranges, const RowBits& rows,
                              std::span<std::uint64_t> out) const {
  if (!arrays_ || (core_read_ & column) != 0)
    return false;
  return plan_.columns().mark_rows(zone_, column, ranges, rows.words(), out);
}

Result<bool> ZoneValues::count_types(const RowBits& rows, std::vector<std::uint64_t>& counts) const {
  if (!arrays_ || (core_read_ & column_type) != 0)
    return false;
  counts.assign(plan_.types().size(), 0);
  return plan_.columns().count_types(zone_, rows.words(), counts);
}

Result<bool> ZoneValues::mark_field(std::size_t slot, const FieldRanges& ranges, const RowBits& rows,
                                    const FieldMarks& out) {
  Slot& field = slots_[slot];
  if (!arrays_ || (field.read && covers(field.rows.get(), &rows)))
    return false;
  auto marked = plan_.columns().mark_field(zone_, field.number, ranges, rows.words(), out);
  if (marked && *marked)
    count(field);
  return marked;
}

Result<std::shared_ptr<const ZoneColumns>> ZoneValues::read_arrays(ColumnSet core, std::span<const std::size_t> fields,
                                                                   const RowBits* wanted) const {
  if (arrays_) {
    auto columns = plan_.columns().read_columns(zone_, core, fields, wanted != nullptr ? wanted->words() : RowWords());
    if (columns || columns.code() != Errc::unsupported || !fields.empty())
      return columns;
  }
  auto rows = plan_.segment().read_zone(zone_, core);
  if (!rows)
    return std::move(rows).error();
  return RowColumns::make(*std::move(rows), core, plan_.types());
}

/// Arrays of another length than asked for would be read beyond their end, so that is looked at before any is used.
Status ZoneValues::take(const ZoneColumns& columns, ColumnSet core, std::span<const std::size_t> slots) {
  bool fits = true;
  const auto put = [&](ColumnBit bit, auto& to, const auto& from) {
    if ((core & bit) == 0)
      return;
    to = from;
    fits = fits && from.size() == rows_;
  };
  put(column_sequence, sequences_, columns.sequences());
  put(column_position, positions_, columns.positions());
  put(column_recorded_at, recorded_at_, columns.recorded_at());
  put(column_timestamp, timestamps_, columns.timestamps());
  put(column_type, types_, columns.types());
  put(column_context, contexts_, columns.contexts());
  if ((core & column_context) != 0)
    context_texts_ = columns.context_texts();
  fits = fits && columns.fields().size() == slots.size();
  for (std::size_t i = 0; fits && i < slots.size(); ++i) {
    const FieldColumn& field = columns.fields()[i];
    slots_[slots[i]].column = field;
    slots_[slots[i]].read = true;
    count(slots_[slots[i]]);
    const bool integers = field.type == FieldForm::int64 || field.type == FieldForm::boolean;
    fits = fits && field.type != FieldForm::mixed && (field.presence.empty() || field.presence.size() == rows_) &&
           (!integers || field.integers.size() == rows_) &&
           (field.type != FieldForm::float64 || field.reals.size() == rows_) &&
           (field.type != FieldForm::string || field.codes.size() == rows_);
  }
  if (!fits)
    return fail(Errc::corruption, format("the columns of zone {} do not fit its {} rows", zone_, rows_),
                place_of(plan_.segment()));
  core_read_ |= core;
  return {};
}

std::uint64_t ZoneValues::number(ColumnBit column, std::size_t row) const noexcept {
  if (column == column_position)
    return positions_[row];
  return static_cast<std::uint64_t>(column == column_timestamp ? timestamps_[row] : recorded_at_[row]);
}

std::span<const std::int64_t> ZoneValues::times(std::size_t slot) const noexcept {
  switch (slots_[slot].kind) {
  case Kind::timestamp: return timestamps_;
  case Kind::recorded_at: return recorded_at_;
  default: return {};
  }
}

ZoneValues::Codes ZoneValues::codes(std::size_t slot) const noexcept {
  switch (slots_[slot].kind) {
  case Kind::type: return {types_, plan_.types().size(), {}};
  case Kind::context: return {contexts_, context_texts_.size(), {}};
  case Kind::field: {
    const FieldColumn& column = slots_[slot].column;
    if (column.type == FieldForm::string)
      return {column.codes, column.texts.size(), column.presence};
    return {};
  }
  default: return {};
  }
}

ValueView ZoneValues::field_value(const FieldColumn& column, std::size_t row) noexcept {
  if (column.type == FieldForm::none && column.presence.empty())
    return ValueView::absent();
  if (!column.presence.empty() && column.presence[row] != Presence::value)
    return column.presence[row] == Presence::null ? ValueView{} : ValueView::absent();
  switch (column.type) {
  case FieldForm::boolean: return ValueView::of_boolean(column.integers[row] != 0);
  case FieldForm::int64: return ValueView::of_integer(column.integers[row]);
  case FieldForm::float64: return ValueView::of_real(column.reals[row]);
  case FieldForm::string: return ValueView::of(column.texts[column.codes[row]]);
  case FieldForm::none:
  case FieldForm::mixed: break;
  }
  return ValueView::absent();
}

ValueView ZoneValues::value(std::size_t slot, std::size_t row) const noexcept {
  const auto time = [](std::int64_t us) { return ValueView::of(time_of(us)); };
  switch (slots_[slot].kind) {
  case Kind::context: return ValueView::of(context_texts_[contexts_[row]]);
  case Kind::type: return ValueView::of(type_text(types_[row]));
  case Kind::sequence: return ValueView::of(sequences_[row]);
  case Kind::position: return ValueView::of(positions_[row]);
  case Kind::recorded_at: return time(recorded_at_[row]);
  case Kind::timestamp: return time(timestamps_[row]);
  case Kind::field: return field_value(slots_[slot].column, row);
  case Kind::document: break;
  }
  return ValueView::absent();
}

} // namespace weir::query

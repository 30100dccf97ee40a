#include "tests/engine/query/fake_shard.hpp"

#include "tests/support/calls.hpp"
#include "tests/support/memory_segment.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <tuple>

namespace weir::test {
namespace {

class FakeRows final : public ZoneRows {
public:
  /// Texts are there of the first `texts` rows that are wanted; 0: of all.
  FakeRows(std::span<const StoredEvent> events, ColumnSet columns, RowWords wanted, std::size_t texts)
      : events_(events), columns_(columns), texts_end_(static_cast<std::uint32_t>(events.size())),
        wanted_(wanted.begin(), wanted.end()) {
    for (std::uint32_t row = 0; texts != 0 && !wanted_.empty() && row < events.size(); ++row)
      if (is_wanted(row) && --texts == 0)
        texts_end_ = row + 1;
  }
  [[nodiscard]] std::uint32_t texts_end() const noexcept override { return texts_end_; }
  [[nodiscard]] std::uint32_t rows() const noexcept override { return static_cast<std::uint32_t>(events_.size()); }
  [[nodiscard]] EventView row(std::uint32_t i) const override {
    const EventView all = events_[i].view();
    const auto has = [this](ColumnBit bit) { return (columns_ & bit) != 0; };
    EventView some;
    some.context_id = has(column_context) ? all.context_id : "";
    some.sequence = has(column_sequence) ? all.sequence : 0;
    some.position = has(column_position) ? all.position : 0;
    some.recorded_at = has(column_recorded_at) ? all.recorded_at : Timestamp{};
    some.timestamp = has(column_timestamp) ? all.timestamp : Timestamp{};
    some.event_type = has(column_type) ? all.event_type : "";
    if (!wanted_.empty() && (!is_wanted(i) || i >= texts_end_))
      return some;
    some.event_id = has(column_event_id) ? all.event_id : "";
    some.metadata = has(column_metadata) ? all.metadata : "";
    some.payload = has(column_payload) ? all.payload : "";
    return some;
  }

private:
  [[nodiscard]] bool is_wanted(std::uint32_t row) const { return (wanted_[row / 64] >> row % 64 & 1U) != 0; }

  std::span<const StoredEvent> events_;
  ColumnSet columns_;
  std::uint32_t texts_end_;
  std::vector<std::uint64_t> wanted_;
};

std::int64_t micros(Timestamp time) {
  return time.time_since_epoch().count();
}

class FakeColumns final : public ZoneColumns {
public:
  FakeColumns(std::span<const StoredEvent> events, const std::vector<std::string>& types, ColumnSet core,
              const std::vector<const FakeField*>& fields, RowWords wanted) {
    rows_ = static_cast<std::uint32_t>(events.size());
    for (const StoredEvent& event : events)
      add(event, types);
    // What was not wanted must not be looked at.
    const auto spoil = [&](auto& values, auto with) {
      for (std::size_t row = 0; !wanted.empty() && row < values.size(); ++row)
        if ((wanted[row / 64] >> (row % 64) & 1U) == 0)
          values[row] = with;
    };
    constexpr std::uint32_t no_code = 1'000'000'000;
    spoil(position_values_, Position{12'345});
    spoil(recorded_at_values_, std::int64_t{-77});
    spoil(timestamp_values_, std::int64_t{-77});
    spoil(type_values_, no_code);
    const auto has = [core](ColumnBit bit) { return (core & bit) != 0; };
    if (has(column_sequence))
      sequences_ = sequence_values_;
    if (has(column_position))
      positions_ = position_values_;
    if (has(column_recorded_at))
      recorded_at_ = recorded_at_values_;
    if (has(column_timestamp))
      timestamps_ = timestamp_values_;
    if (has(column_type))
      types_ = type_values_;
    if (has(column_context)) {
      contexts_ = context_values_;
      context_texts_ = context_text_values_;
    }
    field_texts_.reserve(fields.size());
    for (const FakeField* field : fields) {
      FakeField& copy = copies_.emplace_back(*field);
      spoil(copy.presence, Presence::value);
      spoil(copy.integers, std::int64_t{-1});
      spoil(copy.reals, std::numeric_limits<double>::infinity());
      spoil(copy.codes, no_code);
      const std::vector<std::string_view>& texts = field_texts_.emplace_back(field->texts.begin(), field->texts.end());
      fields_.push_back({copy.meta.type, copy.presence, copy.integers, copy.reals, copy.codes, texts});
    }
  }

private:
  void add(const StoredEvent& event, const std::vector<std::string>& types) {
    sequence_values_.push_back(event.sequence);
    position_values_.push_back(event.position);
    recorded_at_values_.push_back(micros(event.recorded_at));
    timestamp_values_.push_back(micros(event.timestamp));
    const auto type = std::find(types.begin(), types.end(), event.event_type);
    type_values_.push_back(static_cast<std::uint32_t>(type - types.begin()));
    if (context_text_values_.empty() || context_text_values_.back() != event.context_id)
      context_text_values_.push_back(event.context_id);
    context_values_.push_back(static_cast<std::uint32_t>(context_text_values_.size() - 1));
  }

  std::vector<std::uint64_t> sequence_values_, position_values_;
  std::vector<std::int64_t> recorded_at_values_, timestamp_values_;
  std::vector<std::uint32_t> type_values_, context_values_;
  std::vector<std::string_view> context_text_values_;
  std::vector<std::vector<std::string_view>> field_texts_;
  std::deque<FakeField> copies_;
};

/// The type that a value makes a zone's column; the widest if it can be none.
FieldForm type_of(const json::Scalar& value) {
  switch (value.index()) {
  case 2: return FieldForm::boolean;
  case 3: return FieldForm::int64;
  case 5: return FieldForm::float64;
  case 6: return FieldForm::string;
  default: return FieldForm::mixed;
  }
}

void add_value(FakeField& field, const json::Scalar& value) {
  field.presence.push_back(Presence::value);
  ++field.meta.values;
  FieldZone& meta = field.meta;
  const bool first = meta.values == 1;
  const auto widen_to = [first](auto& low, auto& high, auto v) {
    low = first ? v : std::min(low, v);
    high = first ? v : std::max(high, v);
  };
  if (const auto* text = std::get_if<std::string>(&value)) {
    auto found = std::find(field.texts.begin(), field.texts.end(), *text);
    field.codes.push_back(static_cast<std::uint32_t>(found - field.texts.begin()));
    if (found == field.texts.end())
      field.texts.push_back(*text);
    meta.distinct = static_cast<std::uint32_t>(field.texts.size());
  } else if (const auto* real = std::get_if<double>(&value)) {
    field.reals.push_back(*real);
    widen_to(meta.real_min, meta.real_max, *real);
  } else {
    const auto* flag = std::get_if<bool>(&value);
    field.integers.push_back(flag != nullptr ? (*flag ? 1 : 0) : std::get<std::int64_t>(value));
    widen_to(meta.integer_min, meta.integer_max, field.integers.back());
  }
}

void add_nothing(FakeField& field, FieldForm type, Presence presence) {
  field.presence.push_back(presence);
  field.meta.nulls += presence == Presence::null ? 1 : 0;
  if (type == FieldForm::string)
    field.codes.push_back(0);
  else if (type == FieldForm::float64)
    field.reals.push_back(0);
  else if (type != FieldForm::none)
    field.integers.push_back(0);
}

bool lies_in(std::span<const NumberRange> ranges, std::uint64_t number) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [number](const NumberRange& range) { return number >= range.low && number <= range.high; });
}

template <class T> void widen(T& low, T& high, T value, bool first) {
  low = first ? value : std::min(low, value);
  high = first ? value : std::max(high, value);
}

} // namespace

FakeField make_field(std::span<const StoredEvent> events, const json::Path& path) {
  std::vector<json::Scalar> values;
  FieldForm type = FieldForm::none;
  for (const StoredEvent& event : events) {
    std::vector<json::Scalar> found;
    if (!json::find_paths(event.payload, std::span(&path, 1), found))
      return {};
    values.push_back(found.front());
    if (values.back().index() < 2)
      continue;
    const FieldForm here = type_of(values.back());
    type = type == FieldForm::none || type == here ? here : FieldForm::mixed;
  }
  FakeField field;
  field.meta.type = type;
  if (type == FieldForm::mixed)
    return field;
  for (const json::Scalar& value : values) {
    if (value.index() < 2)
      add_nothing(field, type, value.index() == 0 ? Presence::absent : Presence::null);
    else
      add_value(field, value);
  }
  if (field.meta.values == events.size())
    field.presence.clear();
  return field;
}

FakeSegment::FakeSegment(std::vector<StoredEvent> events, std::uint32_t zone_rows) : events_(std::move(events)) {
  std::sort(events_.begin(), events_.end(), [](const StoredEvent& a, const StoredEvent& b) {
    return std::tie(a.context_id, a.sequence) < std::tie(b.context_id, b.sequence);
  });
  for (const StoredEvent& event : events_) {
    if (std::find(types_.begin(), types_.end(), event.event_type) == types_.end())
      types_.push_back(event.event_type);
  }
  meta_.event_count = events_.size();
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const StoredEvent& event = events_[i];
    const bool first = i % zone_rows == 0;
    if (first) {
      zones_.emplace_back().first_row = i;
    }
    ZoneMeta& zone = zones_.back();
    ++zone.rows;
    widen(zone.sequence_min, zone.sequence_max, event.sequence, first);
    widen(zone.position_min, zone.position_max, event.position, first);
    widen(zone.recorded_at_min, zone.recorded_at_max, event.recorded_at, first);
    widen(zone.timestamp_min, zone.timestamp_max, event.timestamp, first);
    widen(meta_.position_min, meta_.position_max, event.position, i == 0);
    widen(meta_.recorded_at_min, meta_.recorded_at_max, event.recorded_at, i == 0);
    widen(meta_.timestamp_min, meta_.timestamp_max, event.timestamp, i == 0);
  }
  count_types();
}

void FakeSegment::count_types() {
  for (ZoneMeta& zone : zones_) {
    zone.type_bits.assign(types_.size() / 64 + 1, 0);
    for (std::uint32_t row = 0; row < zone.rows; ++row) {
      const std::string& name = events_[zone.first_row + row].event_type;
      const auto type = static_cast<std::size_t>(std::find(types_.begin(), types_.end(), name) - types_.begin());
      zone.type_bits[type / 64] |= std::uint64_t{1} << (type % 64);
    }
  }
}

void FakeSegment::add_pages() {
  std::vector<StoredEvent> events = events_;
  std::sort(events.begin(), events.end(),
            [](const StoredEvent& a, const StoredEvent& b) { return a.position < b.position; });
  const std::size_t page_rows = zones_.front().rows;
  for (std::size_t first = 0; first < events.size(); first += page_rows)
    std::stable_sort(events.begin() + static_cast<std::ptrdiff_t>(first),
                     events.begin() + static_cast<std::ptrdiff_t>(std::min(first + page_rows, events.size())),
                     [](const StoredEvent& a, const StoredEvent& b) { return a.event_type < b.event_type; });
  for (std::size_t i = 0; i < events.size(); ++i) {
    events[i].context_id = "one"; // nobody asks for it, and the rows stay in this order
    events[i].sequence = i + 1;
  }
  std::vector<json::Path> paths;
  for (const FieldInfo& field : fields_)
    paths.push_back(field.path);
  pages_ = std::make_unique<FakeSegment>(std::move(events), zones_.front().rows, paths);
  pages_->types_ = types_; // the same numbers
  pages_->count_types();
  pages_->marks = marks;
  pages_->are_pages_ = true;
}

Result<std::optional<ContextRange>> FakeSegment::find_context(std::string_view context_id) const {
  std::optional<ContextRange> range;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    if (events_[i].context_id != context_id)
      continue;
    if (!range)
      range = ContextRange{events_[i].sequence, 0, i, 0};
    range->last_sequence = events_[i].sequence;
    ++range->rows;
  }
  return range;
}

Result<bool> FakeSegment::read_context(std::string_view context_id, const SequenceRange& range, const ReadBounds&,
                                       EventBatch& out) const {
  for (const StoredEvent& event : events_) {
    if (event.context_id == context_id && event.sequence >= range.from && event.sequence <= range.to)
      out.add(event.view());
  }
  return false;
}

Result<std::shared_ptr<const PositionRun>>
FakeSegment::read_positions(const PositionRange& range, const ReadBounds& bounds, const WithHelp&) const {
  if (on_read)
    WEIR_TRY(on_read());
  std::vector<EventView> all;
  for (const StoredEvent& event : events_)
    all.push_back(event.view());
  return run_of(std::move(all), nullptr, range, bounds);
}

Result<std::span<const std::string>> FakeSegment::types() const {
  return std::span<const std::string>(types_);
}

Result<std::span<const ZoneMeta>> FakeSegment::zones() const {
  return std::span<const ZoneMeta>(zones_);
}

Result<std::shared_ptr<const ZoneRows>> FakeSegment::read_zone(std::size_t zone, ColumnSet columns,
                                                               RowWords wanted) const {
  reads.push_back({zone, columns});
  if (are_pages_)
    return fail(Errc::unsupported, "pages have no rows");
  if (on_read)
    WEIR_TRY(on_read());
  const auto rows = std::span<const StoredEvent>(events_).subspan(zones_[zone].first_row, zones_[zone].rows);
  return std::shared_ptr<const ZoneRows>(std::make_shared<FakeRows>(rows, columns, wanted, texts_at_once));
}

FakeSegment::FakeSegment(std::vector<StoredEvent> events, std::uint32_t zone_rows,
                         const std::vector<json::Path>& fields)
    : FakeSegment(std::move(events), zone_rows) {
  has_arrays_ = true;
  for (const json::Path& path : fields) {
    fields_.push_back({path});
    std::vector<FakeField>& zones = field_zones_.emplace_back();
    for (const ZoneMeta& zone : zones_)
      zones.push_back(make_field(std::span<const StoredEvent>(events_).subspan(zone.first_row, zone.rows), path));
    std::vector<FieldZone>& metas = field_meta_.emplace_back();
    for (FakeField& field : zones) {
      if (!field.texts.empty()) {
        constexpr std::size_t kept_bytes_max = 32;
        const auto [low, high] = std::minmax_element(field.texts.begin(), field.texts.end());
        field.meta.text_min = std::string_view(*low).substr(0, kept_bytes_max);
        field.meta.text_max = std::string_view(*high).substr(0, kept_bytes_max);
        field.meta.text_max_open = high->size() > kept_bytes_max;
      }
      metas.push_back(field.meta);
    }
  }
}

Result<std::span<const FieldInfo>> FakeSegment::fields() const {
  return std::span<const FieldInfo>(fields_);
}

Result<std::span<const FieldZone>> FakeSegment::field_zones(std::size_t field) const {
  return std::span<const FieldZone>(field_meta_[field]);
}

Result<bool> FakeSegment::may_hold(std::size_t zone, std::size_t field, std::string_view text) const {
  const std::vector<std::string>& texts = field_zones_[field][zone].texts;
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

Result<std::shared_ptr<const ZoneColumns>> FakeSegment::read_columns(std::size_t zone, ColumnSet core,
                                                                     std::span<const std::size_t> fields,
                                                                     RowWords wanted_rows) const {
  if (!has_arrays_)
    return fail(Errc::unsupported, "no arrays here");
  if (are_pages_ && (core & ~ColumnSet{column_timestamp | column_type}) != 0)
    return fail(Errc::invalid_argument, "pages have no such column");
  column_reads.push_back({zone, core, {fields.begin(), fields.end()}});
  if (on_read)
    WEIR_TRY(on_read());
  const auto rows = std::span<const StoredEvent>(events_).subspan(zones_[zone].first_row, zones_[zone].rows);
  std::vector<const FakeField*> wanted;
  for (const std::size_t field : fields)
    wanted.push_back(&field_zones_[field][zone]);
  return std::shared_ptr<const ZoneColumns>(std::make_shared<FakeColumns>(rows, types_, core, wanted, wanted_rows));
}

std::optional<std::uint64_t> FakeSegment::number(const StoredEvent& event, ColumnBit column) const {
  switch (column) {
  case column_position: return event.position;
  case column_recorded_at: return static_cast<std::uint64_t>(micros(event.recorded_at));
  case column_timestamp: return static_cast<std::uint64_t>(micros(event.timestamp));
  case column_type:
    return static_cast<std::uint64_t>(std::find(types_.begin(), types_.end(), event.event_type) - types_.begin());
  default: return std::nullopt;
  }
}

Result<bool> FakeSegment::mark_rows(std::size_t zone, ColumnBit column, std::span<const NumberRange> ranges,
                                    RowWords rows, std::span<std::uint64_t> out) const {
  if (are_pages_ && column != column_timestamp && column != column_type)
    return fail(Errc::invalid_argument, "pages have no such column");
  if (!marks)
    return false;
  ++marks_made;
  for (std::uint32_t row = 0; row < zones_[zone].rows; ++row) {
    if ((rows[row / 64] >> (row % 64) & 1U) == 0)
      continue;
    const auto value = number(events_[zones_[zone].first_row + row], column);
    if (!value)
      return false;
    if (lies_in(ranges, *value))
      out[row / 64] |= std::uint64_t{1} << (row % 64);
  }
  return true;
}

Result<bool> FakeSegment::count_types(std::size_t zone, RowWords rows, std::span<std::uint64_t> counts) const {
  if (!marks)
    return false;
  ++marks_made;
  for (std::uint32_t row = 0; row < zones_[zone].rows; ++row)
    if ((rows[row / 64] >> (row % 64) & 1U) != 0)
      ++counts[static_cast<std::size_t>(*number(events_[zones_[zone].first_row + row], column_type))];
  return true;
}

Result<bool> FakeSegment::mark_field(std::size_t zone, std::size_t field, const FieldRanges& ranges, RowWords rows,
                                     const FieldMarks& out) const {
  const FakeField& column = field_zones_[field][zone];
  const FieldForm form = column.meta.type;
  const auto* const integers = std::get_if<std::span<const ValueRange<std::int64_t>>>(&ranges);
  const auto* const reals = std::get_if<std::span<const ValueRange<double>>>(&ranges);
  const bool fits =
      integers != nullptr ? form == FieldForm::int64 || form == FieldForm::boolean : form == FieldForm::float64;
  if (!marks || !fits)
    return false;
  ++marks_made;
  const auto lies_inside = [](const auto& of, auto value) {
    return std::any_of(of.begin(), of.end(),
                       [value](const auto& range) { return value >= range.low && value <= range.high; });
  };
  for (std::uint32_t row = 0; row < zones_[zone].rows; ++row) {
    const std::uint64_t bit = rows[row / 64] & std::uint64_t{1} << (row % 64);
    const Presence presence = column.presence.empty() ? Presence::value : column.presence[row];
    out.nulls[row / 64] |= presence == Presence::null ? bit : 0;
    if (presence != Presence::value)
      continue;
    out.values[row / 64] |= bit;
    if (integers != nullptr ? lies_inside(*integers, column.integers[row]) : lies_inside(*reals, column.reals[row]))
      out.inside[row / 64] |= bit;
  }
  return true;
}

Result<std::optional<SelectedRows>> FakeSegment::select_rows(std::span<const CoreCondition> conditions,
                                                             const MayGoOn& may_go_on) const {
  WEIR_TRY(may_go_on());
  if (!selects)
    return std::optional<SelectedRows>();
  SelectedRows selected;
  selected.rows.resize((events_.size() + 63) / 64);
  selected.unsure.resize(unsure_of_each != 0 ? selected.rows.size() : 0);
  for (std::size_t row = 0; row < events_.size(); ++row) {
    const bool meets = std::all_of(conditions.begin(), conditions.end(), [&](const CoreCondition& condition) {
      return lies_in(condition.ranges, number(events_[row], condition.column).value());
    });
    const bool unsure = unsure_of_each != 0 && row % unsure_of_each == 0;
    const std::uint64_t bit = std::uint64_t{1} << (row % 64);
    if (meets || unsure)
      selected.rows[row / 64] |= bit;
    if (unsure)
      selected.unsure[row / 64] |= bit;
  }
  return std::optional(std::move(selected));
}

MemtableView make_memtable(const std::vector<StoredEvent>& events) {
  auto memtable = std::make_shared<Memtable>(7);
  std::uint64_t record = 1;
  for (const StoredEvent& event : events) {
    Event stored;
    stored.event_type = event.event_type;
    stored.event_id = event.event_id;
    stored.metadata = event.metadata;
    stored.payload = event.payload;
    stored.timestamp = event.timestamp;
    const CallNumbers numbers{event.sequence, event.position, event.recorded_at};
    const auto bytes =
        std::make_shared<std::string>(encoded_call(event.context_id, std::span<const Event>(&stored, 1), numbers));
    const std::string_view call = *bytes;
    memtable->apply(bytes, std::span<const std::string_view>(&call, 1), record++, bytes->size());
  }
  memtable->publish();
  return MemtableView(std::move(memtable));
}

ShardView make_view(std::vector<std::shared_ptr<FakeSegment>> segments, std::vector<MemtableView> memtables) {
  ShardView view;
  view.segments = std::make_shared<const SegmentList>(segments.begin(), segments.end());
  view.memtables = std::move(memtables);
  return view;
}

} // namespace weir::test

#include "tests/engine/query/fake_shard.hpp"

#include "tests/support/calls.hpp"
#include "tests/support/memory_segment.hpp"

#include <algorithm>
#include <tuple>

namespace weir::test {
namespace {

class FakeRows final : public ZoneRows {
public:
  FakeRows(std::span<const StoredEvent> events, ColumnSet columns) : events_(events), columns_(columns) {}
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
    some.event_id = has(column_event_id) ? all.event_id : "";
    some.metadata = has(column_metadata) ? all.metadata : "";
    some.payload = has(column_payload) ? all.payload : "";
    return some;
  }

private:
  std::span<const StoredEvent> events_;
  ColumnSet columns_;
};

template <class T> void widen(T& low, T& high, T value, bool first) {
  low = first ? value : std::min(low, value);
  high = first ? value : std::max(high, value);
}

} // namespace

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
      zones_.back().type_bits.resize(types_.size() / 64 + 1);
    }
    ZoneMeta& zone = zones_.back();
    ++zone.rows;
    const auto type =
        static_cast<std::size_t>(std::find(types_.begin(), types_.end(), event.event_type) - types_.begin());
    zone.type_bits[type / 64] |= std::uint64_t{1} << (type % 64);
    widen(zone.sequence_min, zone.sequence_max, event.sequence, first);
    widen(zone.position_min, zone.position_max, event.position, first);
    widen(zone.recorded_at_min, zone.recorded_at_max, event.recorded_at, first);
    widen(zone.timestamp_min, zone.timestamp_max, event.timestamp, first);
    widen(meta_.position_min, meta_.position_max, event.position, i == 0);
    widen(meta_.recorded_at_min, meta_.recorded_at_max, event.recorded_at, i == 0);
    widen(meta_.timestamp_min, meta_.timestamp_max, event.timestamp, i == 0);
  }
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

Result<std::shared_ptr<const ZoneRows>> FakeSegment::read_zone(std::size_t zone, ColumnSet columns) const {
  reads.push_back({zone, columns});
  if (on_read)
    WEIR_TRY(on_read());
  const auto rows = std::span<const StoredEvent>(events_).subspan(zones_[zone].first_row, zones_[zone].rows);
  return std::shared_ptr<const ZoneRows>(std::make_shared<FakeRows>(rows, columns));
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

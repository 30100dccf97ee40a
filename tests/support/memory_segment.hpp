// A segment that is no file: a sorted copy of events behind the interface readers know.
#pragma once

#include "engine/ports.hpp"

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::test {

/// An event that owns its fields.
struct OwnedEvent {
  explicit OwnedEvent(const EventView& event)
      : context_id(event.context_id), event_type(event.event_type), event_id(event.event_id), metadata(event.metadata),
        payload(event.payload), sequence(event.sequence), position(event.position), recorded_at(event.recorded_at),
        timestamp(event.timestamp) {}

  [[nodiscard]] EventView view() const {
    return {context_id, sequence, position, recorded_at, timestamp, event_type, event_id, metadata, payload};
  }
  friend bool operator==(const OwnedEvent&, const OwnedEvent&) = default;

  std::string context_id, event_type, event_id, metadata, payload;
  Sequence sequence;
  Position position;
  Timestamp recorded_at, timestamp;
};

/// What read_positions() answers for a segment that holds `events`, which `owner` keeps alive.
[[nodiscard]] inline std::shared_ptr<const PositionRun> run_of(std::vector<EventView> events,
                                                               std::shared_ptr<const void> owner,
                                                               const PositionRange& range, const ReadBounds& bounds) {
  const auto outside = [&](const EventView& event) {
    return event.position < range.from || event.position >= range.to;
  };
  events.erase(std::remove_if(events.begin(), events.end(), outside), events.end());
  std::sort(events.begin(), events.end(),
            [](const EventView& a, const EventView& b) { return a.position < b.position; });
  if (range.backward)
    std::reverse(events.begin(), events.end());
  std::size_t bytes = 0, count = 0;
  while (count < events.size() && count < bounds.events_max && (count == 0 || bytes < bounds.bytes_max))
    bytes += sizeof(EventView) + events[count++].payload.size();
  events.resize(count);
  if (range.backward)
    std::reverse(events.begin(), events.end());
  auto rows = std::make_shared<const std::vector<EventView>>(std::move(events));
  std::vector<const EventView*> chunks;
  for (std::size_t i = 0; i < count; i += PositionRun::chunk_events)
    chunks.push_back(rows->data() + i);
  return std::make_shared<const PositionRun>(std::move(chunks), count,
                                             std::vector<std::shared_ptr<const void>>{rows, std::move(owner)}, bytes);
}

/// Only what reading one context needs; zones are for tests of real segments. Immutable but for `fail_with`.
class MemorySegment final : public SegmentReader {
public:
  explicit MemorySegment(SortedEvents& events) {
    EventView event;
    while (events.next(event))
      add(event);
    ContextMark mark;
    for (std::string_view context_id; events.next_mark(context_id, mark);)
      marks_.emplace(context_id, mark);
  }
  explicit MemorySegment(std::span<const EventView> events) {
    for (const EventView& event : events)
      add(event);
  }

  /// From now on every read answers this. Set before readers run.
  std::optional<Error> fail_with;

  [[nodiscard]] const SegmentMeta& meta() const noexcept override { return meta_; }
  Result<std::optional<ContextRange>> find_context(std::string_view context_id) const override {
    if (fail_with)
      return *fail_with;
    const auto found = rows_->find(context_id);
    if (found == rows_->end())
      return std::optional<ContextRange>{};
    return std::optional(
        ContextRange{found->second.front().sequence, found->second.back().sequence, 0, found->second.size()});
  }
  Result<bool> read_context(std::string_view context_id, const SequenceRange& range, const ReadBounds& bounds,
                            EventBatch& out) const override {
    if (fail_with)
      return *fail_with;
    const auto found = rows_->find(context_id);
    if (found == rows_->end())
      return false;
    std::vector<const OwnedEvent*> wanted;
    for (const OwnedEvent& event : found->second)
      if (event.sequence >= range.from && event.sequence <= range.to)
        wanted.push_back(&event);
    if (range.backward)
      std::reverse(wanted.begin(), wanted.end());
    for (const OwnedEvent* event : wanted) {
      if (out.size() >= bounds.events_max || (!out.empty() && out.bytes() >= bounds.bytes_max))
        return true;
      out.pin(rows_);
      out.add(event->view());
    }
    return false;
  }
  Status find_event_ids(std::string_view context_id, std::span<const std::string_view> event_ids,
                        std::span<FoundId> ids) const override {
    if (fail_with)
      return *fail_with;
    const auto found = rows_->find(context_id);
    if (found == rows_->end())
      return {};
    for (std::size_t i = 0; i < event_ids.size(); ++i)
      for (const OwnedEvent& event : found->second)
        if (ids[i].sequence == 0 && event.event_id == event_ids[i])
          ids[i].sequence = event.sequence;
    return {};
  }
  [[nodiscard]] bool excludes_event_id(std::string_view context_id, std::string_view event_id) const override {
    const auto found = rows_->find(context_id);
    return found == rows_->end() || std::none_of(found->second.begin(), found->second.end(),
                                                 [&](const OwnedEvent& event) { return event.event_id == event_id; });
  }
  Result<std::shared_ptr<const PositionRun>> read_positions(const PositionRange& range, const ReadBounds& bounds,
                                                            const WithHelp&) const override {
    if (fail_with)
      return *fail_with;
    std::vector<EventView> all;
    for (const auto& [context, events] : *rows_)
      for (const OwnedEvent& event : events)
        all.push_back(event.view());
    return run_of(std::move(all), rows_, range, bounds);
  }
  Result<bool> has_marks() const override { return !marks_.empty(); }
  Result<std::optional<ContextMark>> find_mark(std::string_view context_id) const override {
    if (fail_with)
      return *fail_with;
    const auto found = marks_.find(context_id);
    return found == marks_.end() ? std::optional<ContextMark>() : std::optional(found->second);
  }
  Result<std::span<const std::string>> types() const override { return fail(Errc::unsupported, "no columns here"); }
  Result<std::span<const ZoneMeta>> zones() const override { return fail(Errc::unsupported, "no columns here"); }
  Result<std::shared_ptr<const ZoneRows>> read_zone(std::size_t, ColumnSet, RowWords) const override {
    return fail(Errc::unsupported, "no columns here");
  }
  Status verify() const override { return {}; }

private:
  using Rows = std::map<std::string, std::vector<OwnedEvent>, std::less<>>;

  void add(const EventView& event) {
    (*rows_)[std::string(event.context_id)].emplace_back(event);
    meta_.position_min = meta_.event_count == 0 ? event.position : std::min(meta_.position_min, event.position);
    meta_.position_max = std::max(meta_.position_max, event.position);
    ++meta_.event_count;
    meta_.position_max = std::max(meta_.position_max, event.position);
    meta_.recorded_at_max = std::max(meta_.recorded_at_max, event.recorded_at);
  }

  std::shared_ptr<Rows> rows_ = std::make_shared<Rows>();
  std::map<std::string, ContextMark, std::less<>> marks_;
  SegmentMeta meta_;
};

} // namespace weir::test

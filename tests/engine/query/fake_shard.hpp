// Shards made of plain vectors: segments that remember what was read of them, and real memtables.
#pragma once

#include <weir/event.hpp>

#include "engine/shard_view.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir::test {

struct StoredEvent {
  std::string context_id;
  Sequence sequence = 0;
  Position position = 0;
  Timestamp recorded_at{};
  Timestamp timestamp{};
  std::string event_type;
  std::string event_id;
  std::string metadata;
  std::string payload;

  [[nodiscard]] EventView view() const {
    return {context_id, sequence, position, recorded_at, timestamp, event_type, event_id, metadata, payload};
  }
};

/// A segment that hands out only the columns asked for, so that a column read too late shows.
class FakeSegment final : public SegmentReader {
public:
  FakeSegment(std::vector<StoredEvent> events, std::uint32_t zone_rows);

  [[nodiscard]] const SegmentMeta& meta() const noexcept override { return meta_; }
  Result<std::optional<ContextRange>> find_context(std::string_view context_id) const override;
  Result<bool> read_context(std::string_view context_id, const SequenceRange& range, const ReadBounds& bounds,
                            EventBatch& out) const override;
  Status find_event_ids(std::string_view, std::span<const std::string_view>, std::span<FoundId>) const override {
    return fail(Errc::unsupported, "no event ids here");
  }
  [[nodiscard]] bool excludes_event_id(std::string_view, std::string_view) const override { return false; }
  Result<std::shared_ptr<const PositionRun>> read_positions(const PositionRange& range, const ReadBounds& bounds,
                                                            const WithHelp&) const override;
  Result<std::span<const std::string>> types() const override;
  Result<std::span<const ZoneMeta>> zones() const override;
  Result<std::shared_ptr<const ZoneRows>> read_zone(std::size_t zone, ColumnSet columns) const override;
  Status verify() const override { return {}; }

  /// Lies about the highest position.
  void promise_up_to(Position position) { meta_.position_max = position; }

  struct Read {
    std::size_t zone = 0;
    ColumnSet columns = 0;
    friend bool operator==(const Read&, const Read&) = default;
  };
  mutable std::vector<Read> reads;
  /// Called before each read of a zone; what it returns, if an error, is what the read returns.
  std::function<Status()> on_read;

private:
  std::vector<StoredEvent> events_;
  std::vector<std::string> types_;
  std::vector<ZoneMeta> zones_;
  SegmentMeta meta_;
};

/// A memtable holding `events`, which are in position order, each stored by a call of its own.
MemtableView make_memtable(const std::vector<StoredEvent>& events);

/// A view over `segments` (oldest first) and `memtables`.
ShardView make_view(std::vector<std::shared_ptr<FakeSegment>> segments, std::vector<MemtableView> memtables = {});

} // namespace weir::test

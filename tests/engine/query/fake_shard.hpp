// Shards made of plain vectors: segments that remember what was read of them, and real memtables.
#pragma once

#include <weir/event.hpp>

#include "engine/json/json.hpp"
#include "engine/shard_view.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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

/// An event recorded at its time, without id and metadata.
inline StoredEvent stored_event(std::string context_id, Sequence sequence, Position position, Timestamp time,
                                std::string event_type, std::string payload) {
  return {std::move(context_id), sequence, position, time, time, std::move(event_type), {}, {}, std::move(payload)};
}

/// A payload field in one zone, with the arrays of its column.
struct FakeField {
  FieldZone meta;
  std::vector<Presence> presence;
  std::vector<std::int64_t> integers;
  std::vector<double> reals;
  std::vector<std::uint32_t> codes;
  std::vector<std::string> texts;
};
/// What `path` is in the payloads of `events`, as a segment would keep it.
FakeField make_field(std::span<const StoredEvent> events, const json::Path& path);

/// A segment that hands out only the columns asked for, so that a column read too late shows.
class FakeSegment final : public SegmentReader {
public:
  /// Without arrays: whoever wants columns has to do with rows.
  FakeSegment(std::vector<StoredEvent> events, std::uint32_t zone_rows);
  /// With arrays, these payload fields among them.
  FakeSegment(std::vector<StoredEvent> events, std::uint32_t zone_rows, const std::vector<json::Path>& fields);

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
  Result<std::shared_ptr<const ZoneRows>> read_zone(std::size_t zone, ColumnSet columns,
                                                    RowWords wanted = {}) const override;
  Result<std::span<const FieldInfo>> fields() const override;
  Result<std::span<const FieldZone>> field_zones(std::size_t field) const override;
  Result<bool> may_hold(std::size_t zone, std::size_t field, std::string_view text) const override;
  Result<std::shared_ptr<const ZoneColumns>> read_columns(std::size_t zone, ColumnSet core,
                                                          std::span<const std::size_t> fields,
                                                          RowWords wanted = {}) const override;
  Result<bool> mark_rows(std::size_t zone, ColumnBit column, std::span<const NumberRange> ranges, RowWords rows,
                         std::span<std::uint64_t> out) const override;
  Result<bool> count_types(std::size_t zone, RowWords rows, std::span<std::uint64_t> counts) const override;
  Result<bool> mark_field(std::size_t zone, std::size_t field, const FieldRanges& ranges, RowWords rows,
                          const FieldMarks& out) const override;
  Result<std::optional<SelectedRows>> select_rows(std::span<const CoreCondition> conditions,
                                                  const MayGoOn& may_go_on) const override;
  /// What add_pages() made.
  Result<const ColumnReader*> by_position() const override { return pages_.get(); }
  Status verify() const override { return {}; }
  Result<bool> has_marks() const override { return marked; }
  Result<std::optional<ContextMark>> find_mark(std::string_view) const override {
    ++mark_looks;
    return std::optional<ContextMark>();
  }

  /// The same columns once more, in the order of positions, in each zone by type; mark_rows() and mark_field() do there
  /// what they do here.
  void add_pages();
  /// Null: there are none.
  [[nodiscard]] const FakeSegment* pages() const noexcept { return pages_.get(); }

  /// Lies about the highest position.
  void promise_up_to(Position position) { meta_.position_max = position; }

  struct Read {
    std::size_t zone = 0;
    ColumnSet columns = 0;
    friend bool operator==(const Read&, const Read&) = default;
  };
  mutable std::vector<Read> reads;
  struct ColumnRead {
    std::size_t zone = 0;
    ColumnSet core = 0;
    std::vector<std::size_t> fields;
    friend bool operator==(const ColumnRead&, const ColumnRead&) = default;
  };
  mutable std::vector<ColumnRead> column_reads;
  mutable std::size_t marks_made = 0; ///< By mark_rows() and mark_field().
  bool marked = false;                ///< Says so, though it has a mark for nobody.
  mutable std::size_t mark_looks = 0;
  /// mark_rows() and mark_field() do something. Off: whoever wants to know has to read the column.
  bool marks = false;
  /// Of so many wanted rows read_zone() has texts at a time; 0: of all.
  std::size_t texts_at_once = 0;
  /// select_rows() does something.
  bool selects = false;
  /// It is unsure of every row with a number that this divides, whether it meets the conditions or not; 0: of none.
  std::size_t unsure_of_each = 0;
  /// Called before each read of a zone or of its columns; what it returns, if an error, is what the read returns.
  std::function<Status()> on_read;

private:
  void count_types();
  [[nodiscard]] std::optional<std::uint64_t> number(const StoredEvent& event, ColumnBit column) const;

  std::vector<StoredEvent> events_;
  std::vector<std::string> types_;
  std::vector<ZoneMeta> zones_;
  SegmentMeta meta_;
  bool has_arrays_ = false;
  bool are_pages_ = false; ///< There is nothing but timestamps, types and fields.
  std::unique_ptr<FakeSegment> pages_;
  std::vector<FieldInfo> fields_;
  std::vector<std::vector<FakeField>> field_zones_; ///< By field, then zone.
  std::vector<std::vector<FieldZone>> field_meta_;
};

/// A memtable holding `events`, which are in position order, each stored by a call of its own.
MemtableView make_memtable(const std::vector<StoredEvent>& events);

/// A view over `segments` (oldest first) and `memtables`.
ShardView make_view(std::vector<std::shared_ptr<FakeSegment>> segments, std::vector<MemtableView> memtables = {});

} // namespace weir::test

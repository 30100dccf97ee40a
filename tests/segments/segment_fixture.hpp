// Segments on a simulated disk, and the events they are made of.
#pragma once

#include <weir/limits.hpp>

#include "engine/io/memory_file_system.hpp"
#include "engine/ports.hpp"
#include "segments/segment_files.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace weir::segments::test {

/// An event that owns its text.
struct Row {
  std::string context_id;
  Sequence sequence = 0;
  Position position = 0;
  Timestamp recorded_at{};
  Timestamp timestamp{};
  std::string event_type;
  std::string event_id;
  std::string metadata;
  std::string payload;
  std::uint32_t schema_version = 0;

  [[nodiscard]] EventView view() const {
    return {context_id, sequence, position, recorded_at, timestamp,
            event_type, event_id, metadata, payload,     schema_version};
  }
  static Row of(const EventView& event) {
    return {std::string(event.context_id),
            event.sequence,
            event.position,
            event.recorded_at,
            event.timestamp,
            std::string(event.event_type),
            std::string(event.event_id),
            std::string(event.metadata),
            std::string(event.payload),
            event.schema_version};
  }
  friend bool operator==(const Row&, const Row&) = default;
};
using Rows = std::vector<Row>;

/// The rows as a flush hands them over.
class RowSource final : public SortedEvents {
public:
  explicit RowSource(const Rows& rows) : rows_(rows) {}
  bool next(EventView& event) override {
    if (at_ == rows_.size())
      return false;
    event = rows_[at_++].view();
    return true;
  }

private:
  const Rows& rows_;
  std::size_t at_ = 0;
};

/// What random rows are like.
struct RowShape {
  std::size_t contexts = 40;
  std::size_t events_per_context_max = 20;
  std::size_t payload_bytes_max = 300;
  bool ids = true;
  bool metadata = true;
  bool schemas = true;
};

std::string random_text(std::mt19937_64& random, std::size_t size, std::string_view alphabet);
/// Rows as a segment holds them: sorted, sequences dense, positions shuffled over contexts.
Rows random_rows(std::mt19937_64& random, const RowShape& shape);
/// Gives the rows distinct positions in random order, and times that follow them.
void shuffle_positions(std::mt19937_64& random, Rows& rows);

/// A data directory with a cache.
struct SegmentDirectory {
  explicit SegmentDirectory(SegmentOptions with = {.directory_seed = 7, .zone_rows = 64, .filter_bits_per_key = 10},
                            std::uint64_t cache_bytes = 64 * MiB)
      : options(with), cache(cache_bytes), files(*fs, cache, options) {}

  /// The rows as a segment; fails the test if it cannot be written.
  SegmentMeta write(const Rows& rows, std::uint64_t number = 1, ShardId shard = 0);
  std::shared_ptr<const SegmentReader> open(const SegmentMeta& meta);
  std::string content(const SegmentMeta& meta);
  /// Replaces the file by these bytes.
  void overwrite(const SegmentMeta& meta, const std::string& bytes);

  SegmentOptions options;
  std::unique_ptr<io::MemoryFileSystem> fs = std::make_unique<io::MemoryFileSystem>();
  BlockCache cache;
  SegmentFiles files;
};

/// The new segment of a merge, whatever was left out.
[[nodiscard]] inline Result<SegmentMeta> merged_of(const Result<MergedSegment>& merged) {
  return merged ? Result<SegmentMeta>(merged->meta) : Result<SegmentMeta>(merged.error());
}

/// All rows through the zones, with the wanted columns.
Result<Rows> scan(const SegmentReader& reader, ColumnSet columns = columns_all);
/// All rows of a context by steps of `bounds`.
Result<Rows> replay(const SegmentReader& reader, const std::string& context_id, SequenceRange range,
                    const ReadBounds& bounds);
/// What replay() has to answer.
Rows expected_replay(const Rows& rows, const std::string& context_id, const SequenceRange& range);

} // namespace weir::segments::test

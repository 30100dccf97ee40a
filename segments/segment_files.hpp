// The segment files of a data directory: written, opened, swept.
//
// Purpose: SegmentStore over `segments/SSS/N.seg`. What is live is the catalog's business.
// Owner: the engine, one per data directory.
// Threading: thread-safe; two writes of the same shard and number are for one thread at a time.
// Invariants: no file is removed but its own `.tmp` and segments that others have replaced; anything unknown is moved
// to `quarantine/`.
#pragma once

#include "engine/io/file_system.hpp"
#include "engine/ports.hpp"
#include "segments/block_cache.hpp"
#include "segments/metered_file.hpp"
#include "segments/open_files.hpp"
#include "segments/segment_walk.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_set>

namespace weir::segments {

struct SegmentOptions {
  /// Of the data directory: part of every file's identity.
  std::uint64_t directory_seed = 0;
  /// Rows of a zone of new segments, 1-65,536; a large one that was merged has up to four times as many
  /// (see zone_rows_of). 4,096 make a column of a zone about one block.
  std::uint32_t zone_rows = 4'096;
  /// 10 bits give about 1 % false positives.
  std::uint32_t filter_bits_per_key = 10;
  /// Segment files open at a time; the usual limit of a process is 1,024 for everything.
  std::size_t open_files_max = 256;
  /// Told of what merges and reclaimable() read and write; outlives the SegmentFiles. Null: nobody is.
  TransferMeter* merge_meter = nullptr;
};

class SegmentFiles final : public SegmentStore {
public:
  /// `fs` and `cache` must outlive this and every reader it opened. A reader opens its file when it is read.
  SegmentFiles(io::FileSystem& fs, BlockCache& cache, const SegmentOptions& options);

  /// Errors: `invalid_argument` for events out of order or none at all, `disk_full`, `io_error`.
  Result<SegmentMeta> write(ShardId shard, std::uint64_t number, SortedEvents& events) override;
  /// Errors: `corruption` if the file is missing or has another size, `io_error`.
  Result<std::shared_ptr<const SegmentReader>> open(const SegmentMeta& meta) override;
  /// Errors: as SegmentStore; `corruption` for damaged inputs, or if the new file does not hold what the inputs do;
  /// `too_large` if no segment could.
  Result<MergedSegment> merge(std::span<const SegmentMeta> inputs, std::uint64_t number, const MayGoOn& may_go_on,
                              const RemovedEvents& removed) override;
  Result<Reclaimable> reclaimable(const SegmentMeta& segment, const MayGoOn& may_go_on,
                                  const MarkLookup& removed) override;
  Status remove(const SegmentMeta& meta) override;
  /// Errors: `corruption` if a live segment is missing or has another size, and then nothing is touched; `io_error`.
  Status sweep(ShardId shard, std::span<const SegmentMeta> live, std::uint64_t next_segment) override;

private:
  using Check = std::function<Status(const std::string& path, const SegmentMeta& meta)>;
  Status prepare_directory(ShardId shard);
  Result<std::unique_ptr<SegmentWalk>> walk(const std::string& path, const SegmentMeta& meta) const;
  /// As write(), in the place of the segments `replaced`; `check` looks at the synced file before it gets its name.
  Result<SegmentMeta> write_checked(ShardId shard, std::uint64_t number, SortedEvents& events,
                                    std::span<const SegmentMeta> replaced, const Check& check);
  Result<SegmentMeta> write_file(const std::string& path, ShardId shard, std::uint64_t number, SortedEvents& events,
                                 std::span<const SegmentMeta> replaced);
  Status check_size(const SegmentMeta& meta) const;
  [[nodiscard]] std::uint64_t identity_of(ShardId shard, std::uint64_t number) const noexcept;

  io::FileSystem& fs_;
  std::shared_ptr<OpenFiles> open_files_;
  BlockCache& cache_;
  SegmentOptions options_;
  std::mutex directories_mutex_;
  std::unordered_set<ShardId> durable_directories_; ///< Known to be durable since this process made sure.
};

/// Rows of a zone of a segment with so many events and bytes of payload, where others have `zone_rows`. What a query
/// spends on a zone beside its rows weighs less in large zones, and what a replay reads of them for a few rows weighs
/// more: zones grow once there are enough of them for all threads, to four times as many rows at most, unless payloads
/// are large.
[[nodiscard]] std::uint32_t zone_rows_of(std::uint32_t zone_rows, std::uint64_t event_count,
                                         std::uint64_t payload_bytes) noexcept;

/// "segments/003" and "segments/003/0000000000000042.seg".
[[nodiscard]] std::string segment_directory(ShardId shard);
[[nodiscard]] std::string segment_path(ShardId shard, std::uint64_t number);

} // namespace weir::segments

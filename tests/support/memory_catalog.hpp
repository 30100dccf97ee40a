// A catalog without SQLite for engines on a simulated disk: durable at once, and still there when the engine is opened
// again.
#pragma once

#include "engine/ports.hpp"

#include <functional>
#include <memory>
#include <mutex>

namespace weir::test {

/// What is "on the disk". Shared by the catalogs of successive opens; thread-safe.
struct MemoryCatalogDisk {
  std::mutex mutex;
  CatalogState state;                     ///< shard_count 0: not created yet.
  std::function<Status()> before_publish; ///< May fail or hold publish_segment.
};

class MemoryCatalog final : public CatalogStore {
public:
  explicit MemoryCatalog(std::shared_ptr<MemoryCatalogDisk> disk) : disk_(std::move(disk)) {}

  static void create(MemoryCatalogDisk& disk, std::uint32_t shards, std::uint64_t seed) {
    const std::lock_guard lock(disk.mutex);
    disk.state.format_version = 1;
    disk.state.shard_count = shards;
    disk.state.directory_seed = seed;
    for (std::uint32_t i = 0; i < shards; ++i)
      disk.state.shards.push_back({.shard = i});
  }

  Result<CatalogState> load() override {
    const std::lock_guard lock(disk_->mutex);
    return disk_->state;
  }
  Status reserve_positions(Position until) override {
    const std::lock_guard lock(disk_->mutex);
    disk_->state.positions_reserved = until;
    return {};
  }
  Status publish_segment(const SegmentMeta& segment, std::uint64_t wal_cut_record,
                         std::uint64_t wal_first_file) override {
    if (disk_->before_publish)
      WEIR_TRY(disk_->before_publish());
    const std::lock_guard lock(disk_->mutex);
    ShardRecord& shard = disk_->state.shards.at(segment.shard);
    shard.wal_cut_record = wal_cut_record;
    shard.wal_first_file = wal_first_file;
    shard.next_segment = segment.number + 1;
    disk_->state.segments.push_back(segment);
    return {};
  }
  Status close() override { return {}; }

private:
  std::shared_ptr<MemoryCatalogDisk> disk_;
};

} // namespace weir::test

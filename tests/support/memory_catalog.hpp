// A catalog without SQLite for engines on a simulated disk: durable at once, and still there when the engine is opened
// again.
#pragma once

#include "engine/ports.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <tuple>
#include <vector>

namespace weir::test {

/// What is "on the disk". Shared by the catalogs of successive opens; thread-safe.
struct MemoryCatalogDisk {
  std::mutex mutex;
  CatalogState state;                     ///< shard_count 0: not created yet.
  std::function<Status()> before_publish; ///< May fail or hold publish_segment.
  std::function<Status()> before_replace; ///< May fail or hold replace_segments.
  std::function<Status()> before_schema;  ///< May fail or hold add_schema.
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
    // By shard, then in the order of publishing: merged neighbours must be found side by side.
    std::vector<SegmentMeta>& live = disk_->state.segments;
    live.insert(std::find_if(live.begin(), live.end(), [&](const SegmentMeta& s) { return s.shard > segment.shard; }),
                segment);
    return {};
  }
  Status replace_segments(std::span<const SegmentMeta> inputs, const SegmentMeta& merged, const Dropped&) override {
    if (disk_->before_replace)
      WEIR_TRY(disk_->before_replace());
    const std::lock_guard lock(disk_->mutex);
    std::vector<SegmentMeta>& live = disk_->state.segments;
    const auto first = std::search(live.begin(), live.end(), inputs.begin(), inputs.end());
    if (first == live.end())
      return fail(Errc::invalid_argument, "the segments to replace are not live neighbours");
    *first = merged;
    live.erase(first + 1, first + static_cast<std::ptrdiff_t>(inputs.size()));
    ShardRecord& shard = disk_->state.shards.at(merged.shard);
    shard.next_segment = std::max(shard.next_segment, merged.number + 1);
    return {};
  }
  Status add_schema(const SchemaRecord& schema) override {
    if (disk_->before_schema)
      WEIR_TRY(disk_->before_schema());
    const std::lock_guard lock(disk_->mutex);
    std::vector<SchemaRecord>& schemas = disk_->state.schemas;
    const auto behind = std::find_if(schemas.begin(), schemas.end(), [&](const SchemaRecord& other) {
      return std::tie(other.event_type, other.version) > std::tie(schema.event_type, schema.version);
    });
    schemas.insert(behind, schema);
    return {};
  }
  Status add_view(const ViewRecord& view) override {
    const std::lock_guard lock(disk_->mutex);
    std::vector<ViewRecord>& views = disk_->state.views;
    views.insert(std::find_if(views.begin(), views.end(), [&](const ViewRecord& v) { return v.name > view.name; }),
                 view);
    return {};
  }
  Status remove_view(std::string_view name) override {
    const std::lock_guard lock(disk_->mutex);
    std::erase_if(disk_->state.views, [&](const ViewRecord& view) { return view.name == name; });
    return {};
  }
  Status set_retention(const RetentionRecord& retention) override {
    const std::lock_guard lock(disk_->mutex);
    disk_->state.retention = retention;
    return {};
  }
  Status close() override { return {}; }

private:
  std::shared_ptr<MemoryCatalogDisk> disk_;
};

} // namespace weir::test

// Catalogs and the records they are filled with.
#pragma once

#include "engine/io/memory_file_system.hpp"
#include "segments/catalog.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir::test {

inline constexpr std::uint64_t seed = 0xF00D'CAFE'1234'5678u;

inline std::unique_ptr<Catalog> must(Result<std::unique_ptr<Catalog>> catalog) {
  REQUIRE_MESSAGE(catalog.ok(), to_string(catalog.ok() ? Error{} : catalog.error()));
  return std::move(*catalog);
}

inline CatalogState must_load(Catalog& catalog) {
  auto state = catalog.load();
  REQUIRE_MESSAGE(state.ok(), to_string(state.ok() ? Error{} : state.error()));
  return std::move(*state);
}

/// Runs `sql` on the closed catalog `path` of `fs`.
inline void change(io::FileSystem& fs, const char* path, const std::string& sql) {
  auto database = sqlite::Database::open(fs, path, {.exclusive = true}); // such a disk shares no memory
  REQUIRE(database.ok());
  const Status changed = database->execute(sql);
  REQUIRE_MESSAGE(changed.ok(), to_string(changed.ok() ? Error{} : changed.error()));
}

/// What loading says of a catalog that was filled by `fill` and then changed by `sql`; "" if nothing is wrong with it.
inline std::string complaint(const std::function<Status(Catalog&)>& fill, const std::string& sql) {
  constexpr const char* path = "catalog.db";
  io::MemoryFileSystem fs;
  {
    auto catalog = must(Catalog::create(fs, path, 1, seed));
    REQUIRE(fill(*catalog).ok());
    REQUIRE(catalog->close().ok());
  }
  change(fs, path, sql);
  const auto state = must(Catalog::open(fs, path))->load();
  if (state.ok())
    return "";
  CHECK(state.code() == Errc::corruption);
  return state.error().message + " (" + state.error().where + ")";
}

/// A segment that fits right behind `position_min - 1`.
inline SegmentMeta segment(ShardId shard, std::uint64_t number, Position position_min = 1) {
  const Timestamp t{std::chrono::seconds{1'600'000'000}};
  SegmentMeta meta;
  meta.shard = shard;
  meta.number = number;
  meta.file_bytes = 4'096;
  meta.footer_offset = 4'000;
  meta.footer_checksum = 0xFFFF'0000'FFFF'0000u + number; // Does not fit a signed integer.
  meta.event_count = 10;
  meta.context_count = 3;
  meta.payload_bytes = 2'600;
  meta.position_min = position_min;
  meta.position_max = position_min + 9;
  meta.timestamp_min = t - std::chrono::hours{1};
  meta.timestamp_max = t + std::chrono::hours{1};
  meta.recorded_at_min = t;
  meta.recorded_at_max = t + std::chrono::microseconds{1};
  return meta;
}

/// What merging `inputs` (of segment()) gives.
inline SegmentMeta merged(const std::vector<SegmentMeta>& inputs, std::uint64_t number) {
  SegmentMeta meta = inputs.front();
  meta.number = number;
  meta.event_count = meta.payload_bytes = 0;
  for (const SegmentMeta& input : inputs) {
    meta.event_count += input.event_count;
    meta.payload_bytes += input.payload_bytes;
  }
  meta.position_max = inputs.back().position_max;
  return meta;
}

inline bool same(const CatalogState& a, const CatalogState& b) {
  const auto equal = [](const ShardRecord& x, const ShardRecord& y) {
    return x.shard == y.shard && x.wal_first_file == y.wal_first_file && x.wal_cut_record == y.wal_cut_record &&
           x.next_segment == y.next_segment;
  };
  return a.format_version == b.format_version && a.shard_count == b.shard_count &&
         a.directory_seed == b.directory_seed && a.positions_reserved == b.positions_reserved &&
         std::equal(a.shards.begin(), a.shards.end(), b.shards.begin(), b.shards.end(), equal) &&
         a.segments == b.segments && a.schemas == b.schemas && a.retention == b.retention && a.views == b.views;
}

} // namespace weir::test

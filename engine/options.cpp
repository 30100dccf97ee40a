#include <weir/options.hpp>

#include "engine/text.hpp"

namespace weir {

namespace {

Status in_range(std::string_view name, std::uint64_t value, std::uint64_t min, std::uint64_t max) {
  if (value >= min && value <= max)
    return {};
  return fail(Errc::invalid_argument, format("option {} is {}, allowed are {} to {}", name, value, min, max),
              std::string(name));
}

Status in_range(std::string_view name, std::chrono::milliseconds value, std::int64_t min, std::int64_t max) {
  if (value.count() >= min && value.count() <= max)
    return {};
  return fail(Errc::invalid_argument, format("option {} is {} ms, allowed are {} to {}", name, value.count(), min, max),
              std::string(name));
}

} // namespace

Status EngineOptions::validate() const {
  WEIR_TRY(in_range("shards", shards, 0, limits::shards_max));
  if (durability != Durability::buffered && durability != Durability::written && durability != Durability::synced)
    return fail(Errc::invalid_argument,
                format("option durability has the unknown value {}; allowed are buffered, written, synced",
                       static_cast<unsigned>(durability)),
                "durability");
  WEIR_TRY(in_range("sync_interval_ms", sync_interval_ms, 1, 60'000));
  WEIR_TRY(in_range("unsealed_bytes_max", unsealed_bytes_max, 64 * KiB, 64 * 1024 * MiB));
  WEIR_TRY(in_range("wal_file_bytes", wal_file_bytes, 8 * KiB, 1024 * MiB));
  WEIR_TRY(in_range("segment_bytes_max", segment_bytes_max, 0, 4096 * MiB));
  WEIR_TRY(in_range("compaction_bytes_per_second_max", compaction_bytes_per_second_max, 0, 1024 * 1024 * MiB));
  WEIR_TRY(in_range("block_cache_bytes", block_cache_bytes, 0, 1024 * 1024 * MiB));
  WEIR_TRY(in_range("pinned_bytes_max", pinned_bytes_max, 1 * MiB, 1024 * 1024 * MiB));
  WEIR_TRY(in_range("catch_up_bytes", catch_up_bytes, 0, 1024 * 1024 * MiB));
  WEIR_TRY(in_range("context_cache_entries", context_cache_entries, 1, 1'000'000'000));
  WEIR_TRY(in_range("inbox_commands_max", inbox_commands_max, 1, 1'000'000));
  WEIR_TRY(in_range("inbox_bytes_max", inbox_bytes_max, 1, 1024 * MiB));
  WEIR_TRY(in_range("inbox_parked_max", inbox_parked_max, 0, 1'000'000));
  WEIR_TRY(in_range("payload_bytes_max", payload_bytes_max, 2, limits::payload_bytes_max));
  WEIR_TRY(in_range("snapshot_bytes_max", snapshot_bytes_max, 1, limits::snapshot_bytes_max));
  WEIR_TRY(in_range("disk_reserve_bytes", disk_reserve_bytes, 0, 1024 * 1024 * MiB));
  WEIR_TRY(in_range("read_threads", read_threads, 0, 256));
  WEIR_TRY(in_range("query_threads_max", query_threads_max, 0, 256));
  WEIR_TRY(in_range("zone_rows", zone_rows, 16, 65'536));
  WEIR_TRY(in_range("filter_bits_per_key", filter_bits_per_key, 4, 32));
  WEIR_TRY(in_range("query_timeout_ms", query_timeout_ms, 1, 86'400'000));
  WEIR_TRY(in_range("close_timeout_ms", close_timeout_ms, 1, 86'400'000));
  return {};
}

} // namespace weir

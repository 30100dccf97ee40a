#include <weir/limits.hpp>
#include <weir/options.hpp>
#include <weir/replay_options.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace weir {

namespace {

std::string refused(const auto& options) {
  const Status status = options.validate();
  if (status)
    return {};
  CHECK(status.code() == Errc::invalid_argument);
  CHECK(status.error().message.find(status.error().where) != std::string::npos);
  return status.error().where;
}

// min - 1 and max + 1 are refused by name, min and max are fine.
template <class Options, class T>
void check_bounds(T Options::*field, const std::string& name, std::uint64_t min, std::uint64_t max) {
  CAPTURE(name);
  const auto with = [&](std::uint64_t value) {
    Options options;
    options.*field = static_cast<T>(value);
    return refused(options);
  };
  if (min != 0)
    CHECK(with(min - 1) == name);
  CHECK(with(min).empty());
  CHECK(with(max).empty());
  CHECK(with(max + 1) == name);
}

} // namespace

TEST_CASE("options: the defaults are valid") {
  CHECK(EngineOptions{}.validate().ok());
  CHECK(ReplayOptions{}.validate().ok());
}

TEST_CASE("options: every number is refused just outside its range, by name, and taken at its ends") {
  using O = EngineOptions;
  check_bounds(&O::shards, "shards", 0, 64);
  check_bounds(&O::unsealed_bytes_max, "unsealed_bytes_max", 64 * KiB, 64 * 1024 * MiB);
  check_bounds(&O::wal_file_bytes, "wal_file_bytes", 8 * KiB, 1024 * MiB);
  check_bounds(&O::compaction_bytes_per_second_max, "compaction_bytes_per_second_max", 0, 1024 * 1024 * MiB);
  check_bounds(&O::block_cache_bytes, "block_cache_bytes", 0, 1024 * 1024 * MiB);
  check_bounds(&O::pinned_bytes_max, "pinned_bytes_max", 1 * MiB, 1024 * 1024 * MiB);
  check_bounds(&O::context_cache_entries, "context_cache_entries", 1, 1'000'000'000);
  check_bounds(&O::inbox_commands_max, "inbox_commands_max", 1, 1'000'000);
  check_bounds(&O::inbox_bytes_max, "inbox_bytes_max", 1, 1024 * MiB);
  check_bounds(&O::inbox_parked_max, "inbox_parked_max", 0, 1'000'000);
  check_bounds(&O::payload_bytes_max, "payload_bytes_max", 2, limits::payload_bytes_max);
  check_bounds(&O::disk_reserve_bytes, "disk_reserve_bytes", 0, 1024 * 1024 * MiB);
  check_bounds(&O::read_threads, "read_threads", 0, 256);
  check_bounds(&O::query_threads_max, "query_threads_max", 0, 256);
  check_bounds(&O::zone_rows, "zone_rows", 16, 65'536);
  check_bounds(&O::filter_bits_per_key, "filter_bits_per_key", 4, 32);
  check_bounds(&O::sync_interval_ms, "sync_interval_ms", 1, 60'000);
  check_bounds(&O::query_timeout_ms, "query_timeout_ms", 1, 86'400'000);
  check_bounds(&O::close_timeout_ms, "close_timeout_ms", 1, 86'400'000);
  check_bounds(&ReplayOptions::batch_events_max, "batch_events_max", 1, 1'000'000);
  check_bounds(&ReplayOptions::batch_bytes_max, "batch_bytes_max", 1, 1024 * MiB);
}

TEST_CASE("options: times below zero are refused") {
  EngineOptions options;
  options.sync_interval_ms = std::chrono::milliseconds{-1};
  CHECK(refused(options) == "sync_interval_ms");
}

TEST_CASE("options: a durability must be one of the three") {
  EngineOptions options;
  for (const Durability durability : {Durability::buffered, Durability::written, Durability::synced}) {
    options.durability = durability;
    CHECK(refused(options).empty());
  }
  options.durability = static_cast<Durability>(3);
  CHECK(refused(options) == "durability");
}

} // namespace weir

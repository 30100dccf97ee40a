// One shard whose segments are merged: how tests open it, and what they compare.
//
// Threading: one thread.
#pragma once

#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace weir::test {

using Names = std::set<std::string>;
using Content = std::map<std::string, std::vector<StoredEvent>>;
constexpr int contexts = 12; ///< Named "context-0" ...

[[nodiscard]] inline std::string name(int context) {
  return "context-" + std::to_string(context);
}

[[nodiscard]] inline EngineOptions one_shard() {
  EngineOptions options;
  options.shards = 1;
  options.zone_rows = 64;
  options.wal_file_bytes = 64 * KiB; // crash images are copies
  options.disk_reserve_bytes = 1 * MiB;
  return options;
}

[[nodiscard]] inline EngineOptions without_merges(EngineOptions options = one_shard()) {
  options.segment_bytes_max = 0;
  return options;
}

/// Every event of every context; a failed check if one is missing. `truncated`: the first sequence of a context that
/// does not begin at 1.
[[nodiscard]] inline Content content_of(const Engine& engine, const std::map<std::string, Sequence>& truncated = {}) {
  Content content;
  std::uint64_t events = 0;
  for (int context = 0; context < contexts; ++context) {
    const auto first = truncated.find(name(context));
    auto& there = content[name(context)] =
        read_dense(engine, name(context), first == truncated.end() ? 1 : first->second);
    events += there.size();
  }
  CHECK(count_of(engine.query("QUERY * COUNT")) == events);
  return content;
}

/// Names of the files in a directory; none if it is not there.
[[nodiscard]] inline Names files(SimulatedDisk& disk, const std::string& directory = "segments/000") {
  Names names;
  const auto entries = disk.fs().list(directory);
  if (entries.ok())
    for (const io::DirectoryEntry& entry : *entries)
      names.insert(entry.name);
  return names;
}

} // namespace weir::test

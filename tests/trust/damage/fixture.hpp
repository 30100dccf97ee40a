// The data directories that are damaged: built by the engine at run time, so that they follow its formats by
// themselves.
//
// Purpose: one history of stores, flushes and a merge, seen once with the engine running (as kill -9 leaves a
// directory) and once closed. Two shards, several log files, spares, merged and unmerged segments, the catalog with and
// without a journal. A short second one ("fields") has segments with columns of every type and filters of fields. All
// of it is small, for every byte is damaged: the stage reports how many there are (`fixture_bytes`). Owner: the
// stage. Threading: built by one thread, constant afterwards.
#pragma once

#include "engine/ports.hpp"
#include "support/memory_segment.hpp"
#include "trust/damage/image.hpp"

#include <weir/options.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir::trust {

inline constexpr std::uint32_t fixture_shards = 2;

/// What one write left in the log: the calls of one group, or the seal, which has none.
struct LogWrite {
  std::string path;
  ByteRange bytes;
  std::size_t calls_before = 0; ///< Calls of the shard before this write.
};

struct FixtureShard {
  /// Every call, in the order of the log: context and number of events.
  std::vector<std::pair<std::string, std::uint32_t>> calls;
  /// The writes to the last file of the log that has any, in order.
  std::vector<LogWrite> last_writes;
};

/// The directory at an earlier moment.
struct OlderImage {
  Image files;
  std::array<std::size_t, fixture_shards> calls{}; ///< Stored by then, by shard.
};

struct Fixture {
  std::string name; ///< "open", "closed" or "fields"
  EngineOptions options;
  std::shared_ptr<io::MemoryFileSystem> disk;
  Image files; ///< What is on the disk.
  std::vector<OlderImage> older;
  CatalogState catalog;
  std::map<std::string, std::vector<test::OwnedEvent>> events; ///< By context.
  std::map<std::string, ShardId> shard_of;                     ///< Of every context.
  std::array<FixtureShard, fixture_shards> shards;

  [[nodiscard]] std::uint64_t bytes() const;
};

/// All three. Throws std::runtime_error if the engine does not do as it should.
[[nodiscard]] std::vector<Fixture> make_fixtures();

} // namespace weir::trust

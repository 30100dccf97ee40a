// What a shard does with its log, and what it must find there after any crash.
#pragma once

#include "engine/io/memory_file_system.hpp"
#include "engine/io/random.hpp"
#include "tests/wal/log_fixture.hpp"

#include <cstdint>
#include <memory>

namespace weir::wal::test {

/// Lives outside the disk: what was claimed, what was tried, and what the catalog would say.
struct Oracle {
  Records appended;         ///< append() succeeded.
  Records perhaps;          ///< In flight, or failed and not yet abandoned: may be there or not.
  std::uint64_t synced = 0; ///< Claimed durable up to here.
  std::uint64_t cut = 0;
  std::uint64_t first_file = 1;
};

/// Recovers `fs` and fails the test unless it holds all that was synced, nothing that was never written, and no record
/// behind a missing one. Afterwards `oracle` is what was found.
LogEnd check_recovered(io::FileSystem& fs, Oracle& oracle);

/// One life of a shard's log: recovers, then appends, syncs, changes over, flushes and recycles, makes spares, closes.
class Workload {
public:
  Workload(io::FileSystem& fs, Oracle& oracle, std::uint64_t seed);

  /// Stops early where the shard would fail; true if it came to a clean end.
  bool run(int steps);

private:
  bool step();
  bool append();
  bool sync();
  bool seal();
  void flush();
  /// What the shard does when the log refuses a group: saves what came before, leaves the file, goes on.
  bool recover_from_failure();

  Oracle& oracle_;
  const std::uint64_t seed_;
  std::unique_ptr<io::Random> random_;
  Writer writer_;
};

} // namespace weir::wal::test

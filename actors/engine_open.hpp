// From a directory to shards that can run.
//
// Purpose: everything about opening that needs no actor: lock, catalog, sweep, recovery of the logs. Owner: EngineCore,
// or a test that moves the shards on by itself. Threading: one thread. Invariants: on an error nothing has been
// acknowledged, and opening again finds what was there; the shards of the result wait for somebody who listens.
#pragma once

#include "actors/engine_parts.hpp"
#include "engine/io/random.hpp"

#include <weir/options.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace caf {
class actor_system;
}

namespace weir {

/// For a test that is every thread itself: no actor and no job runs unless it says so.
struct Stepped {
  caf::actor_system* actors = nullptr; ///< Where the engine's actors are spawned; outlives it.
  /// Lets something happen that was left to do; called over and over in the place of waiting for it. False: nothing is
  /// left.
  std::function<bool()> go_on;
};

/// Everything the engine takes from outside; tests put simulated parts in.
struct EngineSeams {
  std::unique_ptr<io::FileSystem> fs;
  std::unique_ptr<io::Clock> clock;
  std::unique_ptr<io::Random> random;
  /// Opens the catalog, or creates one with this many shards and this seed where there is none and `create` is set.
  std::function<Result<std::unique_ptr<CatalogStore>>(io::FileSystem&, bool create, std::uint32_t shards,
                                                      std::uint64_t directory_seed)>
      open_catalog;
  std::function<void(std::chrono::nanoseconds)> pause; ///< See ShardLog::Parts; may be empty.
  /// Lets so much time pass for a merge that is held back, in its lane; empty: the lane's thread waits.
  std::function<void(std::chrono::nanoseconds)> pass_time;
  /// Makes an executor with this many read threads; empty: real threads.
  std::function<std::unique_ptr<io::IoExecutor>(std::size_t read_threads)> make_executor;
  std::optional<Stepped> stepped; ///< None: actors have a system of the engine's own, and whoever waits is blocked.
};

/// The operating system's, for the directory at `directory`.
Result<EngineSeams> system_seams(const std::string& directory, const EngineOptions& options);

/// The catalog that the system's seams open: SQLite, wherever `fs` keeps its files.
Result<std::unique_ptr<CatalogStore>> open_sqlite_catalog(io::FileSystem& fs, bool create, std::uint32_t shards,
                                                          std::uint64_t directory_seed);

/// Opens the directory behind `seams` and recovers its shards into `parts`, whose options are set and valid and where
/// nothing else is set yet. The options then say what the directory holds. Nobody is listening to the shards: see
/// ShardLog::listen, ShardParts::wake. Errors: `locked`, `not_found`, `incompatible`, `corruption` (with
/// allow_failed_shards such shards are left without a table instead), `io_error`, `disk_full`; then `parts` is to be
/// thrown away.
Status open_directory(EngineParts& parts, EngineSeams seams);

} // namespace weir

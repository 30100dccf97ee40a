// What can happen to the files of a directory, one thing at a time.
//
// Purpose: every damage of a fixture by number, so that a run can be sampled, resumed and repeated. Owner: the stage.
// Threading: immutable once made.
#pragma once

#include "trust/damage/fixture.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::trust {

struct Damage {
  struct File {
    std::string path;
    std::optional<std::string> content; ///< Nothing: removed.
  };
  std::string what; ///< For people: "flip bit 3 of wal/000/0000000000000001.wal:4711".
  std::vector<File> files;
  /// Nothing a reader looks at is touched: everything must be as if nothing had happened, and verify need not see it.
  bool harmless = false;
  /// verify may be content: the log looks as after a torn write, or SQLite takes the damage for one.
  bool may_go_unseen = false;
  /// So many of a shard's last calls may be missing.
  std::array<std::size_t, fixture_shards> calls_cut_max{};
  /// `incompatible` is a fair answer: the bytes that say which format this is were hit.
  bool may_be_incompatible = false;
};

/// One kind of damage to one fixture.
struct DamageFamily {
  std::string name;
  std::uint64_t count = 0;
  std::function<Damage(std::uint64_t number)> make;
  bool exhaustive = true; ///< In a full run all of it, else a sample.
};

/// All of them. `fixture` must outlive the result.
[[nodiscard]] std::vector<DamageFamily> damages_of(const Fixture& fixture);

} // namespace weir::trust

// States of contexts in an SQLite file of their own: docs/formats/snapshots.md.
//
// Purpose: keeps the newest snapshot of each context; what it hands out has passed its checksum. Derived data: a
// damaged row is dropped, and a file that is damaged or none of ours is moved to quarantine/ and a fresh one begun.
// Owner: Snapshots. Threading: one thread at a time. Invariants: made by the first write, never by a read; one row for
// each context; a row never gives way to an older one while its event is there.
#pragma once

#include "engine/io/file_system.hpp"
#include "engine/sqlite/copy.hpp"
#include "engine/sqlite/database.hpp"

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

/// The position of the context's event with this sequence; nothing if there is no such event.
using PositionOf = std::function<Result<std::optional<Position>>(std::string_view context_id, Sequence sequence)>;

struct SnapshotRow {
  Sequence sequence = 0;
  Position position = 0; ///< Of the event with that sequence: no other event will ever have it.
  std::string state;
};

class SnapshotFile {
public:
  static constexpr std::int32_t application_id = 0x77656973; ///< "weis"
  static constexpr std::int32_t format_version = 1;

  /// Opens nothing yet. `fs` outlives the object; `directory_seed` is that of the directory, so that rows of another
  /// one never pass.
  SnapshotFile(io::FileSystem& fs, std::string path, std::uint64_t directory_seed);

  /// The context's snapshot, if there is a sound one with this tag. Errors: `io_error`, `disk_full`, `locked`; damage
  /// is none, see take_warning().
  Result<std::optional<SnapshotRow>> read(std::string_view context_id, std::string_view schema_tag);
  /// Puts `state` in the place of the context's snapshot, unless that one is of a later event that is still there
  /// according to `position_of`. Errors: `io_error`, `disk_full`, `locked`, and those of `position_of`.
  Status write(std::string_view context_id, std::string_view schema_tag, Sequence sequence, Position position,
               std::string_view state, const PositionOf& position_of);
  /// Removes the context's snapshot, if there is one.
  Status remove(std::string_view context_id);
  /// Begins a copy into the new file `path` of `to`; null if no snapshot was ever saved.
  Result<std::unique_ptr<sqlite::Copy>> begin_copy(io::FileSystem& to, const std::string& path);
  /// Lets go of the file; the next call opens it again.
  void close() { database_.reset(); }

  /// What was found wrong with the file and moved away since the last call, if anything.
  [[nodiscard]] std::optional<std::string> take_warning() { return std::exchange(warning_, std::nullopt); }

private:
  Status open(bool create);
  Status open_or_create(bool create);
  Status fill();
  Status discard(const Error& why);
  Status settle(Status outcome);
  Result<std::optional<SnapshotRow>> select(std::string_view context_id, std::string_view schema_tag, bool& damaged);
  Result<bool> outdone(std::string_view context_id, Position position, const PositionOf& position_of);
  Status replace(std::string_view context_id, std::string_view schema_tag, Sequence sequence, Position position,
                 std::string_view state, const PositionOf& position_of);

  io::FileSystem& fs_;
  const std::string path_;
  const std::uint64_t directory_seed_;
  std::optional<sqlite::Database> database_;
  std::optional<std::string> warning_;
};

} // namespace weir

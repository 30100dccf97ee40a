// How a backup is to be made, how far it has come, and what it came to.
#pragma once

#include <weir/event.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace weir {

struct BackupProgress {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;       ///< Read so far.
  std::uint64_t bytes_total = 0; ///< What there is to read, as far as it is known; it may still become less.
};

struct BackupOptions {
  /// Directory of an earlier backup of the same engine; empty: none. Segments that it holds are linked from there,
  /// where the file system can do that, and neither read nor written again.
  std::string base{};
  /// Link segments of the engine into the backup where the file system can do that: no space is used twice. A linked
  /// backup survives whatever happens to the names of the engine's files, but not damage to the bytes both share; off
  /// makes it a copy of its own.
  bool link_segments = true;
  /// Called in the caller's thread after each file and now and then inside large ones. It may use the engine, but not
  /// close it: close() waits for the backup to end. If it throws, the backup ends as if it were cancelled, and the
  /// error is `invalid_argument` with what was thrown.
  std::function<void(const BackupProgress&)> progress{};
  /// Set it to true from any thread to end the backup with `cancelled`.
  std::shared_ptr<std::atomic<bool>> cancel{};
};

struct BackupReport {
  Timestamp created{};
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;        ///< Of all files of the backup.
  std::uint64_t copied_bytes = 0; ///< Of these, written by this backup; the others are linked.
  std::uint64_t segments = 0;
  std::uint64_t linked_segments = 0;
};

} // namespace weir

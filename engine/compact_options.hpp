// Compaction as callers ask for it: how much of it, how far it has come, and what it gave.
//
// Threading: plain values; `cancel` may be set from any thread.
#pragma once

#include <weir/event.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace weir {

struct CompactProgress {
  std::uint64_t merges = 0; ///< Done; segments rewritten alone among them.
  std::uint64_t bytes = 0;  ///< Read and written so far.
  /// The same for all that is to be done, as far as the sizes of segments tell: removed events make it less.
  std::uint64_t bytes_total = 0;
};

struct CompactOptions {
  /// Off: what the background would do once flushes have paused, and no more. On: each shard's segments become as few
  /// as EngineOptions::segment_bytes_max allows, and every removed event is left out, however much is read and written
  /// for it.
  bool all = false;
  std::optional<ShardId> shard{}; ///< None: every shard that could be opened.
  /// Called in the calling thread, some times a second and after each merge. It may use the engine, but not close it.
  /// If it throws, the call ends as if it were cancelled, and the error is `invalid_argument` with what was thrown.
  std::function<void(const CompactProgress&)> progress{};
  /// Set it to true from any thread to end the call with `cancelled`. The merge under way is given up; what was merged
  /// before stays so.
  std::shared_ptr<std::atomic<bool>> cancel{};
};

/// Of the segments that hold what was acknowledged before the call. `merges`, `bytes_read` and `bytes_written` are the
/// work of this call alone; all else compares what was there before with what is there afterwards, whoever merged:
/// another call may have worked in between.
struct CompactReport {
  std::uint64_t merges = 0; ///< Segments rewritten alone among them.
  std::uint64_t segments_before = 0;
  std::uint64_t segments_after = 0;
  std::uint64_t bytes_before = 0; ///< On disk.
  std::uint64_t bytes_after = 0;
  std::uint64_t bytes_given_back = 0; ///< The difference; 0 if they have grown. Files go once nobody reads them.
  std::uint64_t bytes_read = 0;       ///< To check what was written as well.
  std::uint64_t bytes_written = 0;
  std::uint64_t events_removed = 0; ///< Removed events, and stubs of some, that are in no segment any more.
  /// bytes_written for each byte of payload in the segments afterwards; 0 if there is none.
  double write_amplification = 0;
};

} // namespace weir

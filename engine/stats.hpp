// What the engine says of itself.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir {

struct ShardStats {
  ShardId shard = 0;
  std::uint64_t events_stored = 0;        ///< Acknowledged since open.
  std::uint64_t stored_payload_bytes = 0; ///< Payloads of these, as they were trimmed, before compression.
  std::uint64_t groups = 0;               ///< Commit groups written since open.
  std::uint64_t log_bytes = 0;            ///< Size of these in the log, after its compression; nothing of spare files.
  std::uint64_t syncs = 0;                ///< fdatasync calls of the log since open.
  std::uint64_t inbox_commands = 0;
  std::uint64_t inbox_bytes = 0;
  std::uint64_t inbox_waiting = 0; ///< Threads waiting and calls parked for room.
  std::uint64_t overloaded = 0;    ///< Calls refused since open.
  std::uint64_t held_back = 0;     ///< Calls that wait for the look-up of a cold context.
  std::uint64_t lookups = 0;       ///< Cold contexts looked up since open.
  std::uint64_t memtable_events = 0;
  std::uint64_t memtable_bytes = 0;
  std::uint64_t flush_queue = 0;     ///< Passive memtables.
  std::uint64_t flushes = 0;         ///< Since open.
  std::uint64_t flushed_bytes = 0;   ///< Size on disk of the segments they wrote.
  std::uint64_t compactions = 0;     ///< Merges of segments since open, and segments rewritten alone.
  std::uint64_t compacted_bytes = 0; ///< Size on disk of the segments they wrote.
  /// What merges have read and written since open, those included that were given up; counted as each one ends. What
  /// was written is read again to be checked.
  std::uint64_t merge_read_bytes = 0;
  std::uint64_t merge_written_bytes = 0;
  std::uint64_t segments = 0;
  std::uint64_t segment_events = 0; ///< Stubs of removed events among them.
  std::uint64_t segment_bytes = 0;  ///< On disk.
  std::uint64_t payload_bytes = 0;  ///< Payloads in segments, before compression; nothing of stubs.
  bool failed = false;
};

struct EngineStats {
  std::vector<ShardStats> shards;
  std::uint64_t next_position = 0;
  std::uint64_t block_cache_bytes = 0;
  std::uint64_t block_cache_hits = 0;
  std::uint64_t block_cache_misses = 0;
  std::uint64_t pinned_bytes = 0;        ///< Held by live batches of replays and subscriptions.
  std::uint64_t unsealed_bytes = 0;      ///< In memtables, over all shards.
  std::uint64_t compactions_running = 0; ///< 0 or 1: one merge at a time.
  /// Shards in which segments are being merged, or will be once no flush has come for a moment. 0: the background has
  /// nothing left to do with the segments there are. While compaction is paused they wait.
  std::uint64_t compactions_pending = 0;
  bool compaction_paused = false;                    ///< By pause_compaction().
  std::uint64_t compaction_bytes_per_second_max = 0; ///< In force; 0: no bound.
  std::uint64_t disk_free_bytes = 0;
  std::uint64_t recovered_events = 0; ///< Read back from the write-ahead logs by open().
  std::uint64_t open_ms = 0;          ///< How long open() took.

  /// Bytes written since open, to logs, by flushes and by merges, for each byte of payload that was stored since open;
  /// 0: none was. What still waits in memory for its flush will be written once more, and its merges are to come; a
  /// flush of what open() read back from the logs counts, though it was stored before.
  [[nodiscard]] double write_amplification() const noexcept {
    std::uint64_t written = 0, stored = 0;
    for (const ShardStats& shard : shards) {
      written += shard.log_bytes + shard.flushed_bytes + shard.merge_written_bytes;
      stored += shard.stored_payload_bytes;
    }
    return stored == 0 ? 0 : static_cast<double>(written) / static_cast<double>(stored);
  }
};

struct ShardHealth {
  ShardId shard = 0;
  std::optional<Error> error; ///< Set: the shard takes no stores; it still answers reads unless it never opened.
  bool readable = true;
};

struct Health {
  bool ok = true; ///< Nothing below is wrong.
  std::vector<ShardHealth> shards;
  bool disk_full = false;            ///< Stores are refused until space returns.
  bool compaction_paused = false;    ///< By pause_compaction(): segments become more until it goes on. Not wrong.
  std::vector<std::string> warnings; ///< The latest failures of background work and of user callbacks.
};

/// How far verify_directory has come in the segments; the logs are short beside them.
struct VerifyProgress {
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_total = 0;
};

} // namespace weir

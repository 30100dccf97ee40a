// Every knob an embedder may turn: unit in the name, default, and why that default.
//
// Purpose: EngineOptions is handed to Engine::open. Few is kind: what has one good value is no option.
// Threading: plain values.
#pragma once

#include <weir/event.hpp>
#include <weir/limits.hpp>
#include <weir/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir {

struct EngineOptions {
  /// Shards of a new directory, 1-64; 0 means "as recorded", and 4 for a new directory. Opening with a number other
  /// than the recorded one is an error: contexts would be looked for in the wrong place.
  std::uint32_t shards = 0;
  /// Create the directory (mode 0700) and its files where there are none. Off: opening a missing or empty directory is
  /// `not_found`.
  bool create_if_missing = true;
  /// What an acknowledged store has survived, unless the call says otherwise. `synced` because losing acknowledged
  /// events must be somebody's decision, by name.
  Durability durability = Durability::synced;
  /// Longest time a `written` or `buffered` event waits for its sync.
  std::chrono::milliseconds sync_interval_ms{100};

  /// Bytes that may be in memory and in the WAL only, over all shards. Reopening after a crash reads this much,
  /// whatever the history, so it bounds the time of a restart (docs/performance.md has figures).
  std::uint64_t unsealed_bytes_max = 64 * MiB;
  /// Size of one WAL file. Files are recycled: a shard keeps as many spares as one memtable (half of its share of
  /// unsealed_bytes_max) fills, and 3 more, at least 4. With the defaults that is 56 MiB for a single shard and 128 MiB
  /// for four. Smaller files mean more change-overs, each with one more sync.
  std::uint64_t wal_file_bytes = 8 * MiB;
  /// Neighbouring segments of a shard are merged in the background into segments of up to this size, as their events
  /// were before compression. Larger ones make replays touch fewer files, and cost more bytes written for each event; 0
  /// merges nothing.
  std::uint64_t segment_bytes_max = 512 * MiB;
  /// Bytes that merges of segments may read and write in a second, together and over all shards; 0: as fast as they can
  /// with the processor time that others leave. Never more than that and one piece of a file, as a rule of at most 1
  /// MiB. A merge reads its inputs, writes about as much, and reads that again: some three times what is merged. With
  /// too little of it segments come faster than they are merged, and replays look into more and more of them.
  /// set_compaction_rate() changes it while the engine is open.
  std::uint64_t compaction_bytes_per_second_max = 0;
  /// Decoded blocks of segments kept in memory, over all shards.
  std::uint64_t block_cache_bytes = 64 * MiB;
  /// Bytes that live batches of replays and subscriptions may keep in memory beyond the cache; past it `next()` answers
  /// `overloaded`, and pushes wait.
  std::uint64_t pinned_bytes_max = 32 * MiB;
  /// Segments that subscribers of the event queue have decoded in advance, over all of them. Where it does not suffice
  /// for a segment of each shard, segments are read several times. A subscriber always gets 1 MiB for each shard.
  std::uint64_t catch_up_bytes = 256 * MiB;
  /// Contexts per shard whose last sequence is remembered; others are looked up in segments when they are stored to
  /// again (about 100 bytes each).
  std::size_t context_cache_entries = 65'536;

  /// Bound of a shard's inbox in calls and in bytes; a caller beyond it waits or gets `overloaded`.
  std::size_t inbox_commands_max = 4'096;
  std::uint64_t inbox_bytes_max = 8 * MiB;
  /// Asynchronous calls that may wait for room in a full inbox; beyond it they get `overloaded`.
  std::size_t inbox_parked_max = 1'024;

  /// Largest payload accepted, up to 16 MiB.
  std::size_t payload_bytes_max = limits::payload_bytes_default_max;
  /// Largest state that save_snapshot() takes, up to 64 MiB.
  std::size_t snapshot_bytes_max = limits::snapshot_bytes_default_max;
  /// Free disk space below which stores are refused with `disk_full`, so that logs and segments can always be finished.
  std::uint64_t disk_reserve_bytes = 64 * MiB;

  /// Threads for queries and replays pushed to callbacks; 0 means one per core.
  std::size_t read_threads = 0;
  /// Threads that work on one query, its caller among them; 1: the caller alone. 0 means the caller and half of the
  /// read threads, rounded up: what else is read, and stores, find the others.
  std::size_t query_threads_max = 0;
  /// Rows of one zone of a segment, the unit of pruning; large segments have up to four times as many.
  std::uint32_t zone_rows = 4'096;
  /// Filter bits per context in a segment, and twice as many per event id: 10 give about 1 % false positives among
  /// contexts, and fewer than one in a thousand among ids.
  std::uint32_t filter_bits_per_key = 10;
  /// Longest a query may run and pin its view, unless the query says otherwise.
  std::chrono::milliseconds query_timeout_ms{60'000};
  /// How long close() (and the destructor) may take to drain and flush.
  std::chrono::milliseconds close_timeout_ms{30'000};
  /// Open the healthy shards although others are damaged. Off: one damaged shard makes open() fail, so that nobody
  /// works on half of the data without knowing.
  bool allow_failed_shards = false;

  /// `invalid_argument` naming the first option that is out of range.
  [[nodiscard]] Status validate() const;
};

} // namespace weir

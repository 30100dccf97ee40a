// What the shards, the flusher and the engine's core share.
//
// Purpose: plain data and services, wired by engine_open.cpp; no actor and no CAF in here.
// Owner: EngineCore. Lives longer than the actor system and every job of the executor.
// Threading: each member says its own; the vectors do not change after open.
#pragma once

#include "actors/compaction_control.hpp"
#include "actors/shard_log.hpp"
#include "engine/disk_guard.hpp"
#include "engine/event_queue/shared_queue.hpp"
#include "engine/io/clock.hpp"
#include "engine/io/executor.hpp"
#include "engine/io/file_system.hpp"
#include "engine/ports.hpp"
#include "engine/position_source.hpp"
#include "engine/replay_cursor.hpp"
#include "engine/schema/registry.hpp"
#include "engine/shard_inbox.hpp"
#include "engine/shard_router.hpp"
#include "engine/shard_table.hpp"
#include "engine/snapshots/snapshots.hpp"
#include "engine/views/view_book.hpp"
#include "segments/block_cache.hpp"

#include <weir/options.hpp>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace weir {

class ShardTurns;

/// Failures of background work and callbacks, for health(). Any thread.
class HealthBoard {
public:
  static constexpr std::size_t kept = 16;
  void warn(std::string what);
  [[nodiscard]] std::vector<std::string> warnings() const;

private:
  mutable std::mutex mutex_;
  std::deque<std::string> warnings_;
};

/// What the catalog says of retention. Any thread reads; the flush lane changes it.
class RetentionBook {
public:
  void load(RetentionRecord record);
  [[nodiscard]] RetentionRecord record() const;
  /// Durable first, then known.
  Status set(CatalogStore& catalog, RetentionRecord record);

private:
  mutable std::mutex mutex_;
  RetentionRecord record_;
};

/// A segment file that is whole and durable, and its reader.
struct WrittenSegment {
  SegmentMeta meta;
  std::shared_ptr<const SegmentReader> reader;
};

/// One shard beside its actor.
struct ShardParts {
  ShardId id = 0;
  std::unique_ptr<ShardTable> table; ///< Null if the shard could not be opened (allow_failed_shards).
  std::unique_ptr<ShardInbox> inbox;
  std::unique_ptr<ShardLog> log;
  std::atomic<std::uint64_t> next_segment{1}; ///< For the next attempt to write one.
  Timestamp recorded_at_max{};                ///< Inside the shard's turns only, once running.
  std::atomic<std::uint64_t> flushes{0}, lookups{0}, held_back{0};
  std::atomic<std::uint64_t> flushed_bytes{0};
  std::atomic<std::uint64_t> compactions{0}, compacted_bytes{0};
  std::atomic<std::uint64_t> merge_read_bytes{0}, merge_written_bytes{0};
  std::atomic<bool> merges_behind{false}; ///< See look_for_backlog().
  /// A merge is written, and on its way into the catalog whatever its cause says.
  std::atomic<bool> merge_publishing{false};
  std::atomic<bool> reclaim_due{false}; ///< Events were removed since segments were last looked through for them.
  std::atomic<bool> reclaiming{false};  ///< Somebody is at it.
  /// Of the oldest passive memtable, where the catalog did not take it: the next attempt publishes the same file, or
  /// each would leave one. None may be removed, for a commit that failed may still turn up after a crash. Flush lane
  /// only.
  std::optional<WrittenSegment> unpublished;

  std::shared_ptr<ShardTurns> turns; ///< Set while the actors live, as is
  std::function<void()> wake;        ///< which takes a turn.

  void fail(const Error& why);
  [[nodiscard]] bool failed() const noexcept { return failed_.load(); }
  [[nodiscard]] std::optional<Error> failure() const;
  /// `idle` is called once, when the shard next finds itself without anything left to do.
  void when_idle(std::function<void()> idle);
  [[nodiscard]] bool idle_awaited() const noexcept { return idle_awaited_.load(); }
  /// Takes what when_idle left, if anything.
  [[nodiscard]] std::function<void()> take_when_idle();

private:
  mutable std::mutex mutex_;
  std::optional<Error> failure_;
  std::function<void()> when_idle_;
  std::atomic<bool> failed_{false}, idle_awaited_{false}; // what the two above say, for those in a hurry
};

/// A database beside the catalog that backups copy.
struct DatabaseToCopy {
  std::uint64_t number = 0; ///< Its place in backup_databases.
  /// Copies it into the new file `path` of `to`, in steps between which its owner may use it; false if there is none.
  /// Called in the backup's thread; asks `may_go_on` now and then, and ends with its error.
  std::function<Result<bool>(io::FileSystem& to, const std::string& path, const std::function<Status()>& may_go_on)>
      copy;
};

struct EngineParts {
  EngineOptions options;
  std::uint64_t directory_seed = 0;
  std::unique_ptr<io::FileSystem> fs;
  std::unique_ptr<io::FileLock> lock;
  std::unique_ptr<io::Clock> clock;
  std::unique_ptr<CatalogStore> catalog; ///< Flush lane only, once running.
  std::vector<DatabaseToCopy> databases; ///< Set before the engine is open.
  std::unique_ptr<segments::BlockCache> cache;
  CompactionControl compaction;
  std::unique_ptr<SegmentStore> segments;
  std::unique_ptr<UnsealedBudget> unsealed;
  std::unique_ptr<DiskGuard> guard;
  std::unique_ptr<PositionSource> positions;
  std::unique_ptr<Watermark> watermark; ///< Of the event queue.
  std::unique_ptr<ShardRouter> router;
  std::shared_ptr<PinnedBudget> pinned;
  std::unique_ptr<SharedQueue> queue; ///< Set before the actors live.
  schema::Registry schemas;           ///< Grows in the flush lane, once running.
  RetentionBook retention;
  ViewBook views;
  HealthBoard health;
  std::vector<std::unique_ptr<ShardParts>> shards;
  std::unique_ptr<io::IoExecutor> executor;
  /// Look-ups of cold contexts have threads of their own: stores wait for them, and a query may keep every read thread.
  std::unique_ptr<io::IoExecutor> lookups;
  std::unique_ptr<Snapshots> snapshots; ///< Has a lane of its own once it is used.
  std::shared_ptr<io::Lane> flush_lane;
  std::shared_ptr<io::Lane> files_lane;
  std::shared_ptr<io::Lane> compaction_lane; ///< Yields to everybody.
  std::shared_ptr<io::Lane> catch_up_lane;   ///< For merges of a shard that has fallen behind: yields to nobody.
  std::atomic<bool> closing{false};          ///< Merges end unfinished.
  /// The actors are being ended on purpose. One that ends before (its handler threw, somebody killed it) takes what
  /// depends on it along: stores are refused, never left waiting for a message that nobody gets.
  std::atomic<bool> stopping{false};
  std::uint64_t recovered_events = 0;
  std::uint64_t open_ms = 0;

  /// Wakes every shard; set while the actors live.
  std::function<void()> poke_all;
  /// Asks for memory to be freed; set while the actors live.
  std::function<void()> relieve;
  /// Says that a shard has one more segment; set while the actors live.
  std::function<void()> segments_changed;
  /// Says that the background may merge again; set while the actors live.
  std::function<void()> look_for_merges;

  /// No shard takes stores any more, because `why`; unless that is on purpose.
  void give_up_stores(const std::string& why);
  /// Reserves more positions in the catalog, in the flush lane, unless somebody is at it; then wakes every shard.
  void reserve_positions();
  /// Whether the last attempt found no disk space, so that who has no positions waits for more than the catalog.
  [[nodiscard]] bool positions_blocked() const noexcept { return positions_blocked_.load(); }

private:
  void reserve_positions_now();
  std::atomic<bool> positions_blocked_{false};
  std::atomic<bool> reserving_{false};
};

/// Writes the shard's oldest passive memtable into a segment and lets go of it and of its log. Flush lane only. Nothing
/// to flush is success.
Status flush_oldest(EngineParts& parts, ShardParts& shard);
/// Forgets ShardParts::unpublished, and its file with it. To be called once another commit went through, after which
/// the one that failed can turn up no more. Flush lane only.
void drop_unpublished(EngineParts& parts, ShardParts& shard);

} // namespace weir

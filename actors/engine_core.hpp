// The engine behind the public door: opens a directory, wires its parts, closes it.
//
// Purpose: owns everything of one open data directory, the private actor system included. No CAF in this header, so
// that api/ stays free of it. Owner: Engine, and streams that outlive it, share it. Threading: any thread, except that
// close() is for one at a time. Invariants: after close() no thread of ours runs and the directory is free; reads
// answer `closing`, and what readers still hold stays valid.
#pragma once

#include "actors/engine_open.hpp"
#include "actors/engine_parts.hpp"
#include "actors/querier.hpp"
#include "engine/door.hpp"
#include "engine/event_queue/queue_cursor.hpp"
#include "engine/query/row_stream.hpp"
#include "engine/query/view_pin.hpp"

#include <weir/backup_options.hpp>
#include <weir/compact_options.hpp>
#include <weir/options.hpp>
#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/replay_options.hpp>
#include <weir/retention.hpp>
#include <weir/schema.hpp>
#include <weir/stats.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>

namespace weir {

enum class WhenFull {
  wait,   ///< The calling thread waits its turn.
  park,   ///< The call waits its turn, the thread goes on.
  refuse, ///< `overloaded`
};

class ConsumerService;

/// For calls that come once close() has begun.
[[nodiscard]] Error closing_error();

class EngineCore : public std::enable_shared_from_this<EngineCore> {
public:
  static Result<std::shared_ptr<EngineCore>> open(EngineSeams seams, EngineOptions options);
  ~EngineCore();

  /// What make_command checks of the events of one context; trims payload and metadata in place.
  Status check_call(std::string_view context_id, std::span<Event> events) const;
  /// Validates and encodes one call; an event's own context_id may be empty. Without events it must expect something,
  /// or have a condition, whose group must be that of the context; otherwise `unsupported`. Errors: see validate_call,
  /// and `schema_violation`.
  /// `stored_under`: they are copies, stored elsewhere under these schema versions, and not judged by schemas again.
  using SchemaVersions = std::span<const std::uint32_t>;
  Result<StorePtr> make_command(std::string_view context_id, std::span<Event> events,
                                std::optional<Durability> durability, Expectation expect,
                                const std::optional<FailIf>& fail_if = {},
                                std::optional<SchemaVersions> stored_under = std::nullopt) const;
  /// The same for several contexts that are kept together; otherwise `unsupported`.
  Result<StorePtr> make_command(std::span<ContextEvents> contexts, std::optional<Durability> durability,
                                const std::optional<FailIf>& fail_if = {}) const;
  /// A command that removes events of the context. Errors: those of a context id.
  static Result<StorePtr> make_removal(std::string_view context_id, const RemovalRequest& removal);
  /// Sends a command to its shard. Whatever happens, its completion is answered exactly once.
  void submit(StorePtr command, WhenFull when_full,
              std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt);

  Result<ReplayCursor> replay(std::string_view context_id, ReplayOptions options);
  Result<QueueCursor> subscribe(SubscribeOptions options);
  Result<QueryResult> query(const Query& query, const QueryRun& run);
  /// The same rows in batches. `run.cancel` must be there.
  Result<query::RowStream> query_stream(const Query& query, QueryRun run, const query::RowStreamBounds& bounds);
  /// What query() would do, a line each.
  Result<std::vector<std::string>> explain(const Query& query, const QueryRun& run);
  /// See Engine; defined in engine_views.cpp.
  Status remember(const std::string& name, const Query& query);
  Status forget(const std::string& name);
  Result<QueryResult> show(const std::string& name, const QueryRun& run);
  [[nodiscard]] std::vector<RememberedQuery> remembered() const { return parts_.views.all(); }
  /// See Engine; defined in engine_snapshots.cpp.
  Status save_snapshot(std::string_view context_id, Sequence sequence, std::string_view state,
                       std::string_view schema_tag);
  /// The newest snapshot with this tag, if there is one that still stands on its event.
  Result<std::optional<SnapshotRow>> load_snapshot(std::string_view context_id, std::string_view schema_tag);
  Status drop_snapshot(std::string_view context_id);
  /// See engine/context_walk.hpp.
  Status walk_contexts(std::string_view prefix, const std::function<Status(std::string_view)>& visit) const;
  // For ConsumerService.
  [[nodiscard]] ConsumerService& consumers() noexcept { return *consumers_; }
  [[nodiscard]] std::shared_ptr<io::Lane> make_consumer_lane();
  // For Projector: a lane of its own, and its name, which nobody else of this engine has until it is given back.
  [[nodiscard]] std::shared_ptr<io::Lane> make_projection_lane();
  Status claim_projection(const std::string& name);
  void release_projection(const std::string& name);
  [[nodiscard]] Result<std::vector<ShardView>> queue_views() const { return views(false); }
  [[nodiscard]] const io::Clock& clock() const noexcept { return *parts_.clock; }
  [[nodiscard]] io::FileSystem& file_system() noexcept { return *parts_.fs; }
  [[nodiscard]] std::uint64_t directory_seed() const noexcept { return parts_.directory_seed; }
  /// No event has this position or a later one.
  [[nodiscard]] Position next_position() const { return parts_.positions->next(); }
  /// Of the last event that is synced; 0: there is none.
  Result<Position> last_synced_position();
  /// All events from now on get positions above `position`. Durable. Errors: `too_large` beyond 2^62, `closing`, those
  /// of the catalog; `invalid_argument` from inside a callback.
  Status skip_positions(Position position);
  /// Runs on a read thread when the engine is open; dropped unrun when it is not.
  void post_read(Job job);
  [[nodiscard]] std::shared_ptr<io::Lane> make_read_lane();
  /// Answers, exactly once, with the version: see Engine::define_schema.
  void define_schema(Schema schema, schema::MayBreak may_break, std::function<void(Result<std::uint32_t>)> done);
  Status register_upcasters(std::string_view event_type, std::vector<Upcaster> upcasters) {
    return parts_.schemas.register_upcasters(event_type, std::move(upcasters));
  }
  [[nodiscard]] const schema::Registry& schemas() const noexcept { return parts_.schemas; }
  /// See Engine; defined in engine_retention.cpp.
  Status set_retention(std::vector<RetentionRule> rules);
  [[nodiscard]] std::vector<RetentionRule> retention() const { return parts_.retention.record().rules; }
  Result<RetentionReport> apply_retention(const RetentionOptions& options);
  /// Answers once everything acknowledged before the call is in segments, or with the first failure.
  void flush(FlushQueue::Waiter waiter);
  /// See Engine; defined in engine_compact.cpp. Compacts what is in segments: flush first.
  Result<CompactReport> compact(const CompactOptions& options);
  void pause_compaction();
  void resume_compaction();
  void set_compaction_rate(std::uint64_t bytes_per_second_max);
  /// Makes a backup in `target`, with `base`, if not null, as an earlier one. Errors: see Backup::run;
  /// `invalid_argument` from inside a callback.
  Result<BackupReport> backup(io::FileSystem& target, io::FileSystem* base, const BackupOptions& options);
  [[nodiscard]] EngineStats stats() const;
  [[nodiscard]] Health health() const;
  void warn(std::string what) { parts_.health.warn(std::move(what)); }

  /// Where the directory is; nothing for a simulated disk.
  [[nodiscard]] std::optional<std::string> native_path() const { return parts_.fs->native_path(""); }
  [[nodiscard]] const EngineOptions& options() const noexcept { return parts_.options; }
  [[nodiscard]] ShardId shard_of(std::string_view context_id) const { return parts_.router->shard_of(context_id); }
  [[nodiscard]] bool closed() const noexcept { return closing_.load(); }

  Status close(std::chrono::milliseconds timeout_ms);

private:
  static Status add_condition(StoreCommand& command, const FailIf& fail_if);
  struct ActorSide;

  EngineCore();
  Result<std::vector<std::uint32_t>> judge_call(std::string_view context_id, std::span<Event> events) const;
  void start_actors();
  void stop_actors();
  void stop_threads();
  /// Whether view() has one.
  [[nodiscard]] Status readable(ShardId shard) const;
  [[nodiscard]] Result<ShardView> view(ShardId shard) const;
  Result<std::vector<ShardView>> views(bool allow_partial) const;
  [[nodiscard]] Querier querier();
  /// Looks after the deadlines of streams that nobody reads, until none is open.
  void watch_stream_pins();
  void make_snapshots();
  Status in_flush_lane(UniqueFunction<Status()> work) const;
  Result<RetentionReport> begin_retention(RetentionRecord& judged);
  Status retain_contexts(const RetentionRecord& judged, const MayGoOn& may_go_on, RetentionReport& report);
  struct Truncation;
  Status truncate_all(std::vector<Truncation>& truncations, RetentionReport& report);
  Result<std::optional<Position>> position_of(std::string_view context_id, Sequence sequence) const;
  [[nodiscard]] std::chrono::steady_clock::time_point now() const; ///< What a close() counts by.
  bool drain(std::chrono::steady_clock::time_point deadline);
  bool flush_large_shards(std::chrono::steady_clock::time_point deadline);
  Status close_logs();

  EngineParts parts_;
  std::optional<Stepped> stepped_;
  std::unique_ptr<ConsumerService> consumers_;
  std::unique_ptr<ActorSide> actors_;
  std::atomic<bool> closing_{false};
  query::ViewPins stream_pins_;
  const std::shared_ptr<Freeing> freeing_ = std::make_shared<Freeing>();
  Door door_; ///< Calls that use actors or the executor are inside; close() shuts it before it ends them.
  std::mutex projections_mutex_;
  std::set<std::string> projections_;
  std::mutex retention_mutex_; ///< One run or change of rules at a time.
  std::mutex close_mutex_;
  std::optional<Status> close_result_;
};

} // namespace weir

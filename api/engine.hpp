// The door for services that embed weir.
//
// Purpose: open a data directory, store events, replay contexts, query, flush, close.
// Owner: the service. One process opens a directory at a time; several engines on different directories may live in one
// process.
// Threading: every method may be called from any thread at any time. Callbacks run on the engine's own threads or on
// one that is in a store at the time; they must not block, and must not call a blocking store or close(); an exception
// that leaves one is caught and shown in health(). One that leaves a function called in the caller's thread, to tell
// how far the call is or to visit what it finds, ends the call with `invalid_argument`. Errors: no exception leaves the
// engine (a failed allocation ends the process).
#pragma once

#include <weir/backup_options.hpp>
#include <weir/compact_options.hpp>
#include <weir/consumers.hpp>
#include <weir/event.hpp>
#include <weir/expectation.hpp>
#include <weir/fail_if.hpp>
#include <weir/limits.hpp>
#include <weir/options.hpp>
#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/query_stream.hpp>
#include <weir/removal.hpp>
#include <weir/replay_options.hpp>
#include <weir/replay_stream.hpp>
#include <weir/result.hpp>
#include <weir/retention.hpp>
#include <weir/schema.hpp>
#include <weir/snapshots.hpp>
#include <weir/stats.hpp>
#include <weir/subscription.hpp>
#include <weir/ticket.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

class EngineCore;

/// How one store call differs from the engine's options.
struct StoreOptions {
  std::optional<Durability> durability{}; ///< None: EngineOptions::durability.
  /// Longest the call may take, waiting for room and for the disk; none: as long as it takes. If it passes while the
  /// events are already on their way to the log, they may still be stored: the error says so.
  std::optional<std::chrono::milliseconds> timeout_ms{};
  /// What must hold of the context. If it does not, nothing is stored, and the error is `sequence_conflict` with the
  /// context's last sequence and the receipt of the event that has it (Error::conflicts). That receipt is missing only
  /// if the event is removed and compaction has left nothing of it, or if its segment cannot be read. A call without
  /// events only checks.
  Expectation expect{};
  /// Nothing is stored if this group has such an event: the error is `condition_failed`, with the first of them in
  /// Error::conflicts (Conflict::in_the_way) and its receipt. The group must be that of the contexts stored to,
  /// otherwise `unsupported`. Judged together with expectations: if some of those fail as well, all is told, under
  /// `sequence_conflict`. Event ids come before both: a retry answers its receipt, and `event_id_conflict` tells of ids
  /// alone. A call without events only checks.
  std::optional<FailIf> fail_if{};
};

struct QueryOptions {
  std::optional<std::chrono::milliseconds> timeout_ms; ///< None: EngineOptions::query_timeout_ms.
  /// Set it to true from any thread to end the query with `cancelled`.
  std::shared_ptr<std::atomic<bool>> cancel;
  /// Answer from the healthy shards although others have failed to open; otherwise that is `shard_failed`.
  bool allow_partial = false;
  /// Payloads as they were stored, not as the newest version of their type's schema has them.
  bool as_stored = false;
};

class Engine {
public:
  using StoreCallback = std::function<void(Result<Receipt>)>;
  using SeveralCallback = std::function<void(Result<std::vector<Receipt>>)>;

  /// Opens `directory`, creating it if the options allow, and reads back what a crash left in the write-ahead logs.
  /// Errors: `invalid_argument` (an option, a path that is no directory, a directory others may write to), `not_found`,
  /// `locked` (naming the holder's pid), `incompatible` (another format version, shard count or not weir's),
  /// `corruption` (listing every damaged shard), `io_error`, `disk_full`.
  [[nodiscard]] static Result<Engine> open(const std::string& directory, EngineOptions options = {});

  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  /// As close() with EngineOptions::close_timeout_ms; an error is lost, so call close() to see it.
  ~Engine();

  /// Stores one event and returns once the durability asked for is reached. Waits while the context's shard is
  /// overloaded. An `event_id` is unique in its context for ever: storing the same event again answers the receipt of
  /// the first time, `duplicate` set, whatever the call expects. Errors: those of validation (`invalid_argument`,
  /// `too_large`, `schema_violation`), `sequence_conflict`, `event_id_conflict` (the id is that of an event with other
  /// content; naming it, in Error::conflicts too), `deadline_exceeded`, `disk_full`, `shard_failed`, `closing`;
  /// `invalid_argument` from inside a callback of this engine.
  Result<Receipt> store(Event event, const StoreOptions& options = {});
  /// Stores 1-1,024 events of one context, all or none. Every event's context_id must be `context_id` or empty. If some
  /// of the events were stored before, by their ids, all of them must have been, by one call and in this order:
  /// otherwise `event_id_conflict`.
  Result<Receipt> store(std::string_view context_id, std::vector<Event> events, const StoreOptions& options = {});

  /// Stores to up to 64 contexts in one call, all or nothing, and answers one receipt for each, in their order. The ids
  /// of the contexts must have the same text in braces, as "order-{42}" and "invoice-{42}" do: otherwise `unsupported`.
  /// Each context has an expectation of its own (that of `options` must be any); if some fail, `sequence_conflict`
  /// names all of them. One without events is only checked. If one context's events have ids, those of every one must:
  /// then the call is a duplicate as a whole, or an `event_id_conflict`.
  Result<std::vector<Receipt>> store(std::vector<ContextEvents> contexts, const StoreOptions& options = {});

  /// As store, without waiting: a full shard parks the call and answers later; beyond `inbox_parked_max` parked calls
  /// the answer is `overloaded`. The ticket may be dropped. Calls of one thread to one context are stored in call
  /// order.
  Ticket store_async(Event event, const StoreOptions& options = {});
  Ticket store_async(std::string_view context_id, std::vector<Event> events, const StoreOptions& options = {});
  /// The same with a callback, called exactly once, possibly before this returns.
  void store_async(Event event, StoreCallback done, const StoreOptions& options = {});
  void store_async(std::string_view context_id, std::vector<Event> events, StoreCallback done,
                   const StoreOptions& options = {});
  void store_async(std::vector<ContextEvents> contexts, SeveralCallback done, const StoreOptions& options = {});

  /// As store_async, but a full shard answers `overloaded` at once.
  Ticket try_store(Event event, const StoreOptions& options = {});
  Ticket try_store(std::string_view context_id, std::vector<Event> events, const StoreOptions& options = {});

  /// Removes the context's events with sequences below `before`, all of them if it is beyond the last: replays pass
  /// them over and say so (EventBatch::removed), queries leave them out. Sequences go on as ever, and so do event ids:
  /// the retry of a removed event answers its first receipt. Done and durable when this returns, and ordered with the
  /// stores of this thread; doing it again changes nothing. Waits like store, with its errors.
  Result<Removal> truncate_context(std::string_view context_id, Sequence before);
  /// `soft`: truncates the context behind its last event; it then has no event, as `no_context` says. `hard`: deletes
  /// it for good; whatever is stored to it from then on, retries included, answers `context_deleted`.
  Result<Removal> delete_context(std::string_view context_id, Deletion deletion = Deletion::soft);

  /// Records which events may go by themselves, in the place of the rules before; none go until apply_retention().
  /// Errors: `invalid_argument` (a rule that says nothing or too much, two for the same events; from a callback),
  /// `too_large`, `closing`, `disk_full`, `io_error`.
  Status set_retention(std::vector<RetentionRule> rules);
  /// The rules in force, by context prefix, then type.
  [[nodiscard]] std::vector<RetentionRule> retention() const;
  /// Truncates contexts as the rules say, as truncate_context() does. All are judged at one point, recorded in the
  /// catalog before the first is: if the run does not come to its end, by a crash, an error or a cancellation, the next
  /// one goes on with the same point, unless rules were set since, and decides the same. Does its work in the calling
  /// thread, while everything goes on; a second call waits for the first. Errors: `cancelled`, `shard_failed`,
  /// `closing`, `disk_full`, `corruption`, `io_error`; `invalid_argument` from a callback.
  Result<RetentionReport> apply_retention(const RetentionOptions& options = {});

  /// The context's events in order, pulled batch by batch. A context without events is an empty stream. Errors:
  /// `invalid_argument`, `shard_failed`, `closing`.
  Result<ReplayStream> replay(std::string_view context_id, ReplayOptions options = {}) const;
  /// The same, pushed: `on_batch` is called with at most one batch for each credit given (`credit` at first, more with
  /// ReplaySubscription::request), and with an empty one if the end of the range is removed; then `on_end` once, with
  /// the error or success.
  Result<ReplaySubscription> replay(std::string_view context_id, ReplayOptions options,
                                    std::function<void(const EventBatch&)> on_batch, std::function<void(Status)> on_end,
                                    std::uint64_t credit = 1) const;

  /// Named readers of the event queue whose place is kept in the directory.
  [[nodiscard]] Consumers consumers() const { return Consumers(core_); }

  /// Keeps `state`, the caller's fold over the context's events up to `sequence`, in the place of the context's last
  /// snapshot; one of a later event stays. It is a cache, not stored data: it may be gone after a power cut, and is
  /// dropped when anything about it is in doubt. `schema_tag` (1-128 bytes) names the meaning of the bytes: load() with
  /// another tag finds nothing. Waits for the disk. Errors: `invalid_argument`, `too_large`
  /// (EngineOptions::snapshot_bytes_max), `not_found` (the context has no event `sequence`), `disk_full`, `io_error`,
  /// `corruption` (of that event), `shard_failed`, `closing`.
  Status save_snapshot(std::string_view context_id, Sequence sequence, std::string_view state,
                       std::string_view schema_tag);
  /// The context's snapshot with this tag, if there is one that still stands on the event it was made at, and the
  /// events after it, up to `options.to`. Never believed against the events: missing or damaged snapshots, and those of
  /// events that a crash took away, mean that the replay begins at the first event. Errors: as replay();
  /// `invalid_argument` where `options` leaves out the beginning or goes backward.
  Result<LoadedContext> load(std::string_view context_id, std::string_view schema_tag,
                             ReplayOptions options = {}) const;
  /// Forgets the context's snapshot; none is no error.
  Status drop_snapshot(std::string_view context_id);

  /// The event queue: every synced event of every context in position order, from where the options say, and then what
  /// is stored later. Errors: `invalid_argument`, `shard_failed` if a shard could not be opened, `closing`; with a time
  /// to start from also `corruption` and `io_error`.
  Result<Subscription> subscribe(SubscribeOptions options = {}) const;
  /// The same, pushed: `on_batch` is called with at most one batch for each credit given (`credit` at first, more with
  /// PushSubscription::request), and only while there is something to tell; then `on_end` once, with success at the end
  /// of the subscription, or with the error.
  Result<PushSubscription> subscribe(SubscribeOptions options, PushSubscription::OnBatch on_batch,
                                     PushSubscription::OnEnd on_end, std::uint64_t credit = 1) const;

  /// Runs a query over all shards. Errors: `parse_error` (with line and column), `invalid_argument`,
  /// `deadline_exceeded`, `cancelled`, `too_large` (result beyond its memory bound), `shard_failed`, `corruption`,
  /// `io_error`, `closing`.
  Result<QueryResult> query(std::string_view text, const QueryOptions& options = {}) const;
  Result<QueryResult> query(const Query& plan, const QueryOptions& options = {}) const;
  /// The rows of query(), pulled in batches, for answers that are larger than memory; ORDER BY, aggregates and
  /// sequences are still made in memory as a whole. Errors: as query().
  Result<QueryStream> query_stream(const Query& plan, const QueryOptions& options = {},
                                   const QueryStreamOptions& bounds = {}) const;
  /// How query() would answer, a line each: what is pruned by what, which columns are read, and which fields have none
  /// and are read in payloads. Reads metadata and no event. What a run took is in QueryResult::explain. Errors: as
  /// query().
  Result<std::vector<std::string>> explain(const Query& plan, const QueryOptions& options = {}) const;

  /// Keeps a query up to date under a name of 1-64 bytes, durably, until it is forgotten. The very same query under the
  /// same name is no error. Errors: `invalid_argument` (the name, the query, another query of this name),
  /// `unsupported` (a sequence), `too_large` (more than 256), those of the catalog; `invalid_argument` from inside a
  /// callback.
  Status remember(std::string_view name, const Query& query);
  /// The answer of a remembered query, as query() would give it now. What was gathered up to the last answer is not
  /// read again: the cost is that of the events since; all of them the first time after an open, after events were
  /// removed and after a schema or upcaster came in. Each keeps its groups or rows in memory, in the bounds of an
  /// answer. Errors: `not_found`, and those of query().
  Result<QueryResult> show(std::string_view name, const QueryOptions& options = {}) const;
  /// Errors: `not_found`, those of the catalog; `invalid_argument` from inside a callback.
  Status forget(std::string_view name);
  /// By name.
  [[nodiscard]] std::vector<RememberedQuery> remembered() const;

  /// Defines a schema for its type, or the next version of one, and returns its version once it is durable and in
  /// force: every store that begins afterwards is judged by it, one under way may still be judged by the version
  /// before; events stored already are not looked at. A definition that takes just what some version of its type takes
  /// answers that version and changes nothing, so a service defines its whole history, oldest first, each time it
  /// starts. Errors: `incompatible` with the path if the present version may not become this one
  /// (docs/guides/evolving-events.md has the rules), `parse_error`, `invalid_argument`, `too_large`; after `disk_full`
  /// and `io_error` nothing has changed, but the definition may be in force when the directory is opened again;
  /// `closing`; `invalid_argument` from inside a callback.
  Result<std::uint32_t> define_schema(Schema schema);
  Result<std::uint32_t> define_schema(std::string_view text);
  /// The schema in force for a type, or its version `version`. Error: `not_found`.
  Result<SchemaVersion> schema(std::string_view event_type, std::uint32_t version = 0) const;
  /// Registers how payloads of older versions of a type become ones of the newest, for all reads from now on: they hand
  /// out, and queries judge, what the upcasters made of the stored payload (`as_stored` asks for that instead). Once
  /// for a type, all of them in one call, before the first read. Checked: no two from one version; from each version
  /// whose payloads need not fit the next one (which only an upcaster makes possible: see define_schema) there is one;
  /// those for versions to come follow one another. From a version that has none to a compatible one a payload stays as
  /// it is. What was made must fit the newest version; if not, or if an upcaster fails or throws, that read ends with
  /// `schema_violation`, and with `unsupported` if one is needed and none was registered, naming context and sequence.
  /// Errors: `invalid_argument`, `not_found` (no schema).
  Status register_upcasters(std::string_view event_type, std::vector<Upcaster> upcasters);
  /// The schemas in force, by type.
  [[nodiscard]] std::vector<SchemaVersion> schemas() const;

  /// Returns once everything acknowledged before the call is in segments.
  Status flush();
  /// Merges segments until nothing is left to do by the policy of the background, or with CompactOptions::all until
  /// each shard has as few as may be; removed events go as they go in any merge. Flushes first, and looks at what was
  /// acknowledged by then. Waits for the work, which is done beside stores, flushes and reads, with what they leave of
  /// the processors, at the rate in force, also while compaction is paused; the background waits meanwhile. Errors:
  /// `cancelled`, `disk_full` (a merge needs room for its output beside disk_reserve_bytes), `corruption` naming the
  /// damaged file, `closing`, `io_error`; `invalid_argument` for a shard that there is not, and from a callback;
  /// `shard_failed` for one that could not be opened. After an error what was merged before stays so, and nothing is
  /// lost.
  Result<CompactReport> compact(const CompactOptions& options = {});
  /// No merge begins in the background until resume_compaction(), or until the directory is opened again; one that is
  /// on its way is given up at once, or ends within a moment if it is written already (see
  /// EngineStats::compactions_running). Nothing else waits: flushes make one segment after another, so replays look
  /// into more of them and removed events keep their space. Neither memory nor any bound changes: a segment costs a
  /// file name and, once it is read, its footer in memory. Pausing twice is pausing once.
  void pause_compaction();
  /// The background looks at once what there is to merge.
  void resume_compaction();
  /// Takes the place of EngineOptions::compaction_bytes_per_second_max, at once, until the engine is closed. 0: none.
  void set_compaction_rate(std::uint64_t bytes_per_second_max);
  /// Makes a backup in `target`, a directory that is missing or empty, while everything goes on: the state of each
  /// shard at one moment, with everything that was acknowledged as `synced` before the call. It is a backup once it has
  /// its manifest, which is written last; see <weir/backup.hpp> for the way back. Does its work in the calling thread.
  /// Errors: `invalid_argument`, `shard_failed`, `disk_full` (the target would keep less than disk_reserve_bytes free),
  /// `corruption` naming the damaged file, `cancelled`, `closing`, `io_error`; `invalid_argument` from a callback.
  Result<BackupReport> backup(const std::string& target, const BackupOptions& options = {}) const;
  [[nodiscard]] EngineStats stats() const;
  [[nodiscard]] Health health() const;
  /// The options in force; `shards` is the recorded number.
  [[nodiscard]] const EngineOptions& options() const noexcept;
  [[nodiscard]] ShardId shard_of(std::string_view context_id) const;

  /// Refuses new work, makes what was admitted durable, flushes shards holding over 1 MiB, seals the logs and lets go
  /// of the directory. `deadline_exceeded` if it took longer than the timeout: nothing acknowledged is lost, the next
  /// open reads it from the logs. Later calls answer `closing`; closing again is fine.
  Status close(std::optional<std::chrono::milliseconds> timeout_ms = std::nullopt);

  /// For weir's own adapters and tests: an engine round a core opened elsewhere.
  [[nodiscard]] static Engine adopt(std::shared_ptr<EngineCore> core);
  [[nodiscard]] const std::shared_ptr<EngineCore>& core() const noexcept { return core_; }

private:
  explicit Engine(std::shared_ptr<EngineCore> core);
  Result<Receipt> store_waiting(std::string_view context_id, std::span<Event> events, const StoreOptions& options);
  Result<Removal> remove(std::string_view context_id, Sequence before, bool closes);
  Ticket send_for_ticket(std::string_view context_id, std::span<Event> events, const StoreOptions& options,
                         bool refuse_when_full);
  std::shared_ptr<EngineCore> core_;
};

/// Checks every byte of every live file of a directory that nobody has open, or of a backup, changing nothing. Errors:
/// `corruption` for the first damage found (all of it in `findings`, if given), else as open(). `progress`, if given,
/// is called in the caller's thread after each segment; if it throws, the work ends with `invalid_argument`.
Status verify_directory(const std::string& directory, std::vector<std::string>* findings = nullptr,
                        const std::function<void(const VerifyProgress&)>& progress = nullptr);

} // namespace weir

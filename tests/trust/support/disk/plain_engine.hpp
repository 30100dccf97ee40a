// An engine on a simulated disk without actors and threads: jobs and messages run when a test says so.
//
// Purpose: tests crash and break the real path from store call to segment and catalog, step by step and thousands of
// times a second. Opening is the engine's own; what its actors would do with a message is done here, in the same order.
// Owner: a test. Threading: one thread. The disk outlives it, and so may crash images of it that were made meanwhile.
#pragma once

#include "actors/engine_parts.hpp"
#include "actors/shard_pump.hpp"
#include "engine/io/manual_clock.hpp"
#include "engine/io/manual_executor.hpp"
#include "engine/io/memory_file_system.hpp"
#include "engine/io/random.hpp"

#include <weir/compact_options.hpp>
#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/schema.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::trust {

class PlainEngine {
public:
  /// Options small enough that a few stores fill log files.
  static EngineOptions small_options(std::uint32_t shards);

  /// Opens, or creates, the directory on `fs`. SQLite draws the same random numbers after each call of this.
  static Result<std::unique_ptr<PlainEngine>> open(const io::MemoryFileSystem& fs, const EngineOptions& options);
  /// Whatever was posted and is due still runs; a test that wants a crash has taken its image before.
  ~PlainEngine();

  void submit(StorePtr command);
  /// One message or job, as `random` chooses. False if there is nothing to do.
  bool step(io::Random& random);
  /// Messages and jobs until none is left that is due.
  void settle();
  /// Lets time pass and settles.
  void pass(std::chrono::nanoseconds time);
  /// Freezes and flushes what the shard holds. The answer, once there is one.
  std::shared_ptr<std::optional<Status>> flush(ShardId shard);
  /// Starts the next merge of the shard's segments. False if none is wanted.
  bool merge(ShardId shard);
  /// As Engine::compact, with `go_on` (see Stepped) in the place of waiting.
  Result<CompactReport> compact(const CompactOptions& options, const std::function<bool()>& go_on);
  /// As Engine::remember and forget, for which the flush lane does all; `done` is told.
  void remember(const std::string& name, const Query& query, std::function<void(const Status&)> done);
  void forget(const std::string& name, std::function<void(const Status&)> done);
  /// As Engine::define_schema.
  void define_schema(Schema schema, std::function<void(const Result<std::uint32_t>&)> done);
  /// Records what the catalog is to know of retention.
  void set_retention(RetentionRecord record, std::function<void(const Status&)> done);
  /// As Engine::show.
  [[nodiscard]] Result<QueryResult> show(const std::string& name);
  /// Drains, syncs, seals and closes all, as Engine::close does.
  Status close();

  /// The `number`-th context id of those that begin with `prefix` and live in `shard`.
  [[nodiscard]] std::string context_in(ShardId shard, const std::string& prefix, unsigned number = 0) const;
  [[nodiscard]] std::vector<ShardView> views() const;
  [[nodiscard]] ShardParts& shard(ShardId number) { return *parts.shards[number]; }

  EngineParts parts;
  /// Called after each message or job; may be empty.
  std::function<void()> after_step;
  bool merged = false; ///< The last merge that has ended did so well.

private:
  PlainEngine() = default;
  void start();
  Status judge_call(StoreCommand& command) const;
  void start_flush(ShardId shard);
  void relieve();
  bool deliver();
  bool stepped(bool done);
  void post(std::function<void()> message) { messages_.push_back(std::move(message)); }

  struct PerShard {
    std::unique_ptr<ShardPump> pump;
    bool flushing = false;
  };
  io::ManualExecutor* executor_ = nullptr;
  io::ManualExecutor* lookups_ = nullptr;
  std::vector<PerShard> shards_;
  std::deque<std::function<void()>> messages_;
  bool ended_ = false;
};

} // namespace weir::trust

// One whole shard without actors or threads: pump, log, segments and catalog, moved on step by step.
//
// Purpose: tests choose the order in which messages, log, flush and look-up jobs happen, let time pass, break the disk,
// and open what a crash would leave. Threading: one thread.
#pragma once

#include "actors/engine_parts.hpp"
#include "actors/shard_pump.hpp"
#include "engine/io/manual_clock.hpp"
#include "engine/io/manual_executor.hpp"
#include "engine/io/memory_file_system.hpp"
#include "engine/io/random.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

/// The catalog's facts in memory, durable at once.
class MemoryCatalog final : public CatalogStore {
public:
  explicit MemoryCatalog(CatalogState state) : state_(std::move(state)) {}

  Result<CatalogState> load() override { return state_; }
  Status reserve_positions(Position until) override;
  Status publish_segment(const SegmentMeta& segment, std::uint64_t wal_cut_record,
                         std::uint64_t wal_first_file) override;
  Status replace_segments(std::span<const SegmentMeta> inputs, const SegmentMeta& merged, const Dropped&) override;
  Status add_schema(const SchemaRecord&) override { return fail_with ? Status(*fail_with) : Status(); }
  Status set_retention(const RetentionRecord&) override { return fail_with ? Status(*fail_with) : Status(); }
  Status close() override { return {}; }

  [[nodiscard]] const CatalogState& state() const noexcept { return state_; }
  std::optional<Error> fail_with; ///< Answered by every transaction while set.

private:
  CatalogState state_;
};

/// What survives a crash.
struct Remains {
  std::unique_ptr<io::MemoryFileSystem> fs;
  CatalogState catalog;
};

class ShardRig {
public:
  /// Options small enough for tests to reach every bound.
  static EngineOptions small_options();
  static Remains nothing();

  /// Opens what `remains`. `life` tells this rig's payloads from those of earlier ones.
  explicit ShardRig(EngineOptions options = small_options(), Remains remains = nothing(), int life = 1);
  ~ShardRig();

  struct Call {
    std::string context_id;
    Durability wanted = Durability::synced;
    std::uint32_t events = 1;
    std::string payload; ///< Of each of its events.
    std::optional<Result<Receipt>> answer;

    [[nodiscard]] bool acknowledged() const { return answer && answer->ok(); }
    [[nodiscard]] Errc code() const { return answer ? answer->code() : Errc::ok; }
  };
  /// Sends a call into the inbox; its answer turns up in the returned entry, which stays where it is.
  const Call& store(const std::string& context_id, Durability durability = Durability::synced, std::uint64_t sender = 0,
                    std::uint32_t events = 1);

  /// The same with these events and with an expectation.
  const Call& store_events(const std::string& context_id, const std::vector<Event>& events,
                           Durability durability = Durability::synced, std::uint64_t sender = 0,
                           Expectation expect = {});

  /// Removes the events of the context before this sequence; as store().
  const Call& remove(const std::string& context_id, Sequence before);

  /// Delivers the oldest message to the pump. False if there is none.
  bool deliver();
  /// One message or job, as `random` chooses. False if there is nothing to do.
  bool step(io::Random& random);
  /// Messages and jobs until none is left that is due.
  void settle();
  /// Lets time pass and settles.
  void pass(std::chrono::nanoseconds time);
  /// Freezes and flushes everything. The answer, once there is one.
  std::shared_ptr<std::optional<Status>> flush();
  /// Draws positions until no more than `count` are reserved.
  void leave_positions(std::uint64_t count);
  /// Off: frozen memtables are left alone until it is on again.
  void set_flushing(bool on);
  /// Syncs and seals, as a close of the engine does.
  Status close();

  /// What the context reads as now, its payloads by sequence; an error as text in angle brackets.
  [[nodiscard]] std::vector<std::string> read(std::string_view context_id);
  [[nodiscard]] Remains crash(const io::CrashPolicy& policy) const;

  io::MemoryFileSystem& fs() { return *fs_; }
  MemoryCatalog& catalog() { return *catalog_; }
  ShardLog& log() { return *shard_->log; }
  ShardTable& table() { return *shard_->table; }
  ShardParts& shard() { return *shard_; }

  // Before the parts, because calls that are dropped with them are answered, too.
  std::vector<Durability> answered; ///< In the order of the answers, successes only.
  std::deque<Call> calls;
  std::vector<std::string> warnings;
  std::optional<Error> failed;
  unsigned resets = 0;

  EngineParts parts;
  io::ManualClock* clock = nullptr;
  io::ManualExecutor* executor = nullptr;
  io::ManualExecutor* lookups = nullptr;
  std::unique_ptr<ShardPump> pump;

private:
  void open(const CatalogState& state);
  void listen();
  void start_flush();
  const Call& send(StorePtr command);
  void post(std::function<void()> message) { messages_.push_back(std::move(message)); }

  const int life_;
  io::MemoryFileSystem* fs_ = nullptr;
  MemoryCatalog* catalog_ = nullptr;
  ShardParts* shard_ = nullptr;
  bool flushing_ = true;
  std::deque<std::function<void()>> messages_; // the shard actor's mailbox
};

/// True for a write of a group (or of a seal) into a log file.
[[nodiscard]] bool is_log_write(const io::Call& call);
/// Fails the log writes number `first` to `last`, counted from now on, with `disk_full`.
[[nodiscard]] io::CallHook fail_log_writes(std::uint64_t first, std::uint64_t last);

} // namespace weir::test

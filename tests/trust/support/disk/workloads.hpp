// What engines do while tests crash and break the disk under them.
//
// Purpose: short lives of an engine, each around one thing that must be atomic or durable, on the real write path.
// Owner: a test. Threading: one thread. A workload never assumes that a call works: with a failing disk it goes as far
// as it can.
#pragma once

#include "engine/event_queue/queue_cursor.hpp"
#include "engine/io/memory_file_system.hpp"
#include "engine/io/random.hpp"
#include "trust/support/disk/ledger.hpp"
#include "trust/support/disk/plain_engine.hpp"

#include <weir/options.hpp>
#include <weir/retention.hpp>
#include <weir/schema.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir::trust {

/// A disk, the engine on it and the ledger of its calls.
class Life {
public:
  Life(std::string name, EngineOptions options, std::uint64_t seed);
  ~Life();

  /// Opens the engine; false if that failed.
  bool open();
  void store(const std::string& context_id, unsigned events = 1, std::size_t bytes = 60,
             Durability durability = Durability::synced);
  /// Stores, and runs until the answer is there.
  void store_now(const std::string& context_id, unsigned events = 1, std::size_t bytes = 60,
                 Durability durability = Durability::synced);
  /// The same with event ids.
  void store_once(const std::string& context_id, unsigned events = 1, std::size_t bytes = 60,
                  Durability durability = Durability::synced);
  /// With event ids, and only if what it demands holds.
  void store_if(const std::string& context_id, const Terms& terms, unsigned events = 1,
                Durability durability = Durability::synced);
  /// One call for two contexts of one shard, with event ids.
  void store_together(const std::string& one, const std::string& other, unsigned events = 1, std::size_t bytes = 60,
                      Durability durability = Durability::synced, const Terms& of_one = {},
                      const Expectation& of_other = {});
  /// Call `number` again. Whatever the answer is, it is not that of the first one.
  void retry(std::size_t number, Durability durability = Durability::synced);
  /// Truncates or deletes the context.
  void remove(const std::string& context_id, Sequence before, bool closes = false);
  void flush(ShardId shard = 0);
  void flush_now(ShardId shard = 0);
  void merge_now(ShardId shard = 0);
  /// compact(), during which `meanwhile` is called before each step with its number. False if it failed.
  bool compact(bool all, const std::function<void(unsigned step)>& meanwhile);
  void remember(const std::string& name, const std::string& text);
  void forget(const std::string& name);
  /// Defines a version of a type's schema; none may be on its way.
  void define(Schema schema);
  void set_rules(std::vector<RetentionRule> rules);
  /// A run of retention, which goes as far as it can.
  void retain();
  /// Shows a view, if it is there, and throws Broken if that is not what its query gives.
  void show(const std::string& name);
  void reserve_positions();
  /// One message or job, else time passes.
  void step_or_wait();
  /// Up to `count` messages or jobs, in an order of chance.
  void steps(unsigned count);
  void settle();
  void pass(std::chrono::milliseconds time);
  void close();
  /// The process ends here and the machine with it: what chance leaves of its disk is the new one.
  void crash();
  /// The process ends without leaving a trace of its end.
  void vanish();
  /// "a0", "a1" ... in the shard.
  [[nodiscard]] std::string context(ShardId shard, unsigned number = 0) const;

  [[nodiscard]] io::MemoryFileSystem& fs() noexcept { return *fs_; }
  [[nodiscard]] Ledger& ledger() noexcept { return ledger_; }
  [[nodiscard]] PlainEngine* engine() noexcept { return engine_.get(); }
  [[nodiscard]] const EngineOptions& options() const noexcept { return options_; }
  /// Retries that were told that they are some.
  [[nodiscard]] unsigned retries_known() const noexcept { return retries_known_; }

private:
  bool keep_retention(const RetentionRecord& record);
  void subscribe();
  void observe();
  void end_engine();

  EngineOptions options_;
  Ledger ledger_;
  unsigned retries_known_ = 0;
  std::unique_ptr<io::Random> random_;
  std::unique_ptr<io::MemoryFileSystem> fs_;
  std::unique_ptr<PlainEngine> engine_;
  std::optional<QueueCursor> subscriber_; ///< Reads the event queue after each step, from life to life.
};

struct Workload {
  const char* name;
  std::uint32_t shards = 1;
  void (*prepare)(Life&); ///< Done before anything is crashed or broken; may be null.
  void (*run)(Life&);
  bool (*reached)(Life&);        ///< Whether it did what it is for, when nothing failed.
  bool by_chance = false;        ///< Another seed makes it another one.
  bool calls_may_fail = true;    ///< A refused call is not made again: the ledger knows it by its place.
  bool crash_in_recovery = true; ///< Small enough for a second crash at every call of the recovery.
  std::uint64_t thin = 1;        ///< Where only a part is tried, of this one so much less.
};

/// Throws std::runtime_error unless `workload` did to `life`, undisturbed, what it is for.
void check_reached(const Workload& workload, Life& life);

[[nodiscard]] std::span<const Workload> workloads();
/// Those about queries: views, columns through compact(); part of the above.
[[nodiscard]] std::span<const Workload> query_workloads();
/// Those about calls that demand something; about schemas and retention; about consumers and snapshots; about backups.
[[nodiscard]] std::span<const Workload> condition_workloads();
[[nodiscard]] std::span<const Workload> catalog_workloads();
[[nodiscard]] std::span<const Workload> reader_workloads();
[[nodiscard]] std::span<const Workload> copy_workloads();

} // namespace weir::trust

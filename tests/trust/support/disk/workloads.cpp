#include "trust/support/disk/workloads.hpp"

#include <array>
#include <utility>

namespace weir::trust {

Life::Life(std::string name, EngineOptions options, std::uint64_t seed)
    : options_(std::move(options)), ledger_(std::move(name)), random_(io::make_seeded_random(seed)),
      fs_(std::make_unique<io::MemoryFileSystem>()) {
}

Life::~Life() {
  vanish();
}

bool Life::open() {
  auto opened = PlainEngine::open(*fs_, options_);
  if (opened)
    engine_ = std::move(*opened);
  return opened.ok();
}

void Life::store(const std::string& context_id, unsigned events, std::size_t bytes, Durability durability) {
  engine_->submit(ledger_.call(context_id, engine_->parts.router->shard_of(context_id), durability, events, bytes));
}

void Life::store_now(const std::string& context_id, unsigned events, std::size_t bytes, Durability durability) {
  store(context_id, events, bytes, durability);
  settle();
}

void Life::flush(ShardId shard) {
  static_cast<void>(engine_->flush(shard));
}

void Life::flush_now(ShardId shard) {
  flush(shard);
  settle();
}

void Life::merge_now(ShardId shard) {
  static_cast<void>(engine_->merge(shard));
  settle();
}

void Life::reserve_positions() {
  engine_->parts.reserve_positions();
  settle();
}

void Life::steps(unsigned count) {
  while (count-- > 0 && engine_->step(*random_)) {
  }
}

void Life::settle() {
  engine_->settle();
}

void Life::pass(std::chrono::milliseconds time) {
  engine_->pass(time);
}

void Life::close() {
  static_cast<void>(engine_->close().ok());
  ledger_.end_life();
  engine_.reset();
}

void Life::crash(const io::CrashPolicy& policy) {
  auto left = fs_->crash_image(policy);
  vanish();
  fs_ = std::move(left);
}

void Life::vanish() {
  ledger_.end_life();
  fs_->set_hook([](const io::Call&) { return std::optional(fail(Errc::io_error, "the process is dead")); });
  engine_.reset();
  fs_->set_hook({});
}

std::string Life::context(ShardId shard, unsigned number) const {
  return engine_->context_in(shard, "a", number);
}

namespace {

using namespace std::chrono_literals;

void opened(Life& life) {
  life.open();
}

/// Opened, with one event and a log in each shard.
void begun(Life& life) {
  life.open();
  for (ShardId shard = 0; shard < life.options().shards; ++shard)
    life.store_now(life.context(shard));
}

/// Three segments of shard 0 and a log behind them.
void flushed_thrice(Life& life) {
  begun(life);
  for (int round = 0; round < 3; ++round) {
    life.store_now(life.context(0, 0), 3);
    life.store_now(life.context(0, 1), 2);
    life.flush_now();
  }
  life.store_now(life.context(0, 2));
}

void create(Life& life) {
  if (life.open())
    life.close();
}

void first_store(Life& life) {
  life.store_now(life.context(0));
  life.store_now(life.context(0), 2);
}

void group_commit(Life& life) {
  for (int round = 0; round < 4; ++round) {
    for (unsigned i = 0; i < 4; ++i)
      life.store(life.context(0, i), 1 + i % 3);
    life.store(life.context(0, 0));
    life.steps(3); // the next round joins a group, or forms one while this is synced
  }
  life.settle();
}

void durabilities(Life& life) {
  for (const Durability durability : {Durability::buffered, Durability::written, Durability::synced,
                                      Durability::written, Durability::buffered, Durability::buffered}) {
    life.store_now(life.context(0, 0), 1, 60, durability);
    life.store_now(life.context(0, 1), 2, 60, Durability::written);
  }
  life.pass(150ms);
  life.store_now(life.context(0, 0), 1, 60, Durability::written);
}

void log_change_over(Life& life) {
  for (unsigned i = 0; i < 9; ++i)
    life.store_now(life.context(0, i % 2), 1, 1'000);
}

void recycle(Life& life) {
  for (unsigned round = 0; round < 2; ++round) {
    for (unsigned i = 0; i < 6; ++i)
      life.store_now(life.context(0, i % 3), 1, 900);
    life.flush_now();
  }
  for (unsigned i = 0; i < 5; ++i)
    life.store_now(life.context(0, i % 3), 1, 900);
}

void flush(Life& life) {
  for (unsigned i = 0; i < 3; ++i)
    life.store_now(life.context(0, i), 2);
  life.flush_now();
  life.store_now(life.context(0, 0));
}

void store_during_flush(Life& life) {
  for (unsigned i = 0; i < 3; ++i)
    life.store_now(life.context(0, i), 2, 300);
  life.flush();
  for (unsigned i = 0; i < 8; ++i) {
    life.store(life.context(0, i % 4), 1, 300);
    life.steps(2);
    if (i == 4)
      life.flush();
  }
  life.settle();
}

void two_shards_flush(Life& life) {
  for (unsigned i = 0; i < 6; ++i)
    life.store(life.context(i % 2, i % 3), 2);
  life.settle();
  life.flush(0);
  life.flush(1);
  for (unsigned i = 0; i < 6; ++i) {
    life.store(life.context(i % 2, i % 3));
    life.steps(3);
  }
  life.settle();
}

void compaction(Life& life) {
  life.merge_now();
  life.store_now(life.context(0, 1));
  life.flush_now();
  life.merge_now();
}

void store_during_compaction(Life& life) {
  static_cast<void>(life.engine()->merge(0));
  for (unsigned i = 0; i < 6; ++i) {
    life.store(life.context(0, i % 4));
    life.steps(2);
    if (i == 2)
      life.flush();
  }
  life.settle();
}

void catalog_commit(Life& life) {
  life.reserve_positions();
  life.store_now(life.context(0));
  life.flush_now();
  life.reserve_positions();
  life.reserve_positions();
}

void clean_close(Life& life) {
  life.store_now(life.context(0, 1), 3);
  life.store(life.context(0, 2));
  life.close();
}

/// A life that ended with unsynced events in its log and a flush half done.
void crashed(Life& life) {
  begun(life);
  for (unsigned i = 0; i < 5; ++i)
    life.store_now(life.context(0, i % 3), 2, 700);
  life.flush();
  life.store(life.context(0, 1), 1, 60, Durability::written);
  life.steps(6);
  life.crash(io::CrashPolicy::random_subset(5));
}

void reopen_after_crash(Life& life) {
  if (!life.open())
    return;
  life.store_now(life.context(0, 0));
  life.store_now(life.context(0, 1), 2);
  life.flush_now();
  life.store_now(life.context(0, 0));
}

void batch_of_1024(Life& life) {
  life.store_now(life.context(0, 0), 1'024, 80);
  life.store_now(life.context(0, 0));
}

void full_disk(Life& life) {
  life.fs().set_free_bytes(1 * MiB + 14 * KiB); // the reserve and less than two log files
  for (unsigned i = 0; i < 8; ++i)
    life.store_now(life.context(0, i % 2), 1, 1'500);
  life.fs().set_free_bytes(64 * MiB);
  life.pass(1s);
  life.store_now(life.context(0, 0));
}

constexpr std::array all_workloads{
    Workload{"create", 2, nullptr, create, true},
    Workload{"first_store", 1, opened, first_store, true},
    Workload{"group_commit", 1, begun, group_commit, true},
    Workload{"durabilities", 1, begun, durabilities, false},
    Workload{"log_change_over", 1, begun, log_change_over, true},
    Workload{"recycle", 1, begun, recycle, false},
    Workload{"flush", 1, begun, flush, true},
    Workload{"store_during_flush", 1, begun, store_during_flush, false},
    Workload{"two_shards_flush", 2, begun, two_shards_flush, false},
    Workload{"compaction", 1, flushed_thrice, compaction, true},
    Workload{"store_during_compaction", 1, flushed_thrice, store_during_compaction, false},
    Workload{"catalog_commit", 1, begun, catalog_commit, true},
    Workload{"clean_close", 1, begun, clean_close, true},
    Workload{"reopen_after_crash", 1, crashed, reopen_after_crash, true},
    Workload{"batch_of_1024", 1, begun, batch_of_1024, false},
    Workload{"full_disk", 1, begun, full_disk, false},
};

} // namespace

std::span<const Workload> workloads() {
  return all_workloads;
}

} // namespace weir::trust

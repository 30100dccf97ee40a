#include "trust/support/disk/workloads.hpp"

#include "wal/paths.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

namespace weir::trust {

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

/// A group that was only written must be on the disk before a later file may hold one that is synced.
void written_change_over(Life& life) {
  for (unsigned i = 0; i < 12; ++i)
    life.store_now(life.context(0, i % 2), 1, 1'000, Durability::written);
  life.store_now(life.context(0, 0));
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
    life.store(life.context(0, i % 4), 1, 1'000); // fills files: the one behind the cut is not the one in use
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
  life.crash();
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
  life.fs().set_free_bytes(1 * MiB + 6 * KiB); // the reserve, and less than a log file
  for (unsigned i = 0; i < 12; ++i) {
    life.store_now(life.context(0, i % 2), 1, 1'500);
    life.pass(100ms);
  }
  life.flush_now();
  life.fs().set_free_bytes(64 * MiB);
  life.pass(1s);
  life.store_now(life.context(0, 0));
}

/// No reserve: the disk is full in the middle of whatever is written.
void no_byte_left(Life& life) {
  life.fs().set_free_bytes(3 * KiB);
  for (unsigned i = 0; i < 6; ++i)
    life.store_now(life.context(0, i % 2), 1, 3'000);
  life.flush_now();
  life.fs().set_free_bytes(64 * MiB);
  life.pass(5s);
  life.store_now(life.context(0, 0));
}

/// The first call of the ledger is that of begun(). Calls are retried while they are on their way, in memory, during a
/// flush, and from a segment.
void retries(Life& life) {
  for (unsigned i = 0; i < 4; ++i) {
    life.store_once(life.context(0, i % 2), 1 + i % 2, 60, i % 2 == 0 ? Durability::synced : Durability::written);
    life.retry(1 + i);
    life.steps(3);
  }
  life.settle();
  life.flush();
  for (std::size_t call = 1; call <= 4; ++call) {
    life.retry(call);
    life.steps(4);
  }
  life.settle();
  life.store_once(life.context(0, 0));
  life.retry(2);
  life.retry(5);
  life.settle();
}

/// Calls for two contexts, alone and among others, small and larger than a block, into both a memtable and a segment.
void together(Life& life) {
  for (unsigned i = 0; i < 3; ++i) {
    life.store_together(life.context(0, i), life.context(0, i + 1), 1 + i, i == 1 ? 5'000 : 60,
                        i == 2 ? Durability::written : Durability::synced);
    life.store(life.context(0, i));
    life.steps(2 * i);
  }
  life.settle();
  life.flush();
  life.store_together(life.context(0, 1), life.context(0, 2));
  life.steps(4);
  life.store_together(life.context(0, 3), life.context(0, 0), 2);
  life.settle();
}

/// Removals on their way together with stores, in memory, in segments and in a merge; one context is closed. All events
/// of contexts that go on have ids, so merges leave stubs of them.
void removals(Life& life) {
  const std::string truncated = life.context(0, 1), closed = life.context(0, 2), live = life.context(0, 3);
  life.store_once(truncated, 3);
  life.store_once(closed, 2);
  life.remove(truncated, 2);
  life.steps(3);
  life.flush_now();
  life.remove(closed, sequence_max, true);
  life.store_once(truncated, 2);
  life.steps(5);
  life.remove(truncated, 5);
  life.settle();
  life.flush_now();
  life.remove(truncated, 3); // holds already
  life.store_once(live);
  life.settle();
  life.flush_now();
  life.merge_now();
  life.remove(truncated, sequence_max);
  life.store_once(truncated);
  life.settle();
}

bool all_acknowledged(Life& life) {
  const auto& calls = life.ledger().calls();
  return std::all_of(calls.begin(), calls.end(), [](const StoredCall& call) { return call.acknowledged(); });
}

std::size_t segments_of(Life& life, ShardId shard) {
  return life.engine()->shard(shard).table->view().segments->size();
}

template <std::size_t count> bool flushed(Life& life) {
  for (ShardId shard = 0; shard < life.options().shards; ++shard)
    if (segments_of(life, shard) < count)
      return false;
  return all_acknowledged(life);
}

template <std::uint64_t file> bool changed_over_to(Life& life) {
  return all_acknowledged(life) && life.fs().stat(wal::file_path(0, file)).ok();
}

bool recycled(Life& life) {
  // Files of all lives of the log, and fewer of them on the disk than were used.
  const auto names = life.fs().list(wal::shard_directory(0));
  return flushed<2>(life) && life.fs().stat(wal::file_path(0, 1)).code() == Errc::not_found && names->size() < 8;
}

bool merged(Life& life) {
  return all_acknowledged(life) && life.engine()->merged && life.engine()->shard(0).compactions.load() != 0;
}

bool retried(Life& life) {
  return flushed<1>(life) && life.retries_known() == 10;
}

bool all_removed(Life& life) {
  const auto& removals = life.ledger().removals();
  return merged(life) && removals.size() == 5 &&
         std::all_of(removals.begin(), removals.end(),
                     [](const AskedRemoval& removal) { return removal.answer && removal.answer->ok(); });
}

bool closed(Life& life) {
  return all_acknowledged(life) && life.engine() == nullptr;
}

bool went_on(Life& life) {
  const auto& calls = life.ledger().calls();
  return calls.back().acknowledged() && segments_of(life, 0) != 0;
}

bool was_full(Life& life) {
  const auto& calls = life.ledger().calls();
  return calls.back().acknowledged() && std::any_of(calls.begin(), calls.end(), [](const StoredCall& call) {
           return call.answer && call.answer->code() == Errc::disk_full;
         });
}

constexpr std::array all_workloads{
    Workload{.name = "create", .shards = 2, .prepare = nullptr, .run = create, .reached = closed},
    Workload{.name = "first_store", .prepare = opened, .run = first_store, .reached = changed_over_to<1>},
    Workload{
        .name = "group_commit", .prepare = begun, .run = group_commit, .reached = all_acknowledged, .by_chance = true},
    Workload{.name = "durabilities", .prepare = begun, .run = durabilities, .reached = all_acknowledged},
    Workload{.name = "log_change_over", .prepare = begun, .run = log_change_over, .reached = changed_over_to<3>},
    Workload{
        .name = "written_change_over", .prepare = begun, .run = written_change_over, .reached = changed_over_to<2>},
    Workload{.name = "recycle", .prepare = begun, .run = recycle, .reached = recycled},
    Workload{.name = "flush", .prepare = begun, .run = flush, .reached = flushed<1>},
    Workload{.name = "store_during_flush",
             .prepare = begun,
             .run = store_during_flush,
             .reached = flushed<2>,
             .by_chance = true},
    Workload{.name = "two_shards_flush",
             .shards = 2,
             .prepare = begun,
             .run = two_shards_flush,
             .reached = flushed<1>,
             .by_chance = true},
    Workload{.name = "compaction", .prepare = flushed_thrice, .run = compaction, .reached = merged},
    Workload{.name = "store_during_compaction",
             .prepare = flushed_thrice,
             .run = store_during_compaction,
             .reached = merged,
             .by_chance = true},
    Workload{.name = "catalog_commit", .prepare = begun, .run = catalog_commit, .reached = flushed<1>},
    Workload{.name = "clean_close", .prepare = begun, .run = clean_close, .reached = closed},
    Workload{.name = "reopen_after_crash",
             .prepare = crashed,
             .run = reopen_after_crash,
             .reached = went_on,
             .by_chance = true},
    Workload{.name = "retries",
             .prepare = begun,
             .run = retries,
             .reached = retried,
             .by_chance = true,
             .calls_may_fail = false},
    Workload{.name = "together", .prepare = begun, .run = together, .reached = flushed<1>, .by_chance = true},
    Workload{.name = "removals", .prepare = begun, .run = removals, .reached = all_removed, .by_chance = true},
    Workload{.name = "batch_of_1024",
             .prepare = begun,
             .run = batch_of_1024,
             .reached = all_acknowledged,
             .crash_in_recovery = false},
    Workload{.name = "full_disk", .prepare = begun, .run = full_disk, .reached = was_full},
    Workload{.name = "no_byte_left", .prepare = begun, .run = no_byte_left, .reached = was_full},
};

} // namespace

std::span<const Workload> workloads() {
  static const std::vector<Workload> all = [] {
    std::vector<Workload> joined(all_workloads.begin(), all_workloads.end());
    for (const auto more :
         {query_workloads(), condition_workloads(), catalog_workloads(), reader_workloads(), copy_workloads()})
      joined.insert(joined.end(), more.begin(), more.end());
    return joined;
  }();
  return all;
}

void check_reached(const Workload& workload, Life& life) {
  if (!workload.reached(life))
    throw std::runtime_error(std::string("the workload ") + workload.name + " does not do what it is for");
}

} // namespace weir::trust

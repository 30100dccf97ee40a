#include "trust/support/disk/workloads.hpp"

#include "engine/query/executor.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <vector>

namespace weir::trust {

namespace {

constexpr const char* per_context =
    "QUERY stored COUNT, TOTAL payload.call, MAX payload.event, LAST payload.more BY context_id";
constexpr const char* of_some = "QUERY * WHERE payload.event >= 1 AND NOT payload.more LIKE 'a%' COUNT BY payload.from";
constexpr const char* newest = "QUERY * RETURN [context_id, payload.call, payload] ORDER BY position DESC LIMIT 4";

bool everything_acknowledged(Life& life) {
  const Ledger& ledger = life.ledger();
  const auto ok = [](const auto& asked) { return asked.answer && asked.answer->ok(); };
  return std::all_of(ledger.calls().begin(), ledger.calls().end(), ok) &&
         std::all_of(ledger.removals().begin(), ledger.removals().end(), ok) &&
         std::all_of(ledger.views().begin(), ledger.views().end(), ok);
}

void show_all(Life& life) {
  for (const char* name : {"per_context", "of_some", "newest"})
    life.show(name);
}

/// Three segments, whose fields are columns, and a log behind them. All events have ids, so merges leave stubs of them.
void three_segments(Life& life) {
  life.open();
  for (unsigned round = 0; round < 3; ++round) {
    for (unsigned i = 0; i < 4; ++i)
      life.store_once(life.context(0, i), 3 + i % 2, i == round ? 200 : 60);
    life.settle();
    life.flush_now();
  }
  life.store_once(life.context(0, 0), 2);
  life.settle();
}

void remembered(Life& life) {
  three_segments(life);
  life.remember("per_context", per_context);
  life.settle();
  show_all(life);
}

/// Stores, flushes and removals come while compact() is at work, which leaves out what was removed before.
void compact_beside_others(Life& life) {
  const std::string truncated = life.context(0, 1), closed = life.context(0, 2);
  life.remove(truncated, 4);
  life.settle();
  life.flush_now();
  const std::vector<std::function<void()>> others = {
      [&] { life.store_once(life.context(0, 3), 2); },
      [&] { life.remove(closed, sequence_max, true); },
      [&] { life.flush(); },
      [&] { life.remove(truncated, 6); },
      [&] { life.store_once(truncated, 2); },
  };
  std::size_t next = 0;
  life.compact(true, [&](unsigned step) {
    if (step % 2 == 0 && next < others.size())
      others[next++]();
  });
  while (next < others.size())
    others[next++]();
  life.settle();
  life.flush_now();
  life.compact(true, [](unsigned) {});
  life.settle();
}

/// A merge of the background is given up for a pause, another does not begin, one that somebody asks for runs all the
/// same, and then the background goes on.
void paused_merges(Life& life) {
  CompactionControl& control = life.engine()->parts.compaction;
  static_cast<void>(life.engine()->merge(0));
  control.pause();
  life.store_once(life.context(0, 1), 2);
  life.settle();
  life.merge_now();
  life.flush_now();
  control.set_rate(64 * KiB);
  life.compact(false, [](unsigned) {});
  life.remove(life.context(0, 0), 5);
  control.resume();
  for (unsigned round = 0; round < 2; ++round) {
    life.store_once(life.context(0, 4), 3);
    life.settle();
    life.flush_now();
  }
  life.merge_now();
}

void views(Life& life) {
  life.remember("of_some", of_some);
  life.store_once(life.context(0, 1), 2);
  life.steps(2);
  life.show("per_context");
  life.settle();
  life.remember("newest", newest);
  life.forget("per_context");
  life.store_once(life.context(0, 2), 1, 60, Durability::written);
  life.steps(4);
  show_all(life);
  life.flush();
  life.remember("per_context", newest); // another query under the name of one that is forgotten
  life.steps(3);
  show_all(life);
  life.settle();
  show_all(life);
  life.remove(life.context(0, 1), 3);
  life.steps(2);
  show_all(life);
  life.settle();
  life.compact(true, [&](unsigned) { life.show("of_some"); });
  show_all(life);
  life.forget("of_some");
  life.settle();
  life.store_once(life.context(0, 0));
  life.settle();
  show_all(life);
}

/// Whether segments answer a query of a field by its columns.
bool has_columns(Life& life) {
  const auto summed = query::run(*parse_query("QUERY * TOTAL payload.call"), life.engine()->views(), {});
  return summed && summed->stats.field_columns != 0;
}

bool compacted(Life& life) {
  return everything_acknowledged(life) && has_columns(life) && life.ledger().removals().size() == 3 &&
         life.engine()->shard(0).table->view().segments->size() == 1 && life.engine()->shard(0).compactions.load() >= 2;
}

bool background_merged(Life& life) {
  return everything_acknowledged(life) && life.engine()->merged && life.engine()->shard(0).compactions.load() >= 2;
}

bool defined(Life& life) {
  return everything_acknowledged(life) && life.engine()->parts.views.all().size() == 2 &&
         life.ledger().views().size() == 6;
}

constexpr std::array workloads_of_queries{
    Workload{.name = "compact",
             .prepare = three_segments,
             .run = compact_beside_others,
             .reached = compacted,
             .by_chance = true,
             .crash_in_recovery = false},
    Workload{.name = "paused_merges",
             .prepare = three_segments,
             .run = paused_merges,
             .reached = background_merged,
             .by_chance = true,
             .crash_in_recovery = false},
    Workload{.name = "views", .prepare = remembered, .run = views, .reached = defined, .by_chance = true},
};

} // namespace

std::span<const Workload> query_workloads() {
  return workloads_of_queries;
}

} // namespace weir::trust

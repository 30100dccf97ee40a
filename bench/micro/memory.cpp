// The memtable: events in, contexts found, events out.
#include "bench/micro/orders.hpp"
#include "engine/memtable.hpp"
#include "engine/ports.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::bench {
namespace {

/// 65,536 events in groups of 256, into a memtable that begins empty.
void memtable_insert(benchmark::State& state) {
  std::vector<std::vector<std::string_view>> calls;
  for (const auto& group : groups())
    calls.push_back(group->bodies());
  for (auto _ : state) {
    auto memtable = std::make_unique<Memtable>(micro_seed);
    std::uint64_t record = 1;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      memtable->apply(groups()[i], calls[i], record, groups()[i]->bytes());
      memtable->publish();
      record += calls[i].size();
    }
    state.PauseTiming();
    memtable.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(micro_events));
}
BENCHMARK(memtable_insert)->Unit(benchmark::kMillisecond);

void memtable_find_context(benchmark::State& state) {
  const MemtableView view(filled_memtable());
  std::size_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(view.find_context(asked_contexts()[i++ % micro_events]));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(memtable_find_context);

void memtable_find_no_context(benchmark::State& state) {
  const MemtableView view(filled_memtable());
  const std::vector<std::string> absent = absent_contexts();
  std::size_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(view.find_context(absent[i++ % absent.size()]));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(memtable_find_no_context);

/// A context's events as a replay gets them; an item is an event.
void memtable_read_context(benchmark::State& state) {
  const MemtableView view(filled_memtable());
  EventBatch batch;
  std::size_t context = 0;
  std::size_t events = 0;
  for (auto _ : state) {
    batch.clear();
    view.read_context(orders().context_id(context++ % micro_contexts), {}, {}, batch);
    events += batch.size();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(events));
}
BENCHMARK(memtable_read_context);

/// All events in the order in which a flush wants them.
void memtable_walk_sorted(benchmark::State& state) {
  const MemtableView view(filled_memtable());
  for (auto _ : state) {
    const auto events = view.sorted();
    for (EventView event; events->next(event);)
      benchmark::DoNotOptimize(event);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(micro_events));
}
BENCHMARK(memtable_walk_sorted)->Unit(benchmark::kMillisecond);

} // namespace
} // namespace weir::bench

// A query's inner loops: conditions over the columns of a zone, and whole queries over one segment in memory.
#include "bench/micro/orders.hpp"
#include "bench/must.hpp"
#include "engine/io/memory_file_system.hpp"
#include "engine/query/column_loops.hpp"
#include "engine/query/executor.hpp"
#include "engine/query/outcome_bits.hpp"
#include "engine/query/value_steps.hpp"
#include "segments/block_cache.hpp"
#include "segments/segment_files.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace weir::bench {
namespace {

constexpr std::size_t zone_rows = 4'096;
constexpr std::uint64_t cache_bytes = 64U << 20U;

template <class T> std::vector<T> random_values(std::uint64_t below) {
  std::mt19937_64 random(micro_seed);
  std::vector<T> values(zone_rows);
  for (T& value : values)
    value = static_cast<T>(random() % below);
  return values;
}

/// An item is a row, here and below.
template <class T> void column_range(benchmark::State& state) {
  const auto values = random_values<T>(1'000);
  query::RowBits rows(zone_rows);
  for (auto _ : state) {
    query::mark_range<T>(values, 100, 200, rows.words());
    benchmark::DoNotOptimize(rows.words().data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(zone_rows));
}
BENCHMARK(column_range<std::int64_t>);
BENCHMARK(column_range<double>);

/// Texts by their codes: what each different text is was found out before.
void column_codes(benchmark::State& state) {
  const auto codes = random_values<std::uint32_t>(static_cast<std::uint64_t>(state.range(0)));
  std::vector<std::uint8_t> table(static_cast<std::size_t>(state.range(0)));
  table.front() = 1;
  query::RowBits rows(zone_rows);
  for (auto _ : state) {
    query::mark_codes(codes, table, rows.words());
    benchmark::DoNotOptimize(rows.words().data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(zone_rows));
}
BENCHMARK(column_codes)->Arg(8)->Arg(4'096);

/// `x IN (...)` with so many numbers: passes over the column for few, a search per row for many.
void column_steps(benchmark::State& state) {
  std::vector<Value> literals;
  for (std::int64_t i = 0; i < state.range(0); ++i)
    literals.emplace_back(i * 7);
  const auto of = [&](const query::ValueView& view) {
    return query::Outcomes::of(view.integer % 7 == 0 && view.integer >= 0 && view.integer / 7 < state.range(0));
  };
  const query::ValueSteps<query::IntegerDomain> steps(literals, of);
  const auto values = random_values<std::int64_t>(1'000);
  query::OutcomeBits outcomes(zone_rows);
  for (auto _ : state) {
    steps.evaluate(values, outcomes);
    benchmark::DoNotOptimize(outcomes.may_be_true().data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(zone_rows));
}
BENCHMARK(column_steps)->Arg(1)->Arg(8)->Arg(100);

/// All of orders() in one segment, blocks cached.
void run_query(benchmark::State& state, const std::string& text, bool columns) {
  io::MemoryFileSystem disk;
  segments::BlockCache cache(cache_bytes);
  segments::SegmentFiles files(disk, cache, {.directory_seed = micro_seed});
  const auto events = MemtableView(filled_memtable()).sorted();
  ShardView view;
  view.segments = std::make_shared<const SegmentList>(SegmentList{must(files.open(must(files.write(0, 1, *events))))});
  const std::vector<ShardView> views{view};
  const Query plan = must(parse_query(text));
  query::QueryControl control;
  control.columns = columns;
  std::size_t rows = 0;
  for (auto _ : state)
    rows += must(query::run(plan, views, control)).rows.size();
  benchmark::DoNotOptimize(rows);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(micro_events));
}

void query_condition(benchmark::State& state) {
  run_query(state, "QUERY order_placed WHERE payload.amount > 500 COUNT", state.range(0) != 0);
}
BENCHMARK(query_condition)->Arg(1)->Arg(0);

void query_groups(benchmark::State& state) {
  run_query(state, "QUERY * COUNT, TOTAL payload.amount BY event_type", state.range(0) != 0);
}
BENCHMARK(query_groups)->Arg(1)->Arg(0);

} // namespace
} // namespace weir::bench

// A segment in memory: contexts found, blocks decoded, events out; with blocks from the cache and without one.
#include "bench/micro/orders.hpp"
#include "bench/must.hpp"
#include "engine/io/memory_file_system.hpp"
#include "segments/block_cache.hpp"
#include "segments/codec.hpp"
#include "segments/segment_files.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace weir::bench {
namespace {

constexpr std::uint64_t cache_bytes = 64U << 20U;

/// All of orders() in one segment.
class OneSegment {
public:
  explicit OneSegment(std::uint64_t cache_budget_bytes)
      : cache_(cache_budget_bytes), files_(disk_, cache_, {.directory_seed = micro_seed}) {
    const auto events = MemtableView(filled_memtable()).sorted();
    reader_ = must(files_.open(must(files_.write(0, 1, *events))));
  }
  [[nodiscard]] const SegmentReader& reader() const { return *reader_; }

private:
  io::MemoryFileSystem disk_;
  segments::BlockCache cache_;
  segments::SegmentFiles files_;
  std::shared_ptr<const SegmentReader> reader_;
};

void segment_find_context(benchmark::State& state) {
  const OneSegment segment(cache_bytes);
  std::size_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(segment.reader().find_context(asked_contexts()[i++ % micro_events]));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(segment_find_context);

/// What the filter answers.
void segment_find_no_context(benchmark::State& state) {
  const OneSegment segment(cache_bytes);
  const std::vector<std::string> absent = absent_contexts();
  std::size_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(segment.reader().find_context(absent[i++ % absent.size()]));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(segment_find_no_context);

/// A context's events as a replay gets them; an item is an event. 0: nothing is cached, each block is read, checked
/// and decoded.
void segment_read_context(benchmark::State& state) {
  const OneSegment segment(static_cast<std::uint64_t>(state.range(0)));
  EventBatch batch;
  std::size_t context = 0;
  std::size_t events = 0;
  for (auto _ : state) {
    batch.clear();
    must(segment.reader().read_context(orders().context_id(context++ % micro_contexts), {}, {}, batch));
    events += batch.size();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(events));
}
BENCHMARK(segment_read_context)->ArgName("cache")->Arg(0)->Arg(cache_bytes);

/// Every zone with all its columns and payloads; an item is an event.
void segment_read_zone(benchmark::State& state) {
  const OneSegment segment(static_cast<std::uint64_t>(state.range(0)));
  const std::size_t zones = must(segment.reader().zones()).size();
  std::size_t zone = 0;
  std::size_t events = 0;
  for (auto _ : state)
    events += must(segment.reader().read_zone(zone++ % zones, columns_all))->rows();
  state.SetItemsProcessed(static_cast<std::int64_t>(events));
}
BENCHMARK(segment_read_zone)->ArgName("cache")->Arg(0)->Arg(cache_bytes)->Unit(benchmark::kMicrosecond);

/// What a flush does but for the disk; an item is an event.
void segment_write(benchmark::State& state) {
  const MemtableView view(filled_memtable());
  for (auto _ : state) {
    io::MemoryFileSystem disk;
    segments::BlockCache cache(0);
    segments::SegmentFiles files(disk, cache, {.directory_seed = micro_seed});
    const auto events = view.sorted();
    benchmark::DoNotOptimize(must(files.write(0, 1, *events)));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(micro_events));
}
BENCHMARK(segment_write)->Unit(benchmark::kMillisecond);

/// Four segments into one, what is written being read back; an item is an event.
void segment_merge(benchmark::State& state) {
  constexpr std::size_t parts = 4;
  io::MemoryFileSystem disk;
  segments::BlockCache cache(0);
  segments::SegmentFiles files(disk, cache, {.directory_seed = micro_seed});
  std::vector<SegmentMeta> inputs;
  const std::size_t groups_each = groups().size() / parts;
  for (std::size_t part = 0; part < parts; ++part) {
    auto memtable = std::make_shared<Memtable>(micro_seed);
    for (std::size_t i = part * groups_each; i < (part + 1) * groups_each; ++i)
      memtable->apply(groups()[i], groups()[i]->bodies(), i * micro_group_calls + 1, groups()[i]->bytes());
    memtable->publish();
    inputs.push_back(must(files.write(0, part + 1, *MemtableView(memtable).sorted())));
  }
  for (auto _ : state) {
    const auto merged = must(files.merge(inputs, parts + 1, [] { return Status{}; }, {}));
    state.PauseTiming();
    must(files.remove(merged.meta));
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(micro_events));
}
BENCHMARK(segment_merge)->Unit(benchmark::kMillisecond);

/// Neighbouring payloads of one context after another, as they lie in a segment.
std::string payload_block() {
  const auto events = MemtableView(filled_memtable()).sorted();
  std::string raw;
  for (EventView event; raw.size() < segments::block_bytes_target && events->next(event);)
    raw += event.payload;
  return raw;
}

void block_encode(benchmark::State& state) {
  const std::string raw = payload_block();
  segments::BlockEncoder encoder;
  std::string stored;
  for (auto _ : state) {
    stored.clear();
    benchmark::DoNotOptimize(encoder.encode(raw, segments::BlockKind::payloads, stored));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(raw.size()));
}
BENCHMARK(block_encode);

void block_decode(benchmark::State& state) {
  const std::string raw = payload_block();
  std::string stored;
  const auto codec =
      static_cast<std::uint8_t>(segments::BlockEncoder().encode(raw, segments::BlockKind::payloads, stored));
  std::string decoded(raw.size(), '\0');
  for (auto _ : state) {
    if (!segments::decode_block(codec, std::as_bytes(std::span(stored)), std::as_writable_bytes(std::span(decoded))))
      throw std::runtime_error("a block does not decode");
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(raw.size()));
}
BENCHMARK(block_decode);

} // namespace
} // namespace weir::bench

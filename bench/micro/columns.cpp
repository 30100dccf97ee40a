// Payload fields as columns: what a flush pays for them an event, and how fast a query gets them as arrays.
#include "bench/micro/orders.hpp"
#include "bench/must.hpp"
#include "engine/io/memory_file_system.hpp"
#include "engine/json/field_reader.hpp"
#include "segments/block_cache.hpp"
#include "segments/field_writer.hpp"
#include "segments/segment_files.hpp"
#include "segments/segment_output.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace weir::bench {
namespace {

constexpr std::uint32_t zone_rows = 4'096;

/// The scalars of a payload, by path; an item is an event.
void fields_read(benchmark::State& state) {
  json::FieldReader reader({}, segments::field_paths_max);
  std::unordered_map<std::string_view, std::uint32_t> types;
  std::vector<std::uint32_t> kinds;
  for (std::size_t row = 0; row < micro_events; ++row)
    kinds.push_back(
        types.emplace(orders().row(row).event_type, static_cast<std::uint32_t>(types.size())).first->second);
  std::size_t i = 0;
  for (auto _ : state) {
    const std::size_t row = i++ % micro_events;
    if (!reader.read(orders().row(row).payload, kinds[row]))
      throw std::runtime_error("a payload is no JSON");
    benchmark::DoNotOptimize(reader.values().data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(fields_read);

/// All that columns add to the writing of a segment; an item is an event.
void fields_write(benchmark::State& state) {
  const auto sorted = MemtableView(filled_memtable()).sorted();
  std::vector<std::string> payloads;
  std::unordered_map<std::string_view, std::uint32_t> numbers;
  std::vector<std::uint32_t> types;
  for (EventView event; sorted->next(event);) {
    payloads.emplace_back(event.payload).append(json::FieldReader::padding_bytes, '\0');
    types.push_back(numbers.emplace(event.event_type, static_cast<std::uint32_t>(numbers.size())).first->second);
  }
  for (auto _ : state) {
    io::MemoryFileSystem disk;
    const auto file = must(disk.open("columns", io::OpenMode::create));
    segments::SegmentOutput out(*file, micro_seed);
    segments::FieldWriter writer(out, zone_rows, 10, nullptr);
    EventView event;
    for (std::size_t i = 0; i < payloads.size(); ++i) {
      event.payload = std::string_view(payloads[i]).substr(0, payloads[i].size() - json::FieldReader::padding_bytes);
      writer.add(event, event.payload, types[i]);
      if ((i + 1) % zone_rows == 0)
        writer.write_zone();
    }
    benchmark::DoNotOptimize(writer.finish());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(payloads.size()));
}
BENCHMARK(fields_write)->Unit(benchmark::kMillisecond);

/// One field of a segment in memory as arrays, zone after zone; an item is a row.
void field_decode(benchmark::State& state, const json::Path& path) {
  io::MemoryFileSystem disk;
  segments::BlockCache cache(64U << 20U);
  segments::SegmentFiles files(disk, cache, {.directory_seed = micro_seed});
  const auto events = MemtableView(filled_memtable()).sorted();
  const auto reader = must(files.open(must(files.write(0, 1, *events))));
  const auto fields = must(reader->fields());
  std::size_t field = 0;
  while (field < fields.size() && fields[field].path != path)
    ++field;
  if (field == fields.size())
    throw std::runtime_error("the segment has no such field");
  const std::size_t zones = must(reader->zones()).size();
  std::size_t zone = 0, rows = 0;
  for (auto _ : state)
    rows += must(reader->read_columns(zone++ % zones, 0, {&field, 1}))->rows();
  state.SetItemsProcessed(static_cast<std::int64_t>(rows));
}
BENCHMARK_CAPTURE(field_decode, integers, json::Path{"revision"});
BENCHMARK_CAPTURE(field_decode, doubles, json::Path{"amount"});
BENCHMARK_CAPTURE(field_decode, strings, json::Path{"channel"});
BENCHMARK_CAPTURE(field_decode, nested, json::Path{"item", "quantity"});

} // namespace
} // namespace weir::bench

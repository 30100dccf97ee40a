// What an event costs on its way into the log, without the disk: judged, encoded, put into a group, checksummed.
#include "bench/micro/orders.hpp"
#include "engine/event_codec.hpp"
#include "engine/json/json.hpp"
#include "wal/group.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace weir::bench {
namespace {

void json_validate(benchmark::State& state) {
  std::size_t i = 0;
  std::size_t bytes = 0;
  for (auto _ : state) {
    const auto payload = orders().row(i++ % orders().size()).payload;
    benchmark::DoNotOptimize(json::validate_object(payload, "payload"));
    bytes += payload.size();
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(json_validate);

void call_encode(benchmark::State& state) {
  std::vector<Event> events;
  for (std::size_t i = 0; i < 1'024; ++i)
    events.push_back(event_of(orders().row(i)));
  std::string call;
  std::size_t i = 0;
  for (auto _ : state) {
    const Event& event = events[i++ % events.size()];
    call.clear();
    encode_call(event.context_id, std::span(&event, 1), call);
    benchmark::DoNotOptimize(call.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(call_encode);

/// A group of so many calls: copied into one buffer, framed and checksummed.
void group_encode(benchmark::State& state) {
  const auto calls = static_cast<std::size_t>(state.range(0));
  std::size_t bytes = 0;
  std::size_t next = 0;
  for (auto _ : state) {
    wal::Group group(calls * 512);
    for (std::size_t i = 0; i < calls; ++i)
      group.add(numbered_calls()[next++ % micro_events]);
    benchmark::DoNotOptimize(group.frame(micro_seed, 4'096, 1, 4'096).data());
    bytes += group.bytes();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(group_encode)->Arg(1)->Arg(16)->Arg(256)->Arg(1'024);

/// Framing and checksums alone.
void group_checksum(benchmark::State& state) {
  wal::Group group(micro_group_calls * 512);
  for (std::size_t i = 0; i < micro_group_calls; ++i)
    group.add(numbered_calls()[i]);
  for (auto _ : state)
    benchmark::DoNotOptimize(group.frame(micro_seed, 4'096, 1, 4'096).data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(micro_group_calls));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(group.bytes()));
}
BENCHMARK(group_checksum);

} // namespace
} // namespace weir::bench

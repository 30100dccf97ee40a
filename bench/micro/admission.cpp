// The bounded inbox: commands in from senders, out to the shard.
#include "engine/shard_inbox.hpp"
#include "engine/store_command.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace weir::bench {
namespace {

/// So many commands pushed by one thread, then drained by it: no thread waits for another.
void inbox_push_and_drain(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::size_t wakes = 0;
  ShardInbox inbox({}, [&wakes] { ++wakes; });
  std::vector<StorePtr> commands(count);
  for (auto& command : commands) {
    command = std::make_unique<StoreCommand>();
    command->encoded.assign(320, 'x');
  }
  std::vector<StorePtr> drained;
  for (auto _ : state) {
    for (auto& command : commands)
      if (inbox.push_or_park(std::move(command)) != Admission::accepted)
        throw std::runtime_error("an inbox with room refused a command");
    drained.clear();
    inbox.drain(drained, count);
    commands.swap(drained);
    inbox.drain(drained, count); // empty: the next push wakes the shard again
  }
  if (wakes == 0)
    throw std::runtime_error("the shard was never woken");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(inbox_push_and_drain)->Arg(1)->Arg(16)->Arg(256)->Arg(1'024);

/// Two threads pushing into one inbox, each taking out what it finds there.
void inbox_contended(benchmark::State& state) {
  static ShardInbox inbox({}, [] {});
  std::vector<StorePtr> drained;
  const auto make = [] {
    auto command = std::make_unique<StoreCommand>();
    command->encoded.assign(320, 'x');
    return command;
  };
  StorePtr command = make();
  for (auto _ : state) {
    inbox.push_or_park(std::move(command));
    drained.clear();
    inbox.drain(drained, 1);
    command = drained.empty() ? make() : std::move(drained.front());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(inbox_contended)->Threads(2);

} // namespace
} // namespace weir::bench

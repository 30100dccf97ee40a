// From a caller's thread to an actor and back: what CAF takes, and what the engine takes with its log beside it.
#include "bench/micro/orders.hpp"

#include <weir/engine.hpp>

#include <benchmark/benchmark.h>
#include <caf/all.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

namespace weir::bench {
namespace {

caf::behavior counter(std::uint64_t step) {
  return {[step](std::uint64_t number) { return number + step; }};
}

/// A request and its answer between a waiting thread and an actor that does nothing.
void caf_round_trip(benchmark::State& state) {
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing")); // as the engine has it
  config.set("scheduler.max-threads", std::size_t{2});
  caf::actor_system system(config);
  caf::scoped_actor self(system);
  const auto actor = system.spawn(counter, std::uint64_t{1});
  std::uint64_t number = 0;
  for (auto _ : state)
    self->request(actor, caf::infinite, number)
        .receive([&](std::uint64_t answer) { number = answer; },
                 [](const caf::error&) { throw std::runtime_error("an actor did not answer"); });
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(caf_round_trip)->UseRealTime();

/// An engine in a directory that goes with it.
class TemporaryEngine {
public:
  TemporaryEngine() : directory_(make_directory()), engine_(open()) {}
  ~TemporaryEngine() {
    static_cast<void>(engine_.close());
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  TemporaryEngine(const TemporaryEngine&) = delete;
  TemporaryEngine& operator=(const TemporaryEngine&) = delete;
  Engine& operator*() noexcept { return engine_; }

private:
  static std::string make_directory() {
    std::string path = (std::filesystem::temp_directory_path() / "weir-micro-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr)
      throw std::runtime_error("no directory for an engine");
    return path;
  }
  Engine open() const {
    EngineOptions options;
    options.shards = 1;
    options.durability = Durability::buffered;
    auto engine = Engine::open(directory_, options);
    if (!engine)
      throw std::runtime_error(to_string(engine.error()));
    return std::move(engine).value();
  }

  std::string directory_;
  Engine engine_;
};

/// One buffered store, waited for: validated, admitted, numbered, acknowledged.
void engine_round_trip(benchmark::State& state) {
  TemporaryEngine engine;
  std::size_t i = 0;
  for (auto _ : state) {
    const auto receipt = (*engine).store(event_of(orders().row(i++ % micro_events)));
    if (!receipt)
      throw std::runtime_error(to_string(receipt.error()));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(engine_round_trip)->UseRealTime();

} // namespace
} // namespace weir::bench

// Engines that must open.
#pragma once

#include "tests/api/simulated_engine.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <utility>

namespace weir::test {

[[nodiscard]] inline EngineOptions of_shards(std::uint32_t shards) {
  EngineOptions options;
  options.shards = shards;
  return options;
}

/// An engine on `disk`; a failed check if it does not open. `clock`: the engine's; none: the system's.
[[nodiscard]] inline Engine opened(SimulatedDisk& disk, const EngineOptions& options = {},
                                   std::unique_ptr<io::Clock> clock = nullptr) {
  auto engine = disk.open(options, std::move(clock));
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  return std::move(*engine);
}

} // namespace weir::test

// Engines that must open.
#pragma once

#include "tests/api/simulated_engine.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <utility>

namespace weir::test {

/// An engine on `disk`; a failed check if it does not open.
[[nodiscard]] inline Engine opened(SimulatedDisk& disk, const EngineOptions& options = {}) {
  auto engine = disk.open(options);
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  return std::move(*engine);
}

} // namespace weir::test

// The main function of a host: a program that a stage starts, listens to (speech.hpp) and kills.
#pragma once

#include "tests/support/sabotages.hpp"
#include "trust/kills/speech.hpp"

#include <exception>

namespace weir::trust {

/// Runs the host. An exception ends it like everything else that must not happen: the driver is told.
template <class Run> int host_main(Run run) {
#ifdef WEIR_TEST_POINTS
  test::commit_sabotage_of_environment();
#endif
  try {
    run();
  } catch (const std::exception& e) {
    give_up(e.what());
  }
  return 0;
}

} // namespace weir::trust

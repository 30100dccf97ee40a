// The mistakes of engine/sabotage.hpp by name, and what each of them breaks.
//
// Purpose: WEIR_SABOTAGE=skip_log_sync before any test program commits that one, for the stage "sabotage" and for who
// wants to see what a test says to it. Only in builds with WEIR_TEST_POINTS. Owner: test programs. Threading:
// immutable.
#pragma once

#include "engine/sabotage.hpp"

#include <span>

namespace weir::test {

struct SabotageText {
  Sabotage mistake;
  const char* name;
  const char* breaks;
};

/// All of them, in the order of the enumeration.
[[nodiscard]] std::span<const SabotageText> sabotages();

/// Commits what the environment variable WEIR_SABOTAGE names, if it is set. Ends the process with code 2 if there is no
/// mistake of that name.
void commit_sabotage_of_environment();

} // namespace weir::test

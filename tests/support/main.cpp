#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#ifdef WEIR_TEST_POINTS
#include "tests/support/sabotages.hpp"

namespace {
[[maybe_unused]] const bool committed = (weir::test::commit_sabotage_of_environment(), true);
}
#endif

#include "engine/sabotage.hpp"

#include <doctest/doctest.h>

#ifndef WEIR_TEST_POINTS

using namespace weir;

TEST_CASE("sabotage: in shipped builds there is none") {
  static_assert(!sabotaged(Sabotage::skip_log_sync), "a constant, so what it guards leaves no code behind");
}

#endif

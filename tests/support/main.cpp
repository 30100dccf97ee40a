#define DOCTEST_CONFIG_IMPLEMENT
#include "tests/support/hang_report.hpp"

#include <doctest/doctest.h>

#ifdef WEIR_TEST_POINTS
#include "tests/support/sabotages.hpp"
#endif

int main(int argc, char** argv) {
#ifdef WEIR_TEST_POINTS
  weir::test::commit_sabotage_of_environment();
#endif
  weir::test::report_hang();
  return doctest::Context(argc, argv).run();
}

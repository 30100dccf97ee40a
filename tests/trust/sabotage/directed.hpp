// For each mistake the test that is to find it.
//
// Purpose: the narrowest part of what `make test` and `make trust` run anyway that must see the mistake; the same part
// must be content when nobody makes it. Owner: the stage. Threading: immutable.
#pragma once

#include "engine/sabotage.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace weir::trust {

/// Whether a mistake or a loss is found must not depend on chance: the whole stage is run with one seed.
inline constexpr std::uint64_t fixed_seed = 1;

struct DirectedTest {
  enum class Kind : std::uint8_t {
    crash_images, ///< All images at each call of a workload.
    recrashes,    ///< And all images at each call of the recovery of those that a kill left.
    failed_calls, ///< Every call of a workload fails in every way.
    program       ///< A program with arguments.
  };
  Kind kind = Kind::crash_images;
  const char* what = "";   ///< A workload, or a program.
  const char* filter = ""; ///< Of a program: its test cases, or its part of a stage.

  [[nodiscard]] std::string name() const;
  friend bool operator<(const DirectedTest& a, const DirectedTest& b) { return a.name() < b.name(); }
};

struct Directed {
  Sabotage mistake;
  DirectedTest test;
};

/// One for each mistake, in the order of the enumeration.
[[nodiscard]] std::span<const Directed> directed_tests();

/// Commits `mistake` and runs the test, in this process, which it may replace by the program. 0: it is content, 1: it
/// found something. Of images and failed calls only each `every`-th is tried; a program runs as it is.
int run_directed(const DirectedTest& test, Sabotage mistake, std::uint64_t every);

} // namespace weir::trust

// Work in a process of its own: a crash or a hang there is a result here.
//
// Purpose: a sequence that ends the process is counted, reported and shrunk like one that gives a wrong answer.
// Threading: the calling process has one thread. Invariants: no child is left behind.
#pragma once

#include "trust/model/runner.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace weir::trust {

struct Outcome {
  enum class Kind : std::uint8_t { good, wrong_answer, acknowledged_lost, crashed, hung };
  Kind kind = Kind::good;
  std::string what;     ///< Of the difference, or how the process ended.
  std::uint64_t at = 0; ///< Index of the operation that showed it; of a crash or a hang, 0.
  Tally tally;
};

/// What a child does; a Mismatch it throws is its outcome. It may set `at` as it goes on.
using Work = std::function<Tally(std::uint64_t& at)>;

[[nodiscard]] Outcome run_apart(const Work& work);

/// Runs `count` pieces of work, `jobs` at a time; `done` is told of each in the order in which they end, and may say no
/// to more.
void run_all_apart(std::size_t count, std::size_t jobs, const std::function<Work(std::size_t)>& make,
                   const std::function<bool(std::size_t, const Outcome&)>& done);

} // namespace weir::trust

// One random sequence as a piece of work, and what to print when it fails.
#pragma once

#include "trust/model/apart.hpp"
#include "trust/model/operation.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::trust {

struct RandomSequence {
  std::uint64_t seed = 0;
  std::size_t operations = 0;
  Mistake mistake = Mistake::none;
  std::vector<Kind> kinds{}; ///< None: all.
};

/// The seed of part `number` of a run.
[[nodiscard]] std::uint64_t seed_of(std::uint64_t run_seed, std::size_t number);

/// Plays the operations of the sequence whose numbers are in `kept`, or all of them.
[[nodiscard]] Outcome play(const RandomSequence& sequence, const std::optional<std::vector<std::size_t>>& kept,
                           bool print = false);
[[nodiscard]] Work work_of(const RandomSequence& sequence, std::optional<std::vector<std::size_t>> kept, bool print);
/// The numbers of few operations of a failing sequence with which it still fails.
[[nodiscard]] std::vector<std::size_t> shrink(const RandomSequence& sequence, const Outcome& failure);

} // namespace weir::trust

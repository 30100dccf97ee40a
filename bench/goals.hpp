// What weir is to reach, and whether it did in this run.
//
// Purpose: the rows of the architecture's section on speed and size that concern ingest, bytes, replay, reopen and
// memory. Threading: pure functions.
#pragma once

#include "bench/results.hpp"
#include "bench/scenario.hpp"

#include <string>
#include <vector>

namespace weir::bench {

struct Goal {
  std::string row;      ///< What is measured.
  std::string wanted;   ///< ">= 0.85 x raw".
  std::string measured; ///< "0.91", or why there is no figure.
  enum class Verdict { met, missed, not_measured } verdict = Verdict::not_measured;
};

[[nodiscard]] std::vector<Goal> judge(const Results& results, const Plan& plan, double payload_bytes_per_event);

[[nodiscard]] std::string to_table(const std::vector<Goal>& goals);

} // namespace weir::bench

// Questions put to a store that holds the first events of the workload, in its lasting form.
//
// Threading: the harness's thread; measures in a process of its own.
#pragma once

#include "bench/scenario.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace weir::bench {

/// `suffix` is added to the shapes: it says how many events there are, where that is not the plan's usual number.
[[nodiscard]] std::vector<Line> query_lines(const std::string& suffix = "");
/// Opens the store in the job's directory, which has the workload's first `events`, and asks everything. A wrong answer
/// is an error.
void measure_queries(const Job& job, std::size_t events, const std::string& suffix);

} // namespace weir::bench

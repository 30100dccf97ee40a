// Every workload with its k-th call failing, for every k until nothing is left to fail.
//
// Purpose: no failure of the disk loses what was acknowledged, leaves a call unanswered or a shard in a state that only
// time would show. Owner: the stage. Threading: one thread.
#pragma once

#include "engine/io/memory_faults.hpp"
#include "trust/support/disk/judge.hpp"
#include "trust/support/disk/workloads.hpp"
#include "trust/support/stage.hpp"

#include <cstdint>
#include <string>

namespace weir::trust {

struct FailureCounts {
  std::uint64_t runs = 0;
  std::uint64_t failed_calls = 0;   ///< In all of them.
  std::uint64_t shards_stopped = 0; ///< Runs after which a shard took no more stores, and said so.
  std::uint64_t healed = 0;         ///< Runs after which every shard of the same process stored again.
  std::uint64_t recovered = 0;      ///< Images opened and judged afterwards.
  std::uint64_t acknowledged_lost = 0;
  std::uint64_t wrong_answers = 0;

  [[nodiscard]] std::uint64_t findings() const noexcept { return acknowledged_lost + wrong_answers; }
};

struct FailurePlan {
  std::uint64_t seed = 1;
  std::string only;                 ///< A label: just that run. "flush@12/EIO-once"
  std::uint64_t every = 1;          ///< Of all runs only each n-th, spread evenly.
  bool until_first_finding = false; ///< Nothing is tried any more after it.
};

/// Throws if the workload, left alone, does not do what it is for.
void fail_calls(const Workload& workload, const FailurePlan& plan, FailureCounts& counts);

} // namespace weir::trust

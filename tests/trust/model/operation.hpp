// What a random sequence consists of: operations that mean the same whatever comes before them.
//
// Purpose: the details of an operation are drawn from its own seed, so one can be left out without changing the others;
// that is what lets a failing sequence be shrunk. Threading: plain values.
#pragma once

#include <weir/options.hpp>

#include "tests/engine/query/random_data.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::trust {

enum class Kind : std::uint8_t {
  store,       ///< One event, waiting.
  store_batch, ///< Several events of a context, waiting.
  burst,       ///< Several calls without waiting.
  try_store,   ///< One call that may be refused.
  wait,        ///< For all answers.
  replay,      ///< Pulled, while stores may be under way.
  push,        ///< Pushed under credit.
  query,
  flush,
  clock, ///< Time goes on, or the wall clock is set back.
  bad_input,
  stats,
  reopen,
  power_cut,  ///< What was not synced is lost, kept or torn.
  kill,       ///< What was written stays.
  retry,      ///< An earlier call again, mostly as it was.
  check,      ///< An expectation without events.
  together,   ///< One call for several contexts, with expectations and a condition.
  define,     ///< A schema's next version, or one that is there; and stores that it refuses.
  restore,    ///< A backup of the running engine takes its place.
  consume,    ///< A single consumer reads on, and keeps its place.
  group,      ///< Members of a group come, settle some events, and go.
  snapshot,   ///< Of a context's state, saved and loaded.
  remove,     ///< Truncates or deletes a context, at times for good.
  retain,     ///< Truncates contexts by rules of retention.
  condition,  ///< Calls with conditions on a group, and mere checks of them.
  upcast,     ///< A version that breaks with those before, or events of the newest.
  view,       ///< Remembers a query, shows what it answers by now, forgets it.
  look_after, ///< A consumer is reset or removed, or what it parked for a context is handed out again.
  back_up,    ///< For a restore long afterwards.
  compact,    ///< Asked for, paused or resumed.
};
inline constexpr std::size_t kind_count = 31;
[[nodiscard]] std::string_view to_string(Kind kind) noexcept;

struct Operation {
  Kind kind = Kind::store;
  std::uint64_t seed = 0;
};

struct Scenario {
  std::uint64_t seed = 0; ///< Of what is settled before the first operation.
  std::vector<Operation> operations;
};

/// A scenario of `operations` operations, all of `kinds` if there are any; the same for the same arguments.
[[nodiscard]] Scenario random_scenario(std::uint64_t seed, std::size_t operations, const std::vector<Kind>& kinds = {});

/// Options in which small limits are switched on at random; `shards` stays 0.
[[nodiscard]] EngineOptions random_options(test::Random& random);

} // namespace weir::trust

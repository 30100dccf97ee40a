// Stage "overload": asynchronous writers, actors and threads offer ten times what the engine can take, and then one
// shard's log stands still.
//
//   weir_trust_overload --full     4 shards, a minute
//
// The disk writes one byte for every ten that are offered, so that ten times too much is the same on every machine.
// Builds with a sanitizer judge memory by the engine's statistics only, all others also by what the process uses.
#include "tests/support/sanitized.hpp"
#include "trust/overload/overload.hpp"
#include "trust/support/process.hpp"
#include "trust/support/stage.hpp"

using namespace weir;
using namespace weir::trust;

namespace {

StageCounts run(const StageOptions& options) {
  constexpr OverloadPlan small{2, 160'000, 200}, full{4, 12'000'000, 5'000};
  const OverloadCounts got = overload(options.full ? full : small, options.seed);
  StageCounts counts;
  counts.count = got.calls;
  counts.acknowledged_lost = got.lost;
  counts.wrong_answers = got.wrong;
  counts.more = {{"acknowledged", got.acknowledged},
                 {"overloaded", got.overloaded},
                 {"timed_out", got.timed_out},
                 {"offered_mib", got.offered_bytes / MiB},
                 {"logged_mib", got.logged_bytes / MiB},
                 {"flood_ms", got.flood_ms},
                 {"drain_ms", got.drain_ms},
                 {"memory_judged", test::sanitized ? 0U : 1U},
                 {"peak_mib", got.peak_bytes / MiB},
                 {"budget_mib", got.budget_bytes / MiB},
                 {"inbox_kib_most", got.inbox_bytes_most / KiB},
                 {"unsealed_kib_most", got.unsealed_bytes_most / KiB},
                 {"quiet_p99_us", got.quiet_p99_us},
                 {"beside_standing_shard_p99_us", got.beside_standing_p99_us},
                 {"subscribed_events", got.subscribed_events},
                 {"subscribers_go_on_ms", got.go_on_ms}};
  return counts;
}

} // namespace

int main(int argc, char** argv) {
  return run_stage("overload", argc, argv, run);
}

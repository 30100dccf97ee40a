#include "bench/scenario.hpp"

#include "bench/process.hpp"

namespace weir::bench {

Tally found_after_reopen(const Job& job, unsigned shards) {
  return in_child([&] {
           const auto adapter = job.peer.make();
           adapter->open({.directory = job.directory,
                          .durable = true,
                          .shards = shards,
                          .expected_bytes = 0,
                          .unsealed_bytes = 0});
           Figures figures;
           figures.set("found", adapter->tally());
           adapter->close();
           return figures;
         })
      .tally("found");
}

bool weir_or_raw(const Peer& peer) {
  return family_of(peer.name) == "weir" || family_of(peer.name) == "raw";
}

} // namespace weir::bench

// One unit of work of the harness: a few lines that are measured together.
//
// Purpose: what ingest, history and mixed loads have in common. Owner: the harness, which runs every scenario for every
// peer, in turn, as often as it is told. Threading: run() is called in the harness's only thread and forks processes to
// measure in. Errors: exceptions; the harness notes them and goes on.
#pragma once

#include "bench/adapter.hpp"
#include "bench/results.hpp"
#include "bench/workload.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace weir::bench {

/// How much is measured.
struct Plan {
  std::string name; ///< "small", "standard" or "full".
  WorkloadOptions workload;
  std::size_t events = 1'000'000;     ///< Of buffered ingest, replay and size; the workload has at least twice as many.
  std::size_t long_events = 0;        ///< Of the long history; 0: none.
  std::size_t log_events = 180'000;   ///< In the log, and nowhere else, when a store is killed: some 60 MiB.
  std::size_t mixed_events = 200'000; ///< Stored before a mixed load.
  double seconds = 5;                 ///< Of a time-boxed measurement.
  double mixed_seconds = 1.5;         ///< Of a mixed load.
  unsigned repetitions = 3;           ///< Of durable ingest.
  unsigned other_repetitions = 2;     ///< Of all else, so that everything fits into a quarter of an hour.
};

/// One scenario with one peer, once.
struct Job {
  const Plan& plan;
  const Workload& workload;
  const Peer& peer;
  std::string directory; ///< Fresh; removed afterwards.
  Results& results;

  void add(const Line& line, double value, const std::string& aspect = "") const {
    results.add(line, peer.name, aspect, value);
  }
};

struct Scenario {
  std::vector<Line> lines;
  std::function<bool(const Peer&)> takes; ///< Whether this peer can do it.
  std::function<void(const Job&)> run;
  unsigned Plan::*repetitions = &Plan::other_repetitions; ///< How often.
};

/// Durable ingest, time-boxed.
std::vector<Scenario> durable_ingest();
/// Ingest with event ids and expectations: weir alone.
std::vector<Scenario> guarded_ingest();
/// Buffered ingest, size, replay and reopen, on one store after another.
std::vector<Scenario> histories(const Plan& plan);
/// Stores and replays at once, and one shard overloaded.
std::vector<Scenario> mixed_loads();

/// Everything in the order of storing, and how soon a subscriber hears of what is new.
std::vector<Scenario> event_queues();

/// Stores and replays beside merges, and what merges give.
std::vector<Scenario> compaction();

/// Writes and reads of models, and projections.
std::vector<Scenario> models();

/// What a new process finds in the job's directory.
[[nodiscard]] Tally found_after_reopen(const Job& job, unsigned shards);

[[nodiscard]] inline bool any_peer(const Peer&) {
  return true;
}
/// weir, and raw as its limit: what only several logs can show.
[[nodiscard]] bool weir_or_raw(const Peer& peer);

} // namespace weir::bench

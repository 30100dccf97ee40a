// A data directory from its first life to its last, and who judges it.
//
// Purpose: lives end by kill -9, wherever their aims say; after each the logs are read by the independent dumper, and
// after some the next life shows what it finds, before it stores on. At the end the directory is opened twice without a
// store, which must change nothing, closed, and verified.
// Owner: one worker of the stage. Threading: one thread.
#pragma once

#include "trust/kills/life.hpp"
#include "trust/support/stage.hpp"

#include "tests/support/temp_directory.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::trust {

/// What stories add up to.
struct StoryCounts {
  std::uint64_t lives = 0, kills = 0, kills_opening = 0, kills_at_points = 0, dumps = 0, reopened_unchanged = 0;
  std::uint64_t kills_handling = 0;        ///< At a moment of the handler that was aimed at.
  std::uint64_t merges_beside_readers = 0; ///< Of segments, in lives in which the event queue was read.
  KillTotals events;
  std::array<std::uint64_t, kill_point_count> killed_at{};
  std::array<std::uint64_t, kill_point_count> reached{}; ///< Most often in one life.

  void add(const StoryCounts& other);
};

struct StoryPlan {
  std::string host;                ///< The program.
  std::string name;                ///< For messages: "directory 7".
  bool early = false;              ///< See HostOrders.
  bool dumped = true;              ///< The directory has weir's logs, and is weir's.
  std::uint64_t seed = 0;          ///< Of everything in it.
  std::uint32_t read_every = 0;    ///< On average, lives in which the event queue is read; 0: none.
  std::uint32_t back_up_every = 0; ///< The same, of lives in which backups are made.
  std::uint32_t handle_every = 0;  ///< The same, of lives with a handler that applies events exactly once.
  std::uint32_t writers = 4;
  std::uint32_t calls_per_flush = 100;
  std::vector<Aim> aims;         ///< In this order; lives that prepare are put before.
  std::uint32_t dump_every = 1;  ///< On average.
  std::uint32_t whole_every = 5; ///< Lives until everything is shown again, not only what is new.
};

/// Lives through the plan. Complaints are printed, and the directory is kept; returns whether there were none. Aims at
/// kill points that were not reached are added to `missed`.
bool live(const StoryPlan& plan, StoryCounts& counts, std::vector<std::size_t>& missed);

/// Lives `rounds` lives of a host that may lose what it acknowledged: returns how many events the judge missed, or 0 if
/// it was content. Nothing is printed.
std::uint64_t losses_of(const StoryPlan& plan, StoryCounts& counts);

} // namespace weir::trust

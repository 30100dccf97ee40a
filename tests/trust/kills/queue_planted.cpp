#include "trust/kills/queue_planted.hpp"

#include "trust/kills/queue_oracle.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace weir::trust {

namespace {

/// Two lives. The directory holds events 1 and 2 of context 0 at positions 10 and 11, and event 1 of context 1 at 12;
/// their marks are 100, 110 and 120. The first life ends by a kill, the second one finds the three and stores nothing.
struct Planted {
  const char* what;
  std::vector<const char*> first_life, second_life;
  const char* found_as; ///< Nothing: there is no mistake.
};

const std::vector<Planted>& planted() {
  static const std::vector<Planted> all = {
      {"nothing",
       {"reads pulled 0", "saw pulled 12 10:100 11:110", "reads consumer 0", "saw consumer 11 10:100", "kept 11",
        "saw consumer 12 11:110", "handed 0:1:10:1:100 1:1:12:1:120", "acks 0:1", "acked 0:1", "handed 0:2:11:1:110",
        "acks 1:1"},
       {"reads pulled 12", "saw pulled 13 12:120", "caught_up pulled", "reads consumer 11",
        "saw consumer 13 11:110 12:120", "caught_up consumer", "handed 1:1:12:2:120 0:2:11:2:110", "acks 1:1 0:2",
        "acked 1:1 0:2", "drained"},
       nullptr},
      {"an event that a crash took away",
       {"reads pulled 0", "saw pulled 14 10:100 11:110 12:120 13:130"},
       {},
       "took it away"},
      {"an event with other content", {"reads pulled 0", "saw pulled 11 10:101"}, {}, "another event"},
      {"an event that is skipped", {"reads pulled 0", "saw pulled 12 11:110"}, {}, "did not see"},
      {"a checkpoint behind an event that was not seen", {"reads pulled 0", "saw pulled 12 10:100"}, {}, "did not see"},
      {"an event that comes twice", {"reads pulled 0", "saw pulled 12 10:100 10:100 11:110"}, {}, "when it was at"},
      {"events out of order", {"reads pulled 0", "saw pulled 12 11:110 10:100"}, {}, "when it was at"},
      {"a subscriber that goes on too late",
       {"reads pulled 0", "saw pulled 11 10:100"},
       {"reads pulled 12"},
       "goes on at"},
      {"a subscriber that does not get to the end",
       {"reads pulled 0"},
       {"reads pulled 0", "saw pulled 12 10:100 11:110", "caught_up pulled"},
       "and there is an event"},
      {"a late subscriber that misses the oldest event",
       {},
       {"reads late 0", "saw late 13 11:110 12:120"},
       "did not see"},
      {"a consumer whose checkpoint is lost",
       {"reads consumer 0", "saw consumer 11 10:100", "kept 11"},
       {"reads consumer 0"},
       "had kept"},
      {"a consumer that goes on behind what it was given",
       {"reads consumer 0", "saw consumer 11 10:100"},
       {"reads consumer 12"},
       "had kept"},
      {"an event that comes again after its acknowledgement",
       {"handed 0:1:10:1:100", "acks 0:1", "acked 0:1"},
       {"handed 0:1:10:2:100"},
       "was answered"},
      {"the next event of a context before the first is acknowledged",
       {"handed 0:1:10:1:100", "handed 0:2:11:1:110"},
       {},
       "before event"},
      {"a delivery that is not counted", {"handed 0:1:10:1:100"}, {"handed 0:1:10:1:100"}, "handed out"},
      {"an event that a group never gets",
       {"handed 0:1:10:1:100", "acks 0:1", "acked 0:1"},
       {"handed 0:2:11:1:110", "acks 0:2", "acked 0:2", "drained"},
       "nothing left"},
  };
  return all;
}

std::vector<std::string> complaints_of(const Planted& mistake) {
  std::vector<std::string> complaints;
  QueueTotals totals;
  QueueOracle oracle(totals, [&](std::string what) { complaints.push_back(std::move(what)); });
  const auto live = [&](const std::vector<const char*>& lines) {
    for (const std::string_view line : lines) {
      const std::size_t end = std::min(line.find(' '), line.size());
      if (!oracle.take(line.substr(0, end), line.substr(std::min(end + 1, line.size()))))
        throw std::runtime_error("not understood: " + std::string(line));
    }
  };
  live(mistake.first_life);
  oracle.ended();
  oracle.stored(10, 0, 1, 100);
  oracle.stored(11, 0, 2, 110);
  oracle.stored(12, 1, 1, 120);
  oracle.end_showing();
  live(mistake.second_life);
  return complaints;
}

} // namespace

std::uint64_t find_planted_in_queue() {
  for (const Planted& mistake : planted()) {
    const auto complaints = complaints_of(mistake);
    const bool found = mistake.found_as == nullptr
                           ? complaints.empty()
                           : std::any_of(complaints.begin(), complaints.end(), [&](const std::string& what) {
                               return what.find(mistake.found_as) != std::string::npos;
                             });
    if (!found)
      throw std::runtime_error(std::string("planted ") + mistake.what + ": " +
                               (complaints.empty() ? "not found" : "found as: " + complaints.front()));
  }
  return planted().size() - 1;
}

} // namespace weir::trust

#include "trust/kills/queue_planted.hpp"

#include "trust/kills/planted.hpp"
#include "trust/kills/queue_oracle.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::trust {

namespace {

/// The directory holds events 1 and 2 of context 0 at positions 10 and 11, and event 1 of context 1 at 12; their marks
/// are 100, 110 and 120. The second life finds the three and stores nothing.
const std::vector<Planted>& planted_in_queue() {
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

Complaints complaints_of_queue(const Planted& mistake) {
  Complaints complaints;
  QueueTotals totals;
  QueueOracle oracle(totals, [&](std::string what) { complaints.push_back(std::move(what)); });
  const auto take = [&](std::string_view word, std::string_view line) { return oracle.take(word, line); };
  tell(mistake.first_life, take);
  oracle.ended();
  oracle.stored(10, 0, 1, 100);
  oracle.stored(11, 0, 2, 110);
  oracle.stored(12, 1, 1, 120);
  oracle.end_showing();
  tell(mistake.second_life, take);
  return complaints;
}

} // namespace

std::uint64_t find_planted_in_queue() {
  return find_planted(planted_in_queue(), complaints_of_queue);
}

} // namespace weir::trust

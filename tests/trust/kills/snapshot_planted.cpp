#include "trust/kills/snapshot_planted.hpp"

#include "trust/kills/planted.hpp"
#include "trust/kills/snapshot_oracle.hpp"
#include "trust/kills/speech.hpp"

#include "engine/text.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::trust {

namespace {

/// All of context 0. Beside what a host says:
///
///   shows POSITION ...                                its events, as the second host finds them
///   loads TAG SEQUENCE MARK SEQUENCE:POSITION ...     what a load gives it then, and the events after that
const std::vector<Planted>& planted_in_snapshots() {
  static const std::vector<Planted> all = {
      {"nothing",
       {"has 0 a 0 0", "saves 0 2 11 a 500", "saved 0", "has 0 a 2 500", "has 0 b 0 0", "saves 0 1 10 b 400", "saved 0",
        "has 0 a 2 500", "saves 0 3 12 b 600"},
       {"shows 10 11 12", "loads b 3 600", "loads a 0 0 1:10 2:11 3:12", "drops 0", "dropped 0", "has 0 b 0 0"},
       nullptr},
      {"nothing but a kill that took a save",
       {"saves 0 2 11 a 500", "saved 0", "saves 0 3 12 b 600"},
       {"shows 10 11 12", "loads a 2 500 3:12", "loads b 0 0 1:10 2:11 3:12"},
       nullptr},
      {"nothing but a kill that took an event",
       {"saves 0 3 12 a 600", "saved 0"},
       {"shows 10 11", "loads a 0 0 1:10 2:11", "saves 0 2 11 a 500", "saved 0", "has 0 a 2 500"},
       nullptr},
      {"a snapshot that is gone",
       {"saves 0 2 11 a 500", "saved 0"},
       {"shows 10 11 12", "loads a 0 0 1:10 2:11 3:12"},
       "has no snapshot with tag a"},
      {"the snapshot before the last one",
       {"saves 0 1 10 a 400", "saved 0", "saves 0 2 11 a 500", "saved 0"},
       {"shows 10 11 12", "loads a 1 400 2:11 3:12"},
       "has a snapshot of event 1 with tag a, and one of event 2"},
      {"an older snapshot that takes the place of a newer one",
       {"saves 0 3 12 a 600", "saved 0", "saves 0 1 10 a 400", "saved 0"},
       {"shows 10 11 12", "loads a 1 400 2:11 3:12"},
       "has a snapshot of event 1 with tag a, and one of event 3"},
      {"a snapshot with other bytes",
       {"saves 0 2 11 a 500", "saved 0"},
       {"shows 10 11 12", "loads a 2 501 3:12"},
       "has a snapshot of event 2 with tag a"},
      {"the bytes of one snapshot and the event of another one",
       {"saves 0 1 10 a 400", "saved 0", "saves 0 2 11 a 500"},
       {"shows 10 11 12", "loads a 2 400 3:12"},
       "has a snapshot of event 2 with tag a"},
      {"a snapshot with another tag",
       {"saves 0 2 11 a 500", "saved 0"},
       {"shows 10 11 12", "loads b 2 500 3:12"},
       "has a snapshot of event 2 with tag b"},
      {"a snapshot that nobody saved", {}, {"shows 10 11", "loads a 1 400 2:11"}, "and there must be none"},
      {"a snapshot that was dropped",
       {"saves 0 2 11 a 500", "saved 0", "drops 0", "dropped 0"},
       {"shows 10 11 12", "loads a 2 500 3:12"},
       "and there must be none"},
      {"a snapshot of an event that a crash took",
       {"saves 0 3 12 a 600", "saved 0"},
       {"shows 10 11", "loads a 3 600"},
       "has a snapshot of event 3"},
      {"a snapshot on another event than it was made at",
       {"saves 0 3 12 a 600", "saved 0"},
       {"shows 10 11 20", "loads a 3 600"},
       "has a snapshot of event 3"},
      {"a save that was not answered, and comes about after it was not there",
       {"saves 0 2 11 a 500"},
       {"shows 10 11 12", "loads a 0 0 1:10 2:11 3:12", "loads a 2 500 3:12"},
       "and there must be none"},
      {"a snapshot that the one who saved it does not get",
       {"saves 0 2 11 a 500", "saved 0", "has 0 a 0 0"},
       {},
       "has no snapshot with tag a"},
      {"a load that skips an event behind its snapshot",
       {"saves 0 1 10 a 400", "saved 0"},
       {"shows 10 11 12", "loads a 1 400 3:12"},
       "with other events than are there"},
      {"a load that gives the snapshot's event again",
       {"saves 0 1 10 a 400", "saved 0"},
       {"shows 10 11", "loads a 1 400 1:10 2:11"},
       "with other events than are there"},
      {"a load that ends too early",
       {"saves 0 1 10 a 400", "saved 0"},
       {"shows 10 11 12", "loads a 1 400 2:11"},
       "up to event 2, and the last one is 3"},
      {"a load without a snapshot that does not begin with the first event",
       {},
       {"shows 10 11 12", "loads a 0 0 2:11 3:12"},
       "with other events than are there"},
      {"a load with another event than the directory shows",
       {},
       {"shows 10 11", "loads a 0 0 1:10 2:13"},
       "with other events than are there"},
  };
  return all;
}

class SnapshotStory {
public:
  Complaints complaints_of(const Planted& mistake) {
    const auto take = [this](std::string_view word, std::string_view line) { return take_line(word, line); };
    tell(mistake.first_life, take);
    oracle_.ended();
    tell(mistake.second_life, take);
    return std::move(complaints_);
  }

private:
  bool take_line(std::string_view word, std::string_view line) {
    if (word == "shows") {
      for (positions_.clear(); !line.empty();)
        positions_.push_back(number(take_word(line)));
      return true;
    }
    if (word != "loads")
      return oracle_.take(word, line);
    std::string given = "0";
    for (int field = 0; field < 3; ++field)
      (given += ' ') += take_word(line);
    std::string_view rest = given;
    (void)take_word(rest);
    (void)take_word(rest);
    Sequence last = number(take_word(rest));
    std::uint64_t chain = 0;
    while (!line.empty()) {
      std::string_view event = take_word(line);
      last = number(take_word(event, ':'));
      chain = chained(chain, last, number(event));
    }
    return oracle_.take("loaded", given + format(" {} {}", last, chain));
  }

  Complaints complaints_;
  std::vector<Position> positions_; ///< Of the events that are there.
  SnapshotTotals totals_;
  SnapshotOracle oracle_{totals_,
                         [this](std::uint32_t, Sequence sequence) {
                           return sequence <= positions_.size() ? positions_[sequence - 1] : Position{0};
                         },
                         [this](std::string what) { complaints_.push_back(std::move(what)); }};
};

} // namespace

std::uint64_t find_planted_in_snapshots() {
  return find_planted(planted_in_snapshots(),
                      [](const Planted& mistake) { return SnapshotStory().complaints_of(mistake); });
}

} // namespace weir::trust

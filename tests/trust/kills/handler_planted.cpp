#include "trust/kills/handler_planted.hpp"

#include "trust/kills/handler_oracle.hpp"
#include "trust/kills/planted.hpp"
#include "trust/kills/speech.hpp"

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::trust {

namespace {

/// The directory holds events 1 and 2 of context 0 at positions 10 and 11, and event 1 of context 1 at 12; their marks
/// are 100, 110 and 120. Beside what a host says:
///
///   rows AT POSITION:CONTEXT:SEQUENCE:MARK ...     what is in the handler's database when the host is dead
///   log POSITION ...                               what the dumper finds in the log; segments hold what is before 11
///   shows                                          the next host shows the three
const std::vector<Planted>& planted_in_handler() {
  static const std::vector<Planted> all = {
      {"nothing",
       {"handles 0", "undoes 11", "applies 11", "applied 11", "undoes 13", "applies 12",
        "rows 12 10:0:1:100 11:0:2:110", "log 11 12"},
       {"shows", "handles 12", "applies 13", "applied 13", "handled_all", "rows 13 10:0:1:100 11:0:2:110 12:1:1:120"},
       nullptr},
      {"nothing but a batch that a kill took",
       {"handles 0", "applies 12", "rows 0", "log 11 12"},
       {"shows", "handles 0", "applies 12", "applied 12", "rows 12 10:0:1:100 11:0:2:110", "shows"},
       nullptr},
      {"a row that a batch is without",
       {"handles 0", "applies 12", "applied 12", "rows 12 11:0:2:110"},
       {"shows"},
       "no row of the event at position 10"},
      {"rows that are gone, and their position is not",
       {"handles 0", "applies 12", "applied 12", "rows 12 10:0:1:100"},
       {"shows"},
       "no row of the event at position 11"},
      {"a position that was answered, and is gone",
       {"handles 0", "applies 12", "applied 12", "rows 0 10:0:1:100 11:0:2:110"},
       {},
       "and its database says 0"},
      {"a batch that was answered, and is gone",
       {"handles 0", "applies 12", "applied 12", "rows 0"},
       {},
       "and its database says 0"},
      {"a position between those of batches",
       {"handles 0", "applies 12", "rows 11 10:0:1:100"},
       {},
       "and its database says 11"},
      {"rows without the position that belongs to them",
       {"handles 0", "applies 12", "rows 0 10:0:1:100 11:0:2:110"},
       {},
       "and has applied what is before 0"},
      {"a position without the rows that belong to it",
       {"handles 0", "applies 12", "rows 12"},
       {"shows"},
       "no row of the event at position 10"},
      {"an event that is handled again",
       {"handles 0", "applies 12", "applied 12", "rows 12 10:0:1:100 11:0:2:110"},
       {"shows", "handles 12", "applies 13", "applied 13", "rows 13 10:0:1:100 11:0:2:110 11:0:2:110 12:1:1:120"},
       "behind one before 12"},
      {"an event that is handled twice in a batch",
       {"handles 0", "applies 12", "applied 12", "rows 12 10:0:1:100 10:0:1:100 11:0:2:110"},
       {},
       "behind one before 11"},
      {"events that are handled out of order",
       {"handles 0", "applies 12", "applied 12", "rows 12 11:0:2:110 10:0:1:100"},
       {},
       "behind one before 12"},
      {"a row of an earlier life that is gone",
       {"handles 0", "applies 12", "applied 12", "rows 12 10:0:1:100 11:0:2:110"},
       {"shows", "handles 12", "applies 13", "applied 13", "rows 13 10:0:1:100 12:1:1:120"},
       "are not those that there were before"},
      {"a batch that failed, and is there",
       {"handles 0", "undoes 12", "rows 12 10:0:1:100 11:0:2:110"},
       {},
       "and its database says 12"},
      {"half a batch that failed",
       {"handles 0", "undoes 12", "rows 0 10:0:1:100"},
       {},
       "and has applied what is before 0"},
      {"an event that no log holds",
       {"handles 0", "applies 12", "rows 12 10:0:1:100 11:0:2:110", "log 12"},
       {},
       "not in the log"},
      {"an event that a crash took away",
       {"handles 0", "applies 14", "applied 14", "rows 14 10:0:1:100 11:0:2:110 12:1:1:120 13:1:2:130"},
       {"shows"},
       "an event at position 13, and there is none"},
      {"a row of an event with other content",
       {"handles 0", "applies 11", "applied 11", "rows 11 10:0:1:101"},
       {"shows"},
       "another event than the one at position 10"},
      {"a row of another context",
       {"handles 0", "applies 11", "applied 11", "rows 11 10:1:1:100"},
       {"shows"},
       "another event than the one at position 10"},
      {"a handler that goes on too late",
       {"handles 0", "applies 11", "applied 11", "rows 11 10:0:1:100"},
       {"shows", "handles 12"},
       "and goes on at 12"},
      {"a handler that does not get to the end",
       {"handles 0"},
       {"shows", "applies 12", "applied 12", "handled_all", "rows 12 10:0:1:100 11:0:2:110"},
       "and there is an event at 12"},
  };
  return all;
}

class HandlerStory {
public:
  Complaints complaints_of(const Planted& mistake) {
    const auto take = [this](std::string_view word, std::string_view line) { return take_line(word, line); };
    tell(mistake.first_life, take);
    tell(mistake.second_life, take);
    return std::move(complaints_);
  }

private:
  void take_rows(std::string_view line) {
    const Position at = number(take_word(line));
    std::vector<HandlerOracle::Row> rows;
    while (!line.empty()) {
      std::string_view fields = take_word(line);
      HandlerOracle::Row& row = rows.emplace_back();
      row.position = number(take_word(fields, ':'));
      row.context = static_cast<std::uint32_t>(number(take_word(fields, ':')));
      row.sequence = number(take_word(fields, ':'));
      row.mark = number(fields);
    }
    oracle_.found(rows, at);
  }

  bool take_line(std::string_view word, std::string_view line) {
    if (word == "rows") {
      take_rows(line);
    } else if (word == "log") {
      std::set<Position> logged;
      while (!line.empty())
        logged.insert(number(take_word(line)));
      oracle_.dumped([&](Position position) { return logged.contains(position); },
                     [](std::uint32_t) { return Position{10}; });
    } else if (word == "shows") {
      oracle_.stored({10, 0, 1, 100});
      oracle_.stored({11, 0, 2, 110});
      oracle_.stored({12, 1, 1, 120});
      oracle_.end_showing();
    } else {
      return oracle_.take(word, line);
    }
    return true;
  }

  Complaints complaints_;
  HandlerTotals totals_;
  HandlerOracle oracle_{totals_, [this](std::string what) { complaints_.push_back(std::move(what)); }};
};

} // namespace

std::uint64_t find_planted_in_handler() {
  return find_planted(planted_in_handler(),
                      [](const Planted& mistake) { return HandlerStory().complaints_of(mistake); });
}

} // namespace weir::trust

#include "trust/kills/removal_planted.hpp"

#include "trust/kills/planted.hpp"
#include "trust/kills/removal_oracle.hpp"
#include "trust/kills/speech.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::trust {

namespace {

/// What every first life begins with; each call has two events. Context 0 holds events 3 and 4 of its four, context 1
/// is deleted for good, and context 16 is one of those that retention truncates.
constexpr const char* beginning[] = {
    "rules 0",       "ruled",          "stores 0 1 1",  "stored 0 1 10",
    "stores 0 1 2",  "stored 0 3 12",  "truncates 0 3", "removed 0 3 14 0",
    "stores 1 1 1",  "stored 1 1 30",  "deletes 1 1",   "removed 1 3 32 0",
    "stores 16 1 1", "stored 16 1 20", "stores 16 1 2", "stored 16 3 22",
    "stores 16 1 3", "stored 16 5 24",
};

/// Beside what a host says, where an event (EVENT) is R SEQUENCE POSITION LIFE NUMBER INDEX, and its fields are added:
///
///   live EVENT | forged EVENT        a showing finds it; with other bytes than those that were stored
///   log EVENT, log_removal R POSITION FIRST_LIVE CLOSES, log_ends POSITION    a dump; what is behind is in no segment
///   backup                           it is asked for
///   copy_gap R LAST, copy EVENT, copied R                                     what is found in it
const std::vector<Planted>& planted_in_removals() {
  static const std::vector<Planted> all = {
      {"nothing",
       {"backup", "retains", "retained 0 26", "truncates 0 3", "removed 0 3 14 1", "stores 0 1 3"},
       {"log 1 1 30 1 1 0",
        "log 1 2 31 1 1 1",
        "log_removal 1 32 3 1",
        "log_ends 29",
        "rules 1",
        "gap 0 1 2",
        "live 0 3 12 1 2 0",
        "live 0 4 13 1 2 1",
        "lived 0",
        "gap 1 1 2",
        "lived 1",
        "gap 16 1 1",
        "live 16 2 21 1 1 1",
        "live 16 3 22 1 2 0",
        "live 16 4 23 1 2 1",
        "live 16 5 24 1 3 0",
        "live 16 6 25 1 3 1",
        "lived 16",
        "again 0 1 1 1 1 10",
        "stores 1 2 1",
        "gone 1",
        "copy_gap 0 2",
        "copy 0 3 12 1 2 0",
        "copy 0 4 13 1 2 1",
        "copied 0",
        "copy_gap 1 2",
        "copied 1",
        "copy 16 1 20 1 1 0",
        "copy 16 2 21 1 1 1",
        "copy 16 3 22 1 2 0",
        "copy 16 4 23 1 2 1",
        "copy 16 5 24 1 3 0",
        "copy 16 6 25 1 3 1",
        "copied 16"},
       nullptr},
      {"a truncation of which nothing is left",
       {},
       {"live 0 1 10 1 1 0", "live 0 2 11 1 1 1", "live 0 3 12 1 2 0", "live 0 4 13 1 2 1", "lived 0"},
       "removable-0: it shows events 1 to 4"},
      {"an event that is lost",
       {},
       {"gap 0 1 2", "live 0 3 12 1 2 0", "lived 0"},
       "removable-0: it shows events 3 to 3"},
      {"an event that is removed, and nobody asked for that",
       {},
       {"gap 0 1 3", "live 0 4 13 1 2 1", "lived 0"},
       "removable-0: it shows events 4 to 4"},
      {"a deleted context that is there again",
       {},
       {"live 1 1 30 1 1 0", "live 1 2 31 1 1 1", "lived 1"},
       "removable-1: it shows events 1 to 2"},
      {"a context deleted for good that takes a store", {}, {"stores 1 2 1", "stored 1 3 40"}, "as sequence 3"},
      {"a context that is gone, and nobody deleted it", {}, {"stores 0 2 1", "gone 0"}, "context_deleted"},
      {"half of a truncation that was not answered",
       {"truncates 0 5"},
       {"gap 0 1 3", "live 0 4 13 1 2 1", "lived 0"},
       "it shows events 4 to 4"},
      {"half of a store that was not answered",
       {"stores 0 1 3"},
       {"gap 0 1 2", "live 0 3 12 1 2 0", "live 0 4 13 1 2 1", "live 0 5 15 1 3 0", "lived 0"},
       "it shows events 3 to 5"},
      {"a truncation that is undone after it was shown",
       {"truncates 0 5"},
       {"gap 0 1 4", "lived 0", "gap 0 1 2", "live 0 3 12 1 2 0", "live 0 4 13 1 2 1", "lived 0"},
       "it shows events 3 to 4"},
      {"an event at another position",
       {},
       {"gap 0 1 2", "live 0 3 15 1 2 0", "live 0 4 16 1 2 1", "lived 0"},
       "it shows events 3 to 4"},
      {"an event with other content", {}, {"gap 0 1 2", "forged 0 3 12 1 2 0"}, "holds what nobody stored"},
      {"an event that a replay skips", {}, {"gap 0 1 2", "live 0 4 13 1 2 1"}, "goes on with sequence 4 behind 2"},
      {"a gap behind events", {}, {"live 0 1 10 1 1 0", "gap 0 2 2"}, "names a gap from 2"},
      {"an id of a removed event that is forgotten", {}, {"again 0 1 1 0 5 40"}, "as if it were new"},
      {"an id that is known at another place", {}, {"again 0 1 1 1 3 12"}, "was stored again"},
      {"retention that takes an event too many",
       {"retains", "retained 0 26"},
       {"gap 16 1 2", "live 16 3 22 1 2 0", "live 16 4 23 1 2 1", "live 16 5 24 1 3 0", "live 16 6 25 1 3 1",
        "lived 16"},
       "it shows events 3 to 6"},
      {"retention that is undone",
       {"retains", "retained 0 26"},
       {"live 16 1 20 1 1 0", "live 16 2 21 1 1 1", "live 16 3 22 1 2 0", "live 16 4 23 1 2 1", "live 16 5 24 1 3 0",
        "live 16 6 25 1 3 1", "lived 16"},
       "it shows events 1 to 6"},
      {"a rule of retention that is lost", {}, {"rules 0"}, "rule of retention is gone"},
      {"a truncation that is answered as if it had been there already",
       {"truncates 0 5", "removed 0 5 40 1"},
       {},
       "a removal was answered as of what is before 5"},
      {"a truncation of less than was asked for",
       {"truncates 0 5", "removed 0 4 40 0"},
       {},
       "a removal was answered as of what is before 4"},
      {"a sequence that is given again", {"stores 0 1 3", "stored 0 4 40"}, {}, "answered as sequence 4"},
      {"a store that is in no log", {}, {"log_ends 29"}, "a store of removable-1 at position 30"},
      {"a removal that is in no log",
       {},
       {"log 1 1 30 1 1 0", "log 1 2 31 1 1 1", "log_ends 29"},
       "a removal of removable-1 at position 32"},
      {"a log with an event at another place", {}, {"log 0 3 40 1 2 0"}, "none that was stored there"},
      {"a log with a removal that nobody asked for", {}, {"log_removal 0 40 5 0"}, "which nobody asked for"},
      {"a log with another removal than was answered", {}, {"log_removal 0 14 2 0"}, "which nobody asked for"},
      {"a backup without an event that was stored before",
       {"backup"},
       {"copy_gap 0 2", "copy 0 3 12 1 2 0", "copied 0"},
       "holds events 3 to 3, and from 3 on up to 4"},
      {"a backup with events that were removed before",
       {"backup"},
       {"copy 0 1 10 1 1 0", "copy 0 2 11 1 1 1", "copy 0 3 12 1 2 0", "copy 0 4 13 1 2 1", "copied 0"},
       "holds events 1 to 4, and from 3 on"},
      {"a backup with more than the directory holds",
       {"backup"},
       {"copy_gap 0 2", "copy 0 3 12 1 2 0", "copy 0 4 13 1 2 1", "copy 0 5 40 1 3 0", "copied 0"},
       "which the directory itself cannot"},
  };
  return all;
}

/// One with which every call of the stories has two events. The search begins where it was found last.
std::uint64_t seed_of_pairs() {
  for (std::uint64_t seed = 278'971;; ++seed) {
    bool pairs = true;
    for (const std::uint32_t context : {0U, 1U, 16U})
      for (std::uint32_t number = 1; pairs && number <= 3; ++number)
        pairs = make_removable(seed, {context, 1, number}).size() == 2;
    if (pairs)
      return seed;
  }
}

class RemovalStory {
public:
  explicit RemovalStory(std::uint64_t seed) : seed_(seed) {}

  Complaints complaints_of(const Planted& mistake) {
    const auto take = [this](std::string_view word, std::string_view line) { return take_line(word, line); };
    tell(beginning, take);
    tell(mistake.first_life, take);
    oracle_.ended();
    tell(mistake.second_life, take);
    return std::move(complaints_);
  }

private:
  struct Event {
    std::uint32_t context = 0;
    Sequence sequence = 0;
    Position position = 0;
    std::string fields;
  };

  [[nodiscard]] Event event_of(std::string_view line) const {
    Event event;
    event.context = static_cast<std::uint32_t>(number(take_word(line)));
    event.sequence = number(take_word(line));
    event.position = number(take_word(line));
    RemovableCall call{event.context, 0, 0};
    call.life = static_cast<std::uint32_t>(number(take_word(line)));
    call.number = static_cast<std::uint32_t>(number(take_word(line)));
    const auto stored = make_removable(seed_, call).at(number(line));
    event.fields =
        caller_fields(stored.event_type, *stored.timestamp, stored.event_id, stored.metadata, stored.payload);
    return event;
  }

  bool take_line(std::string_view word, std::string_view line) {
    if (word == "live" || word == "forged") {
      const Event event = event_of(line);
      return oracle_.take("live", format("{} {} {} {}{}", event.context, event.sequence, event.position, event.fields,
                                         word == "forged" ? " " : ""));
    }
    if (word == "log") {
      const Event event = event_of(line);
      oracle_.dumped_event(removable_name(event.context), event.sequence, event.position, event.fields);
    } else if (word == "copy") {
      const Event event = event_of(line);
      (void)oracle_.find(event.context, event.sequence, event.position, event.fields, found_);
    } else if (word == "backup") {
      least_ = oracle_.least();
    } else if (word == "log_removal" || word == "log_ends" || word == "copy_gap" || word == "copied") {
      take_numbers(word, line);
    } else {
      return oracle_.take(word, line);
    }
    return true;
  }

  void take_numbers(std::string_view word, std::string_view line) {
    const std::uint64_t first = number(take_word(line));
    const auto context = static_cast<std::uint32_t>(first);
    if (word == "log_removal") {
      const Position position = number(take_word(line));
      const Sequence first_live = number(take_word(line));
      oracle_.dumped_removal(removable_name(context), position, first_live, number(line) != 0);
    } else if (word == "log_ends") {
      oracle_.end_dump({first});
    } else if (word == "copy_gap") {
      found_.last = number(line);
      found_.first_live = found_.last + 1;
    } else {
      oracle_.copied("the backup", context, std::exchange(found_, {}), least_.at(context));
    }
  }

  const std::uint64_t seed_;
  Complaints complaints_;
  RemovalTotals totals_;
  RemovalOracle oracle_{seed_, totals_, [this](std::string what) { complaints_.push_back(std::move(what)); }};
  RemovalOracle::Found found_; ///< In the copy.
  std::vector<RemovalOracle::Least> least_;
};

} // namespace

std::uint64_t find_planted_in_removals() {
  const std::uint64_t seed = seed_of_pairs();
  return find_planted(planted_in_removals(),
                      [seed](const Planted& mistake) { return RemovalStory(seed).complaints_of(mistake); });
}

} // namespace weir::trust

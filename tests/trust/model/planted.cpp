#include "trust/model/planted.hpp"

#include "trust/model/history.hpp"
#include "trust/model/sequence.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace weir::trust {

namespace {

/// Three calls one after the other, the second of them stored again, the third unanswered and stored, and one that
/// comes too late; reads before, between and after.
ContextHistory good_history() {
  ContextHistory history;
  history.context = "planted";
  history.stores = {
      {.id = 1, .events = 2, .made = 2, .answered = 3, .sequence = 1, .synced = true, .position = 11},
      {.id = 2, .events = 1, .made = 6, .answered = 7, .sequence = 3, .synced = true, .position = 15, .expected = 2},
      {.id = 3, .events = 1, .made = 10},
      {.id = 4, .events = 1, .made = 11, .answered = 12, .refused = true},
      {.id = 2,
       .events = 1,
       .made = 8,
       .answered = 9,
       .sequence = 3,
       .synced = true,
       .duplicate = true,
       .position = 15,
       .expected = 2},
      {.id = 5, .events = 1, .made = 8, .answered = 9, .expected = 2, .told = ToldSequence{3, 15}},
  };
  history.content = {{1, 0}, {1, 1}, {2, 0}, {3, 0}};
  history.reads = {{4, 5, {{1, 0}, {1, 1}}}, {8, 9, {{1, 0}, {1, 1}, {2, 0}}}};
  history.cut_began = 13;
  history.cut_ended = 14;
  history.after_cut = {{1, 0}, {1, 1}, {2, 0}};
  return history;
}

using Spoil = std::function<void(ContextHistory&)>;
const std::vector<std::pair<const char*, Spoil>> spoiled = {
    {"a lost call", [](ContextHistory& h) { h.content.erase(h.content.begin() + 2); }},
    {"a call stored twice",
     [](ContextHistory& h) {
       h.content.push_back({2, 0});
     }},
    {"half a call", [](ContextHistory& h) { h.content.erase(h.content.begin() + 1); }},
    {"an invented event",
     [](ContextHistory& h) {
       h.content.push_back({9, 0});
     }},
    {"a refused call that is there",
     [](ContextHistory& h) {
       h.content.push_back({4, 0});
     }},
    {"two calls exchanged",
     [](ContextHistory& h) {
       h.stores.resize(4);
       h.stores[1].expected.reset();
       h.content = {{2, 0}, {1, 0}, {1, 1}, {3, 0}};
       h.stores[0].sequence = 2;
       h.stores[1].sequence = 1;
       h.reads.clear();
       h.cut_began = 0;
     }},
    {"a read that misses what was acknowledged", [](ContextHistory& h) { h.reads[0].seen.clear(); }},
    {"a read of half a call",
     [](ContextHistory& h) {
       h.reads[0] = {2, 5, {{1, 0}}};
     }},
    {"a read of what comes later",
     [](ContextHistory& h) {
       h.reads[0].seen.push_back({2, 0});
     }},
    {"a read that goes back",
     [](ContextHistory& h) {
       h.stores.resize(4);
       h.stores[1].answered = 20;
       h.reads = {{8, 9, {{1, 0}, {1, 1}, {2, 0}}}, {10, 11, {{1, 0}, {1, 1}}}};
     }},
    {"a read of something else",
     [](ContextHistory& h) {
       h.reads[1].seen[2] = {3, 0};
     }},
    {"an attempt that was stored as well", [](ContextHistory& h) { h.stores[4].duplicate = false; }},
    {"a retry that is told of another place", [](ContextHistory& h) { h.stores[4].position = 16; }},
    {"a retry without a first attempt", [](ContextHistory& h) { h.stores[1].duplicate = true; }},
    {"a retry judged by its stale expectation",
     [](ContextHistory& h) {
       h.stores[4] = {.id = 2, .events = 1, .made = 8, .answered = 9, .expected = 2, .told = ToldSequence{3, 15}};
     }},
    {"a call stored at another place than it expected",
     [](ContextHistory& h) {
       for (const std::size_t attempt : {1U, 4U})
         h.stores[attempt].expected = 1;
     }},
    {"two winners for one sequence",
     [](ContextHistory& h) {
       h.stores[5] = {.id = 5, .events = 1, .made = 16, .answered = 17, .sequence = 5, .position = 17, .expected = 2};
       h.content.push_back({5, 0});
     }},
    {"a loser that is there",
     [](ContextHistory& h) {
       h.content.insert(h.content.begin() + 2, {5, 0});
       h.stores[1].sequence = h.stores[4].sequence = 4;
       h.stores[1].expected = h.stores[4].expected = 3;
       h.stores[5].told = ToldSequence{4, 15};
       h.reads.clear();
       h.cut_began = 0;
     }},
    {"a loser told of what it expected", [](ContextHistory& h) { h.stores[5].expected = 3; }},
    {"a loser told of a stale sequence",
     [](ContextHistory& h) {
       h.stores[5].expected = 0;
       h.stores[5].told = ToldSequence{2, 12};
     }},
    {"a loser told of a sequence that never was",
     [](ContextHistory& h) {
       h.stores[5].told = ToldSequence{5, 15};
     }},
    {"a loser told of what comes later",
     [](ContextHistory& h) {
       h.stores[5].told = ToldSequence{4, 16};
     }},
    {"a loser told of half a call",
     [](ContextHistory& h) {
       h.stores[5] = {.id = 5, .events = 1, .made = 1, .answered = 4, .expected = 0, .told = ToldSequence{1, 11}};
     }},
    {"a loser told no receipt", [](ContextHistory& h) { h.stores[5].told->position = 0; }},
    {"a loser told of another event", [](ContextHistory& h) { h.stores[5].told->position = 14; }},
    {"a loser told of less than one before",
     [](ContextHistory& h) {
       h.stores[5] = {.id = 5, .events = 1, .made = 16, .answered = 17, .expected = 0, .told = ToldSequence{4, 16}};
       h.stores.push_back(
           {.id = 6, .events = 1, .made = 18, .answered = 19, .expected = 0, .told = ToldSequence{3, 15}});
     }},
    {"a loser told of less than was read",
     [](ContextHistory& h) {
       h.reads.push_back({15, 16, {{1, 0}, {1, 1}, {2, 0}, {3, 0}}});
       h.stores[5].made = 17;
       h.stores[5].answered = 18;
     }},
    {"a read of less than a loser was told",
     [](ContextHistory& h) {
       h.stores[5] = {.id = 5, .events = 1, .made = 11, .answered = 12, .expected = 0, .told = ToldSequence{4, 16}};
       h.reads.push_back({15, 16, {{1, 0}, {1, 1}, {2, 0}}});
     }},
    {"a synced call lost by a power cut", [](ContextHistory& h) { h.after_cut.pop_back(); }},
    {"half a call after a power cut", [](ContextHistory& h) { h.after_cut.resize(1); }},
};

bool refused(const ContextHistory& history) {
  try {
    judge(history);
    return false;
  } catch (const Mismatch&) {
    return true;
  }
}

void find_in_histories() {
  if (refused(good_history()))
    throw std::runtime_error("a good history was refused");
  for (const auto& [what, spoil] : spoiled) {
    ContextHistory history = good_history();
    spoil(history);
    if (!refused(history))
      throw std::runtime_error(format("planted {}: not found", what));
  }
}

/// What is seldom in a sequence is looked for in short ones of few kinds.
struct PlantedMistake {
  const char* what;
  Mistake mistake;
  std::vector<Kind> kinds;
};

// Some differences need many operations, such as one that only the twentieth event of a context shows: another sequence
// then has a shorter one.
void find_in_sequences(std::uint64_t run_seed, const PlantedMistake& planted) {
  constexpr std::size_t operations_few = 6;
  const auto& [what, mistake, kinds] = planted;
  const std::size_t sequences_max = kinds.empty() ? 20 : 60;
  const std::size_t operations = kinds.empty() ? 400 : 16;
  std::size_t fewest = operations + 1;
  for (std::size_t number = 0; number < sequences_max && fewest > operations_few; ++number) {
    const RandomSequence sequence{seed_of(run_seed, 1'000'000 + number), operations, mistake, kinds};
    const Outcome outcome = play(sequence, std::nullopt);
    if (outcome.kind != Outcome::Kind::good)
      fewest = std::min(fewest, shrink(sequence, outcome).size());
  }
  if (fewest > operations)
    throw std::runtime_error(format("planted {}: not found", what));
  if (fewest > operations_few)
    throw std::runtime_error(format("planted {}: shrank to {} operations only", what, fewest));
}

} // namespace

std::uint64_t find_planted(std::uint64_t run_seed) {
  find_in_histories();
  const std::vector<PlantedMistake> mistakes = {
      {"a power cut that loses nothing", Mistake::power_cuts_lose_nothing, {Kind::store, Kind::burst, Kind::power_cut}},
      {"a bound of a backward replay", Mistake::backward_from_excluded, {}},
      {"a count that forgets its condition", Mistake::uncounted_condition, {Kind::store, Kind::query}},
      {"event ids that are forgotten", Mistake::ids_are_forgotten, {Kind::store, Kind::retry}},
      {"removals that are ignored", Mistake::removals_are_ignored, {Kind::store, Kind::remove, Kind::replay}},
      {"a condition that ignores tags", Mistake::tags_are_ignored, {Kind::condition}},
      {"a check of a condition that always holds", Mistake::checks_always_hold, {Kind::condition}},
      {"payloads that no upcaster changes", Mistake::payloads_stay_as_stored, {Kind::upcast, Kind::reopen}},
      {"views that miss the newest event", Mistake::views_miss_the_newest, {Kind::store, Kind::view}},
      {"a backup that is always of now", Mistake::backups_are_of_now, {Kind::store, Kind::back_up, Kind::restore}},
      {"snapshots of the event behind", Mistake::snapshots_are_one_late, {Kind::store, Kind::snapshot}},
      {"parked events that are done", Mistake::parking_settles, {Kind::store_batch, Kind::flush, Kind::group}},
      {"a reset that is ignored",
       Mistake::resets_are_ignored,
       {Kind::store_batch, Kind::flush, Kind::group, Kind::look_after}},
  };
  for (const PlantedMistake& planted : mistakes)
    find_in_sequences(run_seed, planted);
  return spoiled.size() + mistakes.size();
}

} // namespace weir::trust

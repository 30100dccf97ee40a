#include "engine/query/sequence_match.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <random>
#include <vector>

using namespace weir;
using query::SequenceDetail;
using query::SequenceEvent;

namespace {

using Match = std::vector<std::uint32_t>;
using Matches = std::vector<Match>;

/// Some of one link value, as they are told.
struct Events {
  void add(Position position, std::uint32_t steps, std::int64_t time_us = 0, std::uint64_t value = 0) {
    all.push_back({position, steps, static_cast<std::uint32_t>(all.size())});
    details.push_back({time_us, value});
  }
  std::vector<SequenceEvent> all;
  std::vector<SequenceDetail> details;
};

/// A condition: the value at `step` compared with that at an earlier one. An event's value is SequenceDetail::values.
struct Relation {
  std::size_t step = 1;
  std::size_t earlier = 0;
  enum class Kind : std::uint8_t { equal, larger, odd_sum } kind = Kind::equal;

  [[nodiscard]] bool holds(std::uint64_t before, std::uint64_t here) const {
    switch (kind) {
    case Kind::equal: return here == before;
    case Kind::larger: return here > before;
    case Kind::odd_sum: return (here + before) % 2 == 1;
    }
    return false;
  }
};

class Relations final : public query::SequenceConditions {
public:
  Relations(std::vector<Relation> relations, std::size_t steps) : relations_(std::move(relations)), bound_(steps) {}
  [[nodiscard]] bool any_at(std::size_t step) const noexcept override {
    for (const Relation& relation : relations_) {
      if (relation.step == step)
        return true;
    }
    return false;
  }
  void bind(std::size_t step, const SequenceEvent&, const SequenceDetail& detail) override {
    bound_[step] = detail.values;
  }
  bool hold_at(std::size_t step) override {
    ++judged;
    for (const Relation& relation : relations_) {
      if (relation.step == step && !relation.holds(bound_[relation.earlier], bound_[step]))
        return false;
    }
    return true;
  }
  void append_inputs(std::size_t step, std::string& out) const override {
    for (const Relation& relation : relations_) {
      if (relation.step == step)
        out += std::to_string(bound_[relation.earlier]) + ",";
    }
  }

  std::uint64_t judged = 0;

private:
  std::vector<Relation> relations_;
  std::vector<std::uint64_t> bound_;
};

struct Rule {
  std::size_t steps = 2;
  std::optional<std::int64_t> within_us;
  std::vector<Relation> relations;
};

Matches matches_of(const Rule& rule, const Events& events, std::uint64_t* judged = nullptr) {
  const query::QueryControl control;
  query::Pacer pacer(control);
  Relations relations(rule.relations, rule.steps);
  query::SequenceMatcher matcher(rule.steps, rule.within_us, relations, pacer);
  Matches all;
  const auto status = matcher.match(events.all, events.details, [&](std::span<const std::uint32_t> match) {
    all.emplace_back(match.begin(), match.end());
    return Status{};
  });
  REQUIRE(status.ok());
  if (judged != nullptr)
    *judged = relations.judged;
  return all;
}

/// The rule word by word.
Matches slow_matches_of(const Rule& rule, const Events& told) {
  const auto& [events, details] = told;
  Matches all;
  std::size_t unused = 0;
  for (std::size_t begin = 0; begin < events.size(); ++begin) {
    if (begin < unused || (events[begin].steps & 1) == 0)
      continue;
    Match match = {static_cast<std::uint32_t>(begin)};
    for (std::size_t i = begin + 1; i < events.size() && match.size() < rule.steps; ++i) {
      const std::size_t step = match.size();
      bool fits = (events[i].steps >> step & 1) != 0;
      if (rule.within_us)
        fits = fits && details[begin].time_us != SequenceDetail::no_time &&
               details[i].time_us != SequenceDetail::no_time &&
               details[i].time_us - details[begin].time_us <= *rule.within_us;
      for (const Relation& relation : rule.relations) {
        if (relation.step == step)
          fits = fits && relation.holds(details[match[relation.earlier]].values, details[i].values);
      }
      if (fits)
        match.push_back(static_cast<std::uint32_t>(i));
    }
    if (match.size() < rule.steps)
      continue;
    unused = match.back() + 1;
    all.push_back(std::move(match));
  }
  return all;
}

/// An event as Events::add() takes it.
struct At {
  Position position;
  std::uint32_t steps;
  std::int64_t time_us = 0;
  std::uint64_t value = 0;
};

Events events_at(const std::vector<At>& told) {
  Events events;
  for (const At& event : told)
    events.add(event.position, event.steps, event.time_us, event.value);
  return events;
}

/// One event for each letter, a microsecond apart: `a` fits step 1, `b` step 2 and so on; capitals fit it and the next;
/// `x` fits none.
Events events_of(std::string_view letters) {
  Events events;
  for (const char c : letters) {
    const bool both = c >= 'A' && c <= 'Z';
    const auto step = static_cast<unsigned>(both ? c - 'A' : c - 'a');
    const auto place = events.all.size();
    events.add(place + 1, c == 'x' ? 0 : (both ? 3u : 1u) << step, static_cast<std::int64_t>(place));
  }
  return events;
}

} // namespace

TEST_CASE("sequence match: steps are taken in order, each by the first later event that fits") {
  CHECK(matches_of({2, {}, {}}, events_of("ab")) == Matches{{0, 1}});
  CHECK(matches_of({2, {}, {}}, events_of("ba")).empty());
  CHECK(matches_of({2, {}, {}}, events_of("")).empty());
  CHECK(matches_of({3, {}, {}}, events_of("abxbxc")) == Matches{{0, 1, 5}});
  CHECK(matches_of({3, {}, {}}, events_of("acb")).empty());
}

TEST_CASE("sequence match: matches of a link value do not overlap") {
  CHECK(matches_of({2, {}, {}}, events_of("aabb")) == Matches{{0, 2}});
  CHECK(matches_of({2, {}, {}}, events_of("abab")) == Matches{{0, 1}, {2, 3}});
  CHECK(matches_of({3, {}, {}}, events_of("aabcbcabc")) == Matches{{0, 2, 3}, {6, 7, 8}});
}

TEST_CASE("sequence match: an event that fits two steps is taken once, for the step that is due") {
  CHECK(matches_of({2, {}, {}}, events_of("A")).empty());
  CHECK(matches_of({2, {}, {}}, events_of("AA")) == Matches{{0, 1}});
  CHECK(matches_of({2, {}, {}}, events_of("AAA")) == Matches{{0, 1}});
  CHECK(matches_of({2, {}, {}}, events_of("AAAA")) == Matches{{0, 1}, {2, 3}});
}

TEST_CASE("sequence match: WITHIN includes its end and counts from the first event") {
  const Events events = events_at({{1, 1, 100}, {2, 2, 160}, {3, 4, 200}});
  CHECK(matches_of({3, 100, {}}, events) == Matches{{0, 1, 2}});
  CHECK(matches_of({3, 99, {}}, events).empty());
  CHECK(matches_of({3, 0, {}}, events_at({{1, 1, 5}, {2, 2, 5}, {3, 4, 5}})) == Matches{{0, 1, 2}});
}

TEST_CASE("sequence match: WITHIN passes over an event that is too late, and over a beginning that is too early") {
  CHECK(matches_of({2, 10, {}}, events_at({{1, 1, 0}, {2, 2, 11}, {3, 2, 10}})) == Matches{{0, 2}});
  CHECK(matches_of({2, 10, {}}, events_at({{1, 1, 0}, {2, 1, 5}, {3, 2, 15}})) == Matches{{1, 2}});
}

TEST_CASE("sequence match: with WITHIN an earlier time does no harm and a missing one fits no step") {
  const std::int64_t none = SequenceDetail::no_time;
  CHECK(matches_of({2, 0, {}}, events_at({{1, 1, 100}, {2, 2, 50}})) == Matches{{0, 1}});
  CHECK(matches_of({2, 10, {}}, events_at({{1, 1, none}, {2, 2, 50}})).empty());
  CHECK(matches_of({2, 10, {}}, events_at({{1, 1, 50}, {2, 2, none}})).empty());
  CHECK(matches_of({2, {}, {}}, events_at({{1, 1, none}, {2, 2, none}})) == Matches{{0, 1}});
  CHECK(matches_of({2, std::numeric_limits<std::int64_t>::max(), {}}, events_at({{1, 1, 50}, {2, 2, none}})).empty());
}

TEST_CASE("sequence match: a step takes the first event for which its conditions hold, and never goes back") {
  const Rule larger = {2, {}, {{1, 0, Relation::Kind::larger}}};
  CHECK(matches_of(larger, events_at({{1, 1, 0, 5}, {2, 2, 0, 5}, {3, 2, 0, 6}})) == Matches{{0, 2}});
  // Step 2 takes the event at 1, for which no step 3 comes; the one at 2 would have had one.
  const Rule same = {3, {}, {{2, 1, Relation::Kind::equal}}};
  CHECK(matches_of(same, events_at({{1, 1}, {2, 2, 0, 7}, {3, 2, 0, 8}, {4, 4, 0, 8}})).empty());
}

TEST_CASE("sequence match: a beginning that fails leaves its events to the next one") {
  const Rule same = {2, {}, {{1, 0, Relation::Kind::equal}}};
  CHECK(matches_of(same, events_at({{1, 1, 0, 1}, {2, 1, 0, 2}, {3, 2, 0, 2}})) == Matches{{1, 2}});
}

TEST_CASE("sequence match: many beginnings that fail alike look at the same events once") {
  Events events;
  for (Position i = 1; i <= 2'000; ++i)
    events.add(i, 1, static_cast<std::int64_t>(i), 7);
  for (Position i = 2'001; i <= 4'000; ++i)
    events.add(i, 2, static_cast<std::int64_t>(i), 8);
  std::uint64_t judged = 0;
  CHECK(matches_of({2, {}, {{1, 0, Relation::Kind::equal}}}, events, &judged).empty());
  CHECK(judged == 2'000);
  CHECK(matches_of({2, 4'000, {{1, 0, Relation::Kind::equal}}}, events, &judged).empty());
  CHECK(judged == 2'000);
}

TEST_CASE("sequence match: the search ends when the query is cancelled") {
  Events events;
  for (Position i = 1; i <= 4'000; ++i)
    events.add(i, i <= 2'000 ? 1 : 2, 0, i);
  const std::atomic<bool> cancel{true};
  query::QueryControl control;
  control.cancel = &cancel;
  query::Pacer pacer(control);
  Relations relations({{1, 0, Relation::Kind::equal}}, 2);
  query::SequenceMatcher matcher(2, {}, relations, pacer);
  const auto status =
      matcher.match(events.all, events.details, [](std::span<const std::uint32_t>) { return Status{}; });
  REQUIRE(!status.ok());
  CHECK(status.code() == Errc::cancelled);
  CHECK(relations.judged < 2'000);
}

TEST_CASE("sequence match: random events give what the rule says word by word") {
  std::size_t found = 0;
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    std::mt19937_64 random(seed);
    const auto pick = [&](std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(random); };
    Rule rule;
    rule.steps = 2 + pick(3);
    if (pick(2) == 0)
      rule.within_us = static_cast<std::int64_t>(pick(60));
    for (std::size_t i = pick(4); i > 1; --i) {
      const std::size_t step = 1 + pick(rule.steps - 1);
      rule.relations.push_back({step, pick(step), static_cast<Relation::Kind>(pick(3))});
    }
    const bool in_order = pick(2) == 0;
    const std::size_t values = 1 + pick(6);
    Events events;
    for (std::size_t i = pick(150); i > 0; --i) {
      const auto place = events.all.size();
      auto time = static_cast<std::int64_t>(in_order ? place : pick(100));
      if (pick(30) == 0)
        time = SequenceDetail::no_time;
      std::uint32_t steps = 1u << pick(rule.steps);
      if (pick(5) == 0)
        steps |= 1u << pick(rule.steps);
      events.add(place + 1, steps, time, pick(values));
    }
    CAPTURE(seed);
    const Matches expected = slow_matches_of(rule, events);
    REQUIRE(matches_of(rule, events) == expected);
    found += expected.size();
  }
  CHECK(found > 20'000);
}

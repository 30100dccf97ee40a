#include "engine/retention_judge.hpp"
#include "tests/support/calls.hpp"
#include "tests/support/memory_segment.hpp"
#include "tests/support/why.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace weir;
using std::chrono::microseconds;

namespace {

/// A shard with one context "ab", and what is true of it.
struct Shard {
  struct Known {
    Position position = 0;
    Timestamp recorded_at{};
    std::string type;
  };
  std::shared_ptr<SegmentList> segments = std::make_shared<SegmentList>();
  std::shared_ptr<Memtable> memtable = std::make_shared<Memtable>(1);
  std::vector<Known> events; // by sequence - 1
  Position position = 1;
  std::int64_t now_us = 1'000;
  Sequence first_live = 1;

  void store() {
    const Sequence sequence = events.size() + 1;
    test::apply_calls(*memtable, {test::encoded_call("ab", sequence, 1, position, test::at_us(now_us))});
    memtable->publish();
    events.push_back({position, test::at_us(now_us), test::numbered_event(sequence).event_type});
  }
  void truncate(Sequence before) {
    if (before <= first_live)
      return;
    test::apply_calls(*memtable, {test::encoded_removal("ab", events.size() + 1, before, false, position)});
    memtable->publish();
    first_live = before;
  }
  void flush() {
    const auto sorted = MemtableView(memtable).sorted();
    segments = std::make_shared<SegmentList>(*segments);
    segments->push_back(std::make_shared<test::MemorySegment>(*sorted));
    memtable = std::make_shared<Memtable>(1);
  }
  [[nodiscard]] ShardView view() const { return {0, segments, {MemtableView(memtable)}}; }
};

Status go_on() {
  return {};
}

Sequence decided(const Shard& shard, const std::vector<RetentionRule>& rules, const RetentionPoint& point) {
  const auto verdict = judge_retention(shard.view(), "ab", rules, point, go_on);
  REQUIRE_MESSAGE(verdict.ok(), test::why(verdict));
  return std::max(verdict->first_to_stay, shard.first_live); // nobody looks where no rule speaks of the context
}

/// The rules, word for word.
Sequence expected(const Shard& shard, const std::vector<RetentionRule>& rules, const RetentionPoint& point) {
  const auto goes = [&](Sequence sequence) {
    const Shard::Known& event = shard.events[sequence - 1];
    return std::any_of(rules.begin(), rules.end(), [&](const RetentionRule& rule) {
      const auto speaks_of = [&](const Shard::Known& other) {
        return rule.event_type.empty() || rule.event_type == other.type;
      };
      if (!speaks_of(event) || !std::string_view("ab").starts_with(rule.context_prefix))
        return false;
      std::uint64_t newer = 0;
      for (Sequence behind = sequence + 1; behind <= shard.events.size(); ++behind)
        if (const Shard::Known& other = shard.events[behind - 1]; other.position < point.before && speaks_of(other))
          ++newer;
      return (rule.age && event.recorded_at < point.now - *rule.age) || (rule.count && newer >= *rule.count);
    });
  };
  Sequence stays = shard.first_live;
  while (stays <= shard.events.size() && shard.events[stays - 1].position < point.before && goes(stays))
    ++stays;
  return stays;
}

RetentionRule random_rule(std::mt19937_64& random) {
  RetentionRule rule;
  const std::string_view prefixes[] = {"", "", "a", "ab", "abc", "b"};
  rule.context_prefix = prefixes[random() % 6];
  if (random() % 2 == 0)
    rule.event_type = "type-" + std::to_string(random() % 3);
  if (random() % 3 != 0)
    rule.age = microseconds(1 + random() % 30);
  if (!rule.age || random() % 2 == 0)
    rule.count = 1 + random() % 7;
  return rule;
}

} // namespace

TEST_CASE("retention: by age, count and type, at random, as the rules say; judged again at its point it is the same") {
  std::mt19937_64 random(3);
  std::uint64_t cut = 0;
  for (int round = 0; round < 600; ++round) {
    CAPTURE(round);
    Shard shard;
    for (auto steps = 2 + random() % 30; steps != 0; --steps) {
      const auto what = random() % 8;
      if (what == 0)
        shard.flush();
      else if (what == 1 && !shard.events.empty())
        shard.truncate(1 + random() % (shard.events.size() + 1));
      else
        shard.store();
      shard.position += 1 + random() % 3;
      shard.now_us += static_cast<std::int64_t>(random() % 5);
    }
    std::vector<RetentionRule> rules;
    for (auto count = 1 + random() % 3; count != 0; --count)
      rules.push_back(random_rule(random));
    RetentionPoint point{shard.position, test::at_us(shard.now_us)};
    if (random() % 3 == 0)
      point.before = 1 + random() % shard.position;
    const Sequence first = decided(shard, rules, point);
    CHECK(first == expected(shard, rules, point));
    cut += first != shard.first_live ? 1 : 0;
    // Whatever is stored then, and however much of the decision was carried out.
    for (auto stores = random() % 5; stores != 0; --stores) {
      shard.position = std::max(shard.position, point.before) + 1;
      shard.store();
    }
    CHECK(decided(shard, rules, point) == first);
    shard.truncate(first);
    CHECK(decided(shard, rules, point) == std::max(first, shard.first_live));
  }
  CHECK(cut > 100);
}

TEST_CASE("retention: a long context is counted in batches, from either end, and asked whether to go on") {
  Shard shard;
  for (int i = 0; i < 3'000; ++i) {
    shard.store();
    ++shard.position;
    if (i == 1'500)
      shard.flush();
  }
  const RetentionPoint point{shard.position, test::at_us(shard.now_us)};
  CHECK(decided(shard, {{.count = 10}}, point) == 2'991);
  CHECK(decided(shard, {{.count = 2'900}}, point) == 101);
  CHECK(decided(shard, {{.count = 5'000}}, point) == 1);
  CHECK(decided(shard, {{.event_type = "type-1", .count = 1}}, point) == 2); // the second is of another type
  int asked = 0;
  const auto stopped = judge_retention(shard.view(), "ab", std::vector<RetentionRule>{{.count = 10}}, point, [&] {
    return ++asked < 3 ? Status() : Status(fail(Errc::cancelled, "enough"));
  });
  CHECK(stopped.code() == Errc::cancelled);
}

TEST_CASE("retention: rules that say nothing or too much, or two for the same events, are refused") {
  const auto code = [](std::vector<RetentionRule> rules) { return validate_retention(rules).code(); };
  CHECK(validate_retention({}).ok());
  const std::vector<RetentionRule> fine = {{.age = microseconds(1)},
                                           {.context_prefix = "a", .count = 1},
                                           {.event_type = "a", .age = limits::retention_age_max, .count = 1}};
  CHECK(validate_retention(fine).ok());
  CHECK(code({{}}) == Errc::invalid_argument);
  CHECK(code({{.age = microseconds(0)}}) == Errc::invalid_argument);
  CHECK(code({{.age = limits::retention_age_max + microseconds(1)}}) == Errc::invalid_argument);
  CHECK(code({{.count = 0}}) == Errc::invalid_argument);
  CHECK(code({{.count = sequence_max}}) == Errc::invalid_argument);
  CHECK(code({{.context_prefix = "\n", .count = 1}}) == Errc::invalid_argument);
  CHECK(code({{.event_type = "\xff", .count = 1}}) == Errc::invalid_argument);
  CHECK(code({{.context_prefix = std::string(513, 'x'), .count = 1}}) == Errc::too_large);
  CHECK(code({{.context_prefix = "a", .count = 1}, {.context_prefix = "a", .age = microseconds(1)}}) ==
        Errc::invalid_argument);
  std::vector<RetentionRule> many;
  for (std::size_t i = 0; i <= limits::retention_rules_max; ++i)
    many.push_back({.context_prefix = std::to_string(i), .count = 1});
  CHECK(code(many) == Errc::too_large);
  many.pop_back();
  CHECK(validate_retention(many).ok());
}

TEST_CASE("retention: contexts are walked once, by the shortest prefixes") {
  const std::vector<RetentionRule> rules = {{.context_prefix = "b-"}, {.context_prefix = "a"}, {.context_prefix = "ab"},
                                            {.context_prefix = "b"},  {.context_prefix = "a"}, {.context_prefix = "c"}};
  CHECK(prefixes_of(rules) == std::vector<std::string>{"a", "b", "c"});
  CHECK(prefixes_of({}).empty());
  CHECK(prefixes_of(std::vector<RetentionRule>{{.context_prefix = "b"}, {}}) == std::vector<std::string>{""});
}

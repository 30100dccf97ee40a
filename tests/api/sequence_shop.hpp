// An engine that holds random events of a shop, and the test's own list of them.
//
// Owner: a test case. Threading: one thread.
#pragma once

#include "tests/api/opened.hpp"
#include "tests/api/sequence_rule.hpp"
#include "tests/support/why.hpp"

#include "engine/io/manual_clock.hpp"

#include <weir/execute.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>

namespace weir::test {

/// Where the events lie when they are asked for.
enum class Home { memory, segments, both, merged };
constexpr std::array<Home, 4> homes = {Home::memory, Home::segments, Home::both, Home::merged};

/// An engine of three shards and what it was told. Its clock stands still, so nothing is merged but by compact().
class Shop {
public:
  static constexpr Timestamp start{std::chrono::microseconds(1'700'000'000'000'000)}; ///< 2023-11-14T22:13:20Z

  Shop() : engine(opened(disk, options(), std::make_unique<io::ManualClock>())) {}

  void store(Fact fact) {
    Event event{.context_id = fact.context, .event_type = fact.type, .payload = payload(fact), .timestamp = fact.at};
    const auto receipt = engine.store(std::move(event));
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
    fact.sequence = receipt->sequence;
    fact.position = receipt->position;
    facts.push_back(std::move(fact));
    std::sort(facts.begin(), facts.end(), [](const Fact& a, const Fact& b) { return a.position < b.position; });
  }
  /// Events at random, a minute after each other; not in the order of their times. Every shard has some in each third.
  void fill(Home home, std::uint64_t seed, int count = 240) {
    std::mt19937_64 random(seed);
    const auto pick = [&](std::uint64_t below) { return random() % below; };
    for (int i = 0; i < count; ++i) {
      Fact fact;
      fact.context = "shop-" + std::to_string(pick(12));
      fact.type = std::array{"placed", "paid", "shipped", "noted"}[pick(4)];
      fact.at = start + std::chrono::minutes(i) - std::chrono::seconds(pick(200));
      if (pick(10) != 0)
        fact.order = static_cast<std::int64_t>(pick(25));
      fact.amount = static_cast<std::int64_t>(pick(10));
      store(std::move(fact));
      const bool third = i % (count / 3) == count / 3 - 1;
      if (third && (home != Home::memory && (home != Home::both || i + 1 < count)))
        REQUIRE(engine.flush().ok());
    }
    if (home == Home::merged)
      merge();
    const EngineStats stats = engine.stats();
    for (const ShardStats& shard : stats.shards) {
      CHECK((shard.memtable_events != 0) == (home == Home::memory || home == Home::both));
      CHECK(shard.segments == (home == Home::memory ? 0 : home == Home::segments ? 3 : home == Home::both ? 2 : 1));
    }
  }
  void merge() {
    CompactOptions all;
    all.all = true;
    const auto report = engine.compact(all);
    REQUIRE_MESSAGE(report.ok(), why(report));
  }
  void forget(const std::function<bool(const Fact&)>& removed) { std::erase_if(facts, removed); }

  QueryResult ask(const std::string& text, const QueryOptions& how = {}) const {
    auto answer = engine.query(text, how);
    INFO(text);
    REQUIRE_MESSAGE(answer.ok(), why(answer));
    return *std::move(answer);
  }
  /// Asks for the positions of what `asked` matches, in every way there is to ask.
  std::size_t check(const std::string& text, const std::string& columns, const Asked& asked) {
    const std::string whole = text + " RETURN " + columns;
    CAPTURE(whole);
    const Rows expected = positions(matches(asked, facts));
    CHECK(ask(whole).rows == expected);
    const auto executed = execute(engine, whole);
    REQUIRE_MESSAGE(executed.ok(), why(executed));
    CHECK(executed->result.rows == expected);
    CHECK(ask(text + " COUNT").rows == Rows{{expected.size()}});
    return expected.size();
  }

  SimulatedDisk disk;
  Engine engine;
  Facts facts;

  static std::string payload(const Fact& fact) {
    std::string text = "{\"amount\":" + std::to_string(fact.amount);
    if (fact.order)
      text += ",\"order\":" + std::to_string(*fact.order);
    return text + "}";
  }

private:
  static EngineOptions options() {
    EngineOptions made;
    made.shards = 3;
    made.zone_rows = 16;
    return made;
  }
};

} // namespace weir::test

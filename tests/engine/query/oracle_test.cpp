#include "engine/query/executor.hpp"
#include "tests/engine/query/reference.hpp"

#include <doctest/doctest.h>

using namespace weir;

TEST_CASE("query oracle: with and without pruning the answer is that of the naive evaluator") {
  std::uint64_t pruned_segments = 0;
  std::uint64_t pruned_zones = 0;
  std::uint64_t counted_zones = 0;
  std::uint64_t rows = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    test::Random random(seed);
    const test::RandomData data = test::random_data(random, 30 + test::pick(random, 200));
    for (int i = 0; i < 25; ++i) {
      const Query plan = test::random_query(random);
      CAPTURE(seed);
      CAPTURE(to_text(plan));
      query::QueryControl control;
      const auto pruned = query::run(plan, data.shards, control);
      control.prune = false;
      const auto full = query::run(plan, data.shards, control);
      REQUIRE(pruned.ok());
      REQUIRE(full.ok());
      const auto expected = test::reference_rows(plan, data.events);
      REQUIRE(full->rows == expected);
      REQUIRE(pruned->rows == expected);
      REQUIRE(pruned->columns == full->columns);
      pruned_segments += pruned->stats.segments_pruned;
      pruned_zones += pruned->stats.zones_pruned;
      counted_zones += pruned->stats.zones_counted;
      rows += expected.size();
    }
  }
  // The random queries must not miss what they are meant to test.
  CHECK(pruned_segments > 100);
  CHECK(pruned_zones > 100);
  CHECK(counted_zones > 10);
  CHECK(rows > 1'000);
}

#include "engine/query/executor.hpp"
#include "tests/engine/query/sequence_reference.hpp"

#include <doctest/doctest.h>

using namespace weir;

TEST_CASE("sequence oracle: with and without pruning the answer is that of the rule word by word") {
  std::uint64_t matches = 0, answers = 0, empty = 0;
  for (std::uint64_t seed = 1; seed <= 160; ++seed) {
    test::Random random(seed);
    const test::RandomData data = test::random_data(random, 60 + test::pick(random, 300));
    for (int i = 0; i < 25; ++i) {
      const Query plan = test::random_sequence(random);
      CAPTURE(seed);
      CAPTURE(to_text(plan));
      REQUIRE(plan.validate().ok());
      query::QueryControl control;
      const auto pruned = query::run(plan, data.shards, control);
      control.columns = false;
      const auto by_payload = query::run(plan, data.shards, control);
      control.prune = false;
      const auto full = query::run(plan, data.shards, control);
      REQUIRE(pruned.ok());
      REQUIRE(by_payload.ok());
      REQUIRE(full.ok());
      const auto expected = test::reference_sequences(plan, data.events);
      REQUIRE(full->rows == expected);
      REQUIRE(pruned->rows == expected);
      REQUIRE(by_payload->rows == expected);
      REQUIRE(pruned->columns == full->columns);
      ++answers;
      matches += expected.size();
      empty += expected.empty() ? 1 : 0;
    }
  }
  // The random sequences must not miss what they are meant to test.
  CHECK(answers == 4'000);
  CHECK(matches > 5'000);
  CHECK(empty < 2'400);
}

#include "engine/query/executor.hpp"
#include "engine/query/explain.hpp"
#include "tests/engine/query/reference.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace weir;

namespace {

/// How often a feature was met where it mattered: in queries with rows.
using Counts = std::map<std::string, std::uint64_t>;

void count_expression(const Expr& expression, Counts& counts) {
  using Kind = Expr::Kind;
  static const std::map<Kind, std::string> names = {{Kind::arithmetic, "arithmetic"}, {Kind::minus, "minus"},
                                                    {Kind::comparison, "comparison"}, {Kind::one_of, "IN"},
                                                    {Kind::between, "BETWEEN"},       {Kind::like, "LIKE"},
                                                    {Kind::is_null, "IS NULL"},       {Kind::exists, "EXISTS"},
                                                    {Kind::contains, "CONTAINS"},     {Kind::conjunction, "AND"},
                                                    {Kind::disjunction, "OR"},        {Kind::negation, "NOT"}};
  static const std::vector<std::string> functions = {"lower", "length", "abs", "round", "date_trunc", "time"};
  if (const auto name = names.find(expression.kind()); name != names.end())
    ++counts[name->second];
  if (expression.kind() == Kind::call)
    ++counts[functions[static_cast<std::size_t>(expression.function())]];
  for (const Expr& term : expression.terms())
    count_expression(term, counts);
}

void count_features(const Query& plan, Counts& counts) {
  ++counts[plan.is_grouped() ? "groups" : "rows"];
  if (plan.condition)
    count_expression(*plan.condition, counts);
  counts["FOR"] += plan.context_ids.empty() ? 0 : 1;
  counts["FOR PREFIX"] += plan.context_prefix ? 1 : 0;
  counts["SINCE"] += plan.since_time ? 1 : 0;
  counts["UNTIL"] += plan.until_time ? 1 : 0;
  counts["USING TIME"] +=
      plan.time_field != "timestamp" && (plan.since_time || plan.until_time || plan.per_unit) ? 1 : 0;
  counts["PER"] += plan.per_unit ? 1 : 0;
  counts["BY"] += plan.group_by.empty() ? 0 : 1;
  counts["HAVING"] += plan.group_condition ? 1 : 0;
  counts["ORDER BY"] += plan.order.empty() ? 0 : 1;
  counts["LIMIT"] += plan.rows_max ? 1 : 0;
  counts["OFFSET"] += plan.rows_skipped != 0 ? 1 : 0;
  for (const Aggregate& aggregate : plan.aggregates)
    ++counts["aggregate " + std::to_string(static_cast<int>(aggregate.kind))];
}

/// Whether the columns of some segment are read by position.
bool reads_by_position(const Query& plan, const test::RandomData& data) {
  const auto lines = query::explain_plan(plan, data.shards, {});
  REQUIRE(lines.ok());
  return std::none_of(lines->begin(), lines->end(), [](const auto& line) { return line == "  read by position: 0"; });
}

/// As many queries over `data_sets` different data, each asked four ways. `larger`: see random_data().
void compare(std::uint64_t first_seed, std::uint64_t data_sets, int queries_each, bool larger = false) {
  Counts counts;
  QueryStats stats;
  for (std::uint64_t seed = first_seed; seed < first_seed + data_sets; ++seed) {
    test::Random random(seed);
    const test::RandomData data = test::random_data(random, (20 + test::pick(random, 120)) * (larger ? 20 : 1), larger);
    for (int i = 0; i < queries_each; ++i) {
      const Query plan = test::random_query(random);
      CAPTURE(seed);
      CAPTURE(to_text(plan));
      if (const Status valid = plan.validate(); !valid)
        FAIL(to_string(valid.error()));
      const auto parsed = parse_query(to_text(plan));
      REQUIRE(parsed.ok());
      REQUIRE(*parsed == plan);
      const auto expected = test::reference_rows(plan, data.events);
      query::QueryControl control;
      const auto fast = query::run(plan, data.shards, control);
      REQUIRE(fast.ok());
      REQUIRE(fast->rows == expected);
      control.columns = false;
      const auto by_rows = query::run(plan, data.shards, control);
      REQUIRE(by_rows.ok());
      REQUIRE(by_rows->rows == expected);
      control.prune = false;
      const auto full = query::run(plan, data.shards, control);
      REQUIRE(full.ok());
      REQUIRE(full->rows == expected);
      if (!expected.empty())
        count_features(plan, counts);
      stats.add(fast->stats);
    }
  }
  // The random queries must not miss what they are meant to test: of every hundred each feature has one with rows.
  const std::uint64_t least = data_sets * static_cast<std::uint64_t>(queries_each) / 100;
  static const std::vector<std::string> features = {
      "rows",  "groups", "FOR",      "FOR PREFIX", "SINCE",  "UNTIL",      "USING TIME", "PER",
      "BY",    "HAVING", "ORDER BY", "LIMIT",      "OFFSET", "AND",        "OR",         "NOT",
      "IN",    "LIKE",   "BETWEEN",  "IS NULL",    "EXISTS", "CONTAINS",   "comparison", "arithmetic",
      "minus", "lower",  "length",   "abs",        "round",  "date_trunc", "time"};
  for (const std::string& feature : features) {
    CAPTURE(feature);
    CHECK(counts[feature] >= least);
  }
  for (int kind = 0; kind <= static_cast<int>(Aggregate::Kind::last); ++kind) {
    CAPTURE(kind);
    CHECK(counts["aggregate " + std::to_string(kind)] >= least);
  }
  CHECK(stats.segments_pruned > least);
  CHECK(stats.zones_pruned > least);
  CHECK(stats.zones_counted > 0);
}

} // namespace

TEST_CASE("query oracle: the answer is that of the naive evaluator, with indexes and columns and without, part 1") {
  compare(1'000, 200, 26);
}
TEST_CASE("query oracle: the answer is that of the naive evaluator, with indexes and columns and without, part 2") {
  compare(2'000, 200, 26);
}
TEST_CASE("query oracle: the answer is that of the naive evaluator, with indexes and columns and without, part 3") {
  compare(3'000, 200, 26);
}
TEST_CASE("query oracle: the answer is that of the naive evaluator, with indexes and columns and without, part 4") {
  compare(4'000, 200, 26);
}

TEST_CASE("query oracle: the answer is that of the naive evaluator where sets of rows have many words") {
  compare(6'000, 20, 50, true);
}

TEST_CASE("query oracle: the answer from columns by position is that of the naive evaluator") {
  int asked = 0, conditions = 0;
  for (std::uint64_t seed = 5'000; seed < 5'080; ++seed) {
    test::Random random(seed);
    const bool larger = seed % 20 == 0;
    const test::RandomData data = test::random_data(random, larger ? 3'000 : 200, larger);
    for (int i = 0; i < (larger ? 100 : 500); ++i) {
      Query plan = test::random_query(random);
      plan.context_ids.clear();
      plan.context_prefix.reset();
      plan.time_field = "timestamp";
      plan.since_time = test::random_time(random);
      if (!plan.is_grouped() || !plan.validate())
        continue;
      if (!reads_by_position(plan, data)) {
        const std::string name =
            std::array{"payload.n", "payload.s", "payload.a", "payload.b.c"}[test::pick(random, 4)];
        plan.condition = !(field(name) >= test::random_sample(random));
        if (!plan.validate() || !reads_by_position(plan, data)) // a time has no literal
          continue;
      }
      CAPTURE(seed);
      CAPTURE(to_text(plan));
      const auto found = query::run(plan, data.shards, {});
      REQUIRE(found.ok());
      REQUIRE(found->rows == test::reference_rows(plan, data.events));
      ++asked;
      conditions += plan.condition && !found->rows.empty() ? 1 : 0;
    }
  }
  CHECK(asked > 1'000);
  CHECK(conditions > 100);
}

TEST_CASE("query oracle: parts merge to the same answer in any order and grouping") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    test::Random random(seed);
    const test::RandomData data = test::random_data(random, 100);
    for (int i = 0; i < 10; ++i) {
      const Query plan = test::random_query(random);
      CAPTURE(seed);
      CAPTURE(to_text(plan));
      std::vector<ShardView> views = data.shards;
      const auto forward = query::run(plan, views, {});
      std::reverse(views.begin(), views.end());
      const auto backward = query::run(plan, views, {});
      REQUIRE(forward.ok());
      REQUIRE(backward.ok());
      // As text, which tells 1 from 1.0 and 0 from -0.
      REQUIRE(forward->rows.size() == backward->rows.size());
      for (std::size_t row = 0; row < forward->rows.size(); ++row) {
        for (std::size_t column = 0; column < forward->columns.size(); ++column)
          REQUIRE(to_json(forward->rows[row][column]) == to_json(backward->rows[row][column]));
      }
    }
  }
}

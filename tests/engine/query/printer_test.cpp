#include "tests/engine/query/random_query.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace weir;

namespace {

/// `parsed`, which was read, is `printed`, whose text is `text`.
template <class T> void check_read_back(const Result<T>& parsed, const T& printed, const std::string& text) {
  if (!parsed)
    FAIL(to_string(parsed.error()));
  REQUIRE(*parsed == printed);
  REQUIRE(to_text(*parsed) == text);
}

} // namespace

TEST_CASE("query text: a printed plan is read back as the same plan and prints the same") {
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    std::mt19937_64 random(seed);
    const Query plan = test::random_plan(random);
    const std::string text = to_text(plan);
    CAPTURE(seed);
    CAPTURE(text);
    if (const auto status = plan.validate(); !status)
      FAIL(to_string(status.error()));
    check_read_back(parse_query(text), plan, text);
  }
}

TEST_CASE("statements: a printed statement is read back as the same statement and prints the same") {
  for (std::uint64_t seed = 1; seed <= 5'000; ++seed) {
    std::mt19937_64 random(seed);
    const Statement statement = test::random_statement(random);
    const std::string text = to_text(statement);
    CAPTURE(seed);
    CAPTURE(text);
    for (const std::string& written : {text, text + ";", " " + text + "\n ; "})
      check_read_back(parse_statement(written), statement, text);
  }
}

TEST_CASE("query text: canonical text of odd names and values") {
  const Query all = Query::all_types();
  const auto where = [&](Expr expression) { return to_text(Query(all).where(std::move(expression))); };
  CHECK(to_text(Query::types({"a b", "it's"}).for_context("{x}")) == "QUERY 'a b', 'it''s' FOR '{x}'");
  CHECK(to_text(Query(all).for_contexts({"PREFIX", "prefix"})) == "QUERY * FOR 'PREFIX', prefix");
  CHECK(where(field("payload.'a'.\"say \"\"hi\"\"\"") == 1.0) == "QUERY * WHERE payload.a.\"say \"\"hi\"\"\" = 1.0");
  CHECK(where(field("timestamp") < 1) == "QUERY * WHERE timestamp < '1970-01-01T00:00:00.001000Z'");
  CHECK(where(field("payload.a") == nullptr) == "QUERY * WHERE payload.a IS NULL");
  CHECK(where(field("payload.a") != nullptr) == "QUERY * WHERE payload.a IS NOT NULL");
  CHECK(where(!field("payload.a").in({1, Value("x")})) == "QUERY * WHERE payload.a NOT IN (1, 'x')");
  CHECK(where(!(field("payload.a") == 1)) == "QUERY * WHERE NOT payload.a = 1");
  CHECK(where((field("payload.a") + 1) * 2 - (field("payload.b") - 3) == -field("payload.c")) ==
        "QUERY * WHERE (payload.a + 1) * 2 - (payload.b - 3) = -payload.c");
  CHECK(where((field("sequence") == 1 || field("sequence") == 2) && field("position") == 3) ==
        "QUERY * WHERE (sequence = 1 OR sequence = 2) AND position = 3");
  CHECK(where(call(Function::round, {field("payload.a"), 2}) == Timestamp{}) ==
        "QUERY * WHERE round(payload.a, 2) = time('1970-01-01T00:00:00.000000Z')");
}

TEST_CASE("query text: a duration is printed in the largest unit that is exact") {
  const auto text = [](std::chrono::microseconds duration) {
    const std::string all = to_text(Query::sequence({{"a", ""}, {"b", ""}}, "context_id").within(duration));
    return all.substr(all.find("WITHIN"));
  };
  using namespace std::chrono_literals;
  CHECK(text(1us) == "WITHIN 1 MICROSECOND");
  CHECK(text(1500us) == "WITHIN 1500 MICROSECONDS");
  CHECK(text(2ms) == "WITHIN 2 MILLISECONDS");
  CHECK(text(90s) == "WITHIN 90 SECONDS");
  CHECK(text(120s) == "WITHIN 2 MINUTES");
  CHECK(text(1h) == "WITHIN 1 HOUR");
  CHECK(text(72h) == "WITHIN 3 DAYS");
}

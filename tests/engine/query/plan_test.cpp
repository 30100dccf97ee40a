#include "tests/engine/query/random_data.hpp"

#include <weir/query.hpp>

#include <doctest/doctest.h>

#include <limits>

using namespace weir;

TEST_CASE("query plan: the text of a plan parses to the same plan") {
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    test::Random random(seed);
    const Query plan = test::random_query(random);
    const std::string text = to_text(plan);
    CAPTURE(seed);
    CAPTURE(text);
    REQUIRE(plan.validate().ok());
    const auto parsed = parse_query(text);
    REQUIRE(parsed.ok());
    REQUIRE(*parsed == plan);
    REQUIRE(to_text(*parsed) == text);
  }
}

TEST_CASE("query plan: canonical text of odd names and values") {
  CHECK(to_text(Query::types({"a b", "it's"}).for_context("{x}")) == "QUERY 'a b', 'it''s' FOR '{x}'");
  CHECK(to_text(Query::all_types().where(field("payload.'a'.\"say \"\"hi\"\"\"") == 1.0)) ==
        "QUERY * WHERE payload.a.\"say \"\"hi\"\"\" = 1.0");
  CHECK(to_text(Query::all_types().where(field("timestamp") < 1)) ==
        "QUERY * WHERE timestamp < '1970-01-01T00:00:00.001000Z'");
  CHECK(
      to_text(Query::all_types().where((field("sequence") == 1 || field("sequence") == 2) && field("position") == 3)) ==
      "QUERY * WHERE (sequence = 1 OR sequence = 2) AND position = 3");
}

TEST_CASE("query plan: validate refuses what no text could say") {
  const auto code = [](const Query& query) { return query.validate().code(); };
  const Query all = Query::all_types();
  const auto where = [&](Expr expression) { return Query(all).where(std::move(expression)); };
  CHECK(code(Query::types({""})) == Errc::invalid_argument);
  CHECK(code(Query::types({"\xff"})) == Errc::invalid_argument);
  CHECK(code(Query(all).for_context("")) == Errc::invalid_argument);
  CHECK(code(Query(all).since(Timestamp::max())) == Errc::invalid_argument);
  CHECK(code(Query(all).by({"event_type"})) == Errc::invalid_argument);
  CHECK(code(Query(all).count().returning({"event_type"})) == Errc::invalid_argument);
  CHECK(code(Query(all).count().by({"payload"})) == Errc::invalid_argument);
  CHECK(code(Query(all).returning({"nothing"})) == Errc::invalid_argument);
  CHECK(code(Query(all).returning({"payload.\"\xff\""})) == Errc::invalid_argument);
  CHECK(code(Query(all).order_by("count")) == Errc::invalid_argument);
  CHECK(code(Query(all).count().order_by("count")) == Errc::ok);
  CHECK(code(where(field("payload") == 1)) == Errc::invalid_argument);
  CHECK(code(where(field("payload.a").in({}))) == Errc::invalid_argument);
  CHECK(code(where(field("payload.a") == std::numeric_limits<double>::infinity())) == Errc::invalid_argument);
  CHECK(code(where(field("payload.a") == JsonText{"{}"})) == Errc::invalid_argument);
  CHECK(code(where(field("payload.a") == Timestamp{})) == Errc::invalid_argument);
  CHECK(code(where(field("timestamp") == "soon")) == Errc::invalid_argument);
  CHECK(code(where(field("payload.a") == "\xff")) == Errc::invalid_argument);
  CHECK(code(where(field("sequence") == 1 && !(field("bad") == 1))) == Errc::invalid_argument);
}

TEST_CASE("query plan: an expression built too deep is refused and stays small") {
  Expr expression = field("sequence") == 1;
  for (int i = 0; i < 100'000; ++i)
    expression = !std::move(expression);
  CHECK(expression.kind() == Expr::Kind::too_deep);
  CHECK(Query::all_types().where(expression).validate().code() == Errc::too_large);
  CHECK(Query::all_types().where(expression && field("sequence") == 1).validate().code() == Errc::too_large);
  CHECK(Query::all_types().where(field("sequence") == 1 || expression).validate().code() == Errc::too_large);
}

TEST_CASE("query plan: where called again narrows") {
  CHECK(Query::all_types().where(field("sequence") > 1).where(field("sequence") < 5) ==
        Query::all_types().where(field("sequence") > 1 && field("sequence") < 5));
}

#include <weir/limits.hpp>
#include <weir/query.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

using namespace weir;

namespace {

Errc code(const Query& query) {
  return query.validate().code();
}

Errc where(Expr expression) {
  return code(Query::all_types().where(std::move(expression)));
}

Query pair(std::string_view link = "context_id") {
  return Query::sequence({{"a", ""}, {"b", "y"}}, link);
}

} // namespace

TEST_CASE("query plan: names and literals are kept canonical") {
  CHECK(field("payload.'a'").expression() == Expr::field("payload.a"));
  CHECK(field("step.payload.\"a\"").expression().name() == "step.payload.a");
  CHECK(field("TOTAL payload.'a'").expression().name() == "total payload.a");
  CHECK(Expr(field("timestamp") > 5) == (field("timestamp") > Timestamp(std::chrono::milliseconds(5))));
  CHECK(Expr(field("y.recorded_at") > 5) == (field("y.recorded_at") > Timestamp(std::chrono::milliseconds(5))));
  CHECK(Expr(field("min timestamp") > 0) == (field("min timestamp") > Timestamp{}));
  CHECK(Expr(field("week") > 0) == (field("week") > Timestamp{}));
  CHECK(Expr(field("payload.a") > 5) != (field("payload.a") > 5.0));
  CHECK(call(Function::time, {0}).expression() == Expr::literal(Timestamp{}));
  CHECK((field("payload.a") != nullptr) == !field("payload.a").is_null());
  CHECK((-Operand(5)).expression() == Expr::literal(-5));
  CHECK((-Operand(INT64_MIN)).expression() == Expr::literal(std::uint64_t{1} << 63u));
  CHECK((-(-Operand(INT64_MIN))).expression() == Expr::literal(INT64_MIN));
  CHECK(Query::all_types().count("count") == Query::all_types().count());
  CHECK(Query::sequence({{"a", "a"}, {"b", ""}}, "payload.'x'") ==
        Query::sequence({{"a", ""}, {"b", ""}}, "payload.x"));
  CHECK(Query::all_types().using_time("payload.'at'").time_field == "payload.at");
  CHECK(default_name({Aggregate::Kind::count_unique, "payload.u", "x"}) == "count unique payload.u");
  CHECK(column_name({Aggregate::Kind::count_unique, "payload.u", "x"}) == "x");
  CHECK(column_name({Aggregate::Kind::average, "payload.u", ""}) == "avg payload.u");
}

TEST_CASE("query plan: validate refuses what no text could say") {
  const Query all = Query::all_types();
  CHECK(code(Query::types({""})) == Errc::invalid_argument);
  CHECK(code(Query::types({"\xff"})) == Errc::invalid_argument);
  CHECK(code(Query(all).for_context("")) == Errc::invalid_argument);
  CHECK(code(Query(all).for_prefix("")) == Errc::invalid_argument);
  CHECK(code(Query(all).for_prefix("a").for_context("b")) == Errc::invalid_argument);
  CHECK(code(Query(all).since(Timestamp::max())) == Errc::invalid_argument);
  CHECK(code(Query(all).using_time("sequence")) == Errc::invalid_argument);
  CHECK(code(Query(all).using_time("payload")) == Errc::invalid_argument);
  CHECK(code(Query(all).returning({"nothing"})) == Errc::invalid_argument);
  CHECK(code(Query(all).returning({"payload.\"\xff\""})) == Errc::invalid_argument);
  CHECK(code(Query(all).returning({{"sequence", "a b"}})) == Errc::invalid_argument);
  CHECK(code(Query(all).returning({{"sequence", "timestamp"}})) == Errc::invalid_argument);
  CHECK(code(Query(all).returning({{"sequence", "x"}, {"position", "x"}})) == Errc::invalid_argument);
  CHECK(code(Query(all).returning({"sequence", "sequence"})) == Errc::ok);
  CHECK(code(Query(all).returning({{"payload", "day"}}).order_by("day")) == Errc::ok);
  CHECK(code(Query(all).order_by("count")) == Errc::invalid_argument);
  CHECK(code(Query(all).order_by("payload")) == Errc::invalid_argument);
  for (const double number : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    CHECK(where(field("payload.a") == number) == Errc::invalid_argument);
  CHECK(where(field("payload") == 1) == Errc::invalid_argument);
  CHECK(where(field("payload.a").in({})) == Errc::invalid_argument);
  CHECK(where(field("payload.a").in(std::vector<Value>(limits::query_values_max + 1))) == Errc::too_large);
  CHECK(where(field("payload.a") == JsonText{"{}"}) == Errc::invalid_argument);
  CHECK(where(field("payload.a") == Timestamp{}) == Errc::invalid_argument);
  CHECK(where(field("payload.a") + 1 == Timestamp{}) == Errc::ok);
  CHECK(where(field("timestamp") == "soon") == Errc::invalid_argument);
  CHECK(where(field("timestamp").between(0, "soon")) == Errc::invalid_argument);
  CHECK(where(field("timestamp").in({0, true})) == Errc::invalid_argument);
  CHECK(where(field("payload.a") == "\xff") == Errc::invalid_argument);
  CHECK(where(field("payload.a").like("\xff")) == Errc::invalid_argument);
  CHECK(where(field("payload.a").like("x\\")) == Errc::invalid_argument);
  CHECK(where(field("payload.a").like("x\\\\")) == Errc::ok);
  CHECK(where(field("payload.a").contains(Timestamp{})) == Errc::invalid_argument);
  CHECK(where(exists("nothing")) == Errc::invalid_argument);
  CHECK(where(field("sequence") == 1 && !(field("bad") == 1)) == Errc::invalid_argument);
  CHECK(where(call(Function::lower, {}) == 1) == Errc::invalid_argument);
  CHECK(where(call(Function::round, {field("payload.a"), field("payload.b")}) == 1) == Errc::invalid_argument);
  CHECK(where(call(Function::date_trunc, {"Day", field("timestamp")}) == 1) == Errc::invalid_argument);
  CHECK(where(call(Function::time, {"soon"}) == 1) == Errc::invalid_argument);
}

TEST_CASE("query plan: a condition names so many different fields and no more, wherever they are in it") {
  const auto numbered = [](std::size_t i) { return field("payload.f" + std::to_string(i)) == 1; };
  Expr all = numbered(0);
  for (std::size_t i = 1; i < limits::query_fields_max; ++i)
    all = std::move(all) || numbered(i);
  all = std::move(all) || (numbered(7) && !exists("payload.f8"));
  CHECK(Query::all_types().where(all).validate().ok());
  const Status refused = Query::all_types().where(Expr(all) || !exists("payload.more")).validate();
  REQUIRE(!refused.ok());
  CHECK(refused.code() == Errc::too_large);
  CHECK(refused.error().message == "a condition names at most 8192 different fields");
}

TEST_CASE("query plan: values and conditions do not stand for each other") {
  const Expr value = field("payload.a").expression();
  const Expr condition = field("payload.a") == 1;
  CHECK(where(value) == Errc::invalid_argument);
  CHECK(where(!value) == Errc::invalid_argument);
  CHECK(where(value && condition) == Errc::invalid_argument);
  CHECK(where(condition || value) == Errc::invalid_argument);
  CHECK(where(Expr::compare(condition, Comparison::equal, value)) == Errc::invalid_argument);
  CHECK(where(Expr::is_null(condition)) == Errc::invalid_argument);
  CHECK(where(Expr::one_of(condition, {1})) == Errc::invalid_argument);
  CHECK(where(Expr::compare(Expr::minus(condition), Comparison::equal, value)) == Errc::invalid_argument);
  CHECK(where(Expr::compare(Expr::call(Function::lower, {condition}), Comparison::equal, value)) ==
        Errc::invalid_argument);
}

TEST_CASE("query plan: groups need an aggregate, and their columns exist and have one name each") {
  const Query all = Query::all_types();
  CHECK(code(Query(all).by({"event_type"})) == Errc::invalid_argument);
  CHECK(code(Query(all).per(TimeUnit::day)) == Errc::invalid_argument);
  CHECK(code(Query(all).having(field("count") > 1)) == Errc::invalid_argument);
  CHECK(code(Query(all).count().returning({"event_type"})) == Errc::invalid_argument);
  CHECK(code(Query(all).count().by({"payload"})) == Errc::invalid_argument);
  CHECK(code(Query(all).total("payload")) == Errc::invalid_argument);
  CHECK(code(Query(all).aggregate(Aggregate::Kind::count, "payload.a")) == Errc::invalid_argument);
  CHECK(code(Query(all).count().order_by("count")) == Errc::ok);
  CHECK(code(Query(all).count("n").order_by("count")) == Errc::invalid_argument);
  CHECK(code(Query(all).count().having(exists("payload.a"))) == Errc::invalid_argument);
  CHECK(code(Query(all).count().having(field("event_type") == "a")) == Errc::invalid_argument);
  CHECK(code(Query(all).count().by({"event_type"}).having(field("event_type") == "a")) == Errc::ok);
  CHECK(code(Query(all).count("day")) == Errc::invalid_argument);
  CHECK(code(Query(all).count("Day")) == Errc::invalid_argument);
  CHECK(code(Query(all).count("and")) == Errc::invalid_argument);
  CHECK(code(Query(all).count("x").total("payload.a", "x")) == Errc::invalid_argument);
  CHECK(code(Query(all).count().total("payload.a", "count")) == Errc::invalid_argument);
  Query many = all;
  for (std::size_t i = 0; i < limits::query_columns_max; ++i)
    many.count();
  CHECK(code(many) == Errc::ok);
  CHECK(code(many.count()) == Errc::too_large);
}

TEST_CASE("query plan: rules of sequences") {
  CHECK(code(pair()) == Errc::ok);
  CHECK(code(pair("payload.a").count()) == Errc::ok);
  CHECK(code(pair("")) == Errc::invalid_argument);
  CHECK(code(pair("payload")) == Errc::invalid_argument);
  CHECK(code(pair("y.payload.a")) == Errc::invalid_argument);
  CHECK(code(Query::sequence({{"a", ""}}, "context_id")) == Errc::invalid_argument);
  CHECK(code(Query::sequence({{"a", ""}, {"a", ""}}, "context_id")) == Errc::invalid_argument);
  CHECK(code(Query::sequence({{"a.b", ""}, {"a", ""}}, "context_id")) == Errc::invalid_argument);
  CHECK(code(Query::sequence({{"a", "payload"}, {"b", ""}}, "context_id")) == Errc::invalid_argument);
  CHECK(code(Query::sequence({{"a", "1"}, {"b", ""}}, "context_id")) == Errc::invalid_argument);
  CHECK(code(Query::sequence(std::vector<SequenceStep>(limits::query_steps_max + 1, {"a", ""}), "context_id")) ==
        Errc::too_large);
  CHECK(code(pair().within(std::chrono::microseconds(0))) == Errc::invalid_argument);
  CHECK(code(Query::all_types().within(std::chrono::seconds(1))) == Errc::invalid_argument);
  CHECK(code(pair().where(field("payload.a") == 1)) == Errc::invalid_argument);
  CHECK(code(pair().where(field("b.payload.a") == 1)) == Errc::invalid_argument);
  CHECK(code(pair().where(field("y.payload.a") == field("a.payload.a"))) == Errc::ok);
  CHECK(code(pair().where(field("y.payload") == 1)) == Errc::invalid_argument);
  CHECK(code(pair().returning({"y.payload", "a"})) == Errc::invalid_argument);
  CHECK(code(pair().returning({"y.payload", "a.position"}).order_by("a.position")) == Errc::ok);
  CHECK(code(pair().total("y.payload.a")) == Errc::invalid_argument);
  CHECK(code(pair().count().by({"y.payload.a"})) == Errc::invalid_argument);
  CHECK(code(pair().count().per(TimeUnit::day)) == Errc::invalid_argument);
  CHECK(code(pair().count().having(field("count") > 1)) == Errc::invalid_argument);
  Query both = pair();
  both.event_types = {"a"};
  CHECK(code(both) == Errc::invalid_argument);
}

TEST_CASE("query plan: an expression of the greatest depth is printed and read back, a deeper one is refused") {
  const auto deepest = [](auto deepen, auto finish) {
    Query last = Query::all_types();
    Expr expression = field("payload.a").expression();
    while (true) {
      Query next = Query::all_types().where(finish(expression));
      if (next.validate().code() != Errc::ok)
        break;
      last = std::move(next);
      expression = deepen(std::move(expression));
    }
    CHECK(last.condition->depth() > limits::query_depth_max - 4); // A step adds at most four levels.
    const auto parsed = parse_query(to_text(last));
    if (!parsed)
      FAIL(to_string(parsed.error()));
    CHECK(*parsed == last);
  };
  const auto compared = [](Expr value) { return Expr::compare(Expr::literal(1), Comparison::less, std::move(value)); };
  deepest([](Expr e) { return Expr::minus(std::move(e)); }, compared);
  deepest([](Expr e) { return Expr::call(Function::lower, {std::move(e)}); }, compared);
  deepest([](Expr e) { return Expr::arithmetic(Arithmetic::subtract, Expr::literal(1), std::move(e)); }, compared);
  deepest([](Expr e) { return Expr::arithmetic(Arithmetic::subtract, std::move(e), Expr::literal(1)); }, compared);
  deepest([](Expr e) { return Expr::minus(Expr::arithmetic(Arithmetic::add, Expr::literal(1), std::move(e))); },
          compared);
  const Expr leaf = field("sequence") == 1;
  const auto condition = [](Expr e) { return e.is_condition() ? e : Expr::is_null(std::move(e)); };
  deepest([&](Expr e) { return !condition(std::move(e)); }, condition);
  deepest([&](Expr e) { return !(leaf && !(leaf || condition(std::move(e)))); }, condition);
  deepest([&](Expr e) { return leaf && (leaf || condition(std::move(e))); }, condition);
}

TEST_CASE("query plan: an expression built too deep is refused and stays small") {
  Expr expression = field("sequence") == 1;
  for (int i = 0; i < 100'000; ++i)
    expression = !std::move(expression);
  CHECK(expression.kind() == Expr::Kind::too_deep);
  CHECK(where(expression) == Errc::too_large);
  CHECK(where(expression && field("sequence") == 1) == Errc::too_large);
  CHECK(where(field("sequence") == 1 || expression) == Errc::too_large);
}

TEST_CASE("query plan: where and having called again narrow") {
  CHECK(Query::all_types().where(field("sequence") > 1).where(field("sequence") < 5) ==
        Query::all_types().where(field("sequence") > 1 && field("sequence") < 5));
  CHECK(Query::all_types().count().having(field("count") > 1).having(field("count") < 5) ==
        Query::all_types().count().having(field("count") > 1 && field("count") < 5));
}

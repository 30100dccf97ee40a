#include <weir/query.hpp>
#include <weir/statement.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <string>

using namespace weir;

namespace {

QueryParameters positional(std::vector<Value> values) {
  return {std::move(values), {}};
}

} // namespace

TEST_CASE("query parameters: they stand where values, names, times and numbers of rows do") {
  const QueryParameters parameters{
      {"a type", "it's", 5, Timestamp{}, "1970-01-01T00:00:01Z", "a%", 1.5, nullptr, true, -3, "x", 7, 2}, {}};
  const auto parsed = parse_query("QUERY ? FOR ?, b SINCE ? UNTIL ? WHERE timestamp < ? AND payload.a LIKE ? AND "
                                  "payload.b IN (?, ?, ?) AND payload.c > -? AND payload.d CONTAINS ? LIMIT ? OFFSET ?",
                                  parameters);
  if (!parsed)
    FAIL(to_string(parsed.error()));
  const Timestamp second = Timestamp(std::chrono::seconds(1));
  CHECK(*parsed == Query::types({"a type"})
                       .for_contexts({"it's", "b"})
                       .since(Timestamp(std::chrono::milliseconds(5)))
                       .until(Timestamp{})
                       .where(field("timestamp") < second && field("payload.a").like("a%") &&
                              field("payload.b").in({1.5, nullptr, true}) && field("payload.c") > 3 &&
                              field("payload.d").contains("x"))
                       .limit(7)
                       .offset(2));
}

TEST_CASE("query parameters: a named one may stand in many places, and values are never read as text") {
  const std::string hostile = "x' OR payload.a = 1 --";
  const QueryParameters parameters{{3}, {{"user", hostile}, {"n", 5}}};
  const auto parsed =
      parse_query("QUERY * FOR PREFIX :user WHERE payload.user = :user OR payload.n-:n > ? AND payload.\":n\" = ':n ?'",
                  parameters);
  if (!parsed)
    FAIL(to_string(parsed.error()));
  CHECK(*parsed ==
        Query::all_types().for_prefix(hostile).where(field("payload.user") == hostile ||
                                                     (field("payload.n") - 5 > 3 && field("payload.':n'") == ":n ?")));
  CHECK(parse_query(to_text(*parsed)).value() == *parsed);
}

TEST_CASE("query parameters: one without a value, a value without one and one that does not fit are refused") {
  struct Case {
    std::string text;
    QueryParameters parameters;
    std::string message;
    std::string where;
  };
  const std::vector<Case> cases = {
      {"QUERY * LIMIT ?", {}, "the parameter ? number 1 has no value", "line 1, column 15"},
      {"QUERY ? FOR ?", positional({"a"}), "the parameter ? number 2 has no value", "line 1, column 13"},
      {"QUERY * FOR :x", {{}, {{"y", "a"}}}, "the parameter :x has no value", "line 1, column 13"},
      {"QUERY *", positional({1}), "1 values for parameters ? are given, the text takes 0", ""},
      {"QUERY * FOR :x",
       {{}, {{"x", "a"}, {"y", 1}}},
       "a value is given for the parameter :y, which the text does not take",
       ""},
      {"QUERY * FOR :x", {{}, {{"x", "a"}, {"x", "a"}}}, "two values are given for the parameter :x", ""},
      {"QUERY * LIMIT ?", positional({-1}), "a number of rows is an integer of 0 or more", "line 1, column 15"},
      {"QUERY * LIMIT ?", positional({"5"}), "a number of rows is an integer of 0 or more", "line 1, column 15"},
      {"QUERY ?", positional({5}), "an event type or * is a string", "line 1, column 7"},
      {"QUERY ?", positional({""}), "an event type or * is empty", "line 1, column 7"},
      {"QUERY * FOR ?", positional({"\xff"}), "a context is not valid UTF-8", "line 1, column 13"},
      {"QUERY * SINCE ?", positional({true}), "a time is quoted RFC 3339 text or an integer of milliseconds since 1970",
       "line 1, column 15"},
      {"QUERY * SINCE ?", positional({Timestamp::max()}), "a time must be in the years 1 to 9999", "line 1, column 15"},
      {"QUERY * WHERE payload.a LIKE ?", positional({1}), "a pattern of LIKE is a string", "line 1, column 30"},
      {"QUERY * WHERE payload.a LIKE ?", positional({"x\\"}), "a pattern ends in a lone backslash: \\\\ stands for one",
       "line 1, column 30"},
      {"QUERY * WHERE payload.a = ?", positional({JsonText{"[]"}}), "JSON text compares with nothing",
       "line 1, column 27"},
      {"QUERY * WHERE payload.a = ?", positional({std::numeric_limits<double>::infinity()}), "a number must be finite",
       "line 1, column 27"},
      {"QUERY * WHERE timestamp = ?", positional({1.5}),
       "a time is quoted RFC 3339 text or an integer of milliseconds since 1970", "line 1, column 27"},
      {"QUERY * WHERE timestamp IN (0, ?)", positional({1.5}),
       "a time is quoted RFC 3339 text or an integer of milliseconds since 1970", "line 1, column 32"},
      {"QUERY * WHERE payload.a CONTAINS ?", positional({Timestamp{}}), "the elements of an array are no times",
       "line 1, column 34"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto parsed = parse_query(c.text, c.parameters);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().code == Errc::invalid_argument);
    CHECK(parsed.error().message == c.message);
    CHECK(parsed.error().where == c.where);
  }
}

TEST_CASE("query parameters: none stands for a keyword, a field or a unit") {
  for (const std::string text :
       {"? *", "QUERY * WHERE ?", "QUERY * ORDER BY ?", "QUERY * RETURN ?", "QUERY * COUNT BY ?", "QUERY * TOTAL ?",
        "QUERY * RETURN sequence AS ?", "QUERY * USING TIME ?", "QUERY * PER ?", "QUERY * WHERE EXISTS ?"}) {
    CAPTURE(text);
    CHECK(parse_query(text, positional({"sequence"})).code() == Errc::parse_error);
  }
}

TEST_CASE("statement parameters: names, times, numbers and JSON") {
  const QueryParameters parameters{{"order 1", JsonText{R"( {"a": 1} )"}, R"({"user":"x"})", Timestamp{}}, {}};
  CHECK(parse_statement("STORE a FOR ? PAYLOAD ? METADATA ? AT ?", parameters).value() ==
        Statement(StoreStatement{"a", "order 1", Timestamp{}, "", R"({"user":"x"})", R"({"a": 1})"}));
  CHECK(parse_statement("REPLAY :id FROM :n TYPES :id, b LIMIT :n", {{}, {{"id", "c"}, {"n", 3}}}).value() ==
        Statement(ReplayStatement{"c", 3, sequence_max, {"c", "b"}, false, 3}));
  CHECK(parse_statement("REMEMBER QUERY ? LIMIT ? AS ?", positional({"t", 2, "v"})).value() ==
        Statement(RememberStatement{Query::types({"t"}).limit(2), "v"}));
  const auto code = [](std::string_view text, std::vector<Value> values) {
    return parse_statement(text, positional(std::move(values))).code();
  };
  CHECK(code("STORE a FOR b PAYLOAD ?", {"[1]"}) == Errc::invalid_argument);
  CHECK(code("STORE a FOR b PAYLOAD ?", {5}) == Errc::parse_error);
  CHECK(code("PING", {5}) == Errc::invalid_argument);
  CHECK(code("DEFINE a FIELDS { }", {5}) == Errc::invalid_argument);
}

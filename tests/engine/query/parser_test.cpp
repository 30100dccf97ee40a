#include "engine/time_text.hpp"
#include <weir/limits.hpp>
#include <weir/query.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;

namespace {

Timestamp at(std::string_view text) {
  return parse_timestamp(text).value();
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i)
    out += text;
  return out;
}

} // namespace

TEST_CASE("query text: every clause gives the plan its builder gives") {
  struct Case {
    std::string text;
    Query plan;
  };
  const std::vector<Case> cases = {
      {"QUERY *", Query::all_types()},
      {"query a", Query::types({"a"})},
      {"QUERY a, b.c/d-e_f, 'two words', \"it's\"", Query::types({"a", "b.c/d-e_f", "two words", "it's"})},
      {"QUERY order", Query::types({"order"})},
      {"QUERY where WHERE sequence = 1", Query::types({"where"}).where(field("sequence") == 1)},
      {"QUERY * FOR order-42", Query::all_types().for_context("order-42")},
      {"QUERY * FOR 'it''s'", Query::all_types().for_context("it's")},
      {"QUERY * SINCE '2020-01-31T23:59:59Z' UNTIL 1580515200000",
       Query::all_types().since(at("2020-01-31T23:59:59Z")).until(at("2020-02-01T00:00:00Z"))},
      {"QUERY * SINCE -1", Query::all_types().since(at("1969-12-31T23:59:59.999Z"))},
      {"QUERY * WHERE payload.a = 5", Query::all_types().where(field("payload.a") == 5)},
      {"QUERY * WHERE payload.a=-5.5e+3", Query::all_types().where(field("payload.a") == -5500.0)},
      {"QUERY * WHERE payload.\"odd key\".b != 'x'", Query::all_types().where(field("payload.'odd key'.b") != "x")},
      {"QUERY * WHERE payload.'a' = TRUE", Query::all_types().where(field("payload.a") == true)},
      {"QUERY * WHERE metadata.user = null", Query::all_types().where(field("metadata.user") == nullptr)},
      {"QUERY * WHERE payload.a IN (1, 'x', false, NULL)",
       Query::all_types().where(field("payload.a").in({1, "x", false, nullptr}))},
      {"QUERY * WHERE timestamp >= '2020-02-01T00:00:00+01:00'",
       Query::all_types().where(field("timestamp") >= at("2020-01-31T23:00:00Z"))},
      {"QUERY * WHERE recorded_at < 1000", Query::all_types().where(field("recorded_at") < 1000)},
      {"QUERY * WHERE sequence = 1 AND position = 2 OR NOT event_id = 'x'",
       Query::all_types().where((field("sequence") == 1 && field("position") == 2) || !(field("event_id") == "x"))},
      {"QUERY * WHERE sequence = 1 AND (position = 2 OR position = 3)",
       Query::all_types().where(field("sequence") == 1 && (field("position") == 2 || field("position") == 3))},
      {"QUERY * WHERE NOT (sequence < 1 AND sequence > 2)",
       Query::all_types().where(!(field("sequence") < 1 && field("sequence") > 2))},
      {"QUERY * RETURN [sequence, payload.a, payload]",
       Query::all_types().returning({"sequence", "payload.a", "payload"})},
      {"QUERY * RETURN sequence , payload", Query::all_types().returning({"sequence", "payload"})},
      {"QUERY * COUNT", Query::all_types().count()},
      {"QUERY * COUNT BY event_type, payload.a", Query::all_types().count().by({"event_type", "payload.a"})},
      {"QUERY * COUNT BY event_type ORDER BY count DESC, event_type ASC LIMIT 3 OFFSET 4",
       Query::all_types()
           .count()
           .by({"event_type"})
           .order_by("count", SortOrder::descending)
           .order_by("event_type")
           .limit(3)
           .offset(4)},
      {"query *\n\tlimit 0\r\n order by payload.x desc where sequence=1 return [payload.x]",
       Query::all_types()
           .where(field("sequence") == 1)
           .returning({"payload.x"})
           .order_by("payload.x", SortOrder::descending)
           .limit(0)},
      {"QUERY * BY event_type COUNT", Query::all_types().count().by({"event_type"})},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto parsed = parse_query(c.text);
    if (!parsed)
      FAIL(to_string(parsed.error()));
    CHECK(*parsed == c.plan);
    CHECK(c.plan.validate().ok());
    CHECK(parse_query(to_text(c.plan)).value() == c.plan);
  }
}

TEST_CASE("query text: what is wrong is told with what was expected, what was found and where") {
  struct Case {
    std::string text;
    std::string where;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"", "line 1, column 1", "expected QUERY, found the end of the query"},
      {"SELECT *", "line 1, column 1", "expected QUERY, found 'SELECT'"},
      {"QUERY", "line 1, column 6", "expected an event type or *, found the end of the query"},
      {"QUERY a,", "line 1, column 9", "expected an event type, found the end of the query"},
      {"QUERY ''", "line 1, column 7", "an event type or * is empty"},
      {"QUERY * WHRE x = 1", "line 1, column 9",
       "expected FOR, SINCE, UNTIL, WHERE, RETURN, COUNT, BY, ORDER BY, LIMIT, OFFSET or the end, found 'WHRE'"},
      {"QUERY * FOR", "line 1, column 12", "expected a context, found the end of the query"},
      {"QUERY * FOR a FOR b", "line 1, column 15", "FOR is given twice"},
      {"QUERY *\nSINCE yesterday", "line 2, column 7",
       "expected a time (quoted RFC 3339, or an integer of milliseconds), found 'yesterday'"},
      {"QUERY * SINCE 1.5", "line 1, column 15",
       "a time is quoted RFC 3339 text or an integer of milliseconds since 1970"},
      {"QUERY * WHERE", "line 1, column 14", "expected a field, found the end of the query"},
      {"QUERY * WHERE 'a' = 1", "line 1, column 15", "expected a field, found 'a'"},
      {"QUERY * WHERE payload = 1", "line 1, column 15",
       "'payload' as a whole can only be returned; name a field in it, such as payload.total"},
      {"QUERY * WHERE payload. = 1", "line 1, column 15", "'payload.' has an empty segment"},
      {"QUERY * WHERE sequence.a = 1", "line 1, column 15",
       "'sequence' has no members, only payload and metadata have"},
      {"QUERY * WHERE sequence", "line 1, column 23", "expected =, !=, <, <=, >, >= or IN, found the end of the query"},
      {"QUERY * WHERE sequence == 1", "line 1, column 25",
       "expected a value (a number, true, false, null or a string in quotes), found '='"},
      {"QUERY * WHERE sequence = one", "line 1, column 26",
       "expected a value (a number, true, false, null or a string in quotes), found 'one'"},
      {"QUERY * WHERE sequence = 007", "line 1, column 26",
       "expected a value (a number, true, false, null or a string in quotes), found '007'"},
      {"QUERY * WHERE timestamp > true", "line 1, column 27",
       "a time is quoted RFC 3339 text or an integer of milliseconds since 1970"},
      {"QUERY * WHERE (sequence = 1", "line 1, column 28", "expected AND, OR or ')', found the end of the query"},
      {"QUERY * WHERE sequence = 1)", "line 1, column 27",
       "expected FOR, SINCE, UNTIL, WHERE, RETURN, COUNT, BY, ORDER BY, LIMIT, OFFSET or the end, found ')'"},
      {"QUERY * WHERE sequence IN 1", "line 1, column 27", "expected '(', found '1'"},
      {"QUERY * WHERE sequence IN ()", "line 1, column 28",
       "expected a value (a number, true, false, null or a string in quotes), found ')'"},
      {"QUERY * WHERE sequence IN (1 2)", "line 1, column 30", "expected ',' or ')', found '2'"},
      {"QUERY * WHERE payload.a = 'open", "line 1, column 27", "expected a closing ' for this quote"},
      {"QUERY * WHERE payload.\"open = 1", "line 1, column 23", "expected a closing \" for this quote"},
      {"QUERY * WHERE sequence ~ 1", "line 1, column 24", "expected a name, a value or an operator, found '~'"},
      {"QUERY * RETURN []", "line 1, column 17", "expected a field, found ']'"},
      {"QUERY * RETURN [sequence", "line 1, column 25", "expected ',' or ']', found the end of the query"},
      {"QUERY * BY event_type", "line 1, column 9", "BY needs COUNT: it says what to count by"},
      {"QUERY * COUNT BY payload", "line 1, column 18",
       "'payload' as a whole can only be returned; name a field in it, such as payload.total"},
      {"QUERY * ORDER event_type", "line 1, column 15", "expected BY, found 'event_type'"},
      {"QUERY * ORDER BY metadata", "line 1, column 18",
       "'metadata' as a whole can only be returned; name a field in it, such as metadata.total"},
      {"QUERY * ORDER BY sequence COUNT BY event_type", "line 1, column 18",
       "with COUNT, ORDER BY takes count or a field of BY, and 'sequence' is neither"},
      {"QUERY * LIMIT -1", "line 1, column 15", "expected a number of rows, found '-1'"},
      {"QUERY * LIMIT 1.5", "line 1, column 15", "expected a number of rows, found '1.5'"},
      // Columns count characters, not bytes.
      {"QUERY '\u00e9\u00e9' \u00e9", "line 1, column 12", "expected a name, a value or an operator, found '\u00e9'"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto parsed = parse_query(c.text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().code == Errc::parse_error);
    CHECK(parsed.error().message == c.message);
    CHECK(parsed.error().where == c.where);
  }
}

TEST_CASE("query text: RETURN with COUNT is refused at the later of the two") {
  for (const auto& [text, where] : {std::pair("QUERY * RETURN [sequence] COUNT", "line 1, column 27"),
                                    std::pair("QUERY * COUNT RETURN [sequence]", "line 1, column 15")}) {
    const auto parsed = parse_query(text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().message.starts_with("RETURN and COUNT exclude each other"));
    CHECK(parsed.error().where == where);
  }
}

TEST_CASE("query text: an unknown field is answered with the fields there are") {
  const auto parsed = parse_query("QUERY * WHERE total > 5");
  REQUIRE_FALSE(parsed.ok());
  CHECK(parsed.error().message.starts_with("'total' is no field: one of context_id, event_type"));
}

TEST_CASE("query text: depth and size are bounded, length of chains is not depth") {
  const std::string leaf = "sequence = 1";
  CHECK(parse_query("QUERY * WHERE " + repeat("(", 64) + leaf + repeat(")", 64)).ok());
  CHECK(parse_query("QUERY * WHERE " + repeat("NOT ", 63) + leaf).ok());
  for (const std::string& deep :
       {repeat("(", 65) + leaf + repeat(")", 65), repeat("NOT ", 64) + leaf, repeat("(", 60'000),
        repeat("NOT ", 15'000), repeat("(" + leaf + " OR " + leaf + " AND ", 40) + leaf + repeat(")", 40)}) {
    const auto parsed = parse_query("QUERY * WHERE " + deep);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().message == "the condition is nested deeper than 64 levels");
  }
  const auto chain = parse_query("QUERY * WHERE " + repeat(leaf + " AND ", 3'000) + leaf);
  REQUIRE(chain.ok());
  CHECK(chain->condition->depth() == 2);
  CHECK(chain->condition->terms().size() == 3'001);
  CHECK(parse_query("QUERY *" + std::string(limits::query_text_bytes_max, ' ')).code() == Errc::too_large);
  CHECK(parse_query("QUERY '\xff'").code() == Errc::parse_error);
}

TEST_CASE("query text: the caret stands under the place, in long lines too") {
  const auto caret_of = [](const std::string& text) { return caret(text, parse_query(text).error()); };
  CHECK(caret_of("QUERY * WHRE x = 1") == "QUERY * WHRE x = 1\n        ^\n");
  CHECK(caret_of("QUERY *\nWHERE\tx = 1\nLIMIT 3") == "WHERE x = 1\n      ^\n");
  CHECK(caret_of("QUERY '\u00e9' ~") == "QUERY '\u00e9' ~\n          ^\n");
  CHECK(caret_of("QUERY") == "QUERY\n     ^\n");
  const std::string shown = caret_of("QUERY *" + repeat(" ", 500) + "~" + repeat("x", 500));
  CHECK(shown == repeat(" ", 60) + "~" + repeat("x", 19) + "\n" + repeat(" ", 60) + "^\n");
  CHECK(caret("QUERY *", fail(Errc::parse_error, "no place")).empty());
  CHECK(caret("QUERY *", fail(Errc::parse_error, "elsewhere", "line 2, column 1")).empty());
}

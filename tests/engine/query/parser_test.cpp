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
      {"QUERY * FOR a, 'b c', LIMIT LIMIT 1", Query::all_types().for_contexts({"a", "b c", "LIMIT"}).limit(1)},
      {"QUERY * FOR prefix order-", Query::all_types().for_prefix("order-")},
      {"QUERY * FOR 'prefix'", Query::all_types().for_context("prefix")},
      {"QUERY * USING TIME payload.'at' SINCE 0", Query::all_types().using_time("payload.at").since(Timestamp{})},
      {"QUERY * RETURN payload.total AS total, sequence ORDER BY total",
       Query::all_types().returning({{"payload.total", "total"}, {"sequence", ""}}).order_by("total")},
      {"QUERY * RETURN payload.d AS Day ORDER BY Day",
       Query::all_types().returning({{"payload.d", "Day"}}).order_by("Day")},
      {"QUERY * COUNT, COUNT UNIQUE payload.u, TOTAL payload.t AS sum, AVG payload.t, MIN payload.t, MAX payload.t, "
       "P50 payload.t, P95 payload.t, P99 payload.t, FIRST payload.t, LAST payload.t PER MONTH BY event_type",
       Query::all_types()
           .count()
           .count_unique("payload.u")
           .total("payload.t", "sum")
           .average("payload.t")
           .minimum("payload.t")
           .maximum("payload.t")
           .aggregate(Aggregate::Kind::p50, "payload.t")
           .aggregate(Aggregate::Kind::p95, "payload.t")
           .aggregate(Aggregate::Kind::p99, "payload.t")
           .first("payload.t")
           .last("payload.t")
           .per(TimeUnit::month)
           .by({"event_type"})},
      {"QUERY * COUNT AS count, TOTAL payload.a AS x HAVING COUNT > 3 AND TOTAL payload.'a' < 5 OR x = 1 "
       "ORDER BY TOTAL payload.a DESC, Count",
       Query::all_types()
           .count()
           .total("payload.a", "x")
           .having((field("count") > 3 && field("x") < 5) || field("x") == 1)
           .order_by("x", SortOrder::descending)
           .order_by("count")},
      {"QUERY * ORDER BY DAY HAVING TOTAL payload.a > 5 AND day > 0 AND total = 3 TOTAL payload.a, COUNT AS total PER "
       "day",
       Query::all_types()
           .total("payload.a")
           .count("total")
           .per(TimeUnit::day)
           .having(field("total payload.a") > 5 && field("day") > Timestamp{} && field("total") == 3)
           .order_by("day")},
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

TEST_CASE("query text: every expression gives the plan its builder gives") {
  struct Case {
    std::string text;
    Expr expression;
  };
  const auto a = field("payload.a");
  const auto b = field("payload.b");
  const std::vector<Case> cases = {
      {"payload.a+1<payload.b-2", a + 1 < b - 2},
      {"payload.a - payload.b - 1 = 0", (a - b) - 1 == 0},
      {"payload.a - (payload.b - 1) = 0", a - (b - 1) == 0},
      {"payload.a + payload.b * 2 % 3 / -payload.a <> 4", a + ((b * 2) % 3) / -a != 4},
      {"- 5 < payload.a", Operand(-5) < a},
      {"payload.a = --5", a == 5},
      {"payload.a=-9223372036854775808", a == INT64_MIN},
      {"payload.a = 1e-3 AND payload.a = 1E+3", a == 0.001 && a == 1000.0},
      {"payload.a LIKE 'a%' AND payload.a NOT LIKE \"_\\_\"", a.like("a%") && !a.like("_\\_")},
      {"payload.a BETWEEN 1 AND 2 AND payload.b NOT BETWEEN payload.a AND 3 + 4",
       a.between(1, 2) && !b.between(a, Operand(3) + 4)},
      {"payload.a NOT IN (-1, 'x')", !a.in({-1, "x"})},
      {"payload.a IS NULL OR payload.b IS NOT NULL", a.is_null() || !b.is_null()},
      {"payload.a = null AND NULL != payload.b", a.is_null() && !b.is_null()},
      {"EXISTS payload.'a' AND NOT exists payload.b", exists("payload.a") && !exists("payload.b")},
      {"payload.a CONTAINS 'x' AND payload.a contains -1.5", a.contains("x") && a.contains(-1.5)},
      {"LOWER(payload.a) = 'x' AND length (payload.a) > 3",
       call(Function::lower, {a}) == "x" && call(Function::length, {a}) > 3},
      {"abs(payload.a - 1) = round(payload.b, 2)", call(Function::abs, {a - 1}) == call(Function::round, {b, 2})},
      {"date_trunc('day', timestamp) = '1970-01-02T00:00:00Z'",
       call(Function::date_trunc, {"day", field("timestamp")}) == 86'400'000},
      {"time(payload.a) >= timestamp", call(Function::time, {a}) >= field("timestamp")},
      {"time(payload.a) IN (0, null, time('1970-01-01T00:00:00Z'))",
       call(Function::time, {a}).in({0, nullptr, Timestamp{}})},
      {"timestamp BETWEEN 0 AND recorded_at", field("timestamp").between(Timestamp{}, field("recorded_at"))},
      {"0 < timestamp", Operand(Timestamp{}) < field("timestamp")},
      {"payload.not = 1 AND NOT payload.in = 2", field("payload.not") == 1 && !(field("payload.in") == 2)},
      {"((payload.a)) = ((1))", a == 1},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto parsed = parse_query("QUERY * WHERE " + c.text);
    if (!parsed)
      FAIL(to_string(parsed.error()));
    CHECK(parsed->condition == c.expression);
    CHECK(parse_query(to_text(*parsed)).value() == *parsed);
  }
}

TEST_CASE("query text: sequences give the plan their builder gives, in the order of the events") {
  const Query plan = Query::sequence({{"a", ""}, {"b", "y"}, {"two words", "z"}}, "payload.order")
                         .within(std::chrono::minutes(5))
                         .for_prefix("order-")
                         .where(field("y.payload.t") - 1 > field("a.payload.t") && field("z.timestamp") > 0)
                         .returning({{"a.payload", "p"}, {"z.position", ""}})
                         .order_by("y.payload.t");
  const std::string rest = " LINKED BY payload.'order' WITHIN 300 second FOR PREFIX order- "
                           "WHERE y.payload.t - 1 > a.payload.t AND z.timestamp > '1970-01-01T00:00:00Z' "
                           "RETURN a.payload AS p, z.position ORDER BY y.payload.t";
  CHECK(parse_query("QUERY a FOLLOWED BY b AS y followed by 'two words' AS z" + rest).value() == plan);
  CHECK(parse_query("QUERY 'two words' AS z PRECEDED BY b AS y PRECEDED BY a AS a" + rest).value() == plan);
  CHECK(parse_query("QUERY followed FOLLOWED BY by LINKED BY context_id COUNT").value() ==
        Query::sequence({{"followed", ""}, {"by", ""}}, "context_id").count());
}

TEST_CASE("query text: what is wrong is told with what was expected, what was found and where") {
  struct Case {
    std::string text;
    std::string where;
    std::string message;
  };
  const std::string quoted = "; what is not ASCII stands in quotes: 'gr\u00f6\u00dfe', payload.\"gr\u00f6\u00dfe\"";
  const std::string every_clause =
      "expected FOR, SINCE, UNTIL, USING TIME, WHERE, RETURN, COUNT, TOTAL, AVG, MIN, MAX, P50, P95, P99, "
      "FIRST, LAST, PER, BY, HAVING, ORDER BY, LIMIT, OFFSET or the end, found ";
  const std::string an_operator =
      "expected =, !=, <, <=, >, >=, IN, LIKE, BETWEEN, IS, CONTAINS, NOT or an operator such as +, found ";
  const std::vector<Case> cases = {
      {"", "line 1, column 1", "expected QUERY, found the end of the query"},
      {"SELECT *", "line 1, column 1", "expected QUERY, found 'SELECT'"},
      {"QUERY", "line 1, column 6", "expected an event type or *, found the end of the query"},
      {"QUERY a,", "line 1, column 9", "expected an event type, found the end of the query"},
      {"QUERY ''", "line 1, column 7", "an event type or * is empty"},
      {"QUERY * WHRE x = 1", "line 1, column 9", every_clause + "'WHRE'"},
      {"QUERY * FOR", "line 1, column 12", "expected a context, found the end of the query"},
      {"QUERY * FOR a FOR b", "line 1, column 15", "FOR is given twice"},
      {"QUERY *\nSINCE yesterday", "line 2, column 7",
       "expected a time (quoted RFC 3339, or an integer of milliseconds), found 'yesterday'"},
      {"QUERY * SINCE 1.5", "line 1, column 15",
       "a time is quoted RFC 3339 text or an integer of milliseconds since 1970"},
      {"QUERY * WHERE", "line 1, column 14", "expected a field, a value or a function, found the end of the query"},
      {"QUERY * WHERE payload = 1", "line 1, column 15",
       "'payload' as a whole can only be returned; name a field in it, such as payload.total"},
      {"QUERY * WHERE payload. = 1", "line 1, column 15", "'payload.' has an empty segment"},
      {"QUERY * WHERE sequence.a = 1", "line 1, column 15",
       "'sequence' has no members, only payload and metadata have"},
      {"QUERY * WHERE sequence", "line 1, column 23", an_operator + "the end of the query"},
      {"QUERY * WHERE sequence == 1", "line 1, column 25", "expected a field, a value or a function, found '='"},
      {"QUERY * WHERE sequence = 007", "line 1, column 26",
       "expected a value (a number, true, false, null or a string in quotes), found '007'"},
      {"QUERY * WHERE timestamp > true", "line 1, column 27",
       "a time is quoted RFC 3339 text or an integer of milliseconds since 1970"},
      {"QUERY * WHERE (sequence = 1", "line 1, column 28", "expected AND, OR or ')', found the end of the query"},
      {"QUERY * WHERE sequence = 1)", "line 1, column 27", every_clause + "')'"},
      {"QUERY * WHERE sequence IN 1", "line 1, column 27", "expected '(', found '1'"},
      {"QUERY * WHERE sequence IN ()", "line 1, column 28",
       "expected a value (a number, true, false, null or a string in quotes), found ')'"},
      {"QUERY * WHERE sequence IN (1 2)", "line 1, column 30", "expected ',' or ')', found '2'"},
      {"QUERY * WHERE payload.a = 'open", "line 1, column 27", "expected a closing ' for this quote"},
      {"QUERY * WHERE payload.\"open = 1", "line 1, column 23", "expected a closing \" for this quote"},
      {"QUERY * WHERE sequence ~ 1", "line 1, column 24", "expected a name, a value or an operator, found '~'"},
      {"QUERY * RETURN []", "line 1, column 17", "expected a field, found ']'"},
      {"QUERY * RETURN [sequence", "line 1, column 25", "expected AS, ',' or ']', found the end of the query"},
      {"QUERY * BY event_type", "line 1, column 9", "BY needs COUNT or another aggregate: it says what to count by"},
      {"QUERY * COUNT BY payload", "line 1, column 18",
       "'payload' as a whole can only be returned; name a field in it, such as payload.total"},
      {"QUERY * ORDER event_type", "line 1, column 15", "expected BY, found 'event_type'"},
      {"QUERY * ORDER BY metadata", "line 1, column 18",
       "'metadata' as a whole can only be returned; name a field in it, such as metadata.total"},
      {"QUERY * ORDER BY sequence COUNT BY event_type", "line 1, column 18",
       "ORDER BY takes columns of the result, and 'sequence' is none: they are event_type, count"},
      {"QUERY * LIMIT -1", "line 1, column 15", "expected a number of rows, found '-1'"},
      {"QUERY * LIMIT 1.5", "line 1, column 15", "expected a number of rows, found '1.5'"},
      {"QUERY * FOR PREFIX", "line 1, column 19", "expected the prefix of a context, found the end of the query"},
      {"QUERY * FOR a,", "line 1, column 15", "expected a context, found the end of the query"},
      {"QUERY * USING", "line 1, column 14", "expected TIME, found the end of the query"},
      {"QUERY * USING TIME sequence", "line 1, column 20",
       "'sequence' is no time: USING TIME takes timestamp, recorded_at or a path such as payload.paid_at"},
      {"QUERY * USING TIME 5", "line 1, column 20",
       "'5' is no field: one of context_id, event_type, sequence, position, timestamp, recorded_at, event_id, or a "
       "path such as payload.total or metadata.user"},
      {"QUERY * RETURN [sequence 5]", "line 1, column 26", "expected AS, ',' or ']', found '5'"},
      {"QUERY * RETURN [sequence AS s 5]", "line 1, column 31", "expected ',' or ']', found '5'"},
      {"QUERY * RETURN sequence AS 'a b'", "line 1, column 28",
       "'a b' is no name for a column: letters, digits and _, no digit first"},
      {"QUERY * RETURN sequence AS", "line 1, column 27", "expected the name of a column, found the end of the query"},
      {"QUERY * RETURN sequence AS not", "line 1, column 28",
       "'not' has a meaning of its own and is no name for a column"},
      {"QUERY * RETURN sequence AS a, position AS a", "line 1, column 43", "two columns are called 'a'"},
      {"QUERY * COUNT, TOTAL payload.a AS count", "line 1, column 35", "two columns are called 'count'"},
      {"QUERY * COUNT TOTAL payload.a", "line 1, column 15", "a second list of aggregates: ',' joins them into one"},
      {"QUERY * COUNT, payload.a", "line 1, column 16",
       "expected COUNT, TOTAL, AVG, MIN, MAX, P50, P95, P99, FIRST or LAST, found 'payload.a'"},
      {"QUERY * TOTAL", "line 1, column 14", "expected a field, found the end of the query"},
      {"QUERY * COUNT UNIQUE LIMIT 1", "line 1, column 22",
       "'LIMIT' is no field: one of context_id, event_type, sequence, position, timestamp, recorded_at, event_id, or a "
       "path such as payload.total or metadata.user"},
      {"QUERY * COUNT PER DECADE", "line 1, column 19",
       "expected MINUTE, HOUR, DAY, WEEK, MONTH or YEAR, found 'DECADE'"},
      {"QUERY * PER DAY", "line 1, column 9", "PER needs COUNT or another aggregate: it says what to count by"},
      {"QUERY * HAVING count > 1", "line 1, column 9", "HAVING needs COUNT or another aggregate: it looks at groups"},
      {"QUERY * COUNT HAVING payload.a > 1", "line 1, column 22",
       "HAVING takes columns of the result, and 'payload.a' is none: they are count"},
      {"QUERY * COUNT HAVING TOTAL payload.a > 1", "line 1, column 22",
       "HAVING takes columns of the result, and 'total payload.a' is none: they are count"},
      {"QUERY * COUNT HAVING EXISTS payload.a", "line 1, column 29",
       "EXISTS asks an event; HAVING has columns, so use IS NOT NULL"},
      {"QUERY * COUNT HAVING COUNT UNIQUE 5 > 1", "line 1, column 35", "expected a field, found '5'"},
      {"QUERY * WHERE payload.a", "line 1, column 24", an_operator + "the end of the query"},
      {"QUERY * WHERE payload.a AND payload.b = 1", "line 1, column 25", an_operator + "'AND'"},
      {"QUERY * WHERE NOT payload.a", "line 1, column 28", an_operator + "the end of the query"},
      {"QUERY * WHERE (payload.a = 1) + 2 = 3", "line 1, column 15", "a condition stands where a value is needed"},
      {"QUERY * WHERE 1 = (payload.a = 1)", "line 1, column 19", "a condition stands where a value is needed"},
      {"QUERY * WHERE lower(payload.a = 1) = 2", "line 1, column 31", "expected an operator, ',' or ')', found '='"},
      {"QUERY * WHERE lower((payload.a = 1)) = 2", "line 1, column 21", "a condition stands where a value is needed"},
      {"QUERY * WHERE (payload.a 1", "line 1, column 26", "expected an operator or ')', found '1'"},
      {"QUERY * WHERE payload.a NOT 1", "line 1, column 29", "expected IN, LIKE or BETWEEN, found '1'"},
      {"QUERY * WHERE payload.a IS 1", "line 1, column 28", "expected NULL or NOT NULL, found '1'"},
      {"QUERY * WHERE payload.a IS NOT 1", "line 1, column 32", "expected NULL, found '1'"},
      {"QUERY * WHERE payload.a LIKE 1", "line 1, column 30", "expected a pattern in quotes, found '1'"},
      {"QUERY * WHERE payload.a LIKE 'x\\'", "line 1, column 30",
       "a pattern ends in a lone backslash: \\\\ stands for one"},
      {"QUERY * WHERE payload.a BETWEEN 1 OR 2", "line 1, column 35", "expected AND and the upper bound, found 'OR'"},
      {"QUERY * WHERE timestamp BETWEEN 1 AND 'x'", "line 1, column 39",
       "timestamp \"x\": expected a year of four digits"},
      {"QUERY * WHERE payload.a CONTAINS payload.b", "line 1, column 34",
       "expected a value (a number, true, false, null or a string in quotes), found 'payload.b'"},
      {"QUERY * WHERE payload.a IN (-payload.b)", "line 1, column 29", "a value of IN or CONTAINS is a literal"},
      {"QUERY * WHERE EXISTS 5", "line 1, column 22",
       "'5' is no field: one of context_id, event_type, sequence, position, timestamp, recorded_at, event_id, or a "
       "path such as payload.total or metadata.user"},
      {"QUERY * WHERE EXISTS 'a'", "line 1, column 22", "expected a field, found 'a'"},
      {"QUERY * WHERE round(payload.a, 16) = 1", "line 1, column 32",
       "the digits of round() are a number from 0 to 15"},
      {"QUERY * WHERE date_trunc('decade', timestamp) = 1", "line 1, column 26",
       "the unit of date_trunc() is 'minute', 'hour', 'day', 'week', 'month' or 'year'"},
      {"QUERY * WHERE lower(payload.a, 1) = 1", "line 1, column 32",
       "a function is called with 2 values, it is lower(x)"},
      {"QUERY * WHERE payload.a = time('1970-01-01T00:00:00Z')", "line 1, column 27",
       "'payload.a' is no time; time(payload.a) makes one of it"},
      {"QUERY a AS x", "line 1, column 13", "expected FOLLOWED BY or PRECEDED BY, found the end of the query"},
      {"QUERY a FOLLOWED b", "line 1, column 18", "expected BY, found 'b'"},
      {"QUERY a FOLLOWED BY", "line 1, column 20", "expected an event type, found the end of the query"},
      {"QUERY a FOLLOWED BY b", "line 1, column 22",
       "expected AS, FOLLOWED BY or LINKED BY, found the end of the query"},
      {"QUERY a FOLLOWED BY b AS x PRECEDED BY c", "line 1, column 28",
       "expected FOLLOWED BY or LINKED BY, found 'PRECEDED'"},
      {"QUERY a FOLLOWED BY a LINKED BY context_id", "line 1, column 21",
       "two steps are called 'a'; AS tells them apart"},
      {"QUERY a.b FOLLOWED BY a LINKED BY context_id", "line 1, column 7",
       "the step 'a.b' needs a name: AS and letters, digits and _, no digit first"},
      {"QUERY a AS payload FOLLOWED BY b LINKED BY context_id", "line 1, column 7",
       "a step cannot be called 'payload', which is a field; AS names it"},
      {"QUERY a FOLLOWED BY b LINKED BY payload", "line 1, column 33",
       "'payload' as a whole can only be returned; name a field in it, such as payload.total"},
      {"QUERY a FOLLOWED BY b LINKED BY context_id WITHIN 5", "line 1, column 52",
       "expected DAYS, HOURS, MINUTES, SECONDS, MILLISECONDS or MICROSECONDS, found the end of the query"},
      {"QUERY a FOLLOWED BY b LINKED BY context_id WITHIN 0 DAYS", "line 1, column 51",
       "WITHIN takes a duration above zero"},
      {"QUERY a FOLLOWED BY b LINKED BY context_id WITHIN 9000000000 DAYS", "line 1, column 51",
       "the duration is too long"},
      {"QUERY a FOLLOWED BY b LINKED BY context_id WITHIN soon", "line 1, column 51",
       "expected a duration, such as 5 MINUTES, found 'soon'"},
      {"QUERY * WITHIN 5 DAYS", "line 1, column 9", "WITHIN is for sequences: QUERY a FOLLOWED BY b"},
      {"QUERY a FOLLOWED BY b LINKED BY context_id WHERE payload.a = 1", "line 1, column 50",
       "'payload.a' names no step: in a sequence a field is <step>.<field>, such as order_placed.payload.total"},
      {"QUERY a FOLLOWED BY b LINKED BY context_id WHERE c.payload.a = 1", "line 1, column 50",
       "the sequence has no step 'c'"},
      {"QUERY a FOLLOWED BY b LINKED BY context_id TOTAL a.payload.x", "line 1, column 44",
       "of a sequence there is COUNT, and no other aggregate"},
      {"QUERY a FOLLOWED BY b LINKED BY context_id COUNT BY a.event_type", "line 1, column 50",
       "a sequence cannot be grouped: BY is for single events"},
      {"QUERY a FOLLOWED BY b LINKED BY context_id AND", "line 1, column 44",
       "expected WITHIN, FOR, SINCE, UNTIL, USING TIME, WHERE, RETURN, COUNT, ORDER BY, LIMIT, OFFSET or the end, "
       "found 'AND'"},
      {"QUERY *;", "line 1, column 8", "expected the end of the query, found ';'"},
      // Columns count characters, not bytes.
      {"QUERY '\u00e9\u00e9' \u00e9", "line 1, column 12",
       "expected a name, a value or an operator, found '\u00e9'" + quoted},
      {"QUERY gr\u00f6\u00dfe", "line 1, column 9", "expected a name, a value or an operator, found '\u00f6'" + quoted},
      {"QUERY * WHERE payload.gr\u00f6\u00dfe = 3", "line 1, column 25",
       "expected a name, a value or an operator, found '\u00f6'" + quoted},
      {"QUERY * RETURN gr\u00f6\u00dfe", "line 1, column 18",
       "expected a name, a value or an operator, found '\u00f6'" + quoted},
      {"QUERY * WHERE payload.a = \u201cx\u201d", "line 1, column 27",
       "expected a name, a value or an operator, found '\u201c'" + quoted},
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
    CHECK(parsed.error().message.starts_with("RETURN and COUNT, TOTAL and the like exclude each other"));
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
  CHECK(parse_query("QUERY * WHERE " + repeat("NOT ", 62) + leaf).ok());
  CHECK(parse_query("QUERY * WHERE sequence = " + repeat("-", 62) + "payload.a").ok());
  CHECK(parse_query("QUERY * WHERE 1 = " + repeat("1 + ", 61) + "1").ok());
  for (const std::string& deep :
       {repeat("(", 65) + leaf + repeat(")", 65), repeat("NOT ", 63) + leaf, repeat("(", 60'000),
        repeat("NOT ", 15'000), repeat("(" + leaf + " OR " + leaf + " AND ", 40) + leaf + repeat(")", 40),
        repeat("-", 60'000), "1 = " + repeat("-", 63) + "payload.a", repeat("lower(", 10'000),
        repeat("1 + ", 15'000) + "1 = 1", repeat("1 * ", 15'000) + "1 = 1", "1 = " + repeat("(1 + ", 12'000)}) {
    const auto parsed = parse_query("QUERY * WHERE " + deep);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().message == "the condition is nested deeper than 64 levels");
  }
  for (const std::string word : {"AND", "OR"}) {
    const auto chain = parse_query("QUERY * WHERE " + repeat(leaf + " " + word + " ", 3'000) + leaf);
    REQUIRE(chain.ok());
    CHECK(chain->condition->depth() == 3);
    CHECK(chain->condition->terms().size() == 3'001);
  }
  CHECK(parse_query("QUERY * WHERE sequence IN (1" + repeat(",1", 4'095) + ")").ok());
  CHECK_FALSE(parse_query("QUERY * WHERE sequence IN (1" + repeat(",1", 4'096) + ")").ok());
  CHECK(parse_query("QUERY *" + repeat(" COUNT", 1) + repeat(", COUNT", 63)).ok());
  for (const std::string& many :
       {"QUERY *" + repeat(" COUNT", 1) + repeat(", COUNT", 64), "QUERY * RETURN sequence" + repeat(",sequence", 64),
        "QUERY * COUNT BY sequence" + repeat(",sequence", 64), "QUERY * ORDER BY sequence" + repeat(",sequence", 64),
        "QUERY a" + repeat(",a", 1'024), "QUERY * FOR a" + repeat(",a", 1'024),
        "QUERY a" + repeat(" FOLLOWED BY a", 16) + " LINKED BY context_id"}) {
    const auto parsed = parse_query(many);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().message.find(" at most ") != std::string::npos);
  }
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

#include <weir/limits.hpp>
#include <weir/schema.hpp>
#include <weir/statement.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace weir;

TEST_CASE("statements: each gives its value") {
  struct Case {
    std::string text;
    Statement statement;
  };
  using Explain = QueryStatement::Explain;
  const Query counted = Query::types({"a"}).count();
  const std::vector<Case> cases = {
      {"QUERY a COUNT", QueryStatement{counted}},
      {"query a count ;", QueryStatement{counted}},
      {"EXPLAIN QUERY a COUNT", QueryStatement{counted, Explain::plan}},
      {"explain analyze QUERY a COUNT", QueryStatement{counted, Explain::analyze}},
      {"STORE order_placed FOR order-42 PAYLOAD {\"a\": \"}\\\"\"}",
       StoreStatement{"order_placed", "order-42", {}, "", "", "{\"a\": \"}\\\"\"}"}},
      {"STORE payload PAYLOAD '{\"it''s\": 1} ' ID 'e 1' METADATA { \"b\" : {} } AT 0 FOR id;",
       StoreStatement{"payload", "id", Timestamp{}, "e 1", "{ \"b\" : {} }", "{\"it's\": 1}"}},
      {"REPLAY order-42", ReplayStatement{"order-42", 1, sequence_max, {}, false, {}}},
      {"REPLAY from LIMIT 0 FROM 3 BACKWARD TO 9 TYPES a, 'b c'", ReplayStatement{"from", 3, 9, {"a", "b c"}, true, 0}},
      {"FLUSH", FlushStatement{}},
      {" ping\n;\n", PingStatement{}},
      {"SHOW STATS", ShowStatsStatement{}},
      {"SHOW views", ListViewsStatement{}},
      {"SHOW 'stats'", ShowViewStatement{"stats"}},
      {"SHOW sales", ShowViewStatement{"sales"}},
      {"FORGET 'two words'", ForgetStatement{"two words"}},
      {"REMEMBER QUERY a COUNT AS n", RememberStatement{counted, "n"}},
      {"REMEMBER QUERY a COUNT AS n AS 'AS';", RememberStatement{Query::types({"a"}).count("n"), "AS"}},
      {"REMEMBER QUERY a WHERE payload.x = ' AS y' AS v",
       RememberStatement{Query::types({"a"}).where(field("payload.x") == " AS y"), "v"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto parsed = parse_statement(c.text);
    if (!parsed)
      FAIL(to_string(parsed.error()));
    CHECK(*parsed == c.statement);
    CHECK(parse_statement(to_text(*parsed)).value() == c.statement);
  }
}

TEST_CASE("statements: DEFINE keeps the text its schema prints") {
  const std::string text = "define order FIELDS OPEN { a: int64 , \"b;\": string OPTIONAL }";
  const std::string canonical = to_text(parse_schema(text).value());
  for (const std::string& written : {text, text + " ; "}) {
    const auto parsed = parse_statement(written);
    REQUIRE(parsed.ok());
    CHECK(*parsed == Statement(DefineStatement{canonical}));
    CHECK(to_text(*parsed) == canonical);
  }
  const auto wrong = parse_statement("DEFINE order\nFIELDS { a: number }");
  REQUIRE_FALSE(wrong.ok());
  CHECK(wrong.error().where == "line 2, column 13");
}

TEST_CASE("statements: what is wrong is told with what was expected, what was found and where") {
  struct Case {
    std::string text;
    std::string where;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"", "line 1, column 1",
       "expected QUERY, EXPLAIN, STORE, REPLAY, FLUSH, DEFINE, PING, SHOW, REMEMBER or FORGET, found the end of the "
       "query"},
      {"DELETE a", "line 1, column 1",
       "expected QUERY, EXPLAIN, STORE, REPLAY, FLUSH, DEFINE, PING, SHOW, REMEMBER or FORGET, found 'DELETE'"},
      {"EXPLAIN a", "line 1, column 9", "expected QUERY or ANALYZE, found 'a'"},
      {"EXPLAIN ANALYZE a", "line 1, column 17", "expected QUERY, found 'a'"},
      {"PING;;", "line 1, column 6", "expected the end, found ';'"},
      {"FLUSH now", "line 1, column 7", "expected the end, found 'now'"},
      {"STORE", "line 1, column 6", "expected an event type, found the end of the query"},
      {"STORE a PAYLOAD {}", "line 1, column 19", "expected FOR and a context, found the end of the query"},
      {"STORE a FOR b", "line 1, column 14", "expected PAYLOAD, AT, ID or METADATA, found the end of the query"},
      {"STORE a FOR b FOR c", "line 1, column 15", "FOR is given twice"},
      {"STORE a FOR b PAYLOAD [1]", "line 1, column 23", "expected the payload (a JSON object), found '['"},
      {"STORE a FOR b PAYLOAD {\"x\": {}", "line 1, column 23", "expected a closing } for this {"},
      {"STORE a FOR b AT now PAYLOAD {}", "line 1, column 18",
       "expected a time (quoted RFC 3339, or an integer of milliseconds), found 'now'"},
      {"REPLAY", "line 1, column 7", "expected a context, found the end of the query"},
      {"REPLAY a FROM x", "line 1, column 15", "expected a sequence number, found 'x'"},
      {"REPLAY a LIMIT x", "line 1, column 16", "expected a number of events, found 'x'"},
      {"REPLAY a TYPES", "line 1, column 15", "expected an event type, found the end of the query"},
      {"REPLAY a UNTIL 5", "line 1, column 10", "expected FROM, TO, TYPES, BACKWARD, LIMIT or the end, found 'UNTIL'"},
      {"REPLAY a TO 1 TO 2", "line 1, column 15", "TO is given twice"},
      {"SHOW", "line 1, column 5", "expected STATS, VIEWS or the name of a view, found the end of the query"},
      {"FORGET", "line 1, column 7", "expected the name of a view, found the end of the query"},
      {"REMEMBER a", "line 1, column 10", "expected QUERY, found 'a'"},
      {"REMEMBER QUERY a", "line 1, column 17", "expected AS and the name of the view, found the end of the query"},
      {"REMEMBER QUERY a LIMIT x AS v", "line 1, column 24", "expected a number of rows, found 'x'"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto parsed = parse_statement(c.text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().code == Errc::parse_error);
    CHECK(parsed.error().message == c.message);
    CHECK(parsed.error().where == c.where);
  }
}

TEST_CASE("statements: JSON is judged before anything is stored") {
  for (const std::string json :
       {"{\"a\":1,\"a\":2}", "{a:1}", "{\"a\":1,}", "{\"a\":\"\\ud800\"}", "'[]'", "'{} {}'", "''"}) {
    CAPTURE(json);
    CHECK(parse_statement("STORE a FOR b PAYLOAD " + json).code() == Errc::parse_error);
    CHECK(parse_statement("STORE a FOR b PAYLOAD {} METADATA " + json).code() == Errc::parse_error);
  }
}

TEST_CASE("statements: a stored payload may be larger than a query, nothing else") {
  const std::string payload = "{\"a\":\"" + std::string(limits::query_text_bytes_max, 'x') + "\"}";
  const auto stored = parse_statement("STORE a FOR b PAYLOAD " + payload);
  REQUIRE(stored.ok());
  CHECK(std::get<StoreStatement>(*stored).payload == payload);
  CHECK(parse_statement("PING" + std::string(limits::query_text_bytes_max, ' ')).code() == Errc::too_large);
  CHECK(parse_statement("STORE" + std::string(limits::call_bytes_max, ' ')).code() == Errc::too_large);
}

TEST_CASE("statements: hostile texts are refused, whatever their size") {
  for (const char c : {'(', '{', '[', '\'', '"', '-', '?', ':', ';', ',', '.', '\\', 'e', '5', '*', '%'}) {
    const std::string many(limits::query_text_bytes_max - 100, c);
    CAPTURE(c);
    for (const std::string before :
         {"", "QUERY ", "QUERY * WHERE ", "QUERY * WHERE payload.", "QUERY * WHERE payload.a = ", "REMEMBER QUERY * ",
          "REMEMBER QUERY * AS a ", "STORE a FOR b PAYLOAD {", "SHOW ' ", "REPLAY a TYPES "}) {
      const auto parsed = parse_statement(before + many);
      if (!parsed)
        (void)caret(before + many, parsed.error());
      if (parsed)
        CHECK(parse_statement(to_text(*parsed)).value() == *parsed);
    }
  }
}

TEST_CASE("statements: the keywords for completion are sorted, each once") {
  const auto words = query_keywords();
  CHECK(std::is_sorted(words.begin(), words.end()));
  CHECK(std::adjacent_find(words.begin(), words.end()) == words.end());
  for (const std::string_view word :
       {"QUERY", "WHERE", "HAVING", "P95", "WEEK", "MINUTES", "SECOND", "REMEMBER", "UNIQUE"})
    CHECK(std::binary_search(words.begin(), words.end(), word));
}

#include "api/cli/completion.hpp"
#include <weir/statement.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace weir;
using cli::CompletionNames;

namespace {

using Words = std::vector<std::string>;

const CompletionNames names{{"'odd type'", "order_paid", "order_placed", "shipped"},
                            {"context_id", "payload.\"odd key\"", "payload.total", "payload.user", "timestamp"},
                            {"'two words'", "by_country", "sums"}};

Words after(std::string_view text) {
  return cli::complete(text, names).words;
}

bool proposes(std::string_view text, const std::string& word) {
  const Words words = after(text);
  return std::find(words.begin(), words.end(), word) != words.end();
}

} // namespace

TEST_CASE("completion: a statement begins with a keyword") {
  CHECK(after("") ==
        Words{"DEFINE", "EXPLAIN", "FLUSH", "FORGET", "PING", "QUERY", "REMEMBER", "REPLAY", "SHOW", "STORE"});
  CHECK(after("S") == Words{"SHOW", "STORE"});
  CHECK(after("re") == Words{"remember", "replay"});
  CHECK(after("EXPLAIN ") == Words{"ANALYZE", "QUERY"});
  CHECK(after("explain analyze q") == Words{"query"});
}

TEST_CASE("completion: views where they are shown and forgotten") {
  CHECK(after("SHOW ") == Words{"'two words'", "STATS", "VIEWS", "by_country", "sums"});
  CHECK(after("show s") == Words{"stats", "sums"});
  CHECK(after("FORGET ") == names.views);
  CHECK(after("forget by") == Words{"by_country"});
  CHECK(after("FORGET sums ").empty());
  CHECK(after("SHOW sums ").empty());
}

TEST_CASE("completion: event types where types stand") {
  CHECK(after("QUERY ") == names.types);
  CHECK(after("QUERY order_") == Words{"order_paid", "order_placed"});
  CHECK(after("QUERY order_paid, ") == names.types);
  CHECK(after("query order_paid,s") == Words{"shipped"});
  CHECK(after("QUERY order_placed FOLLOWED BY s") == Words{"shipped"});
  CHECK(after("EXPLAIN QUERY\n  ship") == Words{"shipped"});
  CHECK(proposes("QUERY order_paid ", "WHERE"));
  CHECK(!proposes("QUERY order_paid ", "order_placed"));
  CHECK(proposes("QUERY * ", "COUNT"));
}

TEST_CASE("completion: fields where fields stand") {
  CHECK(after("QUERY * COUNT BY ") == names.fields);
  CHECK(after("QUERY * COUNT BY payload.") == Words{"payload.\"odd key\"", "payload.total", "payload.user"});
  CHECK(after("QUERY * RETURN [payload.total,pay") == Words{"payload.\"odd key\"", "payload.total", "payload.user"});
  CHECK(after("QUERY * TOTAL payload.t") == Words{"payload.total"});
  CHECK(after("QUERY * ORDER BY t") == Words{"timestamp"});
  CHECK(proposes("QUERY * WHERE ", "payload.total"));
  CHECK(proposes("QUERY * WHERE ", "EXISTS"));
  CHECK(after("QUERY * WHERE low") == Words{"lower("});
  CHECK(after("QUERY * WHERE lower(payload.u") == Words{"payload.user"});
  CHECK(proposes("QUERY * WHERE payload.total > 5 AND (", "payload.user"));
}

TEST_CASE("completion: keywords behind what is complete, in the letters of who types") {
  CHECK(after("QUERY * WHERE payload.total BETW") == Words{"BETWEEN"});
  CHECK(after("query * where payload.total > 5 ord") == Words{"order"});
  CHECK(after("QUERY * COUNT PER ") == Words{"DAY", "HOUR", "MINUTE", "MONTH", "WEEK", "YEAR"});
  CHECK(after("query * count per m") == Words{"minute", "month"});
  CHECK(after("QUERY * COUNT PER DAY O") == Words{"OFFSET", "OR", "ORDER"});
}

TEST_CASE("completion: each statement has its own clauses, all of them keywords of the language") {
  CHECK(after("STORE order_paid ") == Words{"AT", "FOR", "ID", "METADATA", "PAYLOAD"});
  CHECK(after("replay 'order 1' ") == Words{"BACKWARD", "FROM", "LIMIT", "TO", "TYPES"});
  CHECK(after("REPLAY c TYPES ship") == Words{"shipped"});
  CHECK(after("DEFINE order_paid f") == Words{"fields"});
  CHECK(after("REMEMBER ") == Words{"QUERY"});
  CHECK(after("PING ").empty());
  const auto keywords = query_keywords();
  for (const char* const text :
       {"", "EXPLAIN ", "SHOW ", "QUERY * ", "STORE t ", "REPLAY c ", "DEFINE t ", "REMEMBER ", "QUERY * COUNT PER "})
    for (const std::string& word : cli::complete(text, {names.types, names.fields, {}}).words)
      CHECK_MESSAGE(std::find(keywords.begin(), keywords.end(), word) != keywords.end(), word);
}

TEST_CASE("completion: nothing where a value stands, nor in quotes and braces") {
  CHECK(after("QUERY * FOR ").empty());
  CHECK(after("QUERY * WHERE payload.user = ").empty());
  CHECK(after("QUERY * LIMIT ").empty());
  CHECK(after("QUERY * WHERE payload.user = 'WHERE ").empty());
  CHECK(after("QUERY * WHERE payload.\"tot").empty());
  CHECK(after("STORE order_paid {\"a\": ").empty());
  CHECK(proposes("QUERY * FOR 'WHERE ' COUNT B", "BY"));
}

TEST_CASE("completion: says which word it completes") {
  CHECK(cli::complete("QUERY order_", names).begin == 6);
  CHECK(cli::complete("QUERY * RETURN [payload.t", names).begin == 16);
  CHECK(cli::complete("QUERY ", names).begin == 6);
  CHECK(cli::complete("", names).begin == 0);
}

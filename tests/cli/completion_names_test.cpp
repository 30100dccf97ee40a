// The names that Tab proposes, gathered from documents and from an engine.
#include "api/cli/completion_names.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace weir;

namespace {

using Words = std::vector<std::string>;

Query parsed(const char* text) {
  auto query = parse_query(text);
  REQUIRE_MESSAGE(query.ok(), test::why(query));
  return *std::move(query);
}

} // namespace

TEST_CASE("completion names: types and fields of the events, of the schemas, and the views of this moment") {
  test::SimulatedDisk disk;
  auto engine = disk.open({});
  REQUIRE_MESSAGE(engine.ok(), test::why(engine));
  REQUIRE(engine->define_schema("DEFINE defined FIELDS { 'odd key': int64 }").ok());
  REQUIRE(engine->store({.context_id = "c", .event_type = "counted", .payload = R"({"number": 1})"}).ok());
  REQUIRE(engine->remember("two words", parsed("QUERY * COUNT")).ok());
  cli::CompletionNamesReader reader(*engine);
  reader.wait();
  const auto names = reader.names();
  CHECK(names.types == Words{"counted", "defined"});
  for (const char* const field : {"context_id", "payload.number", "payload.\"odd key\""})
    CHECK_MESSAGE(std::count(names.fields.begin(), names.fields.end(), field) == 1, field);
  CHECK(names.views == Words{"'two words'"});

  // Views come and go while the shell is open.
  REQUIRE(engine->remember("Stats", parsed("QUERY * COUNT")).ok());
  REQUIRE(engine->remember("by-type", parsed("QUERY * COUNT BY event_type")).ok());
  CHECK(reader.names().views == Words{"'Stats'", "'two words'", "by-type"});
  REQUIRE(engine->forget("two words").ok());
  CHECK(reader.names().views == Words{"'Stats'", "by-type"});
}

TEST_CASE("completion names: the paths of documents, spelled as a query needs them") {
  cli::NameCollector collector;
  collector.add_type("order_placed");
  collector.add_type("order placed");
  collector.add_type("it's");
  collector.add_document("payload",
                         R"({"total": 1, "odd key": 2, "address": {"city": "x", "a\"b": 1}, "lines": [{"n": 1}]})");
  collector.add_document("metadata", R"({"user": "u", "empty": {}})");
  collector.add_document("payload", "no JSON");
  collector.add_document("metadata", "");
  const auto names = collector.names();
  CHECK(names.types == std::vector<std::string>{"'it''s'", "'order placed'", "order_placed"});
  CHECK(names.fields == std::vector<std::string>{"context_id", "event_id", "event_type", "metadata.user",
                                                 R"(payload."odd key")", R"(payload.address."a""b")",
                                                 "payload.address.city", "payload.lines", "payload.total", "position",
                                                 "recorded_at", "sequence", "timestamp"});
}

TEST_CASE("completion names: are bounded, whatever the data") {
  cli::NameCollector collector;
  std::string deep = "1", wide = "{";
  for (int i = 0; i < 20; ++i)
    deep = "{\"a\":" + deep + "}";
  for (int i = 0; i < 9'000; ++i)
    wide += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":0";
  collector.add_document("payload", deep);
  CHECK(collector.names().fields.size() == 8);
  collector.add_document("payload", wide + "}");
  for (int i = 0; i < 9'000; ++i)
    collector.add_type(std::to_string(i));
  CHECK(collector.names().fields.size() == cli::NameCollector::fields_max);
  CHECK(collector.names().types.size() == cli::NameCollector::types_max);
}

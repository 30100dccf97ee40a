// Statements as text: each does what the engine's method of that name does.
#include "tests/api/simulated_engine.hpp"
#include "tests/support/why.hpp"

#include <weir/execute.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

struct Console {
  SimulatedDisk disk;
  std::optional<Engine> engine{};

  Console() {
    auto opened = disk.open({});
    REQUIRE_MESSAGE(opened.ok(), why(opened));
    engine = *std::move(opened);
  }
  Result<Executed> operator()(std::string_view text, const ExecuteOptions& options = {}) {
    return execute(*engine, text, options);
  }
  Executed must(std::string_view text, const ExecuteOptions& options = {}) {
    auto executed = execute(*engine, text, options);
    REQUIRE_MESSAGE(executed.ok(), why(executed));
    return *std::move(executed);
  }
  void store(const std::string& context, int first, int last) {
    for (int n = first; n <= last; ++n)
      must("STORE counted FOR '" + context + "' PAYLOAD {\"n\": " + std::to_string(n) + "}");
  }
};

std::vector<std::uint64_t> sequences(const Executed& executed) {
  std::vector<std::uint64_t> found;
  for (std::size_t i = 0; i < executed.result.rows.size(); ++i)
    found.push_back(executed.result.row(i).get<std::uint64_t>("sequence").value());
  return found;
}

} // namespace

TEST_CASE("execute: STORE answers the receipt, and keeps every field byte for byte") {
  Console console;
  const Executed stored = console.must(R"(STORE order_placed FOR 'order 42' AT '2024-03-01T12:00:00Z' ID e-1
                                          METADATA {"user": "u"} PAYLOAD {"total":  12.50, "note": "a;b"};)");
  REQUIRE(stored.result.rows.size() == 1);
  const ResultRow row = stored.result.row(0);
  CHECK(row.get<std::string>("context_id").value() == "order 42");
  CHECK(row.get<std::uint64_t>("sequence").value() == 1);
  CHECK(row.get<std::uint64_t>("position").value() > 0);
  CHECK(row.get<std::string>("durability").value() == "synced");
  CHECK(!row.get<bool>("duplicate").value());

  const Executed replayed = console.must("REPLAY 'order 42'");
  REQUIRE(replayed.result.rows.size() == 1);
  const ResultRow event = replayed.result.row(0);
  CHECK(event.get<std::string>("event_type").value() == "order_placed");
  CHECK(event.get<std::string>("event_id").value() == "e-1");
  CHECK(event.get<JsonText>("metadata").value().text == R"({"user": "u"})");
  CHECK(event.get<JsonText>("payload").value().text == R"({"total":  12.50, "note": "a;b"})");
  CHECK(to_json(event["timestamp"]) == R"("2024-03-01T12:00:00.000000Z")");
  CHECK(event["position"] == row["position"]);

  const Executed again = console.must(R"(STORE order_placed FOR 'order 42' AT '2024-03-01T12:00:00Z' ID e-1
                                         METADATA {"user": "u"} PAYLOAD {"total":  12.50, "note": "a;b"})");
  CHECK(again.result.row(0).get<bool>("duplicate").value());
  CHECK(console("STORE t FOR c PAYLOAD {}", {}).ok());
  CHECK(console.must("REPLAY c").result.at(0, "metadata").is_null());
}

TEST_CASE("execute: REPLAY has the bounds, the direction and the types of its text") {
  Console console;
  console.store("c", 1, 10);
  console.must("STORE other FOR c PAYLOAD {}");
  CHECK(sequences(console.must("REPLAY c FROM 3 TO 5")) == std::vector<std::uint64_t>{3, 4, 5});
  CHECK(sequences(console.must("REPLAY c BACKWARD LIMIT 2")) == std::vector<std::uint64_t>{11, 10});
  CHECK(sequences(console.must("REPLAY c TYPES other")) == std::vector<std::uint64_t>{11});
  CHECK(sequences(console.must("REPLAY c LIMIT 0")).empty());
  CHECK(sequences(console.must("REPLAY nobody")).empty());
  CHECK(console.must("REPLAY c").result.columns == std::vector<std::string>{"context_id", "event_type", "sequence",
                                                                            "position", "timestamp", "recorded_at",
                                                                            "event_id", "metadata", "payload"});
}

TEST_CASE("execute: REPLAY refuses more than its bounds, names them, and says what is removed") {
  Console console;
  console.store("c", 1, 10);
  ExecuteOptions few;
  few.replay_events_max = 9;
  const auto refused = console("REPLAY c", few);
  REQUIRE(refused.code() == Errc::too_large);
  CHECK(refused.error().message.find("more than 9 events") != std::string::npos);
  CHECK(refused.error().where == "c");
  CHECK(sequences(console.must("REPLAY c LIMIT 9", few)).size() == 9);
  few.replay_events_max = 10;
  CHECK(sequences(console.must("REPLAY c", few)).size() == 10);
  few.replay_bytes_max = 20;
  CHECK(console("REPLAY c", few).code() == Errc::too_large);

  REQUIRE(console.engine->truncate_context("c", 4).ok());
  const Executed rest = console.must("REPLAY c");
  CHECK(sequences(rest).front() == 4);
  CHECK(rest.message == "sequences 1 to 3 of c are removed");
}

TEST_CASE("execute: QUERY takes parameters, and keeps the plan of its rows") {
  Console console;
  console.store("a", 1, 4);
  console.store("b", 5, 6);
  ExecuteOptions options;
  options.parameters.positional = {Value("a")};
  options.parameters.named = {{"low", Value(2)}};
  const Executed found = console.must("QUERY counted FOR ? WHERE payload.n > :low COUNT", options);
  CHECK(found.result.row(0).get<std::int64_t>("count").value() == 2);
  REQUIRE(found.query);
  CHECK(found.query->context_ids == std::vector<std::string>{"a"});
  CHECK(!found.explained);
}

TEST_CASE("execute: EXPLAIN answers lines instead of rows, as the text or the options ask") {
  Console console;
  console.store("a", 1, 4);
  const auto explained = [&](std::string_view text, QueryStatement::Explain explain) {
    ExecuteOptions options;
    options.explain = explain;
    const Executed executed = console.must(text, options);
    CHECK(executed.explained);
    CHECK(!executed.query);
    CHECK(executed.result.rows.empty());
    CHECK(executed.result.columns.empty());
    REQUIRE(!executed.result.explain.empty());
    return executed;
  };
  using Explain = QueryStatement::Explain;
  const auto plan = explained("EXPLAIN QUERY counted COUNT BY context_id", Explain::none);
  CHECK(plan.result.stats == QueryStats{}); // it was not run
  CHECK(explained("QUERY counted COUNT BY context_id", Explain::plan).result.explain == plan.result.explain);
  CHECK(explained("EXPLAIN ANALYZE QUERY counted COUNT BY context_id", Explain::none).result.stats.memtable_rows == 4);
  CHECK(explained("EXPLAIN QUERY counted COUNT BY context_id", Explain::analyze).result.stats.memtable_rows == 4);
}

TEST_CASE("execute: FLUSH, PING, DEFINE and SHOW STATS") {
  Console console;
  console.store("a", 1, 4);
  CHECK(console.must("PING").result.at(0, "answer") == Value("pong"));
  const auto events_in = [&](const char* column) {
    const Executed stats = console.must("SHOW STATS");
    REQUIRE(stats.result.rows.size() == console.engine->options().shards);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < stats.result.rows.size(); ++i) {
      sum += stats.result.row(i).get<std::uint64_t>(column).value();
      CHECK(stats.result.at(i, "state") == Value("ok"));
    }
    return sum;
  };
  CHECK(events_in("memtable_events") == 4);
  CHECK(console.must("FLUSH").message == "flushed");
  CHECK(events_in("memtable_events") == 0);
  CHECK(events_in("segment_events") == 4);
  CHECK(events_in("events") == 4);

  const Executed defined = console.must("DEFINE counted FIELDS { n: int64 }");
  CHECK(defined.result.at(0, "event_type") == Value("counted"));
  CHECK(defined.result.at(0, "version") == Value(1));
  CHECK(console("STORE counted FOR a PAYLOAD {\"n\": \"x\"}").code() == Errc::schema_violation);
  CHECK(console.must("DEFINE counted FIELDS { n: int64, note: string OPTIONAL }").result.at(0, "version") == Value(2));
}

TEST_CASE("execute: errors of the text have a place, those of the engine its code") {
  Console console;
  const auto wrong = console("QUERY * WHERE payload.n >> 3");
  REQUIRE(wrong.code() == Errc::parse_error);
  CHECK(wrong.error().where.find("line 1, column") != std::string::npos);
  CHECK(!caret("QUERY * WHERE payload.n >> 3", wrong.error()).empty());
  CHECK(console("").code() == Errc::parse_error);
  CHECK(console("QUERY * WHERE payload.n > ? COUNT").code() == Errc::invalid_argument);
  CHECK(console("STORE t FOR c PAYLOAD {\"a\": }").code() != Errc::ok);
  CHECK(console("DEFINE t FIELDS { n: nonsense }").code() == Errc::parse_error);
}

TEST_CASE("execute: a cancelled statement ends, and so does one whose time is over") {
  Console console;
  console.store("c", 1, 3);
  ExecuteOptions cancelled;
  cancelled.query.cancel = std::make_shared<std::atomic<bool>>(true);
  CHECK(console("QUERY * COUNT BY payload.n", cancelled).code() == Errc::cancelled);
  CHECK(console("REPLAY c", cancelled).code() == Errc::cancelled);
  ExecuteOptions late;
  late.query.timeout_ms = std::chrono::milliseconds(0);
  CHECK(console("REPLAY c", late).code() == Errc::deadline_exceeded);
  REQUIRE(console.engine->close().ok());
  CHECK(console("STORE t FOR c PAYLOAD {}").code() == Errc::closing);
  CHECK(console("QUERY * COUNT").code() == Errc::closing);
}

TEST_CASE("execute: REMEMBER, SHOW and FORGET keep a query under a name") {
  Console console;
  console.store("a", 1, 4);
  CHECK(console.must("REMEMBER QUERY counted COUNT BY context_id AS by_context").message == "remembered as by_context");
  console.store("b", 5, 6);
  const Executed shown = console.must("SHOW by_context");
  CHECK(shown.result.columns == std::vector<std::string>{"context_id", "count"});
  CHECK(shown.result.rows == console.must("QUERY counted COUNT BY context_id").result.rows);
  REQUIRE(shown.query);
  CHECK(to_text(*shown.query) == "QUERY counted COUNT BY context_id");
  const Executed views = console.must("SHOW VIEWS");
  REQUIRE(views.result.rows.size() == 1);
  CHECK(views.result.row(0).get<std::string>("query").value() == "QUERY counted COUNT BY context_id");
  CHECK(console.must("FORGET by_context").message == "forgot by_context");
  CHECK(console("SHOW by_context").code() == Errc::not_found);
  CHECK(console("FORGET by_context").code() == Errc::not_found);
}

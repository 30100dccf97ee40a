// Rows of a query in batches, and how a query would be answered, through the public door.
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/why.hpp"

#include "engine/io/manual_clock.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

using namespace weir;
using namespace weir::test;

namespace {

/// 400 events, half of them in segments.
Engine filled(SimulatedDisk& disk) {
  auto engine = disk.open({});
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  for (std::uint64_t i = 1; i <= 400; ++i) {
    REQUIRE(engine->store(numbered_event("c" + std::to_string(i % 10), 1, i)).ok());
    if (i == 200)
      REQUIRE(engine->flush().ok());
  }
  return std::move(*engine);
}

} // namespace

TEST_CASE("query stream: its batches are the rows of the query, of the moment it was opened") {
  SimulatedDisk disk;
  Engine engine = filled(disk);
  const Query plan = *parse_query("QUERY * WHERE payload.number > 50 RETURN [payload.number]");
  const auto expected = engine.query(plan);
  REQUIRE_MESSAGE(expected.ok(), why(expected));
  QueryStreamOptions bounds;
  bounds.batch_rows_max = 33;
  auto stream = engine.query_stream(plan, {}, bounds);
  REQUIRE_MESSAGE(stream.ok(), why(stream));
  CHECK(stream->columns() == expected->columns);
  REQUIRE(engine.store(numbered_event("late", 1, 900)).ok());
  std::vector<std::vector<Value>> rows;
  while (true) {
    auto batch = stream->next();
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    CHECK(batch->size() <= 33);
    if (batch->empty())
      break;
    for (auto& row : *batch)
      rows.push_back(std::move(row));
  }
  CHECK(rows == expected->rows);
}

TEST_CASE("query stream: it ends when it is cancelled, at its deadline and with the engine, and says so") {
  SimulatedDisk disk;
  std::optional<Engine> engine = filled(disk);
  const Query plan = Query::all_types();
  auto cancelled = engine->query_stream(plan);
  REQUIRE(cancelled.ok());
  REQUIRE(cancelled->next().ok());
  cancelled->cancel();
  CHECK(cancelled->next().code() == Errc::cancelled);
  QueryOptions late;
  late.timeout_ms = std::chrono::milliseconds(0);
  auto too_late = engine->query_stream(plan, late);
  REQUIRE(too_late.ok());
  CHECK(too_late->next().code() == Errc::deadline_exceeded);
  auto left = engine->query_stream(plan);
  REQUIRE(left.ok());
  engine.reset();
  CHECK(left->next().code() == Errc::closing);
}

TEST_CASE("query stream: one that nobody reads keeps no segment behind its deadline") {
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 1;
  options.disk_reserve_bytes = 1 * MiB;
  // Its clock stands still, so the background leaves segments alone.
  auto opened = disk.open(options, std::make_unique<io::ManualClock>());
  REQUIRE_MESSAGE(opened.ok(), why(opened));
  Engine engine = std::move(*opened);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    REQUIRE(engine.store(numbered_event("c", 1, i)).ok());
    REQUIRE(engine.flush().ok());
  }
  const auto files = [&] { return disk.fs().list("segments/000")->size(); };
  REQUIRE(files() == 3);
  QueryOptions late;
  late.timeout_ms = std::chrono::milliseconds(0);
  auto stream = engine.query_stream(Query::all_types(), late);
  REQUIRE(stream.ok());
  REQUIRE(engine.compact().ok());
  CHECK(eventually([&] { return files() == 1; })); // what was merged is removed once no view holds it
  CHECK(stream->next().code() == Errc::deadline_exceeded);
}

TEST_CASE("query stream: what cannot be is refused") {
  SimulatedDisk disk;
  Engine engine = filled(disk);
  QueryStreamOptions none;
  none.batch_rows_max = 0;
  CHECK(engine.query_stream(Query::all_types(), {}, none).code() == Errc::invalid_argument);
  QueryStreamOptions small;
  small.pass_bytes_max = 1;
  CHECK(engine.query_stream(Query::all_types(), {}, small).code() == Errc::invalid_argument);
  CHECK(engine.query_stream(Query::types({""})).code() == Errc::invalid_argument);
}

TEST_CASE("engine: explain says how a query would be answered, and a run what it took") {
  SimulatedDisk disk;
  Engine engine = filled(disk);
  const Query plan = *parse_query("QUERY * WHERE payload.number > 50 COUNT");
  const auto lines = engine.explain(plan);
  REQUIRE_MESSAGE(lines.ok(), why(lines));
  REQUIRE_FALSE(lines->empty());
  CHECK(lines->front() == "plan: QUERY * WHERE payload.number > 50 COUNT");
  const auto result = engine.query(plan);
  REQUIRE(result.ok());
  CHECK(result->stats.threads >= 1);
  CHECK(result->stats.rows_matched == 350);
}

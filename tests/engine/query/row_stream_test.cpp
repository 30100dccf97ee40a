#include "engine/query/execution.hpp"
#include "engine/query/executor.hpp"
#include "engine/query/row_stream.hpp"
#include "tests/engine/query/fake_shard.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>

using namespace weir;
using namespace std::chrono_literals;
using query::RowStream;
using query::RowStreamBounds;

namespace {

constexpr Timestamp start{1'700'000'000'000'000us};

std::vector<test::StoredEvent> events(std::uint64_t first, std::uint64_t last) {
  std::vector<test::StoredEvent> all;
  for (std::uint64_t n = first; n < last; ++n) {
    test::StoredEvent stored;
    stored.context_id = "order-" + std::to_string(n % 7);
    stored.sequence = n / 7 + 1;
    stored.position = 3 * n + 5;
    stored.recorded_at = stored.timestamp = start + std::chrono::seconds(n);
    stored.event_type = n % 3 == 0 ? "paid" : "placed";
    stored.payload = R"({"n":)" + std::to_string(n) + "}";
    all.push_back(stored);
  }
  return all;
}

std::vector<ShardView> shards() {
  const std::vector<json::Path> fields = {{"n"}};
  return {test::make_view({std::make_shared<test::FakeSegment>(events(0, 100), 16, fields),
                           std::make_shared<test::FakeSegment>(events(100, 150), 16, fields)},
                          {test::make_memtable(events(150, 170))})};
}

Query parsed(std::string_view text) {
  auto plan = parse_query(text);
  if (!plan)
    FAIL(std::string(text), ": ", to_string(plan.error()));
  return *std::move(plan);
}

struct Runs {
  std::size_t count = 0;
  std::size_t rows_max = 0; ///< Of one run.
  Status next;              ///< What the stream is told.
};

Result<RowStream> stream_of(const Query& plan, std::vector<ShardView> views, const RowStreamBounds& bounds,
                            Runs& runs) {
  RowStream::Source source;
  source.run = [&runs](const Query& query, const std::vector<ShardView>& seen) {
    ++runs.count;
    return query::run(query, seen, {});
  };
  source.pass = [&runs](const Query& query, const std::vector<ShardView>& seen, const query::PositionWindow& positions,
                        std::uint64_t bytes_max) -> Result<RowStream::PassRows> {
    ++runs.count;
    std::atomic<std::uint64_t> bytes{0};
    query::QueryControl control;
    control.positions = positions;
    control.result_bytes_max = bytes_max;
    control.result_bytes = &bytes;
    auto parts = (*query::Execution::make(query, seen, control))->gather();
    if (!parts)
      return parts.error();
    const auto compiled = query::CompiledQuery::make(query);
    auto rows = query::rows_by_position(**compiled, *std::move(parts), control);
    REQUIRE(rows.ok());
    runs.rows_max = std::max(runs.rows_max, rows->size());
    return RowStream::PassRows{*std::move(rows), bytes.load()};
  };
  source.may_go_on = [&runs] { return runs.next; };
  return RowStream::make(plan, std::move(views), bounds, std::move(source));
}

RowStream::Rows read_all(RowStream& stream, std::uint64_t batch_rows_max) {
  RowStream::Rows all;
  while (true) {
    auto batch = stream.next();
    if (!batch)
      FAIL(to_string(batch.error()));
    CHECK(batch->size() <= batch_rows_max);
    if (batch->empty())
      return all;
    for (auto& row : *batch)
      all.push_back(std::move(row));
  }
}

} // namespace

TEST_CASE("row stream: passes give the rows of the query, whatever it returns, skips and bounds") {
  for (const std::string text :
       {"QUERY *", "QUERY * RETURN [payload.n]", "QUERY * RETURN [position, payload.n]",
        "QUERY * RETURN [payload.n, position AS p]", "QUERY paid WHERE payload.n > 20 OR sequence = 1 RETURN [payload]",
        "QUERY * RETURN [payload.n] LIMIT 33", "QUERY * RETURN [payload.n] LIMIT 40 OFFSET 25",
        "QUERY * RETURN [payload.n] OFFSET 90", "QUERY * RETURN [payload.n] OFFSET 500",
        "QUERY * RETURN [payload.n] LIMIT 0", "QUERY * RETURN [payload.n] LIMIT 20", "QUERY * COUNT BY event_type",
        "QUERY * RETURN [payload.n] ORDER BY payload.n DESC LIMIT 50"}) {
    CAPTURE(text);
    const Query plan = parsed(text);
    const auto expected = query::run(plan, shards(), {});
    REQUIRE(expected.ok());
    for (const std::uint64_t batch : {1u, 6u, 1'000u}) {
      RowStreamBounds bounds;
      bounds.batch_rows_max = batch;
      bounds.pass_rows_max = 20;
      Runs runs;
      auto stream = stream_of(plan, shards(), bounds, runs);
      REQUIRE(stream.ok());
      CHECK(stream->columns() == expected->columns);
      CHECK(read_all(*stream, batch) == expected->rows);
      if (plan.order.empty())
        CHECK(runs.rows_max <= 20);
      CHECK(stream->next()->empty());
    }
  }
}

TEST_CASE("row stream: rows too wide for the memory of a pass come in shorter passes") {
  RowStreamBounds bounds;
  bounds.pass_bytes_max = 4'096;
  Runs runs;
  auto stream = stream_of(parsed("QUERY *"), shards(), bounds, runs);
  REQUIRE(stream.ok());
  CHECK(read_all(*stream, bounds.batch_rows_max).size() == 170);
  CHECK(runs.rows_max < 20);
  bounds.pass_bytes_max = 10; // not even one
  auto narrow = stream_of(parsed("QUERY *"), shards(), bounds, runs);
  REQUIRE(narrow.ok());
  CHECK(narrow->next().code() == Errc::too_large);
}

TEST_CASE("row stream: it keeps its view until its end or its first error, which it repeats") {
  for (const bool to_the_end : {true, false}) {
    auto views = shards();
    const std::weak_ptr<const SegmentList> segments = views.front().segments;
    RowStreamBounds bounds;
    bounds.pass_rows_max = 50;
    bounds.batch_rows_max = 50;
    Runs runs;
    auto stream = stream_of(parsed("QUERY * RETURN [payload.n]"), std::move(views), bounds, runs);
    REQUIRE(stream.ok());
    REQUIRE(stream->next().ok());
    CHECK_FALSE(segments.expired());
    if (to_the_end) {
      CHECK(read_all(*stream, 50).size() == 120);
    } else {
      runs.next = fail(Errc::cancelled, "no more");
      CHECK(stream->next().code() == Errc::cancelled);
      runs.next = {};
      CHECK(stream->next().code() == Errc::cancelled);
    }
    CHECK(segments.expired());
  }
}

TEST_CASE("row stream: any query that can be asked can be streamed, as wide and as deep as plans may be") {
  Query wide = Query::all_types();
  std::vector<ReturnedField> fields;
  for (std::size_t i = 0; i < limits::query_columns_max; ++i)
    fields.push_back({i == 0 ? "payload.n" : "payload.f" + std::to_string(i), {}});
  wide.returning(fields);
  Expr deep = field("payload.n") > 3;
  while (deep.depth() < limits::query_depth_max)
    deep = deep.depth() % 2 == 0 ? (std::move(deep) && field("payload.n") != 7)
                                 : (std::move(deep) || field("payload.n") == 7);
  Query nested = Query::all_types();
  nested.where(std::move(deep));
  for (const Query& plan : {wide, nested}) {
    const auto expected = query::run(plan, shards(), {});
    REQUIRE_MESSAGE(expected.ok(), to_string(expected.error()));
    RowStreamBounds bounds;
    bounds.pass_rows_max = 20;
    Runs runs;
    auto stream = stream_of(plan, shards(), bounds, runs);
    REQUIRE(stream.ok());
    CHECK(read_all(*stream, bounds.batch_rows_max) == expected->rows);
    CHECK(runs.count > 5);
  }
}

TEST_CASE("row stream: a large segment is not read again for every few rows of it") {
  const auto segment = std::make_shared<test::FakeSegment>(events(0, 8'000), 100, std::vector<json::Path>{{"n"}});
  RowStreamBounds bounds;
  bounds.first_pass_rows = 16;
  Runs runs;
  auto stream = stream_of(parsed("QUERY * RETURN [payload.n]"), {test::make_view({segment}, {})}, bounds, runs);
  REQUIRE(stream.ok());
  CHECK(read_all(*stream, bounds.batch_rows_max).size() == 8'000);
  CHECK(runs.count < 12); // each pass asks for twice as many as the one before
  CHECK(segment->reads.size() + segment->column_reads.size() < 12 * 2 * 80);
}

TEST_CASE("row stream: whoever releases its pin frees its views, and then it is over") {
  auto views = shards();
  const std::weak_ptr<const SegmentList> segments = views.front().segments;
  RowStreamBounds bounds;
  bounds.first_pass_rows = bounds.batch_rows_max = 10;
  Runs runs;
  auto stream = stream_of(parsed("QUERY *"), std::move(views), bounds, runs);
  REQUIRE(stream.ok());
  REQUIRE(stream->next().ok());
  query::ViewPins pins;
  using Time = query::ViewPins::Time;
  const Time opened(100s);
  CHECK(pins.add(stream->pin(), opened + 60s)); // the first one wants a timer
  auto other = stream_of(parsed("QUERY *"), shards(), bounds, runs);
  CHECK_FALSE(pins.add(other->pin(), opened + 500ms));
  CHECK(pins.wait(opened) == 500ms);
  CHECK(pins.release_expired(opened + 500ms));
  CHECK(other->next().code() == Errc::deadline_exceeded);
  CHECK(pins.wait(opened + 500ms) == query::ViewPins::lateness_max);
  CHECK_FALSE(segments.expired());
  CHECK_FALSE(pins.release_expired(opened + 60s)); // no stream, no timer
  CHECK(segments.expired());
  CHECK(stream->next().code() == Errc::deadline_exceeded);
  CHECK(pins.add(other->pin(), opened));
  other = stream_of(parsed("QUERY *"), shards(), bounds, runs);
  CHECK_FALSE(pins.release_expired(opened)); // a stream that is gone needs none
}

#include "engine/query/executor.hpp"
#include "engine/query/row_stream.hpp"
#include "tests/engine/query/fake_shard.hpp"

#include <doctest/doctest.h>

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
  const auto run = [&runs](const Query& query, const std::vector<ShardView>& seen,
                           std::optional<std::uint64_t> result_bytes_max) {
    query::QueryControl control;
    if (result_bytes_max)
      control.result_bytes_max = *result_bytes_max;
    auto result = query::run(query, seen, control);
    ++runs.count;
    if (result)
      runs.rows_max = std::max(runs.rows_max, result->rows.size());
    return result;
  };
  return RowStream::make(plan, std::move(views), bounds, run, [&runs] { return runs.next; });
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

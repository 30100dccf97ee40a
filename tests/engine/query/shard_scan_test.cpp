#include "engine/query/execution.hpp"
#include "engine/query/executor.hpp"
#include "engine/query/scan_queue.hpp"
#include "tests/engine/query/fake_shard.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

using namespace weir;
using namespace std::chrono_literals;
using query::Execution;
using query::QueryControl;
using query::ScanQueue;
using Rows = std::vector<std::vector<Value>>;

namespace {

constexpr Timestamp start{1'700'000'000'000'000us};

test::StoredEvent event(std::uint64_t n) {
  return test::stored_event("order-" + std::to_string(n % 50), n / 50 + 1, n + 1, start + std::chrono::seconds(n),
                            n % 3 == 0 ? "paid" : "placed",
                            R"({"n":)" + std::to_string(n) + R"(,"country":"c)" + std::to_string(n % 5) + "\"}");
}

std::vector<test::StoredEvent> events(std::uint64_t first, std::uint64_t last) {
  std::vector<test::StoredEvent> all;
  for (std::uint64_t n = first; n < last; ++n)
    all.push_back(event(n));
  return all;
}

const std::vector<json::Path> fields = {{"n"}, {"country"}};

std::shared_ptr<test::FakeSegment> segment(std::uint64_t first, std::uint64_t last, bool columns = true) {
  return columns ? std::make_shared<test::FakeSegment>(events(first, last), 16, fields)
                 : std::make_shared<test::FakeSegment>(events(first, last), 16);
}

Query parsed(std::string_view text) {
  auto plan = parse_query(text);
  if (!plan)
    FAIL(std::string(text), ": ", to_string(plan.error()));
  return *std::move(plan);
}

/// Four shards of memtables, which threads may read at the same time (a FakeSegment remembers reads).
std::vector<ShardView> four_shards() {
  std::vector<ShardView> views;
  for (std::uint64_t shard = 0; shard < 4; ++shard) {
    const std::uint64_t base = shard * 1'000;
    views.push_back(test::make_view({}, {test::make_memtable(events(base + 900, base + 1'000))}));
  }
  return views;
}

class ManualClock final : public io::Clock {
public:
  [[nodiscard]] Timestamp now() const override { return start; }
  [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const override { return now_; }
  void advance(std::chrono::seconds by) { now_ += by; }

private:
  std::chrono::steady_clock::time_point now_{};
};

std::size_t reads_of(const test::FakeSegment& segment) {
  return segment.reads.size() + segment.column_reads.size();
}

} // namespace

TEST_CASE("scan queue: pieces come by position, then what has parts first, and the last to leave ends the scan") {
  ScanQueue queue;
  using Kind = ScanQueue::Piece::Kind;
  queue.add({{Kind::zone, 5, 0, 0, 1, 0}, {Kind::segment, 2, 1, 0, 0, 0}, {Kind::memtable, 2, 0, 0, 0, 4}});
  ScanQueue::Piece segment;
  REQUIRE(queue.take(segment));
  CHECK(segment.kind == Kind::segment);
  ScanQueue::Piece piece;
  REQUIRE(queue.take(piece));
  CHECK(piece.kind == Kind::memtable);
  queue.add({{Kind::zone, 3, 1, 0, 7, 0}});
  queue.release(piece);
  REQUIRE(queue.take(piece));
  CHECK(piece.first == 7);
  queue.release(piece);
  REQUIRE(queue.take(piece));
  CHECK_FALSE(queue.empty()); // the segment may turn out to have more
  queue.release(segment);
  CHECK(queue.empty());
  ScanQueue::Piece more;
  CHECK_FALSE(queue.take(more)); // although one is in work: nothing comes of a zone
  queue.release(piece);
  CHECK_FALSE(queue.take(more));
}

TEST_CASE("scan queue: who finds nothing waits for what others still add") {
  ScanQueue queue;
  queue.add({{}});
  ScanQueue::Piece piece;
  REQUIRE(queue.take(piece));
  std::size_t taken = 0;
  std::thread other([&] {
    ScanQueue::Piece mine;
    while (queue.take(mine)) {
      ++taken;
      queue.release(mine);
    }
  });
  queue.add({{}, {}});
  queue.release(piece);
  other.join();
  CHECK(taken == 2);
}

TEST_CASE("shard scan: any number of threads gives the same answer") {
  for (const std::string text :
       {"QUERY * WHERE payload.n > 1950 RETURN [position, payload.country]", "QUERY * COUNT BY payload.country",
        "QUERY paid AVG payload.n, COUNT PER MINUTE", "QUERY * RETURN [position] LIMIT 7 OFFSET 60",
        "QUERY * RETURN [payload.n] ORDER BY payload.country, payload.n DESC LIMIT 9",
        "QUERY placed FOLLOWED BY paid LINKED BY payload.country COUNT",
        "QUERY placed FOLLOWED BY paid LINKED BY context_id RETURN placed.position, paid.position"}) {
    CAPTURE(text);
    const Query plan = parsed(text);
    const std::vector<ShardView> views = four_shards();
    const auto expected = query::run(plan, views, {});
    REQUIRE(expected.ok());
    CHECK_FALSE(expected->rows.empty());
    for (int round = 0; round < 10; ++round) {
      const auto execution = Execution::make(plan, views, {});
      REQUIRE(execution.ok());
      std::vector<std::thread> helpers;
      for (int i = 0; i < 3; ++i)
        helpers.emplace_back([&] { (*execution)->help(); });
      const auto result = (*execution)->run();
      for (std::thread& helper : helpers)
        helper.join();
      REQUIRE(result.ok());
      CHECK(result->rows == expected->rows);
    }
  }
}

TEST_CASE("shard scan: one thread alone does all, and who comes later does nothing") {
  const auto segment_a = segment(0, 200);
  const auto execution =
      Execution::make(parsed("QUERY * WHERE payload.n > 100 COUNT"), {test::make_view({segment_a})}, {});
  REQUIRE(execution.ok());
  const auto result = (*execution)->run();
  REQUIRE(result.ok());
  CHECK(result->rows == Rows{{99}});
  CHECK(result->stats.threads == 1);
  const std::size_t reads = reads_of(*segment_a);
  (*execution)->help();
  CHECK(reads_of(*segment_a) == reads);
}

TEST_CASE(
    "shard scan: who may call helpers is told once how many rows there are to look at, as soon as that is known") {
  const auto rows_told = [](const std::string& text, const std::vector<ShardView>& views) {
    CAPTURE(text);
    const auto execution = Execution::make(parsed(text), views, {});
    REQUIRE(execution.ok());
    std::string told;
    REQUIRE((*execution)->run([&](std::uint64_t rows) { told += std::to_string(rows) + " "; }).ok());
    return told;
  };
  const auto since = [](std::uint64_t n) {
    return "QUERY * SINCE " + std::to_string((start + std::chrono::seconds(n)).time_since_epoch().count() / 1'000);
  };
  const auto paged = [] {
    auto made = segment(0, 200);
    made->add_pages();
    return made;
  };
  const auto one = [](std::shared_ptr<test::FakeSegment> made) {
    return std::vector{test::make_view({std::move(made)})};
  };
  CHECK(rows_told("QUERY * COUNT BY payload.country", one(segment(0, 200))) == "200 ");
  CHECK(rows_told(since(180) + " COUNT BY payload.country", one(segment(0, 200))) == "96 "); // of six zones
  CHECK(rows_told(since(180) + " COUNT BY payload.country",
                  {test::make_view({segment(0, 200)}, {test::make_memtable(events(900, 907))})}) == "103 ");
  CHECK(rows_told(since(1'000) + " COUNT", one(segment(0, 200))) == "");
  CHECK(rows_told(since(1'000) + " COUNT", four_shards()) == "400 ");
  CHECK(rows_told(since(100) + " WHERE payload.n > 5 COUNT", one(paged())) == "13 ");
  CHECK(rows_told(since(100) + " COUNT BY payload.country", one(paged())) == "104 ");
  // Where others may share in finding that out they are called before.
  CHECK(rows_told(since(180) + " RETURN [position] LIMIT 3", one(segment(0, 200))) == "200 ");
  CHECK(rows_told(since(1'000) + " COUNT", {test::make_view({segment(0, 30), segment(30, 60), segment(60, 90),
                                                             segment(90, 120), segment(120, 150)})}) == "150 ");
}

TEST_CASE("shard scan: enough rows in position order, and what lies behind is never read") {
  for (const bool columns : {true, false}) {
    const auto first = segment(0, 200, columns);
    const auto second = segment(200, 400, columns);
    const std::vector<ShardView> views = {test::make_view({first, second}, {test::make_memtable(events(400, 500))})};
    const auto result = query::run(parsed("QUERY * RETURN [position] LIMIT 2 OFFSET 1"), views, {});
    REQUIRE(result.ok());
    CHECK(result->rows == Rows{{2}, {3}});
    CHECK(reads_of(*second) == 0);
    CHECK(result->stats.segments_pruned == 1);
    CHECK(result->stats.memtable_rows == 0);
  }
}

TEST_CASE("shard scan: zones taken some at a time are each scanned once") {
  for (const std::uint64_t zones : {1u, 31u, 32u, 64u, 65u, 130u, 131u}) {
    CAPTURE(zones);
    const std::vector<ShardView> views = {test::make_view({segment(0, zones * 16 - 3)})};
    for (const bool prune : {true, false}) {
      QueryControl control;
      control.prune = prune;
      const auto result = query::run(parsed("QUERY * WHERE payload.n >= 5 COUNT, TOTAL payload.n"), views, control);
      REQUIRE(result.ok());
      const std::int64_t rows = static_cast<std::int64_t>(zones) * 16 - 3;
      CHECK(result->rows == Rows{{rows - 5, rows * (rows - 1) / 2 - 10}});
      CHECK(result->stats.zones_total == zones);
    }
  }
}

TEST_CASE("shard scan: the first error ends the scan") {
  const auto broken = segment(0, 320);
  std::size_t reads = 0;
  broken->on_read = [&]() -> Status {
    return ++reads == 3 ? Status(fail(Errc::io_error, "no such block", "segment 1")) : Status();
  };
  const auto result = query::run(parsed("QUERY * RETURN [payload]"), std::vector{test::make_view({broken})}, {});
  CHECK(result.code() == Errc::io_error);
  CHECK(reads == 3);
}

TEST_CASE("shard scan: a cancelled query and one past its deadline end at the next zone") {
  for (const bool cancelled : {true, false}) {
    const auto slow = segment(0, 320);
    std::atomic<bool> cancel{false};
    ManualClock clock;
    std::size_t reads = 0;
    slow->on_read = [&]() -> Status {
      if (++reads == 2) {
        cancel = cancelled;
        clock.advance(2s);
      }
      return {};
    };
    QueryControl control;
    control.cancel = &cancel;
    control.clock = &clock;
    control.deadline = clock.steady_now() + 1s;
    const auto result = query::run(parsed("QUERY * WHERE payload.n >= 0 TOTAL payload.n"),
                                   std::vector{test::make_view({slow})}, control);
    CHECK(result.code() == (cancelled ? Errc::cancelled : Errc::deadline_exceeded));
    CHECK(reads <= 3);
  }
}

TEST_CASE("shard scan: the memory of all threads together is bounded") {
  QueryControl control;
  control.result_bytes_max = 10'000;
  const auto result = query::run(parsed("QUERY * RETURN [payload]"), four_shards(), control);
  CHECK(result.code() == Errc::too_large);
}

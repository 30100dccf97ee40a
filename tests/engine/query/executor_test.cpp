#include "engine/query/executor.hpp"
#include "engine/time_text.hpp"
#include "tests/engine/query/fake_shard.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace weir;
using namespace std::chrono_literals;
using query::QueryControl;
using Rows = std::vector<std::vector<Value>>;

namespace {

constexpr Timestamp start{1'700'000'000'000'000us};

/// Event number `n` (from 1): position 10 n, every third of type "paid", else "placed"; one context of four.
test::StoredEvent event(std::uint64_t n) {
  return test::stored_event("order-" + std::to_string(n % 4), n / 4 + 1, 10 * n, start + std::chrono::seconds(n),
                            n % 3 == 0 ? "paid" : "placed", R"({"n":)" + std::to_string(n) + "}");
}

std::vector<test::StoredEvent> events(std::uint64_t first, std::uint64_t last) {
  std::vector<test::StoredEvent> all;
  for (std::uint64_t n = first; n <= last; ++n)
    all.push_back(event(n));
  return all;
}

std::shared_ptr<test::FakeSegment> segment(std::uint64_t first, std::uint64_t last, std::uint32_t zone_rows = 4) {
  return std::make_shared<test::FakeSegment>(events(first, last), zone_rows);
}

QueryResult answer(std::string_view text, const std::vector<ShardView>& views, const QueryControl& control = {}) {
  const auto parsed = parse_query(text);
  if (!parsed)
    FAIL(to_string(parsed.error()));
  auto result = query::run(*parsed, views, control);
  if (!result)
    FAIL(to_string(result.error()));
  return *std::move(result);
}

/// A shard of one segment whose events carry `payloads` in order.
std::vector<ShardView> shard_of(const std::vector<std::string>& payloads) {
  std::vector<test::StoredEvent> all;
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    all.push_back(event(4 * i + 4));
    all.back().payload = payloads[i];
  }
  return {test::make_view({std::make_shared<test::FakeSegment>(all, 3)})};
}

class ManualClock final : public io::Clock {
public:
  [[nodiscard]] Timestamp now() const override { return start; }
  [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const override { return now_; }
  void advance(std::chrono::seconds by) { now_ += by; }

private:
  std::chrono::steady_clock::time_point now_{};
};

} // namespace

TEST_CASE("query run: rows come in position order over shards, segments and memtables") {
  std::vector<test::StoredEvent> even;
  std::vector<test::StoredEvent> odd;
  for (const auto& stored : events(1, 20))
    (stored.position / 10 % 2 == 0 ? even : odd).push_back(stored);
  const std::vector<test::StoredEvent> old(even.begin(), even.begin() + 6);
  const std::vector<test::StoredEvent> recent(even.begin() + 6, even.end());
  const std::vector<ShardView> views = {
      test::make_view({std::make_shared<test::FakeSegment>(old, 2)}, {test::make_memtable(recent)}),
      test::make_view({std::make_shared<test::FakeSegment>(odd, 3)})};
  const QueryResult result = answer("QUERY * RETURN [position, payload.n]", views);
  CHECK(result.columns == std::vector<std::string>{"position", "payload.n"});
  REQUIRE(result.rows.size() == 20);
  for (std::uint64_t n = 1; n <= 20; ++n)
    CHECK(result.rows[n - 1] == std::vector<Value>{10 * n, n});
  CHECK(result.stats.shards == 2);
  CHECK(result.stats.memtable_rows == 4);
}

TEST_CASE("query run: without RETURN all core fields come back, what is missing as null") {
  test::StoredEvent stored = event(1);
  stored.payload = R"({ "n" : 1 })";
  const std::vector<ShardView> views = {test::make_view({std::make_shared<test::FakeSegment>(std::vector{stored}, 4)})};
  const QueryResult result = answer("QUERY *", views);
  CHECK(result.columns == std::vector<std::string>{"context_id", "event_type", "sequence", "position", "timestamp",
                                                   "recorded_at", "event_id", "metadata", "payload"});
  CHECK(result.rows ==
        Rows{{"order-1", "placed", 1, 10, start + 1s, start + 1s, nullptr, nullptr, JsonText{R"({ "n" : 1 })"}}});
}

TEST_CASE("query run: SINCE is inclusive and UNTIL exclusive") {
  const std::vector<ShardView> views = {test::make_view({segment(1, 10)})};
  const auto at = [](std::uint64_t n) { return "'" + format_timestamp(start + std::chrono::seconds(n)) + "'"; };
  CHECK(answer("QUERY * SINCE " + at(3) + " UNTIL " + at(5) + " RETURN [position]", views).rows == Rows{{30}, {40}});
  CHECK(
      answer("QUERY * WHERE timestamp > " + at(3) + " AND timestamp <= " + at(5) + " RETURN [position]", views).rows ==
      Rows{{40}, {50}});
}

TEST_CASE("query run: ORDER BY sorts types apart, nulls first, ties by position") {
  const auto views = shard_of({R"({"v":"a"})", R"({"v":2})", R"({})", R"({"v":true})", R"({"v":1.5})", R"({"v":null})",
                               R"({"v":false})", R"({"v":2.0})", R"({"v":"A"})"});
  const Rows rising = {{40 * 3}, {40 * 6}, {40 * 7}, {40 * 4}, {40 * 5}, {40 * 2}, {40 * 8}, {40 * 9}, {40 * 1}};
  const Rows falling = {{40 * 1}, {40 * 9}, {40 * 2}, {40 * 8}, {40 * 5}, {40 * 4}, {40 * 7}, {40 * 3}, {40 * 6}};
  CHECK(answer("QUERY * RETURN [position] ORDER BY payload.v", views).rows == rising);
  CHECK(answer("QUERY * RETURN [position] ORDER BY payload.v DESC", views).rows == falling);
  CHECK(answer("QUERY * RETURN [position] ORDER BY payload.v LIMIT 3 OFFSET 2", views).rows ==
        Rows(rising.begin() + 2, rising.begin() + 5));
  CHECK(answer("QUERY * RETURN [position] ORDER BY payload.v OFFSET 7", views).rows ==
        Rows(rising.begin() + 7, rising.end()));
}

TEST_CASE("query run: a group holds what is equal, null and absent together") {
  const auto views = shard_of({R"({"v":1})", R"({"v":1.0})", R"({"v":null})", R"({})", R"({"v":"1"})", R"({"v":true})",
                               R"({"v":9007199254740993})", R"({"v":9007199254740992.0})", R"({"v":1})"});
  const QueryResult result = answer("QUERY * COUNT BY payload.v", views);
  CHECK(result.columns == std::vector<std::string>{"payload.v", "count"});
  CHECK(result.rows == Rows{{nullptr, 2}, {true, 1}, {1, 3}, {9007199254740992, 1}, {9007199254740993, 1}, {"1", 1}});
  CHECK(answer("QUERY * COUNT BY payload.v ORDER BY count DESC LIMIT 2", views).rows == Rows{{1, 3}, {nullptr, 2}});
}

TEST_CASE("query run: groups of several shards add up") {
  const std::vector<ShardView> views = {test::make_view({segment(1, 6)}), test::make_view({segment(7, 12)})};
  CHECK(answer("QUERY * COUNT BY event_type", views).rows == Rows{{"paid", 4}, {"placed", 8}});
  CHECK(answer("QUERY * COUNT BY event_type, context_id ORDER BY count DESC, context_id LIMIT 1", views).rows ==
        Rows{{"placed", "order-0", 2}});
}

TEST_CASE("query run: COUNT is one row, of nothing too, and needs no column where metadata answer it") {
  const auto first = segment(1, 12);
  const std::vector<ShardView> views = {test::make_view({first}, {test::make_memtable(events(13, 15))})};
  QueryResult result = answer("QUERY * COUNT", views);
  CHECK(result.columns == std::vector<std::string>{"count"});
  CHECK(result.rows == Rows{{15}});
  CHECK(result.stats.zones_counted == 3);
  CHECK(first->reads.empty());
  CHECK(answer("QUERY * FOR order-1 COUNT", views).rows == Rows{{4}});
  CHECK(first->reads.empty());
  CHECK(answer("QUERY missing COUNT", views).rows == Rows{{0}});
  CHECK(answer("QUERY missing COUNT BY event_type", views).rows.empty());
  CHECK(answer("QUERY * COUNT LIMIT 0", views).rows.empty());
}

TEST_CASE("query run: segments and zones that cannot match are not read") {
  const auto first = segment(1, 12);
  const auto second = segment(13, 24);
  const std::vector<ShardView> views = {test::make_view({first, second})};
  CHECK(answer("QUERY * WHERE position >= 130 RETURN [position]", views).rows.size() == 12);
  CHECK(first->reads.empty());
  CHECK(second->reads.size() == 3);
  const QueryResult one = answer("QUERY * FOR order-0 WHERE sequence = 2 RETURN [position]", views);
  CHECK(one.rows == Rows{{40}});
  CHECK(one.stats.segments_pruned == 1);
  CHECK(one.stats.zones_scanned == 1);
  for (const auto& read : first->reads)
    CHECK(read.zone == 0);
  CHECK(answer("QUERY refunded", views).stats.segments_pruned == 2);
  CHECK(answer("QUERY * FOR nobody", views).stats.segments_pruned == 2);
  CHECK(answer("QUERY * WHERE context_id = 'nobody' AND payload.n > 1", views).stats.segments_pruned == 2);
  CHECK(answer("QUERY * WHERE NOT recorded_at > 0", views).stats.segments_pruned == 2);
}

TEST_CASE("query run: payloads are read only of zones where the other conditions leave a row") {
  const auto only = segment(1, 16);
  const std::vector<ShardView> views = {test::make_view({only})};
  // Sorted by context, the event with this id would be in the last zone.
  const QueryResult result =
      answer("QUERY * WHERE payload.n > 0 AND context_id IN ('order-3', 'x') RETURN [payload.n]", views);
  CHECK(result.rows == Rows{{3}, {7}, {11}, {15}});
  // The context index tells which zone the contexts are in.
  CHECK(result.stats.zones_scanned == 1);
  CHECK(result.stats.payload_zones == 1);
  using Read = test::FakeSegment::Read;
  CHECK(only->reads == std::vector<Read>{{3, column_context}, {3, column_position}, {3, column_payload}});
}

TEST_CASE("query run: a zone is read once where the condition's columns are all there is") {
  const auto only = segment(1, 8);
  // Sorted by context, all paid ones are in the second zone.
  CHECK(answer("QUERY paid COUNT", {test::make_view({only})}).rows == Rows{{2}});
  using Read = test::FakeSegment::Read;
  CHECK(only->reads == std::vector<Read>{{1, column_type}});
}

TEST_CASE("query run: a long context in memory is read whole, and nothing beside it") {
  std::vector<test::StoredEvent> many;
  for (std::uint64_t n = 1; n <= 10'000; ++n)
    many.push_back(event(n));
  const std::vector<ShardView> views = {test::make_view({}, {test::make_memtable(many)})};
  const QueryResult result = answer("QUERY * FOR order-3 RETURN [sequence]", views);
  CHECK(result.stats.memtable_rows == 2'500);
  REQUIRE(result.rows.size() == 2'500);
  for (std::uint64_t i = 0; i < 2'500; ++i)
    REQUIRE(result.rows[i] == std::vector<Value>{i + 1});
}

TEST_CASE("query run: LIMIT without ORDER BY stops once no earlier position can come") {
  const auto first = segment(1, 12);
  const auto second = segment(13, 24);
  const std::vector<ShardView> views = {test::make_view({first, second}, {test::make_memtable(events(25, 40))})};
  const QueryResult result = answer("QUERY placed RETURN [position] LIMIT 3 OFFSET 1", views);
  CHECK(result.rows == Rows{{20}, {40}, {50}});
  CHECK(second->reads.empty());
  CHECK(result.stats.memtable_rows == 0);
  CHECK(answer("QUERY * WHERE position > 240 RETURN [position] LIMIT 1", views).stats.memtable_rows == 1);
  CHECK(answer("QUERY * LIMIT 0", views).rows.empty());
  // An order needs them all.
  CHECK(answer("QUERY * RETURN [position] ORDER BY position DESC LIMIT 1", views).rows == Rows{{400}});
}

TEST_CASE("query run: a deadline ends the scan, between zones and inside of memory") {
  ManualClock clock;
  QueryControl control;
  control.clock = &clock;
  control.deadline = clock.steady_now() + 10s;
  const auto slow = segment(1, 40);
  slow->on_read = [&]() -> Status {
    clock.advance(4s);
    return {};
  };
  const Query plan = *parse_query("QUERY *");
  const std::vector<ShardView> views = {test::make_view({slow})};
  CHECK(query::run(plan, views, control).code() == Errc::deadline_exceeded);
  CHECK(slow->reads.size() == 3);
  CHECK(query::run(plan, std::vector{test::make_view({})}, control).code() == Errc::deadline_exceeded);
}

TEST_CASE("query run: it can be cancelled while it runs") {
  std::atomic<bool> cancel{false};
  QueryControl control;
  control.cancel = &cancel;
  const auto only = segment(1, 40);
  only->on_read = [&]() -> Status {
    cancel = only->reads.size() == 2;
    return {};
  };
  CHECK(query::run(*parse_query("QUERY *"), std::vector{test::make_view({only})}, control).code() == Errc::cancelled);
  CHECK(only->reads.size() == 2);
}

TEST_CASE("query run: a long memtable is no reason to miss a cancel") {
  std::vector<test::StoredEvent> many;
  for (std::uint64_t n = 1; n <= 9'000; ++n)
    many.push_back(event(4 * n));
  /// Says when it was asked for the time the third time: at the start, before the memtable, and then within it.
  class CountingClock final : public io::Clock {
  public:
    [[nodiscard]] Timestamp now() const override { return start; }
    [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const override {
      return std::chrono::steady_clock::time_point(std::chrono::seconds(++asked_));
    }

  private:
    mutable int asked_ = 0;
  };
  const CountingClock clock;
  QueryControl control;
  control.clock = &clock;
  control.deadline = std::chrono::steady_clock::time_point(4s);
  const auto result =
      query::run(*parse_query("QUERY * COUNT"), std::vector{test::make_view({}, {test::make_memtable(many)})}, control);
  CHECK(result.code() == Errc::deadline_exceeded);
}

TEST_CASE("query run: memory for results is bounded over all shards, kept rows only") {
  const std::vector<ShardView> views = {test::make_view({segment(1, 100)}), test::make_view({segment(101, 200)})};
  QueryControl control;
  control.result_bytes_max = 15'000;
  const auto code = [&](std::string_view text) { return query::run(*parse_query(text), views, control).code(); };
  CHECK(code("QUERY * RETURN [position] WHERE position <= 1000") == Errc::ok);
  CHECK(code("QUERY * RETURN [position]") == Errc::too_large);
  CHECK(code("QUERY * RETURN [position] ORDER BY position DESC LIMIT 20") == Errc::ok);
  CHECK(code("QUERY * COUNT BY position") == Errc::too_large);
  CHECK(code("QUERY * COUNT BY context_id") == Errc::ok);
  // Groups are few here, what they keep is not.
  CHECK(code("QUERY * TOTAL payload.n, AVG payload.n, MIN payload.n, LAST payload.n BY context_id") == Errc::ok);
  control.result_bytes_max = 4'000;
  CHECK(code("QUERY * COUNT, MAX payload.n") == Errc::ok);
  CHECK(code("QUERY * COUNT UNIQUE payload.n") == Errc::too_large);
  control.result_bytes_max = 1'000;
  CHECK(code("QUERY * P50 payload.n") == Errc::too_large);
}

TEST_CASE("query run: errors of a segment are the query's, and damage says where") {
  const auto broken = segment(1, 8);
  broken->on_read = []() -> Status { return fail(Errc::corruption, "block checksum differs", "x.seg:16"); };
  const auto result = query::run(*parse_query("QUERY *"), std::vector{test::make_view({broken})}, {});
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().where == "x.seg:16");

  auto damaged = event(1);
  damaged.payload = R"({"n":)";
  const std::vector<ShardView> views = {
      test::make_view({std::make_shared<test::FakeSegment>(std::vector{damaged}, 4)})};
  const auto bad = query::run(*parse_query("QUERY * WHERE payload.n = 1"), views, {});
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().code == Errc::corruption);
  CHECK(bad.error().where == "position 10");
  CHECK(query::run(Query::types({""}), views, {}).code() == Errc::invalid_argument);
}

TEST_CASE("query run: explain tells the plan and what was skipped") {
  const std::vector<ShardView> views = {
      test::make_view({segment(1, 12), segment(13, 24)}, {test::make_memtable(events(25, 30))})};
  const QueryResult result = answer("query * where position > 200 and payload.n != 22 return position", views);
  CHECK(result.rows.size() == 9);
  CHECK(result.explain ==
        std::vector<std::string>{
            "plan: QUERY * WHERE position > 200 AND payload.n != 22 RETURN [position]",
            "shards: 1",
            "segments: 2, 1 pruned, 1 read",
            "zones of those read: 3, 0 pruned, 0 counted from metadata, 3 scanned, payloads read in 3",
            "rows: 12 scanned in segments, 6 in memtables, 9 matched",
        });
}

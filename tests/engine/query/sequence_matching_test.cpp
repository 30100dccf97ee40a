#include "engine/query/execution.hpp"
#include "engine/query/executor.hpp"
#include "engine/query/sequence_matching.hpp"
#include "engine/query/sequence_merge.hpp"
#include "tests/engine/query/fake_shard.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::query;
using namespace std::chrono_literals;
using Rows = std::vector<std::vector<Value>>;

namespace {

Query parsed(std::string_view text) {
  auto plan = parse_query(text);
  REQUIRE_MESSAGE(plan.ok(), std::string(text));
  return *std::move(plan);
}

const std::string pairs = "QUERY placed AS a FOLLOWED BY paid AS b LINKED BY payload.customer ";

/// Events of 700 customers in turn, with a link value of its own now and then.
std::vector<test::StoredEvent> events(std::uint64_t count) {
  std::vector<test::StoredEvent> all;
  for (std::uint64_t n = 0; n < count; ++n) {
    const std::string customer = n % 10 == 0 ? "only " + std::to_string(n) : "customer " + std::to_string(n * n % 700);
    all.push_back(test::stored_event("order-" + std::to_string(n % 50), n / 50 + 1, n + 1,
                                     Timestamp(std::chrono::seconds(n)), n % 3 == 0 ? "placed" : "paid",
                                     R"({"customer":")" + customer + R"(","n":)" + std::to_string(n % 11) + "}"));
  }
  return all;
}

std::vector<ShardView> shard(std::uint64_t count) {
  return {test::make_view({}, {test::make_memtable(events(count))})};
}

std::vector<SequencePart> gathered(const Query& plan, const std::vector<ShardView>& views,
                                   const QueryControl& control) {
  const auto execution = *Execution::make(plan, views, control);
  auto parts = execution->gather();
  REQUIRE(parts.ok());
  std::vector<SequencePart> candidates;
  for (ShardRows& part : *parts)
    candidates.push_back(std::move(part.candidates));
  return candidates;
}

/// From begin() on lets the first thread that asks it wait for a second one: both have a share in the work then.
class MeetingClock final : public io::Clock {
public:
  void begin() const { meeting_ = true; }
  [[nodiscard]] Timestamp now() const override { return {}; }
  [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const override {
    if (!meeting_)
      return {};
    const auto me = std::this_thread::get_id();
    std::thread::id first;
    if (first_.compare_exchange_strong(first, me) || (first != me && !met_.exchange(true)))
      both_.arrive_and_wait();
    return {};
  }

private:
  mutable std::atomic<bool> meeting_{false}, met_{false};
  mutable std::atomic<std::thread::id> first_{};
  mutable std::latch both_{2};
};

} // namespace

TEST_CASE("sequence matching: any number of threads finds the same matches") {
  for (const std::string clauses :
       {"COUNT", "RETURN a.position, b.position", "WHERE b.payload.n > a.payload.n RETURN a.payload.n, b.payload.n",
        "WITHIN 200 SECONDS RETURN b.position ORDER BY b.position DESC LIMIT 20"}) {
    CAPTURE(clauses);
    const Query plan = parsed(pairs + clauses);
    const std::vector<ShardView> views = shard(20'000);
    const auto sequence = *CompiledSequence::make(plan);
    Rows expected;
    for (const std::size_t threads : {1, 2, 5}) {
      std::atomic<std::uint64_t> bytes{0};
      QueryControl control;
      control.result_bytes = &bytes;
      SequenceMatching matching(*sequence, gathered(plan, views, control), control);
      CHECK(matching.events() == 20'000);
      std::vector<std::thread> others;
      for (std::size_t i = 1; i < threads; ++i)
        others.emplace_back([&] { matching.work(); });
      matching.work();
      for (std::thread& other : others)
        other.join();
      CHECK(matching.threads() >= 1);
      CHECK(matching.threads() <= threads);
      auto matches = std::move(matching).rows();
      REQUIRE(matches.ok());
      const auto answer = merge_sequence(*sequence, *std::move(matches), views, control);
      REQUIRE(answer.ok());
      CHECK_FALSE(answer->rows.empty());
      if (threads == 1)
        expected = answer->rows;
      CHECK(answer->rows == expected);
    }
  }
}

TEST_CASE("sequence matching: what is taken of the budget is given back but for rows, however it is matched") {
  std::atomic<std::uint64_t> bytes{0};
  QueryControl control;
  control.result_bytes = &bytes;
  const Query plan = parsed(pairs + "COUNT");
  std::uint64_t left = 0;
  for (const std::uint64_t count : {0, 20'000}) {
    bytes = 0;
    CHECK((*Execution::make(plan, shard(count), control))->run().ok());
    if (count == 0)
      left = bytes; // the one row of a count
  }
  CHECK(bytes == left);
}

TEST_CASE("sequence matching: helpers are called once more where there is enough to match, and whenever they come") {
  const Query plan = parsed(pairs + "RETURN a.position, b.position");
  for (const std::uint64_t count : {1'000, 20'000}) {
    CAPTURE(count);
    const std::vector<ShardView> views = shard(count);
    const auto expected = query::run(plan, views, {});
    REQUIRE(expected.ok());
    for (const bool at_once : {true, false}) {
      const auto execution = *Execution::make(plan, views, {});
      int calls = 0;
      std::vector<std::thread> helpers;
      const auto answer = execution->run([&](std::uint64_t rows) {
        ++calls;
        CHECK(rows == count);
        if (at_once)
          execution->help(); // leaves nothing to do
        else
          helpers.emplace_back([&] { execution->help(); });
      });
      for (std::thread& helper : helpers)
        helper.join();
      CHECK(calls == (count < 10'000 ? 1 : 2)); // once to scan
      REQUIRE(answer.ok());
      CHECK(answer->rows == expected->rows);
      execution->help(); // too late, and no harm
    }
  }
}

TEST_CASE("sequence matching: whether it takes too much memory does not depend on who helps") {
  const Query plan = parsed(pairs + "RETURN a.position, b.position");
  const std::vector<ShardView> views = shard(20'000);
  const auto run = [&](std::uint64_t bytes_max, bool helped) {
    const MeetingClock clock;
    QueryControl control;
    control.result_bytes_max = bytes_max;
    control.clock = &clock;
    control.deadline = std::chrono::steady_clock::time_point::max();
    const auto execution = *Execution::make(plan, views, control);
    std::thread helper;
    int calls = 0;
    const auto answer = execution->run([&](std::uint64_t /*rows*/) {
      if (!helped || ++calls == 1) // alone in the scan
        return;
      clock.begin();
      helper = std::thread([&] { execution->help(); });
    });
    if (helper.joinable())
      helper.join();
    return answer;
  };
  std::uint64_t too_few = 10'000, enough = 16 * MiB;
  while (enough - too_few > 64) {
    const std::uint64_t middle = std::midpoint(enough, too_few);
    (run(middle, false).code() == Errc::too_large ? too_few : enough) = middle;
  }
  const auto alone = run(enough, false);
  REQUIRE(alone.ok());
  const auto helped = run(enough, true);
  REQUIRE_MESSAGE(helped.ok(), to_string(helped.error()));
  CHECK(helped->rows == alone->rows);
  CHECK(run(too_few, true).code() == Errc::too_large);
}

TEST_CASE("sequence matching: the first error ends the work of all") {
  const Query plan = parsed(pairs + "COUNT");
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<bool> cancel{false};
  QueryControl control;
  control.result_bytes = &bytes;
  control.cancel = &cancel;
  const auto sequence = *CompiledSequence::make(plan);
  SequenceMatching matching(*sequence, gathered(plan, shard(20'000), control), control);
  cancel = true;
  matching.work();
  CHECK(matching.threads() == 1);
  matching.work(); // finds nothing to do any more
  CHECK(matching.threads() == 1);
  CHECK(std::move(matching).rows().code() == Errc::cancelled);
}

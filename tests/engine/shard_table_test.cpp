#include "engine/shard_table.hpp"
#include "tests/support/calls.hpp"
#include "tests/support/memory_segment.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

namespace weir {

namespace {

using test::MemorySegment;

void apply(ShardTable& table, std::string_view context, Sequence first, std::uint32_t count, std::uint64_t record = 1) {
  const auto call = std::make_shared<const std::string>(
      test::encoded_call(context, first, count, first, test::at_us(static_cast<std::int64_t>(first))));
  const std::string_view calls[] = {*call};
  table.apply(call, calls, record, call->size());
}

std::shared_ptr<MemorySegment> flushed(ShardTable& table) {
  const auto sorted = MemtableView(table.flush_queue().front()).sorted();
  return std::make_shared<MemorySegment>(*sorted);
}

std::vector<Sequence> sequences(const ShardView& view, std::string_view context) {
  EventBatch batch;
  const auto more = read_context(view, context, {}, {100'000, 1u << 30}, batch);
  REQUIRE(more.ok());
  std::vector<Sequence> result;
  for (const EventView& event : batch)
    result.push_back(event.sequence);
  return result;
}

} // namespace

TEST_CASE("shard table: events move from active to passive to segment, and a view taken before stays as it was") {
  UnsealedBudget budget(1u << 20);
  ShardTable table(3, 1, budget, {});
  CHECK_FALSE(table.freeze()); // nothing in it
  CHECK(table.view().shard == 3);
  apply(table, "a", 1, 2);
  const ShardView active = table.view();
  CHECK(table.freeze());
  CHECK_FALSE(table.freeze());
  apply(table, "a", 3, 1);
  const ShardView passive = table.view();
  CHECK(passive.memtables.size() == 2);
  table.publish_segment(flushed(table));
  const ShardView segment = table.view();
  CHECK(segment.segments->size() == 1);
  CHECK(segment.memtables.size() == 1);
  CHECK(sequences(active, "a") == std::vector<Sequence>{1, 2});
  CHECK(sequences(passive, "a") == std::vector<Sequence>{1, 2, 3});
  CHECK(sequences(segment, "a") == std::vector<Sequence>{1, 2, 3});
  CHECK(table.flush_queue().size() == 0);
}

TEST_CASE("shard table: merged segments take their inputs' place, in order, and views taken before keep the inputs") {
  UnsealedBudget budget(1u << 20);
  ShardTable table(0, 1, budget, {});
  for (Sequence sequence = 1; sequence <= 4; ++sequence) {
    apply(table, "a", sequence, 1);
    table.freeze();
    table.publish_segment(flushed(table));
  }
  apply(table, "a", 5, 1);
  const ShardView before = table.view();
  const SegmentList inputs(before.segments->begin() + 1, before.segments->begin() + 3);
  EventBatch events;
  for (const auto& input : inputs)
    REQUIRE(input->read_context("a", {}, {}, events).ok());
  const auto merged = std::make_shared<MemorySegment>(std::vector<EventView>(events.begin(), events.end()));
  table.replace_segments(inputs, merged);
  const ShardView after = table.view();
  CHECK(*after.segments == SegmentList{before.segments->front(), merged, before.segments->back()});
  CHECK(sequences(after, "a") == std::vector<Sequence>{1, 2, 3, 4, 5});
  CHECK(before.segments->size() == 4);
  CHECK(sequences(before, "a") == std::vector<Sequence>{1, 2, 3, 4, 5});
}

TEST_CASE("shard table: memory knows last sequences for certain, or says that segments must be asked") {
  UnsealedBudget budget(1u << 20);
  ShardTable table(0, 1, budget, {});
  CHECK(table.head_in_memory("new")->last == 0U); // no segments: certainly nothing
  apply(table, "a", 1, 2);
  CHECK(table.head_in_memory("a")->last == 2U);
  table.freeze();
  CHECK(table.head_in_memory("a")->last == 2U);
  apply(table, "a", 3, 1);
  CHECK(table.head_in_memory("a")->last == 3U);
  table.freeze();
  table.publish_segment(flushed(table));
  CHECK(table.head_in_memory("a")->last == 3U);
  table.publish_segment(flushed(table));
  CHECK_FALSE(table.head_in_memory("a").has_value());
  CHECK_FALSE(table.head_in_memory("new").has_value());
  CHECK(table.recorded_at_max() == test::at_us(3));
}

TEST_CASE("shard table: the budget counts what is in memtables, and is given back by flushes and by the table's end") {
  UnsealedBudget budget(1);
  CHECK_FALSE(budget.exhausted());
  {
    ShardTable table(0, 1, budget, {}), other(1, 1, budget, {});
    apply(table, "a", 1, 5);
    CHECK(budget.used() == table.active_bytes());
    CHECK(budget.exhausted());
    const std::uint64_t first = table.active_bytes();
    table.freeze();
    CHECK(table.active_bytes() == 0);
    CHECK(budget.used() == first);
    apply(table, "a", 6, 5);
    apply(other, "b", 1, 1);
    CHECK(budget.used() == first + table.active_bytes() + other.active_bytes());
    table.publish_segment(flushed(table));
    CHECK(budget.used() == table.active_bytes() + other.active_bytes());
    table.freeze();
  }
  CHECK(budget.used() == 0);
}

TEST_CASE("shard table: readers see each event exactly once through 100 freezes and flushes in other threads") {
  UnsealedBudget budget(1u << 30);
  {
    ShardTable table(0, 1, budget, {});
    std::counting_semaphore<> frozen(0);
    std::atomic<bool> done{false};
    std::thread flusher([&] {
      for (int i = 0; i < 100; ++i) {
        frozen.acquire();
        table.publish_segment(flushed(table));
      }
      done.store(true);
    });
    std::vector<std::thread> readers;
    for (int r = 0; r < 2; ++r)
      readers.emplace_back([&] {
        std::size_t before = 0;
        for (bool last = false; !last;) {
          last = done.load();
          const ShardView view = table.view();
          const auto seen = sequences(view, "a"); // a gap or an event twice is corruption
          REQUIRE(seen.size() >= before);
          REQUIRE((seen.empty() || seen.front() == 1));
          before = seen.size();
          std::uint64_t events = 0;
          for (const auto& segment : *view.segments)
            events += segment->meta().event_count;
          for (const MemtableView& memtable : view.memtables)
            events += memtable.rows();
          REQUIRE(events == seen.size());
        }
      });
    Sequence next = 1;
    for (int i = 0; i < 100; ++i) {
      for (int k = 0; k < 3; ++k, next += 2)
        apply(table, "a", next, 2);
      CHECK(table.freeze());
      frozen.release();
    }
    flusher.join();
    for (std::thread& reader : readers)
      reader.join();
    CHECK(sequences(table.view(), "a").size() == 600);
    CHECK(budget.used() == 0); // nothing but segments is left
  }
  CHECK(budget.used() == 0);
}

TEST_CASE("shard table: recovered calls go on where their contexts end, in this memtable or an earlier one") {
  UnsealedBudget budget(1u << 20);
  ShardTable table(3, 1, budget, {});
  std::vector<std::string> kept;
  for (Sequence sequence = 1; sequence <= 400; ++sequence) // more than are checked or looked up at once
    for (const char* context : {"a", "b"})
      kept.push_back(test::encoded_call(context, sequence));
  const auto recover = [&table](const std::vector<std::string>& calls, std::uint64_t first_record) {
    const auto owner = std::make_shared<const std::vector<std::string>>(calls);
    const std::vector<std::string_view> views(owner->begin(), owner->end());
    return table.recover(owner, views, first_record, 1);
  };
  REQUIRE(recover(kept, 1).ok());
  CHECK(table.view().memtables.back().rows() == 800);
  CHECK(table.recovered_events() == 800);
  REQUIRE(table.freeze());
  REQUIRE(
      recover({test::encoded_call("a", 401, 2), test::encoded_call("c", 5), test::encoded_call("a", 403)}, 801).ok());
  CHECK(table.last_sequence_in_memtables("a") == 403);
  CHECK(table.recovered_events() == 804);

  const Status gap =
      recover({test::encoded_call("c", 6), test::encoded_call("b", 402), test::encoded_call("b", 403)}, 804);
  CHECK(gap.code() == Errc::corruption);
  CHECK(gap.error().message == "context b goes on with sequence 402 after 400");
  CHECK(gap.error().where == "shard 3 log record 805");
}

TEST_CASE("shard table: a recovered call that is malformed is corruption, whatever stands around it") {
  UnsealedBudget budget(1u << 20);
  ShardTable table(0, 1, budget, {});
  const std::string good = test::encoded_call("a", 1);
  const std::string cut = test::encoded_call("b", 1).substr(0, good.size() - 1);
  const std::string_view calls[] = {good, cut};
  const Status status = table.recover(nullptr, calls, 7, 1);
  CHECK(status.code() == Errc::corruption);
  CHECK(status.error().where == "shard 0 log record 8");
}

TEST_CASE("shard table: a recovered call is looked at to its end, and what stands before a malformed one counts") {
  const std::string good = test::encoded_call("a", 1);
  const std::string two = test::encoded_call("b", 1, 2);
  std::string nothing_left = test::encoded_call("b", 1);
  nothing_left.erase(nothing_left.size() - 1);
  const std::pair<std::string, std::string> malformed[] = {
      {test::encoded_call("b", 1) + "x", "a stored call is longer than its events"},
      {nothing_left, "a stored call ends inside an event"},
      {two + "x", "a stored call is longer than its events"},
      {two.substr(0, two.size() - 1), "a stored call ends inside an event"},
      {std::string("\0\2", 2) + two, "a stored record of several calls is not as one is written"},
  };
  for (const auto& [bad, why] : malformed) {
    UnsealedBudget budget(1u << 20);
    ShardTable table(0, 1, budget, {});
    const std::string_view calls[] = {good, bad, good};
    const Status status = table.recover(nullptr, calls, 7, 1);
    CHECK(status.code() == Errc::corruption);
    CHECK(status.error().message == why);
    CHECK(status.error().where == "shard 0 log record 8");
    CHECK(table.recovered_events() == 1);
  }
}

TEST_CASE("shard table: recovered records say what they hold, and their bytes count once") {
  UnsealedBudget budget(1u << 20);
  ShardTable table(0, 1, budget, {});
  std::vector<std::string> kept;
  for (Sequence sequence = 1; sequence <= 1'000; ++sequence) // more than are checked at once
    kept.push_back(test::encoded_call("a", sequence, 1, sequence, test::at_us(static_cast<std::int64_t>(sequence))));
  const auto owner = std::make_shared<const std::vector<std::string>>(kept);
  const std::vector<std::string_view> views(owner->begin(), owner->end());
  CHECK(table.recorded_at_max() == Timestamp{});
  REQUIRE(table.recover(owner, views, 1, 400'000).ok());
  CHECK(table.recovered_events() == 1'000);
  CHECK(table.recorded_at_max() == test::at_us(1'000));
  CHECK(table.active_bytes() >= 400'000);
  CHECK(table.active_bytes() < 800'000);
  REQUIRE(table.freeze());
  CHECK(table.flush_queue().front()->first_record() == 1);
  CHECK(table.flush_queue().front()->last_record() == 1'000);
}

} // namespace weir

#include "engine/replay_cursor.hpp"
#include "tests/support/calls.hpp"
#include "tests/support/memory_segment.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace weir {

namespace {

using Sequences = std::vector<Sequence>;

/// A shard with one context "a", split over segments and a growing memtable.
struct Source {
  std::shared_ptr<SegmentList> segments = std::make_shared<SegmentList>();
  std::shared_ptr<Memtable> memtable = std::make_shared<Memtable>(1);
  std::shared_ptr<PinnedBudget> budget = std::make_shared<PinnedBudget>(1 * MiB);
  Sequence last = 0;
  int views_taken = 0;

  void store(std::uint32_t count) {
    test::apply_calls(*memtable, {test::encoded_call("a", last + 1, count, last + 1)});
    memtable->publish();
    last += count;
  }
  void flush() {
    const auto sorted = MemtableView(memtable).sorted();
    segments = std::make_shared<SegmentList>(*segments);
    segments->push_back(std::make_shared<test::MemorySegment>(*sorted));
    memtable = std::make_shared<Memtable>(1);
  }
  ReplayCursor cursor(ReplayOptions options, std::string context = "a") {
    REQUIRE(options.validate().ok());
    return ReplayCursor(
        [this]() -> Result<ShardView> {
          ++views_taken;
          return ShardView{0, segments, {MemtableView(memtable)}};
        },
        budget, std::move(context), std::move(options));
  }
};

Sequences sequences(const EventBatch& batch) {
  Sequences result;
  for (const EventView& event : batch)
    result.push_back(event.sequence);
  return result;
}

Sequences next(ReplayCursor& cursor) {
  const auto batch = cursor.next();
  REQUIRE(batch.ok());
  return sequences(*batch);
}

Sequences all(ReplayCursor cursor) {
  Sequences result;
  for (Sequences batch = next(cursor); !batch.empty(); batch = next(cursor))
    result.insert(result.end(), batch.begin(), batch.end());
  return result;
}

} // namespace

TEST_CASE("replay cursor: gives batches of the size asked for, then nothing, however often it is asked") {
  Source source;
  source.store(3);
  source.flush();
  source.store(4);
  ReplayCursor cursor = source.cursor({.batch_events_max = 3});
  CHECK(next(cursor) == Sequences{1, 2, 3});
  CHECK(next(cursor) == Sequences{4, 5, 6});
  CHECK(next(cursor) == Sequences{7});
  CHECK(next(cursor).empty());
  const int views = source.views_taken;
  CHECK(next(cursor).empty());
  CHECK(source.views_taken == views); // the end is the end
  CHECK(source.budget->used() == 0);
}

TEST_CASE("replay cursor: an unknown context is an empty replay") {
  Source source;
  source.store(2);
  ReplayCursor cursor = source.cursor({}, "unknown");
  CHECK(next(cursor).empty());
}

TEST_CASE("replay cursor: a batch holds one event at least, however small its bound in bytes") {
  Source source;
  source.store(3);
  ReplayCursor cursor = source.cursor({.batch_bytes_max = 1});
  CHECK(next(cursor) == Sequences{1});
  CHECK(next(cursor) == Sequences{2});
  CHECK(next(cursor) == Sequences{3});
  CHECK(next(cursor).empty());
}

TEST_CASE("replay cursor: ranges, limits, types and directions give what a plain filter gives") {
  const std::uint64_t seed = 31;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Source source;
  for (int i = 0; i < 6; ++i) {
    source.store(static_cast<std::uint32_t>(random() % 8 + 1));
    if (i < 4)
      source.flush();
  }
  for (int round = 0; round < 500; ++round) {
    ReplayOptions options;
    options.from = random() % (source.last + 2); // 0 counts as 1
    options.to = random() % 3 == 0 ? sequence_max : random() % (source.last + 2);
    options.backward = random() % 2 == 0;
    options.limit = random() % 10;
    for (std::uint64_t type = 0; type < 3; ++type)
      if (random() % 3 == 0)
        options.types.push_back("type-" + std::to_string(type));
    options.batch_events_max = random() % 5 + 1;
    Sequences expected;
    for (Sequence i = 1; i <= source.last; ++i) {
      const std::string type = "type-" + std::to_string(i % 3);
      if (i >= options.from && i <= options.to &&
          (options.types.empty() || std::find(options.types.begin(), options.types.end(), type) != options.types.end()))
        expected.push_back(i);
    }
    if (options.backward)
      std::reverse(expected.begin(), expected.end());
    if (options.limit != 0 && expected.size() > options.limit)
      expected.resize(options.limit);
    REQUIRE(all(source.cursor(options)) == expected);
  }
}

TEST_CASE("replay cursor: sees what is stored and flushed while it reads, each event once") {
  Source source;
  source.store(3);
  ReplayCursor cursor = source.cursor({.batch_events_max = 2});
  CHECK(next(cursor) == Sequences{1, 2});
  source.store(2);
  source.flush();
  source.store(2);
  CHECK(next(cursor) == Sequences{3, 4});
  source.flush();
  CHECK(next(cursor) == Sequences{5, 6});
  CHECK(next(cursor) == Sequences{7});
  CHECK(next(cursor).empty());
  source.store(1);
  CHECK(next(cursor).empty()); // ended: what comes later is another replay
}

TEST_CASE("replay cursor: going back it keeps to what was there when it began") {
  Source source;
  source.store(4);
  ReplayCursor cursor = source.cursor({.backward = true, .batch_events_max = 2});
  CHECK(next(cursor) == Sequences{4, 3});
  source.flush();
  source.store(3);
  CHECK(next(cursor) == Sequences{2, 1});
  CHECK(next(cursor).empty());
}

TEST_CASE("replay cursor: a hole right at the border of two batches is corruption too, in both directions") {
  for (const bool backward : {false, true}) {
    CAPTURE(backward);
    Source source;
    for (int i = 0; i < 3; ++i) {
      source.store(3);
      source.flush();
    }
    source.segments->erase(source.segments->begin() + 1); // 4, 5, 6
    ReplayCursor cursor = source.cursor({.backward = backward, .batch_events_max = 3});
    CHECK(next(cursor).size() == 3);
    CHECK(cursor.next().code() == Errc::corruption);
  }
  Source source;
  source.store(3);
  source.flush();
  source.store(3);
  source.segments = std::make_shared<SegmentList>();
  ReplayCursor cursor = source.cursor({.backward = true, .batch_events_max = 3});
  CHECK(cursor.next().code() == Errc::corruption); // 3 is due, and nothing is there
}

TEST_CASE("replay cursor: an error ends nothing: the same batch can be asked for again") {
  Source source;
  source.store(2);
  source.flush();
  const auto segment =
      std::make_shared<test::MemorySegment>(dynamic_cast<const test::MemorySegment&>(*source.segments->front()));
  source.segments->front() = segment;
  ReplayCursor cursor = source.cursor({});
  segment->fail_with = fail(Errc::io_error, "unreadable");
  CHECK(cursor.next().code() == Errc::io_error);
  segment->fail_with.reset();
  CHECK(next(cursor) == Sequences{1, 2});
}

TEST_CASE("replay cursor: live batches count against the budget; beyond it next says overloaded, until some are gone") {
  Source source;
  source.store(6);
  source.budget = std::make_shared<PinnedBudget>(1);
  ReplayCursor cursor = source.cursor({.batch_events_max = 2}), other = source.cursor({.batch_events_max = 2});
  auto held = cursor.next();
  REQUIRE(held.ok());
  CHECK(source.budget->used() >= held->bytes());
  CHECK(cursor.next().code() == Errc::overloaded);
  CHECK(other.next().code() == Errc::overloaded); // it is the engine's budget, not the reader's
  EventBatch copy = *held;
  held->clear();
  CHECK(cursor.next().code() == Errc::overloaded); // the copy holds the same bytes
  CHECK(sequences(copy) == Sequences{1, 2});
  copy.clear();
  CHECK(source.budget->used() == 0);
  CHECK(next(cursor) == Sequences{3, 4}); // nothing was skipped
  CHECK(next(cursor) == Sequences{5, 6});
  CHECK(next(cursor).empty());
}

TEST_CASE("replay cursor: a batch outlives cursor, memtable and budget") {
  EventBatch batch;
  {
    Source source;
    source.store(1);
    source.flush();
    source.store(1);
    batch = *source.cursor({}).next();
  }
  REQUIRE(batch.size() == 2);
  CHECK(batch[0].payload == "{\"n\":1}");
  CHECK(batch[1].payload == "{\"n\":2}");
}

} // namespace weir

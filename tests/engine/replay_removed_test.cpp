#include "engine/replay_cursor.hpp"
#include "engine/replay_pump.hpp"
#include "tests/support/calls.hpp"
#include "tests/support/memory_segment.hpp"
#include "tests/support/why.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace weir {

namespace {

/// A shard with one context "a", beside what is true of it.
struct Shard {
  std::shared_ptr<SegmentList> segments = std::make_shared<SegmentList>();
  std::shared_ptr<Memtable> memtable = std::make_shared<Memtable>(1);
  std::shared_ptr<PinnedBudget> budget = std::make_shared<PinnedBudget>(1 * MiB);
  Sequence last = 0;
  Sequence first_live = 1;

  void store(std::uint32_t count) {
    test::apply_calls(*memtable, {test::encoded_call("a", last + 1, count, last + 1)});
    memtable->publish();
    last += count;
  }
  void truncate(Sequence before) {
    test::apply_calls(*memtable, {test::encoded_removal("a", last + 1, before)});
    memtable->publish();
    first_live = std::max(first_live, before);
  }
  void flush() {
    const auto sorted = MemtableView(memtable).sorted();
    segments = std::make_shared<SegmentList>(*segments);
    segments->push_back(std::make_shared<test::MemorySegment>(*sorted));
    memtable = std::make_shared<Memtable>(1);
  }
  ReplayCursor cursor(const ReplayOptions& options) {
    return ReplayCursor(
        [this]() -> Result<ShardView> {
          return ShardView{0, segments, {MemtableView(memtable)}};
        },
        budget, "a", options);
  }
};

EventBatch next(ReplayCursor& cursor) {
  auto batch = cursor.next();
  REQUIRE_MESSAGE(batch.ok(), test::why(batch));
  return *std::move(batch);
}

} // namespace

TEST_CASE("replay: what is removed is passed over and named, once, by the batch behind it") {
  Shard shard;
  shard.store(3);
  shard.flush();
  shard.truncate(3);
  shard.store(3);
  ReplayCursor forward = shard.cursor({.batch_events_max = 2});
  EventBatch batch = next(forward);
  CHECK(batch[0].sequence == 3);
  CHECK(batch.removed() == SequenceGap{1, 2});
  shard.flush(); // the mark is found there as well
  batch = next(forward);
  REQUIRE(batch.size() == 2);
  CHECK(batch[0].sequence == 5);
  CHECK_FALSE(batch.removed().has_value());
  batch = next(forward);
  CHECK(batch.empty());
  CHECK_FALSE(batch.removed().has_value());

  ReplayCursor backward = shard.cursor({.backward = true});
  batch = next(backward);
  CHECK(batch.size() == 4);
  CHECK_FALSE(batch.removed().has_value());
  batch = next(backward);
  CHECK(batch.empty());
  CHECK(batch.removed() == SequenceGap{1, 2});
  CHECK_FALSE(next(backward).removed().has_value());

  ReplayCursor limited = shard.cursor({.backward = true, .limit = 4});
  CHECK(next(limited).size() == 4);
  CHECK_FALSE(next(limited).removed().has_value()); // it ends before
}

TEST_CASE("replay: a lost event behind what is removed is corruption still") {
  Shard shard;
  shard.store(2);
  shard.flush();
  shard.truncate(2);
  shard.flush();
  shard.store(2);
  shard.segments->erase(shard.segments->begin()); // with event 2
  ReplayCursor forward = shard.cursor({});
  CHECK(forward.next().code() == Errc::corruption);
  ReplayCursor backward = shard.cursor({.backward = true});
  CHECK(backward.next().code() == Errc::corruption);
}

TEST_CASE("replay: at random, every sequence is given or named, with removals between the batches") {
  std::mt19937_64 random(5);
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    Shard shard;
    const auto change = [&] {
      const auto what = random() % 4;
      if (what == 0 && shard.last != 0)
        shard.truncate(1 + random() % (shard.last + 1));
      else if (what == 1)
        shard.flush();
      else if (what == 2)
        shard.store(static_cast<std::uint32_t>(1 + random() % 4));
    };
    shard.store(static_cast<std::uint32_t>(1 + random() % 10));
    for (int i = 0; i < 4; ++i)
      change();
    ReplayOptions options;
    options.backward = random() % 2 == 0;
    options.from = 1 + random() % 6;
    options.to = random() % 2 == 0 ? sequence_max : options.from + random() % 10;
    options.batch_events_max = 1 + random() % 4;
    ReplayCursor cursor = shard.cursor(options);
    std::vector<int> seen(100, 0);
    Sequence highest = 0;
    for (bool ended = false; !ended;) {
      const EventBatch batch = next(cursor);
      ended = batch.empty();
      if (const auto& gap = batch.removed()) {
        REQUIRE(gap->first <= gap->last);
        REQUIRE(gap->last < shard.first_live);
        for (Sequence sequence = gap->first; sequence <= gap->last; ++sequence) {
          ++seen[sequence];
          highest = std::max(highest, sequence);
        }
      }
      for (const EventView& event : batch) {
        ++seen[event.sequence];
        highest = std::max(highest, event.sequence);
      }
      if (random() % 2 == 0)
        change();
    }
    for (Sequence sequence = 1; sequence < seen.size(); ++sequence) {
      CAPTURE(sequence);
      REQUIRE(seen[sequence] == (sequence >= options.from && sequence <= std::min(options.to, highest) ? 1 : 0));
    }
  }
}

} // namespace weir

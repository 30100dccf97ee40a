#include "engine/shard_view.hpp"
#include "tests/support/calls.hpp"
#include "tests/support/memory_segment.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace weir {

namespace {

using test::MemorySegment;

std::shared_ptr<Memtable> memtable_of(std::string_view context, Sequence from, Sequence to) {
  const auto memtable = std::make_shared<Memtable>(1);
  test::apply_calls(*memtable, {test::encoded_call(context, from, static_cast<std::uint32_t>(to - from + 1), from)});
  memtable->publish();
  return memtable;
}

std::shared_ptr<MemorySegment> segment_of(std::string_view context, Sequence from, Sequence to) {
  const auto sorted = MemtableView(memtable_of(context, from, to)).sorted();
  return std::make_shared<MemorySegment>(*sorted);
}

struct Slice {
  Sequence from, to;
};

// Context "a", spread over sources, with another context in between.
ShardView view_of(const std::vector<Slice>& segments, const std::vector<Slice>& memtables) {
  ShardView view;
  auto list = std::make_shared<SegmentList>();
  for (const Slice& slice : segments) {
    list->push_back(segment_of("a", slice.from, slice.to));
    list->push_back(segment_of("b", slice.from, slice.to));
  }
  view.segments = list;
  for (const Slice& slice : memtables) {
    view.memtables.emplace_back(memtable_of("a", slice.from, slice.to));
    view.memtables.emplace_back(memtable_of("other", 1, 1));
  }
  return view;
}

struct Read {
  std::vector<Sequence> sequences;
  bool more = false;
  Errc code = Errc::ok;
};

Read read(const ShardView& view, const SequenceRange& range, const ReadBounds& bounds = {}) {
  EventBatch batch;
  const auto more = read_context(view, "a", range, bounds, batch);
  Read result;
  result.code = more.code();
  result.more = more.ok() && *more;
  for (const EventView& event : batch)
    result.sequences.push_back(event.sequence);
  return result;
}

} // namespace

TEST_CASE("shard view: segments and memtables read as one context, forward and backward") {
  const ShardView view = view_of({{1, 3}, {4, 4}}, {{5, 6}, {7, 9}});
  CHECK(read(view, {}).sequences == std::vector<Sequence>{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(read(view, {1, sequence_max, true}).sequences == std::vector<Sequence>{9, 8, 7, 6, 5, 4, 3, 2, 1});
  CHECK(read(view, {3, 5, false}).sequences == std::vector<Sequence>{3, 4, 5});
  CHECK(read(view, {3, 7, true}).sequences == std::vector<Sequence>{7, 6, 5, 4, 3});
  CHECK(read(view, {9, 9, true}).sequences == std::vector<Sequence>{9});
  CHECK(read(view, {10, 12, false}).sequences.empty());
  CHECK(read(view, {10, sequence_max, true}).sequences.empty());
  CHECK(read(view, {5, 4, false}).sequences.empty());
  CHECK(read(view_of({}, {}), {}).sequences.empty());
}

TEST_CASE("shard view: reading in steps of any size gives what one read gives, for any split over sources") {
  const std::uint64_t seed = 5;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<Slice> segments, memtables;
    Sequence at = 1;
    for (auto count = random() % 4; count != 0; --count, at = segments.back().to + 1)
      segments.push_back({at, at + random() % 6});
    for (auto count = random() % 3; count != 0; --count, at = memtables.back().to + 1)
      memtables.push_back({at, at + random() % 6});
    const ShardView view = view_of(segments, memtables);
    const Sequence last = at - 1;
    CHECK(*last_sequence(view, "a") == last);
    const SequenceRange range{random() % (last + 2) + 1, random() % (last + 2) + 1, random() % 2 == 0};
    std::vector<Sequence> expected, got;
    for (Sequence i = range.from; i <= std::min(range.to, last); ++i)
      expected.insert(range.backward ? expected.begin() : expected.end(), i);
    SequenceRange rest = range;
    const ReadBounds bounds{random() % 5 + 1, 1u << 20};
    for (bool more = true; more;) {
      const Read step = read(view, rest, bounds);
      REQUIRE(step.code == Errc::ok);
      REQUIRE(step.sequences.size() <= bounds.events_max);
      REQUIRE((step.sequences.size() == bounds.events_max || !step.more));
      more = step.more;
      for (const Sequence sequence : step.sequences) {
        got.push_back(sequence);
        (range.backward ? rest.to : rest.from) = range.backward ? sequence - 1 : sequence + 1;
      }
      REQUIRE((!more || !step.sequences.empty()));
    }
    REQUIRE(got == expected);
  }
}

TEST_CASE("shard view: the last sequence comes from the newest source that knows the context") {
  CHECK(*last_sequence(view_of({{1, 3}, {4, 8}}, {{9, 10}}), "a") == 10);
  CHECK(*last_sequence(view_of({{1, 3}, {4, 8}}, {}), "a") == 8);
  CHECK(*last_sequence(view_of({{1, 3}}, {}), "unknown") == 0);
}

TEST_CASE("shard view: a sequence missing between, before or inside sources is corruption, never a shorter context") {
  const SequenceRange forward{}, backward{1, sequence_max, true};
  for (const ShardView& view : {
           view_of({{1, 3}, {5, 6}}, {}), // between segments
           view_of({{1, 3}}, {{5, 6}}),   // between segment and memtable
           view_of({}, {{1, 3}, {5, 6}}), // between memtables
           view_of({{2, 4}}, {{5, 6}}),   // the oldest is gone
       }) {
    CHECK(read(view, forward).code == Errc::corruption);
    CHECK(read(view, backward).code == Errc::corruption);
  }
  CHECK(read(view_of({{2, 4}}, {}), {1, 4, false}).code == Errc::corruption);
  CHECK(read(view_of({{2, 4}}, {}), {2, 4, true}).code == Errc::ok); // what was asked for is all there
}

TEST_CASE("shard view: an error of a segment is passed on, unless no segment needs asking") {
  ShardView view = view_of({{1, 3}}, {{4, 5}});
  const auto broken = segment_of("a", 1, 3);
  broken->fail_with = fail(Errc::io_error, "unreadable", "1.seg");
  view.segments = std::make_shared<SegmentList>(SegmentList{broken});
  CHECK(read(view, {}).code == Errc::io_error);
  CHECK(last_sequence(view, "cold").code() == Errc::io_error);
  CHECK(*last_sequence(view, "a") == 5);
  CHECK(read(view, {4, 5, true}).code == Errc::ok);
}

} // namespace weir

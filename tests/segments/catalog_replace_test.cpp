// Merged segments take the place of their inputs in the catalog.
#include "tests/segments/catalog_fixture.hpp"
#include "tests/support/temp_directory.hpp"

using namespace weir;
using namespace weir::test;

TEST_CASE("catalog: replacing takes the inputs out and puts the merged segment in, all at once") {
  TempDirectory directory;
  const std::string path = directory.path("catalog.db");
  auto catalog = must(Catalog::create(path, 2, seed));
  REQUIRE(catalog->reserve_positions(1'000).ok());
  const std::vector<SegmentMeta> flushed = {segment(0, 1, 1), segment(0, 2, 20), segment(0, 4, 40), segment(0, 5, 60)};
  for (const SegmentMeta& each : flushed)
    REQUIRE(catalog->publish_segment(each, each.number, 1).ok());
  const std::vector<SegmentMeta> inputs(flushed.begin() + 1, flushed.begin() + 3);
  const SegmentMeta into = merged(inputs, 3); // its number was taken before the later flushes took theirs
  REQUIRE(catalog->replace_segments(inputs, into).ok());
  const CatalogState state = must_load(*catalog);
  CHECK(state.segments == std::vector<SegmentMeta>{flushed[0], into, flushed[3]});
  CHECK(state.shards[0].next_segment == 6);
  CHECK(state.shards[0].wal_cut_record == 5);
  catalog.reset(); // as after a crash
  auto again = must(Catalog::open(path));
  CHECK(same(must_load(*again), state));
  const std::vector<SegmentMeta> rest = state.segments;
  REQUIRE(again->replace_segments(rest, merged(rest, 9)).ok());
  CHECK(must_load(*again).segments == std::vector<SegmentMeta>{merged(rest, 9)});
  CHECK(must_load(*again).shards[0].next_segment == 10);
  REQUIRE(again->publish_segment(segment(0, 10, 80), 7, 1).ok());
}

TEST_CASE("catalog: a replacement that would lose or invent anything is refused, and changes nothing") {
  auto catalog = must(Catalog::create_in_memory(2, seed));
  REQUIRE(catalog->reserve_positions(1'000).ok());
  const std::vector<SegmentMeta> live = {segment(0, 1, 1), segment(0, 2, 20), segment(0, 3, 40)};
  for (const SegmentMeta& each : live)
    REQUIRE(catalog->publish_segment(each, 1, 1).ok());
  REQUIRE(catalog->publish_segment(segment(1, 1, 60), 1, 1).ok());
  const CatalogState before = must_load(*catalog);
  const std::vector<SegmentMeta> inputs = {live[0], live[1]};
  const auto refused = [&](auto break_it) {
    SegmentMeta into = merged(inputs, 4);
    std::vector<SegmentMeta> from = inputs;
    break_it(from, into);
    return catalog->replace_segments(from, into).code() == Errc::invalid_argument;
  };
  using Metas = std::vector<SegmentMeta>;
  CHECK(refused([](Metas& from, SegmentMeta&) { from.clear(); }));
  CHECK(refused([&](Metas& from, SegmentMeta& into) { into = merged(from = {live[0], live[2]}, 4); })); // no neighbours
  CHECK(refused([&](Metas& from, SegmentMeta& into) { into = merged(from = {live[1], live[0]}, 4); }));
  CHECK(refused([&](Metas& from, SegmentMeta& into) { into = merged(from = {live[2], segment(1, 1, 60)}, 4); }));
  CHECK(refused([](Metas& from, SegmentMeta&) { ++from[0].file_bytes; })); // not the segment that is recorded
  CHECK(refused([](Metas&, SegmentMeta& into) { into.number = 3; }));
  CHECK(refused([](Metas&, SegmentMeta& into) { into.number = 1; })); // not even an input's
  CHECK(refused([](Metas&, SegmentMeta& into) { into.shard = 1; }));
  CHECK(refused([](Metas&, SegmentMeta& into) { --into.event_count; }));
  CHECK(refused([](Metas&, SegmentMeta& into) { ++into.payload_bytes; }));
  CHECK(refused([](Metas&, SegmentMeta& into) { into.context_count = 2; }));
  CHECK(refused([](Metas&, SegmentMeta& into) { into.context_count = 7; }));
  CHECK(refused([](Metas&, SegmentMeta& into) { ++into.position_min; }));
  CHECK(refused([](Metas&, SegmentMeta& into) { ++into.position_max; }));
  CHECK(refused([](Metas&, SegmentMeta& into) { into.timestamp_min += std::chrono::microseconds{1}; }));
  CHECK(refused([](Metas&, SegmentMeta& into) { into.recorded_at_max += std::chrono::microseconds{1}; }));
  CHECK(refused([](Metas&, SegmentMeta& into) { into.footer_offset = into.file_bytes; }));
  CHECK(same(must_load(*catalog), before));
  CHECK(!refused([](Metas&, SegmentMeta&) {}));
}

#include "tests/segments/segment_fixture.hpp"

#include "segments/filter.hpp"
#include "segments/segment_reader.hpp"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

bool may_hold(const BuiltFilter& filter, std::uint64_t hash) {
  const std::size_t at = std::size_t{filter.shape.line_of(hash)} * filter_line_bytes;
  return line_may_hold(std::string_view(filter.lines).substr(at, filter_line_bytes), hash, filter.shape.probes);
}

} // namespace

TEST_CASE("filter: no key is missed, and fewer than 3 % of other keys pass") {
  for (const std::size_t keys : {1u, 60u, 5'000u, 50'000u}) {
    std::vector<std::uint64_t> hashes;
    for (std::size_t i = 0; i < keys; ++i)
      hashes.push_back(context_filter_hash("order-" + std::to_string(i), 17));
    const BuiltFilter filter = build_filter(hashes, 10);
    for (const std::uint64_t hash : hashes)
      REQUIRE(may_hold(filter, hash));
    std::size_t wrong = 0;
    for (int i = 0; i < 20'000; ++i)
      wrong += may_hold(filter, context_filter_hash("invoice-" + std::to_string(i), 17)) ? 1u : 0u;
    CHECK(wrong < 600);
  }
}

TEST_CASE("filter: without keys there are no lines") {
  CHECK(build_filter({}, 10).shape.lines == 0);
}

TEST_CASE("filter: the event ids of a segment pass with their own context, most others do not") {
  std::mt19937_64 random(1);
  SegmentDirectory directory;
  const Rows rows = random_rows(random, {.contexts = 200});
  const auto reader = directory.open(directory.write(rows));
  const auto& file = dynamic_cast<const SegmentFileReader&>(*reader);
  std::size_t ids = 0, wrong = 0;
  for (const Row& row : rows) {
    if (row.event_id.empty())
      continue;
    ++ids;
    REQUIRE(*file.may_hold_event_id(row.context_id, row.event_id));
    wrong += *file.may_hold_event_id(row.context_id + "x", row.event_id) ? 1u : 0u;
  }
  REQUIRE(ids > 500);
  CHECK(wrong * 100 < ids * 3);
}

TEST_CASE("filter: a missing context is mostly answered without the index") {
  std::mt19937_64 random(2);
  SegmentDirectory directory({.directory_seed = 1, .zone_rows = 64, .filter_bits_per_key = 10}, 0);
  const auto reader = directory.open(directory.write(random_rows(random, {.contexts = 300})));
  REQUIRE(reader->types().ok());
  const std::uint64_t before = directory.fs->counters().of(io::Operation::read);
  for (int i = 0; i < 1'000; ++i)
    CHECK_FALSE(reader->find_context("order-x" + std::to_string(i))->has_value());
  // Without a cache each question reads one block of the filter, and a false positive one of the index.
  CHECK(directory.fs->counters().of(io::Operation::read) - before <= 1'030);
}

// Walking through a whole segment: every row, and little of the file in memory.
#include "tests/segments/segment_fixture.hpp"

#include "engine/hash.hpp"
#include "segments/format.hpp"
#include "segments/segment_walk.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <random>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

constexpr char incompressible[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=$%&!?#*";

/// Rows of a few contexts; `has_texts` says which of them have an event id and metadata.
Rows rows_with_texts(std::mt19937_64& random, std::size_t count, std::size_t payload_bytes,
                     const std::function<bool(std::size_t)>& has_texts) {
  Rows rows(count);
  for (std::size_t i = 0; i < count; ++i) {
    Row& row = rows[i];
    row.context_id = "context-" + std::to_string(1 + 7 * i / count);
    row.sequence = i != 0 && rows[i - 1].context_id == row.context_id ? rows[i - 1].sequence + 1 : 1;
    row.position = 1 + i;
    row.event_type = "type";
    row.payload = random_text(random, payload_bytes, incompressible);
    if (has_texts(i)) {
      row.event_id = "id-" + std::to_string(i);
      row.metadata = "{\"row\":" + std::to_string(i) + "}";
    }
  }
  return rows;
}

/// All rows; `taken` is told after each of them.
Rows walk_through(SegmentDirectory& directory, const SegmentMeta& meta, const std::function<void(const Row&)>& taken) {
  const std::string path = segment_path(meta.shard, meta.number);
  auto file = directory.fs->open(path, io::OpenMode::read_only);
  REQUIRE(file.ok());
  auto walk = SegmentWalk::open(
      *std::move(file), path,
      file_identity(directory.options.directory_seed, segment_file_kind, meta.shard, meta.number), meta);
  REQUIRE(walk.ok());
  Rows rows;
  for (auto moved = (*walk)->next_context(); *moved; moved = (*walk)->next_context())
    while ((*walk)->rows_left() != 0) {
      EventView event;
      const Status read = (*walk)->next_row(event);
      REQUIRE_MESSAGE(read.ok(), to_string(read.error()));
      taken(rows.emplace_back(Row::of(event)));
    }
  return rows;
}

} // namespace

TEST_CASE("segment walk: texts that few rows have, wherever those are, belong to their rows") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const std::uint32_t zone_rows : {64u, 4'096u})
    for (const std::size_t every : {2u, 30u, 400u, 3'000u}) {
      CAPTURE(zone_rows);
      CAPTURE(every);
      SegmentDirectory directory({.directory_seed = 7, .zone_rows = zone_rows});
      const Rows rows = rows_with_texts(random, 2'000 + random() % 1'000, random() % 400,
                                        [&](std::size_t) { return random() % every == 0; });
      CHECK(walk_through(directory, directory.write(rows), [](const Row&) {}) == rows);
    }
}

TEST_CASE("segment walk: a text far ahead does not bring the payloads before it into memory") {
  std::mt19937_64 random(3);
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 4'096});
  const std::size_t count = 4'000;
  // The first texts fill a block that ends early; the next ones come with the last row but one.
  const Rows rows = rows_with_texts(random, count, 1'000, [](std::size_t row) { return row < 10 || row + 2 == count; });
  const SegmentMeta meta = directory.write(rows);
  const std::uint64_t before = directory.fs->counters().read_bytes;
  std::uint64_t taken_bytes = 0, ahead_bytes_max = 0;
  const Rows walked = walk_through(directory, meta, [&](const Row& row) {
    taken_bytes += row.payload.size();
    const std::uint64_t read_bytes = directory.fs->counters().read_bytes - before;
    ahead_bytes_max = std::max(ahead_bytes_max, read_bytes - std::min(read_bytes, taken_bytes));
  });
  CHECK(walked == rows);
  CHECK(meta.file_bytes > 3 * MiB);
  CHECK(ahead_bytes_max < 1 * MiB);
}

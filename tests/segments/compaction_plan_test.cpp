#include "segments/compaction_plan.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace weir;
using namespace weir::segments;

namespace {

using Segments = std::vector<SegmentMeta>;

SegmentMeta of_bytes(std::uint64_t bytes) {
  SegmentMeta meta;
  meta.event_count = 1;
  meta.payload_bytes = bytes - 64;
  return meta;
}

Segments of_mib(std::initializer_list<std::uint64_t> sizes) {
  Segments segments;
  for (const std::uint64_t size : sizes)
    segments.push_back(of_bytes(size * MiB));
  return segments;
}

std::uint64_t total(const Segments& segments) {
  std::uint64_t bytes = 0;
  for (const SegmentMeta& segment : segments)
    bytes += uncompressed_bytes(segment);
  return bytes;
}

/// Merges as planned until nothing is left to do; returns the bytes rewritten.
std::uint64_t settle(Segments& segments, const CompactionPolicy& policy) {
  std::uint64_t rewritten = 0;
  while (const auto run = plan_compaction(segments, policy)) {
    REQUIRE(run->count >= policy.fan_in);
    REQUIRE(run->count <= CompactionPolicy::inputs_max);
    REQUIRE(run->first + run->count <= segments.size());
    const auto first = segments.begin() + static_cast<std::ptrdiff_t>(run->first);
    SegmentMeta merged;
    std::uint64_t largest = 0;
    for (auto input = first; input != first + static_cast<std::ptrdiff_t>(run->count); ++input) {
      merged.event_count += input->event_count;
      merged.payload_bytes += input->payload_bytes;
      largest = std::max(largest, uncompressed_bytes(*input));
    }
    REQUIRE(uncompressed_bytes(merged) == run->bytes);
    REQUIRE(run->bytes <= policy.segment_bytes_max);
    REQUIRE(4 * run->bytes >= 3 * policy.fan_in * largest); // every byte climbs
    rewritten += run->bytes;
    *first = merged;
    segments.erase(first + 1, first + static_cast<std::ptrdiff_t>(run->count));
  }
  return rewritten;
}

} // namespace

TEST_CASE("compaction plan: four neighbours of like size, not three, and never a large one for a few small ones") {
  const CompactionPolicy busy{.segment_bytes_max = 64 * MiB, .fan_in = 4};
  CHECK_FALSE(plan_compaction({}, busy));
  CHECK_FALSE(plan_compaction(of_mib({8, 8, 8}), busy));
  const auto four = plan_compaction(of_mib({8, 7, 8, 9}), busy);
  REQUIRE(four);
  CHECK(four->first == 0);
  CHECK(four->count == 4);
  CHECK_FALSE(plan_compaction(of_mib({32, 2, 2, 2}), busy));
  const auto behind = plan_compaction(of_mib({32, 2, 2, 2, 2}), busy);
  REQUIRE(behind);
  CHECK(behind->first == 1);
  CHECK(behind->count == 4);
}

TEST_CASE("compaction plan: what would grow beyond the largest size stays as it is") {
  CHECK_FALSE(plan_compaction(of_mib({20, 20, 20, 20}), {.segment_bytes_max = 64 * MiB, .fan_in = 4}));
  CHECK(plan_compaction(of_mib({16, 16, 16, 16}), {.segment_bytes_max = 64 * MiB, .fan_in = 4})->count == 4);
  CHECK_FALSE(plan_compaction(of_mib({1, 1, 1, 1, 1, 1}), {.segment_bytes_max = 0, .fan_in = 4}));
}

TEST_CASE("compaction plan: metadata and ids count, too, as far as the files tell of them") {
  Segments segments = of_mib({1, 1, 1, 1});
  const CompactionPolicy busy{.segment_bytes_max = 64 * MiB, .fan_in = 4};
  CHECK(plan_compaction(segments, busy)->bytes == 4 * MiB);
  for (SegmentMeta& segment : segments)
    segment.file_bytes = 16 * MiB;
  CHECK(plan_compaction(segments, busy)->bytes == 64 * MiB);
  segments[2].file_bytes += 1;
  CHECK_FALSE(plan_compaction(segments, busy));
}

TEST_CASE("compaction plan: a merge has so many events at most, however small they are") {
  Segments segments = of_mib({1, 1, 1, 1});
  for (SegmentMeta& segment : segments) {
    segment.event_count = CompactionPolicy::events_max / 4;
    segment.payload_bytes = 0;
  }
  const CompactionPolicy busy{.segment_bytes_max = 1024 * MiB, .fan_in = 4};
  CHECK(plan_compaction(segments, busy)->count == 4);
  ++segments[2].event_count;
  CHECK_FALSE(plan_compaction(segments, busy));
}

TEST_CASE("compaction plan: a backlog goes in one merge, and the cheapest one first") {
  const CompactionPolicy busy{.segment_bytes_max = 64 * MiB, .fan_in = 4};
  CHECK(plan_compaction(Segments(20, of_bytes(MiB)), busy)->count == 20);
  CHECK(plan_compaction(Segments(500, of_bytes(10 * KiB)), busy)->count == CompactionPolicy::inputs_max);
  const auto small = plan_compaction(of_mib({15, 15, 15, 15, 1, 1, 1, 1}), busy);
  CHECK(small->first == 4);
}

TEST_CASE("compaction plan: in quiet times two neighbours are enough, if they are of one size") {
  const CompactionPolicy quiet{.segment_bytes_max = 64 * MiB, .fan_in = CompactionPolicy::fan_in_quiet};
  CHECK(plan_compaction(of_mib({28, 30}), quiet)->count == 2);
  CHECK(plan_compaction(of_mib({30, 28, 28}), quiet)->first == 1); // the cheaper pair
  CHECK_FALSE(plan_compaction(of_mib({40, 8}), quiet));
  CHECK_FALSE(plan_compaction(of_mib({40, 30}), quiet));
}

TEST_CASE("compaction plan: flushes of like size are rewritten log4 times, and leave few segments") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const std::uint64_t flushed : {1 * MiB, 7 * MiB, 28 * MiB})
    for (const std::uint64_t max : {64 * MiB, 256 * MiB}) {
      CAPTURE(flushed);
      CAPTURE(max);
      const CompactionPolicy busy{.segment_bytes_max = max, .fan_in = 4};
      Segments segments;
      std::uint64_t rewritten = 0;
      const double levels =
          std::floor(std::log(static_cast<double>(max) / static_cast<double>(flushed)) / std::log(4.0) + 0.1);
      for (int i = 0; i < 400; ++i) {
        segments.push_back(of_bytes(flushed * (95 + random() % 11) / 100));
        rewritten += settle(segments, busy);
        // Three of each level wait for a fourth; of the largest there are as many as it takes.
        const double largest = static_cast<double>(flushed) * std::pow(4.0, levels);
        CHECK(static_cast<double>(segments.size()) <=
              3 * levels + 1.2 * static_cast<double>(total(segments)) / largest + 1);
      }
      CHECK(static_cast<double>(rewritten) <= 1.02 * levels * static_cast<double>(total(segments)));
    }
}

TEST_CASE(
    "compaction plan: whatever the sizes, it ends, no byte is rewritten more often than its segment can grow, and "
    "neighbours in rest do not fit together") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    CAPTURE(round);
    const std::uint64_t max = 64 * MiB, smallest = 64 * KiB;
    Segments segments;
    std::uint64_t in_busy = 0, in_quiet = 0, stored = 0;
    const int flushes = static_cast<int>(random() % 120);
    for (int i = 0; i < flushes; ++i) {
      segments.push_back(of_bytes(smallest << (random() % 10)));
      stored += uncompressed_bytes(segments.back());
      in_busy += settle(segments, {.segment_bytes_max = max, .fan_in = 4});
      if (random() % 8 == 0)
        in_quiet += settle(segments, {.segment_bytes_max = max, .fan_in = CompactionPolicy::fan_in_quiet});
    }
    in_quiet += settle(segments, {.segment_bytes_max = max, .fan_in = CompactionPolicy::fan_in_quiet});
    CHECK(total(segments) == stored);
    const double growth = std::log2(static_cast<double>(max) / static_cast<double>(smallest));
    CHECK(static_cast<double>(in_busy) <= growth / std::log2(3.0) * static_cast<double>(stored));
    CHECK(static_cast<double>(in_busy + in_quiet) <= growth / std::log2(1.5) * static_cast<double>(stored));
    for (std::size_t i = 1; i < segments.size(); ++i) {
      const std::uint64_t a = uncompressed_bytes(segments[i - 1]), b = uncompressed_bytes(segments[i]);
      CHECK((a + b > max || std::max(a, b) > 2 * std::min(a, b)));
    }
    CHECK(static_cast<double>(segments.size()) <=
          4 * static_cast<double>(stored) / static_cast<double>(max) + 2 * growth + 1);
  }
}

namespace {

/// Merges as planned until there are no fewer; returns the bytes rewritten.
std::uint64_t make_fewest(Segments& segments, const CompactionPolicy& policy) {
  std::uint64_t rewritten = 0;
  while (const auto run = plan_fewest(segments, policy)) {
    REQUIRE(run->count >= 2);
    REQUIRE(run->count <= CompactionPolicy::inputs_max);
    REQUIRE(run->bytes <= policy.segment_bytes_max);
    const auto first = segments.begin() + static_cast<std::ptrdiff_t>(run->first);
    for (auto input = first + 1; input != first + static_cast<std::ptrdiff_t>(run->count); ++input) {
      first->event_count += input->event_count;
      first->payload_bytes += input->payload_bytes;
    }
    REQUIRE(uncompressed_bytes(*first) == run->bytes);
    rewritten += run->bytes;
    segments.erase(first + 1, first + static_cast<std::ptrdiff_t>(run->count));
  }
  return rewritten;
}

std::vector<std::uint64_t> mib_of(const Segments& segments) {
  std::vector<std::uint64_t> sizes;
  for (const SegmentMeta& segment : segments)
    sizes.push_back(uncompressed_bytes(segment) / MiB);
  return sizes;
}

} // namespace

TEST_CASE("plan fewest: neighbours of any size come together as far as they fit, and then nothing is left to do") {
  const CompactionPolicy policy{512 * MiB};
  Segments segments = of_mib({400, 1, 50, 3, 200, 300, 13, 600, 7, 7});
  CHECK(make_fewest(segments, policy) == (454 + 500 + 14) * MiB);
  CHECK(mib_of(segments) == std::vector<std::uint64_t>{454, 200 + 300, 13, 600, 14});
}

TEST_CASE("plan fewest: there is nothing to do for none, for one, for full ones, and where nothing is ever merged") {
  const CompactionPolicy policy{512 * MiB};
  CHECK_FALSE(plan_fewest({}, policy));
  CHECK_FALSE(plan_fewest(of_mib({5}), policy));
  CHECK_FALSE(plan_fewest(of_mib({512, 512, 1'024, 512}), policy));
  CHECK_FALSE(plan_fewest(of_mib({1, 1, 1}), {}));
}

TEST_CASE("plan fewest: more than one merge takes are merged in steps that move few bytes twice") {
  const CompactionPolicy policy{512 * MiB};
  for (const std::size_t count : {31u, 32u, 33u, 40u, 63u, 64u, 100u, 500u}) {
    CAPTURE(count);
    Segments segments(count, of_bytes(1 * MiB));
    const std::uint64_t bytes = total(segments);
    const std::uint64_t rewritten = make_fewest(segments, policy);
    CHECK(segments.size() == 1);
    CHECK(rewritten >= bytes);
    CHECK(rewritten <= 2 * bytes); // every byte at most twice
    if (count == 33)
      CHECK(rewritten == bytes + 2 * MiB);
  }
}

TEST_CASE("plan fewest: a segment takes no more events than a merge may") {
  Segments segments(4, of_bytes(1 * MiB));
  for (SegmentMeta& segment : segments)
    segment.event_count = CompactionPolicy::events_max / 2;
  make_fewest(segments, {std::uint64_t{1} << 60});
  CHECK(segments.size() == 2);
}

TEST_CASE("plan fewest: of segments of any sizes no fewer could be had from neighbours") {
  std::mt19937_64 random(7);
  const CompactionPolicy policy{100 * MiB};
  for (int round = 0; round < 200; ++round) {
    Segments segments;
    for (std::size_t i = 0, count = random() % 70; i < count; ++i)
      segments.push_back(of_bytes((1 + random() % 120) * MiB));
    // Fewest groups of neighbours that fit, or stand alone: known[n] for the first n.
    std::vector<std::size_t> known{0};
    for (std::size_t n = 1; n <= segments.size(); ++n) {
      std::size_t best = known[n - 1] + 1;
      std::uint64_t bytes = uncompressed_bytes(segments[n - 1]);
      for (std::size_t first = n - 1; first > 0; --first) {
        bytes += uncompressed_bytes(segments[first - 1]);
        if (bytes > policy.segment_bytes_max)
          break;
        best = std::min(best, known[first - 1] + 1);
      }
      known.push_back(best);
    }
    make_fewest(segments, policy);
    CHECK(segments.size() == known.back());
  }
}

TEST_CASE("plan: how much is to be moved is what the merges then move, until there are none") {
  Segments segments = of_mib({400, 1, 50, 3});
  for (SegmentMeta& segment : segments)
    segment.file_bytes = segment.payload_bytes / 2;
  std::uint64_t files = 0;
  for (const SegmentMeta& segment : segments)
    files += segment.file_bytes;
  const CompactionPolicy policy{512 * MiB, CompactionPolicy::fan_in_quiet};
  CHECK(bytes_to_move(segments, policy, plan_fewest) == 3 * files);
  CHECK(bytes_to_move(of_mib({400}), policy, plan_fewest) == 0);
  CHECK(bytes_to_move(segments, policy, plan_compaction) < 3 * files); // not of the large one
}

TEST_CASE("compaction plan: merges have fallen behind once sixty-four segments wait for them") {
  constexpr std::uint64_t full = 512 * MiB;
  Segments segments(CompactionPolicy::behind_at - 1, of_bytes(1 * MiB));
  CHECK_FALSE(fallen_behind(segments, full));
  segments.insert(segments.begin(), 100, of_bytes(200 * MiB)); // fewer than sixteen fit into one: left to quiet times
  CHECK_FALSE(fallen_behind(segments, full));
  segments.push_back(of_bytes(1 * MiB));
  CHECK(fallen_behind(segments, full));
  CHECK_FALSE(fallen_behind(segments, 0)); // nothing is ever merged
}

TEST_CASE("compaction plan: merges that keep up are never taken for ones that have fallen behind") {
  for (const std::uint64_t flushed : {1 * MiB, 4 * MiB, 32 * MiB}) {
    const CompactionPolicy policy{512 * MiB};
    Segments segments;
    for (int flush = 0; flush < 2'000; ++flush) {
      segments.push_back(of_bytes(flushed));
      REQUIRE_FALSE(fallen_behind(segments, policy.segment_bytes_max));
      settle(segments, policy);
    }
  }
}

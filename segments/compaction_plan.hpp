// Which segments of a shard to merge next.
//
// Purpose: the whole compaction policy, as a pure function of what the catalog knows. Threading: pure functions.
//
// A merge costs the bytes it rewrites and gains one segment less to look into for each input but one. So:
// - Neighbours only: sequences and positions of the inputs follow each other, and the output takes their place.
// - At least `fan_in` of them, and none so large that the others add little: the run has at least 3/4 * fan_in times
//   the bytes of its largest. Every byte therefore moves into a segment that many times larger, or stays where it is,
//   which bounds how often it is rewritten: log(segment_bytes_max / flushed) to the base 3/4 * fan_in. "Three quarters"
//   because flushed segments differ by some per cent; asking for exactly fan_in would make four of them wait for a
//   fifth.
// - At most segment_bytes_max and events_max: what large merges cost in disk space, in memory and in time to finish is
//   bounded too.
// - Of several such runs the one that rewrites fewest bytes for each segment saved; the oldest of equals. A backlog of
//   small segments so goes in one step, not in log steps.
//
// While events pour in the fan-in is `fan_in_busy`: bytes written count for more than segments. When flushes have
// paused, `fan_in_quiet` merges what the busy policy left, so that reads find few segments: two neighbours of one size
// make one. In rest no two neighbours of like size that fit into one segment are left, so the number of segments is at
// most about 2 * bytes / segment_bytes_max + log2(segment_bytes_max / flushed) + 1.
#pragma once

#include "engine/ports.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace weir::segments {

struct CompactionPolicy {
  static constexpr std::size_t fan_in_busy = 16;
  static constexpr std::size_t fan_in_quiet = 2;
  /// Inputs of one merge at most: each keeps a file and the blocks of one place open.
  static constexpr std::size_t inputs_max = 32;
  /// So many segments that busy merges would take, and they wait for nobody any longer: two merges of the largest kind.
  static constexpr std::size_t behind_at = 4 * fan_in_busy;
  /// Events of one merge at most: what the writer keeps of each until the end is then 160 MiB, beside the contexts.
  static constexpr std::uint64_t events_max = 8 * 1024 * 1024;

  std::uint64_t segment_bytes_max = 0; ///< Of the output, as uncompressed_bytes() counts; 0: nothing is ever merged.
  std::size_t fan_in = fan_in_busy;
};

/// Neighbours first ... first + count - 1.
struct CompactionRun {
  std::size_t first = 0;
  std::size_t count = 0;
  std::uint64_t bytes = 0; ///< Their uncompressed_bytes().
};

/// About what the segment's events take in memory and in the log; never less than its file, which also tells of the
/// metadata and ids that the catalog does not count.
[[nodiscard]] std::uint64_t uncompressed_bytes(const SegmentMeta& segment) noexcept;

/// The next merge among `segments` (of one shard, oldest first), or nothing if they are well as they are.
[[nodiscard]] std::optional<CompactionRun> plan_compaction(std::span<const SegmentMeta> segments,
                                                           const CompactionPolicy& policy);

/// Whether merges have fallen behind flushes: `behind_at` inputs wait for merges with `fan_in_busy`, one after another.
[[nodiscard]] bool fallen_behind(std::vector<SegmentMeta> segments, std::uint64_t segment_bytes_max);

/// The next merge on the way to as few segments as segment_bytes_max and events_max allow, or nothing if there are no
/// fewer to be had. `policy.fan_in` counts for nothing. Neighbours are put together from the oldest on, as many as fit;
/// more than one merge takes are merged in steps of which the first is the smallest, so that few bytes move twice.
[[nodiscard]] std::optional<CompactionRun> plan_fewest(std::span<const SegmentMeta> segments,
                                                       const CompactionPolicy& policy);

/// What asks for one merge after another: plan_compaction or plan_fewest.
using CompactionPlan = std::optional<CompactionRun> (*)(std::span<const SegmentMeta>, const CompactionPolicy&);
/// About how many bytes all merges by `plan` read and write until it finds no more: inputs, output, and the output once
/// more, if no event is left out.
[[nodiscard]] std::uint64_t bytes_to_move(std::vector<SegmentMeta> segments, const CompactionPolicy& policy,
                                          CompactionPlan plan);

} // namespace weir::segments

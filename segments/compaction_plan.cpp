#include "segments/compaction_plan.hpp"

#include <algorithm>

namespace weir::segments {
namespace {

// Context, type, numbers and index of an event; the catalog counts payloads only.
constexpr std::uint64_t event_overhead_bytes = 64;

} // namespace

std::uint64_t uncompressed_bytes(const SegmentMeta& segment) noexcept {
  return std::max(segment.payload_bytes + segment.event_count * event_overhead_bytes, segment.file_bytes);
}

std::optional<CompactionRun> plan_compaction(std::span<const SegmentMeta> segments, const CompactionPolicy& policy) {
  std::optional<CompactionRun> best;
  for (std::size_t first = 0; first < segments.size(); ++first) {
    std::uint64_t bytes = 0, largest = 0, events = 0;
    const std::size_t inputs = std::min(segments.size() - first, CompactionPolicy::inputs_max);
    for (std::size_t count = 1; count <= inputs; ++count) {
      const std::uint64_t next = uncompressed_bytes(segments[first + count - 1]);
      bytes += next;
      largest = std::max(largest, next);
      events += segments[first + count - 1].event_count;
      if (bytes > policy.segment_bytes_max || events > CompactionPolicy::events_max)
        break;
      if (count < std::max<std::size_t>(policy.fan_in, 2) || 4 * bytes < 3 * policy.fan_in * largest)
        continue;
      // bytes / (count - 1) against the best so far, without dividing.
      if (!best || bytes * (best->count - 1) < best->bytes * (count - 1))
        best = CompactionRun{first, count, bytes};
    }
  }
  return best;
}

namespace {

/// What the catalog would say after this run, if no event is left out; returns the merged one.
const SegmentMeta& replace(std::vector<SegmentMeta>& segments, const CompactionRun& run) {
  SegmentMeta& merged = segments[run.first];
  const auto rest = segments.begin() + static_cast<std::ptrdiff_t>(run.first) + 1;
  const auto end = rest + static_cast<std::ptrdiff_t>(run.count - 1);
  for (auto input = rest; input != end; ++input) {
    merged.file_bytes += input->file_bytes;
    merged.payload_bytes += input->payload_bytes;
    merged.event_count += input->event_count;
  }
  segments.erase(rest, end);
  return merged;
}

} // namespace

bool fallen_behind(std::vector<SegmentMeta> segments, std::uint64_t segment_bytes_max) {
  for (std::size_t waiting = 0; waiting < CompactionPolicy::behind_at;) {
    const auto run = plan_compaction(segments, {segment_bytes_max, CompactionPolicy::fan_in_busy});
    if (!run)
      return false;
    waiting += run->count;
    replace(segments, *run);
  }
  return true;
}

namespace {

/// As `best`, of the run that begins at `first`, if it moves fewer bytes.
void take_if_smaller(std::span<const SegmentMeta> segments, std::size_t first, std::size_t count,
                     std::optional<CompactionRun>& best) {
  std::uint64_t bytes = 0;
  for (const SegmentMeta& segment : segments.subspan(first, count))
    bytes += uncompressed_bytes(segment);
  if (!best || bytes < best->bytes)
    best = CompactionRun{first, count, bytes};
}

/// One step of making the group first ... first + count - 1 one segment.
CompactionRun step_of_group(std::span<const SegmentMeta> segments, std::size_t first, std::size_t count) {
  constexpr std::size_t most = CompactionPolicy::inputs_max;
  // What this step leaves shall be full merges, the last of which takes everything.
  const std::size_t inputs = count <= most ? count : std::min(most, count - most + 1);
  std::optional<CompactionRun> best;
  for (std::size_t at = first; at + inputs <= first + count; ++at)
    take_if_smaller(segments, at, inputs, best);
  return *best;
}

} // namespace

std::optional<CompactionRun> plan_fewest(std::span<const SegmentMeta> segments, const CompactionPolicy& policy) {
  for (std::size_t first = 0; first < segments.size();) {
    std::uint64_t bytes = 0, events = 0;
    std::size_t count = 0;
    for (; first + count < segments.size(); ++count) {
      bytes += uncompressed_bytes(segments[first + count]);
      events += segments[first + count].event_count;
      if (bytes > policy.segment_bytes_max || events > CompactionPolicy::events_max)
        break;
    }
    if (count >= 2)
      return step_of_group(segments, first, count);
    first += std::max<std::size_t>(count, 1); // alone, and too large to have company
  }
  return std::nullopt;
}

std::uint64_t bytes_to_move(std::vector<SegmentMeta> segments, const CompactionPolicy& policy, CompactionPlan plan) {
  std::uint64_t moved = 0;
  while (const auto run = plan(segments, policy))
    moved += 3 * replace(segments, *run).file_bytes;
  return moved;
}

} // namespace weir::segments

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

} // namespace weir::segments

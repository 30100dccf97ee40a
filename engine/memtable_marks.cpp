#include "engine/memtable_marks.hpp"

#include <algorithm>

namespace weir {

void MemtableMarks::add(std::string_view context_id, const ContextMark& mark) {
  constexpr std::uint64_t node_bytes = 128; // of a tree, and what an allocator keeps beside
  const std::lock_guard lock(mutex_);
  auto at = marks_.find(context_id);
  if (at == marks_.end()) {
    at = marks_.emplace(std::string(context_id), Versions{}).first;
    bytes_ += node_bytes + context_id.size();
  }
  ContextMark joined = mark;
  if (!at->second.empty())
    joined.join(at->second.back().joined);
  at->second.push_back({count_++, joined});
  bytes_ += 2 * sizeof(Version); // vectors grow by doubling
}

const ContextMark* MemtableMarks::visible_of(const Versions& versions, std::uint64_t visible) noexcept {
  const auto end = std::partition_point(versions.begin(), versions.end(),
                                        [&](const Version& version) { return version.number < visible; });
  return end == versions.begin() ? nullptr : &std::prev(end)->joined;
}

std::optional<ContextMark> MemtableMarks::find(std::string_view context_id, std::uint64_t visible) const {
  if (visible == 0)
    return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto at = marks_.find(context_id);
  const ContextMark* const mark = at == marks_.end() ? nullptr : visible_of(at->second, visible);
  return mark == nullptr ? std::nullopt : std::optional(*mark);
}

std::optional<MemtableMarks::Named> MemtableMarks::next(std::string_view after, std::uint64_t visible) const {
  if (visible == 0)
    return std::nullopt;
  const std::lock_guard lock(mutex_);
  for (auto at = marks_.upper_bound(after); at != marks_.end(); ++at)
    if (const ContextMark* const mark = visible_of(at->second, visible))
      return Named(at->first, *mark);
  return std::nullopt;
}

} // namespace weir

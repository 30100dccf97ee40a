// What adapters of stores without sequences and without an asynchronous append share.
//
// Purpose: numbers events per context, and runs a stream by groups of rows. Owner: the adapter. Threading: one thread
// at a time.
#pragma once

#include "bench/adapter.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::bench {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};
template <class T> using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

/// The small number that stands for a context in layouts which keep its name once, and its last sequence.
struct ContextEntry {
  std::uint64_t number = 0;
  std::uint64_t last_sequence = 0;
};

/// What a writer remembers of the contexts it has seen. Filled on demand, so that it costs an open nothing.
class ContextTable {
public:
  /// The entry of `context_id`; the first time, what `load(context_id)` finds in the store.
  template <class Load> ContextEntry& find(std::string_view context_id, const Load& load) {
    const auto found = entries_.find(context_id);
    if (found != entries_.end())
      return found->second;
    const ContextEntry entry = load(context_id);
    return entries_.emplace(context_id, entry).first->second;
  }

private:
  TextMap<ContextEntry> entries_;
};

/// What is stored as `recorded_at`.
inline std::int64_t wall_clock_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

inline std::uint64_t elapsed_ns(std::chrono::steady_clock::time_point since,
                                std::chrono::steady_clock::time_point now) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now - since).count());
}

/// append_stream() of a store that commits groups of rows: `begin()` makes an object with put(row) and commit(). Rows
/// are acknowledged with their group's commit if `at_commit`, else one by one once the store has taken them.
template <class Begin> void stream_in_groups(const RowSource& source, std::size_t rows_per_group, bool at_commit,
                                             const Acknowledge& acknowledge, const Begin& begin) {
  using Clock = std::chrono::steady_clock;
  std::vector<Clock::time_point> handed_over;
  Row row;
  bool more = source(row);
  while (more) {
    handed_over.clear();
    auto group = begin();
    for (std::size_t rows = 0; more && rows < rows_per_group; ++rows, more = source(row)) {
      const auto since = Clock::now();
      group.put(row);
      if (at_commit)
        handed_over.push_back(since);
      else
        acknowledge(elapsed_ns(since, Clock::now()));
    }
    group.commit();
    const auto now = Clock::now();
    for (const auto since : handed_over)
      acknowledge(elapsed_ns(since, now));
  }
}

} // namespace weir::bench

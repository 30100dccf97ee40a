// The marks of a memtable's contexts: what was truncated and deleted since it began.
//
// Purpose: removals are rare and contexts many, so marks lie beside the rows, and who finds that there are none pays
// one load. Owner: Memtable; one thread adds, any number read. Threading: a mutex, held for a look into a tree.
// Invariants: a reader that may see `visible` marks sees the join of exactly the first so many, whatever has been added
// since.
#pragma once

#include "engine/context_mark.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

class MemtableMarks {
public:
  void add(std::string_view context_id, const ContextMark& mark);
  /// How many were added. The writer's.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// About the memory held. The writer's.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  [[nodiscard]] std::optional<ContextMark> find(std::string_view context_id, std::uint64_t visible) const;
  using Named = std::pair<std::string, ContextMark>;
  /// The first marked context after `after` (by bytes); the first of all if `after` is empty, which no context is.
  [[nodiscard]] std::optional<Named> next(std::string_view after, std::uint64_t visible) const;

private:
  struct Version {
    std::uint64_t number = 0; ///< Marks added before, of any context.
    ContextMark joined;       ///< With all before of this context.
  };
  using Versions = std::vector<Version>;
  static const ContextMark* visible_of(const Versions& versions, std::uint64_t visible) noexcept;

  mutable std::mutex mutex_;
  std::map<std::string, Versions, std::less<>> marks_;
  std::uint64_t count_ = 0;
  std::uint64_t bytes_ = 0;
};

} // namespace weir

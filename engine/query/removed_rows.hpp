// Which rows of a view are removed, for a scan.
//
// Purpose: a scan meets the rows of one context one after the other, so it asks once for each run of them; where
// nothing is marked it never asks. Threading: one scan. Memory: one context.
#pragma once

#include "engine/query/control.hpp"
#include "engine/shard_view.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::query {

class RemovedRows {
public:
  /// `view` must outlive this. May do I/O for each segment, with a look at the deadline before it if there is a
  /// `pacer`.
  static Result<RemovedRows> of(const ShardView& view, Pacer* pacer = nullptr);

  /// Whether some context of the view has a mark.
  [[nodiscard]] bool any() const noexcept { return !segments_.empty() || !memtables_.empty(); }
  /// What asking for a row of the context takes, in plain rows of a scan: marks are looked up in every source that has
  /// some, except for the context asked for last.
  [[nodiscard]] std::uint64_t work(std::string_view context_id) const noexcept {
    return context_id == context_id_ ? 0 : 16 * segments_.size() + 4 * memtables_.size();
  }
  /// Whether this row is removed. Needs its context and sequence. May do I/O.
  Result<bool> holds(const EventView& event);
  /// Rows of the context below this sequence are. May do I/O.
  Result<Sequence> first_live(std::string_view context_id);

private:
  // The sources that have marks:
  SegmentList segments_;
  std::vector<MemtableView> memtables_;
  std::string context_id_; ///< Asked for last; empty: none.
  Sequence first_live_ = 1;
};

} // namespace weir::query

// Which rows of a view are removed, for a scan.
//
// Purpose: a scan meets the rows of one context one after the other, so it asks once for each run of them; where
// nothing is marked it never asks. Threading: one scan. Memory: one context.
#pragma once

#include "engine/shard_view.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace weir::query {

class RemovedRows {
public:
  /// `view` must outlive this. May do I/O.
  static Result<RemovedRows> of(const ShardView& view);

  /// Whether some context of the view has a mark.
  [[nodiscard]] bool any() const noexcept { return !segments_.empty() || !memtables_.empty(); }
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

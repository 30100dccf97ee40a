// The rows of a segment by position, as they are asked for.
//
// Purpose: which row comes n-th, and where a position is. Owner: whoever decodes a run, or several runs of a segment
// one after the other. Threading: one thread, but different zones' numbers may be asked for by several at the same
// time; what it holds is immutable. Invariants: what was read once is kept, so the `source` of a later call may be
// another one of the same segment.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "segments/block_source.hpp"
#include "segments/footer.hpp"
#include "segments/zone_tail.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace weir::segments {

/// Places in the order of positions.
struct Ranks {
  std::uint64_t begin = 0, end = 0;
  [[nodiscard]] std::uint64_t size() const noexcept { return end - begin; }
};

class RunOrder {
public:
  explicit RunOrder(std::shared_ptr<const Footer> footer);

  [[nodiscard]] const Footer& footer() const noexcept { return *footer_; }
  [[nodiscard]] const std::shared_ptr<const Footer>& shared_footer() const noexcept { return footer_; }
  /// `corruption`: the order of positions is wrong.
  [[nodiscard]] Error damaged(const BlockSource& source) const;
  /// The zone's numbers. Errors: as ZoneTail::read; `corruption` if it lacks what every zone has.
  Result<const ZoneTail*> tail(const BlockSource& source, std::size_t zone);
  /// The zones' numbers, as far as they were asked for; others are null.
  [[nodiscard]] const std::vector<std::shared_ptr<const ZoneTail>>& tails() const noexcept { return tails_; }
  /// The rows at `ranks`. Errors: as read_order_block; `corruption` if there is no such row.
  Status rows_at(const BlockSource& source, Ranks ranks, std::vector<std::uint32_t>& out);
  /// The first place whose event is at `position` or above it.
  Result<std::uint64_t> first_rank_at(const BlockSource& source, Position position);

private:
  Result<const char*> order_block(const BlockSource& source, std::size_t number);
  Result<Position> position_at(const BlockSource& source, std::uint64_t rank);

  std::shared_ptr<const Footer> footer_;
  std::uint64_t events_;
  std::vector<BlockPtr> order_blocks_;
  std::vector<std::shared_ptr<const ZoneTail>> tails_;
};

} // namespace weir::segments

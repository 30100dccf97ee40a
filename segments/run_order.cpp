#include "segments/run_order.hpp"

#include "segments/bit_pack.hpp"
#include "segments/position_order.hpp"

#include <algorithm>
#include <utility>

namespace weir::segments {

RunOrder::RunOrder(std::shared_ptr<const Footer> footer)
    : footer_(std::move(footer)), events_(footer_->totals.event_count), order_blocks_(footer_->order_blocks()),
      tails_(footer_->zones.size()) {
}

Error RunOrder::damaged(const BlockSource& source) const {
  return source.damaged(order_is_wrong, footer_->order_offset);
}

Result<const ZoneTail*> RunOrder::tail(const BlockSource& source, std::size_t zone) {
  if (!tails_[zone]) {
    auto read = ZoneTail::read(source, *footer_, zone);
    if (!read)
      return std::move(read).error();
    if (!(*read)->column(BlockKind::position) || !(*read)->column(BlockKind::recorded_at) ||
        !(*read)->column(BlockKind::type))
      return source.damaged("a zone lacks a column", footer_->places[zone].directory.offset);
    tails_[zone] = *std::move(read);
  }
  return tails_[zone].get();
}

/// Block `number` of the position order: packed row numbers.
Result<const char*> RunOrder::order_block(const BlockSource& source, std::size_t number) {
  if (!order_blocks_[number]) {
    auto block = read_order_block(source, *footer_, number);
    if (!block)
      return std::move(block).error();
    order_blocks_[number] = *std::move(block);
  }
  return order_blocks_[number]->text().data();
}

Status RunOrder::rows_at(const BlockSource& source, Ranks ranks, std::vector<std::uint32_t>& out) {
  out.assign(static_cast<std::size_t>(ranks.size()), 0);
  const unsigned width = footer_->order_width();
  for (std::uint64_t rank = ranks.begin; rank < ranks.end && events_ > 1;) {
    const std::uint64_t number = rank / order_rows_per_block;
    const auto block = order_block(source, static_cast<std::size_t>(number));
    if (!block)
      return block.error();
    const std::uint64_t before = number * order_rows_per_block;
    for (const std::uint64_t end = std::min(ranks.end, before + order_rows_per_block); rank < end; ++rank) {
      const std::uint64_t row = unpack(*block, rank - before, width);
      if (row >= events_)
        return damaged(source);
      out[static_cast<std::size_t>(rank - ranks.begin)] = static_cast<std::uint32_t>(row);
    }
  }
  return {};
}

Result<Position> RunOrder::position_at(const BlockSource& source, std::uint64_t rank) {
  std::uint64_t row = 0;
  if (events_ > 1) {
    const auto block = order_block(source, static_cast<std::size_t>(rank / order_rows_per_block));
    if (!block)
      return block.error();
    row = unpack(*block, rank % order_rows_per_block, footer_->order_width());
    if (row >= events_)
      return damaged(source);
  }
  const auto columns = tail(source, static_cast<std::size_t>(row / footer_->zone_rows));
  if (!columns)
    return columns.error();
  Position position = 0;
  (*columns)->column(BlockKind::position)->decode(static_cast<std::uint32_t>(row % footer_->zone_rows), {&position, 1});
  return position;
}

Result<std::uint64_t> RunOrder::first_rank_at(const BlockSource& source, Position position) {
  if (position <= footer_->totals.position_min)
    return std::uint64_t{0};
  if (position > footer_->totals.position_max)
    return events_;
  std::uint64_t low = 0, high = events_;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto at = position_at(source, middle);
    if (!at)
      return at.error();
    if (*at < position)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

} // namespace weir::segments

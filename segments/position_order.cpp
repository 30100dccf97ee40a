#include "segments/position_order.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace weir::segments {
namespace {

// A place for every position is the quickest way as long as there are not many more positions than rows. With many
// shards there are: a segment has every sixteenth position, and places for all would be 64 bytes a row.
constexpr std::uint64_t places_per_row_max = position_order_scratch_bytes / sizeof(std::uint32_t);

Error twice(Position position) {
  return fail(Errc::invalid_argument, format("position {} is in a segment twice", position));
}

} // namespace

Result<std::vector<std::uint32_t>> rows_by_position(std::span<const Position> positions,
                                                    std::pmr::memory_resource& memory) {
  std::vector<std::uint32_t> rows;
  if (positions.empty())
    return rows;
  rows.reserve(positions.size());
  const auto [first, last] = std::minmax_element(positions.begin(), positions.end());
  if (const std::uint64_t gap = *last - *first; gap < places_per_row_max * positions.size()) {
    constexpr std::uint32_t nothing = UINT32_MAX;
    std::pmr::vector<std::uint32_t> row_at(static_cast<std::size_t>(gap) + 1, nothing, &memory);
    for (std::uint32_t row = 0; row < positions.size(); ++row) {
      std::uint32_t& place = row_at[static_cast<std::size_t>(positions[row] - *first)];
      if (place != nothing)
        return twice(positions[row]);
      place = row;
    }
    std::copy_if(row_at.begin(), row_at.end(), std::back_inserter(rows),
                 [](std::uint32_t row) { return row != nothing; });
    return rows;
  }
  rows.resize(positions.size());
  std::iota(rows.begin(), rows.end(), 0u);
  std::sort(rows.begin(), rows.end(),
            [positions](std::uint32_t a, std::uint32_t b) { return positions[a] < positions[b]; });
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (positions[rows[i - 1]] == positions[rows[i]])
      return twice(positions[rows[i]]);
  }
  return rows;
}

Result<BlockPtr> read_order_block(const BlockSource& source, const Footer& footer, std::size_t number) {
  const BlockRef ref = footer.order_block(number);
  auto block = source.read(ref);
  if (block && (*block)->size() != ref.stored_bytes)
    return source.damaged("a block of the position order has the wrong size", ref.offset);
  return block;
}

} // namespace weir::segments

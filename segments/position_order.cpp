#include "segments/position_order.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace weir::segments {
namespace {

/// 64 positions: which of them have a row, and how many rows there are before.
struct Stretch {
  std::uint64_t has_row = 0;
  std::uint32_t before = 0;
};

// A bit for every position is the quickest way unless there are very many more positions than rows. With many shards
// there are some: a segment has every sixteenth position.
constexpr std::size_t rows_per_stretch_min = sizeof(Stretch) / position_order_scratch_bytes;

Error twice(Position position) {
  return fail(Errc::invalid_argument, format("position {} is in a segment twice", position));
}

} // namespace

Result<std::vector<std::uint32_t>> rows_by_position(std::span<const Position> positions,
                                                    std::pmr::memory_resource& memory) {
  std::vector<std::uint32_t> rows;
  if (positions.empty())
    return rows;
  const auto bounds = std::minmax_element(positions.begin(), positions.end());
  const Position first = *bounds.first;
  rows.resize(positions.size());
  if (const std::uint64_t gap = *bounds.second - first; gap / 64 < positions.size() / rows_per_stretch_min) {
    std::pmr::vector<Stretch> stretches(static_cast<std::size_t>(gap / 64) + 1, &memory);
    const auto stretch_of = [&](Position position) -> Stretch& {
      return stretches[static_cast<std::size_t>((position - first) / 64)];
    };
    const auto bit_of = [&](Position position) { return std::uint64_t{1} << (position - first) % 64; };
    for (const Position position : positions) {
      if ((stretch_of(position).has_row & bit_of(position)) != 0)
        return twice(position);
      stretch_of(position).has_row |= bit_of(position);
    }
    std::uint32_t before = 0;
    for (Stretch& stretch : stretches) {
      stretch.before = before;
      before += static_cast<std::uint32_t>(std::popcount(stretch.has_row));
    }
    for (std::uint32_t row = 0; row < positions.size(); ++row) {
      const Stretch& stretch = stretch_of(positions[row]);
      rows[stretch.before + static_cast<unsigned>(std::popcount(stretch.has_row & (bit_of(positions[row]) - 1)))] = row;
    }
    return rows;
  }
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

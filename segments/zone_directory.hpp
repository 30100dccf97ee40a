// The directory of a zone: which blocks hold which rows of which column.
//
// Threading: immutable after opening.
// Invariants: entries of a column ascend by row and begin with row 0; integer columns and hashes have one block at
// most; a column of strings has its lengths exactly if it has bytes.
#pragma once

#include <weir/result.hpp>

#include "segments/block_source.hpp"
#include "segments/footer.hpp"
#include "segments/format.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir::segments {

struct ZoneBlock {
  BlockRef ref;
  std::uint32_t first_row = 0; ///< In the zone.
};

/// What the writer collects; `blocks` of one kind in row order, kinds in any order.
[[nodiscard]] std::string encode_directory(std::uint32_t rows, std::span<const ZoneBlock> blocks);

class ZoneDirectory {
public:
  /// Of a zone of `footer`, from the cache or with a read. Errors: as BlockSource::read, and open().
  static Result<std::shared_ptr<const ZoneDirectory>> read(const BlockSource& source, const Footer& footer,
                                                           std::size_t zone);
  /// Takes apart the directory `block` of a zone with `rows` rows. `corruption` if it contradicts itself.
  static Result<ZoneDirectory> open(const BlockSource& source, const BlockRef& ref, BlockPtr block, std::uint32_t rows);

  /// How many blocks of this kind there are.
  [[nodiscard]] std::size_t count(BlockKind kind) const noexcept;
  /// Block `i` of this kind. Precondition: i < count(kind).
  [[nodiscard]] ZoneBlock at(BlockKind kind, std::size_t i) const noexcept;
  /// The block of this kind that holds `row`. Precondition: count(kind) > 0.
  [[nodiscard]] std::size_t find(BlockKind kind, std::uint32_t row) const noexcept;
  /// First row after block `i`.
  [[nodiscard]] std::uint32_t row_end(BlockKind kind, std::size_t i) const noexcept;

private:
  ZoneDirectory() = default;
  BlockPtr block_;
  std::uint32_t rows_ = 0;
  std::array<std::uint32_t, zone_block_kinds + 1> starts_{}; ///< Entries of kind k: starts_[k - 1] ... starts_[k] - 1.
};

} // namespace weir::segments

// The small columns of one zone and its directory, decoded and checked once: what a replay needs of a zone beside the
// strings.
//
// Purpose: a replay wants a few rows of all columns; one look into the cache finds them all. Scans, which want whole
// columns but only some of them, read those block by block instead.
// Owner: the block cache and whoever reads. Threading: immutable, shared.
// Invariants: every column has exactly the zone's rows.
#pragma once

#include <weir/result.hpp>

#include "segments/block_source.hpp"
#include "segments/footer.hpp"
#include "segments/integer_column.hpp"
#include "segments/zone_directory.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <optional>

namespace weir::segments {

class ZoneTail final : public Block {
public:
  /// From the cache, or with one read from the file. Errors: as BlockSource::read.
  static Result<std::shared_ptr<const ZoneTail>> read(const BlockSource& source, const Footer& footer,
                                                      std::size_t zone);

  [[nodiscard]] const ZoneDirectory& directory() const noexcept { return directory_; }
  /// The column of integers of this kind; nothing if the zone has none.
  [[nodiscard]] const std::optional<IntegerColumn>& column(BlockKind kind) const noexcept {
    return columns_[static_cast<std::size_t>(kind)];
  }

  ZoneTail(ZoneDirectory directory, std::array<BlockPtr, zone_block_kinds + 1> blocks,
           std::array<std::optional<IntegerColumn>, zone_block_kinds + 1> columns, std::uint64_t charge_bytes)
      : Block(Charge{charge_bytes}), directory_(std::move(directory)), blocks_(std::move(blocks)),
        columns_(std::move(columns)) {}

private:
  ZoneDirectory directory_;
  std::array<BlockPtr, zone_block_kinds + 1> blocks_; ///< By kind.
  std::array<std::optional<IntegerColumn>, zone_block_kinds + 1> columns_;
};

} // namespace weir::segments

// Decoded columns of some rows of one zone.
//
// Purpose: what replays and scans share: only the wanted columns are read, only the wanted rows decoded, and
// neighbouring blocks come with one read. Threading: one thread fills it; constant afterwards. Invariants: string views
// point into blocks the slice holds (`pins()`), type views into the footer.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/ports.hpp"
#include "segments/block_source.hpp"
#include "segments/footer.hpp"
#include "segments/zone_directory.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::segments {

class ZoneSlice {
public:
  /// Finds the blocks of zone `zone`. `whole_tail` reads all small columns together with the directory when that is
  /// not cached: right for a replay, which wants them all.
  static Result<ZoneSlice> open(const BlockSource& source, const Footer& footer, std::size_t zone, bool whole_tail);

  /// Decodes the small columns (numbers, types, lengths) that `columns` names for the zone's rows first ... first +
  /// count - 1. Precondition: they are in the zone.
  Status read_numbers(std::uint32_t first, std::uint32_t count, ColumnSet columns);
  /// Bytes of type, event id, metadata and payload of row `i`, counted from the first row read.
  [[nodiscard]] std::size_t string_bytes(std::size_t i) const;
  /// Decodes the strings that `columns` names for `count` rows from the `skip`th row read. Precondition: read_numbers
  /// covered these rows and columns.
  Status read_strings(std::uint32_t skip, std::uint32_t count, ColumnSet columns);
  /// Fills what was read of row `i`, counted from the first row read; the rest of `event` stays as it is.
  void fill(std::size_t i, EventView& event) const;

  [[nodiscard]] const std::vector<BlockPtr>& pins() const noexcept { return pins_; }
  [[nodiscard]] const ZoneDirectory& directory() const noexcept { return directory_; }

private:
  struct Strings {
    BlockKind kind;
    ColumnBit column;
    BlockPtr lengths_block;
    std::vector<std::uint64_t> lengths;
    std::vector<std::string_view> values;
  };
  ZoneSlice(const BlockSource& source, const Footer& footer, const ZoneMeta& meta, ZoneDirectory directory)
      : source_(&source), footer_(&footer), meta_(&meta), directory_(std::move(directory)) {}
  Status decode(BlockKind kind, const BlockPtr& block, std::uint32_t first, std::vector<std::uint64_t>& out) const;
  Status check_types() const;
  Status slice_block(Strings& column, std::size_t block, const BlockPtr& bytes, std::uint32_t skip,
                     std::uint32_t count) const;

  const BlockSource* source_;
  const Footer* footer_;
  const ZoneMeta* meta_;
  ZoneDirectory directory_;
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
  std::vector<std::uint64_t> positions_, recorded_, timestamps_, types_;
  std::array<Strings, 3> strings_{Strings{BlockKind::event_ids, column_event_id, {}, {}, {}},
                                  Strings{BlockKind::metadata, column_metadata, {}, {}, {}},
                                  Strings{BlockKind::payloads, column_payload, {}, {}, {}}};
  std::vector<BlockPtr> pins_;
};

} // namespace weir::segments

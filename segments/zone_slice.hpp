// Decoded columns of some rows of one zone.
//
// Purpose: what replays and scans share: only the wanted columns are read, only the wanted rows decoded, and
// neighbouring blocks come with one read. Threading: one thread fills it, once; constant afterwards. Invariants: string
// views point into blocks the slice holds, type views into the footer.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/ports.hpp"
#include "segments/block_source.hpp"
#include "segments/footer.hpp"
#include "segments/integer_column.hpp"
#include "segments/zone_directory.hpp"
#include "segments/zone_tail.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::segments {

class ZoneSlice {
public:
  /// Finds the blocks of zone `zone`. `whole_tail` gets all small columns together with the directory: right for a
  /// replay, which wants them all.
  static Result<ZoneSlice> open(const BlockSource& source, const Footer& footer, std::size_t zone, bool whole_tail);

  /// Decodes the small columns (numbers, types, lengths) that `columns` names for the zone's rows first ... first +
  /// count - 1. Precondition: they are in the zone.
  Status read_numbers(std::uint32_t first, std::uint32_t count, ColumnSet columns);
  /// Decodes the strings that `columns` names for `count` rows from the `skip`th row read. Precondition: read_numbers
  /// covered these rows and columns. Blocks without a row of `wanted` (by row of the zone; empty: all) are left out.
  Status read_strings(std::uint32_t skip, std::uint32_t count, ColumnSet columns, RowWords wanted = {});
  /// The row behind the last of `rows` whose texts, with those of the rows before, have no more than `bytes_max` bytes;
  /// behind the first if that has more alone, and behind the last row if all have less. Precondition: as for
  /// read_strings().
  [[nodiscard]] std::uint32_t texts_within(RowWords rows, std::uint64_t bytes_max) const noexcept;
  /// Fills what was read of row `i`, counted from the first row read; the rest of `event` stays as it is.
  void fill(std::size_t i, EventView& event) const;

  [[nodiscard]] const ZoneDirectory& directory() const noexcept { return tail_ ? tail_->directory() : *directory_; }

private:
  struct Strings {
    BlockKind kind;
    ColumnBit column;
    BlockPtr lengths_block;                     ///< Unless the tail holds it.
    std::optional<IntegerColumn> length_column; ///< Nothing: all strings are empty.
    std::span<std::uint64_t> lengths;
    std::vector<std::string_view> values;
  };
  struct Wanted {
    BlockKind kind{};
    std::span<std::uint64_t>* out = nullptr;
    Strings* strings = nullptr;
  };
  ZoneSlice(const BlockSource& source, const Footer& footer, const ZoneMeta& meta)
      : source_(&source), footer_(&footer), meta_(&meta) {}
  Status decode_wanted(std::span<const Wanted> wanted);
  Status check_types() const;
  Status slice_block(Strings& column, std::size_t block, const BlockPtr& bytes, std::uint32_t skip,
                     std::uint32_t count);

  const BlockSource* source_;
  const Footer* footer_;
  const ZoneMeta* meta_;
  std::shared_ptr<const ZoneTail> tail_;
  std::optional<ZoneDirectory> directory_; ///< Without a tail.
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
  std::unique_ptr<std::uint64_t[]> numbers_; ///< The columns below and the lengths, one after the other.
  std::span<std::uint64_t> positions_, recorded_, timestamps_, types_;
  std::array<Strings, 3> strings_{Strings{BlockKind::event_ids, column_event_id, {}, {}, {}, {}},
                                  Strings{BlockKind::metadata, column_metadata, {}, {}, {}, {}},
                                  Strings{BlockKind::payloads, column_payload, {}, {}, {}, {}}};
  std::vector<std::uint64_t> block_lengths_; ///< Of the rows of one block of strings.
  std::vector<BlockPtr> pins_;
};

} // namespace weir::segments

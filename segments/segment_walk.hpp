// All rows of one segment, once, in order: what merging and comparing whole segments need.
//
// Purpose: reads the file front to back in large pieces and past the block cache, which belongs to readers. Memory: one
// piece, the small columns of one zone, and the blocks of strings around the current row, whatever the segment's size.
// Owner: a merge; one thread. Invariants: every block is checked as any reader checks it; the rows handed out are as
// many as the catalog records.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/io/file_system.hpp"
#include "engine/ports.hpp"
#include "segments/block_cache.hpp"
#include "segments/block_source.hpp"
#include "segments/context_index.hpp"
#include "segments/footer.hpp"
#include "segments/zone_directory.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

class SegmentWalk {
public:
  /// Before the first context. Errors: as SegmentReader.
  static Result<std::unique_ptr<SegmentWalk>> open(std::unique_ptr<io::File> file, std::string path,
                                                   std::uint64_t identity, const SegmentMeta& meta);

  /// Moves to the next context; false after the last. Precondition: all rows of the one before were taken.
  Result<bool> next_context();
  /// Of the context moved to; valid until the next one.
  [[nodiscard]] std::string_view context_id() const noexcept { return entry_.context_id; }
  [[nodiscard]] std::uint32_t rows_left() const noexcept { return rows_left_; }
  [[nodiscard]] bool has_event_ids() const noexcept { return footer_.event_id_filter.lines != 0; }
  [[nodiscard]] bool has_marks() const noexcept { return !footer_.marks.empty(); }
  /// All marks, in the order of their contexts. At any time; borrows this.
  [[nodiscard]] MarkWalk marks() const { return {source_, footer_.marks}; }
  /// Checks the blocks that hold no rows: filters, position order and fields. Errors: as SegmentReader.
  Status check_derived() const;
  /// See SegmentStore.
  Result<Reclaimable> reclaimable(const MayGoOn& may_go_on, const MarkLookup& removed) const;
  /// Takes the next row of the context. Views are valid until the next call. Precondition: rows_left() > 0.
  Status next_row(EventView& event);

private:
  struct Strings {
    BlockKind kind;
    std::vector<std::uint64_t> lengths; ///< By row of the zone; empty: the column is.
    std::deque<BlockPtr> ready;         ///< Read ahead, behind `block`.
    std::size_t next_block = 0;         ///< Number of the one after `block` in the zone.
    BlockPtr block;
    std::size_t at = 0; ///< In the block.
    std::uint32_t row_end = 0;
  };
  struct Pending {
    BlockRef ref;
    Strings* column;
  };

  SegmentWalk(std::unique_ptr<io::File> file, std::string path, std::uint64_t identity, const SegmentMeta& meta);
  Status open_zone();
  Status read_numbers(const ZoneDirectory& directory);
  Status read_ahead();
  Status next_block(Strings& column);
  Result<std::string_view> next_string(Strings& column);

  SegmentMeta meta_;
  std::unique_ptr<io::File> file_;
  BlockCache no_cache_{0};
  BlockSource source_;
  Footer footer_;

  std::size_t index_block_ = 0; ///< The next one.
  std::optional<IndexCursor> cursor_;
  IndexEntry entry_;
  std::uint64_t row_ = 0; ///< Of the segment; the next one.
  std::uint32_t rows_left_ = 0;
  Sequence sequence_ = 0; ///< Of the next row.

  std::size_t zone_ = 0; ///< The next one.
  std::uint32_t zone_row_ = 0, zone_rows_ = 0;
  std::optional<ZoneDirectory> directory_;
  std::vector<std::uint64_t> positions_, recorded_, timestamps_, types_;
  std::array<Strings, 3> strings_{Strings{BlockKind::event_ids, {}, {}, 0, {}, 0, 0},
                                  Strings{BlockKind::metadata, {}, {}, 0, {}, 0, 0},
                                  Strings{BlockKind::payloads, {}, {}, 0, {}, 0, 0}};
  std::vector<Pending> pending_; ///< String blocks of the zone by offset.
  std::size_t pending_at_ = 0;
};

} // namespace weir::segments

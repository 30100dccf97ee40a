// Reads one segment file.
//
// Purpose: SegmentReader over blocks that come through the cache, each checked when it comes from the disk.
// Owner: shard views, shared. The file keeps its name while the reader lives.
// Threading: immutable but for the footer, which is read on first use and published under a lock; thread-safe.
// Invariants: wrong bytes are never handed out: a block that does not fit is `corruption` with file and offset.
#pragma once

#include "engine/ports.hpp"

#include "engine/io/file_system.hpp"
#include "segments/block_cache.hpp"
#include "segments/block_source.hpp"
#include "segments/event_id_search.hpp"
#include "segments/footer.hpp"
#include "segments/segment_columns.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace weir::segments {

class SegmentFileReader final : public SegmentReader {
public:
  /// `file` is the segment that the catalog knows as `meta`; `identity` is its file_identity(). `cache` must outlive
  /// the reader. Nothing is read yet.
  SegmentFileReader(const SegmentMeta& meta, std::unique_ptr<io::File> file, std::string path, std::uint64_t identity,
                    BlockCache& cache);

  [[nodiscard]] const SegmentMeta& meta() const noexcept override { return meta_; }
  Result<std::optional<ContextRange>> find_context(std::string_view context_id) const override;
  Result<bool> read_context(std::string_view context_id, const SequenceRange& range, const ReadBounds& bounds,
                            EventBatch& out) const override;
  Result<std::shared_ptr<const PositionRun>> read_positions(const PositionRange& range, const ReadBounds& bounds,
                                                            const WithHelp& help) const override;
  Result<std::span<const std::string>> types() const override;
  Result<std::span<const ZoneMeta>> zones() const override;
  Result<std::shared_ptr<const ZoneRows>> read_zone(std::size_t zone, ColumnSet columns,
                                                    RowWords wanted = {}) const override;
  Status find_event_ids(std::string_view context_id, std::span<const std::string_view> event_ids,
                        std::span<FoundId> found) const override;
  Result<bool> has_marks() const override;
  Result<std::optional<ContextMark>> find_mark(std::string_view context_id) const override;
  [[nodiscard]] bool excludes_event_id(std::string_view context_id, std::string_view event_id) const override;
  Result<std::span<const FieldInfo>> fields() const override;
  Result<std::span<const FieldZone>> field_zones(std::size_t field) const override;
  Result<bool> may_hold(std::size_t zone, std::size_t field, std::string_view text) const override;
  Result<std::shared_ptr<const ZoneColumns>> read_columns(std::size_t zone, ColumnSet core,
                                                          std::span<const std::size_t> fields,
                                                          RowWords wanted = {}) const override;
  Result<bool> mark_rows(std::size_t zone, ColumnBit column, std::span<const NumberRange> ranges, RowWords rows,
                         std::span<std::uint64_t> out) const override;
  Result<bool> count_types(std::size_t zone, RowWords rows, std::span<std::uint64_t> counts) const override;
  Result<bool> mark_field(std::size_t zone, std::size_t field, const FieldRanges& ranges, RowWords rows,
                          const FieldMarks& out) const override;
  Result<const ColumnReader*> by_position() const override;
  Result<std::optional<SelectedRows>> select_rows(std::span<const CoreCondition> conditions,
                                                  const MayGoOn& may_go_on) const override;
  Status verify() const override;

  /// Whether an event of the context may have this id; false is certain.
  Result<bool> may_hold_event_id(std::string_view context_id, std::string_view event_id) const;

private:
  using FooterPtr = std::shared_ptr<const Footer>;
  /// What is there once the footer is read.
  struct Opened {
    SegmentColumns zones;
    std::optional<SegmentColumns> pages;
  };
  Result<const Opened*> opened() const;
  Result<const FooterPtr*> footer() const;
  Result<std::optional<ContextRange>> find_context(const Footer& footer, std::string_view context_id) const;
  Result<bool> may_hold_context(const Footer& footer, std::string_view context_id) const;

  SegmentMeta meta_;
  std::unique_ptr<io::File> file_;
  BlockSource source_;
  mutable std::mutex opening_mutex_;
  mutable std::unique_ptr<const Opened> owned_;         ///< Set once, under opening_mutex_.
  mutable std::atomic<const Opened*> opened_ = nullptr; ///< The same; null: the footer was not read yet.
  mutable EventIdHints hints_;
};

/// Reads header and footer from the disk and compares them with `meta`. Errors: `corruption`, `incompatible` for a
/// valid header of another format version, `unsupported`, `io_error`.
Result<Footer> read_footer(const BlockSource& source, const SegmentMeta& meta);

/// Reads the dictionary that a parsed footer names, if any, into it. Errors: as read_footer().
Status read_dictionary(const BlockSource& source, Footer& footer);

/// Whether the filter (of blocks of `kind`) may hold the key with this hash.
Result<bool> filter_may_hold(const BlockSource& source, const FilterShape& shape, BlockKind kind, std::uint64_t hash);

/// The same, if memory alone can tell that it does not; otherwise nothing.
bool filter_excludes(const BlockSource& source, const FilterShape& shape, BlockKind kind, std::uint64_t hash);

/// Reads every byte of the segment from the disk and checks all there is to check. See SegmentReader::verify.
/// Blocks that were read go through a cache of `cache_bytes`: its own, for what another reader has in memory says
/// nothing about the disk.
Status verify_segment(const io::File& file, const std::string& path, std::uint64_t identity, const SegmentMeta& meta,
                      std::uint64_t cache_bytes = 32 * MiB);

} // namespace weir::segments

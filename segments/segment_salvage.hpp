// What is whole in one segment file, whatever lies between.
//
// Purpose: readers answer an error for a damaged block; this goes on with the rows that need none of it, for when a
// damaged directory is exported. Works without the catalog: the header says whose the file is, and the footer is looked
// for. Owner: one salvage. Threading: one thread. Invariants: only rows are handed out of which every block that holds
// a part was checked.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/io/file_system.hpp"
#include "segments/block_cache.hpp"
#include "segments/block_source.hpp"
#include "segments/context_index.hpp"
#include "segments/footer.hpp"
#include "segments/zone_slice.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir::segments {

class SegmentSalvage {
public:
  /// Told of every damaged place once: the error, and how many rows cannot be reached through it whose contexts are not
  /// known either (0: those of known contexts, see read()).
  using Damaged = std::function<void(const Error&, std::uint64_t rows)>;

  /// `directory_seed` 0: not known, the header is believed. Errors: `corruption` where neither header nor seed tells
  /// the file's identity or where it has no whole footer, without which nobody knows the rows' types; `io_error`.
  static Result<std::unique_ptr<SegmentSalvage>> open(io::FileSystem& fs, const std::string& path, ShardId shard,
                                                      std::uint64_t number, std::uint64_t directory_seed,
                                                      Damaged damaged);

  /// As the footer has it; with the shard and number the file was written for.
  [[nodiscard]] const SegmentMeta& meta() const noexcept { return meta_; }

  /// Moves to the next context that can be reached; false after the last. An I/O error counts as damage.
  bool next_context();
  /// Of the context moved to; valid until the next one.
  [[nodiscard]] std::string_view context_id() const noexcept { return entry_.context_id; }
  [[nodiscard]] Sequence first_sequence() const noexcept { return entry_.first_sequence; }
  [[nodiscard]] Sequence last_sequence() const noexcept { return entry_.first_sequence + entry_.rows - 1; }

  /// Moves to the next mark that can be reached, by context; false after the last. Does not move the context.
  bool next_mark();
  /// Of the mark moved to; valid until the next one.
  [[nodiscard]] const std::string& marked_context() const noexcept { return marks_->context_id(); }
  [[nodiscard]] const ContextMark& mark() const noexcept { return marks_->mark(); }

  /// Hands the whole events from `from` to `to` (within the context) to `visit`, in order; those that are damaged are
  /// left out. Views are valid during the call. Positions and `recorded_at` are not read. Errors: the visitor's.
  Status read(Sequence from, Sequence to, const std::function<Status(const EventView&)>& visit);

private:
  SegmentSalvage(std::unique_ptr<io::File> file, const std::string& path, std::uint64_t identity,
                 std::uint64_t file_bytes, Damaged damaged);
  Status find_footer();
  Result<bool> try_footer(std::uint64_t offset, std::uint32_t stored_bytes);
  void find_dictionary();
  void report(const Error& error, std::uint64_t rows = 0);
  Status read_piece(std::size_t zone, std::uint32_t first, std::uint32_t count, Sequence sequence,
                    const std::function<Status(const EventView&)>& visit);

  std::unique_ptr<io::File> file_;
  BlockCache cache_;
  BlockSource source_;
  Damaged damaged_;
  std::string last_reported_;
  SegmentMeta meta_;
  Footer footer_;
  std::size_t index_block_ = 0; ///< The next one.
  std::optional<IndexCursor> cursor_;
  IndexEntry entry_;
  std::size_t mark_block_ = 0; ///< The next one.
  std::optional<MarkCursor> marks_;
};

} // namespace weir::segments
